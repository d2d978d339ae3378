//! Files that must be whole and private.
//!
//! A file is there whole or not at all: it is written beside its place, forced onto the disk, then moved. Modes are set when
//! a file is made, never afterwards, so that there is no moment in which others could open it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::StoreError;

/// Mode of a file that only its owner may use.
pub const PRIVATE_FILE_MODE: u32 = 0o600;
/// Mode of a folder that only its owner may use.
pub const PRIVATE_FOLDER_MODE: u32 = 0o700;

/// Writes a file whole: beside its place, onto the disk, then moved over what was there.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::DiskFull`]; what was there before is untouched then.
pub fn atomic_write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let beside = write_beside(path, bytes, mode)?;
    if let Err(source) = fs::rename(&beside, path) {
        discard(&beside);
        return Err(StoreError::io("write", path, source));
    }
    sync_folder_of(path)
}

/// Writes a file whole unless there is one; tells whether it did. Of several processes exactly one does.
///
/// # Errors
/// As [`atomic_write`].
pub fn atomic_create(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, StoreError> {
    let beside = write_beside(path, bytes, mode)?;
    // A hard link, unlike a rename, fails when the name is taken.
    let linked = fs::hard_link(&beside, path);
    discard(&beside);
    match linked {
        Ok(()) => sync_folder_of(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(StoreError::io("create", path, source)),
    }
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, StoreError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let beside = path.with_file_name(name);
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(beside),
        Err(source) => {
            discard(&beside);
            Err(StoreError::io("write", path, source))
        }
    }
}

/// Removes a file that nobody knows of yet. If even that fails, the failure before it is the one worth telling.
fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| StoreError::io("write", folder, source))
}

/// Refuses a file that group or others may read or write.
///
/// # Errors
/// [`StoreError::Permissions`], or [`StoreError::Io`] when the file is not there or out of reach.
pub fn check_private(path: &Path) -> Result<(), StoreError> {
    check_mode(path, PRIVATE_FILE_MODE, 0o077)
}

/// Refuses a folder that group or others may write to: they could put their files in place of ours.
///
/// # Errors
/// As [`check_private`].
pub fn check_private_folder(path: &Path) -> Result<(), StoreError> {
    check_mode(path, PRIVATE_FOLDER_MODE, 0o022)
}

fn check_mode(path: &Path, mode_max: u32, forbidden: u32) -> Result<(), StoreError> {
    let metadata = fs::metadata(path).map_err(|source| StoreError::io("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(StoreError::Permissions { path: path.to_owned(), mode, mode_max });
    }
    Ok(())
}

/// Reads a private file of at most `bytes_max` bytes; its buffer is wiped when dropped.
///
/// # Errors
/// As [`check_private`]; a longer file is read up to one byte more than `bytes_max`, so that the caller sees that it is.
pub fn read_private(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    check_private(path)?;
    let file = File::open(path).map_err(|source| StoreError::io("read", path, source))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|source| StoreError::io("read", path, source))?;
    Ok(bytes)
}

/// Gives a folder whose files are whole its name, on the disk as well: what is there under that name is complete.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::DiskFull`].
pub fn move_into_place(folder: &Path, name: &Path) -> Result<(), StoreError> {
    fs::rename(folder, name).map_err(|source| StoreError::io("create", name, source))?;
    sync_folder_of(name)
}

/// Makes a private folder, parents included, unless it is there; refuses one that others may write to.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::Permissions`].
pub fn create_private_folder(path: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER_MODE).create(path);
    made.map_err(|source| {
        // The system says "File exists", which sounds as if all were well.
        let is_in_the_way = source.kind() == io::ErrorKind::AlreadyExists;
        let source = if is_in_the_way { io::Error::new(source.kind(), "what is there is no folder") } else { source };
        StoreError::io("create", path, source)
    })?;
    check_private_folder(path)
}
