//! What a client wishes (`want`) and what it insists on (`need`), for the parameters of the [contract](crate::contract).
//!
//! A wish is met as far as it can be. A need is met or the handshake fails (HS-50): for scopes the list must be granted in
//! full, for choices the value must be one of the list, for numbers it must lie in `[min, max]`, and `min_bind` is the weakest
//! binding the client accepts. A need that this version does not know is unmet, never ignored (HS-51).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use countersign_core::{Binding, Scopes};
use serde_json::{Value as Json, json};

use crate::contract::{Choice, Contract, Quantity, choice_text, choice_to_json};
use crate::encoding;
use crate::limits;
use crate::strict_json::{Object, Value};

/// Wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// The scopes wished for. None wished, none granted (beyond those needed).
    pub scopes: Scopes,
    /// Numbers wished for.
    pub quantities: BTreeMap<Quantity, u64>,
    /// Words wished for, the dearest first.
    pub choices: BTreeMap<Choice, Vec<String>>,
}

/// Hard limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Scopes that must all be granted.
    pub scopes: Scopes,
    /// Ranges in which numbers must lie.
    pub quantities: BTreeMap<Quantity, RangeInclusive<u64>>,
    /// Words of which one must be granted.
    pub choices: BTreeMap<Choice, BTreeSet<String>>,
    /// The weakest binding accepted.
    pub min_bind: Option<Binding>,
    /// Names this version does not know: never met.
    pub unknown: BTreeSet<String>,
}

/// What a client offers, as far as the contract goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The binding it proved with.
    pub bind: Binding,
    /// Its wishes.
    pub want: Want,
    /// Its hard limits.
    pub need: Need,
}

impl Want {
    /// Reads the member `want`; names the member at fault. Unknown wishes are not granted, and that is all.
    pub(crate) fn from_object(object: &Object) -> Result<Self, &'static str> {
        let mut want = Self::default();
        for (name, value) in object.iter() {
            if name == "scopes" {
                want.scopes = scopes(value).ok_or("want.scopes")?;
            } else if let Some(parameter) = Quantity::parse(name) {
                want.quantities.insert(parameter, value.as_u64().ok_or_else(|| parameter.name())?);
            } else if let Some(parameter) = Choice::parse(name) {
                want.choices.insert(parameter, one_or_more(parameter, value).ok_or_else(|| parameter.name())?);
            }
        }
        Ok(want)
    }

    /// The member `want`.
    pub(crate) fn to_json(&self) -> Json {
        let mut object = BTreeMap::new();
        if !self.scopes.is_empty() {
            object.insert("scopes".to_owned(), scopes_json(&self.scopes));
        }
        for (parameter, value) in &self.quantities {
            object.insert(parameter.name().to_owned(), json!(value));
        }
        for (parameter, words) in &self.choices {
            let words: Json = words.iter().map(|word| choice_to_json(*parameter, word)).collect();
            object.insert(parameter.name().to_owned(), words);
        }
        encoding::sorted_object(object)
    }
}

impl Need {
    /// Reads the member `need`; names the member at fault.
    pub(crate) fn from_object(object: &Object) -> Result<Self, &'static str> {
        let mut need = Self::default();
        for (name, value) in object.iter() {
            if name == "scopes" {
                need.scopes = scopes(value).ok_or("need.scopes")?;
            } else if name == "min_bind" {
                need.min_bind = Some(value.as_text().and_then(Binding::parse).ok_or("need.min_bind")?);
            } else if let Some(parameter) = Quantity::parse(name) {
                need.quantities.insert(parameter, range(value).ok_or_else(|| parameter.name())?);
            } else if let Some(parameter) = Choice::parse(name) {
                need.choices.insert(parameter, one_or_more(parameter, value).ok_or_else(|| parameter.name())?.into_iter().collect());
            } else if is_name(name) {
                need.unknown.insert(name.to_owned());
            } else {
                return Err("need");
            }
        }
        Ok(need)
    }

    /// The member `need`. Names unknown to this version are written as empty lists.
    pub(crate) fn to_json(&self) -> Json {
        let mut object = BTreeMap::new();
        if !self.scopes.is_empty() {
            object.insert("scopes".to_owned(), scopes_json(&self.scopes));
        }
        if let Some(bind) = self.min_bind {
            object.insert("min_bind".to_owned(), json!(bind.name()));
        }
        for (parameter, range) in &self.quantities {
            object.insert(parameter.name().to_owned(), json!([range.start(), range.end()]));
        }
        for (parameter, words) in &self.choices {
            let words: Json = words.iter().map(|word| choice_to_json(*parameter, word)).collect();
            object.insert(parameter.name().to_owned(), words);
        }
        for name in &self.unknown {
            object.insert(name.clone(), json!([]));
        }
        encoding::sorted_object(object)
    }

    /// Names of the needs a contract leaves unmet.
    pub(crate) fn unmet_by(&self, contract: &Contract) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if !contract.scopes.contains_all(&self.scopes) {
            names.push("scopes".to_owned());
        }
        if self.min_bind.is_some_and(|weakest| contract.bind < weakest) {
            names.push("min_bind".to_owned());
        }
        let quantities = self.quantities.iter().filter(|(parameter, range)| !range.contains(&contract.quantity(**parameter)));
        names.extend(quantities.map(|(parameter, _)| parameter.name().to_owned()));
        // HS-134: what is not said meets no need, not even one for nothing.
        let meets = |word: &str, words: &BTreeSet<String>| !word.is_empty() && words.contains(word);
        let choices = self.choices.iter().filter(|(parameter, words)| !meets(contract.choice(**parameter), words));
        names.extend(choices.map(|(parameter, _)| parameter.name().to_owned()));
        names.extend(self.unknown.iter().cloned());
        names
    }
}

fn scopes(value: &Value) -> Option<Scopes> {
    let texts: Option<Vec<&str>> = value.as_list()?.iter().map(Value::as_text).collect();
    Scopes::collect(texts?).ok()
}

fn scopes_json(scopes: &Scopes) -> Json {
    scopes.iter().map(|scope| scope.as_str()).collect()
}

fn range(value: &Value) -> Option<RangeInclusive<u64>> {
    let [min, max] = value.as_list()? else { return None };
    Some(min.as_u64()?..=max.as_u64()?)
}

fn one_or_more(parameter: Choice, value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        Value::List(list) if list.len() <= limits::CHOICES_MAX => {
            list.iter().map(|word| choice_text(parameter, word)).collect::<Option<_>>()?
        }
        Value::Bool(_) | Value::Text(_) => vec![choice_text(parameter, value)?],
        Value::Integer(_) | Value::List(_) | Value::Null | Value::Object(_) => return None,
    };
    Some(words)
}

/// Whether a text is fit to be told back: a name in lower case.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
