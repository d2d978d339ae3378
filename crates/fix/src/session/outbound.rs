//! What is sent: numbered, recorded, made durable, transmitted, in this order.

use countersign_core::Now;

use super::{DisconnectReason, Phase, PhaseError, Session, Waiting};
use crate::limits;
use crate::message::{Field, Message};
use crate::msg_type::{self, AdminType};
use crate::store::{MessageStore, StoreError};
use crate::tag::{self, Tag};
use crate::utc_timestamp::UtcTimestamp;
use crate::writer::{MessageWriter, WriteError};

/// An application message to send: its type, further header fields (50, 57, 97, 115, 128, ...), and its body.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'m> {
    /// MsgType.
    pub msg_type: &'m [u8],
    /// Header fields beyond those the session writes (34, 43, 49, 52, 56, 122).
    pub header: &'m [Field<'m>],
    /// The body, literally and in this order.
    pub body: &'m [Field<'m>],
}

/// Why a message was not sent. No sequence number was used, except where the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The configuration names no peer to log on to.
    #[error("the configuration names no peer")]
    NoPeer,
    /// Session messages are the session's own.
    #[error("not an application message type")]
    NotApplication,
    /// The phase does not allow it.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// The peer reads too slowly.
    #[error("too much is waiting to be sent")]
    QueueFull,
    /// It could not be recorded; the session is over.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A field cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Whether an application message, as it was sent first, is not to be sent again.
pub type Withholds<'a> = dyn FnMut(&Message<'_>) -> bool + 'a;

impl<S: MessageStore> Session<S> {
    /// Sends an application message; returns its MsgSeqNum.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_application(&mut self, now: Now, outgoing: Outgoing<'_>) -> Result<u64, SendError> {
        if self.phase != Phase::LoggedOn {
            return Err(PhaseError(self.phase).into());
        }
        if !msg_type::is_well_formed(outgoing.msg_type) || AdminType::of(outgoing.msg_type).is_some() {
            return Err(SendError::NotApplication);
        }
        let foreign = outgoing.header.iter().find(|field| !tag::is_header(field.tag) || is_ours(field.tag));
        let misplaced = outgoing.body.iter().find(|field| tag::is_header(field.tag) || tag::is_trailer(field.tag));
        if let Some(field) = foreign.or(misplaced) {
            return Err(WriteError::Reserved(field.tag).into());
        }
        let seq = self.next_sender();
        let mut writer = self.writer(now, seq, outgoing.msg_type, outgoing.header);
        writer.fields(outgoing.body);
        let bytes = writer.finish()?;
        self.record(seq, bytes, true)?;
        Ok(seq)
    }

    /// Whether something waits that the peer asked for again.
    #[must_use]
    pub fn has_resend_waiting(&self) -> bool {
        self.transmit.iter().any(|waiting| matches!(waiting, Waiting::Resend { .. }))
    }

    /// The next bytes for the socket: one whole message. None if there is nothing, or if the store is not ready yet; poll again then.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Vec<u8>> {
        self.poll_transmit_unless(now, &mut |_| false)
    }

    /// As [`Self::poll_transmit`], for a shell that looks at each application message before the peer gets it again: one that it withholds is
    /// gap-filled, and told as [`Event::ResendWithheld`].
    ///
    /// FIX 4.4 volume 2, Resend Request: a sender need not send again what is not to happen any more, an order whose time is over; Sequence
    /// Reset - Gap Fill skips it.
    ///
    /// [`Event::ResendWithheld`]: crate::Event::ResendWithheld
    pub fn poll_transmit_unless(&mut self, now: Now, withholds: &mut Withholds<'_>) -> Option<Vec<u8>> {
        loop {
            match self.transmit.front()? {
                Waiting::Message { seq, .. } => {
                    if !self.is_durable(*seq) {
                        return None;
                    }
                    let Some(Waiting::Message { bytes, .. }) = self.transmit.pop_front() else { return None };
                    self.transmit_bytes -= bytes.len();
                    self.last_sent = now.mono;
                    return Some(bytes);
                }
                &Waiting::Resend { from, through } => {
                    if from > through {
                        self.transmit.pop_front();
                        continue;
                    }
                    let (bytes, next) = self.resent(now, from, through, withholds)?;
                    if let Some(Waiting::Resend { from, .. }) = self.transmit.front_mut() {
                        *from = next;
                    }
                    self.last_sent = now.mono;
                    return Some(bytes);
                }
            }
        }
    }

    fn is_durable(&mut self, seq: Option<u64>) -> bool {
        let (Some(seq), Some(store)) = (seq, self.store.as_mut()) else { return true };
        if seq > self.durable {
            match store.sync() {
                Ok(durable) => self.durable = durable,
                Err(error) => {
                    self.store_failed(error);
                    return false;
                }
            }
        }
        seq <= self.durable
    }

    pub(super) fn next_sender(&self) -> u64 {
        self.store.as_ref().map_or(1, MessageStore::next_sender)
    }

    /// A message with its header.
    pub(super) fn writer(&self, now: Now, seq: u64, msg_type: &[u8], header: &[Field<'_>]) -> MessageWriter {
        let mut writer = MessageWriter::new(self.config.version.begin_string(), msg_type);
        writer.text(tag::SENDER_COMP_ID, self.config.comp_id.as_str());
        writer.text(tag::TARGET_COMP_ID, self.peer.as_ref().map_or("", |peer| peer.as_str()));
        writer.number(tag::MSG_SEQ_NUM, seq);
        writer.text(tag::SENDING_TIME, &UtcTimestamp::new(now.wall, self.config.precision).to_string());
        writer.fields(header);
        writer
    }

    /// Sends a session message; one that cannot be sent ends the session.
    pub(super) fn send_admin(&mut self, now: Now, kind: AdminType, header: &[Field<'_>], body: impl FnOnce(&mut MessageWriter)) {
        let seq = self.next_sender();
        let mut writer = self.writer(now, seq, kind.as_bytes(), header);
        body(&mut writer);
        let sent = match writer.finish() {
            // A Reject may be resent: it tells the peer what became of its message. Other session messages never are.
            Ok(bytes) => self.record(seq, bytes, kind == AdminType::Reject),
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(()) | Err(SendError::Store(_)) => {}
            Err(SendError::QueueFull) => self.disconnect(DisconnectReason::SlowConsumer),
            Err(SendError::NoPeer | SendError::NotApplication | SendError::Phase(_) | SendError::Write(_)) => {
                self.disconnect(DisconnectReason::Protocol("an answer could not be written"));
            }
        }
    }

    /// Sends a message that belongs to no session: the answer to a Logon that was not accepted.
    pub(super) fn send_outside(&mut self, now: Now, seq: u64, kind: AdminType, body: impl FnOnce(&mut MessageWriter)) {
        let mut writer = self.writer(now, seq, kind.as_bytes(), &[]);
        body(&mut writer);
        if let Ok(bytes) = writer.finish() {
            self.transmit_bytes += bytes.len();
            self.transmit.push_back(Waiting::Message { seq: None, bytes });
        }
    }

    /// Puts a message on record and in the queue.
    pub(super) fn record(&mut self, seq: u64, bytes: Vec<u8>, again: bool) -> Result<(), SendError> {
        if self.transmit.len() >= limits::TRANSMIT_MESSAGES_MAX || self.transmit_bytes + bytes.len() > limits::TRANSMIT_BYTES_MAX {
            return Err(SendError::QueueFull);
        }
        let Some(store) = self.store.as_mut() else { return Err(PhaseError(self.phase).into()) };
        if let Err(error) = store.record(seq, again.then_some(bytes.as_slice())) {
            self.store_failed(error.clone());
            return Err(error.into());
        }
        self.transmit_bytes += bytes.len();
        self.transmit.push_back(Waiting::Message { seq: Some(seq), bytes });
        Ok(())
    }
}

/// Header fields that the session itself writes.
const fn is_ours(tag: Tag) -> bool {
    matches!(
        tag,
        tag::MSG_SEQ_NUM | tag::POSS_DUP_FLAG | tag::SENDER_COMP_ID | tag::SENDING_TIME | tag::TARGET_COMP_ID | tag::ORIG_SENDING_TIME
    )
}
