//! One open session, as the node's registry has it: what does not change, the terms that a re-grant changes, and the ways to reach
//! the task that serves it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_core::{AccountId, ApiKeyId, Binding, CredentialId, Refusal, Reject, Scopes, SessionId, Timestamp, VerifiedIdentity};
use countersign_handshake::Established;
use countersign_store::shared::mirror::{Fence, MirrorError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::{CarriageKind, KilledBy};
use crate::native::comeback::AtDoor;
use crate::native::mirror::Facts;
use crate::operator;

/// What a re-grant changes.
#[derive(Clone, Debug)]
struct Terms {
    /// The contract hash, base64url.
    ch: String,
    /// What it was granted.
    scopes: Scopes,
    /// When it ends at the latest.
    until: Timestamp,
}

/// One open session.
#[derive(Debug)]
pub struct OpenSession {
    /// Its name.
    pub sid: SessionId,
    /// Whose.
    pub account: AccountId,
    /// The key that opened it.
    pub key_id: ApiKeyId,
    /// The record of that key.
    pub credential: CredentialId,
    /// Since when.
    pub since: Timestamp,
    /// From where.
    pub remote: SocketAddr,
    /// On what.
    pub carriage: CarriageKind,
    /// How it is bound to its channel.
    pub binding: Binding,
    /// What a re-grant changes.
    terms: Mutex<Terms>,
    killed: watch::Sender<Option<KilledBy>>,
    /// Whether nobody is connected to it.
    away: AtomicBool,
    /// Where clients come back to; none where they cannot.
    returns: Option<mpsc::Sender<AtDoor>>,
    /// The number of this owner in the mirror; 0: it is not there.
    fence: AtomicU64,
    /// What the mirror said of it when its lease was to be renewed.
    told: watch::Sender<Option<MirrorError>>,
}

impl OpenSession {
    pub(in crate::native) fn new(
        established: &Established,
        since: Timestamp,
        remote: SocketAddr,
        carriage: CarriageKind,
        returns: Option<mpsc::Sender<AtDoor>>,
    ) -> Self {
        let (identity, contract) = (&established.identity, &established.contract);
        Self {
            sid: established.sid,
            account: identity.account().clone(),
            key_id: identity.key_id().clone(),
            credential: identity.credential().id.clone(),
            since,
            remote,
            carriage,
            binding: contract.bind,
            terms: Mutex::new(Terms { ch: established.ch.text(), scopes: contract.scopes.clone(), until: established.until }),
            killed: watch::Sender::new(None),
            away: AtomicBool::new(false),
            returns,
            fence: AtomicU64::new(0),
            told: watch::Sender::new(None),
        }
    }

    /// Of a session that another node served until now.
    pub(in crate::native) fn inherited(
        facts: &Facts,
        sid: SessionId,
        identity: &VerifiedIdentity,
        returns: Option<mpsc::Sender<AtDoor>>,
    ) -> Self {
        Self {
            sid,
            account: identity.account().clone(),
            key_id: identity.key_id().clone(),
            credential: identity.credential().id.clone(),
            since: facts.since,
            remote: facts.remote,
            carriage: CarriageKind::RawTls,
            binding: facts.contract.bind,
            terms: Mutex::new(Terms {
                ch: countersign_handshake::encoding::encode(&facts.ch),
                scopes: facts.contract.scopes.clone(),
                until: facts.until,
            }),
            killed: watch::Sender::new(None),
            away: AtomicBool::new(false),
            returns,
            fence: AtomicU64::new(0),
            told: watch::Sender::new(None),
        }
    }

    /// Nobody may come back to it: it ends, for this reason.
    pub(in crate::native) fn give_up(&self, by: KilledBy) {
        self.kill(by);
    }

    /// It is in the mirror from now on, under this fence.
    pub(in crate::native) fn set_fence(&self, fence: Fence) {
        self.fence.store(fence.number(), Ordering::Relaxed);
    }

    /// What the mirror says of it.
    pub(in crate::native) fn tell(&self, told: MirrorError) {
        self.told.send_replace(Some(told));
    }

    /// An ear for that.
    pub(in crate::native) fn told(&self) -> watch::Receiver<Option<MirrorError>> {
        self.told.subscribe()
    }

    /// Where a client that comes back is sent.
    ///
    /// # Errors
    /// [`Reject::SessionUnknown`] for another key than that which opened it, and where nobody can come back;
    /// [`Reject::SessionExpired`] after somebody ended it.
    pub(in crate::native) fn door(&self, identity: &VerifiedIdentity) -> Result<&mpsc::Sender<AtDoor>, Refusal> {
        if self.credential != identity.credential().id || self.key_id != *identity.key_id() {
            return Err(Refusal::operator(Reject::SessionUnknown, "a ticket of another key than that of the session"));
        }
        if let Some(by) = self.killed_by() {
            return Err(Refusal::operator(Reject::SessionExpired, by.words()));
        }
        self.returns.as_ref().ok_or_else(|| Reject::SessionUnknown.into())
    }

    /// Asks it to go on in the next process of this node. Whether it heard so: it is open, and somebody can come back to it.
    pub(crate) async fn ask_to_leave(&self) -> bool {
        match &self.returns {
            Some(door) => door.send(AtDoor::Leave).await.is_ok(),
            None => false,
        }
    }

    /// Whether its place in the mirror is known, and under which fence.
    pub(super) fn fence(&self) -> Option<Fence> {
        Fence::of(self.fence.load(Ordering::Relaxed))
    }

    /// Somebody is connected to it from now on, or nobody; whether nobody was.
    pub(super) fn set_away(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::Relaxed)
    }

    /// Ends it; whether it was open until now.
    pub(super) fn kill(&self, by: KilledBy) -> bool {
        self.killed.send_if_modified(|killed| {
            let first = killed.is_none();
            killed.get_or_insert(by);
            first
        })
    }

    /// Whether nobody is connected to it.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// The session as operators see it.
    pub(super) fn shown(&self) -> operator::SessionRecord {
        let Terms { scopes, until, .. } = self.terms.lock().clone();
        operator::SessionRecord {
            sid: self.sid.to_string(),
            account: self.account.to_string(),
            key_id: self.key_id.to_string(),
            scopes: scopes.to_string(),
            bind: self.binding.name().to_owned(),
            remote: self.remote.to_string(),
            since_ms: self.since.as_millis(),
            until_ms: Some(until.as_millis()),
            carriage: self.carriage.name().to_owned(),
            node: String::new(),
            away: self.is_away(),
            fix: None,
        }
    }

    /// The contract hash that is in force, base64url.
    pub(crate) fn ch(&self) -> String {
        self.terms.lock().ch.clone()
    }

    /// When it ends at the latest.
    pub(crate) fn until(&self) -> Timestamp {
        self.terms.lock().until
    }

    /// Its contract was signed anew.
    pub(super) fn regrant(&self, scopes: &Scopes, until: Timestamp, ch: String) {
        *self.terms.lock() = Terms { ch, scopes: scopes.clone(), until };
    }

    /// Who ended it.
    #[must_use]
    pub fn killed_by(&self) -> Option<KilledBy> {
        *self.killed.borrow()
    }

    /// An ear for its end.
    pub(in crate::native) fn killed(&self) -> watch::Receiver<Option<KilledBy>> {
        self.killed.subscribe()
    }

    /// One whose name is all of this byte.
    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(super) fn example(first: u8) -> Self {
        Self {
            sid: SessionId::from_bytes([first; 16]),
            account: AccountId::parse("desk").unwrap(),
            key_id: ApiKeyId::parse("key").unwrap(),
            credential: CredentialId::parse("credential").unwrap(),
            since: Timestamp::from_secs(u64::from(first)),
            remote: "192.0.2.1:1".parse().unwrap(),
            carriage: CarriageKind::RawTls,
            binding: Binding::Exp,
            terms: Mutex::new(Terms { ch: "ch".to_owned(), scopes: Scopes::none(), until: Timestamp::MAX }),
            killed: watch::Sender::new(None),
            away: AtomicBool::new(false),
            returns: None,
            fence: AtomicU64::new(0),
            told: watch::Sender::new(None),
        }
    }
}
