//! The one module of the rig that reads clocks and waits.
//!
//! A measuring tool measures time: here waiting for a moment is the work itself and not a stand-in for an event.
#![expect(clippy::disallowed_methods, reason = "the rig measures time; everything else in it asks this module")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_core::{Monotonic, Now, Timestamp};
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};

/// A moment of the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(nanos(clock_gettime(rustix::time::ClockId::Monotonic)))
    }

    /// So much later.
    pub(crate) fn plus(self, by: Duration) -> Self {
        Self(self.0 + whole_nanos(by))
    }

    /// Nanoseconds since an earlier moment; 0 when that one is later.
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Waits until this moment; returns at once when it is over.
    pub(crate) fn wait(self) {
        let at =
            Timespec { tv_sec: i64::try_from(self.0 / NANOS).unwrap_or(i64::MAX), tv_nsec: i64::try_from(self.0 % NANOS).unwrap_or(0) };
        // An interrupted wait is an early return; the caller measures from the moment and not from the return.
        while Self::now() < self {
            if clock_nanosleep_absolute(ClockId::Monotonic, &at).is_ok() {
                return;
            }
        }
    }
}

const NANOS: u64 = 1_000_000_000;

fn nanos(time: Timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * NANOS + u64::try_from(time.tv_nsec).unwrap_or(0)
}

fn whole_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time of the calling thread, in nanoseconds.
pub(crate) fn thread_cpu_nanos() -> u64 {
    nanos(clock_gettime(rustix::time::ClockId::ThreadCPUTime))
}

/// Lets the machine settle, or a window pass.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Wall clock and monotonic clock, as the protocol crates want them.
pub(crate) fn now() -> Now {
    Now { wall: wall(), mono: Monotonic::from_micros(Moment::now().0 / 1_000) }
}

/// Wall clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Tries until it works or the time is over.
pub(crate) fn retry<T>(within: Duration, mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= within => return Err(error),
            Err(_) => pause(Duration::from_millis(20)),
        }
    }
}
