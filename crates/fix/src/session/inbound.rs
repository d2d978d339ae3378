//! What is received: judged, numbered, acted on.
//!
//! ```text
//!   MsgSeqNum     | expected        | too high                          | too low
//!   ResendRequest | answered        | answered at once, then gap        | Logout
//!   Logout        | answered        | answered, not counted             | answered
//!   Reset (4, N)  | obeyed, whatever its number
//!   others        | acted on        | held, ResendRequest once          | PossDup: ignored; else Logout
//! ```

use countersign_core::Now;

use super::presented_logon::{flag, sending_time, time};
use super::{AdminFields, Ahead, ApplicationMessage, Event, Phase, Routing, Session};
use crate::admin_fields;
use crate::limits;
use crate::message::{Field, FieldFault, Message, ParseError, boolean, number};
use crate::msg_type::{self, AdminType};
use crate::reject_reason::SessionRejectReason;
use crate::store::MessageStore;
use crate::tag::{self, Tag};

/// What is wrong with a message, and whether the session survives it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Problem {
    Reject(FieldFault),
    RejectAndLogout(FieldFault),
}

impl From<FieldFault> for Problem {
    fn from(fault: FieldFault) -> Self {
        Self::Reject(fault)
    }
}

/// Fields of a refused message that lead its answer back, and the fields they become.
const ROUTES: [(Tag, Tag); 6] = [
    (tag::ON_BEHALF_OF_COMP_ID, tag::DELIVER_TO_COMP_ID),
    (tag::ON_BEHALF_OF_SUB_ID, tag::DELIVER_TO_SUB_ID),
    (tag::ON_BEHALF_OF_LOCATION_ID, tag::DELIVER_TO_LOCATION_ID),
    (tag::DELIVER_TO_COMP_ID, tag::ON_BEHALF_OF_COMP_ID),
    (tag::DELIVER_TO_SUB_ID, tag::ON_BEHALF_OF_SUB_ID),
    (tag::DELIVER_TO_LOCATION_ID, tag::ON_BEHALF_OF_LOCATION_ID),
];

impl<S: MessageStore> Session<S> {
    pub(super) fn receive(&mut self, now: Now, message: &Message<'_>, fault: Option<FieldFault>) {
        match self.phase {
            Phase::ExpectLogon => self.first_message(now, message, fault),
            Phase::ExpectLogonReply => self.logon_reply(now, message, fault),
            Phase::LoggedOn | Phase::ExpectLogout => {
                self.last_received = now.mono;
                self.tested = false;
                self.in_session(now, message, fault, false);
            }
            Phase::ReadyToLogon => self.disconnect(super::DisconnectReason::NotLogon),
            Phase::AwaitVerification | Phase::Disconnected => {}
        }
    }

    /// Acts on messages that were held, as far as their turn has come.
    pub(super) fn take_ahead(&mut self, now: Now) {
        while matches!(self.phase, Phase::LoggedOn | Phase::ExpectLogout) {
            let expected = self.expected();
            let later = self.ahead.split_off(&expected);
            for passed in std::mem::replace(&mut self.ahead, later).into_values() {
                self.let_go(&passed);
            }
            let Some(next) = self.ahead.remove(&expected) else { break };
            self.let_go(&next);
            match next {
                Ahead::Handled => {
                    self.expect(expected + 1);
                }
                Ahead::Frame(frame) => match Message::parse(&frame) {
                    Ok(message) => self.in_session(now, &message, None, true),
                    Err(ParseError::Faulty { readable, fault }) => self.in_session(now, &readable, Some(fault), true),
                    Err(ParseError::Garbled) => {}
                },
            }
            if self.expected() == expected {
                break;
            }
        }
        if self.gap.is_some_and(|gap| gap.until < self.expected()) {
            self.gap = None;
        }
    }

    fn let_go(&mut self, ahead: &Ahead) {
        if let Ahead::Frame(frame) = ahead {
            self.ahead_bytes -= frame.len();
        }
    }

    fn hold(&mut self, seq: u64, frame: &[u8]) {
        let room = self.ahead.len() < limits::QUEUED_MESSAGES_MAX && self.ahead_bytes + frame.len() <= limits::QUEUED_BYTES_MAX;
        if room && !self.ahead.contains_key(&seq) {
            self.ahead_bytes += frame.len();
            self.ahead.insert(seq, Ahead::Frame(frame.to_vec()));
        }
    }

    fn in_session(&mut self, now: Now, message: &Message<'_>, fault: Option<FieldFault>, held: bool) {
        if message.begin_string() != self.config.version.begin_string().as_bytes() {
            self.say_logout(now, Some("Incorrect BeginString"));
            return self.await_logout(now);
        }
        let Some(seq) = message.first(tag::MSG_SEQ_NUM).and_then(number) else {
            return self.fatal(now, "MsgSeqNum missing or not a number", "MsgSeqNum missing or not a number".to_owned());
        };
        if seq >= limits::SEQ_NUM_MAX {
            return self.fatal(now, "MsgSeqNum too high", "MsgSeqNum too high".to_owned());
        }
        let kind = AdminType::of(message.msg_type());
        let verdict = self.check(now, message, kind, fault, held);
        if let Err(problem @ Problem::RejectAndLogout(_)) = verdict {
            return self.refuse(now, message, seq, problem);
        }
        if kind == Some(AdminType::Logout) {
            return self.answer_logout(now, message, seq);
        }
        if kind == Some(AdminType::Logon) && message.first(tag::RESET_SEQ_NUM_FLAG) == Some(b"Y") {
            return self.logon_within(now, message, fault);
        }
        if kind == Some(AdminType::SequenceReset) && message.first(tag::GAP_FILL_FLAG) != Some(b"Y") {
            return match verdict.and_then(|()| self.reset(message).map_err(Problem::from)) {
                Ok(()) => {}
                Err(problem) => self.refuse(now, message, 0, problem),
            };
        }
        let expected = self.expected();
        match seq.cmp(&expected) {
            std::cmp::Ordering::Equal => self.in_turn(now, message, seq, kind, verdict),
            std::cmp::Ordering::Greater => self.too_high(now, message, seq, kind, verdict),
            std::cmp::Ordering::Less if message.first(tag::POSS_DUP_FLAG).and_then(boolean) == Some(true) => {
                if let Err(problem) = verdict {
                    self.refuse(now, message, seq, problem);
                }
            }
            std::cmp::Ordering::Less => self.too_low(now, expected, seq),
        }
    }

    fn too_high(&mut self, now: Now, message: &Message<'_>, seq: u64, kind: Option<AdminType>, verdict: Result<(), Problem>) {
        if self.phase == Phase::ExpectLogout {
            return;
        }
        if kind == Some(AdminType::ResendRequest) && verdict.is_ok() {
            // Both sides may miss messages: who holds back the answer until its own gap is closed may wait for ever.
            if let Err(fault) = self.resend_request(now, message) {
                self.refuse(now, message, seq, fault.into());
            }
            self.ahead.entry(seq).or_insert(Ahead::Handled);
        } else {
            self.hold(seq, message.frame());
        }
        if self.phase == Phase::LoggedOn {
            self.note_gap(now, seq);
        }
    }

    fn in_turn(&mut self, now: Now, message: &Message<'_>, seq: u64, kind: Option<AdminType>, verdict: Result<(), Problem>) {
        if let Err(problem) = verdict {
            return self.refuse(now, message, seq, problem);
        }
        if kind.is_none() && self.phase == Phase::ExpectLogout {
            // We said Logout: nothing is done for the peer any more. Not counted, so that the next session asks for it.
            return;
        }
        if !self.expect(seq + 1) {
            return;
        }
        let done = match kind {
            None => {
                self.deliver(message, seq);
                Ok(())
            }
            Some(kind) => self.act(now, message, seq, kind),
        };
        if let Err(fault) = done {
            self.refuse(now, message, seq, fault.into());
        }
    }

    fn deliver(&mut self, message: &Message<'_>, seq: u64) {
        let is_set = |tag| message.first(tag).and_then(boolean) == Some(true);
        let delivered = ApplicationMessage::new(message, seq, is_set(tag::POSS_DUP_FLAG), is_set(tag::POSS_RESEND));
        self.events.push_back(Event::Application(delivered));
    }

    /// What every message must have, whatever its type.
    fn check(
        &self,
        now: Now,
        message: &Message<'_>,
        kind: Option<AdminType>,
        fault: Option<FieldFault>,
        held: bool,
    ) -> Result<(), Problem> {
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let sender = message.required(tag::SENDER_COMP_ID)?;
        let target = message.required(tag::TARGET_COMP_ID)?;
        if Some(sender) != self.peer.as_ref().map(|peer| peer.as_str().as_bytes()) || target != self.config.comp_id.as_str().as_bytes() {
            return Err(Problem::RejectAndLogout(FieldFault::whole(SessionRejectReason::CompId)));
        }
        let sent = if held { time(message, tag::SENDING_TIME)? } else { accurate(sending_time(message, &self.config, now))? };
        let poss_dup = flag(message, tag::POSS_DUP_FLAG)?;
        flag(message, tag::POSS_RESEND)?;
        self.check_routing(message)?;
        if poss_dup && kind != Some(AdminType::SequenceReset) {
            let original = time(message, tag::ORIG_SENDING_TIME)?;
            if original.is_after(sent) {
                return Err(Problem::RejectAndLogout(FieldFault::whole(SessionRejectReason::SendingTimeAccuracy)));
            }
        }
        if !msg_type::is_well_formed(message.msg_type()) {
            return Err(FieldFault::whole(SessionRejectReason::InvalidMsgType).into());
        }
        match (kind, self.config.admin_fields) {
            (Some(kind), AdminFields::Strict) => Ok(admin_fields::check(self.config.version, kind, message)?),
            (_, AdminFields::Lenient) | (None, AdminFields::Strict) => Ok(()),
        }
    }

    pub(super) fn check_routing(&self, message: &Message<'_>) -> Result<(), FieldFault> {
        for tag in [tag::ON_BEHALF_OF_COMP_ID, tag::DELIVER_TO_COMP_ID] {
            let Some(value) = message.first(tag) else { continue };
            let allowed = match &self.config.routing {
                Routing::Allow => true,
                Routing::Only(firms) => firms.iter().any(|firm| firm.as_str().as_bytes() == value),
                Routing::Refuse => false,
            };
            if !allowed {
                return Err(FieldFault::of(SessionRejectReason::CompId, tag));
            }
        }
        Ok(())
    }

    /// Rejects a message, counts it if it was its turn, and says Logout where the session cannot go on.
    pub(super) fn refuse(&mut self, now: Now, message: &Message<'_>, seq: u64, problem: Problem) {
        let (Problem::Reject(fault) | Problem::RejectAndLogout(fault)) = problem;
        if seq == self.expected() && !self.expect(seq + 1) {
            return;
        }
        let ref_seq = message.first(tag::MSG_SEQ_NUM).and_then(number).unwrap_or(seq);
        self.reject(now, message, ref_seq, fault);
        if matches!(problem, Problem::RejectAndLogout(_)) {
            self.say_logout(now, None);
            self.await_logout(now);
        }
    }

    fn reject(&mut self, now: Now, message: &Message<'_>, ref_seq: u64, fault: FieldFault) {
        // Two sides that reject each other's Rejects never stop.
        if message.msg_type() == AdminType::Reject.as_bytes() {
            return;
        }
        if !self.rejects.admit(now.mono) {
            return self.fatal(now, "Too many rejected messages", "Too many rejected messages".to_owned());
        }
        self.events.push_back(Event::RejectSent { ref_seq, fault });
        self.send_reject(now, message, ref_seq, fault, &[], fault.reason.text());
    }

    pub(super) fn send_reject(
        &mut self,
        now: Now,
        message: &Message<'_>,
        ref_seq: u64,
        fault: FieldFault,
        fields: &[(Tag, String)],
        text: &str,
    ) {
        let known = self.config.version.knows(fault.reason);
        let route = reverse_route(message);
        let msg_type = message.msg_type();
        self.send_admin(now, AdminType::Reject, &route, |writer| {
            writer.number(tag::REF_SEQ_NUM, ref_seq);
            if let Some(tag) = fault.tag {
                writer.text(tag::REF_TAG_ID, &tag.to_string());
            }
            if !msg_type.is_empty() && !msg_type.contains(&1) {
                writer.field(tag::REF_MSG_TYPE, msg_type);
            }
            if known {
                writer.number(tag::SESSION_REJECT_REASON, u64::from(fault.reason.number()));
            }
            for (tag, value) in fields {
                writer.text(*tag, value);
            }
            writer.text(tag::TEXT, text);
        });
    }
}

fn accurate<T>(read: Result<T, FieldFault>) -> Result<T, Problem> {
    read.map_err(|fault| match fault.reason == SessionRejectReason::SendingTimeAccuracy {
        true => Problem::RejectAndLogout(fault),
        false => Problem::Reject(fault),
    })
}

/// The routing fields of an answer to a message.
pub(super) fn reverse_route<'f>(message: &Message<'f>) -> Vec<Field<'f>> {
    let back = |(from, to): (Tag, Tag)| message.first(from).filter(|value| !value.is_empty()).map(|value| Field::new(to, value));
    ROUTES.into_iter().filter_map(back).collect()
}
