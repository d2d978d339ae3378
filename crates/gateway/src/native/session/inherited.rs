//! A session that another node, or the process before this one, served: from its mirror to a task of ours, at which nobody is yet.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::rate::WindowCounter;
use countersign_core::{Freshness, Monotonic, Now, Purpose, Refusal, Reject, SessionId, authorize, inherit as inherit_identity};
use countersign_session::{Absence, Generations, Restored, SessionMachine};
use countersign_store::SessionMirror;
use countersign_store::shared::mirror::Mirrored;
use tokio::sync::mpsc;
use tokio_websockets::CloseCode;

use super::Session;
use super::agreed::{cancel_policy, keeping};
use super::ending::Ending;
use super::feeds::Feeds;
use super::mirrored::Mirroring;
use super::streams::Streams;
use crate::authenticate::{Login, SessionRef};
use crate::clock;
use crate::connection::{Connection, ConnectionFacts};
use crate::native::carriage::{Carriage, CarriageError};
use crate::native::grant::contract_rate;
use crate::native::limits::RETURNS_WAITING_MAX;
use crate::native::line::Line;
use crate::native::mirror::Facts;
use crate::native::raw_head;
use crate::native::sessions::{KilledBy, OpenSession, SessionGuard};
use crate::shared::CredentialTable;
use crate::websocket::links::Links;
use crate::worker::Worker;

/// A carriage that nobody has: those who come back are served by tasks of their own.
pub(super) enum Nobody {}

impl Carriage for Nobody {
    async fn receive(&mut self) -> Result<Bytes, CarriageError> {
        match *self {}
    }

    fn buffered(&self) -> usize {
        match *self {}
    }

    fn set_open(&mut self) {
        match *self {}
    }

    async fn feed(&mut self, _frame: String) -> Result<(), CarriageError> {
        match *self {}
    }

    async fn flush(&mut self) -> Result<(), CarriageError> {
        match *self {}
    }

    async fn close(self, _code: Option<CloseCode>, _reason: &'static str) {
        match self {}
    }
}

/// Goes on with a session that was taken; `at_rest` when it had come to rest before. When it returns, the session is in the registry and waits for its client.
///
/// # Errors
/// The refusal: what is there cannot be read, its key is not known here, or its beginning here cannot be recorded.
pub(in crate::native) fn inherit(
    worker: &Rc<Worker>,
    mirror: Option<&Arc<SessionMirror>>,
    sid: SessionId,
    taken: Mirrored,
    at_rest: bool,
) -> Result<(), Refusal> {
    let facts = Facts::read(&taken.facts).ok_or_else(|| Refusal::operator(Reject::Internal, "a mirror that nobody can read"))?;
    let table = worker.shared.credentials.load();
    let entry = table.find(Purpose::Native, &facts.key_id);
    let identity = inherit_identity((Purpose::Native, &facts.credential), entry.map(|entry| &entry.credential), facts.verified)?;
    let (door, returns) = mpsc::channel(RETURNS_WAITING_MAX);
    let door = (!facts.contract.resume_window().is_zero()).then_some(door);
    let open = Arc::new(OpenSession::inherited(&facts, sid, &identity, door));
    let connection = Rc::new(Connection::of_facts(ConnectionFacts::of_another_node(worker.correlation.next(), facts.remote, facts.since)));
    let head = raw_head(worker, &connection)?;
    let fence = taken.fence;
    let links = taken.progress.links.clone();
    let streams = Streams::read(&taken.streams);
    let (machine, generations, absence) = restored(&facts, taken, at_rest, clock::now());
    let login = Login {
        session: Some(SessionRef { sid, ch: facts.ch, granted: facts.contract.scopes.clone() }),
        ..Login::new(identity, Freshness::Channel, entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default())
    };
    let session = Session::<Nobody> {
        worker: Rc::clone(worker),
        connection,
        line: Line::Away,
        machine,
        absence,
        generations,
        returns,
        await_ready: None,
        rate: contract_rate(&facts.contract),
        until: facts.until,
        login: Some(login),
        // None that is in force: the key is looked at before anything else.
        checked: Arc::new(CredentialTable::default()),
        links: Links::new(),
        streams,
        feeds: Feeds::default(),
        head,
        refusals: WindowCounter::new(Duration::from_secs(60)),
        reauths: WindowCounter::new(Duration::from_secs(60)),
        renewable: None,
        drain_ends: None,
        unanswered: 0,
        told_halt: None,
        known_halt: None,
        mirroring: mirror.map(|mirror| Mirroring::new(Arc::clone(mirror), Arc::clone(&open), fence)),
        contract: facts.contract,
    };
    worker.shared.sessions.enter(Arc::clone(&open), session.contract.to_text())?;
    let guard = SessionGuard::new(Arc::clone(&worker.shared), open);
    tokio::task::spawn_local(Box::pin(session.live_on(guard, links)));
    Ok(())
}

fn restored(facts: &Facts, taken: Mirrored, at_rest: bool, now: Now) -> (SessionMachine, Generations, Absence) {
    let contract = &facts.contract;
    let ago =
        |since: Duration| Monotonic::from_micros(now.mono.as_micros().saturating_sub(u64::try_from(since.as_micros()).unwrap_or(u64::MAX)));
    let progress = taken.progress;
    let from = Restored {
        rx: progress.rx,
        tx: progress.tx,
        acked: progress.acked,
        at_rest,
        kept: taken.frames.into_iter().map(|(frame, age)| (ago(age), frame.s, frame.numbered, frame.text)).collect(),
    };
    let life = facts.until.saturating_since(now.wall);
    let machine = SessionMachine::restored(contract.heartbeat(), life, keeping(contract), from, now);
    let since = ago(progress.away_for.unwrap_or_default());
    let absence = Absence::restored(cancel_policy(contract), contract.resume_window(), since, progress.cancelled);
    (machine, Generations::restored(progress.committed, progress.issued), absence)
}

impl<C: Carriage + 'static> Session<C> {
    /// As [`Session::live`], from the middle.
    async fn live_on(mut self, guard: SessionGuard, upstreams: Vec<usize>) {
        let sessions = &self.worker.shared.sessions;
        // HS-91: one more than may wait. It cannot come back, so its orders do not wait either.
        if !sessions.wait(guard.session(), self.worker.shared.settings.limits.connections_max) {
            guard.session().give_up(KilledBy::Crowd);
        }
        if let Err(lost) = self.mirror() {
            self.lost_at_once(lost, guard).await;
            return;
        }
        self.reopen(upstreams).await;
        self.subscribe_again().await;
        self.live(guard).await;
    }

    async fn lost_at_once(self, lost: Ending, mut guard: SessionGuard) {
        guard.set_reason(lost.reason());
        drop(guard);
        self.end(lost).await;
    }

    /// Opens links where the other node had some, so that what happens is told to whoever comes back. One that fails is opened with the
    /// first message.
    async fn reopen(&mut self, upstreams: Vec<usize>) {
        let routes = self.worker.shared.routes.load_full();
        let mut permits = HashMap::new();
        for route in routes.native_ops().filter(|route| upstreams.contains(&route.upstream)) {
            let Some(login) = &self.login else { return };
            if let Ok(permit) = authorize(&login.identity, Some(&self.contract.scopes), &route.requirement) {
                permits.entry(route.upstream).or_insert(permit);
            }
        }
        for (upstream, permit) in permits {
            let session = self.login.as_ref().and_then(|login| login.session.as_ref());
            let opened = self.links.open(&self.worker, &self.connection, upstream, upstream, &permit, session, &self.head).await;
            if let Err(refusal) = opened {
                tracing::warn!(upstream, %refusal, "a link of a session that was taken over is not open again");
            }
        }
    }
}
