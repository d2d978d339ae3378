//! From offer to contract: a pure function of the signed offer, what the key may have, and what the host offers.
//!
//! The grant follows the wish as far as entitlement and host allow, and always lies inside the need; where it cannot, the
//! names of the unmet needs are the answer. Nothing else in the gateway makes a [`Contract`].

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
}

impl Entitlements {
    /// What a credential has.
    #[must_use]
    pub fn of(credential: &Credential, now: Timestamp) -> Self {
        Self { scopes: credential.scopes.clone(), rate: credential.rate, life: credential.not_after.map(|end| end.saturating_since(now)) }
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
        Self { scopes: self.scopes.intersection(&other.scopes), rate, life }
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
}

impl Default for HostPolicy {
    /// `sep` and `exp`, every native algorithm, heartbeats of 1 to 60 s (10 s unless wished), tokens of 1 to 5 minutes, sessions of a day.
    fn default() -> Self {
        Self {
            min_bind: Binding::Sep,
            algorithms: Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()).collect(),
            preferred_algorithm: None,
            hb_ms: 1_000..=60_000,
            hb_ms_default: 10_000,
            token_s: 60..=300,
            life_s_max: 86_400,
        }
    }
}

impl HostPolicy {
    /// The range a number may be granted in, and its value when nothing is wished.
    fn quantity(&self, parameter: Quantity, bind: Binding, entitlements: &Entitlements) -> (RangeInclusive<u64>, u64) {
        match parameter {
            // HS-55: what comes later is granted as what it is now: nothing.
            Quantity::CodGraceMs | Quantity::KeepMsgs | Quantity::KeepS | Quantity::ResumeS => (0..=0, 0),
            Quantity::HbMs => (self.hb_ms.clone(), self.hb_ms_default),
            Quantity::LifeS => {
                let left = entitlements.life.map_or(u64::MAX, |life| life.as_secs());
                up_to(self.life_s_max.min(left))
            }
            Quantity::Orders10s => up_to(u64::from(entitlements.rate.orders_per_10s.get())),
            Quantity::TokenS => {
                // HS-54
                let max = if bind == Binding::Chl { limits::CHL_TOKEN_S_MAX } else { u64::MAX };
                let (low, high) = (*self.token_s.start().min(&max), *self.token_s.end().min(&max));
                (low..=high, high)
            }
            Quantity::WeightMin => up_to(u64::from(entitlements.rate.weight_per_minute.get())),
        }
    }
}

fn up_to(max: u64) -> (RangeInclusive<u64>, u64) {
    (1.min(max)..=max, max)
}

/// Words this version can grant; the first is granted when nothing is wished.
const fn offered(parameter: Choice) -> &'static [&'static str] {
    match parameter {
        Choice::Cod | Choice::Zk => &["none"],
        Choice::CodOnLogout => &["false"],
        Choice::Enc => &["json"],
        Choice::Rx | Choice::Tx => &["idempotent"],
    }
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
    let mut quantities = [0; Quantity::ALL.len()];
    for parameter in Quantity::ALL {
        match grant_quantity(*parameter, offer, entitlements, policy) {
            Some(value) => quantities[*parameter as usize] = value,
            None => unmet.push(parameter.name().to_owned()),
        }
    }
    let mut choices: [String; Choice::ALL.len()] = Default::default();
    for parameter in Choice::ALL {
        match grant_choice(*parameter, offer) {
            Some(word) => word.clone_into(&mut choices[*parameter as usize]),
            None => unmet.push(parameter.name().to_owned()),
        }
    }
    if unmet.is_empty() {
        Ok(Contract::new(scopes, offer.bind, quantities, choices))
    } else {
        unmet.sort();
        Err(NeedUnmet { names: unmet })
    }
}

fn grant_scopes(offer: &Offer, entitlements: &Entitlements) -> Scopes {
    let asked: Scopes = offer.want.scopes.iter().chain(offer.need.scopes.iter()).cloned().collect();
    let granted = asked.intersection(&entitlements.scopes);
    // HS-53: money leaves only over a channel that nobody stands in the middle of.
    if offer.bind == Binding::Exp { granted } else { granted.without(Scope::FUNDS_WITHDRAW) }
}

fn grant_quantity(parameter: Quantity, offer: &Offer, entitlements: &Entitlements, policy: &HostPolicy) -> Option<u64> {
    let (range, default) = policy.quantity(parameter, offer.bind, entitlements);
    let (mut low, mut high) = range.into_inner();
    if let Some(need) = offer.need.quantities.get(&parameter) {
        low = low.max(*need.start());
        high = high.min(*need.end());
    }
    let wish = offer.want.quantities.get(&parameter).copied().unwrap_or(default);
    (low <= high).then(|| wish.clamp(low, high))
}

fn grant_choice(parameter: Choice, offer: &Offer) -> Option<&'static str> {
    let need = offer.need.choices.get(&parameter);
    let possible = |word: &&&'static str| need.is_none_or(|words| words.contains(**word));
    let wishes = offer.want.choices.get(&parameter).into_iter().flatten();
    let wished = wishes.filter_map(|wish| offered(parameter).iter().find(|word| **word == wish.as_str())).find(possible);
    wished.or_else(|| offered(parameter).iter().find(possible)).copied()
}
