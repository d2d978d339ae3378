//! Whose a session is at an upstream: `fix/<hash of its name>.owner` is the account whose client opened it first. A venue knows a session by
//! its CompIDs, and what it owes to one firm is not for another that takes the same name.

use std::path::{Path, PathBuf};

use super::file_stem;
use crate::error::StoreError;
use crate::files;

/// Whether the session of this name at an upstream is the account's: it is whoever claims it first, from then on. A session is claimed by
/// one at a time: the caller sees to it.
///
/// # Errors
/// [`StoreError`] when it cannot be read or written.
pub fn claim(folder: &Path, parts: &[&str], account: &str) -> Result<bool, StoreError> {
    files::create_private_folder(folder)?;
    let path = owner_file(folder, parts);
    files::atomic_create(&path, account.as_bytes(), files::PRIVATE_FILE_MODE)?;
    let owner = std::fs::read(&path).map_err(|source| StoreError::io("read", &path, source))?;
    Ok(owner == account.as_bytes())
}

/// Whether somebody else has claimed that session here. Claims nothing.
pub(super) fn is_of_another(folder: &Path, parts: &[&str], account: &str) -> Result<bool, StoreError> {
    let path = owner_file(folder, parts);
    match std::fs::read(&path) {
        Ok(owner) => Ok(owner != account.as_bytes()),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("read", &path, source)),
    }
}

fn owner_file(folder: &Path, parts: &[&str]) -> PathBuf {
    folder.join(format!("{}.owner", file_stem(&parts.join("\u{1}"))))
}
