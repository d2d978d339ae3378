//! The open native sessions of this node: for the operator to list, and to end.
//!
//! Entered when a session opens and left when it ends, whatever carriage it has; nothing here is touched by a message. Each
//! change is told to a recorder, if there is one, which keeps it in the store: a session whose beginning cannot be told does not
//! begin.

mod carriage_kind;
mod killed_by;
mod open;
mod records;
mod turns;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use countersign_core::{CredentialId, Refusal, Reject, Scopes, SessionId, Timestamp};
use countersign_store::shared::mirror::Fence;
use countersign_store::{AuditEvent, AuditRecord, SessionRecord};
use parking_lot::Mutex;
use tokio::sync::mpsc;

pub use carriage_kind::CarriageKind;
pub use killed_by::KilledBy;
pub use open::OpenSession;
pub use records::keep_records;

use super::limits::{AWAY_PER_KEY_MAX, SESSION_SHARDS};
use crate::shared::Shared;
use crate::{clock, operator};

/// What the recorder is told.
#[derive(Clone, Debug)]
pub enum SessionNotice {
    /// A session ended.
    Ended {
        /// Which.
        sid: SessionId,
        /// When.
        at: Timestamp,
        /// Why, in words of ours.
        reason: &'static str,
    },
    /// A session began.
    Opened(Box<SessionRecord>),
}

/// The registry.
#[derive(Default)]
pub struct Sessions {
    shards: [Mutex<HashMap<SessionId, Arc<OpenSession>>>; SESSION_SHARDS],
    recorder: OnceLock<mpsc::Sender<SessionNotice>>,
    away: Mutex<Away>,
    turns: turns::Turns,
}

/// Counts the sessions that wait for their client.
#[derive(Default)]
struct Away {
    by_key: HashMap<CredentialId, usize>,
    in_all: usize,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({} open)", self.len())
    }
}

impl Sessions {
    /// Tells this recorder of every session from now on; the first one stays. Without one, sessions are kept in memory only.
    pub fn set_recorder(&self, recorder: mpsc::Sender<SessionNotice>) {
        drop(self.recorder.set(recorder));
    }

    /// Open sessions, latest first, at most `limit`.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<operator::SessionRecord> {
        let mut all = self.open();
        all.sort_by_key(|session| std::cmp::Reverse((session.since, session.sid)));
        all.iter().take(limit).map(|session| session.shown()).collect()
    }

    /// One open session.
    #[must_use]
    pub fn find(&self, sid: SessionId) -> Option<operator::SessionRecord> {
        self.shard(sid).lock().get(&sid).map(|session| session.shown())
    }

    /// How many sessions of one credential are open.
    #[must_use]
    pub fn count_of(&self, credential: &CredentialId) -> usize {
        self.open().iter().filter(|session| session.credential == *credential).count()
    }

    /// Lets a session wait for its client. Whether it may: a key has [`AWAY_PER_KEY_MAX`] of them, the node `in_all_max`.
    pub(super) fn wait(&self, session: &OpenSession, in_all_max: usize) -> bool {
        let mut away = self.away.lock();
        let of_key = away.by_key.get(&session.credential).copied().unwrap_or(0);
        if session.is_away() || of_key >= AWAY_PER_KEY_MAX || away.in_all >= in_all_max {
            return session.is_away();
        }
        away.by_key.insert(session.credential.clone(), of_key + 1);
        away.in_all += 1;
        session.set_away(true);
        true
    }

    /// The wait is over: the client is back, or the session is over.
    pub(super) fn end_wait(&self, session: &OpenSession) {
        let mut away = self.away.lock();
        if !session.set_away(false) {
            return;
        }
        away.in_all -= 1;
        if let Some(of_key) = away.by_key.get_mut(&session.credential) {
            *of_key -= 1;
            if *of_key == 0 {
                away.by_key.remove(&session.credential);
            }
        }
    }

    /// How many sessions wait for their client.
    #[must_use]
    pub fn away(&self) -> usize {
        self.away.lock().in_all
    }

    /// The contract of a session was signed anew: operators see what is in force.
    pub(super) fn regranted(&self, sid: SessionId, scopes: &Scopes, until: Timestamp, ch: String) {
        if let Some(session) = self.entry(sid) {
            session.regrant(scopes, until, ch);
        }
    }

    /// Whoever brings a session of somewhere else into the registry has its turn meanwhile, and looks whether it is there first.
    pub(super) async fn turn(&self, sid: SessionId) -> turns::Turn<'_> {
        self.turns.wait(sid).await
    }

    /// The same without waiting: none where somebody is at it.
    pub(super) fn turn_now(&self, sid: SessionId) -> Option<turns::Turn<'_>> {
        self.turns.take(sid)
    }

    /// An open session.
    pub(crate) fn entry(&self, sid: SessionId) -> Option<Arc<OpenSession>> {
        self.shard(sid).lock().get(&sid).cloned()
    }

    /// Those that are open.
    pub(crate) fn open(&self) -> Vec<Arc<OpenSession>> {
        self.shards.iter().flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// Those that are in the mirror.
    pub(super) fn mirrored(&self) -> Vec<(Arc<OpenSession>, Fence)> {
        let fenced = |session: Arc<OpenSession>| session.fence().map(|fence| (session, fence));
        self.open().into_iter().filter_map(fenced).collect()
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends a session: its connection says `bye`, and its access token is worth nothing from now on. Whether there was one.
    pub fn kill(&self, sid: SessionId, by: KilledBy) -> bool {
        let found = self.shard(sid).lock().get(&sid).cloned();
        found.is_some_and(|session| session.kill(by))
    }

    /// Enters a session whose beginning was recorded.
    ///
    /// # Errors
    /// [`Reject::StoreUnavailable`] when the recorder does not take it: nothing begins that cannot be recorded.
    pub(super) fn enter(&self, session: Arc<OpenSession>, contract: String) -> Result<(), Refusal> {
        let record = SessionRecord {
            sid: session.sid,
            account: session.account.clone(),
            credential: session.credential.clone(),
            ch: session.ch(),
            contract,
            remote: Some(session.remote.ip()),
            created: session.since,
            ended: None,
            end_reason: None,
            shown: serde_json::to_string(&session.shown()).ok(),
        };
        self.tell(SessionNotice::Opened(Box::new(record)))
            .map_err(|()| Refusal::operator(Reject::StoreUnavailable, "the recorder of sessions does not keep up"))?;
        self.shard(session.sid).lock().insert(session.sid, session);
        Ok(())
    }

    fn leave(&self, sid: SessionId, reason: &'static str, goes_on: bool) {
        self.shard(sid).lock().remove(&sid);
        if !goes_on && self.tell(SessionNotice::Ended { sid, at: clock::wall(), reason }).is_err() {
            // The next start of the gateway ends what is still open in the records.
            tracing::warn!(%sid, "the end of a session could not be recorded");
        }
    }

    pub(crate) fn tell(&self, notice: SessionNotice) -> Result<(), ()> {
        self.recorder.get().map_or(Ok(()), |recorder| recorder.try_send(notice).map_err(drop))
    }

    fn shard(&self, sid: SessionId) -> &Mutex<HashMap<SessionId, Arc<OpenSession>>> {
        &self.shards[usize::from(sid.as_bytes()[0]) % SESSION_SHARDS]
    }
}

/// Keeps a session in the registry; when it is dropped, the session has ended and is recorded so.
pub(super) struct SessionGuard {
    shared: Arc<Shared>,
    session: Arc<OpenSession>,
    reason: &'static str,
    /// In the next process of this node, whose record it is, too.
    goes_on: bool,
}

impl SessionGuard {
    pub(super) fn new(shared: Arc<Shared>, session: Arc<OpenSession>) -> Self {
        shared.metrics.native_session_opened();
        Self { shared, session, reason: "connection closed", goes_on: false }
    }

    pub(super) fn session(&self) -> &Arc<OpenSession> {
        &self.session
    }

    /// Says why it will have ended.
    pub(super) fn set_reason(&mut self, reason: &'static str) {
        self.reason = reason;
    }

    /// Says that its record stays open.
    pub(super) fn set_goes_on(&mut self) {
        self.goes_on = true;
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let session = &self.session;
        self.shared.sessions.end_wait(session);
        self.shared.sessions.leave(session.sid, self.reason, self.goes_on);
        self.shared.metrics.native_session_closed();
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::SessionEnd).words(self.reason);
        record.session = Some(session.sid);
        record.account = Some(session.account.clone());
        record.key_id = Some(session.key_id.clone());
        record.credential = Some(session.credential.clone());
        record.remote = Some(session.remote.ip());
        if self.shared.audit.append(record).is_err() {
            self.shared.metrics.audit_lost();
        }
    }
}

#[cfg(test)]
mod tests;
