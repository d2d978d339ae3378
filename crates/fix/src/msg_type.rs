//! MsgType (35): the seven messages of the session layer, and everything else.

use crate::limits;

/// A message of the session layer. BusinessMessageReject (`j`) is an application message and not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminType {
    /// `0`.
    Heartbeat,
    /// `1`.
    TestRequest,
    /// `2`.
    ResendRequest,
    /// `3`.
    Reject,
    /// `4`.
    SequenceReset,
    /// `5`.
    Logout,
    /// `A`.
    Logon,
}

impl AdminType {
    /// All of them, in the order of the standard.
    pub const ALL: [Self; 7] =
        [Self::Heartbeat, Self::TestRequest, Self::ResendRequest, Self::Reject, Self::SequenceReset, Self::Logout, Self::Logon];

    /// The value of MsgType.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Heartbeat => b"0",
            Self::TestRequest => b"1",
            Self::ResendRequest => b"2",
            Self::Reject => b"3",
            Self::SequenceReset => b"4",
            Self::Logout => b"5",
            Self::Logon => b"A",
        }
    }

    /// The session message a MsgType names; none for application messages.
    #[must_use]
    pub const fn of(msg_type: &[u8]) -> Option<Self> {
        match msg_type {
            b"0" => Some(Self::Heartbeat),
            b"1" => Some(Self::TestRequest),
            b"2" => Some(Self::ResendRequest),
            b"3" => Some(Self::Reject),
            b"4" => Some(Self::SequenceReset),
            b"5" => Some(Self::Logout),
            b"A" => Some(Self::Logon),
            _ => None,
        }
    }
}

/// BusinessMessageReject.
pub const BUSINESS_MESSAGE_REJECT: &[u8] = b"j";

/// Whether a MsgType can be one: letters and digits, as all standard and user-defined types are.
#[must_use]
pub fn is_well_formed(msg_type: &[u8]) -> bool {
    !msg_type.is_empty() && msg_type.len() <= limits::MSG_TYPE_BYTES_MAX && msg_type.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_messages_are_read_back() {
        for kind in AdminType::ALL {
            assert_eq!(AdminType::of(kind.as_bytes()), Some(kind));
        }
        assert_eq!(AdminType::of(b"D"), None);
        assert_eq!(AdminType::of(BUSINESS_MESSAGE_REJECT), None);
    }

    #[test]
    fn a_msg_type_has_letters_and_digits() {
        assert!(is_well_formed(b"D") && is_well_formed(b"AE") && is_well_formed(b"U100"));
        assert!(!is_well_formed(b"*") && !is_well_formed(b"") && !is_well_formed(b"ABCDEFGHI"));
    }
}
