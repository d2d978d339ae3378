//! The nonces that keys have used, for ever: memory decides, a journal remembers.
//!
//! ```text
//!   journal/nonces.journal      record = key (16) || nonce, big endian (8) || check (8)      a nonce was spent
//!                               record = key (16) || floor, big endian (8) || check (8)      all up to here are spent
//!   key   = SHA-256(credential || epoch), cut;  check = SHA-256(key || number || kind), cut
//! ```
//!
//! Each spent nonce is one `write` of 32 bytes: what the kernel has survives a `kill -9`. A record that was torn by the end of the
//! machine's power is told by its check and ends the file; the nonces of the last moments before a power failure may be forgotten
//! (SECURITY.md). When the file is long it is written anew with what still matters, beside the old one, and takes its place whole.
//!
//! While the disk takes no writes, what needs certainty is refused, and cancels and reads spend their nonces in memory only. When it
//! takes them again the journal is written anew: what is behind a record that a full disk tore would not be read.
//!
//! One lock for all keys: it is held for a look-up and one `write`, and only by venues whose clients sign an increasing nonce.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use aws_lc_rs::digest;
use countersign_core::{CredentialId, Effect, NonceGuard, NoncePolicy, NonceWindow, Refusal, Reject};

use crate::audit::AuditHealth;
use crate::error::StoreError;
use crate::{files, limits};

const KEY_BYTES: usize = 16;
const RECORD_BYTES: usize = KEY_BYTES + 8 + 8;

/// What tells the nonces of one credential and epoch from those of others.
pub type Key = [u8; KEY_BYTES];

/// What a record says about its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Floor,
    Spent,
}

/// Nonces with a journal.
pub struct JournaledNonceGuard {
    inner: Mutex<Inner>,
    disk: Option<AuditHealth>,
}

struct Inner {
    windows: HashMap<Key, NonceWindow>,
    path: PathBuf,
    file: File,
    length: u64,
    /// Something counts that is not in it, or a write failed: it is written anew before anything is added.
    behind: bool,
}

impl std::fmt::Debug for JournaledNonceGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournaledNonceGuard(..)")
    }
}

impl JournaledNonceGuard {
    /// Opens the journal in `folder`, which is made if it is not there, and remembers what it holds. The folder must be this
    /// process's alone.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or written: without it a restart would forget.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        files::create_private_folder(folder)?;
        let path = folder.join("nonces.journal");
        let windows = read(&path)?;
        let (file, length) = rewrite(&path, &windows)?;
        Ok(Self { inner: Mutex::new(Inner { windows, path, file, length, behind: false }), disk: None })
    }

    /// Asks, before it writes, whether the disk takes writes.
    #[must_use]
    pub fn heeding(mut self, disk: AuditHealth) -> Self {
        self.disk = Some(disk);
        self
    }
}

/// The nonces of this node, which what nodes share is built on.
pub trait LocalNonces: NonceGuard {
    /// All that is known of all keys.
    fn windows(&self) -> Vec<(Key, NonceWindow)>;
}

impl LocalNonces for JournaledNonceGuard {
    fn windows(&self) -> Vec<(Key, NonceWindow)> {
        self.inner.lock().map(|inner| inner.windows.iter().map(|(key, window)| (*key, window.clone())).collect()).unwrap_or_default()
    }
}

impl NonceGuard for JournaledNonceGuard {
    fn spend(&self, credential: &CredentialId, policy: NoncePolicy, nonce: u64, effect: Effect) -> Result<(), Refusal> {
        let written = self.disk.as_ref().is_none_or(AuditHealth::is_available);
        if effect.needs_certainty() && !written {
            return Err(Reject::AuditUnavailable.into());
        }
        let mut inner = self.inner.lock().map_err(|_| Reject::StoreUnavailable)?;
        inner.spend(key_of(credential, policy.epoch), policy, nonce, (effect, written))
    }
}

impl Inner {
    fn spend(&mut self, key: Key, policy: NoncePolicy, nonce: u64, (effect, written): (Effect, bool)) -> Result<(), Refusal> {
        let known = self.windows.get(&key);
        let mut window = known.cloned().unwrap_or_else(|| NonceWindow::from_parts(policy.floor, []));
        window.spend(nonce, policy.window)?;
        // Written before it counts: a nonce that is not on record was not spent. Of a cancel it may be in memory only.
        let recorded = if written { self.write_down(key, policy, nonce, window.floor()) } else { Err(Reject::StoreUnavailable) };
        if recorded.is_err() {
            self.behind = true;
            if effect.needs_certainty() {
                return Err(Reject::StoreUnavailable.into());
            }
        }
        self.windows.insert(key, window);
        if self.length > limits::NONCE_JOURNAL_BYTES_MAX {
            // If this fails the old file goes on; the next nonce tries again.
            if let Ok((file, length)) = rewrite(&self.path, &self.windows) {
                (self.file, self.length) = (file, length);
            }
        }
        Ok(())
    }

    fn write_down(&mut self, key: Key, policy: NoncePolicy, nonce: u64, risen: u64) -> Result<(), Reject> {
        if self.behind {
            (self.file, self.length) = rewrite(&self.path, &self.windows).map_err(|_| Reject::StoreUnavailable)?;
            self.behind = false;
        }
        let before = self.windows.get(&key).map(NonceWindow::floor);
        if before.is_none() {
            self.append(key, Kind::Floor, policy.floor)?;
        }
        self.append(key, Kind::Spent, nonce)?;
        // With a window of 0 the nonce itself is the floor; else the floor rises when old nonces fall out of the window.
        if policy.window > 0 && before.is_none_or(|before| before < risen) && risen > policy.floor {
            self.append(key, Kind::Floor, risen)?;
        }
        Ok(())
    }

    fn append(&mut self, key: Key, kind: Kind, number: u64) -> Result<(), Reject> {
        self.file.write_all(&record(key, kind, number)).map_err(|_| Reject::StoreUnavailable)?;
        self.length += RECORD_BYTES as u64;
        Ok(())
    }
}

pub(crate) fn key_of(credential: &CredentialId, epoch: u32) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(credential.as_str().as_bytes());
    context.update(&epoch.to_be_bytes());
    context.finish().as_ref()[..KEY_BYTES].try_into().expect("SHA-256 has 32 bytes")
}

fn record(key: Key, kind: Kind, number: u64) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..KEY_BYTES].copy_from_slice(&key);
    bytes[KEY_BYTES..KEY_BYTES + 8].copy_from_slice(&number.to_be_bytes());
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&bytes[..KEY_BYTES + 8]);
    context.update(match kind {
        Kind::Floor => b"floor",
        Kind::Spent => b"spent",
    });
    bytes[KEY_BYTES + 8..].copy_from_slice(&context.finish().as_ref()[..8]);
    bytes
}

/// What a record says, if it is whole.
fn parse(bytes: &[u8; RECORD_BYTES]) -> Option<(Key, Kind, u64)> {
    let key: Key = bytes[..KEY_BYTES].try_into().expect("16 of 32");
    let number = u64::from_be_bytes(bytes[KEY_BYTES..KEY_BYTES + 8].try_into().expect("8 of 32"));
    let kind = [Kind::Floor, Kind::Spent].into_iter().find(|kind| record(key, *kind, number) == *bytes)?;
    Some((key, kind, number))
}

fn read(path: &Path) -> Result<HashMap<Key, NonceWindow>, StoreError> {
    let failed = |source| StoreError::io("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut reader = BufReader::new(file);
    let mut parts: HashMap<Key, (u64, Vec<u64>)> = HashMap::new();
    let mut bytes = [0; RECORD_BYTES];
    loop {
        match reader.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(failed(error)),
        }
        // A torn record: what follows was never acknowledged.
        let Some((key, kind, number)) = parse(&bytes) else { break };
        let (floor, spent) = parts.entry(key).or_default();
        match kind {
            Kind::Floor => *floor = number.max(*floor),
            Kind::Spent => spent.push(number),
        }
    }
    let mut windows: HashMap<Key, NonceWindow> = HashMap::new();
    for (key, (floor, mut spent)) in parts {
        // More are never remembered one by one; what is below the highest of them is spent.
        spent.sort_unstable();
        spent.dedup();
        let surplus = spent.len().saturating_sub(usize::from(countersign_core::limits::NONCE_WINDOW_MAX));
        let floor = surplus.checked_sub(1).map_or(floor, |last| floor.max(spent[last]));
        windows.insert(key, NonceWindow::from_parts(floor, spent));
    }
    Ok(windows)
}

/// Writes the journal anew, with what still matters, and opens it for appending.
fn rewrite(path: &Path, windows: &HashMap<Key, NonceWindow>) -> Result<(File, u64), StoreError> {
    let mut bytes = Vec::with_capacity(windows.len() * 2 * RECORD_BYTES);
    for (key, window) in windows {
        bytes.extend_from_slice(&record(*key, Kind::Floor, window.floor()));
        for nonce in window.recent() {
            bytes.extend_from_slice(&record(*key, Kind::Spent, *nonce));
        }
    }
    files::atomic_write(path, &bytes, files::PRIVATE_FILE_MODE)?;
    let file = OpenOptions::new().append(true).mode(files::PRIVATE_FILE_MODE).open(path);
    Ok((file.map_err(|source| StoreError::io("open", path, source))?, bytes.len() as u64))
}
