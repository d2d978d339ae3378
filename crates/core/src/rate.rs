//! Rate limits of one key: counters per aligned window, as the exchanges count and report them.
//!
//! One atomic word holds the number of the window and the count in it, so that no lock is shared between cores.
//! Where several nodes have one limit, each borrows parts of it ([`shared`]).

pub mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::reject::{Detail, Refusal, Reject};
use crate::time::Timestamp;

use shared::{RateLender, Share};

/// Counts what was used in the current window of a fixed length, aligned to the epoch.
#[derive(Debug)]
pub struct WindowCounter {
    /// Window number (upper 32 bits, wrapping) and units used in it (lower 32 bits).
    state: AtomicU64,
    window: Duration,
}

/// What a counter says after a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Units used in this window, this charge included.
    pub used: u32,
    /// Units allowed in one window.
    pub limit: u32,
}

impl WindowCounter {
    /// A counter of windows of this length.
    #[must_use]
    pub const fn new(window: Duration) -> Self {
        Self { state: AtomicU64::new(0), window }
    }

    /// Charges `units` if they fit below `limit`.
    ///
    /// # Errors
    /// [`Reject::RateLimited`] with the time until the next window; nothing is charged then.
    pub fn charge(&self, units: u32, limit: u32, now: Timestamp) -> Result<Usage, Refusal> {
        let window = self.window_number(now);
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let used = used_in(state, window);
            let Some(next) = used.checked_add(units).filter(|next| *next <= limit) else {
                return Err(self.refusal(now));
            };
            let replacement = (u64::from(window) << 32) | u64::from(next);
            match self.state.compare_exchange_weak(state, replacement, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Usage { used: next, limit }),
                Err(changed) => state = changed,
            }
        }
    }

    /// Units used in the current window.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> u32 {
        used_in(self.state.load(Ordering::Relaxed), self.window_number(now))
    }

    /// Whether nothing was ever charged: that is told without a clock.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.state.load(Ordering::Relaxed) == 0
    }

    /// The length of a window.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    fn refusal(&self, now: Timestamp) -> Refusal {
        Refusal::with(Reject::RateLimited, Detail::RetryAfter(self.until_next(now)))
    }

    fn window_micros(&self) -> u64 {
        u64::try_from(self.window.as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn window_number(&self, now: Timestamp) -> u32 {
        let number = now.as_micros() / self.window_micros();
        u32::try_from(number & u64::from(u32::MAX)).expect("masked to 32 bits")
    }

    fn until_next(&self, now: Timestamp) -> Duration {
        Duration::from_micros(self.window_micros() - now.as_micros() % self.window_micros())
    }
}

/// Units used, if the state is of this window.
fn used_in(state: u64, window: u32) -> u32 {
    let of = u32::try_from(state >> 32).expect("32 bits");
    if of == window { u32::try_from(state & u64::from(u32::MAX)).expect("32 bits") } else { 0 }
}

/// A counter of this node alone, or of all nodes together.
#[derive(Debug)]
pub struct RateCounter {
    window: WindowCounter,
    share: Option<Share>,
}

impl RateCounter {
    /// A counter of this node alone.
    #[must_use]
    pub const fn new(window: Duration) -> Self {
        Self { window: WindowCounter::new(window), share: None }
    }

    /// A counter of all nodes that have one of this name.
    #[must_use]
    pub fn shared(window: Duration, name: &str, lender: Arc<dyn RateLender>) -> Self {
        Self { window: WindowCounter::new(window), share: Some(Share::new(name, lender)) }
    }

    /// Charges `units` if they fit below `limit`. A counter of all nodes may ask its lender, which blocks for one round trip.
    ///
    /// # Errors
    /// As [`WindowCounter::charge`].
    pub fn charge(&self, units: u32, limit: u32, now: Timestamp) -> Result<Usage, Refusal> {
        match &self.share {
            None => self.window.charge(units, limit, now),
            Some(share) => share.charge(&self.window, units, limit, now),
        }
    }

    /// Units used in the current window; of a counter of all nodes with what the others were lent, as far as this node knows.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> u32 {
        let own = self.window.used(now);
        let others = self.share.as_ref().map_or(0, |share| share.of_others(self.window.window_number(now)));
        own.saturating_add(others)
    }
}

/// The counters of one key.
#[derive(Debug)]
pub struct KeyCounters {
    /// Request weight per minute.
    pub weight: RateCounter,
    /// Orders per ten seconds.
    pub orders: RateCounter,
}

const WEIGHT_WINDOW: Duration = Duration::from_secs(60);
const ORDERS_WINDOW: Duration = Duration::from_secs(10);

impl KeyCounters {
    /// The counters that all nodes have together of whoever has this name.
    #[must_use]
    pub fn shared(name: &str, lender: &Arc<dyn RateLender>) -> Self {
        Self {
            weight: RateCounter::shared(WEIGHT_WINDOW, &format!("weight:{name}"), Arc::clone(lender)),
            orders: RateCounter::shared(ORDERS_WINDOW, &format!("orders:{name}"), Arc::clone(lender)),
        }
    }
}

impl Default for KeyCounters {
    fn default() -> Self {
        Self { weight: RateCounter::new(WEIGHT_WINDOW), orders: RateCounter::new(ORDERS_WINDOW) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn charges_up_to_the_limit_and_starts_again() {
        let counter = WindowCounter::new(Duration::from_secs(10));
        let now = Timestamp::from_secs(1_000_003);
        assert_eq!(counter.charge(3, 5, now).unwrap().used, 3);
        assert_eq!(counter.charge(2, 5, now).unwrap().used, 5);
        let refusal = counter.charge(1, 5, now).unwrap_err();
        assert_eq!(refusal, Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_secs(7))));
        assert_eq!(counter.used(now), 5, "a refused charge costs nothing");
        let next = Timestamp::from_secs(1_000_010);
        assert_eq!(counter.used(next), 0);
        assert_eq!(counter.charge(1, 5, next).unwrap().used, 1);
    }

    #[test]
    fn parallel_charges_never_exceed_the_limit() {
        let counter = WindowCounter::new(Duration::from_secs(60));
        let now = Timestamp::from_secs(60);
        let granted: u32 = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1_000).filter(|_| counter.charge(1, 1_234, now).is_ok()).count())).collect();
            workers.into_iter().map(|worker| u32::try_from(worker.join().unwrap()).unwrap()).sum()
        });
        assert_eq!(granted, 1_234);
    }
}
