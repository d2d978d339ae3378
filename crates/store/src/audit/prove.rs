//! Makes proof files: two passes over the log, nothing of it kept but the records that are asked for.

use std::fmt;
use std::path::Path;

use countersign_audit_tree::evidence::{Earlier, FORMAT, ProvedRecord, REVOCATIONS, SameKey};
use countersign_audit_tree::judge::subtrees;
use countersign_audit_tree::proof::{Collector, consistency, inclusion};
use countersign_audit_tree::{AuditPublicKey, Claim, Evidence, EvidenceError, Hash, Link, SignedHead, leaf_hash, link};
use countersign_core::CorrelationId;

use super::files_of::Snapshot;
use super::reader::AuditEntry;
use crate::error::StoreError;

/// What is to be proved.
#[derive(Clone, Debug)]
pub enum Question {
    /// That the log has all of this head's log, unchanged.
    Grown(Box<SignedHead>),
    /// That the record of this number is in the log.
    Number(u64),
    /// That the decision with this correlation id is in the log.
    Decision(CorrelationId),
    /// That this key (by the name clients send, or the credential's id) was revoked before the decision with this correlation id.
    RevokedBefore {
        /// The key.
        key: String,
        /// The decision.
        decision: CorrelationId,
    },
}

/// Why there is no proof.
#[derive(Debug)]
pub enum ProveError {
    /// The records are there and do not show it.
    Evidence(EvidenceError),
    /// There is no such record under a signed head.
    NoRecord(&'static str),
    /// The log cannot be read.
    Store(StoreError),
    /// No head is signed by a key that is trusted.
    Unsigned,
    /// The log is not what the head is of.
    Unsound,
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evidence(error) => error.fmt(f),
            Self::NoRecord(what) => write!(f, "the log has no record of {what}"),
            Self::Store(error) => error.fmt(f),
            Self::Unsigned => f.write_str("the log has no head signed by a key that is trusted"),
            Self::Unsound => f.write_str("the log does not fit its signed head; `countersign audit verify` says where"),
        }
    }
}

impl std::error::Error for ProveError {}

impl From<StoreError> for ProveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Makes the proof file that answers `question`, from the log in `folder` and its newest head signed by one of `keys`.
///
/// # Errors
/// [`ProveError`]. A proof that is given verifies under `keys`.
pub fn prove(folder: &Path, keys: &[AuditPublicKey], question: &Question) -> Result<Evidence, ProveError> {
    let snapshot = Snapshot::take(folder)?;
    let kept = snapshot.heads.iter().chain(&snapshot.copied_heads).filter_map(|line| serde_json::from_str::<SignedHead>(line).ok());
    let heads = kept.chain(snapshot.checkpoint.as_ref().map(|checkpoint| checkpoint.head.clone()));
    let head = heads.filter(|head| head.verify(keys).is_some()).max_by_key(|head| head.size).ok_or(ProveError::Unsigned)?;
    let (claim, lines) = find(&snapshot, head.size, question)?;
    let evidence = collect(&snapshot, head, claim, lines, question)?;
    evidence.verify(keys).map_err(|error| match error {
        EvidenceError::NotIncluded(_) | EvidenceError::Inconsistent => ProveError::Unsound,
        EvidenceError::Claim(_) | EvidenceError::Format(_) | EvidenceError::Head(_) | EvidenceError::Record(_) => {
            ProveError::Evidence(error)
        }
    })?;
    Ok(evidence)
}

type Found = (u64, String);

/// First pass: the records that are asked for.
fn find(snapshot: &Snapshot, size: u64, question: &Question) -> Result<(Claim, Vec<Found>), ProveError> {
    match question {
        Question::Grown(_) => Ok((Claim::Grown, Vec::new())),
        Question::Number(number) => {
            let found = first(snapshot, size, |n, _| n == *number)?.ok_or(ProveError::NoRecord("this number"))?;
            Ok((Claim::Included, vec![found]))
        }
        Question::Decision(correlation) => Ok((Claim::Included, vec![decision(snapshot, size, *correlation)?])),
        Question::RevokedBefore { key, decision: correlation } => {
            let decision = decision(snapshot, size, *correlation)?;
            let revocation = revocation(snapshot, size, key, &decision)?;
            Ok((Claim::RevokedBefore, vec![revocation, decision]))
        }
    }
}

fn decision(snapshot: &Snapshot, size: u64, correlation: CorrelationId) -> Result<Found, ProveError> {
    let id = correlation.to_string();
    let found = first(snapshot, size, |_, entry| entry.text("correlation") == Some(&id))?;
    found.ok_or(ProveError::NoRecord("a decision with this correlation id"))
}

/// The first revocation of the key that the decision was about; else one that comes near, so that what is amiss can be said. Keys of
/// two purposes may have one name.
fn revocation(snapshot: &Snapshot, size: u64, key: &str, (_, decision): &Found) -> Result<Found, ProveError> {
    let decision = AuditEntry::parse(decision.as_bytes()).ok_or(ProveError::Unsound)?;
    let mut found: Option<(SameKey, Found)> = None;
    each(snapshot, size, |n, entry| {
        let revokes = entry.text("event").is_some_and(|event| REVOCATIONS.contains(&event));
        if revokes && (entry.text("key_id") == Some(key) || entry.text("credential") == Some(key)) {
            let same = SameKey::of(|member| entry.text(member), |member| decision.text(member));
            if found.as_ref().is_none_or(|(before, _)| *before < same) {
                found = Some((same, (n, entry.line)));
            }
        }
    })?;
    found.map(|(_, record)| record).ok_or(ProveError::NoRecord("a revocation of this key"))
}

fn first(snapshot: &Snapshot, size: u64, matches: impl Fn(u64, &AuditEntry) -> bool) -> Result<Option<Found>, ProveError> {
    let mut found = None;
    each(snapshot, size, |n, entry| {
        if found.is_none() && matches(n, &entry) {
            found = Some((n, entry.line));
        }
    })?;
    Ok(found)
}

fn each(snapshot: &Snapshot, size: u64, mut look: impl FnMut(u64, AuditEntry)) -> Result<(), ProveError> {
    snapshot.each_line(|line, _| {
        if let Some(link) = Link::parse(line).filter(|link| link.n < size)
            && let Some(entry) = AuditEntry::parse(line)
        {
            look(link.n, entry);
        }
        Ok::<(), ProveError>(())
    })
}

/// Second pass: the hashes that prove them.
fn collect(snapshot: &Snapshot, head: SignedHead, claim: Claim, found: Vec<Found>, question: &Question) -> Result<Evidence, ProveError> {
    let path = |n| inclusion(n, head.size).map(Collector::new).ok_or(ProveError::NoRecord("this number"));
    let mut paths = found.iter().map(|(n, _)| path(*n)).collect::<Result<Vec<_>, _>>()?;
    let earlier = match question {
        Question::Grown(earlier) => {
            let spans = consistency(earlier.size, head.size).ok_or(ProveError::NoRecord("so many records as the earlier head has"))?;
            paths.push(Collector::new(spans));
            Some(earlier)
        }
        Question::Decision(_) | Question::Number(_) | Question::RevokedBefore { .. } => None,
    };
    feed(snapshot, head.size, &mut paths)?;
    let mut paths = paths.into_iter().map(|collector| collector.finish().ok_or(ProveError::Unsound)).collect::<Result<Vec<_>, _>>()?;
    let earlier = earlier.map(|earlier| Earlier { head: (**earlier).clone(), path: paths.pop().unwrap_or_default() });
    let records = found.into_iter().zip(paths).map(|((_, line), path)| ProvedRecord { line, path }).collect();
    Ok(Evidence { countersign: FORMAT.to_owned(), claim, records, head, earlier })
}

/// Every leaf in order; what was moved to an archive comes as the subtrees that the first file tells.
fn feed(snapshot: &Snapshot, size: u64, paths: &mut [Collector]) -> Result<(), ProveError> {
    let mut next = None;
    snapshot.each_line(|line, _| {
        let Some(link) = Link::parse(line).filter(|link| link.n < size && link::is_whole(line)) else { return Ok(()) };
        if next.is_none() {
            let before = subtrees(line, link.n).ok_or(ProveError::Unsound)?;
            let known: Vec<(u64, u64, Hash)> = before.subtrees().collect();
            for path in paths.iter_mut() {
                known.iter().for_each(|(start, leaves, hash)| path.subtree(*start, *leaves, *hash));
            }
            next = Some(link.n);
        }
        if next != Some(link.n) {
            return Err(ProveError::Unsound);
        }
        let leaf = leaf_hash(line);
        paths.iter_mut().for_each(|path| path.leaf(link.n, leaf));
        next = Some(link.n + 1);
        Ok(())
    })
}
