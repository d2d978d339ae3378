//! Gaps on either side: asking for what we miss, sending again what the peer misses.
//!
//! Session messages are not sent again: a gap fill takes the place of each run of them. Application messages, BusinessMessageRejects
//! and Rejects are, with PossDupFlag, a new SendingTime and the old one in OrigSendingTime. What the store has dropped is gap-filled too
//! and told as [`Event::ResendIncomplete`]; so is what the shell withholds ([`Session::poll_transmit_unless`]), as [`Event::ResendWithheld`].

use countersign_core::Now;

use super::presented_logon::integer;
use super::{DisconnectReason, Event, Gap, ResendPolicy, Session, Waiting, Withholds};
use crate::limits;
use crate::message::{FieldFault, Message};
use crate::msg_type::AdminType;
use crate::reject_reason::SessionRejectReason;
use crate::store::{MessageStore, StoreError, Stored};
use crate::tag;
use crate::utc_timestamp::UtcTimestamp;
use crate::writer::{MessageWriter, WriteError};

impl<S: MessageStore> Session<S> {
    /// Asks once for everything from the first missing number on.
    pub(super) fn note_gap(&mut self, now: Now, received: u64) {
        if self.gap.is_none() {
            let expected = self.expected();
            self.events.push_back(Event::GapFound { expected, received });
            self.gap = Some(Gap { until: received, asked: now.mono, attempts: 0 });
            self.ask_again(now);
        }
    }

    /// Sends the ResendRequest of the open gap.
    pub(super) fn ask_again(&mut self, now: Now) {
        let begin = self.expected();
        let Some(gap) = self.gap.as_mut() else { return };
        if gap.attempts == limits::RESEND_ATTEMPTS_MAX {
            return self.fatal(now, "ResendRequest not answered", "ResendRequest not answered".to_owned());
        }
        gap.attempts += 1;
        gap.asked = now.mono;
        self.send_admin(now, AdminType::ResendRequest, &[], |writer| {
            writer.number(tag::BEGIN_SEQ_NO, begin).number(tag::END_SEQ_NO, 0);
        });
    }

    /// The peer asks for messages again.
    pub(super) fn resend_request(&mut self, now: Now, message: &Message<'_>) -> Result<(), FieldFault> {
        let begin = integer(message, tag::BEGIN_SEQ_NO)?;
        let end = integer(message, tag::END_SEQ_NO)?;
        let last = self.next_sender() - 1;
        if begin == 0 || begin > last {
            return Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::BEGIN_SEQ_NO));
        }
        let end = if end == 0 { last } else { end.min(last) };
        if end < begin {
            return Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::END_SEQ_NO));
        }
        // Engines that ask in pieces (ResendRequestChunkSize) come to an end: only what was asked for before counts.
        let again = begin <= self.asked_through;
        if again && !self.resend_requests.admit(now.mono) {
            self.fatal(now, "Too many ResendRequests", "Too many ResendRequests".to_owned());
            return Ok(());
        }
        self.asked_through = end;
        self.events.push_back(Event::ResendRequested { begin, end });
        let kept = self.store.as_ref().map_or(1, MessageStore::kept_from);
        if begin < kept && self.config.resend == ResendPolicy::Resend && (again || !self.incomplete_told) {
            // Once for all pieces.
            self.incomplete_told = true;
            self.events.push_back(Event::ResendIncomplete { begin, end: end.min(kept - 1) });
        }
        let waiting = self.transmit.len();
        match self.transmit.back_mut() {
            Some(Waiting::Resend { through, .. }) if *through + 1 == begin => *through = end,
            _ if waiting >= limits::TRANSMIT_MESSAGES_MAX => self.disconnect(DisconnectReason::SlowConsumer),
            _ => self.transmit.push_back(Waiting::Resend { from: begin, through: end }),
        }
        Ok(())
    }

    /// The next message of a resend, and the number after it. None if the store is not ready or failed.
    pub(super) fn resent(&mut self, now: Now, from: u64, through: u64, withholds: &mut Withholds<'_>) -> Option<(Vec<u8>, u64)> {
        let found = match self.config.resend {
            ResendPolicy::GapFill => Ok(Stored::Nothing),
            ResendPolicy::Resend => self.store.as_mut()?.first_stored(from, through),
        };
        let made = match found {
            Ok(Stored::Later) => return None,
            Ok(Stored::Nothing) => self.gap_fill(now, from, through + 1).map(|bytes| (bytes, through + 1)),
            Ok(Stored::Message { seq, bytes }) if seq == from && is_withheld(&bytes, withholds) => {
                self.events.push_back(Event::ResendWithheld { seq, frame: bytes });
                self.gap_fill(now, seq, seq + 1).map(|bytes| (bytes, seq + 1))
            }
            Ok(Stored::Message { seq, bytes }) if seq == from => self.again(now, &bytes).map(|bytes| (bytes, seq + 1)),
            Ok(Stored::Message { seq, .. }) => self.gap_fill(now, from, seq).map(|bytes| (bytes, seq)),
            Err(error) => {
                self.store_failed(error);
                return None;
            }
        };
        if made.is_err() {
            self.store_failed(StoreError("a message on record cannot be sent again".into()));
        }
        made.ok()
    }

    fn gap_fill(&self, now: Now, seq: u64, new_seq: u64) -> Result<Vec<u8>, WriteError> {
        let mut writer = self.writer(now, seq, AdminType::SequenceReset.as_bytes(), &[]);
        let time = UtcTimestamp::new(now.wall, self.config.precision).to_string();
        writer.text(tag::POSS_DUP_FLAG, "Y").text(tag::ORIG_SENDING_TIME, &time);
        writer.text(tag::GAP_FILL_FLAG, "Y").number(tag::NEW_SEQ_NO, new_seq);
        writer.finish()
    }

    /// A message on record as a possible duplicate; all other fields stay as they were, in their order.
    fn again(&self, now: Now, bytes: &[u8]) -> Result<Vec<u8>, WriteError> {
        let message = Message::parse(bytes).map_err(|_| WriteError::Empty(tag::MSG_TYPE))?;
        let mut writer = MessageWriter::new(self.config.version.begin_string(), message.msg_type());
        let time = UtcTimestamp::new(now.wall, self.config.precision).to_string();
        let original = message.first(tag::SENDING_TIME).unwrap_or(time.as_bytes());
        for field in message.header().iter().skip(3) {
            if field.tag == tag::SENDING_TIME {
                writer.text(tag::POSS_DUP_FLAG, "Y").text(tag::SENDING_TIME, &time).field(tag::ORIG_SENDING_TIME, original);
            } else {
                writer.field(field.tag, field.value);
            }
        }
        writer.fields(message.body());
        writer.finish()
    }
}

/// What cannot be read is not withheld: sending it again fails.
fn is_withheld(bytes: &[u8], withholds: &mut Withholds<'_>) -> bool {
    Message::parse(bytes).is_ok_and(|message| AdminType::of(message.msg_type()).is_none() && withholds(&message))
}
