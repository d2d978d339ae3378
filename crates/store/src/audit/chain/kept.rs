//! The file of heads that are kept for good: one is added, and the newest are read at a start.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use countersign_audit_tree::{AuditPublicKey, Frontier, SignedHead};

use super::super::files_of::HEADS_FILE;
use crate::{files, limits};

/// The newest heads of a folder, by size. None of them is believed before its signature was checked.
#[derive(Debug, Default)]
pub(super) struct KeptHeads {
    heads: BTreeMap<u64, SignedHead>,
}

impl KeptHeads {
    /// Reads the end of the file, as far as a start needs it.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut file = match File::open(folder.join(HEADS_FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(limits::AUDIT_HEADS_READ_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(limits::AUDIT_HEADS_READ_BYTES).read_to_end(&mut bytes)?;
        let heads = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<SignedHead>(line).ok());
        Ok(Self { heads: heads.map(|head| (head.size, head)).collect() })
    }

    /// The size of the largest that `key` signed.
    pub(super) fn newest(&self, key: &AuditPublicKey) -> Option<u64> {
        self.heads.values().rev().find(|head| head.verify(&[*key]).is_some()).map(|head| head.size)
    }

    /// Whether one of them is of exactly this tree.
    pub(super) fn is_of(&self, tree: &Frontier, key: &AuditPublicKey) -> bool {
        self.heads.get(&tree.size()).is_some_and(|head| head.root == tree.root() && head.verify(&[*key]).is_some())
    }
}

/// Adds a head, on a line of its own even if a crash tore the one before.
pub(super) fn append(folder: &Path, head: &SignedHead) -> io::Result<()> {
    let path = folder.join(HEADS_FILE);
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(files::PRIVATE_FILE_MODE).open(path)?;
    let size = file.metadata()?.len();
    let mut line = if size > 0 && !ends_line(&file, size)? { b"\n".to_vec() } else { Vec::new() };
    serde_json::to_writer(&mut line, head)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

/// Whether a file of this length ends with a line end.
pub(super) fn ends_line(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, length.saturating_sub(1))?;
    Ok(last == *b"\n")
}
