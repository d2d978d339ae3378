//! Between two open sessions: what one side sends is admitted, put on record for the other, committed, and sent.
//!
//! ```text
//!   client   ── application ──▶ admit ──▶ upstream journal (with the client's number) ─▶ commit upstream, commit client ─▶ send
//!   upstream ── application ──▶ client journal (with the upstream's number) ─▶ commit client, commit upstream ─▶ send
//!   client gone      ─▶ Logout to the upstream: what it has for the client waits there, under its numbers
//!   upstream gone    ─▶ Logout to the client, with the reason
//!   key revoked, drain ─▶ Logout to both
//! ```

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject};
use countersign_fix::message::number;
use countersign_fix::msg_type::BUSINESS_MESSAGE_REJECT;
use countersign_fix::session::{ApplicationMessage, DisconnectReason, Outgoing, SendError};
use countersign_fix::{Event, Field, Message, Phase, tag};
use countersign_store::{AuditEvent, AuditRecord, BridgeJournals, SharedMessageStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::admission::Sender;
use super::line::{Line, Lost};
use super::sessions::Taken;
use super::{FixVenue, logon};
use crate::audit::{self, Subject};
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::native;
use crate::websocket::standing::Standing;
use crate::worker::Worker;

/// Forwarded messages whose number on the client's side is remembered, so that a refusal by the upstream names the right one.
const SOURCES_MAX: usize = 4_096;

/// How long the other side gets to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);

/// An open session.
pub(super) struct Bridge<T> {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    client: Line<T>,
    upstream: Line<TcpStream>,
    journals: BridgeJournals,
    login: Login,
    native: Option<native::FixSession>,
    venue: FixVenue,
    correlation: CorrelationId,
    /// Number at the upstream, number of the client.
    sources: VecDeque<(u64, u64)>,
    _taken: Taken,
}

/// Which side something came from: what it goes to is committed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Upstream,
}

/// Why a bridge ends.
#[derive(Debug)]
enum End {
    /// The client's session or connection.
    Client,
    /// The upstream's, with its words.
    Upstream(String),
    /// A journal cannot be written: nothing more is sent on either side.
    Store(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal)
    }
}

/// Writes journals out, in this order, where blocking is allowed.
pub(super) async fn commit(stores: Vec<SharedMessageStore>) -> Result<(), Refusal> {
    if !stores.iter().any(SharedMessageStore::is_dirty) {
        return Ok(());
    }
    let failed = |error: String| Refusal::operator(Reject::StoreUnavailable, error);
    let work = tokio::task::spawn_blocking(move || stores.iter().try_for_each(SharedMessageStore::commit));
    work.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    pub(super) fn new(
        worker: Rc<Worker>,
        connection: Rc<Connection>,
        (client, upstream): (Line<T>, Line<TcpStream>),
        journals: BridgeJournals,
        (login, native): (Login, Option<native::FixSession>),
        (venue, taken, correlation): (FixVenue, Taken, CorrelationId),
    ) -> Self {
        let sources = VecDeque::new();
        Self { worker, connection, client, upstream, journals, login, native, venue, correlation, sources, _taken: taken }
    }

    /// Serves until one side ends, then tells the other.
    pub(super) async fn run(mut self) {
        let Err(end) = self.drive().await;
        match end {
            End::Client => {
                let _told = self.client.transmit().await;
                self.leave_upstream().await;
            }
            End::Upstream(text) => self.leave_client(&text).await,
            End::Store(refusal) => {
                let subject = Subject::none().by(Some(&self.login));
                audit::refused(&self.worker, &self.connection, &subject, &refusal, self.correlation);
            }
        }
        self.note_end();
        tokio::join!(self.client.close(), self.upstream.close());
    }

    async fn drive(&mut self) -> Result<std::convert::Infallible, End> {
        let mut standing = Standing::subscribe(&self.worker);
        let mut draining = self.worker.shared.drain.subscribe();
        let mut left = false;
        // What came with the upstream's Logon, and what the client sent while it waited.
        let mut ended = self.from_upstream().err();
        self.settle(Side::Upstream).await?;
        ended = self.from_client().err().or(ended);
        self.settle(Side::Client).await?;
        loop {
            if let Some(end) = ended {
                return Err(end);
            }
            let (client_due, upstream_due) = (self.client.session.poll_timeout(), self.upstream.session.poll_timeout());
            let (from, outcome) = tokio::select! {
                read = self.client.receive() => (Side::Client, self.received_from_client(read)),
                read = self.upstream.receive() => (Side::Upstream, self.received_from_upstream(read)),
                () = clock::until(client_due) => {
                    self.client.session.handle_timeout(clock::now());
                    (Side::Client, self.from_client())
                }
                () = clock::until(upstream_due) => {
                    self.upstream.session.handle_timeout(clock::now());
                    (Side::Upstream, self.from_upstream())
                }
                () = standing.changed() => {
                    self.recheck();
                    (Side::Client, self.from_client())
                }
                () = over(&mut self.native), if !left => {
                    left = true;
                    self.say_goodbye("the native session is over");
                    (Side::Client, self.from_client())
                }
                () = draining.wait(), if !left => {
                    left = true;
                    self.say_goodbye("this node is leaving");
                    (Side::Client, self.from_client())
                }
            };
            self.settle(from).await?;
            ended = outcome.err();
        }
    }

    fn received_from_client(&mut self, read: Result<(), Lost>) -> Result<(), End> {
        read.map_err(|Lost| End::Client)?;
        self.client.take();
        self.from_client()
    }

    fn received_from_upstream(&mut self, read: Result<(), Lost>) -> Result<(), End> {
        read.map_err(|Lost| End::Upstream("the venue's FIX connection is gone".to_owned()))?;
        self.upstream.take();
        self.from_upstream()
    }

    /// Makes durable what happened, the destination first, then sends.
    async fn settle(&mut self, from: Side) -> Result<(), End> {
        let (client, upstream) = (self.journals.client.clone(), self.journals.upstream.clone());
        let order = match from {
            Side::Client => vec![upstream, client],
            Side::Upstream => vec![client, upstream],
        };
        commit(order).await?;
        self.upstream.transmit().await.map_err(|Lost| End::Upstream("the venue's FIX connection is gone".to_owned()))?;
        self.client.transmit().await.map_err(|Lost| End::Client)
    }

    fn from_client(&mut self) -> Result<(), End> {
        let mut ended = Ok(());
        while let Some(event) = self.client.session.poll_event() {
            match event {
                Event::Application(message) => self.forward(&message),
                Event::Disconnect(reason) => {
                    tracing::info!(correlation = %self.correlation, ?reason, "FIX session ended");
                    ended = Err(End::Client);
                }
                Event::SequencesReset | Event::SequenceMoved { .. } | Event::ResendIncomplete { .. } => {
                    tracing::info!(correlation = %self.correlation, ?event, "FIX sequence numbers");
                }
                other => tracing::debug!(correlation = %self.correlation, event = ?other, "FIX client"),
            }
        }
        ended
    }

    fn from_upstream(&mut self) -> Result<(), End> {
        let mut told = None;
        let mut ended = Ok(());
        while let Some(event) = self.upstream.session.poll_event() {
            match event {
                Event::Application(message) => self.pass_down(&message)?,
                Event::RejectReceived { ref_seq, text, .. } => self.pass_reject(ref_seq, text.as_deref())?,
                Event::LogoutReceived { text } => told = text,
                Event::Disconnect(reason) => {
                    let why = told.take().unwrap_or_else(|| why(&reason).to_owned());
                    ended = Err(End::Upstream(format!("the venue's FIX session ended: {why}")));
                }
                other => tracing::debug!(correlation = %self.correlation, event = ?other, "FIX upstream"),
            }
        }
        ended
    }

    fn forward(&mut self, received: &ApplicationMessage) {
        let message = received.message();
        let sender = Sender {
            worker: &self.worker,
            connection: &self.connection,
            venue: self.venue,
            login: &self.login,
            correlation: self.correlation,
        };
        let refusal = match sender.admit(&message) {
            Ok(_permit) => {
                self.journals.upstream.note_source(received.seq());
                match self.upstream.session.send_application(clock::now(), outgoing(&message, &header(&message), message.body())) {
                    Ok(seq) => return self.remember(seq, received.seq()),
                    Err(SendError::QueueFull) => Reject::Busy.into(),
                    Err(SendError::Write(error)) => Refusal::operator(Reject::Malformed, error.to_string()),
                    Err(SendError::Store(error)) => Refusal::operator(Reject::StoreUnavailable, error.to_string()),
                    Err(error @ (SendError::NoPeer | SendError::NotApplication | SendError::Phase(_))) => {
                        Refusal::operator(Reject::UpstreamUnavailable, error.to_string())
                    }
                }
            }
            Err(refusal) => refusal,
        };
        let answer = logon::refuse_message(&self.worker, self.venue, &refusal);
        if let Err(error) = self.client.session.refuse_message(clock::now(), received, &answer) {
            tracing::debug!(correlation = %self.correlation, %error, "a FIX refusal could not be told");
        }
    }

    fn remember(&mut self, upstream: u64, client: u64) {
        if self.sources.len() == SOURCES_MAX {
            self.sources.pop_front();
        }
        self.sources.push_back((upstream, client));
    }

    /// The client's number of a message that the upstream knows by another.
    fn source_of(&self, upstream: u64) -> Option<u64> {
        let place = self.sources.binary_search_by_key(&upstream, |(upstream, _)| *upstream).ok()?;
        self.sources.get(place).map(|(_, client)| *client)
    }

    /// Passes a message of the upstream to the client. When the client takes nothing, nothing is counted either: the upstream is asked
    /// for it when the client is back.
    fn pass_down(&mut self, received: &ApplicationMessage) -> Result<(), End> {
        let message = received.message();
        let rejected = message.first(tag::REF_SEQ_NUM).filter(|_| message.msg_type() == BUSINESS_MESSAGE_REJECT).and_then(number);
        let source = rejected.and_then(|seq| self.source_of(seq)).map(|seq| seq.to_string());
        let body: Vec<Field<'_>> = message
            .body()
            .iter()
            .filter_map(|field| match (field.tag, &rejected, &source) {
                (tag::REF_SEQ_NUM, Some(_), Some(source)) => Some(Field::new(tag::REF_SEQ_NUM, source.as_bytes())),
                // A number of ours would name another message of the client's.
                (tag::REF_SEQ_NUM, Some(_), None) => None,
                _ => Some(*field),
            })
            .collect();
        self.journals.client.note_source(received.seq());
        let sent = self.client.session.send_application(clock::now(), outgoing(&message, &header(&message), &body));
        self.told(sent.map(drop))
    }

    /// The upstream rejected a message at session level: the client is told about its own number.
    fn pass_reject(&mut self, ref_seq: u64, text: Option<&str>) -> Result<(), End> {
        tracing::warn!(correlation = %self.correlation, ref_seq, text, "the upstream rejected a FIX message");
        let Some(source) = super::profile::is_seq_num(ref_seq).then(|| self.source_of(ref_seq)).flatten() else { return Ok(()) };
        let source = source.to_string();
        let text = text.unwrap_or("rejected by the venue");
        // 0: other. The session's number for the reason is about a message that the client did not write.
        let body = [
            Field::new(tag::REF_SEQ_NUM, source.as_bytes()),
            Field::new(tag::BUSINESS_REJECT_REASON, b"0"),
            Field::new(tag::TEXT, text.as_bytes()),
        ];
        let sent =
            self.client.session.send_application(clock::now(), Outgoing { msg_type: BUSINESS_MESSAGE_REJECT, header: &[], body: &body });
        self.told(sent.map(drop))
    }

    fn told(&mut self, sent: Result<(), SendError>) -> Result<(), End> {
        match sent {
            Ok(()) => Ok(()),
            Err(SendError::Store(error)) => Err(End::Store(Refusal::operator(Reject::StoreUnavailable, error.to_string()))),
            // It cannot be told and is not lost: nothing of this turn is committed.
            Err(error) => {
                let sentence = format!("the client takes nothing more: {error}");
                Err(End::Store(Refusal::operator(Reject::SlowConsumer, sentence)))
            }
        }
    }

    /// Ends the session when its key may no longer be used, or its native session is over.
    fn recheck(&mut self) {
        let identity = &self.login.identity;
        let table = self.worker.shared.credentials.load();
        let entry = table.find(identity.purpose(), identity.key_id());
        let standing = identity.recheck(entry.map(|entry| &entry.credential), Some(self.connection.remote.ip()), clock::wall());
        let standing = standing.map(drop).and_then(|()| self.native.as_ref().map_or(Ok(()), native::FixSession::check_open));
        if let Err(refusal) = standing {
            let subject = Subject::none().by(Some(&self.login));
            audit::refused(&self.worker, &self.connection, &subject, &refusal, self.correlation);
            self.say_goodbye("the credential may no longer be used");
        }
    }

    fn say_goodbye(&mut self, text: &str) {
        if self.client.session.logout(clock::now(), Some(text)).is_err() {
            tracing::debug!(correlation = %self.correlation, "no FIX session to log out of");
        }
    }

    async fn leave_upstream(&mut self) {
        if self.upstream.session.logout(clock::now(), None).is_err() {
            return;
        }
        let goodbye = async {
            commit(vec![self.journals.upstream.clone()]).await.ok()?;
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
                commit(vec![self.journals.upstream.clone()]).await.ok()?;
                self.upstream.transmit().await.ok()?;
            }
            Some(())
        };
        drop(tokio::time::timeout(FAREWELL, goodbye).await);
    }

    async fn leave_client(&mut self, text: &str) {
        self.say_goodbye(text);
        let goodbye = async {
            while commit(vec![self.journals.client.clone()]).await.is_ok()
                && self.client.transmit().await.is_ok()
                && self.client.session.phase() != Phase::Disconnected
                && self.client.receive().await.is_ok()
            {
                self.client.take();
            }
        };
        drop(tokio::time::timeout(FAREWELL, goodbye).await);
    }

    fn note_end(&self) {
        let mut record = AuditRecord::new(clock::wall(), AuditEvent::SessionEnd).identity(&self.login.identity);
        record.correlation = Some(self.correlation);
        record.remote = Some(self.connection.remote.ip());
        if self.worker.shared.audit.append(record).is_err() {
            self.worker.shared.metrics.audit_lost();
        }
    }
}

/// Waits until a native session is over, if there is one.
async fn over(native: &mut Option<native::FixSession>) {
    match native {
        Some(native) => native.over().await,
        None => std::future::pending().await,
    }
}

fn why(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TimedOut | DisconnectReason::TimedOutWaiting => "it does not answer",
        DisconnectReason::Protocol(text) => text,
        DisconnectReason::HeldTooMuch
        | DisconnectReason::LoggedOut
        | DisconnectReason::NotLogon
        | DisconnectReason::Refused
        | DisconnectReason::SlowConsumer
        | DisconnectReason::Store(_)
        | DisconnectReason::TooManyGarbled => "it said goodbye",
    }
}

fn outgoing<'m>(message: &Message<'m>, header: &'m [Field<'m>], body: &'m [Field<'m>]) -> Outgoing<'m> {
    Outgoing { msg_type: message.msg_type(), header, body }
}

/// Header fields that are about the message and not about one session.
fn header<'m>(message: &Message<'m>) -> Vec<Field<'m>> {
    let of_session = |tag: tag::Tag| {
        matches!(
            tag,
            tag::BEGIN_STRING
                | tag::BODY_LENGTH
                | tag::MSG_TYPE
                | tag::MSG_SEQ_NUM
                | tag::POSS_DUP_FLAG
                | tag::SENDER_COMP_ID
                | tag::SENDING_TIME
                | tag::TARGET_COMP_ID
                | tag::ORIG_SENDING_TIME
                | LAST_MSG_SEQ_NUM_PROCESSED
        )
    };
    message.header().iter().filter(|field| !of_session(field.tag)).copied().collect()
}

/// LastMsgSeqNumProcessed: a number of one session.
const LAST_MSG_SEQ_NUM_PROCESSED: tag::Tag = 369;
