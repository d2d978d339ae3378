//! A Logon that asks to be verified, and what the session itself needs from it.

use std::fmt;

use countersign_core::Now;
use zeroize::Zeroizing;

use crate::limits;
use crate::message::{FieldFault, Message, boolean, number};
use crate::reject_reason::SessionRejectReason;
use crate::session::config::{CompId, Peer, SessionConfig};
use crate::tag;
use crate::utc_timestamp::UtcTimestamp;

/// What a session needs from a Logon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogonFacts {
    pub(super) peer: CompId,
    pub(super) seq: u64,
    pub(super) heart_bt_int: u64,
    pub(super) reset: bool,
    pub(super) next_expected: Option<u64>,
    pub(super) appl_ver_id: Option<&'static str>,
    /// On a session that is open already.
    pub(super) within: bool,
}

/// Why a Logon is not even presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogonFault {
    /// It is for or from somebody else: nothing is answered.
    Foreign,
    /// A field is wrong.
    Field(FieldFault),
    /// It asks for what the rules do not grant.
    Rule(&'static str),
}

impl From<FieldFault> for LogonFault {
    fn from(fault: FieldFault) -> Self {
        Self::Field(fault)
    }
}

impl LogonFault {
    /// The words for Text (58).
    pub(super) fn text(self) -> String {
        match self {
            Self::Foreign => String::new(),
            Self::Field(FieldFault { reason, tag: Some(tag) }) => format!("{} ({tag})", reason.text()),
            Self::Field(FieldFault { reason, tag: None }) => reason.text().to_owned(),
            Self::Rule(text) => text.to_owned(),
        }
    }
}

impl LogonFacts {
    /// Reads a Logon by the rules of the session.
    pub(super) fn read(message: &Message<'_>, fault: Option<FieldFault>, config: &SessionConfig, now: Now) -> Result<Self, LogonFault> {
        if message.begin_string() != config.version.begin_string().as_bytes() {
            return Err(LogonFault::Foreign);
        }
        if message.first(tag::TARGET_COMP_ID) != Some(config.comp_id.as_str().as_bytes()) {
            return Err(LogonFault::Foreign);
        }
        let peer = message.first(tag::SENDER_COMP_ID).and_then(|value| CompId::parse(value).ok()).ok_or(LogonFault::Foreign)?;
        match &config.peer {
            Peer::Is(expected) if *expected != peer => return Err(LogonFault::Foreign),
            Peer::Is(_) | Peer::AsPresented => {}
        }
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        sending_time(message, config, now)?;
        let seq = integer(message, tag::MSG_SEQ_NUM)?;
        if seq >= limits::SEQ_NUM_MAX {
            return Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::MSG_SEQ_NUM).into());
        }
        encrypt_method(message, config)?;
        let reset = flag(message, tag::RESET_SEQ_NUM_FLAG)?;
        if reset && seq != 1 {
            return Err(LogonFault::Rule("ResetSeqNumFlag needs MsgSeqNum 1"));
        }
        let next_expected =
            message.first(tag::NEXT_EXPECTED_MSG_SEQ_NUM).map(|_| integer(message, tag::NEXT_EXPECTED_MSG_SEQ_NUM)).transpose()?;
        Ok(Self {
            peer,
            seq,
            heart_bt_int: heart_bt_int(message, config)?,
            reset,
            next_expected: next_expected.filter(|_| config.next_expected && config.version.has_next_expected()),
            appl_ver_id: appl_ver_id(message, config)?,
            within: false,
        })
    }
}

/// Reads SendingTime and holds it against the clock.
pub(super) fn sending_time(message: &Message<'_>, config: &SessionConfig, now: Now) -> Result<UtcTimestamp, FieldFault> {
    let at = time(message, tag::SENDING_TIME)?;
    let off = at.timestamp().saturating_since(now.wall).max(now.wall.saturating_since(at.timestamp()));
    if off > config.sending_time_window {
        return Err(FieldFault::whole(SessionRejectReason::SendingTimeAccuracy));
    }
    Ok(at)
}

pub(super) fn time(message: &Message<'_>, tag: tag::Tag) -> Result<UtcTimestamp, FieldFault> {
    UtcTimestamp::parse(message.required(tag)?).map_err(|_| FieldFault::of(SessionRejectReason::DataFormat, tag))
}

pub(super) fn integer(message: &Message<'_>, tag: tag::Tag) -> Result<u64, FieldFault> {
    number(message.required(tag)?).ok_or_else(|| FieldFault::of(SessionRejectReason::DataFormat, tag))
}

/// An optional Boolean; absent means `N`.
pub(super) fn flag(message: &Message<'_>, tag: tag::Tag) -> Result<bool, FieldFault> {
    match message.first(tag) {
        None => Ok(false),
        Some(value) => boolean(value).ok_or_else(|| FieldFault::of(SessionRejectReason::ValueIncorrect, tag)),
    }
}

/// TLS encrypts: nothing else is spoken.
fn encrypt_method(message: &Message<'_>, config: &SessionConfig) -> Result<(), FieldFault> {
    match message.first(tag::ENCRYPT_METHOD) {
        Some(b"0") => Ok(()),
        None if !config.needs_encrypt_method => Ok(()),
        None => Err(FieldFault::of(SessionRejectReason::RequiredTagMissing, tag::ENCRYPT_METHOD)),
        Some(_) => Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::ENCRYPT_METHOD)),
    }
}

fn heart_bt_int(message: &Message<'_>, config: &SessionConfig) -> Result<u64, LogonFault> {
    let range = config.heart_bt_int;
    match number(message.required(tag::HEART_BT_INT)?) {
        Some(0) if range.zero => Ok(0),
        Some(seconds) if seconds > 0 && (range.min..=range.max).contains(&seconds) => Ok(seconds),
        _ => Err(FieldFault::of(SessionRejectReason::ValueIncorrect, tag::HEART_BT_INT).into()),
    }
}

fn appl_ver_id(message: &Message<'_>, config: &SessionConfig) -> Result<Option<&'static str>, LogonFault> {
    if !config.version.has_appl_ver_id() {
        return Ok(None);
    }
    let asked = message.required(tag::DEFAULT_APPL_VER_ID)?;
    let known = config.appl_ver_ids.iter().copied().find(|known| known.as_bytes() == asked);
    known.map(Some).ok_or_else(|| FieldFault::of(SessionRejectReason::ApplVerId, tag::DEFAULT_APPL_VER_ID).into())
}

/// A Logon as it was received. Its bytes are wiped when it is dropped, and never printed: they hold passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedLogon {
    frame: Zeroizing<Vec<u8>>,
    facts: LogonFacts,
}

impl PresentedLogon {
    pub(super) fn new(message: &Message<'_>, facts: LogonFacts) -> Self {
        Self { frame: Zeroizing::new(message.frame().to_vec()), facts }
    }

    /// The message, for a dialect: every field in its order with its literal value.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.frame).expect("only a Logon that was read without a fault is presented")
    }

    /// SenderCompID.
    #[must_use]
    pub const fn peer(&self) -> &CompId {
        &self.facts.peer
    }

    /// MsgSeqNum.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.facts.seq
    }

    /// HeartBtInt in seconds.
    #[must_use]
    pub const fn heart_bt_int(&self) -> u64 {
        self.facts.heart_bt_int
    }

    /// Whether it asks to reset both sequence numbers (141=Y).
    #[must_use]
    pub const fn resets(&self) -> bool {
        self.facts.reset
    }

    /// Whether it came on a session that was open already.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        self.facts.within
    }
}

impl fmt::Debug for PresentedLogon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PresentedLogon").field(&self.facts).finish()
    }
}
