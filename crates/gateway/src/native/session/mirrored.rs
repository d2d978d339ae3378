//! The mirror of an open session: written before anything that must not be forgotten happens.
//!
//! | what | before | without the memory |
//! |---|---|---|
//! | a message that writes | it is forwarded | new orders are refused, cancels pass |
//! | answers, events, refusals | the client has them | the client has them, the mirror later |
//! | a new ticket | the client has it | the same |
//! | cancel on disconnect | the lease is looked at; afterwards: done | it is done |
//!
//! Whatever another node took is not ours: [`Ending::Lease`], nothing more is forwarded, nothing is cancelled.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Refusal, Reject, Risk};
use countersign_session::KeptText;
use countersign_store::SessionMirror;
use countersign_store::shared::mirror::{Fence, KeptFrame, KeptFrames, MirrorError, MirrorWrite, Progress};
use tokio::sync::watch;

use super::Session;
use super::ending::Ending;
use crate::clock;
use crate::native::carriage::Carriage;
use crate::native::mirror::Facts;
use crate::native::sessions::OpenSession;

/// How long the memory keeps a session beyond its life: until somebody has cancelled its orders.
const KEPT_BEYOND: Duration = Duration::from_secs(3_600);

/// What of a session is in the mirror.
pub(super) struct Mirroring {
    mirror: Arc<SessionMirror>,
    session: Arc<OpenSession>,
    fence: Fence,
    /// The place in the replay buffer up to which it is there.
    place: u64,
    /// The version of the subscriptions that is there.
    streams: u64,
    /// Whether all of it has to be written: nothing is there, or nobody knows what.
    whole: bool,
}

impl Mirroring {
    pub(super) fn new(mirror: Arc<SessionMirror>, session: Arc<OpenSession>, fence: Fence) -> Self {
        session.set_fence(fence);
        Self { mirror, session, fence, place: 0, streams: 0, whole: true }
    }
}

/// Whether it was written.
pub(super) enum Written {
    /// It is there, or nobody else could go on with the session anyhow.
    Done,
    /// The memory does not answer.
    Not,
}

impl<C: Carriage + 'static> Session<C> {
    /// From the beginning, where the contract has anything that outlives a connection.
    pub(super) fn begin_mirroring(&mut self, session: &Arc<OpenSession>) {
        let outlives = !self.contract.resume_window().is_zero() || self.absence.cancels();
        if let Some(mirror) = self.worker.shared.mirror.clone().filter(|_| outlives && self.mirroring.is_none()) {
            self.mirroring = Some(Mirroring::new(mirror, Arc::clone(session), Fence::FIRST));
        }
    }

    /// The session is over.
    pub(super) fn end_mirroring(&self, ending: &Ending) {
        let Some(mirroring) = self.mirroring.as_ref().filter(|_| !ending.goes_on_elsewhere()) else { return };
        if let Err(MirrorError::Unavailable) = mirroring.mirror.remove(mirroring.session.sid, mirroring.fence) {
            tracing::warn!(sid = %mirroring.session.sid, "the end of a session is not in the shared memory: another node may wait for its client");
        }
    }

    /// Writes where the session stands.
    ///
    /// # Errors
    /// [`Ending::Lease`]: it is another node's.
    pub(super) fn mirror(&mut self) -> Result<Written, Ending> {
        let Some(mut mirroring) = self.mirroring.take() else { return Ok(Written::Done) };
        let mut outcome = self.write(&mut mirroring);
        if outcome == Err(MirrorError::Forgotten) {
            (mirroring.place, mirroring.whole) = (0, true);
            outcome = self.write(&mut mirroring);
        }
        let outcome = match outcome {
            Ok(()) => Ok(Written::Done),
            Err(MirrorError::Forgotten | MirrorError::Unavailable) => {
                // Perhaps it was done and the answer was lost.
                (mirroring.place, mirroring.whole) = (0, true);
                Ok(Written::Not)
            }
            Err(lost @ (MirrorError::Adopted | MirrorError::Fenced)) => Err(Ending::Lease(lost)),
        };
        self.mirroring = Some(mirroring);
        outcome
    }

    /// The same, with what a new connection changed.
    pub(super) fn mirror_anew(&mut self) -> Result<Written, Ending> {
        if let Some(mirroring) = &mut self.mirroring {
            (mirroring.place, mirroring.whole) = (0, true);
        }
        self.mirror()
    }

    fn write(&self, mirroring: &mut Mirroring) -> Result<(), MirrorError> {
        let kept = self.machine.kept();
        let (market, reports): (Vec<_>, Vec<_>) = kept.since(mirroring.place).partition(|frame| frame.is_market);
        let [held, held_market] = [kept.held().entries, kept.held_market().entries];
        let facts = if mirroring.whole { self.facts(&mirroring.session).map(|facts| facts.write()) } else { None };
        let streams = (mirroring.whole || mirroring.streams != self.streams.version()).then(|| self.streams.write());
        let write = MirrorWrite {
            progress: self.progress(),
            streams: streams.as_deref(),
            reports: frames(&reports, held - held_market),
            market: frames(&market, held_market),
            life: self.until.saturating_since(clock::wall()) + KEPT_BEYOND,
            whole: facts.as_deref(),
        };
        mirroring.mirror.write(mirroring.session.sid, mirroring.fence, &write)?;
        (mirroring.place, mirroring.streams, mirroring.whole) = (kept.place(), self.streams.version(), false);
        Ok(())
    }

    pub(super) fn progress(&self) -> Progress {
        let standing = self.machine.standing();
        let (committed, issued) = self.generations.numbers();
        Progress {
            rx: standing.rx,
            tx: standing.tx,
            acked: self.machine.peer_expects(),
            committed,
            issued,
            cancelled: self.absence.has_cancelled(),
            away_for: self.absence.away_for(clock::mono()),
            links: self.links.iter().map(|(_, upstream)| *upstream).collect(),
        }
    }

    pub(super) fn facts(&self, session: &OpenSession) -> Option<Facts> {
        let login = self.login.as_ref()?;
        Some(Facts {
            key_id: login.identity.key_id().clone(),
            credential: login.identity.credential().id.clone(),
            verified: login.identity.verified_at(),
            since: session.since,
            until: self.until,
            remote: self.connection.remote,
            ch: login.session.as_ref()?.ch,
            contract: self.contract.clone(),
        })
    }

    /// Before a message is forwarded. The inner error is the refusal of a message that may not pass unremembered.
    pub(super) fn mirror_before(&mut self, op: &str) -> Result<Result<(), Refusal>, Ending> {
        if self.mirroring.is_none() {
            return Ok(Ok(()));
        }
        let risk = self.worker.shared.routes.load().find_native_op(op).map_or(Risk::Read, |route| route.risk);
        if !risk.writes() {
            return Ok(Ok(()));
        }
        match self.mirror()? {
            Written::Not if risk >= Risk::Reduce => {
                Ok(Err(Refusal::operator(Reject::StoreUnavailable, "the memory that nodes share does not answer")))
            }
            Written::Done | Written::Not => Ok(Ok(())),
        }
    }

    /// Before something is done for a session that may be another node's by now. A memory that does not answer is no reason to leave
    /// orders alone.
    pub(super) fn check_lease(&self) -> Result<(), Ending> {
        let Some(mirroring) = &self.mirroring else { return Ok(()) };
        let lost = mirroring.mirror.renew(&[(mirroring.session.sid, mirroring.fence)]).unwrap_or_default();
        match lost.first() {
            Some((_, told @ (MirrorError::Adopted | MirrorError::Fenced))) => Err(Ending::Lease(*told)),
            Some((_, MirrorError::Forgotten | MirrorError::Unavailable)) | None => Ok(()),
        }
    }

    /// What was said when the lease was to be renewed.
    pub(super) fn on_told(&mut self, told: MirrorError) -> Result<(), Ending> {
        match told {
            MirrorError::Adopted | MirrorError::Fenced => Err(Ending::Lease(told)),
            MirrorError::Forgotten | MirrorError::Unavailable => self.mirror().map(drop),
        }
    }
}

fn frames(kept: &[KeptText<'_>], held: usize) -> KeptFrames {
    let added = kept.iter().map(|frame| KeptFrame { s: frame.s, numbered: frame.numbered, text: frame.text.to_owned() });
    KeptFrames { added: added.collect(), held }
}

/// Waits until the mirror has something to say.
pub(super) async fn was_told(told: &mut watch::Receiver<Option<MirrorError>>) -> MirrorError {
    loop {
        if told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(told) = *told.borrow_and_update() {
            return told;
        }
    }
}
