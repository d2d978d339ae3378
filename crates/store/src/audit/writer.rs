//! The one thread that writes the audit log.
//!
//! It sleeps for the flush interval, takes what is in the queue, and writes whole lines in one call. A write that fails leaves
//! the rest of the batch in place; it is tried again each interval from the exact byte where it stopped, so no line is lost
//! or torn as long as the process lives.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use countersign_core::Timestamp;

use super::{AuditRecord, WriterState};
use crate::error::StoreError;
use crate::{files, limits};

/// What the writer is asked for.
pub(super) enum Message {
    /// Write everything before this, force it onto the disk, and tell whether that worked.
    Flush(SyncSender<bool>),
    /// Write this.
    Record(Box<AuditRecord>),
}

/// The files of the log are named by the day, in UTC.
pub(super) const PREFIX: &str = "audit-";
pub(super) const SUFFIX: &str = ".jsonl";

const SECONDS_PER_DAY: u64 = 86_400;

/// The day of a time, as `YYYYMMDD`: days order as their numbers do.
fn day_of(at: Timestamp) -> u32 {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |number: i8| u32::try_from(number).unwrap_or(0);
    u32::try_from(date.year()).unwrap_or(0) * 10_000 + part(date.month()) * 100 + part(date.day())
}

fn file_of(folder: &Path, day: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{day:08}{SUFFIX}"))
}

/// Tries at start what the writer will do later, so that a folder that cannot be written is one clear sentence then.
pub(super) fn check_writable(folder: &Path) -> Result<(), StoreError> {
    let probe = folder.join(format!(".probe-{}", uuid::Uuid::new_v4().simple()));
    files::atomic_create(&probe, b"", files::PRIVATE_FILE_MODE)?;
    std::fs::remove_file(&probe).map_err(|source| StoreError::io("write", &probe, source))
}

pub(super) struct Writer {
    folder: PathBuf,
    receiver: Receiver<Message>,
    state: Arc<WriterState>,
    /// Lines not yet handed to the operating system; `written` bytes of them are.
    batch: Vec<u8>,
    written: usize,
    /// The day the batch belongs to.
    day: u32,
    /// The same, counted from 1970: records of one day are told by a division.
    epoch_day: u64,
    file: Option<File>,
    unsynced: bool,
    sync_failed: bool,
    /// Times it slept since the last sync: the thread's own measure of time.
    rounds: u32,
}

enum Drained {
    /// The queue is empty for now, or the batch is full.
    ForNow,
    /// Nobody is left who could append.
    ForEver,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, receiver: Receiver<Message>, state: Arc<WriterState>) -> Self {
        Self {
            folder,
            receiver,
            state,
            batch: Vec::with_capacity(limits::AUDIT_BATCH_BYTES),
            written: 0,
            day: 0,
            epoch_day: 0,
            file: None,
            unsynced: false,
            sync_failed: false,
            rounds: 0,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            std::thread::park_timeout(limits::AUDIT_FLUSH_INTERVAL);
            // After a failure the rest of the old batch comes first; the queue waits.
            if !self.write() && !self.state.closing.load(Ordering::Acquire) {
                self.refuse_flushes();
                continue;
            }
            match self.drain() {
                Drained::ForNow => {}
                Drained::ForEver => {
                    self.sync();
                    return;
                }
            }
            self.rounds += 1;
            let due = self.sync_failed || limits::AUDIT_FLUSH_INTERVAL * self.rounds >= limits::AUDIT_SYNC_INTERVAL;
            if due {
                self.sync();
            }
        }
    }

    /// Takes what is queued and writes it.
    fn drain(&mut self) -> Drained {
        loop {
            match self.receiver.try_recv() {
                Ok(Message::Record(record)) => {
                    self.note_taken();
                    self.push(&record);
                    if self.batch.len() >= limits::AUDIT_BATCH_BYTES && !self.write() && !self.is_closing() {
                        return Drained::ForNow;
                    }
                }
                Ok(Message::Flush(done)) => {
                    let fine = self.write() && self.sync();
                    // Whoever asked may have given up waiting.
                    let _ = done.try_send(fine);
                    if !fine && !self.is_closing() {
                        return Drained::ForNow;
                    }
                }
                Err(TryRecvError::Empty) => {
                    self.write();
                    return Drained::ForNow;
                }
                Err(TryRecvError::Disconnected) => {
                    self.write();
                    return Drained::ForEver;
                }
            }
        }
    }

    fn is_closing(&self) -> bool {
        self.state.closing.load(Ordering::Acquire)
    }

    /// While writing fails the queue is left alone, but whoever waits for a flush at its head is told. Records before it stay.
    fn refuse_flushes(&mut self) {
        while self.batch.len() < limits::AUDIT_BATCH_BYTES {
            match self.receiver.try_recv() {
                Ok(Message::Flush(done)) => {
                    let _ = done.try_send(false);
                }
                Ok(Message::Record(record)) => {
                    self.note_taken();
                    self.push_same_day(&record);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn note_taken(&self) {
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Adds a line; a new day ends the batch of the day before. A clock that goes back a day stays in the later file.
    fn push(&mut self, record: &AuditRecord) {
        let epoch_day = record.at.as_secs() / SECONDS_PER_DAY;
        if epoch_day > self.epoch_day {
            if self.pending() && !self.write() {
                // The old file cannot be written: the line follows in the same file rather than overtake what waits.
                self.push_same_day(record);
                return;
            }
            if self.unsynced {
                self.sync();
            }
            (self.day, self.epoch_day) = (day_of(record.at), epoch_day);
            self.file = None;
        }
        self.push_same_day(record);
    }

    fn push_same_day(&mut self, record: &AuditRecord) {
        let start = self.batch.len();
        if serde_json::to_writer(&mut self.batch, record).is_err() {
            // Writing into memory fails only for values that are no JSON, which a record has none of.
            self.batch.truncate(start);
            return;
        }
        self.batch.push(b'\n');
    }

    fn pending(&self) -> bool {
        self.written < self.batch.len()
    }

    /// Writes what is gathered; `false` if some of it is left.
    fn write(&mut self) -> bool {
        if !self.pending() {
            return true;
        }
        match self.try_write() {
            Ok(()) => {
                self.batch.clear();
                self.written = 0;
                self.state.failed.store(self.sync_failed, Ordering::Release);
                true
            }
            Err(_) => {
                // Opened again for the next attempt: the file may have been moved or its disk mounted again.
                self.file = None;
                self.state.failed.store(true, Ordering::Release);
                false
            }
        }
    }

    fn try_write(&mut self) -> io::Result<()> {
        if self.day == 0 {
            self.day = day_of(Timestamp::default());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        while self.written < self.batch.len() {
            match file.write(&self.batch[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsynced = true;
        self.file = Some(file);
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        let path = file_of(&self.folder, self.day);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(files::PRIVATE_FILE_MODE).open(path)?;
        if self.written == 0 && ends_torn(&file)? {
            // A process before us died in the middle of a line; ours begins on its own.
            file.write_all(b"\n")?;
        }
        Ok(file)
    }

    /// Forces what was written onto the disk.
    fn sync(&mut self) -> bool {
        let fine = !self.unsynced || self.file.as_ref().is_none_or(|file| file.sync_data().is_ok());
        self.rounds = 0;
        self.unsynced = !fine;
        if self.sync_failed == fine {
            self.sync_failed = !fine;
            self.state.failed.store(!fine || self.pending(), Ordering::Release);
        }
        fine
    }
}

fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc_days() {
        assert_eq!(day_of(Timestamp::from_secs(0)), 19_700_101);
        assert_eq!(day_of(Timestamp::from_secs(951_782_399)), 20_000_228);
        assert_eq!(day_of(Timestamp::from_secs(951_782_400)), 20_000_229);
        assert_eq!(day_of(Timestamp::from_secs(1_893_456_000)), 20_300_101);
        assert_eq!(day_of(Timestamp::MAX), 99_991_230);
    }
}
