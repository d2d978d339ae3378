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
    /// When what is open is cancelled, since the last of them was lost. Apart from the switches that the account sets itself.
    due_ms: Option<u64>,
}

impl Default for Protection {
    fn default() -> Self {
        Self { window_ms: WINDOW_MS, held: 0, due_ms: None }
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
    pub fn protect(&mut self, owner: AccountIndex) {
        let protection = self.protections.entry(owner).or_default();
        protection.held += 1;
        protection.due_ms = None;
    }

    /// A connection that had asked for it does so no longer.
    pub fn unprotect(&mut self, owner: AccountIndex) {
        let held = &mut self.protections.entry(owner).or_default().held;
        *held = held.saturating_sub(1);
    }

    /// A connection that had asked for it is lost.
    pub fn lose_protected(&mut self, owner: AccountIndex, now_ms: u64) {
        self.unprotect(owner);
        let protection = self.protections.entry(owner).or_default();
        if protection.held == 0 {
            protection.due_ms = Some(now_ms.saturating_add(protection.window_ms));
        }
    }

    /// Cancels what is due.
    pub(super) fn fire_protections(&mut self, now_ms: u64) {
        let is_due = |protection: &Protection| protection.due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        let due: Vec<_> = self.protections.iter().filter(|(_, protection)| is_due(protection)).map(|(owner, _)| *owner).collect();
        for owner in due {
            self.protections.entry(owner).or_default().due_ms = None;
            for market in self.spot() {
                self.cancel_all(owner, Some(market), now_ms);
            }
        }
    }

    fn spot(&self) -> Vec<MarketIndex> {
        let numbered = self.markets.iter().enumerate();
        numbered.filter(|(_, market)| market.instrument.kind.is_spot()).map(|(number, _)| MarketIndex(number)).collect()
    }
}
