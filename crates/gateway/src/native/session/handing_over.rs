//! The node leaves and the session does not: it comes to rest, and somebody else goes on with it.
//!
//! | who goes on | who is here | what happens |
//! |---|---|---|
//! | the next process of this node | a client | told `drain`; when it shows up there the session is asked for and handed over, at the deadline in any case |
//! | | nobody | handed over at once |
//! | another node (`[cluster] also`) | a client | told `drain` and where; there it is taken from the mirror, at the deadline it is left there |
//! | | nobody | left in the mirror at once |
//! | nobody | | ends, and orders are cancelled as agreed |
//!
//! HS-132: to come to rest is to read nothing more of the client and to wait until the upstreams have answered what was forwarded: so the answer to
//! an order is numbered and kept before the session goes, and the client has it there. Nothing is cancelled: the wait goes on where it was.

use tokio::time::Instant;

use super::Session;
use super::ending::Ending;
use super::mirrored::Written;
use crate::clock;
use crate::handover::limits::REST_MAX;
use crate::handover::{Handed, HandedSession};
use crate::native::carriage::Carriage;
use crate::native::limits::DRAIN_SHARE;
use crate::native::sessions::{OpenSession, SessionGuard};

impl<C: Carriage + 'static> Session<C> {
    /// Tells the client of it, or leaves at once when there is none.
    pub(super) async fn start_drain(&mut self, guard: &SessionGuard) -> Result<(), Ending> {
        if self.line.is_away() {
            return self.leave_node(guard).await;
        }
        let by = self.worker.shared.settings.limits.drain_deadline / DRAIN_SHARE;
        self.drain_ends = Some(clock::mono().saturating_add(by));
        self.machine.note_sent(clock::now());
        let others = &self.worker.shared.settings.cluster.also;
        self.line.feed(countersign_session::frame::drain(by, others, "this node is leaving")).await?;
        self.transmit().await
    }

    /// The time that the drain gives to a session is over, or nobody is there to be told of it.
    pub(super) async fn leave_node(&mut self, guard: &SessionGuard) -> Result<(), Ending> {
        if self.worker.shared.drain.successor().is_some() {
            self.hand_over(guard).await?;
        } else if self.mirroring.is_some() && !self.worker.shared.settings.cluster.also.is_empty() {
            self.rest().await?;
            // Somebody adopts it when its lease runs out; its client finds it sooner.
            if let Written::Done = self.mirror()? {
                return Err(Ending::HandedOver);
            }
        }
        Err(Ending::Drained)
    }

    /// Goes to the next process of this node, where the contract lets somebody come back.
    ///
    /// # Errors
    /// [`Ending::HandedOver`] when it went. `Ok`: nobody takes it.
    pub(super) async fn hand_over(&mut self, guard: &SessionGuard) -> Result<(), Ending> {
        let session = guard.session();
        if self.worker.shared.drain.successor().is_none() || self.contract.resume_window().is_zero() {
            return Ok(());
        }
        self.rest().await?;
        let handed = if self.mirroring.is_some() {
            match self.mirror()? {
                Written::Done => Handed::InMemory { at_rest: self.unanswered == 0 },
                Written::Not => return Ok(()),
            }
        } else {
            match self.packed(session) {
                Some(packed) => Handed::Here(Box::new(packed)),
                None => return Ok(()),
            }
        };
        match self.worker.shared.drain.successor() {
            Some(successor) if successor.send((session.sid, handed)).await.is_ok() => Err(Ending::HandedOver),
            Some(_) | None => Ok(()),
        }
    }

    /// Waits for the answers that are due, and passes them on. The client is not read any more: what it still sends was not applied, and it
    /// is told so where it comes back.
    async fn rest(&mut self) -> Result<(), Ending> {
        let until = Instant::now() + REST_MAX;
        while self.unanswered > 0 {
            let Ok((_, message)) = tokio::time::timeout_at(until, self.links.next()).await else {
                tracing::warn!(unanswered = self.unanswered, "a session goes on elsewhere without answers of its upstream");
                return Ok(());
            };
            match self.on_upstream(message).await {
                // Whoever does not read any more comes back for it.
                Ok(()) | Err(Ending::Lost(_)) => {}
                Err(ending) => return Err(ending),
            }
        }
        Ok(())
    }

    fn packed(&self, session: &OpenSession) -> Option<HandedSession> {
        let facts = String::from_utf8(self.facts(session)?.write()).ok()?;
        let progress = self.progress();
        let frames = self.machine.kept().since(0).map(|frame| (frame.s, frame.numbered, frame.text.to_owned())).collect();
        Some(HandedSession {
            facts,
            rx: progress.rx,
            tx: progress.tx,
            acked: progress.acked,
            committed: progress.committed,
            issued: progress.issued,
            at_rest: self.unanswered == 0,
            cancelled: progress.cancelled,
            away_ms: progress.away_for.map(|away| u64::try_from(away.as_millis()).unwrap_or(u64::MAX)),
            links: progress.links,
            streams: self.streams.kept().to_vec(),
            frames,
        })
    }
}
