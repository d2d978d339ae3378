//! Signing where the log ends: a checkpoint, a head that is kept, and whatever is due before more is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use countersign_audit_tree::{Hash, SignedHead, Tail, TreeHead};

use super::super::files_of::{CHECKPOINT_FILE, Checkpoint, HEADS_FILE, file_length};
use super::end::End;
use super::{Chain, kept};
use crate::files;

impl Chain {
    /// Signs what is there, if it would stay unsigned for too long together with records of these times. A log that cannot be signed
    /// is written all the same: it is the better evidence, and `audit verify` names it.
    pub(super) fn sign_before(&mut self, times: Option<Tail>) {
        let (Some(tail), Some(times)) = (self.end.unsigned, times) else { return };
        let joined = Tail { from: tail.from, first: tail.first.min(times.first), last: tail.last.max(times.last) };
        if joined.is_too_long() && !self.cannot_sign {
            // A checkpoint needs a new file, a head of those that are kept only room behind them.
            self.cannot_sign = self.write_checkpoint().is_err() && self.keep_head().is_err();
        }
    }

    /// Forces what was written onto the disk.
    pub(in super::super) fn sync(&mut self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn signed_now(&mut self) -> io::Result<Option<SignedHead>> {
        self.catch_up()?;
        if self.day > 0 && (self.cut || !self.found.is_empty()) {
            self.write(&[], &mut 0)?;
        }
        self.sync()?;
        let End { tree, at, .. } = &self.end;
        let head = TreeHead { size: tree.size(), root: tree.root(), at: *at };
        Ok((head.size > 0).then(|| self.key.sign(head)))
    }

    /// Rewrites the checkpoint: a signed head of everything there is, after it was forced onto the disk. It is forced there itself
    /// before it takes the place of the one before: without either, an honest end looks like a forged one.
    pub(in super::super) fn checkpoint(&mut self) -> io::Result<()> {
        self.locked(Self::write_checkpoint)
    }

    pub(super) fn write_checkpoint(&mut self) -> io::Result<()> {
        let Some(head) = self.signed_now()? else { return Ok(()) };
        let heads = file_length(&self.folder, HEADS_FILE);
        let End { offset, tree, last, .. } = &self.end;
        let last = last.unwrap_or(Hash::ZERO);
        let checkpoint = Checkpoint { head, day: self.day, offset: *offset, last, peaks: tree.peaks().to_vec(), heads };
        let beside = self.folder.join(format!(".{CHECKPOINT_FILE}.tmp"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(files::PRIVATE_FILE_MODE).open(&beside)?;
        file.write_all(&serde_json::to_vec(&checkpoint)?)?;
        file.sync_data()?;
        fs::rename(beside, self.folder.join(CHECKPOINT_FILE))?;
        (self.end.unsigned, self.cannot_sign) = (None, false);
        Ok(())
    }

    /// Signs a head of everything there is and keeps it for good; `None` for an empty log.
    pub(in super::super) fn sign_head(&mut self) -> io::Result<Option<SignedHead>> {
        self.locked(|chain| {
            let before = chain.signed;
            let head = chain.keep_head()?;
            if chain.signed > before {
                // It tells of the new head; if it cannot be written, the head is there all the same.
                let _ = chain.write_checkpoint();
            }
            Ok(head)
        })
    }

    fn keep_head(&mut self) -> io::Result<Option<SignedHead>> {
        let Some(head) = self.signed_now()? else { return Ok(None) };
        if head.size > self.signed {
            kept::append(&self.folder, &head)?;
            self.signed = head.size;
        }
        self.end.unsigned = None;
        Ok(Some(head))
    }
}
