//! Who ended a session that would have gone on.

use countersign_oauth::Revocation;

/// What revocations by operators begin with ([`countersign_store::Change::by`]).
const OPERATOR: &str = "operator ";

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KilledBy {
    /// An operator, at whichever node.
    Operator,
    /// Its client, or what was seen of its tokens.
    Revocation,
}

impl KilledBy {
    /// Who made a revocation.
    #[must_use]
    pub fn of(revocation: &Revocation) -> Self {
        if revocation.by.starts_with(OPERATOR) { Self::Operator } else { Self::Revocation }
    }

    /// The words of the record.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Operator => "ended by an operator",
            Self::Revocation => "revoked",
        }
    }

    /// The words for its client's other side, and for operators.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Operator => "an operator ended the session",
            Self::Revocation => "the session was revoked",
        }
    }
}
