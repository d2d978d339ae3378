//! One timer for all the deadlines of a connection.
//!
//! A request has four deadlines and nearly never meets one. To arm and disarm a timer for each costs more than to read the clock,
//! so the one timer is left to ring early and is then set to what is due.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use countersign_core::Monotonic;
use tokio::time::Sleep;

use crate::clock;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<(Pin<Box<Sleep>>, Monotonic)>);

impl Timer {
    /// Runs `work`, at most for `wait`; `None` when it took longer.
    pub(super) async fn within<F: Future>(&mut self, wait: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut due = None;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let due = *due.get_or_insert_with(|| clock::mono().saturating_add(wait));
            self.poll_until(due, cx).map(|()| None)
        })
        .await
    }

    /// Runs `work`, at most until `due`: for whoever has just read the clock.
    pub(super) async fn before<F: Future>(&mut self, due: Monotonic, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.poll_until(due, cx).map(|()| None),
        })
        .await
    }

    fn poll_until(&mut self, due: Monotonic, cx: &mut Context<'_>) -> Poll<()> {
        let (sleep, rings) = self.0.get_or_insert_with(|| {
            let left = due.saturating_since(clock::mono());
            (Box::pin(tokio::time::sleep(left)), due)
        });
        loop {
            if *rings > due {
                let earlier = sleep.deadline() - rings.saturating_since(due);
                sleep.as_mut().reset(earlier);
                *rings = due;
            }
            ready!(sleep.as_mut().poll(cx));
            let now = clock::mono();
            if now >= due {
                return Poll::Ready(());
            }
            // It rang for something that is over.
            let later = sleep.deadline() + due.saturating_since(*rings).max(Duration::from_millis(1));
            sleep.as_mut().reset(later);
            *rings = due;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::pending;

    use super::*;

    async fn waits(timer: &mut Timer, wait: Duration) -> Duration {
        let begun = clock::mono();
        assert!(timer.within(wait, pending::<()>()).await.is_none());
        clock::mono().saturating_since(begun)
    }

    #[tokio::test(start_paused = true)]
    async fn rings_when_it_is_due_whatever_it_was_set_to_before() {
        let mut timer = Timer::default();
        let seconds = Duration::from_secs;
        for wait in [5, 1, 60, 2, 2, 10] {
            let waited = waits(&mut timer, seconds(wait)).await;
            assert!(waited >= seconds(wait) && waited < seconds(wait) + Duration::from_millis(20), "{wait}: {waited:?}");
            // Work that is done leaves the timer set to something that is over.
            assert_eq!(timer.within(seconds(3), async { 7 }).await, Some(7));
            let due = clock::mono().saturating_add(seconds(1));
            assert_eq!((timer.before(due, pending::<()>()).await, clock::mono() >= due), (None, true));
            let short = tokio::time::sleep(Duration::from_millis(300));
            timer.within(seconds(100), short).await.unwrap();
        }
    }
}
