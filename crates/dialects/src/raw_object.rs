//! A JSON object of a frame or body, read without losing a literal: members keep the text they had on the wire.
//!
//! A name that stands twice, however it is spelled, is refused: readers differ in which one they take.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::answer::quoted;
use crate::limits;

/// The members of a JSON object in wire order, values as they stand.
#[derive(Debug, Default)]
pub struct RawObject<'f>(SmallVec<[(Cow<'f, str>, &'f RawValue); 16]>);

/// Readers differ in which member a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl<'f> RawObject<'f> {
    /// The value of a member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&'f RawValue> {
        self.0.iter().find(|(each, _)| each == name).map(|(_, value)| *value)
    }

    /// The value of a member that may be missing.
    ///
    /// # Errors
    /// [`Ambiguous`]: beside it, or in its place, is one that a reader may take for it.
    pub(crate) fn optional_member(&self, name: &str) -> Result<Option<&'f RawValue>, Ambiguous> {
        let mut alike = self.0.iter().filter(|(each, _)| is_alike(each, name));
        match (alike.next(), alike.next()) {
            (None, _) => Ok(None),
            (Some((each, value)), None) if each == name => Ok(Some(value)),
            (Some(_), _) => Err(Ambiguous),
        }
    }

    /// The value of a member, if no other has a name that a reader may take for it.
    pub(crate) fn only_member(&self, name: &str) -> Option<&'f RawValue> {
        self.optional_member(name).ok().flatten()
    }

    /// Whether there is a member of this name, or of one that a reader may take for it.
    pub(crate) fn has_alike(&self, name: &str) -> bool {
        self.0.iter().any(|(each, _)| is_alike(each, name))
    }

    /// All members, in wire order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'f RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// The object without these members, and without what a reader may take for one of them; values as they stand.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let kept = self.members().filter(|(each, _)| !names.iter().any(|name| is_alike(each, name)));
        let members: Vec<String> = kept.map(|(name, value)| format!("{}:{}", quoted(name), value.get())).collect();
        format!("{{{}}}", members.join(","))
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawObjectVisitor)
    }
}

struct RawObjectVisitor;

impl<'de> Visitor<'de> for RawObjectVisitor {
    type Value = RawObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = RawObject::default();
        while let Some(name) = map.next_key_seed(Name)? {
            let full = object.len() > limits::PARAMETERS_MAX;
            if full || object.member(&name).is_some() {
                return Err(A::Error::custom("repeated or too many names"));
            }
            object.0.push((name, map.next_value()?));
        }
        Ok(object)
    }
}

/// A member name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Whether some reader takes one name for the other: readers of JSON in Go do not mind the case, those of forms see `name[]` and
/// `name.x` as `name`, and marks, blanks or NULs around a name may be cut off. Letters beyond ASCII may fold to any.
#[must_use]
pub fn is_alike(other: &str, name: &str) -> bool {
    other == name || !other.is_ascii() || letters(other).eq(letters(name))
}

/// What of a name such readers compare. Most names differ in the first letter, and no more of them is read.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    let named = name.bytes().skip_while(|byte| !byte.is_ascii_alphanumeric()).take_while(|byte| !matches!(byte, b'[' | b'.'));
    named.filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

/// The text that stands for a value in the signed text: a string without quotes and escapes, anything else as it is.
/// `None` when a string has an escape that is no character.
#[must_use]
pub fn literal(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if inside.contains('\\') => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        Some(inside) => Some(Cow::Borrowed(inside)),
        None => Some(Cow::Borrowed(text)),
    }
}
