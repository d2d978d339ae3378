//! Session messages in their turn, and the answers of the shell to application messages.

use countersign_core::Now;

use super::inbound::reverse_route;
use super::presented_logon::integer;
use super::{ApplicationMessage, DisconnectReason, Event, Outgoing, Phase, PhaseError, SendError, Session};
use crate::answer::MessageAnswer;
use crate::limits;
use crate::message::{Field, FieldFault, Message, number};
use crate::msg_type::{self, AdminType};
use crate::reject_reason::SessionRejectReason;
use crate::store::MessageStore;
use crate::tag;

impl<S: MessageStore> Session<S> {
    /// Acts on a session message whose turn it is. It is counted already.
    pub(super) fn act(&mut self, now: Now, message: &Message<'_>, seq: u64, kind: AdminType) -> Result<(), FieldFault> {
        match kind {
            AdminType::Heartbeat | AdminType::Logout => Ok(()),
            AdminType::TestRequest => self.test_request(now, message),
            AdminType::ResendRequest => self.resend_request(now, message),
            AdminType::Reject => {
                self.reject_received(message);
                Ok(())
            }
            AdminType::SequenceReset => self.gap_filled(message, seq),
            AdminType::Logon => {
                self.fatal(now, "Logon not expected", "Logon not expected".to_owned());
                Ok(())
            }
        }
    }

    fn test_request(&mut self, now: Now, message: &Message<'_>) -> Result<(), FieldFault> {
        let id = message.required(tag::TEST_REQ_ID)?;
        if id.len() > limits::TEST_REQ_ID_BYTES_MAX {
            return Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::TEST_REQ_ID));
        }
        self.send_admin(now, AdminType::Heartbeat, &[], |writer| {
            writer.field(tag::TEST_REQ_ID, id);
        });
        Ok(())
    }

    /// A gap fill in its turn: its own number and those up to NewSeqNo are done with.
    fn gap_filled(&mut self, message: &Message<'_>, seq: u64) -> Result<(), FieldFault> {
        let new = integer(message, tag::NEW_SEQ_NO)?;
        if new <= seq {
            return Err(FieldFault::whole(SessionRejectReason::ValueIncorrect));
        }
        if self.expect(new) {
            self.events.push_back(Event::SequenceMoved { from: seq, to: new, gap_fill: true });
        }
        Ok(())
    }

    /// SequenceReset without gap fill: obeyed upwards, whatever its own number; never downwards.
    pub(super) fn reset(&mut self, message: &Message<'_>) -> Result<(), FieldFault> {
        let new = integer(message, tag::NEW_SEQ_NO)?;
        let from = self.expected();
        if new < from {
            return Err(FieldFault::whole(SessionRejectReason::ValueIncorrect));
        }
        if self.expect(new) {
            self.gap = None;
            self.events.push_back(Event::SequenceMoved { from, to: new, gap_fill: false });
        }
        Ok(())
    }

    pub(super) fn reject_received(&mut self, message: &Message<'_>) {
        let event = Event::RejectReceived {
            ref_seq: message.first(tag::REF_SEQ_NUM).and_then(number).unwrap_or(0),
            reason: message.first(tag::SESSION_REJECT_REASON).and_then(number),
            text: text_of(message),
        };
        self.events.push_back(event);
    }

    pub(super) fn logout_received(&mut self, message: &Message<'_>) {
        self.events.push_back(Event::LogoutReceived { text: text_of(message), frame: message.frame().to_vec() });
    }

    /// Logout ends a session whatever its number; one that came too early is not counted, so that the next session asks for the rest.
    pub(super) fn answer_logout(&mut self, now: Now, message: &Message<'_>, seq: u64) {
        if seq == self.expected() && !self.expect(seq + 1) {
            return;
        }
        self.logout_received(message);
        self.say_logout(now, None);
        self.disconnect(DisconnectReason::LoggedOut);
    }

    /// Answers an application message that the gateway refuses, in the venue's way.
    ///
    /// # Errors
    /// As [`Session::send_application`].
    pub fn refuse_message(&mut self, now: Now, refused: &ApplicationMessage, answer: &MessageAnswer) -> Result<(), SendError> {
        if self.phase != Phase::LoggedOn {
            return Err(PhaseError(self.phase).into());
        }
        let message = refused.message();
        match answer {
            MessageAnswer::Business { reason, text } => {
                let (ref_seq, code) = (refused.seq().to_string(), reason.number().to_string());
                let body = [
                    Field::new(tag::REF_SEQ_NUM, ref_seq.as_bytes()),
                    Field::new(tag::REF_MSG_TYPE, message.msg_type()),
                    Field::new(tag::BUSINESS_REJECT_REASON, code.as_bytes()),
                    Field::new(tag::TEXT, text.as_bytes()),
                ];
                let outgoing = Outgoing { msg_type: msg_type::BUSINESS_MESSAGE_REJECT, header: &reverse_route(&message), body: &body };
                self.send_application(now, outgoing)?;
            }
            MessageAnswer::Logout { text } => {
                self.say_logout(now, Some(text));
                self.await_logout(now);
            }
            MessageAnswer::Reject { reason, text, fields } => {
                let fault = FieldFault::whole(*reason);
                self.events.push_back(Event::RejectSent { ref_seq: refused.seq(), fault });
                self.send_reject(now, &message, refused.seq(), fault, fields, text);
            }
        }
        Ok(())
    }
}

/// Text (58), cut to its limit; bytes that are not UTF-8 are replaced.
fn text_of(message: &Message<'_>) -> Option<String> {
    let text = message.first(tag::TEXT)?;
    Some(String::from_utf8_lossy(&text[..text.len().min(limits::TEXT_BYTES_MAX)]).into_owned())
}
