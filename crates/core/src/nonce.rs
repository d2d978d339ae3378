//! Increasing nonces: some venues sign no time but a number that each request must raise.
//!
//! ```text
//!                 floor                        highest
//!   ────refused────┤ · · n · · n · n · · · n · n ├──── accepted ────▶
//!                    └ remembered one by one: a nonce between floor and highest is accepted once, so that
//!                      parallel requests may overtake each other
//! ```
//!
//! With a window of 0 the floor is the highest nonce: strictly increasing, as venues have it by default.
//!
//! A nonce has no end of validity, so what was accepted must never be forgotten: the guard of a running gateway is durable.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::id::CredentialId;
use crate::limits::NONCE_WINDOW_MAX;
use crate::presented::Effect;
use crate::reject::{Detail, Refusal, Reject};

/// The nonces of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NonceWindow {
    floor: u64,
    /// Sorted; all above the floor.
    recent: Vec<u64>,
}

impl NonceWindow {
    /// From what was stored: the floor, and accepted nonces above it in any order.
    #[must_use]
    pub fn from_parts(floor: u64, recent: impl IntoIterator<Item = u64>) -> Self {
        let mut recent: Vec<_> = recent.into_iter().filter(|nonce| *nonce > floor).collect();
        recent.sort_unstable();
        recent.dedup();
        Self { floor, recent }
    }

    /// All up to and with this one are spent.
    #[must_use]
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// The nonces above the floor that are spent, sorted.
    #[must_use]
    pub fn recent(&self) -> &[u64] {
        &self.recent
    }

    /// The highest nonce that is spent.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.recent.last().copied().unwrap_or(self.floor)
    }

    /// Spends a nonce; the highest `window` of all are remembered one by one.
    ///
    /// # Errors
    /// [`Reject::Replayed`] with the highest nonce accepted before, when it is spent or too low.
    pub fn spend(&mut self, nonce: u64, window: u16) -> Result<(), Refusal> {
        let spent = || Refusal::with(Reject::Replayed, Detail::LastNonce(self.highest()));
        if nonce <= self.floor {
            return Err(spent());
        }
        let Err(place) = self.recent.binary_search(&nonce) else { return Err(spent()) };
        self.recent.insert(place, nonce);
        let surplus = self.recent.len().saturating_sub(usize::from(window.min(NONCE_WINDOW_MAX)));
        if let Some(last) = surplus.checked_sub(1) {
            self.floor = self.recent[last];
            self.recent.drain(..surplus);
        }
        Ok(())
    }
}

/// How the nonces of one key are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoncePolicy {
    /// How many of the highest nonces are remembered one by one, so that parallel requests may overtake each other; 0: each nonce
    /// must be above all before it.
    pub window: u16,
    /// Grows when an operator resets the key's nonces: then counting begins anew.
    pub epoch: u32,
    /// Where counting begins: nonces up to and with this one are spent.
    pub floor: u64,
}

/// Remembers accepted nonces for ever, per credential and epoch.
pub trait NonceGuard: Send + Sync {
    /// Spends a nonce of a credential, for something of this effect: whether it counts once is the same for all, but what is shared
    /// with other nodes and out of reach stops only what needs certainty.
    ///
    /// # Errors
    /// As [`NonceWindow::spend`]; [`Reject::StoreUnavailable`] when the memory is out of reach, with the reason for the
    /// operator where there is one to tell.
    ///
    /// # Security
    /// A false "new" lets a captured order through again at any later time. Of any number of parallel calls with one nonce exactly
    /// one succeeds. Call it only after the signature was verified: a stranger must not be able to spend the nonces of a key.
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, effect: Effect) -> Result<(), Refusal>;
}

impl<G: NonceGuard + ?Sized> NonceGuard for std::sync::Arc<G> {
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, effect: Effect) -> Result<(), Refusal> {
        (**self).spend(credential, policy, nonce, effect)
    }
}

/// Nonces of one process, for tests and recorded vectors: forgotten when it ends.
#[derive(Debug, Default)]
pub struct MemoryNonceGuard {
    windows: Mutex<HashMap<(CredentialId, u32), NonceWindow>>,
}

impl NonceGuard for MemoryNonceGuard {
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, _: Effect) -> Result<(), Refusal> {
        // A poisoned lock means that another thread panicked inside this small section: refuse rather than guess.
        let mut windows = self.windows.lock().map_err(|_| Reject::StoreUnavailable)?;
        let window = windows.entry((credential.clone(), policy.epoch)).or_insert_with(|| NonceWindow::from_parts(policy.floor, []));
        window.spend(nonce, policy.window)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn last(result: Result<(), Refusal>) -> Option<u64> {
        match result.unwrap_err() {
            Refusal { reject: Reject::Replayed, detail: Detail::LastNonce(last) } => Some(last),
            Refusal { .. } => None,
        }
    }

    #[test]
    fn without_a_window_each_nonce_is_above_all_before() {
        let mut window = NonceWindow::default();
        assert_eq!(last(window.spend(0, 0)), Some(0));
        window.spend(5, 0).unwrap();
        assert_eq!(last(window.spend(5, 0)), Some(5));
        assert_eq!(last(window.spend(4, 0)), Some(5));
        window.spend(u64::MAX, 0).unwrap();
        assert_eq!(last(window.spend(6, 0)), Some(u64::MAX));
    }

    #[test]
    fn parallel_requests_may_overtake_each_other_inside_the_window() {
        let mut window = NonceWindow::default();
        for nonce in [10, 30, 20] {
            window.spend(nonce, 3).unwrap();
        }
        assert_eq!(last(window.spend(20, 3)), Some(30));
        window.spend(40, 3).unwrap();
        assert_eq!((window.floor(), window.recent()), (10, &[20, 30, 40][..]));
        window.spend(15, 3).unwrap();
        assert_eq!(last(window.spend(15, 3)), Some(40));
        assert_eq!(last(window.spend(12, 3)), Some(40));
    }

    #[test]
    fn a_window_made_smaller_forgets_nothing() {
        let mut window = NonceWindow::from_parts(0, [3, 1, 2]);
        window.spend(9, 0).unwrap();
        assert_eq!((window.floor(), window.recent().len()), (9, 0));
    }

    proptest! {
        #[test]
        fn no_nonce_is_spent_twice(nonces in prop::collection::vec(0_u64..50, 1..200), window in 0_u16..20) {
            let mut state = NonceWindow::default();
            let mut spent = std::collections::HashSet::new();
            for nonce in nonces {
                let highest = state.highest();
                if state.spend(nonce, window).is_ok() {
                    prop_assert!(spent.insert(nonce));
                } else {
                    prop_assert!(nonce <= highest);
                }
                prop_assert!(state.recent().len() <= usize::from(window));
            }
        }
    }
}
