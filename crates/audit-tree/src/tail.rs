//! The end of a log that no signed head covers yet: from which record on, and what times its records tell.
//!
//! A writer keeps it short, so one that is long was written by somebody who had no key.

use crate::limits;

/// Records under no signed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The first of them.
    pub from: u64,
    /// The earliest time that they tell, in microseconds since 1970.
    pub first: u64,
    /// The latest. Clocks are set back, so it need not be that of the last record.
    pub last: u64,
}

impl Tail {
    /// With one record more behind it: number `n`, of the time `at`.
    #[must_use]
    pub fn with(tail: Option<Self>, n: u64, at: u64) -> Self {
        match tail {
            Some(Self { from, first, last }) => Self { from, first: first.min(at), last: last.max(at) },
            None => Self { from: n, first: at, last: at },
        }
    }

    /// Whether a writer that has the key would have signed some of it already.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        self.last.saturating_sub(self.first) > limits::UNSIGNED_MICROS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_as_long_as_its_times_are_apart() {
        let one = Tail::with(None, 7, 50_000_000);
        assert!(!one.is_too_long());
        assert_eq!(Tail::with(Some(one), 8, 60_000_000), Tail { from: 7, first: 50_000_000, last: 60_000_000 });
        assert!(!Tail::with(Some(one), 8, 60_000_000).is_too_long() && !Tail::with(Some(one), 8, 40_000_000).is_too_long());
        assert!(Tail::with(Some(one), 8, 60_000_001).is_too_long());
        assert!(Tail::with(Some(one), 8, 39_999_999).is_too_long(), "a clock that was set back");
        assert!(Tail::with(Some(one), 8, 0).is_too_long(), "a record that tells no time");
    }
}
