//! Time, as an argument.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use countersign_core::{Monotonic, Now, Timestamp};

/// Tells the time. A test brings its own.
pub trait Clock: Send + Sync {
    /// Both clocks, now.
    fn now(&self) -> Now;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A wall clock before 1970 reads as 1970: every signed window is then refused, which is right.
    #[expect(clippy::disallowed_methods, reason = "the one clock of this crate")]
    fn now(&self) -> Now {
        static START: OnceLock<Instant> = OnceLock::new();
        let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mono = START.get_or_init(Instant::now).elapsed();
        Now { wall: Timestamp::from_micros(micros(wall)), mono: Monotonic::from_micros(micros(mono)) }
    }
}
