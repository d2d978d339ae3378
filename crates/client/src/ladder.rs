//! What happened on the way to a session, with times: shown by the command line, and the first thing to look at when it fails.

use std::time::Duration;

use countersign_core::Monotonic;

use crate::clock;

/// One step.
#[derive(Clone, Debug)]
pub struct Rung {
    /// `TCP`, `TLS`, `hello`...
    pub step: &'static str,
    /// What it came to.
    pub outcome: String,
    /// How long it took.
    pub took: Duration,
}

/// The steps, in order.
#[derive(Clone, Debug)]
pub struct Ladder {
    rungs: Vec<Rung>,
    last: Monotonic,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { rungs: Vec::new(), last: clock::now().mono }
    }
}

impl Ladder {
    /// Notes that a step is done; its time is counted from the end of the one before.
    pub fn step(&mut self, step: &'static str, outcome: impl Into<String>) {
        let now = clock::now().mono;
        self.rungs.push(Rung { step, outcome: outcome.into(), took: now.saturating_since(self.last) });
        self.last = now;
    }

    /// The steps so far.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }
}
