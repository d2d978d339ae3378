//! An open FIX session, as operators see it: who, which numbers, what is behind it; and how they end it.
//!
//! The bridge writes, operators read: numbers are plain atomics that are a moment behind, which is all a list can promise anyway.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use countersign_core::{AccountId, ApiKeyId, CredentialId, Purpose, Refusal, Reject, SessionId, Timestamp};
use countersign_fix::{MessageStore, SessionName};
use countersign_session::CancelScope;
use countersign_store::BridgeJournals;
use tokio::sync::{mpsc, oneshot, watch};

use crate::native::sessions::{CarriageKind, KilledBy, SessionNotice};
use crate::operator::{FixRecord, FixUpstreamRecord, SessionRecord};

/// How the session with the venue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamState {
    /// It is told goodbye, or orders are cancelled before.
    Leaving,
    /// It is gone.
    Lost,
    /// Both sides are logged on.
    Open,
}

impl UpstreamState {
    const ALL: [Self; 3] = [Self::Leaving, Self::Lost, Self::Open];

    /// The word for operators.
    const fn name(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Lost => "lost",
            Self::Open => "open",
        }
    }
}

/// Who is behind a session.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its name: that of the native session where there is one.
    pub sid: SessionId,
    /// Whether it is in the list of native sessions, too.
    pub native: bool,
    /// Whose.
    pub account: AccountId,
    /// By which key.
    pub key_id: ApiKeyId,
    /// The record of that key.
    pub credential: CredentialId,
    /// What it may do, separated by spaces.
    pub scopes: String,
    /// Whose proof was in the Logon.
    pub proof: &'static str,
    /// What its key is for.
    pub purpose: Purpose,
    /// From where.
    pub remote: SocketAddr,
    /// Since when.
    pub since: Timestamp,
    /// The end of its life, where it has one.
    pub until: Option<Timestamp>,
    /// Whose orders go when it is lost.
    pub cancels: CancelScope,
}

/// An open session.
#[derive(Debug)]
pub struct OpenFix {
    holder: Holder,
    client: SessionName,
    /// The upstream's name in the configuration, and the session there.
    upstream: (String, SessionName),
    client_numbers: Numbers,
    upstream_numbers: Numbers,
    upstream_state: AtomicU8,
    killed: watch::Sender<Option<KilledBy>>,
    asks: mpsc::Sender<CancelAsk>,
}

/// A halt wants the orders of this session cancelled.
#[derive(Debug)]
pub struct CancelAsk {
    /// Of this instrument only.
    pub instrument: Option<Box<str>>,
    /// How many went, or why none can be told.
    pub answer: oneshot::Sender<Result<usize, Refusal>>,
}

/// Halts that wait for one session at once: each waits seconds at most, and operators type slower.
const ASKS_MAX: usize = 4;

/// The next numbers of one side.
#[derive(Debug, Default)]
struct Numbers {
    expects: AtomicU64,
    sends: AtomicU64,
}

impl Numbers {
    fn note(&self, store: &impl MessageStore) {
        self.expects.store(store.next_target(), Ordering::Relaxed);
        self.sends.store(store.next_sender(), Ordering::Relaxed);
    }

    fn shown(&self) -> (u64, u64) {
        (self.expects.load(Ordering::Relaxed), self.sends.load(Ordering::Relaxed))
    }
}

impl OpenFix {
    /// The session, and where it hears of halts that cancel.
    pub(super) fn new(
        holder: Holder,
        client: SessionName,
        upstream: (String, SessionName),
        journals: &BridgeJournals,
    ) -> (Self, mpsc::Receiver<CancelAsk>) {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let open = Self {
            holder,
            client,
            upstream,
            client_numbers: Numbers::default(),
            upstream_numbers: Numbers::default(),
            upstream_state: AtomicU8::new(UpstreamState::Open as u8),
            killed: watch::Sender::new(None),
            asks,
        };
        open.note_numbers(journals);
        (open, asked)
    }

    /// Asks the venue, in this session, to cancel its orders.
    ///
    /// # Errors
    /// [`Reject::UpstreamUnavailable`] when the session ended meanwhile; what the venue says.
    pub(crate) async fn cancel(&self, instrument: Option<&str>) -> Result<usize, Refusal> {
        let (answer, answered) = oneshot::channel();
        let ended = || Refusal::operator(Reject::UpstreamUnavailable, "the FIX session ended before it was answered");
        self.asks.send(CancelAsk { instrument: instrument.map(Into::into), answer }).await.map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Who is behind it.
    #[must_use]
    pub const fn holder(&self) -> &Holder {
        &self.holder
    }

    /// What both journals say by now.
    pub(super) fn note_numbers(&self, journals: &BridgeJournals) {
        self.client_numbers.note(&journals.client);
        self.upstream_numbers.note(&journals.upstream);
    }

    pub(super) fn note_upstream(&self, state: UpstreamState) {
        self.upstream_state.store(state as u8, Ordering::Relaxed);
    }

    /// Ends it. Whether it was not ended before.
    pub(super) fn kill(&self, by: KilledBy) -> bool {
        self.killed.send_if_modified(|killed| {
            let first = killed.is_none();
            killed.get_or_insert(by);
            first
        })
    }

    /// An ear for its end.
    pub(super) fn killed(&self) -> watch::Receiver<Option<KilledBy>> {
        self.killed.subscribe()
    }

    /// Its FIX side for operators.
    #[must_use]
    pub fn record(&self) -> FixRecord {
        let (expects, sends) = self.client_numbers.shown();
        let (upstream_expects, upstream_sends) = self.upstream_numbers.shown();
        let state = self.upstream_state.load(Ordering::Relaxed);
        let state = UpstreamState::ALL.into_iter().find(|known| *known as u8 == state).unwrap_or(UpstreamState::Lost);
        let (name, session) = &self.upstream;
        FixRecord {
            version: self.client.version.begin_string().to_owned(),
            sender: self.client.peer.as_str().to_owned(),
            target: self.client.comp_id.as_str().to_owned(),
            expects,
            sends,
            cancel_on_disconnect: self.holder.cancels.name().to_owned(),
            upstream: FixUpstreamRecord {
                name: name.clone(),
                sender: session.comp_id.as_str().to_owned(),
                target: session.peer.as_str().to_owned(),
                state: state.name().to_owned(),
                expects: upstream_expects,
                sends: upstream_sends,
            },
        }
    }

    /// Its beginning for the records, where other nodes find it: a session that is not in those of native ones.
    pub(super) fn opened(&self) -> SessionNotice {
        let Holder { sid, account, credential, remote, since, .. } = &self.holder;
        SessionNotice::Opened(Box::new(countersign_store::SessionRecord {
            sid: *sid,
            account: account.clone(),
            credential: credential.clone(),
            // There is no contract but what FIX says.
            ch: CarriageKind::Fix.name().to_owned(),
            contract: String::new(),
            remote: Some(remote.ip()),
            created: *since,
            ended: None,
            end_reason: None,
            shown: serde_json::to_string(&self.shown()).ok(),
        }))
    }

    /// Its end.
    pub(super) fn ended(&self, at: Timestamp) -> SessionNotice {
        let reason = self.killed.borrow().map_or("connection closed", KilledBy::reason);
        SessionNotice::Ended { sid: self.holder.sid, at, reason }
    }

    /// All of it, for a session that is not in the list of native ones.
    #[must_use]
    pub fn shown(&self) -> SessionRecord {
        let Holder { sid, account, key_id, scopes, proof, remote, since, until, .. } = &self.holder;
        SessionRecord {
            sid: sid.to_string(),
            account: account.to_string(),
            key_id: key_id.to_string(),
            scopes: scopes.clone(),
            bind: (*proof).to_owned(),
            remote: remote.to_string(),
            since_ms: since.as_millis(),
            until_ms: until.map(Timestamp::as_millis),
            carriage: CarriageKind::Fix.name().to_owned(),
            node: String::new(),
            away: false,
            fix: Some(self.record()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_back() {
        for state in UpstreamState::ALL {
            let found = UpstreamState::ALL.into_iter().find(|known| *known as u8 == state as u8);
            assert_eq!(found, Some(state));
        }
    }
}
