//! The barrier as somebody waits for it who has time: what cancels resting orders must not come before an order of before.

use std::time::Duration;

use super::HaltKeeper;
use crate::clock;

/// How often the lanes are looked at.
const LOOK: Duration = Duration::from_millis(5);

impl HaltKeeper {
    /// Waits until no request of before what holds now is under way any more; whether that came in time.
    pub(crate) async fn all_past(&self, patience: Duration) -> bool {
        let (generation, until) = (self.gate.generation(), clock::mono().saturating_add(patience));
        while !self.gate.is_past(generation) {
            if clock::mono() >= until {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}
