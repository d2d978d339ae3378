//! Who speaks with whom, and by which rules. Every rule has a default that is safe for a venue.

use std::fmt;
use std::time::Duration;

use crate::limits;
use crate::utc_timestamp::Precision;
use crate::version::Version;

/// Not a CompID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a CompID has 1 to {} printable ASCII characters", limits::COMP_ID_BYTES_MAX)]
pub struct CompIdError;

/// SenderCompID or TargetCompID: the name of a firm or of one of its connections.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompId(String);

impl CompId {
    /// Reads a CompID.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters than printable ASCII.
    pub fn parse(value: &[u8]) -> Result<Self, CompIdError> {
        let printable = value.iter().all(|byte| (b' '..=b'~').contains(byte));
        if value.is_empty() || value.len() > limits::COMP_ID_BYTES_MAX || !printable {
            return Err(CompIdError);
        }
        Ok(Self(value.iter().copied().map(char::from).collect()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CompId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a session may be with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Whoever a Logon names; the shell decides with the credential. For acceptors.
    AsPresented,
    /// This one.
    Is(CompId),
}

/// When ResetSeqNumFlag (141=Y) is granted. Each use is an event for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPolicy {
    /// On the first Logon of a connection.
    AtLogon,
    /// There and on a Logon within the session, for venues that run all week; that Logon is verified like any other.
    AtLogonAndWithin,
    /// Never.
    Never,
}

/// What becomes of application messages that the peer missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendPolicy {
    /// A gap fill takes their place: a stale order is worse than none.
    GapFill,
    /// They are sent again with PossDupFlag.
    Resend,
}

/// Whether messages may name third parties (115 OnBehalfOfCompID, 128 DeliverToCompID).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Any.
    Allow,
    /// Only these.
    Only(Vec<CompId>),
    /// None: a client speaks for itself.
    Refuse,
}

/// Whether session messages may have fields that the standard does not give them. Logon may always: venues add their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminFields {
    /// They may.
    Lenient,
    /// They may not: SessionRejectReason 0 or 2.
    Strict,
}

/// Seconds of HeartBtInt (108) that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartBtIntRange {
    /// Fewest.
    pub min: u64,
    /// Most.
    pub max: u64,
    /// Whether 0, no heartbeats at all, is accepted: a dead peer is then never noticed.
    pub zero: bool,
}

/// The rules of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The version spoken.
    pub version: Version,
    /// Our CompID.
    pub comp_id: CompId,
    /// Theirs.
    pub peer: Peer,
    /// Accepted values of HeartBtInt; an initiator asks for `heart_bt_int.max`.
    pub heart_bt_int: HeartBtIntRange,
    /// How far SendingTime may be from our clock. Dialects check their own, narrower windows at Logon.
    pub sending_time_window: Duration,
    /// From connection to Logon, and from our Logon to its answer.
    pub logon_timeout: Duration,
    /// How long the shell may take to verify a Logon.
    pub verification_timeout: Duration,
    /// From our Logout to the peer's.
    pub logout_timeout: Duration,
    /// How long a gap may stay open before it is asked for again, at most [`limits::RESEND_ATTEMPTS_MAX`] times.
    pub resend_timeout: Duration,
    /// When sequence numbers may be reset.
    pub reset: ResetPolicy,
    /// What is resent.
    pub resend: ResendPolicy,
    /// Third parties.
    pub routing: Routing,
    /// Unknown fields of session messages.
    pub admin_fields: AdminFields,
    /// Whether a Logon must have EncryptMethod (98), as the standard says. Where it need not, a Logon without one means 0.
    pub needs_encrypt_method: bool,
    /// Whether NextExpectedMsgSeqNum (789) is used where the peer uses it, in place of ResendRequests at Logon.
    pub next_expected: bool,
    /// Values of DefaultApplVerID (1137) that are accepted; the first is the one we send. FIXT 1.1 only.
    pub appl_ver_ids: Vec<&'static str>,
    /// Longest message after Logon; above [`limits::MESSAGE_BYTES_MAX`] has no effect.
    pub message_bytes_max: usize,
    /// Precision of the times we write.
    pub precision: Precision,
}

impl SessionConfig {
    /// A session with the default rules.
    #[must_use]
    pub fn new(version: Version, comp_id: CompId, peer: Peer) -> Self {
        Self {
            version,
            comp_id,
            peer,
            heart_bt_int: HeartBtIntRange { min: 1, max: 120, zero: false },
            sending_time_window: Duration::from_secs(120),
            logon_timeout: Duration::from_secs(10),
            verification_timeout: Duration::from_secs(5),
            logout_timeout: Duration::from_secs(2),
            resend_timeout: Duration::from_secs(30),
            reset: ResetPolicy::AtLogon,
            resend: ResendPolicy::Resend,
            routing: Routing::Refuse,
            admin_fields: AdminFields::Lenient,
            needs_encrypt_method: true,
            next_expected: true,
            appl_ver_ids: vec!["9"],
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            precision: Precision::Millis,
        }
    }
}
