//! The state folder: where each thing is, and that one gateway has it at a time.
//!
//! ```text
//!   countersign-state/          0700
//!     countersign.db            credentials, accounts, sessions (with -wal and -shm beside it)
//!     sealing.key               32 bytes that seal the secrets in the database
//!     audit-key.pem             signs the heads of the audit log; its public half in audit-key.pub.pem
//!     audit/audit-YYYYMMDD.jsonl, heads.jsonl, checkpoint.json, lock
//!     journal/replay-NN-{a,b}.journal
//!     lock                      held by the running gateway; its process id inside
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files;

/// A state folder.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// The folder at `path`, made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be made or read, [`StoreError::Permissions`] when others may write to it.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        files::create_private_folder(&path)?;
        Ok(Self { path })
    }

    /// The folder at `path`, which must be there: for commands that look after an existing gateway.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        files::check_private_folder(&path)?;
        Ok(Self { path })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SQLite database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("countersign.db")
    }

    /// The key that seals secrets in the database.
    #[must_use]
    pub fn sealing_key(&self) -> PathBuf {
        self.path.join("sealing.key")
    }

    /// The folder of the audit log.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// The key that signs heads of the audit log.
    #[must_use]
    pub fn audit_key(&self) -> PathBuf {
        self.path.join("audit-key.pem")
    }

    /// Its public half, for everybody.
    #[must_use]
    pub fn audit_public_key(&self) -> PathBuf {
        self.path.join("audit-key.pub.pem")
    }

    /// The folder of the replay journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Takes the folder for this process until the lock is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// [`StoreError::AlreadyRunning`] with the process that has it; [`StoreError::Io`].
    pub fn lock(&self) -> Result<StateLock, StoreError> {
        let path = self.path.join("lock");
        let failed = |source| StoreError::io("lock", &path, source);
        // The file stays when the lock goes: removing it would let two processes lock two files of one name.
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(files::PRIVATE_FILE_MODE).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::AlreadyRunning { path: self.path.clone(), pid: read_pid(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(StateLock { file })
    }

    /// The process that has the folder, as it noted itself when it took it; `None` when nobody has it, or where that cannot be seen.
    /// Nobody is kept from the lock by asking: what the system tells of locks is read (proc_locks(5)).
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        let mut file = File::open(self.path.join("lock")).ok()?;
        let inode = format!(":{}", file.metadata().ok()?.ino());
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        let is_ours = |line: &str| line.contains(" FLOCK ") && line.split_ascii_whitespace().any(|field| field.ends_with(&inode));
        if locks.lines().any(is_ours) { read_pid(&mut file) } else { None }
    }

    /// Goes on with the lock of another process that gave us its descriptor: a lock is the file's that was opened, and is held as long as
    /// one process has that. So it is never free in between.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it is not the lock of this folder, or is not held.
    pub fn adopt_lock(&self, descriptor: OwnedFd) -> Result<StateLock, StoreError> {
        let path = self.path.join("lock");
        let failed = |source| StoreError::io("lock", &path, source);
        let mut file = File::from(descriptor);
        let (theirs, ours) = (file.metadata().map_err(failed)?, std::fs::metadata(&path).map_err(failed)?);
        if (theirs.dev(), theirs.ino()) != (ours.dev(), ours.ino()) {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the running gateway has another state folder")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::AlreadyRunning { path: self.path.clone(), pid: read_pid(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(failed)?;
        Ok(StateLock { file })
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The state folder is ours while this lives.
#[derive(Debug)]
#[must_use]
pub struct StateLock {
    file: File,
}

impl StateLock {
    /// A second hold on the lock, to be given to another process.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.file.try_clone().map(OwnedFd::from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lock_that_is_handed_over_is_never_free() {
        let folder = tempfile::tempdir().unwrap();
        let dir = StateDir::create(folder.path().join("state")).unwrap();
        assert_eq!(dir.holder(), None, "it was never taken");
        let old = dir.lock().unwrap();
        assert_eq!(dir.holder(), Some(std::process::id()));
        let new = dir.adopt_lock(old.descriptor().unwrap()).unwrap();
        assert!(matches!(dir.lock(), Err(StoreError::AlreadyRunning { .. })));
        drop(old);
        assert!(matches!(dir.lock(), Err(StoreError::AlreadyRunning { .. })), "held by the successor");
        assert_eq!(dir.holder(), Some(std::process::id()));
        drop(new);
        assert_eq!(dir.holder(), None, "its number is noted still, and may be another's by now");
        assert!(dir.lock().is_ok());
    }

    #[test]
    fn another_folders_lock_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, other] = ["ours", "other"].map(|name| StateDir::create(folder.path().join(name)).unwrap());
        let (_held, theirs) = (ours.lock().unwrap(), other.lock().unwrap());
        assert!(ours.adopt_lock(theirs.descriptor().unwrap()).is_err());
    }
}
