//! The versions of the standard that are spoken, and what differs between them at session level.

use crate::reject_reason::SessionRejectReason;
use crate::tag::Tag;

/// A session protocol, named on the wire by BeginString (8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// FIX 4.2.
    Fix42,
    /// FIX 4.4.
    Fix44,
    /// FIXT 1.1, the session layer of FIX 5.0 and its service packs.
    Fixt11,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::Fix42, Self::Fix44, Self::Fixt11];

    /// The value of BeginString.
    #[must_use]
    pub const fn begin_string(self) -> &'static str {
        match self {
            Self::Fix42 => "FIX.4.2",
            Self::Fix44 => "FIX.4.4",
            Self::Fixt11 => "FIXT.1.1",
        }
    }

    /// The version a BeginString names.
    #[must_use]
    pub fn of(begin_string: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.begin_string().as_bytes() == begin_string)
    }

    /// Highest tag that the version's specification defines (5.0 SP2: without extension packs); above it and below 5000 nothing is defined, from 5000 on the users define.
    #[must_use]
    pub const fn highest_tag(self) -> Tag {
        match self {
            Self::Fix42 => 446,
            Self::Fix44 => 956,
            Self::Fixt11 => 1_621,
        }
    }

    /// Whether SessionRejectReason (373) of this version lists the reason. The list grew: up to 11 in 4.2, 17 and 99 in 4.4, 18 in FIXT 1.1.
    #[must_use]
    pub const fn knows(self, reason: SessionRejectReason) -> bool {
        let number = reason.number();
        match self {
            Self::Fix42 => number <= 11,
            Self::Fix44 => number <= 17 || number == 99,
            Self::Fixt11 => true,
        }
    }

    /// Whether NextExpectedMsgSeqNum (789) exists.
    #[must_use]
    pub const fn has_next_expected(self) -> bool {
        match self {
            Self::Fix42 => false,
            Self::Fix44 | Self::Fixt11 => true,
        }
    }

    /// Whether the application version is agreed by DefaultApplVerID (1137).
    #[must_use]
    pub const fn has_appl_ver_id(self) -> bool {
        match self {
            Self::Fix42 | Self::Fix44 => false,
            Self::Fixt11 => true,
        }
    }
}
