//! What a judge found.

use std::fmt;
use std::sync::Arc;

use crate::hash::Hash;
use crate::head::TreeHead;
use crate::limits;

/// Where a line stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// One thing that is wrong. Records are named by their number `n`, ranges by first and last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record is not what it was: the one after it, or what was kept of the end, tells another hash.
    Changed {
        /// Which.
        n: u64,
        /// Where.
        place: Place,
    },
    /// A signed head, or the checkpoint, is of a longer log.
    CutOff {
        /// The first record that is gone.
        from: u64,
        /// The last that must have been there.
        to: u64,
    },
    /// Records are gone.
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// The line that shows it.
        before: Place,
    },
    /// A start of the gateway, or of a command, found the log other than it must be, and put that on record.
    Found {
        /// The record that says so.
        n: u64,
        /// Where.
        place: Place,
        /// What it says.
        detail: String,
    },
    /// The record stands behind a later one.
    Moved {
        /// Which.
        n: u64,
        /// Where it stands now.
        place: Place,
    },
    /// Record 0 says that there was one before it.
    NoBeginning,
    /// There is another record of this number.
    Repeated {
        /// Which.
        n: u64,
        /// Where the second one is.
        place: Place,
    },
    /// The records fit each other and not the signed head: they were written anew.
    Rewritten {
        /// The first that may be.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A whole record without a place in the chain, after its beginning.
    Smuggled {
        /// Where.
        place: Place,
    },
    /// The first record of a file tells other subtrees than the records before it have.
    Subtrees {
        /// Which record.
        n: u64,
        /// Where.
        place: Place,
    },
    /// No signed head is of these records, and a writer would have signed them long ago: anybody could have written them.
    Unsigned {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// The earliest time that they tell, in microseconds since 1970.
        first: u64,
        /// The latest.
        last: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { n, place } => write!(f, "changed: record {n} ({place}) is not what was written"),
            Self::CutOff { from, to } => write!(f, "cut off: {} gone from the end", records(*from, *to)),
            Self::Missing { from, to, before } => write!(f, "missing: {} before {before}", records(*from, *to)),
            Self::Found { n, place, detail } => write!(f, "found at a start: {detail}; record {n} ({place}) says so"),
            Self::Moved { n, place } => write!(f, "moved: record {n} stands at {place}, behind later ones"),
            Self::NoBeginning => f.write_str("changed: record 0 names a record before it"),
            Self::Repeated { n, place } => write!(f, "repeated: {place} is another record {n}"),
            Self::Rewritten { from, to } => write!(f, "rewritten: {} not what the signed head is of", records(*from, *to)),
            Self::Smuggled { place } => write!(f, "smuggled in: {place} is a record outside the chain"),
            Self::Subtrees { n, place } => write!(f, "changed: record {n} ({place}) tells another tree than the records before it"),
            Self::Unsigned { from, to, .. } => write!(f, "unsigned: {} under no signed head", records(*from, *to)),
        }
    }
}

fn records(from: u64, to: u64) -> String {
    if from == to { format!("record {from} is") } else { format!("records {from} to {to} are") }
}

/// What was found in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records of the chain that were read in order.
    pub records: u64,
    /// How many the log has, from its first ever.
    pub size: u64,
    /// The root of its tree; `None` when records are gone.
    pub root: Option<Hash>,
    /// The first record with a link, and where.
    pub begins: Option<(u64, Place)>,
    /// Records before the chain began, which nothing proves.
    pub before_chain: u64,
    /// Lines that are no record: torn by a crash. At most [`limits::FAULTS_LISTED_MAX`].
    pub torn: Vec<Place>,
    /// All of them.
    pub torn_total: usize,
    /// The largest signed head that fits.
    pub proved: Option<TreeHead>,
    /// How many fit.
    pub proved_heads: usize,
    /// Heads that could not be held against the log, because records before them are gone.
    pub unchecked: usize,
    /// Heads of records that were moved to an archive.
    pub gone_heads: usize,
    /// Faults, in the order they were found; at most [`limits::FAULTS_LISTED_MAX`].
    pub faults: Vec<Fault>,
    /// All faults.
    pub faults_total: usize,
    pub(super) gap_places: Vec<(u64, Place)>,
}

impl Report {
    pub(super) fn fault(&mut self, fault: Fault) {
        // Two heads of one size tell the same.
        if self.faults.last() == Some(&fault) {
            return;
        }
        self.faults_total += 1;
        if self.faults.len() < limits::FAULTS_LISTED_MAX {
            self.faults.push(fault);
        }
    }

    /// Records that no signed head covers yet: the chain alone holds them.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        self.size - self.proved.map_or(0, |head| head.size.min(self.size))
    }
}
