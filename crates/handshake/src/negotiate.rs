//! From offer to contract: a pure function of the signed offer, what the key may have, and what the host offers.
//!
//! The grant follows the wish as far as entitlement and host allow, and always lies inside the need; where it cannot, the
//! names of the unmet needs are the answer. Nothing else in the gateway makes a [`Contract`].

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, Credential, KeyRate, Scope, Scopes, Timestamp};

use crate::contract::{Choice, Contract, Quantity};
use crate::limits;
use crate::need::Offer;

/// What a verified key may have at most. The shell may narrow it, never widen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlements {
    /// Its scopes.
    pub scopes: Scopes,
    /// Its rate limits.
    pub rate: KeyRate,
    /// How long it will still be valid; `None` for no end.
    pub life: Option<Duration>,
    /// Whether the carriage can lose its connection and keep its session: a stream of frames can, HTTP requests cannot.
    pub lasting: bool,
    /// Whether its venue can be asked to cancel one class of orders: that of a FIX session cannot.
    pub cod_classes: bool,
}

impl Entitlements {
    /// What a credential has.
    #[must_use]
    pub fn of(credential: &Credential, now: Timestamp) -> Self {
        Self {
            scopes: credential.scopes.clone(),
            rate: credential.rate,
            life: credential.not_after.map(|end| end.saturating_since(now)),
            lasting: true,
            cod_classes: true,
        }
    }

    /// The smaller of both in everything.
    #[must_use]
    pub fn narrowed_by(&self, other: &Self) -> Self {
        let rate = KeyRate {
            weight_per_minute: self.rate.weight_per_minute.min(other.rate.weight_per_minute),
            orders_per_10s: self.rate.orders_per_10s.min(other.rate.orders_per_10s),
        };
        let life = match (self.life, other.life) {
            (Some(own), Some(others)) => Some(own.min(others)),
            (own, others) => own.or(others),
        };
        Self {
            scopes: self.scopes.intersection(&other.scopes),
            rate,
            life,
            lasting: self.lasting && other.lasting,
            cod_classes: self.cod_classes && other.cod_classes,
        }
    }
}

/// What this host offers to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPolicy {
    /// The weakest binding any session may have.
    pub min_bind: Binding,
    /// Algorithms of client keys, in no order.
    pub algorithms: Vec<Algorithm>,
    /// If a client says that it could have used this one, it must (HS-41).
    pub preferred_algorithm: Option<Algorithm>,
    /// Heartbeat intervals, in milliseconds.
    pub hb_ms: RangeInclusive<u64>,
    /// The interval when nothing is wished.
    pub hb_ms_default: u64,
    /// Lives of access tokens, in seconds; the longest is the default.
    pub token_s: RangeInclusive<u64>,
    /// Longest life of a session, in seconds.
    pub life_s_max: u64,
    /// How long a session may wait for its client, in seconds; 0 where none comes back.
    pub resume_s_max: u64,
    /// Messages kept for replay; 0 where none is kept.
    pub keep_msgs_max: u64,
    /// How long they are kept, in seconds.
    pub keep_s_max: u64,
    /// Longest delay between a lost connection and the cancellation of orders, in milliseconds.
    pub cod_grace_ms_max: u64,
}

impl Default for HostPolicy {
    /// `sep` and `exp`, every native algorithm, heartbeats of 1 to 60 s (10 s unless wished), tokens of 1 to 5 minutes, sessions of a
    /// day that come back within 10 minutes, with the last 1,024 messages of these.
    fn default() -> Self {
        Self {
            min_bind: Binding::Sep,
            algorithms: Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()).collect(),
            preferred_algorithm: None,
            hb_ms: 1_000..=60_000,
            hb_ms_default: 10_000,
            token_s: 60..=300,
            life_s_max: 86_400,
            resume_s_max: 600,
            keep_msgs_max: 1_024,
            keep_s_max: 600,
            cod_grace_ms_max: 60_000,
        }
    }
}

impl HostPolicy {
    /// The range a number may be granted in, and its value when nothing is wished. The words are chosen before.
    fn quantity(&self, parameter: Quantity, bind: Binding, entitlements: &Entitlements, words: &Words) -> (RangeInclusive<u64>, u64) {
        let is = |choice: Choice, word: &str| words[choice as usize] == word;
        match parameter {
            // Orders that are not cancelled need no grace.
            Quantity::CodGraceMs if is(Choice::Cod, "none") => (0..=0, 0),
            Quantity::CodGraceMs => (0..=self.cod_grace_ms_max, 0),
            Quantity::HbMs => (self.hb_ms.clone(), self.hb_ms_default),
            // HS-89: what is kept is what the flow promises to give again.
            Quantity::KeepMsgs if is(Choice::Rx, "recoverable") => up_to(self.keep_msgs_max.min(limits::KEEP_MSGS_MAX)),
            Quantity::KeepS if is(Choice::Rx, "recoverable") => up_to(self.keep_s_max),
            Quantity::KeepMsgs | Quantity::KeepS => (0..=0, 0),
            Quantity::LifeS => {
                let left = entitlements.life.map_or(u64::MAX, |life| life.as_secs());
                up_to(self.life_s_max.min(left))
            }
            Quantity::Orders10s => up_to(u64::from(entitlements.rate.orders_per_10s.get())),
            // HS-93: only a session with a secret of its own comes back, and only where it is wished.
            Quantity::ResumeS if bind == Binding::Chl || !entitlements.lasting => (0..=0, 0),
            Quantity::ResumeS => (0..=self.resume_s_max.min(limits::RESUME_S_MAX), 0),
            Quantity::TokenS => {
                // HS-54
                let max = if bind == Binding::Chl { limits::CHL_TOKEN_S_MAX } else { u64::MAX };
                let (low, high) = (*self.token_s.start().min(&max), *self.token_s.end().min(&max));
                (low..=high, high)
            }
            Quantity::WeightMin => up_to(u64::from(entitlements.rate.weight_per_minute.get())),
        }
    }

    /// Words that can be granted; the first is granted when nothing is wished.
    fn offered(&self, parameter: Choice, entitlements: &Entitlements, chosen: &Words) -> &'static [&'static str] {
        match parameter {
            // HS-55: what comes later is granted as what it is now: nothing.
            Choice::Zk => &["none"],
            // HS-95: whoever has no stream to lose cannot lose it.
            Choice::Cod if entitlements.lasting => &["none", "session", "account"],
            Choice::Cod => &["none"],
            // HS-130: what cannot be left resting is not promised.
            Choice::CodClass if !entitlements.cod_classes || chosen[Choice::Cod as usize] == "none" => &["all"],
            Choice::CodClass => &["all", "day", "opening"],
            // HS-134: there is one way of each here, and it is said.
            Choice::CodOn | Choice::CodRearm | Choice::CodShutdown if chosen[Choice::Cod as usize] == "none" => &["none"],
            Choice::CodOn => &["lost-or-ended"],
            Choice::CodRearm => &["on-return"],
            Choice::CodShutdown => &["unless-handed-over"],
            Choice::CodOnLogout if chosen[Choice::Cod as usize] == "none" => &["false"],
            Choice::CodOnLogout => &["false", "true"],
            Choice::Enc => &["json"],
            Choice::Rx if entitlements.lasting && self.keep_msgs_max > 0 && self.keep_s_max > 0 => &["idempotent", "recoverable"],
            Choice::Rx | Choice::Tx => &["idempotent"],
        }
    }
}

/// The word granted for each choice; empty while it is not chosen.
type Words = [&'static str; Choice::ALL.len()];

fn up_to(max: u64) -> (RangeInclusive<u64>, u64) {
    (1.min(max)..=max, max)
}

/// The names of the needs that cannot be granted, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedUnmet {
    /// Names of contract parameters, scopes as `scopes`.
    pub names: Vec<String>,
}

/// Makes the contract.
///
/// # Errors
/// [`NeedUnmet`].
pub fn negotiate(offer: &Offer, entitlements: &Entitlements, policy: &HostPolicy) -> Result<Contract, NeedUnmet> {
    // HS-50
    let mut unmet: Vec<String> = offer.need.unknown.iter().cloned().collect();
    let scopes = grant_scopes(offer, entitlements);
    if !scopes.contains_all(&offer.need.scopes) {
        unmet.push("scopes".to_owned());
    }
    if offer.need.min_bind.is_some_and(|weakest| offer.bind < weakest) {
        unmet.push("min_bind".to_owned());
    }
    let mut words: Words = Default::default();
    for parameter in Choice::ALL {
        let offered = policy.offered(*parameter, entitlements, &words);
        let need = offer.need.choices.get(parameter);
        let word = grant_choice(*parameter, offer, need, offered).or_else(|| {
            unmet.push(parameter.name().to_owned());
            // What depends on it is judged as if the need were not there, so that each name stands for itself.
            grant_choice(*parameter, offer, None, offered)
        });
        words[*parameter as usize] = word.unwrap_or_default();
    }
    let mut quantities = [0; Quantity::ALL.len()];
    for parameter in Quantity::ALL {
        match grant_quantity(*parameter, offer, policy.quantity(*parameter, offer.bind, entitlements, &words)) {
            Some(value) => quantities[*parameter as usize] = value,
            None => unmet.push(parameter.name().to_owned()),
        }
    }
    if unmet.is_empty() {
        Ok(Contract::new(scopes, offer.bind, quantities, words.map(str::to_owned)))
    } else {
        unmet.sort();
        Err(NeedUnmet { names: unmet })
    }
}

/// The contract of a session whose client proved itself again: the scopes asked for (or those it has) as far as the key has them now,
/// and a life that begins again. All else stays.
#[must_use]
pub fn renew(
    contract: &Contract,
    asked: Option<&Scopes>,
    life_s: Option<u64>,
    entitlements: &Entitlements,
    policy: &HostPolicy,
) -> Contract {
    // HS-123
    let scopes = asked.unwrap_or(&contract.scopes).intersection(&entitlements.scopes);
    // HS-53
    let scopes = if contract.bind == Binding::Exp { scopes } else { scopes.without(Scope::FUNDS_WITHDRAW) };
    let (range, _) = policy.quantity(Quantity::LifeS, contract.bind, entitlements, &Words::default());
    let life = life_s.unwrap_or_else(|| contract.quantity(Quantity::LifeS)).clamp(*range.start(), *range.end());
    contract.renewed(scopes, life)
}

fn grant_scopes(offer: &Offer, entitlements: &Entitlements) -> Scopes {
    let asked: Scopes = offer.want.scopes.iter().chain(offer.need.scopes.iter()).cloned().collect();
    let granted = asked.intersection(&entitlements.scopes);
    // HS-53: money leaves only over a channel that nobody stands in the middle of.
    if offer.bind == Binding::Exp { granted } else { granted.without(Scope::FUNDS_WITHDRAW) }
}

fn grant_quantity(parameter: Quantity, offer: &Offer, (range, default): (RangeInclusive<u64>, u64)) -> Option<u64> {
    let (mut low, mut high) = range.into_inner();
    if let Some(need) = offer.need.quantities.get(&parameter) {
        low = low.max(*need.start());
        high = high.min(*need.end());
    }
    let wish = offer.want.quantities.get(&parameter).copied().unwrap_or(default);
    (low <= high).then(|| wish.clamp(low, high))
}

fn grant_choice(
    parameter: Choice,
    offer: &Offer,
    need: Option<&BTreeSet<String>>,
    offered: &'static [&'static str],
) -> Option<&'static str> {
    let possible = |word: &&&'static str| need.is_none_or(|words| words.contains(**word));
    let wishes = offer.want.choices.get(&parameter).into_iter().flatten();
    let wished = wishes.filter_map(|wish| offered.iter().find(|word| **word == wish.as_str())).find(possible);
    wished.or_else(|| offered.iter().find(possible)).copied()
}
