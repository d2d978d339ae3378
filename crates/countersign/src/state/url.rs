//! Where clients reach the gateway of a folder: a note that its start leaves, for the credential files of keys that are made later.

use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, read_private};
use countersign_store::{StateDir, StoreError};

const URL_FILE: &str = "url";
/// A host name has 253 bytes at most, a scheme and a port some more.
const URL_BYTES_MAX: usize = 512;
/// Where a gateway listens that was told nothing else.
const DEFAULT_URL: &str = "https://127.0.0.1:8443";

/// Leaves a note of where clients reach the gateway.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn note_url(dir: &StateDir, url: &str) -> Result<(), StoreError> {
    atomic_write(&dir.path().join(URL_FILE), url.as_bytes(), PRIVATE_FILE_MODE)
}

/// Where clients reach the gateway of a folder: as its last start noted, else where it listens by default.
pub(crate) fn noted_url(dir: &StateDir) -> anyhow::Result<String> {
    let path = dir.path().join(URL_FILE);
    if !path.exists() {
        return Ok(DEFAULT_URL.to_owned());
    }
    Ok(String::from_utf8(read_private(&path, URL_BYTES_MAX)?.to_vec())?)
}
