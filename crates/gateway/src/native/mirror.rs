//! Sessions that other nodes can go on with, and sessions of other nodes that are gone on with here.
//!
//! ```text
//!   a client comes back   ─▶ in our registry: as always
//!                         ├▶ in the process before this one: brought to rest there, handed over ─▶ inherit ─▶ as always
//!                         └▶ in the mirror: taken, with a higher fence ─▶ [`inherit`](super::session::inherit) ─▶ as always
//!   twice a second        ─▶ leases of ours renewed; what another one took is told to its task, which stops
//!                         └▶ leases that ran out: of all nodes one takes the session ─▶ inherit ─▶ it waits, its orders are cancelled in time
//! ```
//!
//! A session that was taken is at first one that waits for its client. So everything after that (tickets, numbers, replay, the grace,
//! the end) is what happens in one process, too ([`session`](super::session)).

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{ApiKeyId, CredentialId, Refusal, Reject, SessionId, Timestamp};
use countersign_handshake::Contract;
use countersign_handshake::strict_json::Object;
use countersign_store::SessionMirror;
use countersign_store::limits::{MIRROR_LEASE, MIRROR_RENEW};
use countersign_store::shared::mirror::{Fence, KeptFrame, MirrorError, Mirrored, Progress, Take};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::session::inherit;
use super::sessions::{KilledBy, OpenSession};
use crate::clock;
use crate::handover::taking::{Predecessor, StillThere};
use crate::handover::{Handed, HandedSession};
use crate::worker::Worker;

/// How long the record of a session that is taken over is waited for: far below what a client waits for its resume, and below the lease
/// of our own sessions, which are not renewed meanwhile.
const RECORD_WAIT: Duration = Duration::from_secs(1);

/// How a session is found that another one served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Its process let go of it: what is written is where it stands.
    AtRest,
    /// Its last word may not be written.
    Open,
    /// Somebody ended it.
    Over(KilledBy),
}

impl Found {
    const fn of(at_rest: bool, over: Option<KilledBy>) -> Self {
        match (over, at_rest) {
            (Some(by), _) => Self::Over(by),
            (None, true) => Self::AtRest,
            (None, false) => Self::Open,
        }
    }

    /// Who ended it.
    const fn over(self) -> Option<KilledBy> {
        match self {
            Self::Over(by) => Some(by),
            Self::AtRest | Self::Open => None,
        }
    }
}

/// What does not change while a client is there.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The key that opened it.
    pub(super) key_id: ApiKeyId,
    /// The record of that key.
    pub(super) credential: CredentialId,
    /// When its identity was verified last.
    pub(super) verified: Timestamp,
    /// Since when.
    pub(super) since: Timestamp,
    /// The end of its life.
    pub(super) until: Timestamp,
    /// From where.
    pub(super) remote: SocketAddr,
    /// The contract hash.
    pub(super) ch: [u8; 32],
    /// What was agreed.
    pub(super) contract: Contract,
}

impl Facts {
    pub(super) fn write(&self) -> Vec<u8> {
        json!({
            "key": self.key_id.as_str(),
            "cred": self.credential.as_str(),
            "verified": self.verified.as_micros(),
            "since": self.since.as_micros(),
            "until": self.until.as_micros(),
            "remote": self.remote.to_string(),
            "ch": countersign_handshake::encoding::encode(&self.ch),
            "contract": self.contract.to_text(),
        })
        .to_string()
        .into_bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let facts: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| facts[name].as_str();
        let time = |name: &str| facts[name].as_u64().map(Timestamp::from_micros);
        Some(Self {
            key_id: ApiKeyId::parse(text("key")?).ok()?,
            credential: CredentialId::parse(text("cred")?).ok()?,
            verified: time("verified")?,
            since: time("since")?,
            until: time("until")?,
            remote: text("remote")?.parse().ok()?,
            ch: countersign_handshake::encoding::decode_array(text("ch")?)?,
            contract: Contract::from_object(&Object::parse(text("contract")?.as_bytes()).ok()?)?,
        })
    }
}

/// The session that a client comes back to: ours, or another node's, which is ours from now on.
///
/// # Errors
/// [`Reject::SessionUnknown`]; [`Reject::Busy`] when it may be another node's and nobody can tell now: the client comes again.
pub(super) async fn find(worker: &Rc<Worker>, sid: SessionId) -> Result<Arc<OpenSession>, Refusal> {
    let sessions = &worker.shared.sessions;
    if let Some(session) = sessions.entry(sid) {
        return Ok(session);
    }
    let _turn = sessions.turn(sid).await;
    if let Some(session) = sessions.entry(sid) {
        return Ok(session);
    }
    let mut at_rest = false;
    if let Some(predecessor) = &worker.shared.predecessor {
        let handed = predecessor.session(sid).await;
        let still = |StillThere| Refusal::operator(Reject::Busy, "the process before this one does not let go of the session");
        let handed = handed.map_err(still)?;
        at_rest = matches!(handed, Handed::InMemory { at_rest: true });
        go_on(worker, sid, handed)?;
        if let Some(session) = sessions.entry(sid) {
            return Ok(session);
        }
    }
    let mirror = worker.shared.mirror.as_ref().ok_or(Reject::SessionUnknown)?;
    let over = over(worker, sid).await;
    let taken = mirror.take(sid, Take::Any).map_err(|error| match error {
        MirrorError::Unavailable => Refusal::operator(Reject::Busy, error.to_string()),
        MirrorError::Adopted | MirrorError::Fenced | MirrorError::Forgotten => Refusal::operator(Reject::SessionUnknown, error.to_string()),
    })?;
    take(worker, Some(mirror), sid, taken.ok_or(Reject::SessionUnknown)?, Found::of(at_rest, over))?;
    sessions.entry(sid).ok_or_else(|| Reject::SessionUnknown.into())
}

/// Goes on with what the process before this one handed over.
fn go_on(worker: &Rc<Worker>, sid: SessionId, handed: Handed) -> Result<(), Refusal> {
    match handed {
        Handed::Here(session) => {
            let at_rest = session.at_rest;
            let taken = on_arrival(*session, &worker.shared.settings.cluster.node);
            take(worker, worker.shared.mirror.as_ref(), sid, taken, Found::of(at_rest, None))
        }
        // Found there like any other.
        Handed::InMemory { .. } | Handed::Unknown => Ok(()),
    }
}

/// Takes in the sessions that the process before this one hands over. A client that asks for its own is quicker, if it is still there when
/// the session comes; whoever comes back meanwhile waits until it is here.
///
/// Nothing is waited for between two of them: who has the turn of one may wait for what the other process sends behind it.
pub(crate) async fn take_in(worker: Rc<Worker>, predecessor: Arc<Predecessor>, mut sessions: mpsc::Receiver<SessionId>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = under_way.next() => {}
            next = sessions.recv() => match next {
                Some(sid) => under_way.push(take_one_in(&worker, &predecessor, sid)),
                None => break,
            },
        }
    }
    under_way.collect::<()>().await;
}

async fn take_one_in(worker: &Rc<Worker>, predecessor: &Predecessor, sid: SessionId) {
    let _turn = worker.shared.sessions.turn(sid).await;
    // Its client was quicker.
    let Some(handed) = predecessor.claim(sid) else { return };
    let outcome = match (&handed, worker.shared.mirror.as_ref()) {
        (Handed::InMemory { at_rest }, Some(mirror)) => match mirror.take(sid, Take::Any) {
            Ok(Some(taken)) => take(worker, Some(mirror), sid, taken, Found::of(*at_rest, None)),
            // Its lease runs out, and then it is adopted.
            Ok(None) | Err(_) => Ok(()),
        },
        (Handed::Here(_) | Handed::InMemory { .. } | Handed::Unknown, _) => go_on(worker, sid, handed),
    };
    // Said where it failed.
    drop(outcome);
}

/// Who ended a session for good, as the records say. A memory that lost the last word of a node that died after it (it was away,
/// or an older copy of it answers) still holds what an operator ended. A database that does not answer is no reason to leave a client
/// alone whose node just died: the key is looked at all the same.
async fn over(worker: &Worker, sid: SessionId) -> Option<KilledBy> {
    match tokio::time::timeout(RECORD_WAIT, worker.shared.store.session(sid)).await {
        Ok(Ok(record)) => record.and_then(|record| KilledBy::of_record(&record.end_reason?)),
        Ok(Err(error)) => {
            tracing::warn!(%sid, %error, "a session is taken over, and its record cannot be read");
            None
        }
        Err(_) => {
            tracing::warn!(%sid, "a session is taken over, and its record is not read in time");
            None
        }
    }
}

fn on_arrival(session: HandedSession, node: &str) -> Mirrored {
    let HandedSession { facts, rx, tx, acked, committed, issued, at_rest: _, cancelled, away_ms, links, streams, frames } = session;
    let away_for = away_ms.map(Duration::from_millis);
    let frame = |(s, numbered, text)| (KeptFrame { s, numbered, text }, Duration::ZERO);
    Mirrored {
        fence: Fence::FIRST,
        node: node.to_owned(),
        facts: facts.into_bytes(),
        progress: Progress { rx, tx, acked, committed, issued, cancelled, away_for, links },
        streams: serde_json::to_vec(&streams).unwrap_or_default(),
        frames: frames.into_iter().map(frame).collect(),
    }
}

fn take(worker: &Rc<Worker>, mirror: Option<&Arc<SessionMirror>>, sid: SessionId, taken: Mirrored, found: Found) -> Result<(), Refusal> {
    let node = taken.node.clone();
    inherit(worker, mirror, sid, taken, found == Found::AtRest).inspect_err(|refusal| {
        tracing::error!(%sid, node, %refusal, "a session of another node cannot be gone on with: its orders may rest");
    })?;
    // Once it is in the registry: what is called for or revoked from now on finds it there.
    worker.shared.halts.cancels().note_arrived(sid);
    let over = found.over().or_else(|| worker.shared.oauth.who_revoked(sid));
    match worker.shared.sessions.entry(sid).zip(over) {
        // Its orders are cancelled as its contract says, and nobody comes back to it.
        Some((session, by)) => {
            tracing::warn!(%sid, node, "a session that was ended is still in the shared memory: it ends here");
            session.give_up(by);
        }
        None => tracing::info!(%sid, node, "goes on with a session of another node or of the process before"),
    }
    Ok(())
}

/// Renews the leases of this node's sessions until the gateway has drained, and adopts those that nobody serves until it drains.
pub(crate) async fn keep_mirror(worker: Rc<Worker>, mirror: Arc<SessionMirror>) {
    let mut ticks = tokio::time::interval(MIRROR_RENEW);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // After a silence of the memory every lease looks as if it had run out: their owners come first.
    let mut adopts_from = clock::mono().saturating_add(MIRROR_LEASE);
    loop {
        ticks.tick().await;
        let now = clock::mono();
        let outcome = renew(&worker, &mirror);
        if worker.shared.drain.is_started() {
            // What is here is renewed until it has gone elsewhere. Nothing new begins here.
            continue;
        }
        if outcome.is_ok() && now >= adopts_from {
            adopt(&worker, &mirror).await;
        } else if outcome.is_err() {
            adopts_from = now.saturating_add(MIRROR_LEASE);
        }
    }
}

fn renew(worker: &Rc<Worker>, mirror: &SessionMirror) -> Result<(), MirrorError> {
    let mirrored = worker.shared.sessions.mirrored();
    let held: Vec<_> = mirrored.iter().map(|(session, fence)| (session.sid, *fence)).collect();
    let lost = mirror.renew(&held);
    if held.is_empty() {
        // Asked even for none: whether it answers is what counts.
        mirror.expired()?;
    }
    for (sid, told) in lost? {
        if let Some((session, _)) = mirrored.iter().find(|(session, _)| session.sid == sid) {
            session.tell(told);
        }
    }
    Ok(())
}

async fn adopt(worker: &Rc<Worker>, mirror: &Arc<SessionMirror>) {
    let Ok(expired) = mirror.expired() else { return };
    // All at once: our own leases are not renewed meanwhile.
    let found = futures_util::future::join_all(expired.iter().map(|sid| over(worker, *sid))).await;
    for (sid, over) in expired.into_iter().zip(found) {
        // Its client is here, and somebody goes on with it.
        let Some(_turn) = worker.shared.sessions.turn_now(sid) else { continue };
        // Of ours the worker that serves it was late; it is renewed above.
        if worker.shared.sessions.entry(sid).is_some() {
            continue;
        }
        if let Ok(Some(taken)) = mirror.take(sid, Take::Expired) {
            // Said where it failed.
            let _ = take(worker, Some(mirror), sid, taken, Found::of(false, over));
        }
    }
}
