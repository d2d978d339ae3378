//! The contract: every parameter of a session with its value, never "default".
//!
//! One table of parameter names serves the wish (`want`), the hard limit (`need`) and the grant, so that none can be
//! negotiated in one place and forgotten in another.

mod text;

use countersign_core::{Binding, Scopes};
use serde_json::{Value as Json, json};

use crate::limits;
use crate::need::Need;
use crate::strict_json::{Object, Value};

macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident: $( $variant:ident $text:literal $about:literal; )*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( #[doc = $about] $variant, )* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $text, )* } }

            /// Reads a name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> { Self::ALL.iter().copied().find(|each| each.name() == name) }
        }
    };
}

parameters! {
    /// A parameter whose value is a number.
    Quantity:
    CodGraceMs "cod_grace_ms" "Time between a lost connection and the cancellation of orders, in milliseconds.";
    HbMs "hb_ms" "Longest silence of either side, in milliseconds.";
    KeepMsgs "keep_msgs" "Messages kept for replay.";
    KeepS "keep_s" "How long messages are kept for replay, in seconds.";
    LifeS "life_s" "Longest life of the session, in seconds.";
    Orders10s "orders_10s" "Orders in 10 seconds.";
    ResumeS "resume_s" "How long after a lost connection the session can be resumed, in seconds.";
    TokenS "token_s" "Life of the access token, in seconds.";
    WeightMin "weight_min" "Request weight in a minute.";
}

parameters! {
    /// A parameter whose value is one of a few words.
    Choice:
    Cod "cod" "Cancel on disconnect: `none`, `session`, `account`.";
    CodClass "cod_class" "Which resting orders are cancelled: `all`, `day`, `opening`.";
    CodOn "cod_on" "What cancels orders: `none`, `lost-or-ended`.";
    CodOnLogout "cod_on_logout" "Whether a clean end cancels orders: `false`, `true`.";
    CodRearm "cod_rearm" "When the policy is armed again after that: `none`, `on-return`.";
    CodShutdown "cod_shutdown" "Whether a node that leaves cancels orders: `none`, `unless-handed-over`.";
    Enc "enc" "Encoding of application messages: `json`, `sbe`.";
    Rx "rx" "Flow from the gateway: `idempotent`, `recoverable`, `unsequenced`, `none`.";
    Tx "tx" "Flow from the client: as `rx`.";
    Zk "zk" "Zero-knowledge statement on orders: `none`.";
}

impl Choice {
    /// Whether contracts of before may lack it (HS-134). It is empty then, which meets no need.
    #[must_use]
    pub const fn may_be_unsaid(self) -> bool {
        match self {
            Self::CodOn | Self::CodRearm | Self::CodShutdown => true,
            Self::Cod | Self::CodClass | Self::CodOnLogout | Self::Enc | Self::Rx | Self::Tx | Self::Zk => false,
        }
    }

    /// The places of those.
    fn unsayable() -> impl Iterator<Item = usize> {
        Self::ALL.iter().filter(|parameter| parameter.may_be_unsaid()).map(|parameter| *parameter as usize)
    }
}

/// What was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// What the session may do.
    pub scopes: Scopes,
    /// How it is bound to its channel.
    pub bind: Binding,
    quantities: [u64; Quantity::ALL.len()],
    choices: [String; Choice::ALL.len()],
}

impl Contract {
    pub(crate) fn new(scopes: Scopes, bind: Binding, quantities: [u64; Quantity::ALL.len()], choices: [String; Choice::ALL.len()]) -> Self {
        Self { scopes, bind, quantities, choices }
    }

    /// The value of a number.
    #[must_use]
    pub fn quantity(&self, parameter: Quantity) -> u64 {
        self.quantities[parameter as usize]
    }

    /// The value of a choice.
    #[must_use]
    pub fn choice(&self, parameter: Choice) -> &str {
        &self.choices[parameter as usize]
    }

    /// The longest silence of either side.
    #[must_use]
    pub fn heartbeat(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.quantity(Quantity::HbMs))
    }

    /// The longest life of the session.
    #[must_use]
    pub fn life(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.quantity(Quantity::LifeS))
    }

    /// The life of the access token.
    #[must_use]
    pub fn token_life(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.quantity(Quantity::TokenS))
    }

    /// How long the session waits for its client; zero when it ends with its connection.
    #[must_use]
    pub fn resume_window(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.quantity(Quantity::ResumeS))
    }

    /// The same contract, with what a re-grant may change: scopes and life (HS-123).
    pub(crate) fn renewed(&self, scopes: Scopes, life_s: u64) -> Self {
        let mut renewed = Self { scopes, ..self.clone() };
        renewed.quantities[Quantity::LifeS as usize] = life_s;
        renewed
    }

    /// The same contract without the scopes that a key no longer has; `None` when it has them all (HS-124).
    #[must_use]
    pub fn narrowed(&self, scopes: &Scopes) -> Option<Self> {
        (!scopes.contains_all(&self.scopes)).then(|| Self { scopes: self.scopes.intersection(scopes), ..self.clone() })
    }

    /// Whether a contract goes on with this one: the same but for scopes, which may be fewer. Where a re-authentication `asked` for
    /// scopes, these may be there, too, and the life may be another.
    #[must_use]
    pub fn continues(&self, former: &Self, asked: Option<&Scopes>) -> bool {
        // HS-123 HS-124
        let known = |scope| former.scopes.contains(scope) || asked.is_some_and(|asked| asked.contains(scope));
        let life = if asked.is_some() { self } else { former }.quantity(Quantity::LifeS);
        self.scopes.iter().all(known) && *self == former.renewed(self.scopes.clone(), life).unsaid_as_in(self)
    }

    /// The same contract, said as another says it: where one of them leaves out a word that may be, they do not differ in it (HS-134).
    fn unsaid_as_in(mut self, other: &Self) -> Self {
        for parameter in Choice::unsayable() {
            if self.choices[parameter].is_empty() || other.choices[parameter].is_empty() {
                self.choices[parameter].clone_from(&other.choices[parameter]);
            }
        }
        self
    }

    /// What the next contract is compared with: this one, with the words that `former` had and this one leaves out. Else a gateway could
    /// leave a word out once and say another one then (HS-134).
    #[must_use]
    pub(crate) fn remembering(mut self, former: &Self) -> Self {
        for parameter in Choice::unsayable() {
            if self.choices[parameter].is_empty() {
                self.choices[parameter].clone_from(&former.choices[parameter]);
            }
        }
        self
    }

    /// Names of the needs this contract leaves unmet; empty when it satisfies them all.
    #[must_use]
    pub fn unmet(&self, need: &Need) -> Vec<String> {
        need.unmet_by(self)
    }

    /// The contract as a member of a larger JSON tree.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("texts, numbers and lists are JSON")
    }

    /// The contract as text: the bytes of the member `grant` of a welcome.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and lists are JSON")
    }

    /// Reads the member `grant` of a welcome; `None` names nothing more precise than "incomplete or malformed", because each
    /// parameter must be there (HS-52).
    #[must_use]
    pub fn from_object(grant: &Object) -> Option<Self> {
        let texts: Option<Vec<&str>> = grant.member("scopes")?.as_list()?.iter().map(Value::as_text).collect();
        let scopes = Scopes::collect(texts?).ok()?;
        let bind = Binding::parse(grant.member("bind")?.as_text()?)?;
        // A contract that demands proofs of a kind this version does not have cannot be kept.
        if !grant.member("proof")?.as_list()?.is_empty() {
            return None;
        }
        let mut quantities = [0; Quantity::ALL.len()];
        for parameter in Quantity::ALL {
            quantities[*parameter as usize] = grant.member(parameter.name())?.as_u64()?;
        }
        let mut choices: [String; Choice::ALL.len()] = Default::default();
        for parameter in Choice::ALL {
            choices[*parameter as usize] = match grant.member(parameter.name()) {
                // HS-134
                None if parameter.may_be_unsaid() => String::new(),
                value => choice_text(*parameter, value?)?,
            };
        }
        Some(Self { scopes, bind, quantities, choices })
    }
}

/// A choice as JSON: a word, or a truth value for `cod_on_logout`.
pub(crate) fn choice_to_json(parameter: Choice, word: &str) -> Json {
    match parameter {
        Choice::CodOnLogout => json!(word == "true"),
        Choice::Cod
        | Choice::CodClass
        | Choice::CodOn
        | Choice::CodRearm
        | Choice::CodShutdown
        | Choice::Enc
        | Choice::Rx
        | Choice::Tx
        | Choice::Zk => json!(word),
    }
}

/// Reads a choice from JSON; `None` when it has the wrong type, or is no word: what is left out is not there, and never `""`.
pub(crate) fn choice_text(parameter: Choice, value: &Value) -> Option<String> {
    match parameter {
        Choice::CodOnLogout => value.as_bool().map(|truth| truth.to_string()),
        Choice::Cod
        | Choice::CodClass
        | Choice::CodOn
        | Choice::CodRearm
        | Choice::CodShutdown
        | Choice::Enc
        | Choice::Rx
        | Choice::Tx
        | Choice::Zk => value.as_text().filter(|word| !word.is_empty() && word.len() <= limits::NAME_BYTES_MAX).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_unsaid_is_no_difference_when_it_is_not_said() {
        // HS-123 HS-134
        let said = || Contract::new(Scopes::none(), Binding::Exp, [0; Quantity::ALL.len()], std::array::from_fn(|_| "said".to_owned()));
        for parameter in Choice::ALL {
            let mut silent = said();
            silent.choices[*parameter as usize].clear();
            let goes_on = (silent.continues(&said(), None), said().continues(&silent, None));
            assert_eq!(goes_on, (parameter.may_be_unsaid(), parameter.may_be_unsaid()), "{}", parameter.name());
            assert_eq!(silent.clone().remembering(&said()) == said(), parameter.may_be_unsaid(), "{}", parameter.name());
        }
    }
}
