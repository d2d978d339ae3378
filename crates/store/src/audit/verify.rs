//! Reads a whole log and says whether it is what was written.

use std::collections::HashMap;
use std::path::Path;

use countersign_audit_tree::judge::Report;
use countersign_audit_tree::{AuditPublicKey, Fault, Judge, Place, SignedHead};

use super::files_of::{CHECKPOINT_FILE, COPIED_HEADS_FILE, HEADS_FILE, Snapshot};
use super::reader::AuditEntry;
use crate::error::StoreError;

/// What a log is held against.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Keys that may have signed its heads.
    pub keys: Vec<AuditPublicKey>,
    /// Files from its beginning were moved to an archive.
    pub archived: bool,
    /// Heads that were kept elsewhere.
    pub held: Vec<SignedHead>,
}

/// A fault, with what the record says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFault {
    /// What is wrong.
    pub fault: Fault,
    /// The line it is about, or the one that shows it, as it stands there now.
    pub entry: Option<AuditEntry>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// What the judge says.
    pub report: Report,
    /// The faults again, each with its line. Only the first hundred.
    pub named: Vec<NamedFault>,
    /// Heads that nobody trusted signed, or that are damaged: file and line, or whose.
    pub bad_heads: Vec<String>,
    /// A log that has records and not one signed head: anybody could have written it.
    pub unsigned_log: bool,
    /// Not one record: nothing was checked. A gateway's log begins with its start.
    pub empty_log: bool,
    /// What signed the log and is gone from its folder: a file, or that one is shorter than it was.
    pub gone: Vec<String>,
}

impl Verification {
    /// Whether the log is what was written, as far as anybody can tell.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.report.faults_total == 0 && self.bad_heads.is_empty() && self.gone.is_empty() && !self.unsigned_log && !self.empty_log
    }
}

/// Verifies the log in `folder`, as it is at this moment; the gateway may be writing it.
///
/// # Errors
/// [`StoreError::Io`].
pub fn verify(folder: &Path, options: &VerifyOptions) -> Result<Verification, StoreError> {
    let snapshot = Snapshot::take(folder)?;
    let (mut heads, mut bad_heads) = (Vec::new(), Vec::new());
    let mut take = |head: Option<&SignedHead>, whose: String| match head.and_then(|head| head.verify(&options.keys)) {
        Some(head) => heads.push(head),
        None => bad_heads.push(whose),
    };
    let lines = |name, lines| std::iter::zip(std::iter::repeat(name), <[String]>::iter(lines).enumerate());
    for (name, (number, line)) in lines(HEADS_FILE, &snapshot.heads).chain(lines(COPIED_HEADS_FILE, &snapshot.copied_heads)) {
        let head = serde_json::from_str(line).ok();
        let torn = head.is_none() && !countersign_audit_tree::link::is_whole(line.as_bytes());
        if !torn {
            take(head.as_ref(), format!("{name} line {}", number + 1));
        }
    }
    if snapshot.has_checkpoint {
        take(snapshot.checkpoint.as_ref().map(|checkpoint| &checkpoint.head), CHECKPOINT_FILE.to_owned());
    }
    for (number, head) in options.held.iter().enumerate() {
        take(Some(head), format!("held head {}", number + 1));
    }
    let no_head = heads.is_empty();
    let last = snapshot.checkpoint.as_ref().map(|checkpoint| (checkpoint.head.size, checkpoint.last));
    let mut judge = Judge::new(heads, options.archived);
    snapshot.each_line(|line, place| {
        judge.line(line, place);
        Ok::<(), StoreError>(())
    })?;
    let report = judge.finish(last);
    let named = name(&snapshot, &report)?;
    let unsigned_log = no_head && report.records > 0;
    let empty_log = report.records == 0;
    let gone = gone(&snapshot);
    Ok(Verification { report, named, bad_heads, unsigned_log, empty_log, gone })
}

/// A checkpoint is written with the first records, and replaced whole; heads are only added. A copy has heads alone.
fn gone(snapshot: &Snapshot) -> Vec<String> {
    let mut gone = Vec::new();
    if snapshot.has_lock && !snapshot.has_checkpoint && !snapshot.heads.is_empty() {
        gone.push(format!("{CHECKPOINT_FILE} is not there: the log may have been longer"));
    }
    if let Some(checkpoint) = snapshot.checkpoint.as_ref().filter(|checkpoint| checkpoint.heads > snapshot.heads_bytes) {
        gone.push(format!("{HEADS_FILE} has {} bytes of {}: signed heads are missing", snapshot.heads_bytes, checkpoint.heads));
    }
    gone
}

/// Faults that are shown with their line.
const NAMED_MAX: usize = 100;

fn name(snapshot: &Snapshot, report: &Report) -> Result<Vec<NamedFault>, StoreError> {
    let place_of = |fault: &Fault| match fault {
        Fault::Changed { place, .. }
        | Fault::Moved { place, .. }
        | Fault::Repeated { place, .. }
        | Fault::Smuggled { place }
        | Fault::Found { place, .. }
        | Fault::Subtrees { place, .. }
        | Fault::Missing { before: place, .. } => Some(place.clone()),
        Fault::CutOff { .. } | Fault::NoBeginning | Fault::Rewritten { .. } | Fault::Unsigned { .. } => None,
    };
    let faults: Vec<_> = report.faults.iter().take(NAMED_MAX).collect();
    let key = |place: &Place| (place.file.to_string(), place.line);
    let mut entries: HashMap<_, Option<AuditEntry>> =
        faults.iter().filter_map(|fault| place_of(fault)).map(|place| (key(&place), None)).collect();
    if !entries.is_empty() {
        snapshot.each_line(|line, place| {
            if let Some(entry) = entries.get_mut(&key(place)) {
                *entry = AuditEntry::parse(line);
            }
            Ok::<(), StoreError>(())
        })?;
    }
    let named = |fault: &Fault| NamedFault {
        fault: fault.clone(),
        entry: place_of(fault).and_then(|place| entries.get(&key(&place)).cloned().flatten()),
    };
    Ok(faults.into_iter().map(named).collect())
}
