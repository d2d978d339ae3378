//! The door of a worker: one handshake after the other, and sessions that come back before new ones.
//!
//! Which comes first is the pure part's business ([`Admission`]); this makes the others wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use countersign_core::{Refusal, Reject};
use countersign_session::{Admission, Entrant};
use tokio::sync::oneshot;

use super::limits::HELLOS_WAITING_MAX;

/// The door.
pub struct Door {
    waiting: RefCell<Admission<oneshot::Sender<Turn>>>,
    taken: Cell<bool>,
}

impl Default for Door {
    fn default() -> Self {
        Self { waiting: RefCell::new(Admission::new(HELLOS_WAITING_MAX)), taken: Cell::new(false) }
    }
}

/// While it lives, nobody else is judged.
pub(super) struct Turn(Option<Rc<Door>>);

impl Door {
    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Reject::Busy`] when too many hellos wait already.
    pub(super) async fn enter(self: &Rc<Self>, who: Entrant) -> Result<Turn, Refusal> {
        let (call, called) = oneshot::channel();
        let shed = || Refusal::operator(Reject::Busy, "too many hellos wait for their turn");
        self.waiting.borrow_mut().enter(who, call).map_err(|_| shed())?;
        // Whoever's first frame is here already is asked before anybody is judged: else the order of the sockets would decide.
        tokio::task::yield_now().await;
        self.call_next();
        called.await.map_err(|_| Reject::Busy.into())
    }

    fn call_next(self: &Rc<Self>) {
        if self.taken.replace(true) {
            return;
        }
        loop {
            let next = self.waiting.borrow_mut().call();
            let Some(next) = next else { break };
            match next.send(Turn(Some(Rc::clone(self)))) {
                Ok(()) => return,
                // Gone while it waited: the next one is called here, not by the end of a turn that nobody had.
                Err(mut turn) => turn.0 = None,
            }
        }
        self.taken.set(false);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(door) = self.0.take() {
            door.taken.set(false);
            door.call_next();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Lets in whoever comes, in the order of `who`; the order in which they were let in.
    async fn order(who: &[Entrant]) -> Vec<usize> {
        let door = Rc::new(Door::default());
        let seen = Rc::new(RefCell::new(Vec::new()));
        tokio::task::LocalSet::new()
            .run_until(async {
                let tasks: Vec<_> = who
                    .iter()
                    .enumerate()
                    .map(|(number, who)| {
                        let (door, seen, who) = (Rc::clone(&door), Rc::clone(&seen), *who);
                        tokio::task::spawn_local(async move {
                            let _turn = door.enter(who).await.unwrap();
                            seen.borrow_mut().push(number);
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            })
            .await;
        seen.take()
    }

    #[tokio::test]
    async fn sessions_that_come_back_are_judged_first() {
        // HS-92
        use Entrant::{Hello, Resume};
        assert_eq!(order(&[Hello, Hello, Resume, Hello, Resume]).await, [2, 4, 0, 1, 3]);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_blocks_nobody() {
        let door = Rc::new(Door::default());
        let turn = door.enter(Entrant::Hello).await.unwrap();
        let impatient = tokio::time::timeout(std::time::Duration::from_millis(1), door.enter(Entrant::Resume)).await;
        assert!(impatient.is_err());
        drop(turn);
        assert!(door.enter(Entrant::Hello).await.is_ok());
    }

    #[tokio::test]
    async fn hellos_are_shed_when_too_many_wait() {
        // HS-92
        let door = Rc::new(Door::default());
        let _turn = door.enter(Entrant::Hello).await.unwrap();
        let mut waiting: Vec<_> = (0..=HELLOS_WAITING_MAX).map(|_| Box::pin(door.enter(Entrant::Hello))).collect();
        let mut polled = waiting.iter_mut().map(|entering| futures_util::FutureExt::now_or_never(entering.as_mut()));
        assert_eq!(polled.by_ref().take(HELLOS_WAITING_MAX).filter(Option::is_some).count(), 0);
        assert_eq!(polled.next().flatten().unwrap().err().unwrap().reject, Reject::Busy);
        let resume = futures_util::FutureExt::now_or_never(Box::pin(door.enter(Entrant::Resume)));
        assert!(resume.is_none(), "a resume waits, it is not refused");
    }
}
