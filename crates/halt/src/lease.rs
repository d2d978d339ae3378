//! The right to forward new orders, which ends by itself.

use countersign_core::Monotonic;

use crate::limits::LEASE_LIFE;

/// A lease: counted from before it was asked for, on the monotonic clock, so that neither a slow answer nor a step of the wall
/// clock makes it longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    until: Option<Monotonic>,
}

impl Lease {
    /// An answer came to what was asked at `asked`. An answer that was overtaken by a later one changes nothing.
    pub fn renew(&mut self, asked: Monotonic) {
        self.until = self.until.max(Some(asked.saturating_add(LEASE_LIFE)));
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, now: Monotonic) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Until when it holds; `None` when it never did.
    #[must_use]
    pub const fn until(&self) -> Option<Monotonic> {
        self.until
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
    }
}
