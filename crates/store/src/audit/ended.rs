//! Of which keys this node has put on record that they ended: each node writes that into its own log once, wherever it was decided.
//!
//! ```text
//!   store ──read again──▶ credentials ──▶ ended, and not told here ──▶ record ──▶ on the disk ──▶ ended-keys.json
//! ```
//!
//! A file beside the log, so that a restart says nothing again and a revocation during which the node was away is said when it is back.
//! A process that dies before the file is written says it twice, which is true twice. A suspended key that is active again is
//! forgotten, and said again when it is suspended again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use countersign_core::CredentialState;
use parking_lot::Mutex;

use super::AuditLog;
use crate::error::StoreError;
use crate::files;
use crate::record::CredentialRecord;

const FILE: &str = "ended-keys.json";
const PRIVATE: u32 = 0o600;

/// The keys whose end is on record here, and in which way they ended.
#[derive(Debug)]
pub struct EndedKeys {
    path: PathBuf,
    told: Mutex<BTreeMap<String, String>>,
    writing: Mutex<()>,
}

impl EndedKeys {
    /// Reads what is on record in `folder`, that of the log. A file that is not there, or not whole, has nothing: all is said again.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let told = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(StoreError::io("read", &path, source)),
        };
        Ok(Self { path, told: Mutex::new(told), writing: Mutex::default() })
    }

    /// Whether the end of one of these keys is not on record here.
    #[must_use]
    pub fn has_news(&self, records: &[CredentialRecord]) -> bool {
        let told = self.told.lock();
        records.iter().any(|record| is_news(&told, record))
    }

    /// Has `say` put on record what is not yet, and notes what it did; forgets keys that are active again. Whether
    /// [`Self::keep`] has something to do.
    pub fn tell(&self, records: &[CredentialRecord], mut say: impl FnMut(&CredentialRecord) -> bool) -> bool {
        let mut told = self.told.lock();
        let mut changed = false;
        for record in records {
            if record.state == CredentialState::Active {
                changed |= told.remove(record.id.as_str()).is_some();
            } else if is_news(&told, record) && say(record) {
                told.insert(record.id.as_str().to_owned(), record.state.name().to_owned());
                changed = true;
            }
        }
        changed
    }

    /// Writes the file when the records are on the disk: a file that knows more than the log would keep it from being said for ever. It
    /// blocks as [`AuditLog::flush`] does.
    ///
    /// # Errors
    /// As [`files::atomic_write`]; [`StoreError::Io`] when the log cannot be written, too. It is said again after a restart then.
    pub fn keep(&self, log: &AuditLog) -> Result<(), StoreError> {
        let _one_after_the_other = self.writing.lock();
        let failed = |error: io::Error| StoreError::io("write", &self.path, error);
        let text = serde_json::to_vec(&*self.told.lock()).map_err(|error| failed(error.into()))?;
        log.flush().map_err(|unavailable| failed(io::Error::other(unavailable)))?;
        files::atomic_write(&self.path, &text, PRIVATE)
    }
}

fn is_news(told: &BTreeMap<String, String>, record: &CredentialRecord) -> bool {
    record.state != CredentialState::Active && told.get(record.id.as_str()).map(String::as_str) != Some(record.state.name())
}
