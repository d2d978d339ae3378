//! Reading the audit log back, newest first, without reading all of it.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use countersign_core::{AccountId, ApiKeyId, CorrelationId, Reject, SessionId, Timestamp};
use serde_json::{Map, Value};

use super::files_of::{days, file_name};
use super::{AuditEvent, AuditLog};
use crate::error::StoreError;
use crate::limits;

/// Which records to show; all conditions that are set must hold.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this kind.
    pub event: Option<AuditEvent>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this key.
    pub key_id: Option<ApiKeyId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Of this decision.
    pub correlation: Option<CorrelationId>,
    /// Refused for this reason.
    pub reject: Option<Reject>,
    /// Not older than this. The search ends at the first file that is.
    pub since: Option<Timestamp>,
}

/// A record as read back.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// The line as it stands in the file.
    pub line: String,
    fields: Map<String, Value>,
}

impl AuditEntry {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let fields = serde_json::from_str(line).ok()?;
        Some(Self { line: line.to_owned(), fields })
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.fields.get("at").and_then(Value::as_u64).unwrap_or(0))
    }

    /// A member that is text.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.fields.get(member).and_then(Value::as_str)
    }

    /// All members.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    pub(super) fn matches(&self, filter: &AuditFilter) -> bool {
        let is = |member, wanted: Option<&str>| wanted.is_none_or(|wanted| self.text(member) == Some(wanted));
        let shown = filter.event.is_some() || self.text("event") != Some(AuditEvent::LogFile.name());
        shown
            && is("event", filter.event.map(AuditEvent::name))
            && is("account", filter.account.as_ref().map(AccountId::as_str))
            && is("key_id", filter.key_id.as_ref().map(ApiKeyId::as_str))
            && is("session", filter.session.map(|session| session.to_string()).as_deref())
            && is("correlation", filter.correlation.map(|correlation| correlation.to_string()).as_deref())
            && is("reject", filter.reject.map(Reject::label))
            && filter.since.is_none_or(|since| self.at() >= since)
    }
}

impl AuditLog {
    /// The newest `count` records that match, oldest of them first. The records that begin a file are shown only when asked for.
    /// Lines that are no records (torn by a crash) are skipped.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the folder or a file cannot be read.
    pub fn tail(folder: &Path, count: usize, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let mut found = VecDeque::new();
        for path in files_newest_first(folder)? {
            let mut lines = LinesBackwards::open(path)?;
            let mut newest_in_file = None;
            while found.len() < count {
                let Some(line) = lines.next_line()? else { break };
                let Some(entry) = AuditEntry::parse(&line) else { continue };
                newest_in_file.get_or_insert_with(|| entry.at());
                if entry.matches(filter) {
                    found.push_front(entry);
                }
            }
            let too_old = filter.since.is_some_and(|since| newest_in_file.is_some_and(|newest| newest < since));
            if found.len() == count || too_old {
                break;
            }
        }
        Ok(found.into())
    }
}

fn files_newest_first(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |source| StoreError::io("read", folder, source);
    let days = days(folder).map_err(failed)?;
    Ok(days.into_iter().rev().map(|day| folder.join(file_name(day))).collect())
}

/// The lines of a file from its end, one block in memory at a time.
struct LinesBackwards {
    path: PathBuf,
    file: File,
    /// Where the block in `head` begins.
    position: u64,
    /// Bytes before the lines already given, as far as they are read.
    head: Vec<u8>,
}

const BLOCK_BYTES: u64 = 64 * 1024;

impl LinesBackwards {
    fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (position, file) = opened.map_err(|source| StoreError::io("read", &path, source))?;
        Ok(Self { path, file, position, head: Vec::new() })
    }

    /// The next line towards the beginning, without its end; `None` at the beginning. A line beyond
    /// `AUDIT_LINE_BYTES_MAX` is cut, which makes it no record.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            if let Some(end) = self.head.iter().rposition(|byte| *byte == b'\n') {
                let line = self.head.split_off(end + 1);
                self.head.truncate(end);
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.position == 0 {
                let line = std::mem::take(&mut self.head);
                return Ok((!line.is_empty()).then_some(line));
            }
            if self.head.len() > limits::AUDIT_LINE_BYTES_MAX {
                self.head.clear();
            }
            self.read_block()?;
        }
    }

    fn read_block(&mut self) -> Result<(), StoreError> {
        let size = self.position.min(BLOCK_BYTES);
        let mut block = vec![0; usize::try_from(size).unwrap_or(0)];
        let read = self.file.read_exact_at(&mut block, self.position - size);
        read.map_err(|source| StoreError::io("read", &self.path, source))?;
        self.position -= size;
        block.append(&mut self.head);
        self.head = block;
        Ok(())
    }
}
