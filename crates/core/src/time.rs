//! Time as an argument: wall-clock [`Timestamp`] for signed windows and expiry, [`Monotonic`] for deadlines.
//!
//! Both count microseconds. Nothing in the pure crates reads a clock; the shell has the one module that does.

use std::time::Duration;

/// A wall-clock instant: microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The far end of time: never expires.
    pub const MAX: Self = Self(u64::MAX);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch; saturates.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds since the Unix epoch; saturates.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This instant moved later; saturates.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// This instant moved earlier; saturates at the epoch.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// `self - other` in milliseconds, signed: positive when `self` is later.
    #[must_use]
    pub fn millis_after(self, other: Self) -> i64 {
        let difference = i128::from(self.0) - i128::from(other.0);
        i64::try_from(difference / 1_000).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
    }
}

/// A point on a clock that never steps: microseconds since an arbitrary start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// From microseconds since the start of this clock.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start of this clock.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This point moved later; saturates.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Both clocks, read together by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall clock: for signed timestamps and expiry.
    pub wall: Timestamp,
    /// Monotonic clock: for deadlines and intervals.
    pub mono: Monotonic,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_is_signed_and_saturates() {
        let early = Timestamp::from_millis(1_000);
        let late = Timestamp::from_millis(2_500);
        assert_eq!(late.millis_after(early), 1_500);
        assert_eq!(early.millis_after(late), -1_500);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(early.saturating_sub(Duration::from_secs(9)), Timestamp::from_micros(0));
    }
}
