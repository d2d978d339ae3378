//! What happened on either side, and what becomes of it on the other.

use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject};
use countersign_fix::message::number;
use countersign_fix::msg_type::BUSINESS_MESSAGE_REJECT;
use countersign_fix::session::{ApplicationMessage, DisconnectReason, Outgoing, SendError};
use countersign_fix::{Event, Field, Message, PresentedLogon, tag};
use countersign_session::Absence;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Bridge, End, SOURCES_MAX};
use crate::audit::{self, Subject};
use crate::clock;
use crate::connection::Connection;
use crate::exchange;
use crate::fix::admission::Sender;
use crate::fix::{FixVenue, logon, profile};
use crate::worker::Worker;

/// What is on record of a client that sends more than may be garbled.
const GARBLED: &str = "too much on a FIX session that is no message";

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    pub(super) fn take_from_client(&mut self) -> Result<(), End> {
        let mut ended = Ok(());
        while let Some(event) = self.client.session.poll_event() {
            match event {
                Event::Application(message) => self.forward(&message)?,
                Event::Disconnect(reason) => {
                    tracing::info!(correlation = %self.correlation, ?reason, "FIX session ended");
                    self.logged_out = reason == DisconnectReason::LoggedOut && self.parting.is_none();
                    record_garbled(&reason, &self.worker, &self.connection, &Subject::none().by(Some(&self.login)), self.correlation);
                    ended = Err(End::Client);
                }
                Event::LogonPresented(presented) => self.log_on_again(&presented),
                Event::SequencesReset => {
                    tracing::info!(correlation = %self.correlation, "FIX sequence numbers of the client begin anew");
                    self.forget_halts();
                    self.journals.end_doubt();
                    self.journals.upstream.clear_source().map_err(store_failed)?;
                }
                Event::LogoutReceived { frame, .. } => self.note_logout(&frame),
                event @ (Event::SequenceMoved { .. } | Event::ResendIncomplete { .. }) => {
                    tracing::info!(correlation = %self.correlation, ?event, "FIX sequence numbers");
                }
                event @ (Event::Garbled(_)
                | Event::GapFound { .. }
                | Event::LoggedOn(_)
                | Event::RejectReceived { .. }
                | Event::RejectSent { .. }
                | Event::ResendRequested { .. }
                | Event::ResendWithheld { .. }) => tracing::debug!(correlation = %self.correlation, ?event, "FIX client"),
            }
        }
        ended
    }

    pub(super) fn take_from_upstream(&mut self) -> Result<(), End> {
        let mut told = None;
        let mut ended = Ok(());
        while let Some(event) = self.upstream.session.poll_event() {
            match event {
                Event::Application(message) => self.pass_down(&message)?,
                Event::RejectReceived { ref_seq, text, .. } => self.pass_reject(ref_seq, text.as_deref())?,
                Event::LogoutReceived { text, .. } => told = text,
                Event::Disconnect(reason) => {
                    let why = told.take().unwrap_or_else(|| why(&reason).to_owned());
                    ended = Err(End::Upstream(format!("the venue's FIX session ended: {why}")));
                }
                Event::ResendRequested { begin, end } => {
                    tracing::debug!(correlation = %self.correlation, begin, end, "FIX upstream asks again");
                    // As it stands now: a scope or the key may be gone since the Logon.
                    self.recheck_login();
                    self.look_at_resends();
                }
                Event::ResendWithheld { seq, frame } => self.tell_withheld(seq, &frame)?,
                Event::SequencesReset => self.journals.client.clear_source().map_err(store_failed)?,
                event @ (Event::Garbled(_)
                | Event::GapFound { .. }
                | Event::LoggedOn(_)
                | Event::LogonPresented(_)
                | Event::RejectSent { .. }
                | Event::ResendIncomplete { .. }
                | Event::SequenceMoved { .. }) => tracing::debug!(correlation = %self.correlation, ?event, "FIX upstream"),
            }
        }
        ended
    }

    /// A Logon within the session resets the numbers; it is verified as the first one was, and must be of the same account.
    fn log_on_again(&mut self, presented: &PresentedLogon) {
        let verified = logon::verify(&self.worker, &self.connection, self.profile.venue, &presented.message());
        let verified = verified.and_then(|again| {
            let same = again.login.identity.account() == self.login.identity.account();
            if same { Ok(again) } else { Err(Refusal::operator(Reject::UnexpectedMessage, "a Logon of another account within a session")) }
        });
        let answered = match verified {
            Ok(again) => {
                self.login = again.login;
                self.look_at_resends();
                // It may agree on something else than the Logon before it.
                self.absence = Absence::new(again.policy, Duration::ZERO);
                self.agreed = Some(again.policy.scope);
                let fields: Vec<Field<'_>> = again.fields.iter().map(|(tag, value)| Field::new(*tag, value)).collect();
                self.client.session.accept_reset(clock::now(), &fields).map_err(|error| error.to_string())
            }
            Err(refusal) => {
                let subject = Subject::none().by(Some(&self.login));
                audit::refused(&self.worker, &self.connection, &subject, &refusal, self.correlation);
                let answer = logon::refuse_logon(&self.worker, &self.connection, self.profile.venue, presented, &refusal);
                self.client.session.refuse_logon(clock::now(), &answer).map_err(|error| error.to_string())
            }
        };
        if let Err(error) = answered {
            tracing::debug!(correlation = %self.correlation, error, "a FIX Logon within a session could not be answered");
        }
    }

    fn note_logout(&mut self, frame: &[u8]) {
        let FixVenue::Dialect(dialect) = self.profile.venue else { return };
        // A Logout that was read with a fault says nothing more than that.
        self.keeps_orders = Message::parse(frame).is_ok_and(|logout| dialect.keeps_orders(&logout));
    }

    fn forward(&mut self, received: &ApplicationMessage) -> Result<(), End> {
        self.recheck_login();
        let message = received.message();
        let sender = Sender {
            worker: &self.worker,
            connection: &self.connection,
            session: Some(self.listed.session().holder().sid),
            login: &self.login,
            correlation: self.correlation,
        };
        let is_order = sender.is_order(&message);
        let unknown = if is_order { self.unknown_elsewhere(received.seq())? } else { None };
        self.binding |= is_order && unknown != Some(Unknown::Here);
        let refusal = unknown.map(Unknown::refusal).or_else(|| self.fallen.map(Refusal::from));
        let mut words = exchange::words(&self.worker, self.profile.venue.family());
        let admitted = refusal.map_or_else(|| sender.admit(&message, &mut words), |refusal| Err(sender.refuse(&message, refusal)));
        let refusal = match admitted {
            Ok(cleared) => {
                self.journals.upstream.note_source(received.seq());
                match self.upstream.session.send_application(clock::now(), outgoing(&message, &header(&message), message.body())) {
                    Ok(seq) => {
                        self.under_way.push(cleared);
                        self.remember(seq, received.seq());
                        return Ok(());
                    }
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
        let answer = logon::refuse_message(self.profile.venue, &words, &refusal);
        if let Err(error) = self.client.session.refuse_message(clock::now(), received, &answer) {
            tracing::debug!(correlation = %self.correlation, %error, "a FIX refusal could not be told");
        }
        Ok(())
    }

    /// Why an order is refused because of what nodes do not know of each other; none: it is not. Where not even that may be said, the
    /// session ends with the order uncounted.
    fn unknown_elsewhere(&self, seq: u64) -> Result<Option<Unknown>, End> {
        if self.journals.is_behind() {
            if self.journals.may_refuse() {
                return Ok(Some(Unknown::Here));
            }
            let sentence = "neither the database nor the memory that nodes share answers: an order is neither taken nor refused";
            return Err(End::Store(Refusal::operator(Reject::StoreUnavailable, sentence)));
        }
        Ok(self.journals.is_doubtful(seq).then_some(Unknown::There))
    }

    fn remember(&mut self, upstream: u64, client: u64) {
        if self.sources.len() == SOURCES_MAX {
            self.sources.pop_front();
        }
        self.sources.push_back((upstream, client));
    }

    /// The client's number of a message that the upstream knows by another.
    pub(super) fn source_of(&self, upstream: u64) -> Option<u64> {
        let place = self.sources.binary_search_by_key(&upstream, |(upstream, _)| *upstream).ok()?;
        self.sources.get(place).map(|(_, client)| *client)
    }

    /// Passes a message of the upstream to the client. When the client takes nothing, nothing is counted either: the upstream is asked
    /// for it when the client is back.
    fn pass_down(&mut self, received: &ApplicationMessage) -> Result<(), End> {
        let message = received.message();
        // Of a halt, or of an earlier connection's end; counted, and nobody else's.
        if self.answers_us(&message) {
            return Ok(());
        }
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
        if self.refuses_us(ref_seq, text.unwrap_or("rejected")) {
            return Ok(());
        }
        let Some(source) = profile::is_seq_num(ref_seq).then(|| self.source_of(ref_seq)).flatten() else { return Ok(()) };
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

    pub(super) fn told(&mut self, sent: Result<(), SendError>) -> Result<(), End> {
        match sent {
            Ok(()) => Ok(()),
            Err(SendError::Store(error)) => Err(store_failed(error)),
            // It cannot be told and is not lost: nothing of this turn is committed.
            Err(error) => {
                let sentence = format!("the client takes nothing more: {error}");
                Err(End::Store(Refusal::operator(Reject::SlowConsumer, sentence)))
            }
        }
    }
}

/// What nodes do not know of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// What is said here has no copy.
    Here,
    /// A node that is gone may have answered this.
    There,
}

impl Unknown {
    fn refusal(self) -> Refusal {
        let sentence = match self {
            Self::Here => "the database that nodes share does not answer: no order is taken that other nodes do not know of",
            Self::There => "an order that is sent again, and that a node which is gone may have refused",
        };
        // As after the lease of halts, which is over a moment later: the session goes on, and its cancels pass.
        Refusal::operator(Reject::HaltUnknown, sentence)
    }
}

fn store_failed(error: countersign_fix::StoreError) -> End {
    End::Store(Refusal::operator(Reject::StoreUnavailable, error.to_string()))
}

/// TLS delivers bytes as they were sent: who sends so much that is no message is broken, or tries something.
pub(in crate::fix) fn record_garbled(
    reason: &DisconnectReason,
    worker: &Worker,
    connection: &Connection,
    subject: &Subject,
    correlation: CorrelationId,
) {
    if *reason == DisconnectReason::TooManyGarbled {
        audit::refused(worker, connection, subject, &Refusal::operator(Reject::Malformed, GARBLED), correlation);
    }
}

pub(in crate::fix) fn why(reason: &DisconnectReason) -> &'static str {
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
pub(in crate::fix) fn header<'m>(message: &Message<'m>) -> Vec<Field<'m>> {
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
