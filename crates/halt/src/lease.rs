//! The right to forward new orders, which ends by itself.

use countersign_core::Monotonic;

use crate::limits::LEASE_LIFE;

/// A lease: counted from before it was asked for, on the monotonic clock, so that neither a slow answer nor a step of the wall
/// clock makes it longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease {
    asked: Option<Monotonic>,
    number: u64,
}

impl Lease {
    /// An answer came to what was asked at `asked`. An answer that was overtaken by a later one changes nothing.
    pub fn renew(&mut self, asked: Monotonic) {
        if !self.holds(asked) {
            self.number += 1;
        }
        self.asked = self.asked.max(Some(asked));
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Monotonic) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    /// Counts up when a lease begins, and not while one is renewed: of two orders of a node, the one of a lower number was let through
    /// before there was none.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When the question was asked that was answered last; `None` when none was.
    #[must_use]
    pub const fn asked(&self) -> Option<Monotonic> {
        self.asked
    }

    /// Until when it holds; `None` when it never did.
    #[must_use]
    pub fn until(&self) -> Option<Monotonic> {
        self.asked.map(|asked| asked.saturating_add(LEASE_LIFE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_counted_from_before_the_question() {
        let mut lease = Lease::default();
        assert!(!lease.holds(Monotonic::from_micros(0)), "nobody has one from the start");
        let asked = Monotonic::from_micros(5_000_000);
        lease.renew(asked);
        let end = asked.saturating_add(LEASE_LIFE);
        assert!(lease.holds(Monotonic::from_micros(end.as_micros() - 1)));
        assert!(!lease.holds(end), "however long the answer took");
        lease.renew(Monotonic::from_micros(4_000_000));
        assert_eq!(lease.until(), Some(end), "an answer that comes late does not shorten it");
        assert_eq!(lease.asked(), Some(asked));
    }

    #[test]
    fn has_another_number_after_there_was_none() {
        let at = |millis: u64| Monotonic::from_micros(millis * 1_000);
        let mut lease = Lease::default();
        let mut number = |asked| {
            lease.renew(at(asked));
            lease.number()
        };
        assert_eq!([5_000, 5_250, 6_200, 6_000].map(&mut number), [1; 4], "renewed in time, however late the answer came");
        assert_eq!([7_200, 7_500, 6_900].map(&mut number), [2; 3], "there was a moment without one");
    }
}
