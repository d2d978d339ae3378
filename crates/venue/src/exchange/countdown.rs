//! The dead man's switch of an account: unless it is set anew in time, its orders are cancelled.
//!
//! It is looked at with every tick of the market, so it fires at the first tick after its time.

use super::Exchange;
use super::account::AccountIndex;
use super::instrument::MarketIndex;

/// Whose switch it is: one for all instruments, and one more for each that was named.
pub(crate) type CountdownKey = (AccountIndex, Option<MarketIndex>);

impl Exchange {
    /// Cancels all orders of this account, of one instrument or of all, when so much time has passed; nought takes the switch back.
    /// The moment it will fire.
    pub fn cancel_all_after(&mut self, owner: AccountIndex, market: Option<MarketIndex>, after_ms: u64, now_ms: u64) -> Option<u64> {
        if after_ms == 0 {
            self.countdowns.remove(&(owner, market));
            return None;
        }
        let at_ms = now_ms.saturating_add(after_ms);
        self.countdowns.insert((owner, market), at_ms);
        Some(at_ms)
    }

    /// The switch of this account that fires first, and when it does.
    #[must_use]
    pub fn countdown_of(&self, owner: AccountIndex) -> Option<(Option<MarketIndex>, u64)> {
        let set = self.countdowns.iter().filter(|((account, _), _)| *account == owner);
        set.map(|((_, market), at_ms)| (*market, *at_ms)).min_by_key(|(_, at_ms)| *at_ms)
    }

    /// Fires what is due.
    pub(super) fn fire_countdowns(&mut self, now_ms: u64) {
        let due: Vec<CountdownKey> = self.countdowns.iter().filter(|(_, at_ms)| **at_ms <= now_ms).map(|(key, _)| *key).collect();
        for key in due {
            self.countdowns.remove(&key);
            self.cancel_all(key.0, key.1, now_ms);
        }
    }
}
