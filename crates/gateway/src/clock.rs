//! The one place that reads clocks.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use countersign_core::{Monotonic, Now, Timestamp};

/// Both clocks, now.
#[must_use]
pub fn now() -> Now {
    Now { wall: wall(), mono: mono() }
}

/// The wall clock. A clock before 1970 reads as 1970: every signed window is then refused, which is right.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock module")]
pub fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// The monotonic clock, counted from the first call in this process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock module")]
pub fn mono() -> Monotonic {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    Monotonic::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}
