//! Disconnect protection: when the last connection of an account that asked for it is lost, what is open in spot pairs is cancelled,
//! unless one comes back in time.

use super::Exchange;
use super::account::AccountIndex;
use super::instrument::MarketIndex;

/// How long a connection may be away where nobody has said (Bybit: ten seconds).
const WINDOW_MS: u64 = 10_000;

/// The protection of one account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protection {
    window_ms: u64,
    /// Connections that ask for it.
    held: usize,
}

impl Default for Protection {
    fn default() -> Self {
        Self { window_ms: WINDOW_MS, held: 0 }
    }
}

impl Exchange {
    /// How long a connection may be away; `None` while the account has never asked for protection.
    #[must_use]
    pub fn disconnect_window_ms(&self, owner: AccountIndex) -> Option<u64> {
        self.protections.get(&owner).map(|protection| protection.window_ms)
    }

    /// Says how long a connection may be away, from the next loss on.
    pub fn set_disconnect_window(&mut self, owner: AccountIndex, window_ms: u64) {
        self.protections.entry(owner).or_default().window_ms = window_ms;
    }

    /// A connection asks for protection: what another one's loss has begun is taken back.
    pub fn protect(&mut self, owner: AccountIndex, now_ms: u64) {
        self.protections.entry(owner).or_default().held += 1;
        for market in self.spot() {
            self.cancel_all_after(owner, Some(market), 0, now_ms);
        }
    }

    /// A connection that had asked for it does so no longer.
    pub fn unprotect(&mut self, owner: AccountIndex) {
        let held = &mut self.protections.entry(owner).or_default().held;
        *held = held.saturating_sub(1);
    }

    /// A connection that had asked for it is lost.
    pub fn lose_protected(&mut self, owner: AccountIndex, now_ms: u64) {
        self.unprotect(owner);
        let Protection { window_ms, held } = self.protections.get(&owner).copied().unwrap_or_default();
        for market in self.spot().into_iter().filter(|_| held == 0) {
            self.cancel_all_after(owner, Some(market), window_ms, now_ms);
        }
    }

    fn spot(&self) -> Vec<MarketIndex> {
        let numbered = self.markets.iter().enumerate();
        numbered.filter(|(_, market)| market.instrument.kind.is_spot()).map(|(number, _)| MarketIndex(number)).collect()
    }
}
