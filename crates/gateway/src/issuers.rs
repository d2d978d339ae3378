//! The issuers whose access tokens are taken, and their keys as of now.
//!
//! ```text
//!   token ──iss, kid──▶ known and young ────────────────────────────▶ verify with it
//!                    ├─ known and old, or unknown ──▶ fetch, one at a time, once in ten seconds
//!                    │                                 ├─ new set ──▶ verify with it
//!                    │                                 └─ failure ──▶ the last good set goes on, for a day
//!                    └─ still unknown ──▶ an invalid token; or, if the last fetch failed, a failure of ours
//! ```
//!
//! # Security
//! A stranger can make one fetch in ten seconds happen, to an address from the configuration and no other. An issuer that cannot be
//! reached is never a bad token.

mod fetch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use countersign_core::rate::KeyCounters;
use countersign_core::rate::shared::RateLender;
use countersign_core::{CredentialId, DpopNonces, IssuedToken, Issuer, KeySet, Monotonic, Refusal, Reject, VerifyingKey};
use parking_lot::Mutex;

use crate::clock;
use crate::config::IssuerSettings;

/// How old a key set may be before it is fetched again: what an issuer takes back is gone after it.
const KEYS_AGE_MAX: Duration = Duration::from_secs(300);
/// How long the last good set is used while the issuer cannot be reached.
const KEYS_STALE_MAX: Duration = Duration::from_secs(86_400);
/// The least time between two fetches from one issuer: tokens with made-up key names must not become a flood.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// Most callers whose counters are kept, in each of two generations.
const CALLERS_MAX: usize = 50_000;

/// All issuers.
#[derive(Debug)]
pub struct Issuers {
    all: Vec<Source>,
    /// The nonces that DPoP proofs must have.
    pub nonces: DpopNonces,
    callers: Mutex<[HashMap<CredentialId, Arc<KeyCounters>>; 2]>,
    lender: Option<Arc<dyn RateLender>>,
}

#[derive(Debug)]
struct Source {
    settings: IssuerSettings,
    keys: ArcSwapOption<Fetched>,
    state: Mutex<State>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Fetched {
    keys: KeySet,
    at: Monotonic,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    tried: Option<Monotonic>,
    failed: bool,
}

impl Issuers {
    /// Those of the configuration; `nonce_key` is secret.
    #[must_use]
    pub fn new(settings: &[IssuerSettings], nonce_key: &[u8; 32]) -> Self {
        let source = |settings: &IssuerSettings| Source {
            settings: settings.clone(),
            keys: ArcSwapOption::empty(),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        Self { all: settings.iter().map(source).collect(), nonces: DpopNonces::new(nonce_key), callers: Mutex::default(), lender: None }
    }

    /// Sees to it that the keys for a token are here, if they can be had.
    pub async fn prepare(&self, token: &str) {
        let Ok((issuer, kid)) = Issuer::names(token) else { return };
        if let Some(source) = self.all.iter().find(|source| source.settings.rules.issuer == issuer) {
            source.prepare(&kid).await;
        }
    }

    /// Reads a token by the rules of its issuer, and finds the key it names.
    ///
    /// # Errors
    /// As [`Issuer::read`]; [`Reject::StoreUnavailable`] when the key is not here and the issuer could not be asked for it.
    pub fn read<'m>(&self, token: &'m str) -> Result<(IssuedToken<'m>, Option<VerifyingKey>), Refusal> {
        let (issuer, _) = Issuer::names(token)?;
        let source = self.all.iter().find(|source| source.settings.rules.issuer == issuer);
        let source = source.ok_or_else(|| Refusal::operator(Reject::TokenInvalid, "no such issuer is configured"))?;
        let token = source.settings.rules.read(token)?;
        let now = clock::mono();
        let fetched = source.keys.load_full().filter(|fetched| now.saturating_since(fetched.at) <= KEYS_STALE_MAX);
        let known = fetched.as_ref().is_some_and(|fetched| fetched.keys.has(&token.kid));
        if !known && (fetched.is_none() || source.state.lock().failed) {
            return Err(Refusal::operator(Reject::StoreUnavailable, "the issuer cannot be asked for its keys"));
        }
        let key = fetched.and_then(|fetched| fetched.keys.find(&token.kid, token.algorithm()));
        Ok((token, key))
    }

    /// The same issuers, with the limits of their callers lent to this node.
    #[must_use]
    pub fn sharing(self, lender: Option<Arc<dyn RateLender>>) -> Self {
        Self { lender, ..self }
    }

    fn new_counters(&self, caller: &CredentialId) -> KeyCounters {
        let shared = |lender| KeyCounters::shared(&format!("caller:{caller}"), lender);
        self.lender.as_ref().map_or_else(KeyCounters::default, shared)
    }

    /// What a caller has used.
    pub fn counters(&self, caller: &CredentialId) -> Arc<KeyCounters> {
        let mut callers = self.callers.lock();
        if let Some(counters) = callers[0].get(caller) {
            return Arc::clone(counters);
        }
        let counters = callers[1].get(caller).map(Arc::clone).unwrap_or_else(|| Arc::new(self.new_counters(caller)));
        if callers[0].len() == CALLERS_MAX {
            callers[1] = std::mem::take(&mut callers[0]);
        }
        callers[0].insert(caller.clone(), Arc::clone(&counters));
        counters
    }
}

impl Source {
    fn wants(&self, kid: &str) -> bool {
        let now = clock::mono();
        let fetched = self.keys.load();
        let fresh = fetched.as_ref().is_some_and(|fetched| now.saturating_since(fetched.at) <= KEYS_AGE_MAX && fetched.keys.has(kid));
        let tried = self.state.lock().tried;
        !fresh && tried.is_none_or(|tried| now.saturating_since(tried) >= FETCH_INTERVAL_MIN)
    }

    async fn prepare(&self, kid: &str) {
        if !self.wants(kid) {
            return;
        }
        let _one_at_a_time = self.fetching.lock().await;
        // Whoever waited finds what the one before brought.
        if !self.wants(kid) {
            return;
        }
        self.state.lock().tried = Some(clock::mono());
        let outcome = fetch::keys(&self.settings.source).await;
        self.state.lock().failed = outcome.is_err();
        match outcome {
            Ok(keys) => self.keys.store(Some(Arc::new(Fetched { keys, at: clock::mono() }))),
            Err(error) => tracing::warn!(
                issuer = self.settings.rules.name,
                error,
                "the keys of an issuer cannot be fetched; the last ones stay in force"
            ),
        }
    }
}
