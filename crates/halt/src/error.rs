//! Why a halt or a lift is not what it should be: each a sentence for the operator.

use std::fmt;

use countersign_core::Purpose;

use crate::action::Action;
use crate::halt::HaltId;

/// A text or record that is not a halt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HaltError {
    /// An instrument has no connections of its own.
    InstrumentDisconnect,
    /// The MAC of a notice is not the cluster's.
    Mac,
    /// Not a record of this kind.
    Malformed,
    /// Not a scope.
    Scope(String),
    /// Words that are too long, or that a terminal would not show as they are written.
    Text,
}

impl fmt::Display for HaltError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstrumentDisconnect => f.write_str("an instrument has no connections to cut: the strongest action for it is freeze"),
            Self::Mac => f.write_str("a notice that no node of this cluster made"),
            Self::Malformed => f.write_str("not a halt record"),
            Self::Scope(text) => no_scope(f, text),
            Self::Text => f.write_str("the words must have 1 to 256 bytes, without control characters and marks that turn or hide text"),
        }
    }
}

impl std::error::Error for HaltError {}

/// Whoever misspells a name in an emergency is told that it is the name, and which there are.
fn no_scope(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    match text.split_once(':') {
        Some(("dialect", name)) => {
            write!(f, "there is no dialect {name:?}; there are ")?;
            let names: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.name()).collect();
            f.write_str(&names.join(", "))
        }
        Some(("session", id)) => write!(f, "{id:?} is not the id of a session, as `countersign session list` shows it"),
        Some((kind @ ("account" | "instrument" | "key" | "node"), name)) => {
            write!(f, "{name:?} cannot be the name of {} {kind}", if kind.starts_with(['a', 'i']) { "an" } else { "a" })
        }
        _ => write!(f, "{text:?} is not a scope: venue, dialect:NAME, instrument:NAME, account:NAME, key:ID, session:ID or node:NAME"),
    }
}

/// Why a lift is not agreed, or not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiftError {
    /// A signature that does not verify, of this operator.
    BadSignature(String),
    /// Something changed since the proposal.
    EpochMoved {
        /// The epoch that was signed.
        signed: u64,
        /// The epoch now.
        now: u64,
    },
    /// Too late.
    Expired,
    /// A halt for a compromised key is for ever.
    ForEver(HaltId),
    /// No such halt in force.
    NotInForce(HaltId),
    /// It would not make the halt weaker.
    NotWeaker {
        /// Which.
        halt: HaltId,
        /// What it is now.
        level: Action,
    },
    /// Too early.
    NotYet,
    /// Fewer operators than needed.
    Quorum {
        /// How many different operators signed.
        signed: usize,
        /// How many must.
        needed: usize,
    },
    /// Made for another gateway.
    OtherGateway,
    /// A signature of somebody who is not an operator.
    UnknownOperator(String),
}

impl fmt::Display for LiftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature(name) => write!(f, "the signature of {name} does not verify over this proposal"),
            Self::EpochMoved { signed, now } => {
                write!(f, "the halts changed since the proposal (epoch {signed} was signed, now it is {now}): look again and propose anew")
            }
            Self::Expired => f.write_str("the proposal has expired"),
            Self::ForEver(id) => write!(f, "{id} is for a compromised key, which never comes back: register a new key"),
            Self::NotInForce(id) => write!(f, "{id} is not in force"),
            Self::NotWeaker { halt, level } => write!(f, "{halt} is {level}: a lift must make it weaker"),
            Self::NotYet => f.write_str("the proposal is not to be applied yet"),
            Self::Quorum { signed, needed } => write!(f, "{signed} of {needed} operators signed"),
            Self::OtherGateway => f.write_str("the proposal was made for another gateway"),
            Self::UnknownOperator(name) => write!(f, "{name} is not an operator of this gateway (halt.operators)"),
        }
    }
}

impl std::error::Error for LiftError {}
