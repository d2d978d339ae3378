//! The log for those who ask for it: an auditor, a regulator, a spreadsheet.
//!
//! Tags (algorithm, desk, client) are what the operator last said of the key before the record (`key_tags`): the log is read from
//! its beginning, so each record has the tags of its own time.

use std::collections::HashMap;
use std::path::Path;

use countersign_audit_tree::{Hash, Link, leaf_hash};
use countersign_core::Timestamp;
use serde_json::{Map, Value};

use super::AuditEvent;
use super::files_of::Snapshot;
use super::reader::{AuditEntry, AuditFilter};
use crate::error::StoreError;

/// A record that is exported.
#[derive(Debug)]
pub struct Exported {
    /// Its number; `None` before the chain began.
    pub n: Option<u64>,
    /// Its leaf hash: what a proof of it is about.
    pub hash: Hash,
    /// The record.
    pub entry: AuditEntry,
    /// What its key traded for then; empty when nobody said.
    pub tags: Map<String, Value>,
}

/// Shows every record that matches and is older than `until`, oldest first.
///
/// # Errors
/// [`StoreError::Io`] when the log cannot be read, and whatever `see` fails with.
pub fn export<E: From<StoreError>>(
    folder: &Path,
    filter: &AuditFilter,
    until: Option<Timestamp>,
    mut see: impl FnMut(&Exported) -> Result<(), E>,
) -> Result<(), E> {
    let snapshot = Snapshot::take(folder)?;
    let mut tags_of: HashMap<String, Map<String, Value>> = HashMap::new();
    snapshot.each_line(|line, _| {
        let Some(entry) = AuditEntry::parse(line) else { return Ok(()) };
        let credential = entry.text("credential");
        if entry.text("event") == Some(AuditEvent::KeyTags.name())
            && let (Some(credential), Some(tags)) = (credential, entry.fields().get("tags").and_then(Value::as_object))
        {
            tags_of.insert(credential.to_owned(), tags.clone());
        }
        if !entry.matches(filter) || until.is_some_and(|until| entry.at() >= until) {
            return Ok(());
        }
        let tags = credential.and_then(|credential| tags_of.get(credential)).cloned().unwrap_or_default();
        see(&Exported { n: Link::parse(line).map(|link| link.n), hash: leaf_hash(line), entry, tags })
    })
}
