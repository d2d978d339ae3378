//! The end of the log, where records are chained and heads are signed. Several processes may append: the gateway, and commands
//! that look after keys.
//!
//! ```text
//!   lock ─▶ catch up with what others wrote ─▶ number and chain the batch ─▶ one write ─▶ unlock
//! ```
//!
//! What is known of the end is a cache: the file is the truth. After a write that failed, whole lines that got through are found
//! again like those of another process, and a torn one is cut off, or ended if even that fails.
//!
//! When the log is shorter than what was signed or written before, somebody cut it. The chain goes on from where it was, so that
//! the hole stays visible for ever, and a record (`log_gap`) says so. What else a start finds wrong is on record too (`log_fault`),
//! before anything is signed over it.
//!
//! Nothing stays under no signature for long: whoever appends signs before the unsigned end would grow too long.

mod end;
mod kept;
mod sign;
mod start;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use countersign_audit_tree::{AuditKey, Tail, link};

use self::end::End;
use self::kept::{KeptHeads, ends_line};
use super::AuditEvent;
use super::files_of::{LOCK_FILE, Lines, READ_BYTES, days, file_name};
use crate::files;

/// Why a batch was not written whole.
pub(super) struct AppendError {
    /// So many bytes of it are in the log, all of them whole lines.
    pub(super) taken: usize,
}

/// The end of the log.
pub(super) struct Chain {
    folder: PathBuf,
    key: AuditKey,
    lock: File,
    /// The newest file; 0 before there is one.
    day: u32,
    file: Option<File>,
    end: End,
    /// The log was found shorter than it must be, and no record says so yet.
    cut: bool,
    was_cut: bool,
    /// What the start found wrong and no record says yet.
    found: Vec<String>,
    found_at_start: Vec<String>,
    /// While the end is looked for: heads that records may be under.
    kept: KeptHeads,
    /// The unsigned end is too long, and signing it failed: the next checkpoint tries again, not the next batch.
    cannot_sign: bool,
    /// Size of the newest head in the file of heads that this process wrote.
    signed: u64,
}

impl Chain {
    pub(super) fn open(folder: &Path, key: AuditKey) -> io::Result<Self> {
        let lock = folder.join(LOCK_FILE);
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(files::PRIVATE_FILE_MODE).open(lock)?;
        let mut chain = Self {
            folder: folder.to_owned(),
            key,
            lock,
            day: 0,
            file: None,
            end: End::default(),
            cut: false,
            was_cut: false,
            found: Vec::new(),
            found_at_start: Vec::new(),
            kept: KeptHeads::default(),
            cannot_sign: false,
            signed: 0,
        };
        chain.locked(Self::find_end)?;
        Ok(chain)
    }

    /// Whether the log was found shorter than it must be.
    pub(super) const fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// What else the start found wrong, each in one sentence.
    pub(super) fn found_at_start(&self) -> &[String] {
        &self.found_at_start
    }

    fn locked<T>(&mut self, act: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        self.lock.lock()?;
        let done = act(self);
        self.lock.unlock()?;
        done
    }

    fn path(&self) -> PathBuf {
        self.folder.join(file_name(self.day))
    }

    fn begin_day(&mut self, day: u32) {
        self.day = day;
        self.file = None;
        self.end.offset = 0;
    }

    /// Reads files of days after ours, up to `newest`.
    fn catch_up_with_days(&mut self, newest: u32) -> io::Result<()> {
        for day in days(&self.folder)?.into_iter().filter(|day| (self.day + 1..=newest).contains(day)).collect::<Vec<_>>() {
            self.begin_day(day);
            self.catch_up()?;
        }
        Ok(())
    }

    /// Reads what others appended to our file, and ends a line that a crash tore.
    fn catch_up(&mut self) -> io::Result<()> {
        if self.day == 0 {
            return Ok(());
        }
        self.forget_replaced()?;
        let Some(mut file) = self.open_file(false)? else {
            if self.end.offset > 0 {
                self.note_cut();
            }
            self.end.offset = 0;
            return Ok(());
        };
        let length = file.metadata()?.len();
        if length < self.end.offset {
            self.note_cut();
            self.end.offset = length;
            if length > 0 && !ends_line(&file, length)? {
                file.write_all(b"\n")?;
                self.end.offset += 1;
            }
        }
        if length > self.end.offset {
            self.read_on(&mut file)?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// A file that was moved or replaced is not written any more.
    fn forget_replaced(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = identity(file.metadata()?);
        match fs::metadata(self.path()).map(identity) {
            Ok(named) if named == ours => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(_) | Err(_) => {
                if self.end.offset > 0 {
                    self.note_cut();
                }
                self.file = None;
                self.end.offset = 0;
                Ok(())
            }
        }
    }

    fn read_on(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.end.offset))?;
        let mut lines = Lines::new(BufReader::with_capacity(READ_BYTES, &*file));
        let mut line = Vec::new();
        let mut torn = false;
        while let Some(read) = lines.next(&mut line)? {
            self.end.continue_with(&line);
            if self.kept.is_of(&self.end.tree, self.key.public()) {
                self.end.unsigned = None;
            }
            self.end.offset += read.bytes;
            torn = !read.terminated;
        }
        if torn {
            // A process died in the middle of a line, or just before its end; what follows begins on its own.
            file.write_all(b"\n")?;
            self.end.offset += 1;
        }
        Ok(())
    }

    const fn note_cut(&mut self) {
        self.cut = true;
        self.was_cut = true;
    }

    fn open_file(&mut self, create: bool) -> io::Result<Option<File>> {
        if let Some(file) = self.file.take() {
            return Ok(Some(file));
        }
        match OpenOptions::new().read(true).append(true).create(create).mode(files::PRIVATE_FILE_MODE).open(self.path()) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound && !create => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Appends `bodies`, JSON objects with a line end each, to the file of `day`, or of a later one that there is already. `times` has
    /// the earliest and the latest time in them.
    pub(super) fn append(&mut self, day: u32, bodies: &[u8], times: Option<Tail>) -> Result<(), AppendError> {
        let mut taken = 0;
        self.locked(|chain| {
            chain.move_to(day)?;
            chain.sign_before(times);
            let begins = chain.end.tree.size() == 0;
            let done = chain.write(bodies, &mut taken);
            if begins && done.is_ok() {
                // Nobody ever sees a log without a head. If that fails, the sync tries again.
                let _ = chain.write_checkpoint();
            }
            if done.is_err() {
                // Opened again for the next attempt: the file may have been moved or its disk mounted again.
                chain.file = None;
            }
            done
        })
        .map_err(|_| AppendError { taken })
    }

    /// Makes the newest of `day`, our day and the others' day ours, everything before it read.
    fn move_to(&mut self, day: u32) -> io::Result<()> {
        let others = self.newest_day()?;
        self.catch_up()?;
        let newest = day.max(self.day).max(others);
        if newest > self.day {
            self.catch_up_with_days(newest)?;
        }
        if newest > self.day {
            self.begin_day(newest);
        }
        if newest > others {
            self.lock.write_all_at(format!("{newest:08}").as_bytes(), 0)?;
        }
        Ok(())
    }

    /// The newest day that any process began; 0 when none is told.
    fn newest_day(&self) -> io::Result<u32> {
        let mut digits = [0; 8];
        match self.lock.read_exact_at(&mut digits, 0) {
            Ok(()) => Ok(std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bodies: &[u8], taken: &mut usize) -> io::Result<()> {
        let Some(mut file) = self.open_file(true)? else { return Err(ErrorKind::NotFound.into()) };
        let mut end = self.end.clone();
        let mut lines = Vec::with_capacity(bodies.len() + bodies.len() / 2);
        let own = self.own_records(bodies);
        for body in own.iter().map(Vec::as_slice).chain(bodies.split(|byte| *byte == b'\n')).filter(|body| !body.is_empty()) {
            let start = lines.len();
            end.link().write(body, &mut lines);
            // Of the body: to read it from the line would read the link that was just written.
            end.add(&lines[start..], link::time_of(body));
            lines.push(b'\n');
        }
        end.offset += length(&lines);
        if let Err((error, written)) = write_counted(&mut file, &lines) {
            let whole = lines[..written].iter().filter(|byte| **byte == b'\n').count();
            let whole_bytes = lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            *taken = bodies.split_inclusive(|byte| *byte == b'\n').take(whole.saturating_sub(own.len())).map(<[u8]>::len).sum();
            if written > whole_bytes {
                // If it cannot be cut off, the torn line is ended when the end of the file is read again.
                let _ = file.set_len(self.end.offset + length(&lines[..whole_bytes]));
            }
            return Err(error);
        }
        (self.end, self.file, self.cut) = (end, Some(file), false);
        self.found.clear();
        Ok(())
    }

    /// Records of our own before a batch: a file begins with the tree before it, and a hole is told.
    fn own_records(&self, bodies: &[u8]) -> Vec<Vec<u8>> {
        let at = link::time_of(bodies).unwrap_or(self.end.at);
        let mut own = Vec::new();
        if self.end.offset == 0 || self.end.tree.size() == 0 {
            let peaks: Vec<_> = self.end.tree.peaks().iter().map(|peak| format!("\"{peak}\"")).collect();
            own.push(format!(r#"{{"at":{at},"event":"{}","tree":[{}]}}"#, AuditEvent::LogFile.name(), peaks.join(",")).into_bytes());
        }
        if self.cut {
            let words = "the log is shorter than what was written before";
            own.push(format!(r#"{{"at":{at},"event":"{}","detail":"{words}"}}"#, AuditEvent::LogGap.name()).into_bytes());
        }
        for words in &self.found {
            own.push(format!(r#"{{"at":{at},"event":"{}","detail":"{words}"}}"#, AuditEvent::LogFault.name()).into_bytes());
        }
        own
    }
}

fn write_counted(file: &mut File, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), written)),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
