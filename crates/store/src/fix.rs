//! The memory of FIX sessions beyond a connection: one journal per session.
//!
//! ```text
//!   fix/<hash of the session's name>.journal  = Base, then Kept …, then Message | Forwarded | Used | Target | Source …
//!   Base     next sender, kept from, next target, name of the session      Message   a number is used up, with the message
//!   Kept     a message from before the Base                                Forwarded the same, and its number on the other session
//!   Source   highest number forwarded from the other session               Used      a number is used up, nothing to resend
//!   Owner    generation, series: [`copied`]                                Target    the number expected from the peer
//! ```
//!
//! What [`MessageStore::sync`] acknowledged and what [`MessageStore::set_next_target`] returned for is on the disk (`fdatasync`), not
//! only with the kernel: a number used for two orders, or an order applied twice, is worse than the millisecond. One `sync` serves all
//! messages recorded before it.
//!
//! A record that the file ends in, torn or wrong, was never acknowledged and is cut off. A wrong record before the end is damage: the
//! session does not open, because its numbers would be guessed. After a failed write the store refuses everything until it is opened again.
//!
//! Messages are not sealed: they are orders, and the Logon with its proof is never on record. The file is the owner's alone.
//!
//! Whoever calls from where nothing may block defers ([`JournaledMessageStore::deferring`]): records gather in memory until
//! [`JournaledMessageStore::commit`]. [`bridge`] says how two deferred journals forward between two sessions without loss and without a
//! second time.
//!
//! [`claim`] says whose a session is at an upstream.
//!
//! Where nodes share a database, it has a copy of each journal, under a lease: [`records`] is what is there, [`pair`] what keeps the two
//! journals of a session and their copies together, [`opening`] how a session goes on at another node.
//!
//! What is not here: who may open a session, and that it is open only once at a node (`countersign_fix::LiveSessions`, the lock of the
//! state folder).

pub mod bridge;
mod claims;
mod copied;
mod kept;
mod opening;
mod owner;
pub mod pair;
pub mod quota;
mod record;
pub mod records;
mod renewals;
mod shared;
mod state;
mod trust;
pub mod wills;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use countersign_fix::limits::SEQ_NUM_MAX;
use countersign_fix::{CompId, MessageStore, StoreError as FixStoreError, Stored};

use crate::error::StoreError;
use crate::{files, limits};
pub use kept::{KeptEnd, Left};
pub use opening::OpenError;
pub use owner::claim;
use owner::is_of_another;
use record::{Base, Kind};
pub use shared::SharedMessageStore;
use state::State;

/// The store of one FIX session, with a journal.
pub struct JournaledMessageStore {
    path: PathBuf,
    name: Vec<u8>,
    file: File,
    /// Of the file and of what is pending.
    length: u64,
    /// Records that are not in the file yet.
    pending: Vec<u8>,
    /// What is pending takes the place of the file.
    replaces: bool,
    deferred: bool,
    /// The number under which the next message came in on another session.
    source: Option<u64>,
    state: State,
    /// The highest number whose record is on the disk.
    durable: u64,
    /// A write failed: what is on the disk is not known.
    broken: bool,
}

impl std::fmt::Debug for JournaledMessageStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JournaledMessageStore({}, {})", self.state.next_sender, self.state.next_target)
    }
}

/// Names have characters that file systems do not take, and any length.
fn file_stem(name: &str) -> String {
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{}.journal", file_stem(name)))
}

/// What a journal adds up to, and how long its whole records are.
fn replayed(path: &Path, name: &[u8]) -> Result<(State, u64), StoreError> {
    files::check_private(path)?;
    let failed = |source| StoreError::io("read", path, source);
    let damaged = |detail| StoreError::JournalDamaged { path: path.to_owned(), detail };
    if std::fs::metadata(path).map_err(failed)?.len() > limits::FIX_JOURNAL_READ_BYTES_MAX {
        return Err(damaged("it is longer than it ever gets"));
    }
    State::replay(&std::fs::read(path).map_err(failed)?, name).map_err(damaged)
}

impl JournaledMessageStore {
    /// Opens the journal of the session between us and a peer in `folder`; both are made if they are not there. A session is open once:
    /// the caller sees to it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or written, or is damaged.
    pub fn open(folder: &Path, ours: &CompId, peer: &CompId) -> Result<Self, StoreError> {
        Self::open_named(folder, &[ours.as_str(), peer.as_str()])
    }

    /// As [`Self::open`], for a session whose name has more parts; none of them has SOH in it, as no CompID has.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_named(folder: &Path, parts: &[&str]) -> Result<Self, StoreError> {
        files::create_private_folder(folder)?;
        let name = parts.join("\u{1}");
        let path = path_of(folder, &name);
        let name = name.into_bytes();
        if !path.try_exists().map_err(|source| StoreError::io("read", &path, source))? {
            let base = Base { next_sender: 1, kept_from: 1, next_target: 1, name: &name };
            files::atomic_create(&path, &base.record(), files::PRIVATE_FILE_MODE)?;
        }
        Self::read(path, name)
    }

    /// From now on nothing is written before [`Self::commit`]: `sync` only tells what is durable.
    #[must_use]
    pub fn deferring(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Writes what is pending and makes it durable. Blocks.
    ///
    /// # Errors
    /// It could not be written; the store refuses everything from here on.
    pub fn commit(&mut self) -> Result<(), FixStoreError> {
        self.guarded(|store| if store.pending.is_empty() { Ok(()) } else { store.flush() })
    }

    /// The next message that is recorded came in on another session under this number.
    pub fn note_source(&mut self, seq: u64) {
        self.source = Some(seq);
    }

    /// The highest number on the other session whose message is on record here; 0 for none.
    #[must_use]
    pub fn last_source(&self) -> u64 {
        self.state.source
    }

    /// Forgets where messages came from: the other session counts anew, or has this on record itself.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn clear_source(&mut self) -> Result<(), FixStoreError> {
        if self.state.source == 0 {
            return Ok(());
        }
        self.guarded(|store| {
            store.append(Kind::Source, 0, &[])?;
            store.state.source = 0;
            if store.deferred { Ok(()) } else { store.flush() }
        })
    }

    fn read(path: PathBuf, name: Vec<u8>) -> Result<Self, StoreError> {
        let (state, whole) = replayed(&path, &name)?;
        let failed = |action, source| StoreError::io(action, &path, source);
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(|source| failed("open", source))?;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(|source| failed("write", source))?;
        let durable = state.next_sender - 1;
        let (pending, replaces) = (Vec::new(), false);
        Ok(Self { path, name, file, length: whole, pending, replaces, deferred: false, source: None, state, durable, broken: false })
    }

    /// Does what may fail; after a failure nothing else is done.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, FixStoreError> {
        if self.broken {
            return Err(FixStoreError("it failed before and must be opened again".into()));
        }
        work(self).map_err(|error| {
            self.broken = true;
            FixStoreError(error.to_string().into())
        })
    }

    /// Appends a record; returns where its payload begins.
    fn append(&mut self, kind: Kind, number: u64, payload: &[u8]) -> Result<u64, StoreError> {
        let bytes = record::write(kind, number, payload);
        self.pending.extend_from_slice(&bytes);
        let at = self.length + record::HEAD_BYTES as u64;
        self.length += bytes.len() as u64;
        if !self.deferred && !self.replaces {
            self.write_pending()?;
        }
        Ok(at)
    }

    /// With the kernel, not yet on the disk.
    fn write_pending(&mut self) -> Result<(), StoreError> {
        self.file.write_all(&self.pending).map_err(|source| StoreError::io("write", &self.path, source))?;
        self.pending.clear();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.replaces {
            files::atomic_write(&self.path, &self.pending, files::PRIVATE_FILE_MODE)?;
            let opened = OpenOptions::new().read(true).append(true).open(&self.path);
            self.file = opened.map_err(|source| StoreError::io("open", &self.path, source))?;
            self.pending.clear();
            self.replaces = false;
        } else {
            self.write_pending()?;
            self.file.sync_data().map_err(|source| StoreError::io("write", &self.path, source))?;
        }
        self.durable = self.state.next_sender - 1;
        if self.length > limits::FIX_JOURNAL_BYTES_MAX {
            return self.compact();
        }
        Ok(())
    }

    fn message_at(&self, at: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let written = self.length - self.pending.len() as u64;
        if let Some(at) = at.checked_sub(written).and_then(|at| usize::try_from(at).ok()) {
            return Ok(self.pending[at..at + length].to_vec());
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(|source| StoreError::io("read", &self.path, source))?;
        Ok(bytes)
    }

    /// Writes the journal anew, with what still matters.
    fn compact(&mut self) -> Result<(), StoreError> {
        let State { next_sender, kept_from, next_target, source, .. } = self.state;
        let mut bytes = Base { next_sender, kept_from, next_target, name: &self.name }.record();
        bytes.extend_from_slice(&self.next_series());
        for (seq, (at, length)) in &self.state.messages {
            bytes.extend_from_slice(&record::write(Kind::Kept, *seq, &self.message_at(*at, *length)?));
        }
        if source > 0 {
            bytes.extend_from_slice(&record::write(Kind::Source, source, &[]));
        }
        self.replace(bytes)?;
        self.flush()
    }

    /// Puts other records in the place of all.
    fn replace(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        let replayed = State::replay(&bytes, &self.name);
        let (state, whole) = replayed.map_err(|detail| StoreError::JournalDamaged { path: self.path.clone(), detail })?;
        (self.state, self.length) = (state, whole);
        (self.pending, self.replaces) = (bytes, true);
        self.durable = self.durable.min(self.state.next_sender - 1);
        Ok(())
    }
}

impl MessageStore for JournaledMessageStore {
    fn next_sender(&self) -> u64 {
        self.state.next_sender
    }

    fn next_target(&self) -> u64 {
        self.state.next_target
    }

    fn record(&mut self, seq: u64, message: Option<&[u8]>) -> Result<(), FixStoreError> {
        if seq != self.state.next_sender || seq > SEQ_NUM_MAX {
            return Err(FixStoreError("a number was used twice or is too high".into()));
        }
        if message.is_some_and(|message| message.len() > countersign_fix::limits::MESSAGE_BYTES_MAX) {
            return Err(FixStoreError("a message is longer than any".into()));
        }
        let source = self.source.take();
        self.guarded(|store| {
            match (message, source) {
                (Some(message), Some(source)) => {
                    let at = store.append(Kind::Forwarded, seq, &[&source.to_be_bytes()[..], message].concat())?;
                    store.state.source = source;
                    store.state.keep(seq, at + record::SOURCE_BYTES as u64, message.len());
                }
                (Some(message), None) => {
                    let at = store.append(Kind::Message, seq, message)?;
                    store.state.keep(seq, at, message.len());
                }
                (None, _) => drop(store.append(Kind::Used, seq, &[])?),
            }
            store.state.next_sender = seq + 1;
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<u64, FixStoreError> {
        self.guarded(|store| {
            if store.durable + 1 < store.state.next_sender && !store.deferred {
                store.flush()?;
            }
            Ok(store.durable)
        })
    }

    fn set_next_target(&mut self, seq: u64) -> Result<(), FixStoreError> {
        self.guarded(|store| {
            store.append(Kind::Target, seq, &[])?;
            store.state.next_target = seq;
            if store.deferred { Ok(()) } else { store.flush() }
        })
    }

    fn first_stored(&mut self, from: u64, through: u64) -> Result<Stored, FixStoreError> {
        self.guarded(|store| {
            if from > through {
                return Ok(Stored::Nothing);
            }
            let Some((seq, (at, length))) = store.state.messages.range(from..=through).next() else { return Ok(Stored::Nothing) };
            Ok(Stored::Message { seq: *seq, bytes: store.message_at(*at, *length)? })
        })
    }

    fn kept_from(&self) -> u64 {
        self.state.kept_from
    }

    fn reset(&mut self) -> Result<(), FixStoreError> {
        self.guarded(|store| {
            let mut bytes = Base { next_sender: 1, kept_from: 1, next_target: 1, name: &store.name }.record();
            bytes.extend_from_slice(&store.next_series());
            store.replace(bytes)?;
            if store.deferred { Ok(()) } else { store.flush() }
        })
    }
}

#[cfg(test)]
mod tests;
