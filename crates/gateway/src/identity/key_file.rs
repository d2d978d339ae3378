//! The key file: PKCS #8 in PEM (RFC 7468), one block per key, in the order current, next, previous.
//!
//! It is replaced whole and under a temporary name first, so a crash leaves the old ring or the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Secret;

use super::key_ring::{KEYS_MAX, SigningKey};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Three keys have about 500 bytes.
const FILE_BYTES_MAX: usize = 8 * 1024;
/// Base64 columns of PEM (RFC 7468 section 2).
const PEM_COLUMNS: usize = 64;

/// What is wrong with the key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others than the owner can read it.
    #[error("{path} can be read by others (mode {mode:03o}): make it 600, and if that was not intended, delete it to get new keys")]
    Access {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not one to three Ed25519 keys in PKCS #8 PEM.
    #[error("{path} does not hold one to three Ed25519 private keys (PKCS #8, PEM)")]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// The system has no randomness for us.
    #[error("no key could be generated")]
    Generation,
    /// The file system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// Read or write.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The keys of the file; none if there is no file.
pub(super) fn read(path: &Path) -> Result<Vec<SigningKey>, KeyFileError> {
    let failed = |source| KeyFileError::Io { action: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Access { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::with_capacity(FILE_BYTES_MAX);
    file.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(failed)?;
    parse(&Secret::new(bytes)).ok_or_else(|| KeyFileError::Content { path: path.to_owned() })
}

fn parse(content: &Secret) -> Option<Vec<SigningKey>> {
    let text = std::str::from_utf8(content.expose()).ok()?;
    let mut keys = Vec::new();
    let mut block: Option<Secret> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        block = match (line, block) {
            (BEGIN, None) => Some(Secret::new(Vec::new())),
            (END, Some(base64)) => {
                keys.push(SigningKey::from_pkcs8(Secret::new(STANDARD.decode(base64.expose()).ok()?))?);
                None
            }
            (line, Some(base64)) => Some(Secret::new([base64.expose(), line.as_bytes()].concat())),
            (_, None) => return None,
        };
    }
    (block.is_none() && (1..=KEYS_MAX).contains(&keys.len())).then_some(keys)
}

/// Replaces the file, for its owner only.
pub(super) fn write(path: &Path, keys: &[SigningKey]) -> Result<(), KeyFileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write_new(&temporary, &pem(keys)).and_then(|()| std::fs::rename(&temporary, path)).and_then(|()| flush_folder(path));
    written.map_err(|source| {
        // The temporary file may not exist; what matters is the first error.
        let _ = std::fs::remove_file(&temporary);
        KeyFileError::Io { action: "write", path: path.to_owned(), source }
    })
}

fn pem(keys: &[SigningKey]) -> Secret {
    let mut text = Vec::new();
    for key in keys {
        let base64 = Secret::new(STANDARD.encode(key.pkcs8().expose()).into_bytes());
        text.extend_from_slice(BEGIN.as_bytes());
        for line in base64.expose().chunks(PEM_COLUMNS) {
            text.push(b'\n');
            text.extend_from_slice(line);
        }
        text.push(b'\n');
        text.extend_from_slice(END.as_bytes());
        text.push(b'\n');
    }
    Secret::new(text)
}

fn write_new(path: &Path, content: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.expose())?;
    file.sync_all()
}

fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}
