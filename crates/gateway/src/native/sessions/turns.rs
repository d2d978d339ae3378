//! One at a time brings a session into the registry: its client may be at two workers at once, and beside it come those who take over
//! what nobody asked for.

use std::collections::HashSet;

use countersign_core::SessionId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<SessionId>>,
    over: Notify,
}

/// It is ours until this is dropped.
pub(in crate::native) struct Turn<'t> {
    turns: &'t Turns,
    sid: SessionId,
}

impl Turns {
    /// Waits until nobody else has it.
    pub(super) async fn wait(&self, sid: SessionId) -> Turn<'_> {
        loop {
            let mut over = std::pin::pin!(self.over.notified());
            // From here on no end of a turn is missed.
            over.as_mut().enable();
            if let Some(turn) = self.take(sid) {
                return turn;
            }
            over.await;
        }
    }

    /// None where somebody else has it.
    pub(super) fn take(&self, sid: SessionId) -> Option<Turn<'_>> {
        self.taken.lock().insert(sid).then(|| Turn { turns: self, sid })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken.lock().remove(&self.sid);
        self.turns.over.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId::from_bytes([1; 16]);
    const B: SessionId = SessionId::from_bytes([2; 16]);

    #[tokio::test]
    async fn turns_are_of_one_session_and_end_with_their_holder() {
        let turns = Turns::default();
        let first = turns.wait(A).await;
        let _other = turns.wait(B).await;
        let mut second = std::pin::pin!(turns.wait(A));
        assert!(turns.take(A).is_none() && futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await);
        drop(turns.wait(A).await);
    }
}
