//! One limit for all nodes: a node borrows parts of it, and spends them without asking.
//!
//! ```text
//!   request ─▶ does what was lent to this node cover it? ─ yes ─▶ charged here, nobody is asked
//!                └─ no ─▶ borrow ─▶ a part of what is left    (at most sixty times a window, whatever the number of requests)
//!                           │ nothing is left: refused, and nobody is asked again in this window
//!                           └ no answer: limit / nodes, by which all nodes together stay within the limit
//! ```
//!
//! All nodes together never charge more than the limit while the lender remembers: what one was lent no other is.
//! What a node was lent and does not use is lost with the window, so the parts are small (ADR 0040).

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Usage, WindowCounter};
use crate::reject::{Refusal, Reject};
use crate::time::Timestamp;

/// Loans that one charge may ask for: other workers of this node may spend what was borrowed for it.
const LOANS_PER_CHARGE_MAX: u32 = 4;
/// Of a limit, this part is lent at once: what an idle node keeps from the others.
const PARTS: u32 = 16;
/// Of what is left, this part is lent at most, so that the last units are not all at one node.
const PARTS_OF_LEFT: u32 = 4;

/// What a node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'w> {
    /// The counter's name, the same at all nodes.
    pub counter: &'w str,
    /// The number of the window.
    pub window: u32,
    /// How long what was lent in it must be remembered, in milliseconds: two windows, because clocks differ.
    pub life_millis: u64,
    /// Units without which the request does not pass.
    pub units: u32,
    /// Units of all nodes in one window.
    pub limit: u32,
}

impl Wanted<'_> {
    /// The most units that are lent at once unless more are needed.
    #[must_use]
    pub const fn part(&self) -> u32 {
        self.limit / PARTS
    }

    /// How much is lent of what is left: at least the units wanted, or all that is left.
    #[must_use]
    pub fn of_left(&self, left: u32) -> u32 {
        self.units.max(self.part().min(left / PARTS_OF_LEFT)).min(left)
    }

    /// The divisor of what is left, for a lender that counts by itself.
    #[must_use]
    pub const fn parts_of_left() -> u32 {
        PARTS_OF_LEFT
    }
}

/// What was lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loan {
    /// Units lent now; fewer than wanted when no more are left.
    pub units: u32,
    /// Units lent to all nodes in this window, these included.
    pub lent: u32,
}

/// Whoever keeps the books of all nodes.
///
/// # Security
/// A lender that forgets lends a limit twice in that window. One that lends the same units twice breaks the limit.
pub trait RateLender: fmt::Debug + Send + Sync {
    /// Lends units, as [`Wanted::of_left`] says; `None`: no answer in time. It may block for one round trip.
    fn borrow(&self, wanted: &Wanted<'_>) -> Option<Loan>;

    /// How many nodes there are, as far as is known: each takes its share while nobody lends.
    fn nodes(&self) -> NonZeroU32;
}

/// The books of this node about one counter.
#[derive(Debug)]
pub(super) struct Share {
    name: Box<str>,
    lender: Arc<dyn RateLender>,
    /// Window number (upper 32 bits), whether nothing is left to be lent (one bit), units lent to this node (31 bits).
    held: AtomicU64,
    /// Window number (upper 32 bits), units lent to the others (lower 32 bits): as it was at the last loan.
    others: AtomicU64,
}

const CLOSED: u64 = 1 << 31;

#[derive(Clone, Copy)]
struct Held {
    units: u32,
    closed: bool,
}

impl Held {
    fn of(state: u64, window: u32) -> Self {
        if state >> 32 != u64::from(window) {
            return Self { units: 0, closed: false };
        }
        Self { units: u32::try_from(state & (CLOSED - 1)).expect("31 bits"), closed: state & CLOSED != 0 }
    }

    fn state(self, window: u32) -> u64 {
        let units = u64::from(self.units).min(CLOSED - 1);
        (u64::from(window) << 32) | if self.closed { CLOSED } else { 0 } | units
    }
}

impl Share {
    pub(super) fn new(name: &str, lender: Arc<dyn RateLender>) -> Self {
        Self { name: name.into(), lender, held: AtomicU64::new(0), others: AtomicU64::new(0) }
    }

    /// Charges `units` if they fit below what was lent, or what is lent now.
    ///
    /// # Errors
    /// As [`WindowCounter::charge`].
    pub(super) fn charge(&self, counter: &WindowCounter, units: u32, limit: u32, now: Timestamp) -> Result<Usage, Refusal> {
        let window = counter.window_number(now);
        for _ in 0..LOANS_PER_CHARGE_MAX {
            let held = self.held(window);
            if let Ok(usage) = counter.charge(units, held.units.min(limit), now) {
                return Ok(self.told(usage, limit, window));
            }
            if held.closed || units > limit {
                return Err(counter.refusal(now));
            }
            let spare = held.units.saturating_sub(counter.used(now));
            let life_millis = u64::try_from(counter.window().as_millis()).unwrap_or(u64::MAX).saturating_mul(2);
            let short = units.saturating_sub(spare).max(1);
            let wanted = Wanted { counter: &self.name, window, life_millis, units: short, limit };
            let Some(loan) = self.lender.borrow(&wanted) else {
                let alone = (limit / self.lender.nodes()).max(held.units).min(limit);
                return counter.charge(units, alone, now).map(|usage| self.told(usage, limit, window));
            };
            self.take(window, loan, short);
        }
        // What was borrowed here others spent; all of it was charged, and nothing twice.
        Err(Refusal::operator(Reject::Busy, "many workers charge one key at once"))
    }

    fn held(&self, window: u32) -> Held {
        Held::of(self.held.load(Ordering::Acquire), window)
    }

    fn take(&self, window: u32, loan: Loan, short: u32) {
        let add = |state: u64| {
            let held = Held::of(state, window);
            // A loan of a window that is over by now is not one of this.
            if state >> 32 > u64::from(window) {
                return None;
            }
            Some(Held { units: held.units.saturating_add(loan.units), closed: held.closed || loan.units < short }.state(window))
        };
        if self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok() {
            let others = loan.lent.saturating_sub(self.held(window).units);
            self.others.store((u64::from(window) << 32) | u64::from(others), Ordering::Relaxed);
        }
    }

    /// With what the others have: a client that paces itself by what it is told stays within the limit of all nodes.
    fn told(&self, usage: Usage, limit: u32, window: u32) -> Usage {
        Usage { used: usage.used.saturating_add(self.of_others(window)).min(limit), limit }
    }

    /// What the others were lent in this window, as of the last loan.
    pub(super) fn of_others(&self, window: u32) -> u32 {
        super::used_in(self.others.load(Ordering::Relaxed), window)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::super::RateCounter;
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    /// Books in memory, which count how often they are opened.
    #[derive(Debug, Default)]
    struct Books {
        lent: Mutex<HashMap<(String, u32), u32>>,
        asked: AtomicU64,
        away: AtomicBool,
    }

    impl RateLender for Books {
        fn borrow(&self, wanted: &Wanted<'_>) -> Option<Loan> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.away.load(Ordering::Relaxed) {
                return None;
            }
            let mut books = self.lent.lock().unwrap();
            let lent = books.entry((wanted.counter.to_owned(), wanted.window)).or_default();
            let units = wanted.of_left(wanted.limit.saturating_sub(*lent));
            *lent += units;
            Some(Loan { units, lent: *lent })
        }

        fn nodes(&self) -> NonZeroU32 {
            NonZeroU32::new(3).unwrap()
        }
    }

    fn nodes(books: &Arc<Books>) -> [RateCounter; 3] {
        [(); 3].map(|()| RateCounter::shared(Duration::from_secs(10), "key", Arc::clone(books) as Arc<dyn RateLender>))
    }

    fn passed(node: &RateCounter, limit: u32, now: Timestamp) -> u32 {
        u32::try_from((0..limit * 2).filter(|_| node.charge(1, limit, now).is_ok()).count()).unwrap()
    }

    #[test]
    fn one_node_alone_has_the_whole_limit_and_asks_seldom() {
        for limit in [1, 2, 5, 16, 100, 6_000, 100_000] {
            let books = Arc::<Books>::default();
            assert_eq!(passed(&nodes(&books)[0], limit, NOW), limit);
            let asked = books.asked.load(Ordering::Relaxed);
            assert!(asked <= 60, "{asked} questions for {limit} units, the refused ones included");
        }
    }

    #[test]
    fn all_nodes_together_have_one_limit_in_every_window() {
        let books = Arc::<Books>::default();
        let nodes = nodes(&books);
        for window in 0..3 {
            let now = NOW.saturating_add(Duration::from_secs(10 * window));
            let mut passed = [0_u32; 3];
            for turn in 0..300 {
                passed[turn % 3] += u32::from(nodes[turn % 3].charge(1, 100, now).is_ok());
            }
            assert_eq!(passed.iter().sum::<u32>(), 100, "{passed:?}");
            assert!(passed.iter().all(|count| *count > 20), "whoever asks gets about the same: {passed:?}");
        }
    }

    #[test]
    fn an_idle_node_keeps_a_sixteenth_from_the_others() {
        let books = Arc::<Books>::default();
        let [idle, other, busy] = nodes(&books);
        idle.charge(1, 160, NOW).unwrap();
        other.charge(1, 160, NOW).unwrap();
        assert_eq!(passed(&busy, 160, NOW), 160 - 2 * 10);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_less_still_passes() {
        let books = Arc::<Books>::default();
        let [node, ..] = nodes(&books);
        assert_eq!(node.charge(90, 100, NOW).unwrap().used, 90);
        let refusal = node.charge(20, 100, NOW).unwrap_err();
        assert_eq!(refusal.reject, Reject::RateLimited);
        assert!(node.charge(101, 100, NOW).is_err());
        assert_eq!(node.charge(10, 100, NOW).unwrap().used, 100, "the ten that were left");
        let asked = books.asked.load(Ordering::Relaxed);
        assert!((0..1_000).all(|_| node.charge(1, 100, NOW).is_err()));
        assert_eq!(books.asked.load(Ordering::Relaxed), asked, "a flood of refused requests asks nobody");
    }

    #[test]
    fn what_is_told_as_used_has_the_units_of_the_others() {
        let books = Arc::<Books>::default();
        let [one, other, _] = nodes(&books);
        for _ in 0..50 {
            one.charge(1, 100, NOW).unwrap();
        }
        let usage = other.charge(1, 100, NOW).unwrap();
        assert!(usage.used >= 51 && usage.used <= 60 && usage.limit == 100, "{usage:?}");
    }

    #[test]
    fn without_a_lender_each_node_has_its_share_and_keeps_what_it_was_lent() {
        let books = Arc::<Books>::default();
        let nodes = nodes(&books);
        nodes[0].charge(60, 90, NOW).unwrap();
        books.away.store(true, Ordering::Relaxed);
        assert_eq!(passed(&nodes[0], 90, NOW), 0, "it had more than its share already");
        assert_eq!([passed(&nodes[1], 90, NOW), passed(&nodes[2], 90, NOW)], [30, 30]);
        let next = NOW.saturating_add(Duration::from_secs(10));
        assert_eq!(nodes.each_ref().map(|node| passed(node, 90, next)), [30, 30, 30], "together the limit");
        books.away.store(false, Ordering::Relaxed);
        let then = NOW.saturating_add(Duration::from_secs(20));
        assert_eq!(passed(&nodes[0], 90, then), 90, "and the whole again");
    }

    #[test]
    fn many_workers_of_many_nodes_never_have_more() {
        let books = Arc::<Books>::default();
        let nodes = nodes(&books);
        let passed: u32 = std::thread::scope(|scope| {
            let workers = nodes.iter().chain(&nodes).map(|node| scope.spawn(|| passed(node, 1_000, NOW)));
            workers.collect::<Vec<_>>().into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(passed, 1_000, "all is asked for by somebody, and nothing is lost");
    }
}
