//! The one thread that writes the audit log.
//!
//! It sleeps for the flush interval, takes what is in the queue, and hands whole lines to the chain, which writes them in one call.
//! A write that fails leaves the rest of the batch in place; it is tried again each interval from the line where it stopped, so no
//! line is lost or torn as long as the process lives.
//!
//! ```text
//!   every 10 ms   lines ─▶ chain ─▶ file
//!   every second  file ─▶ disk, then a signed checkpoint
//!   every hour, at close, on demand   a signed head that is kept for good
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::Duration;

use countersign_audit_tree::{SignedHead, Tail};
use countersign_core::Timestamp;

use super::chain::{AppendError, Chain};
use super::{AuditRecord, WriterState};
use crate::error::StoreError;
use crate::{files, limits};

/// What the writer is asked for.
pub(super) enum Message {
    /// Write everything before this, force it onto the disk, and tell whether that worked.
    Flush(SyncSender<bool>),
    /// The same, and sign a head of it; `None` when that did not work or there is no record yet.
    Head(SyncSender<Option<SignedHead>>),
    /// Write this.
    Record(Box<AuditRecord>),
}

const SECONDS_PER_DAY: u64 = 86_400;

/// The day of a time, as `YYYYMMDD`: days order as their numbers do.
fn day_of(at: Timestamp) -> u32 {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |number: i8| u32::try_from(number).unwrap_or(0);
    u32::try_from(date.year()).unwrap_or(0) * 10_000 + part(date.month()) * 100 + part(date.day())
}

/// Tries at start what the writer will do later, so that a folder that cannot be written is one clear sentence then.
pub(super) fn check_writable(folder: &Path) -> Result<(), StoreError> {
    let probe = folder.join(format!(".probe-{}", uuid::Uuid::new_v4().simple()));
    files::atomic_create(&probe, b"", files::PRIVATE_FILE_MODE)?;
    std::fs::remove_file(&probe).map_err(|source| StoreError::io("write", &probe, source))
}

pub(super) struct Writer {
    chain: Chain,
    receiver: Receiver<Message>,
    state: Arc<WriterState>,
    /// Lines not yet handed to the chain.
    batch: Vec<u8>,
    /// The times in it.
    times: Option<Tail>,
    /// The day the batch belongs to.
    day: u32,
    /// The same, counted from 1970: records of one day are told by a division.
    epoch_day: u64,
    unsynced: bool,
    sync_failed: bool,
    /// Times it slept since the last sync: the thread's own measure of time.
    rounds: u32,
    /// The same since the last head.
    head_rounds: u32,
}

enum Drained {
    /// The queue is empty for now, or the batch is full.
    ForNow,
    /// Nobody is left who could append.
    ForEver,
}

impl Writer {
    pub(super) fn new(chain: Chain, receiver: Receiver<Message>, state: Arc<WriterState>) -> Self {
        Self {
            chain,
            receiver,
            state,
            batch: Vec::with_capacity(limits::AUDIT_BATCH_BYTES),
            times: None,
            day: 0,
            epoch_day: 0,
            unsynced: false,
            sync_failed: false,
            rounds: 0,
            head_rounds: 0,
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
                    if self.sync() {
                        self.keep_head();
                    }
                    return;
                }
            }
            self.rounds += 1;
            self.head_rounds += 1;
            if self.sync_failed || slept(self.rounds) >= limits::AUDIT_SYNC_INTERVAL {
                self.sync();
            }
            if slept(self.head_rounds) >= limits::AUDIT_HEAD_INTERVAL {
                self.keep_head();
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
                Ok(Message::Head(done)) => {
                    let fine = self.write() && self.sync();
                    let _ = done.try_send(if fine { self.keep_head() } else { None });
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
                Ok(Message::Head(done)) => {
                    let _ = done.try_send(None);
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
            if !self.write() {
                // The old file cannot be written: the line follows in the same file rather than overtake what waits.
                self.push_same_day(record);
                return;
            }
            if self.unsynced {
                self.sync();
            }
            (self.day, self.epoch_day) = (day_of(record.at), epoch_day);
        } else if self.with(record).is_too_long() {
            // After a disk that hung: what waited meanwhile is signed in parts. What cannot be written follows with the rest.
            self.write();
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
        self.times = Some(self.with(record));
    }

    /// The times of the batch with this record.
    fn with(&self, record: &AuditRecord) -> Tail {
        Tail::with(self.times, 0, record.at.as_micros())
    }

    /// Writes what is gathered; `false` if some of it is left.
    fn write(&mut self) -> bool {
        if self.batch.is_empty() {
            return true;
        }
        if self.day == 0 {
            self.day = day_of(Timestamp::default());
        }
        let fine = match self.state.on_disk(|| self.chain.append(self.day, &self.batch, self.times)) {
            Ok(()) => {
                self.batch.clear();
                self.times = None;
                true
            }
            Err(AppendError { taken }) => {
                self.batch.drain(..taken);
                false
            }
        };
        self.unsynced = true;
        self.state.failed.store(!fine || self.sync_failed, Ordering::Release);
        fine
    }

    /// Forces what was written onto the disk, and signs where the log ends.
    fn sync(&mut self) -> bool {
        self.rounds = 0;
        if !self.unsynced {
            return true;
        }
        let fine = self.state.on_disk(|| self.chain.sync()).is_ok();
        self.unsynced = !fine;
        if self.sync_failed == fine {
            self.sync_failed = !fine;
            self.state.failed.store(!fine || !self.batch.is_empty(), Ordering::Release);
        }
        if fine {
            // The records are on the disk: a checkpoint that cannot be written is written with the next ones.
            self.unsynced = self.state.on_disk(|| self.chain.checkpoint()).is_err() && !self.is_closing();
        }
        fine
    }

    /// Signs a head that is kept for good, if there is anything that the last one is not of.
    fn keep_head(&mut self) -> Option<SignedHead> {
        self.head_rounds = 0;
        self.state.on_disk(|| self.chain.sign_head()).ok().flatten()
    }
}

/// The thread's own measure of time.
fn slept(rounds: u32) -> Duration {
    limits::AUDIT_FLUSH_INTERVAL * rounds
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
