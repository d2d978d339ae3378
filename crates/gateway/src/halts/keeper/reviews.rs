//! Halts that somebody was to look at again: no halt ends by itself, so whoever forgets one is told.

use countersign_core::Timestamp;
use countersign_halt::{Entry, Halt};

use super::HaltKeeper;
use crate::clock;

impl HaltKeeper {
    /// How many are overdue.
    pub(super) fn reviews_overdue(&self) -> usize {
        let now = clock::wall();
        self.node.lock().set().in_force().filter(|(entry, _)| is_overdue(entry, now)).count()
    }

    /// Says so of each, once.
    pub(super) fn note_reviews(&self) {
        let now = clock::wall();
        let due: Vec<Halt> = {
            let node = self.node.lock();
            node.set().in_force().filter(|(entry, _)| is_overdue(entry, now)).map(|(entry, _)| entry.halt.clone()).collect()
        };
        let mut told = self.reviews.lock();
        told.retain(|id| due.iter().any(|halt| halt.id == *id));
        for halt in due.iter().filter(|halt| told.insert(halt.id)) {
            tracing::warn!(halt = %halt.id, scope = %halt.scope, by = %halt.by, "somebody was to look at this halt again by now; it holds on");
        }
    }
}

fn is_overdue(entry: &Entry, now: Timestamp) -> bool {
    entry.halt.review_by.is_some_and(|review| review <= now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_halt::{Action, HaltScope, RaisedBy, Reason};

    use super::*;
    use crate::halts::keeper::NewHalt;
    use crate::testing::on_stage;

    #[tokio::test]
    async fn a_halt_that_nobody_looked_at_again_is_told_once_and_holds_on() {
        on_stage(|stage| async move {
            let keeper = &stage.worker.shared.halts;
            let new = |scope: &str, review_by| NewHalt {
                scope: HaltScope::parse(scope).unwrap(),
                action: Action::CancelOnly,
                reason: Reason::Limit,
                text: String::new(),
                by: RaisedBy::Operator("alice".into()),
                review_by: Some(review_by),
            };
            let overdue = keeper.raise(new("key:k1", clock::wall())).await.unwrap();
            keeper.raise(new("key:k2", Timestamp::from_millis(clock::wall().as_millis() + 3_600_000))).await.unwrap();
            keeper.read().await;
            let told = || keeper.reviews.lock().iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!((keeper.status().reviews_overdue, told()), (1, vec![overdue.id.clone()]));
            keeper.read().await;
            assert_eq!((keeper.status().halts.len(), told()), (2, vec![overdue.id]));
        })
        .await;
    }
}
