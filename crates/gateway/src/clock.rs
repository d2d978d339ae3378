//! The one place that reads clocks.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_core::{Monotonic, Now, Timestamp};
use tokio::time::Instant;

/// Both clocks, now.
#[must_use]
pub fn now() -> Now {
    Now { wall: wall(), mono: mono() }
}

/// Waits until a point on the monotonic clock; without one, for ever.
pub async fn until(deadline: Option<Monotonic>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.saturating_since(mono())).await,
        None => std::future::pending().await,
    }
}

/// The wall clock. A clock before 1970 reads as 1970: every signed window is then refused, which is right.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock module")]
pub fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// The monotonic clock, counted from the first call in this process. It is the runtime's own, so that deadlines and timers agree,
/// also where a test stops it.
#[must_use]
pub fn mono() -> Monotonic {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    Monotonic::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}
