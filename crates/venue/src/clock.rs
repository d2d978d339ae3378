//! The one place where the venue reads the clock. Everything else is told the time.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_fix::{Monotonic, Now, Timestamp};
use tokio::time::Instant;

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the clock module of this shell")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Both clocks, as the FIX session wants them.
pub(crate) fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    let mono = Monotonic::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
    Now { wall: Timestamp::from_millis(now_ms()), mono }
}

/// Waits until a point on the monotonic clock; without one, for ever.
pub(crate) async fn until(deadline: Option<Monotonic>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.saturating_since(now().mono)).await,
        None => std::future::pending().await,
    }
}
