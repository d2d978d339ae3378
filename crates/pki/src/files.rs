//! Reading and writing credential files.
//!
//! A file is either there whole or not at all: it is written beside its place, flushed to the disk, then moved. A file
//! with a private key is made with mode 0600 from its first byte on and is refused when others have access to it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::PkiError;

/// Mode of files with a private key.
const PRIVATE_FILE_MODE: u32 = 0o600;
/// Mode of files that anybody may read.
const PUBLIC_FILE_MODE: u32 = 0o644;
/// Mode of folders made for credentials.
const PRIVATE_FOLDER_MODE: u32 = 0o700;
/// Permission bits of group and others.
const NOT_OWNER_BITS: u32 = 0o077;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Everybody,
    /// The owner only.
    Owner,
}

/// What happens when the file is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and the write fails with `AlreadyExists`.
    Keep,
    /// It is replaced.
    Replace,
}

/// Makes the folder and its parents, for the owner only. One that exists is left as it is.
pub(crate) fn create_folder(path: &Path) -> Result<(), PkiError> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER_MODE).create(path).map_err(|source| failed("create", path, source))
}

/// True if the path leads to something; an unreadable folder is an error, not "no".
pub(crate) fn exists(path: &Path) -> Result<bool, PkiError> {
    path.try_exists().map_err(|source| failed("read", path, source))
}

/// Reads a file that holds nothing secret.
pub(crate) fn read_public(path: &Path, bytes_max: u64) -> Result<Vec<u8>, PkiError> {
    let file = File::open(path).map_err(|source| failed("read", path, source))?;
    let mut bytes = Vec::new();
    read_bounded(file, path, bytes_max, &mut bytes)?;
    Ok(bytes)
}

/// Reads a file with a private key; refuses one that group or others may touch.
pub(crate) fn read_private(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let file = File::open(path).map_err(|source| failed("read", path, source))?;
    let metadata = file.metadata().map_err(|source| failed("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & NOT_OWNER_BITS != 0 {
        return Err(PkiError::KeyFileExposed { path: path.to_owned(), mode });
    }
    // Room for everything at once, so that no half of the key stays behind in a buffer that was outgrown.
    let capacity = usize::try_from(metadata.len().min(bytes_max)).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    read_bounded(file, path, bytes_max, &mut bytes)?;
    Ok(bytes)
}

fn read_bounded(file: File, path: &Path, bytes_max: u64, bytes: &mut Vec<u8>) -> Result<(), PkiError> {
    let read = file.take(bytes_max + 1).read_to_end(bytes).map_err(|source| failed("read", path, source))?;
    if read as u64 > bytes_max {
        return Err(PkiError::FileTooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(())
}

/// Writes the whole file or nothing.
///
/// # Errors
/// With [`Existing::Keep`] and a file in place: [`PkiError::File`] with `AlreadyExists`.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], access: Access, existing: Existing) -> Result<(), PkiError> {
    let temporary = temporary_path(path)?;
    let result = write_new(&temporary, bytes, access).and_then(|()| publish(&temporary, path, existing));
    if result.is_err() || existing == Existing::Keep {
        // After a successful `Keep` the file has two names; after a failure the rest is litter.
        let _ = fs::remove_file(&temporary);
    }
    result.and_then(|()| flush_folder(path)).map_err(|source| failed("write", path, source))
}

fn write_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mode = match access {
        Access::Everybody => PUBLIC_FILE_MODE,
        Access::Owner => PRIVATE_FILE_MODE,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the finished file its name. A hard link, unlike a rename, never takes the place of another file: of two
/// processes that start at the same moment, one wins and the other is told.
fn publish(temporary: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    match existing {
        Existing::Keep => fs::hard_link(temporary, path),
        Existing::Replace => fs::rename(temporary, path),
    }
}

/// The name is durable only when the folder is flushed too.
fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn temporary_path(path: &Path) -> Result<PathBuf, PkiError> {
    let mut random = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| PkiError::Crypto { operation: "draw random bytes" })?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(folder_of(path).join(format!(".{name}.{}.tmp", hex::encode(random))))
}

pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_for_its_owner_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_atomically(&path, b"one", Access::Owner, Existing::Keep).unwrap();
        write_atomically(&path, b"two", Access::Owner, Existing::Replace).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(&*read_private(&path, 10).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn keep_leaves_the_first_file_in_place_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_atomically(&path, b"one", Access::Owner, Existing::Keep).unwrap();
        let error = write_atomically(&path, b"two", Access::Owner, Existing::Keep).unwrap_err();
        assert!(matches!(error, PkiError::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists));
        assert_eq!(&*read_private(&path, 10).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn refuses_a_private_file_that_others_can_read_and_names_path_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        write_atomically(&path, b"one", Access::Owner, Existing::Keep).unwrap();
        for bits in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            let text = read_private(&path, 10).unwrap_err().to_string();
            assert!(text.contains("key.pem") && text.contains(&format!("{bits:04o}")), "{text}");
        }
    }

    #[test]
    fn refuses_a_file_above_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.pem");
        write_atomically(&path, &[0; 11], Access::Everybody, Existing::Keep).unwrap();
        assert!(matches!(read_public(&path, 10), Err(PkiError::FileTooLarge { .. })));
        assert_eq!(read_public(&path, 11).unwrap().len(), 11);
    }
}
