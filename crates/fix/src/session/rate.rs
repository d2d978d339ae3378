//! How often something happened in the current window.

use countersign_core::Monotonic;

use crate::limits;

/// Counts in windows that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    max: u32,
    start: Monotonic,
    count: u32,
}

impl Rate {
    pub(super) fn new(max: u32) -> Self {
        Self { max, start: Monotonic::default(), count: 0 }
    }

    /// Counts one more; whether it is within the limit.
    pub(super) fn admit(&mut self, now: Monotonic) -> bool {
        if now.saturating_since(self.start) >= limits::RATE_WINDOW {
            self.start = now;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.max
    }
}
