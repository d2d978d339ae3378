//! How a session opens: Logon, its verification, its answer.

use std::time::Duration;

use countersign_core::Now;

use super::presented_logon::{LogonFacts, LogonFault};
use super::{
    Ahead, CompId, DisconnectReason, Event, Gap, Peer, Phase, PhaseError, PresentedLogon, ResetPolicy, SendError, Session, Side, Waiting,
};
use crate::answer::LogonAnswer;
use crate::message::{Field, FieldFault, Message, number};
use crate::msg_type::AdminType;
use crate::store::MessageStore;
use crate::tag::{self, Tag};
use crate::utc_timestamp::UtcTimestamp;

/// The header of a Logon about to be sent: the literal values that venues let their clients sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogonHeader {
    /// MsgType (35).
    pub msg_type: &'static str,
    /// MsgSeqNum (34).
    pub msg_seq_num: String,
    /// SenderCompID (49).
    pub sender_comp_id: CompId,
    /// SendingTime (52).
    pub sending_time: String,
    /// TargetCompID (56).
    pub target_comp_id: CompId,
}

/// A field with a value of its own.
pub type OwnedField = (Tag, Vec<u8>);

impl<S: MessageStore> Session<S> {
    /// Initiator: sends the Logon. `sign` adds credentials, made over the header's literal values; `reset` asks for 141=Y.
    ///
    /// # Errors
    /// Another phase, no peer in the configuration, fields that cannot be written, or the store.
    pub fn logon(&mut self, now: Now, reset: bool, sign: impl FnOnce(&LogonHeader) -> Vec<OwnedField>) -> Result<(), SendError> {
        let Peer::Is(peer) = self.config.peer.clone() else { return Err(SendError::NoPeer) };
        if self.phase != Phase::ReadyToLogon {
            return Err(PhaseError(self.phase).into());
        }
        self.peer = Some(peer.clone());
        if reset {
            self.reset_numbers()?;
        }
        let header = LogonHeader {
            msg_type: "A",
            msg_seq_num: self.next_sender().to_string(),
            sender_comp_id: self.config.comp_id.clone(),
            sending_time: UtcTimestamp::new(now.wall, self.config.precision).to_string(),
            target_comp_id: peer,
        };
        let fields = sign(&header);
        let fields: Vec<Field<'_>> = fields.iter().map(|(tag, value)| Field::new(*tag, value)).collect();
        let facts = LogonFacts {
            peer: header.target_comp_id,
            seq: 0,
            heart_bt_int: self.config.heart_bt_int.max,
            reset,
            next_expected: (self.config.next_expected && self.config.version.has_next_expected()).then_some(0),
            appl_ver_id: self.config.appl_ver_ids.first().copied().filter(|_| self.config.version.has_appl_ver_id()),
            within: false,
        };
        self.reset_sent = reset;
        let expected = self.expected();
        self.send_logon(now, &facts, expected, &fields)?;
        self.phase = Phase::ExpectLogonReply;
        self.deadline = Some(now.mono.saturating_add(self.config.logon_timeout));
        Ok(())
    }

    /// Acceptor: the first message of a connection. Anything but a Logon for us is closed without an answer.
    pub(super) fn first_message(&mut self, now: Now, message: &Message<'_>, fault: Option<FieldFault>) {
        if AdminType::of(message.msg_type()) != Some(AdminType::Logon) {
            return self.disconnect(DisconnectReason::NotLogon);
        }
        let fault = fault.or_else(|| self.check_routing(message).err());
        match LogonFacts::read(message, fault, &self.config, now) {
            Err(LogonFault::Foreign) => self.disconnect(DisconnectReason::NotLogon),
            Err(fault) => {
                self.peer = message.first(tag::SENDER_COMP_ID).and_then(|value| CompId::parse(value).ok());
                self.send_outside(now, 1, AdminType::Logout, |writer| {
                    writer.text(tag::TEXT, &fault.text());
                });
                self.disconnect(DisconnectReason::Refused);
            }
            Ok(facts) if facts.reset && self.config.reset == ResetPolicy::Never => {
                self.peer = Some(facts.peer);
                self.send_outside(now, 1, AdminType::Logout, |writer| {
                    writer.text(tag::TEXT, RESET_REFUSED);
                });
                self.disconnect(DisconnectReason::Refused);
            }
            Ok(facts) => self.present(now, message, facts),
        }
    }

    fn present(&mut self, now: Now, message: &Message<'_>, facts: LogonFacts) {
        self.peer = Some(facts.peer.clone());
        self.events.push_back(Event::LogonPresented(PresentedLogon::new(message, facts.clone())));
        self.pending = Some(facts);
        self.phase = Phase::AwaitVerification;
        self.deadline = Some(now.mono.saturating_add(self.config.verification_timeout));
    }

    /// The Logon was verified: opens the session that `store` remembers. `fields` are added to the answer, after the standard ones.
    ///
    /// # Errors
    /// Another phase, or fields that cannot be written. A store that fails ends the session with [`DisconnectReason::Store`].
    pub fn accept_logon(&mut self, now: Now, store: S, fields: &[Field<'_>]) -> Result<(), SendError> {
        match self.pending.take() {
            Some(facts) if !facts.within => {
                self.durable = store.next_sender() - 1;
                self.store = Some(store);
                self.accept(now, facts, fields)
            }
            other => {
                self.pending = other;
                Err(PhaseError(self.phase).into())
            }
        }
    }

    /// The Logon within the session was verified: resets the sequence numbers and goes on.
    ///
    /// # Errors
    /// As [`Self::accept_logon`].
    pub fn accept_reset(&mut self, now: Now, fields: &[Field<'_>]) -> Result<(), SendError> {
        match self.pending.take() {
            Some(facts) if facts.within => self.accept(now, facts, fields),
            other => {
                self.pending = other;
                Err(PhaseError(self.phase).into())
            }
        }
    }

    fn accept(&mut self, now: Now, facts: LogonFacts, fields: &[Field<'_>]) -> Result<(), SendError> {
        if facts.reset {
            self.reset_numbers()?;
        }
        let (expected, first) = (self.expected(), self.next_sender());
        self.phase = Phase::LoggedOn;
        if facts.seq < expected {
            self.too_low(now, expected, facts.seq);
            return Ok(());
        }
        if facts.next_expected.is_some_and(|theirs| theirs > first || theirs == 0) {
            self.fatal(now, "NextExpectedMsgSeqNum is wrong", format!("NextExpectedMsgSeqNum is wrong, {first} is the next"));
            return Ok(());
        }
        if facts.seq == expected && !self.expect(expected + 1) {
            return Ok(());
        }
        let ours = self.expected();
        if let Err(error) = self.send_logon(now, &facts, ours, fields) {
            self.disconnect(DisconnectReason::Protocol("an answer could not be written"));
            return Err(error);
        }
        self.events.push_back(Event::LoggedOn(None));
        self.open(now, &facts, first);
        self.pump(now);
        self.take_ahead(now);
        Ok(())
    }

    /// Initiator: what comes back for our Logon.
    pub(super) fn logon_reply(&mut self, now: Now, message: &Message<'_>, fault: Option<FieldFault>) {
        let facts = match LogonFacts::read(message, fault, &self.config, now) {
            Err(LogonFault::Foreign) => return self.disconnect(DisconnectReason::NotLogon),
            other => other,
        };
        let seq = message.first(tag::MSG_SEQ_NUM).and_then(number);
        match AdminType::of(message.msg_type()) {
            Some(AdminType::Logon) => match facts {
                Ok(facts) => self.logged_on(now, message, facts),
                Err(fault) => self.fatal(now, "the acceptor's Logon is wrong", fault.text()),
            },
            Some(AdminType::Logout) => {
                if seq == Some(self.expected()) && !self.expect(self.expected() + 1) {
                    return;
                }
                self.logout_received(message);
                self.disconnect(DisconnectReason::Refused);
            }
            // Some venues reject a Logon before they say Logout.
            Some(AdminType::Reject) => {
                if seq == Some(self.expected()) && !self.expect(self.expected() + 1) {
                    return;
                }
                self.reject_received(message);
            }
            Some(AdminType::Heartbeat | AdminType::ResendRequest | AdminType::SequenceReset | AdminType::TestRequest) | None => {
                self.fatal(now, "Logon expected", "Logon expected".to_owned());
            }
        }
    }

    fn logged_on(&mut self, now: Now, message: &Message<'_>, facts: LogonFacts) {
        if facts.reset && !self.reset_sent {
            // They reset and we did not ask: our Logon was number 1 of the new numbering only if it was number 1.
            if self.config.reset == ResetPolicy::Never || self.next_sender() != 2 {
                return self.fatal(now, RESET_REFUSED, RESET_REFUSED.to_owned());
            }
            if !self.expect(1) {
                return;
            }
            self.events.push_back(Event::SequencesReset);
        }
        let expected = self.expected();
        if facts.seq < expected {
            return self.too_low(now, expected, facts.seq);
        }
        if facts.next_expected.is_some_and(|theirs| theirs > self.next_sender() || theirs == 0) {
            let text = "NextExpectedMsgSeqNum is wrong";
            return self.fatal(now, text, text.to_owned());
        }
        if facts.seq == expected && !self.expect(expected + 1) {
            return;
        }
        self.phase = Phase::LoggedOn;
        self.events.push_back(Event::LoggedOn(Some(PresentedLogon::new(message, facts.clone()))));
        let next = self.next_sender();
        self.open(now, &facts, next);
    }

    /// Both Logons are there: starts the clocks, and recovers what each side misses. `first` is the first number that the peer
    /// cannot have received before this Logon.
    fn open(&mut self, now: Now, facts: &LogonFacts, first: u64) {
        self.phase = Phase::LoggedOn;
        self.deadline = None;
        self.heartbeat = Duration::from_secs(facts.heart_bt_int);
        self.last_received = now.mono;
        self.tested = false;
        self.reset_sent = false;
        let told = facts.next_expected.is_some();
        if let Some(theirs) = facts.next_expected.filter(|theirs| *theirs < first) {
            let through = self.next_sender() - 1;
            self.transmit.push_back(Waiting::Resend { from: theirs, through });
        }
        let expected = self.expected();
        if facts.seq >= expected {
            self.ahead.insert(facts.seq, Ahead::Handled);
            if told {
                // Our Logon has told what we expect; if nothing comes, the timer asks.
                self.gap = Some(Gap { until: facts.seq, asked: now.mono, attempts: 0 });
                self.events.push_back(Event::GapFound { expected, received: facts.seq });
            } else {
                self.note_gap(now, facts.seq);
            }
        }
    }

    fn send_logon(&mut self, now: Now, facts: &LogonFacts, expected: u64, fields: &[Field<'_>]) -> Result<(), SendError> {
        let seq = self.next_sender();
        let mut writer = self.writer(now, seq, AdminType::Logon.as_bytes(), &[]);
        writer.number(tag::ENCRYPT_METHOD, 0).number(tag::HEART_BT_INT, facts.heart_bt_int);
        if facts.reset {
            writer.text(tag::RESET_SEQ_NUM_FLAG, "Y");
        }
        if facts.next_expected.is_some() {
            writer.number(tag::NEXT_EXPECTED_MSG_SEQ_NUM, expected);
        }
        if let Some(version) = facts.appl_ver_id {
            writer.text(tag::DEFAULT_APPL_VER_ID, version);
        }
        writer.fields(fields);
        let bytes = writer.finish()?;
        self.record(seq, bytes, false)
    }

    /// The Logon is refused: says so in the venue's way, and ends the connection.
    ///
    /// # Errors
    /// No Logon waits for a decision.
    pub fn refuse_logon(&mut self, now: Now, answer: &LogonAnswer) -> Result<(), PhaseError> {
        let Some(facts) = self.pending.take() else { return Err(PhaseError(self.phase)) };
        let mut seq = if facts.within { self.next_sender() } else { 1 };
        if let LogonAnswer::RejectAndLogout { reason, text, fields } = answer {
            let known = self.config.version.knows(*reason);
            self.send_outside(now, seq, AdminType::Reject, |writer| {
                writer.number(tag::REF_SEQ_NUM, facts.seq).text(tag::REF_MSG_TYPE, "A");
                if known {
                    writer.number(tag::SESSION_REJECT_REASON, u64::from(reason.number()));
                }
                for (tag, value) in fields {
                    writer.text(*tag, value);
                }
                writer.text(tag::TEXT, text);
            });
            seq += 1;
        }
        if let LogonAnswer::Logout { text } | LogonAnswer::RejectAndLogout { text, .. } = answer {
            self.send_outside(now, seq, AdminType::Logout, |writer| {
                writer.text(tag::TEXT, text);
            });
        }
        self.disconnect(DisconnectReason::Refused);
        Ok(())
    }

    /// A Logon on an open session: for resetting the numbers, where the rules allow it. Who was sent a Logout does not get back by it.
    pub(super) fn logon_within(&mut self, now: Now, message: &Message<'_>, fault: Option<FieldFault>) {
        if self.phase == Phase::ExpectLogout {
            return self.fatal(now, "Logon not expected", "Logon not expected".to_owned());
        }
        let facts = match LogonFacts::read(message, fault, &self.config, now) {
            Ok(facts) => facts,
            Err(fault) => return self.fatal(now, "a Logon within the session is wrong", fault.text()),
        };
        match (self.side, self.config.reset) {
            (Side::Acceptor, ResetPolicy::AtLogonAndWithin) if facts.reset => {
                self.present(now, message, LogonFacts { within: true, ..facts });
            }
            (Side::Acceptor | Side::Initiator, ResetPolicy::AtLogon | ResetPolicy::AtLogonAndWithin | ResetPolicy::Never) => {
                let text = if facts.reset { RESET_REFUSED } else { "Logon not expected" };
                self.fatal(now, text, text.to_owned());
            }
        }
    }

    fn reset_numbers(&mut self) -> Result<(), SendError> {
        let Some(store) = self.store.as_mut() else { return Err(PhaseError(self.phase).into()) };
        if let Err(error) = store.reset() {
            self.store_failed(error.clone());
            return Err(error.into());
        }
        self.durable = 0;
        (self.asked_through, self.incomplete_told) = (0, false);
        self.gap = None;
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.events.push_back(Event::SequencesReset);
        Ok(())
    }
}

const RESET_REFUSED: &str = "ResetSeqNumFlag is not allowed";
