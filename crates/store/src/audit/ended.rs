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

use countersign_core::{CredentialId, CredentialState};
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
    told: Mutex<Told>,
    writing: Mutex<()>,
    damage: Option<String>,
}

type Told = BTreeMap<CredentialId, CredentialState>;

impl EndedKeys {
    /// Reads what is on record in `folder`, that of the log. A file that is not there, or not whole ([`Self::damage`]), has nothing: all is
    /// said again.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let told = match fs::read(&path) {
            Ok(bytes) => parse(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Told::new()),
            Err(source) => return Err(StoreError::io("read", &path, source)),
        };
        let (told, damage) = match told {
            Ok(told) => (told, None),
            Err(why) => (Told::new(), Some(format!("{} is damaged ({why})", path.display()))),
        };
        Ok(Self { path, told: Mutex::new(told), writing: Mutex::default(), damage })
    }

    /// What was wrong with the file when it was read.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
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
                changed |= told.remove(&record.id).is_some();
            } else if is_news(&told, record) && say(record) {
                told.insert(record.id.clone(), record.state);
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
        let text = text(&self.told.lock()).map_err(|error| failed(error.into()))?;
        log.flush().map_err(|unavailable| failed(io::Error::other(unavailable)))?;
        files::atomic_write(&self.path, &text, PRIVATE)
    }
}

/// `{"ID": "STATE"}`, which only keys that ended have.
fn parse(bytes: &[u8]) -> Result<Told, String> {
    let entries: BTreeMap<String, String> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let entry = |(id, state): (String, String)| {
        let ended = CredentialState::parse(&state).filter(|state| *state != CredentialState::Active);
        CredentialId::parse(&id).ok().zip(ended).ok_or_else(|| format!("{id:?}: {state:?}"))
    };
    entries.into_iter().map(entry).collect()
}

fn text(told: &Told) -> serde_json::Result<Vec<u8>> {
    let entries: BTreeMap<&str, &str> = told.iter().map(|(id, state)| (id.as_str(), state.name())).collect();
    serde_json::to_vec(&entries)
}

fn is_news(told: &Told, record: &CredentialRecord) -> bool {
    record.state != CredentialState::Active && told.get(&record.id) != Some(&record.state)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_that_is_damaged_says_so_and_has_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(EndedKeys::open(folder.path()).unwrap().damage().is_none(), "there is none yet");
        for (written, whole) in [
            (r#"{"cred-1":"revoked","cred-2":"suspended"}"#, true),
            (r#"{"cred-1":"revoked","cred-2":"susp"#, false),
            (r#"{"cred-1":"revoked","cred-2":"active"}"#, false),
            (r#"{"cred-1":"revoked","cred-2":"gone"}"#, false),
            (r#"{"cred-1":"revoked","cred 2":"suspended"}"#, false),
            ("[]", false),
            ("", false),
        ] {
            fs::write(folder.path().join(FILE), written).unwrap();
            let ended = EndedKeys::open(folder.path()).unwrap();
            assert_eq!(ended.damage().is_none(), whole, "{written}");
            assert_eq!(ended.told.lock().len(), if whole { 2 } else { 0 }, "{written}");
            if whole {
                assert_eq!(text(&ended.told.lock()).unwrap(), written.as_bytes());
            } else {
                assert!(ended.damage().unwrap().contains(FILE));
            }
        }
    }
}
