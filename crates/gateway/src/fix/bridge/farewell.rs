//! How a bridge ends: who is told what, and for how long it is waited.

use std::time::Duration;

use countersign_core::{Refusal, Reject};
use countersign_fix::{Event, Phase};
use countersign_session::{CancelScope, Departure};
use countersign_store::{AuditEvent, AuditRecord, BridgeJournals, FixLeft};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Bridge, End, LAST_WORDS, Side, commit};
use crate::audit::{self, Subject};
use crate::authenticate::recheck_certificate;
use crate::fix::will::{self, Facts};
use crate::{clock, native};

/// How long the other side gets to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// Whether the session with the venue can be used for what is left to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    /// It is gone, or has had something for the client that nobody may count.
    Spent,
    Usable,
}

/// Lets other nodes have the session.
pub(in crate::fix) async fn give_back(journals: &BridgeJournals) {
    match journals.give_back().await {
        FixLeft::GivenBack | FixLeft::Elsewhere => {}
        FixLeft::Kept => tracing::warn!("a FIX session could not be given back: it is kept here until the database is back"),
        FixLeft::ToItsLease => tracing::warn!("a FIX session could not be given back, nor kept: other nodes wait for its lease"),
    }
}

/// The same, with what is still to be done with its orders.
pub(in crate::fix) async fn keep_will(journals: &BridgeJournals) {
    let what = "a FIX session whose orders are to be cancelled could not be given back";
    match journals.give_back_with_will().await {
        FixLeft::GivenBack | FixLeft::Elsewhere => {}
        FixLeft::Kept => tracing::warn!("{what}: it is kept here until the database is back"),
        FixLeft::ToItsLease => tracing::warn!("{what}, nor kept: other nodes wait for its lease"),
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// Ends the session when its key may no longer be used, or its native session is over; else tells it of halts.
    pub(super) fn recheck(&mut self) {
        let identity = &self.login.identity;
        let session = self.listed.session().holder().sid;
        let present = self.worker.shared.halts.gate().admit_presence(Some(identity), self.profile.venue.family(), Some(session));
        if let Err(refusal) = present {
            let subject = Subject::none().by(Some(&self.login));
            audit::refused(&self.worker, &self.connection, &subject, &refusal, self.correlation);
            return self.say_goodbye(refusal.reject.alert().text(), Departure::Ended);
        }
        self.recheck_login();
        if self.fallen.is_none() {
            self.tell_halts();
        }
    }

    /// Ends the session when its login holds no longer. Asked before each message, too: whoever revokes a key is told so before the
    /// connections that it opened were all looked at.
    pub(super) fn recheck_login(&mut self) {
        if self.fallen.is_some() {
            return;
        }
        let identity = &self.login.identity;
        let table = self.worker.shared.credentials.load();
        let entry = table.find(identity.purpose(), identity.key_id());
        let standing = identity.recheck(entry.map(|entry| &entry.credential), Some(self.connection.remote.ip()), clock::wall());
        let standing = standing.and_then(|now| recheck_certificate(&self.worker, &self.connection, &self.login).map(|()| now));
        let standing = standing.and_then(|now| self.native.as_ref().map_or(Ok(()), native::FixSession::check_open).map(|()| now));
        match standing {
            // It may have another end than when it logged on.
            Ok(now) => self.login.identity = now,
            Err(refusal) => self.fall(&refusal),
        }
    }

    fn fall(&mut self, refusal: &Refusal) {
        let subject = Subject::none().by(Some(&self.login));
        audit::refused(&self.worker, &self.connection, &subject, refusal, self.correlation);
        self.fallen.get_or_insert(refusal.reject);
        self.say_goodbye("the credential may no longer be used", Departure::Ended);
    }

    /// Says Logout first: whatever the client answers, it was not the one who left.
    pub(super) fn say_goodbye(&mut self, text: &str, how: Departure) {
        self.parting.get_or_insert(how);
        if how == Departure::Ended {
            // What the client says before it has read that is not forwarded.
            self.fallen.get_or_insert(Reject::SessionExpired);
        }
        if self.client.session.logout(clock::now(), Some(text)).is_err() {
            tracing::debug!(correlation = %self.correlation, "no FIX session to log out of");
        }
    }

    /// How the session was left. Who comes back opens it by another Logon: there is no grace (HS-96).
    pub(super) const fn departure(&self, end: &End) -> Departure {
        match (self.parting, end) {
            (Some(how), _) => how,
            (None, End::Client) if self.logged_out => Departure::Logout,
            (None, End::Client | End::Elsewhere | End::Store(_) | End::Upstream(_)) => Departure::Ended,
        }
    }

    /// Whether its client left in order, and nothing is due to its orders for that.
    pub(super) fn keeps_its_orders(&self) -> bool {
        let mut absence = self.absence;
        self.logged_out && (self.keeps_orders || absence.left(Departure::Logout, clock::mono()).is_none())
    }

    /// What a Logon within the session agreed on, or its Logout, holds for other nodes, too, before its client hears so. Behind the
    /// commit, which finds out whether the database is there: a question that is not answered leaves nobody knowing.
    pub(super) async fn write_terms(&mut self) -> Result<(), End> {
        let Some(scope) = self.agreed.take() else { return Ok(()) };
        if scope == CancelScope::Nothing {
            self.journals.drop_will().await;
            return Ok(());
        }
        let (_, client) = self.taken.client();
        let (holder, upstream) = (self.listed.session().holder(), self.taken.upstream());
        let facts = Facts { holder, login: &self.login, client: &client, upstream, profile: &self.profile };
        will::leave(&self.worker, scope, &facts, &self.journals).await.map_err(End::Store)
    }

    pub(super) async fn leave_upstream(&mut self) {
        if self.upstream.session.logout(clock::now(), None).is_err() {
            return;
        }
        let goodbye = async {
            commit(&self.journals, &[Side::Upstream], false).await.ok()?;
            self.upstream.transmit().await.ok()?;
            while self.upstream.session.phase() != Phase::Disconnected {
                self.upstream.receive().await.ok()?;
                self.upstream.take();
                while let Some(event) = self.upstream.session.poll_event() {
                    // News that the client cannot get any more is not counted: it is asked for when the client is back.
                    if matches!(event, Event::Application(_)) {
                        return None;
                    }
                }
                commit(&self.journals, &[Side::Upstream], false).await.ok()?;
                self.upstream.transmit().await.ok()?;
            }
            Some(())
        };
        drop(tokio::time::timeout(FAREWELL, goodbye).await);
    }

    pub(super) fn note_end(&self) {
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::SessionEnd).identity(&self.login.identity);
        record.correlation = Some(self.correlation);
        record.session = Some(self.listed.session().holder().sid);
        record.remote = Some(self.connection.remote.ip());
        if self.worker.shared.audit.append(record).is_err() {
            self.worker.shared.metrics.audit_lost();
        }
    }

    /// The numbers are the other node's, which left out those that are used here.
    pub(super) async fn say_served_elsewhere(&mut self) {
        tracing::warn!(correlation = %self.correlation, "another node serves a FIX session that was open here");
        self.say_goodbye("another node serves this session", Departure::Ended);
        if self.journals.commit_here(&[Side::Client]).await.is_ok() {
            let _told = tokio::time::timeout(LAST_WORDS, self.client.transmit()).await;
        }
    }

    pub(super) async fn leave_client(&mut self, text: &str) {
        self.say_goodbye(text, Departure::Ended);
        let goodbye = async {
            while commit(&self.journals, &[Side::Client], false).await.is_ok()
                && self.client.transmit().await.is_ok()
                && self.client.session.phase() != Phase::Disconnected
                && self.client.receive().await.is_ok()
            {
                self.client.take();
            }
        };
        drop(tokio::time::timeout(FAREWELL, goodbye).await);
    }
}

/// Why a session was left, for the record of what became of its orders.
pub(super) const fn why(end: &End, how: Departure) -> &'static str {
    match (how, end) {
        (Departure::Logout, _) => "logout",
        (Departure::Shutdown, _) => "drain",
        (Departure::Ended | Departure::Lost, End::Client) => "session lost",
        (Departure::Ended | Departure::Lost, End::Elsewhere) => "served by another node",
        (Departure::Ended | Departure::Lost, End::Upstream(_)) => "upstream lost",
        (Departure::Ended | Departure::Lost, End::Store(_)) => "it cannot be recorded any more",
    }
}
