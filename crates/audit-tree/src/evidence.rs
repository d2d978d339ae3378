//! The proof file: everything that somebody without the log needs to believe one statement about it, but the public key.
//!
//! ```text
//!   { "countersign": "audit evidence v1",
//!     "claim":   "included" | "revoked_before" | "grown",
//!     "records": [ { "line": "<the line as it stands in the log>", "path": ["<hash>", ...] }, ... ],
//!     "head":    { "size", "root", "at", "key", "sig" },
//!     "earlier": { "head": {...}, "path": [...] } }                              only for "grown"
//! ```
//!
//! | claim | says | needs |
//! |---|---|---|
//! | `included` | these records are in the log | their lines and paths |
//! | `revoked_before` | the key was revoked before that decision | two records: the revocation, then the decision, of one credential |
//! | `grown` | the log of the head has all of an earlier head's log, unchanged, at its beginning | both heads, a consistency path |
//!
//! "Before" is the order of the log, which is what the gateway recorded; clocks are told beside it.
//!
//! Whose key a decision was about is told by the first of these that both records have; where none is, nothing is claimed:
//!
//! ```text
//!   credential          unique for good; whoever proved something has it
//!   purpose + key_id    unique for good; of a request that was refused before it proved anything, the name that the client sent
//!   key_id alone        tells nothing: keys of two purposes may have one name
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hash::{Hash, leaf_hash};
use crate::head::{AuditPublicKey, SignedHead, TreeHead};
use crate::limits;
use crate::link::{self, Link};
use crate::proof;

/// The first member of every proof file.
pub const FORMAT: &str = "audit evidence v1";

/// What a proof file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// An earlier log is the beginning of this one.
    Grown,
    /// The records are in the log.
    Included,
    /// The first record revokes the key of the second, and comes before it.
    RevokedBefore,
}

/// A record with its path to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedRecord {
    /// The line, byte for byte.
    pub line: String,
    /// From the leaf to the root.
    pub path: Vec<Hash>,
}

/// An earlier head and the proof that its log is the beginning of this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The head.
    pub head: SignedHead,
    /// The consistency path.
    pub path: Vec<Hash>,
}

/// A proof file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub countersign: String,
    /// What it states.
    pub claim: Claim,
    /// The records it is about.
    pub records: Vec<ProvedRecord>,
    /// The head that they are proved under.
    pub head: SignedHead,
    /// For [`Claim::Grown`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// Why a proof file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceError {
    /// The claim needs other parts than there are.
    Claim(&'static str),
    /// It is no proof file.
    Format(String),
    /// A head is not signed by a key that is trusted; its key id.
    Head(String),
    /// The earlier log is not the beginning of the later.
    Inconsistent,
    /// The record of this number is not under the head.
    NotIncluded(u64),
    /// The record of this position in the file has no place in a chain.
    Record(usize),
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(why) => write!(f, "the proof does not show what it claims: {why}"),
            Self::Format(why) => write!(f, "this is no proof file: {why}"),
            Self::Head(key) => write!(f, "the head is not signed by a key that is trusted (it names the key {key})"),
            Self::Inconsistent => f.write_str("the earlier log is not the beginning of the later one"),
            Self::NotIncluded(n) => write!(f, "record {n} is not in the log of that head, or not in these words"),
            Self::Record(position) => write!(f, "record {} of the proof is no record of a chained log", position + 1),
        }
    }
}

impl std::error::Error for EvidenceError {}

/// What a valid proof file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it states.
    pub claim: Claim,
    /// The records, by number.
    pub records: Vec<ShownRecord>,
    /// The head they are under.
    pub head: TreeHead,
    /// The earlier head.
    pub earlier: Option<TreeHead>,
    /// The clock of the records goes against their order: it was set back in between.
    pub clock_went_back: bool,
}

/// A record that a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecord {
    /// Its number.
    pub n: u64,
    /// Its time, in microseconds since 1970.
    pub at: u64,
    /// Its members.
    pub members: Map<String, Value>,
}

impl ShownRecord {
    /// A member that is text.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member).and_then(Value::as_str)
    }
}

impl Evidence {
    /// Reads a proof file.
    ///
    /// # Errors
    /// [`EvidenceError::Format`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > limits::EVIDENCE_BYTES_MAX {
            return Err(EvidenceError::Format(format!("it is longer than {} bytes", limits::EVIDENCE_BYTES_MAX)));
        }
        let evidence: Self = serde_json::from_slice(bytes).map_err(|error| EvidenceError::Format(error.to_string()))?;
        if evidence.countersign != FORMAT {
            return Err(EvidenceError::Format(format!("it is not of the format {FORMAT:?}")));
        }
        Ok(evidence)
    }

    /// Checks everything: signatures, paths, and that the records say what is claimed.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify(&self, keys: &[AuditPublicKey]) -> Result<Verdict, EvidenceError> {
        let head = self.head.verify(keys).ok_or_else(|| EvidenceError::Head(self.head.key.clone()))?;
        let shown: Vec<_> =
            self.records.iter().enumerate().map(|(position, record)| show(position, record, head)).collect::<Result<_, _>>()?;
        let earlier = self.earlier.as_ref().map(|earlier| grown(earlier, head, keys)).transpose()?;
        match (self.claim, earlier) {
            (Claim::Grown, None) => return Err(EvidenceError::Claim("there is no earlier head")),
            (Claim::Included, None) if shown.is_empty() => return Err(EvidenceError::Claim("there is no record")),
            (Claim::Included | Claim::RevokedBefore, Some(_)) => return Err(EvidenceError::Claim("there is an earlier head")),
            (Claim::Grown, Some(_)) | (Claim::Included, None) => {}
            (Claim::RevokedBefore, None) => revoked_before(&shown)?,
        }
        let clock_went_back = shown.is_sorted_by_key(|record| record.n) && !shown.is_sorted_by_key(|record| record.at);
        Ok(Verdict { claim: self.claim, records: shown, head, earlier, clock_went_back })
    }
}

fn show(position: usize, record: &ProvedRecord, head: TreeHead) -> Result<ShownRecord, EvidenceError> {
    let line = record.line.as_bytes();
    let no_record = || EvidenceError::Record(position);
    let link = Link::parse(line).ok_or_else(no_record)?;
    let at = link::time_of(line).ok_or_else(no_record)?;
    let members = serde_json::from_slice(line).map_err(|_| no_record())?;
    if record.path.len() > limits::PROOF_HASHES_MAX || !proof::verify_inclusion(link.n, head.size, leaf_hash(line), &record.path, head.root)
    {
        return Err(EvidenceError::NotIncluded(link.n));
    }
    Ok(ShownRecord { n: link.n, at, members })
}

fn grown(earlier: &Earlier, head: TreeHead, keys: &[AuditPublicKey]) -> Result<TreeHead, EvidenceError> {
    let first = earlier.head.verify(keys).ok_or_else(|| EvidenceError::Head(earlier.head.key.clone()))?;
    let short = earlier.path.len() <= limits::PROOF_HASHES_MAX;
    let consistent = short && proof::verify_consistency(first.size, head.size, first.root, head.root, &earlier.path);
    consistent.then_some(first).ok_or(EvidenceError::Inconsistent)
}

/// That a key was revoked: as it was decided at the node of this log, and as it took effect there, wherever it was decided.
pub const REVOCATIONS: [&str; 2] = ["key_revoke", "key_revoked_here"];

/// Whether a revocation is of the key that a decision was about, as far as the two records tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SameKey {
    /// It is of another key.
    No,
    /// Both have a key of this name, and nothing says whether it is the same.
    Untold,
    /// It is.
    Yes,
}

impl SameKey {
    /// Compares two records by their members that are text.
    pub fn of<'r>(revocation: impl Fn(&str) -> Option<&'r str>, decision: impl Fn(&str) -> Option<&'r str>) -> Self {
        let both = |member| revocation(member).zip(decision(member)).map(|(one, other)| one == other);
        let told = |same| if same { Self::Yes } else { Self::No };
        match (both("credential"), both("key_id")) {
            (Some(same), _) => told(same),
            (None, Some(true)) => both("purpose").map_or(Self::Untold, told),
            (None, Some(false) | None) => Self::No,
        }
    }
}

/// What is decided about a request.
const DECISIONS: [&str; 2] = ["accept", "refuse"];

fn revoked_before(shown: &[ShownRecord]) -> Result<(), EvidenceError> {
    let [revocation, decision] = shown else { return Err(EvidenceError::Claim("it needs a revocation and a decision, and nothing else")) };
    if !revocation.text("event").is_some_and(|event| REVOCATIONS.contains(&event)) {
        return Err(EvidenceError::Claim("the first record is no revocation"));
    }
    if !decision.text("event").is_some_and(|event| DECISIONS.contains(&event)) {
        return Err(EvidenceError::Claim("the second record is no decision about a request"));
    }
    match SameKey::of(|member| revocation.text(member), |member| decision.text(member)) {
        SameKey::No => return Err(EvidenceError::Claim("the two records are about different keys")),
        SameKey::Untold => return Err(EvidenceError::Claim(UNTOLD)),
        SameKey::Yes => {}
    }
    if revocation.n >= decision.n {
        return Err(EvidenceError::Claim("the revocation comes after the decision"));
    }
    Ok(())
}

/// Records from before refusals had a purpose are so.
const UNTOLD: &str = "the records name a key and not its purpose, and keys of two purposes may have one name";
