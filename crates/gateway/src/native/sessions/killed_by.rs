//! Who, or what, ended a session that would have gone on.

use countersign_core::Reject;
use countersign_oauth::Revocation;

/// Who ended it, or what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KilledBy {
    /// As many of its key, or of all, wait for their clients as may (HS-91).
    Crowd,
    /// An operator, at whichever node.
    Operator,
    /// Its client, or what was seen of its tokens.
    Revocation,
    /// Two parties had its ticket (HS-84).
    Reuse,
}

impl KilledBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Crowd, Self::Operator, Self::Revocation, Self::Reuse];

    /// Who made a revocation.
    #[must_use]
    pub fn of(revocation: &Revocation) -> Self {
        Self::of_revoked(revocation.is_by_operator())
    }

    /// Who ended what was revoked.
    pub(crate) const fn of_revoked(by_operator: bool) -> Self {
        if by_operator { Self::Operator } else { Self::Revocation }
    }

    /// Reads the words of the record of a session that is over wherever its mirror turns up. What a node said that lost it, or a start
    /// after a crash, is no such word.
    #[must_use]
    pub fn of_record(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.reason() == reason)
    }

    /// The words of the record.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Crowd => "too many waiting",
            Self::Operator => "ended by an operator",
            Self::Revocation => "revoked",
            Self::Reuse => Reject::SessionReuse.label(),
        }
    }

    /// The words for its client's other side, and for operators.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Crowd => "too many sessions wait for their clients",
            Self::Operator => "an operator ended the session",
            Self::Revocation => "the session was revoked",
            Self::Reuse => "a spent resumption ticket was shown",
        }
    }
}
