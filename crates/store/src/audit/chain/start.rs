//! The end of a log as a start finds it, and what is wrong there.
//!
//! ```text
//!   checkpoint of our key ──▶ read what came later │ none ──▶ read from the file that has the newest head
//!   then: records under no signed head for too long?  signed ones that are gone?  checkpoint or heads gone?
//! ```
//!
//! What is wrong is put on record before anything is signed over it: a signature would hide it for ever, the record shows it for ever.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use countersign_audit_tree::{Link, Tail};

use super::super::files_of::{CHECKPOINT_FILE, Checkpoint, HEADS_FILE, Lines, READ_BYTES, days, file_length, file_name};
use super::Chain;
use super::end::End;
use super::kept::KeptHeads;

impl Chain {
    pub(super) fn find_end(&mut self) -> io::Result<()> {
        let ours = |checkpoint: &Checkpoint| checkpoint.head.verify(&[*self.key.public()]).is_some();
        let checkpoint = Checkpoint::read(&self.folder).filter(ours);
        self.kept = KeptHeads::read(&self.folder)?;
        match checkpoint.as_ref().and_then(|checkpoint| Some((checkpoint, checkpoint.tree()?))) {
            Some((checkpoint, tree)) => {
                self.day = checkpoint.day;
                self.end = End { offset: checkpoint.offset, tree, last: Some(checkpoint.last), at: checkpoint.head.at, unsigned: None };
            }
            None => {
                let day = self.day_of_newest_head()?;
                self.begin_day(day);
            }
        }
        self.catch_up()?;
        self.catch_up_with_days(u32::MAX)?;
        self.found = self.findings(checkpoint.as_ref())?;
        self.found_at_start = self.found.clone();
        self.kept = KeptHeads::default();
        Ok(())
    }

    /// The newest day whose file begins under the newest head, so that all that is unsigned is read; the first day, if there is none.
    fn day_of_newest_head(&self) -> io::Result<u32> {
        let signed = self.kept.newest(self.key.public()).unwrap_or(0);
        let days = days(&self.folder)?;
        let mut found = days.first().copied().unwrap_or(0);
        for day in days.into_iter().rev() {
            match first_number(&self.folder.join(file_name(day)))? {
                Some(first) if first <= signed => return Ok(day),
                Some(_) => found = day,
                None => {}
            }
        }
        Ok(found)
    }

    fn findings(&self, checkpoint: Option<&Checkpoint>) -> io::Result<Vec<String>> {
        let (size, newest) = (self.end.tree.size(), self.kept.newest(self.key.public()));
        let mut found = Vec::new();
        if newest.is_some() && !self.folder.join(CHECKPOINT_FILE).try_exists()? {
            // One that is damaged is left by a disk that failed; one that is not there was taken away.
            found.push(format!("{CHECKPOINT_FILE} is gone: the log may have been longer"));
        }
        if checkpoint.is_some_and(|checkpoint| checkpoint.heads > file_length(&self.folder, HEADS_FILE)) {
            found.push(format!("signed heads are gone from {HEADS_FILE}"));
        }
        if let Some(signed) = newest.filter(|signed| *signed > size) {
            found.push(format!("records {size} to {} were signed and are gone", signed - 1));
        }
        if let Some(Tail { from, first, last }) = self.end.unsigned.filter(Tail::is_too_long) {
            let (first, last) = (time(first), time(last));
            found.push(format!("records {from} to {}, {first} to {last}, were under no signed head", size - 1));
        }
        Ok(found)
    }
}

/// A time as people read it.
fn time(micros: u64) -> String {
    let at = i64::try_from(micros).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    at.map_or_else(|| micros.to_string(), |at| format!("{at:.6}"))
}

/// The number of the first record of a file that has one.
fn first_number(path: &Path) -> io::Result<Option<u64>> {
    let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, File::open(path)?));
    let mut line = Vec::new();
    while lines.next(&mut line)?.is_some() {
        if let Some(link) = Link::parse(&line) {
            return Ok(Some(link.n));
        }
    }
    Ok(None)
}
