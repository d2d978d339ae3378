//! The one place of this crate that reads clocks and randomness.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use countersign_core::{Entropy, Monotonic, Now, Timestamp};

/// Both clocks, now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock module")]
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let since_start = START.get_or_init(Instant::now).elapsed();
    let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Now { wall: Timestamp::from_micros(micros(since_epoch)), mono: Monotonic::from_micros(micros(since_start)) }
}

/// The generator of AWS-LC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the generator fails: no nonce may be made without it.
    fn fill(&mut self, dest: &mut [u8]) {
        aws_lc_rs::rand::fill(dest).expect("the operating system gives randomness");
    }
}
