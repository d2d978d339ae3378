//! The audit log: every accept, refusal, session and key change, one JSON object a line, one file a day (UTC), chained so that it
//! cannot be edited unseen.
//!
//! ```text
//!   gateway threads ──append──▶ bounded queue ──▶ one writer thread ──▶ chain ──▶ audit/audit-YYYYMMDD.jsonl
//!        │                                          every 10 ms, whole lines       heads.jsonl, checkpoint.json
//!        └── refused (AuditUnavailable) while the queue is full or the last write failed
//! ```
//!
//! `append` is a push into a queue: no lock, no system call, no hash. What it accepted is written unless the process dies within
//! the flush interval; [`AuditLog::flush`] waits until everything is on the disk. When the disk is full, gone, or does not answer
//! for [`AUDIT_STALL_MAX`](limits::AUDIT_STALL_MAX), lines that were accepted are kept and tried again, and nothing more is accepted
//! until a write succeeded: the gateway fails closed. What takes risk away is accepted into the queue meanwhile
//! ([`AuditLog::append_waiting`], ADR 0038).
//!
//! Each line carries its number and the hash of the line before; `countersign-audit-tree` says what is signed and proved.
//!
//! # Security
//! Secrets cannot enter: an [`AuditRecord`] has names of checked types, words of ours, and [`AuditText`], which is bounded,
//! printable and without a query string.

mod chain;
mod ended;
mod export;
mod files_of;
mod key;
mod prove;
mod reader;
mod record;
pub(crate) mod ship;
mod text;
mod verify;
mod watch;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_audit_tree::{AuditKey, SignedHead};
use countersign_core::{Refusal, Reject};

use crate::error::StoreError;
use crate::{files, limits};

pub use ended::EndedKeys;
pub use export::{Exported, export};
pub use key::read_public_key;
pub use prove::{ProveError, Question, prove};
pub use reader::{AuditEntry, AuditFilter};
pub use record::{AuditEvent, AuditRecord, AuditTags, ChannelParameters};
pub use ship::AuditShipper;
pub use text::AuditText;
pub use verify::{NamedFault, Verification, VerifyOptions, verify};
pub use watch::AuditHealth;

use writer::Message;

/// The audit log cannot take a record now; what needed it must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditUnavailable;

impl fmt::Display for AuditUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the audit log cannot be written")
    }
}

impl std::error::Error for AuditUnavailable {}

impl From<AuditUnavailable> for Reject {
    fn from(_: AuditUnavailable) -> Self {
        Self::AuditUnavailable
    }
}

impl From<AuditUnavailable> for Refusal {
    fn from(_: AuditUnavailable) -> Self {
        Reject::AuditUnavailable.into()
    }
}

/// The audit log, open for writing. Clones write to the same log; the last one dropped writes what is left.
#[derive(Clone)]
pub struct AuditLog {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    was_cut: bool,
    found: Vec<String>,
    sender: Option<SyncSender<Message>>,
    state: Arc<WriterState>,
    writer: Mutex<Option<JoinHandle<()>>>,
    thread: std::thread::Thread,
    watcher: std::thread::Thread,
}

/// What the writer tells and is told without a message.
#[derive(Debug, Default)]
struct WriterState {
    /// The last write failed.
    failed: AtomicBool,
    /// The disk has not answered for too long.
    stalled: AtomicBool,
    /// Counts up when the writer goes to the disk, and when it is back: odd while it is there.
    errands: AtomicU64,
    /// The log is being closed: one more attempt, then give up.
    closing: AtomicBool,
    /// Records handed over and not yet taken.
    waiting: AtomicUsize,
}

impl AuditLog {
    /// Opens the log in `folder`, which is made if it is not there, and starts its writer. `key` signs its heads.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Permissions`] when the folder or today's file cannot be used.
    pub fn open(folder: &Path, key: AuditKey) -> Result<Self, StoreError> {
        Self::open_bounded(folder, key, limits::AUDIT_QUEUE_RECORDS_MAX)
    }

    /// As [`Self::open`], with room for `records_max` waiting records.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_bounded(folder: &Path, key: AuditKey, records_max: usize) -> Result<Self, StoreError> {
        files::create_private_folder(folder)?;
        writer::check_writable(folder)?;
        let (sender, receiver) = sync_channel(records_max);
        let state = Arc::<WriterState>::default();
        let chain = chain::Chain::open(folder, key).map_err(|source| StoreError::io("read", folder, source))?;
        let (was_cut, found) = (chain.was_cut(), chain.found_at_start().to_vec());
        let writer = writer::Writer::new(chain, receiver, Arc::clone(&state));
        let handle = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::io("start the writer of", folder, source))?;
        let thread = handle.thread().clone();
        let watcher = watch::start(&state).map_err(|source| StoreError::io("start the watch of", folder, source))?;
        let writer = Mutex::new(Some(handle));
        let shared = Shared { folder: folder.to_owned(), sender: Some(sender), was_cut, found, state, writer, thread, watcher };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where the log is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Whether the log was shorter when it was opened than what was signed before: somebody cut it. It goes on, and the hole stays
    /// visible; `audit verify` names it.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.shared.was_cut
    }

    /// What else was wrong with the log when it was opened, each in one sentence: records that nobody signed, a signature that is
    /// gone. It is put on record before anything more is signed, and `audit verify` names it for ever.
    #[must_use]
    pub fn found(&self) -> &[String] {
        &self.shared.found
    }

    /// Hands a record to the writer. Never waits.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the queue is full, the last write failed, or the disk does not answer: what the record is about must
    /// not happen then.
    pub fn append(&self, record: AuditRecord) -> Result<(), AuditUnavailable> {
        if self.is_available() { self.append_waiting(record) } else { Err(AuditUnavailable) }
    }

    /// As [`Self::append`], for what takes risk away: it is accepted while there is room in the queue, whatever the disk does, and is
    /// written when the disk is back. A process that ends before that takes it along.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the queue is full.
    pub fn append_waiting(&self, record: AuditRecord) -> Result<(), AuditUnavailable> {
        let waiting = &self.shared.state.waiting;
        waiting.fetch_add(1, Ordering::Relaxed);
        self.send(Message::Record(Box::new(record))).map_err(|_| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            AuditUnavailable
        })
    }

    /// How many records the writer has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.state.waiting.load(Ordering::Relaxed)
    }

    /// Whether the last write succeeded, and the disk answers.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.shared.state.is_well()
    }

    /// Tells whether the disk of the log takes writes, to those who write to the same one.
    #[must_use]
    pub fn health(&self) -> AuditHealth {
        AuditHealth::of(&self.shared.state)
    }

    /// Waits until everything appended so far is on the disk. It blocks the thread: call it at shutdown and before an answer
    /// that must not be forgotten, not on the path of a request.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when it could not be written within `AUDIT_FLUSH_DEADLINE`.
    pub fn flush(&self) -> Result<(), AuditUnavailable> {
        if self.ask(Message::Flush)? { Ok(()) } else { Err(AuditUnavailable) }
    }

    /// Signs a head of everything appended so far, and keeps it in the log's folder for good. It blocks as [`Self::flush`] does.
    ///
    /// # Errors
    /// [`AuditUnavailable`] as for [`Self::flush`], and when there is no record yet.
    pub fn sign_head(&self) -> Result<SignedHead, AuditUnavailable> {
        self.ask(Message::Head)?.ok_or(AuditUnavailable)
    }

    /// Sends a message that is answered, and waits for the answer.
    fn ask<T>(&self, message: impl FnOnce(SyncSender<T>) -> Message) -> Result<T, AuditUnavailable> {
        let (done, wait) = sync_channel(1);
        let mut message = message(done);
        let mut attempts = limits::AUDIT_FLUSH_DEADLINE.as_millis();
        while let Err(TrySendError::Full(back)) = self.send(message) {
            attempts = attempts.checked_sub(1).ok_or(AuditUnavailable)?;
            message = back;
            self.shared.thread.unpark();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.shared.thread.unpark();
        wait.recv_timeout(limits::AUDIT_FLUSH_DEADLINE).map_err(|_| AuditUnavailable)
    }

    fn send(&self, message: Message) -> Result<(), TrySendError<Message>> {
        match &self.shared.sender {
            Some(sender) => sender.try_send(message),
            None => Err(TrySendError::Disconnected(message)),
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditLog({})", self.shared.folder.display())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::Release);
        self.sender = None;
        self.thread.unpark();
        self.watcher.unpark();
        let handle = self.writer.get_mut().map_or_else(|poisoned| poisoned.into_inner().take(), Option::take);
        if let Some(handle) = handle {
            // A writer that panicked has said so on its own; there is nobody left to tell.
            let _ = handle.join();
        }
    }
}
