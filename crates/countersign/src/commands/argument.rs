//! Files that an argument names: read whole, bounded, and a usage error when that cannot be done. And files that an argument wants
//! made: private, and never in the place of another.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use countersign_store::files::{PRIVATE_FILE_MODE, atomic_create};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The bytes of a file, or of standard input for `-`. They may be a secret.
///
/// # Errors
/// A usage failure: it cannot be read, or is longer than `bytes_max`.
pub(super) fn read(path: &Path, bytes_max: usize) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let (source, name): (Box<dyn std::io::Read>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin().lock()), "standard input".to_owned())
    } else {
        let name = path.display().to_string();
        (Box::new(File::open(path).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?), name)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    if bytes.len() > bytes_max {
        return Err(Failure::usage(format!("{name} has more than {bytes_max} bytes, which is too long for what is expected here")));
    }
    Ok(bytes)
}

/// As [`read`], of a file that is text.
///
/// # Errors
/// As there, and for other bytes than UTF-8.
pub(super) fn read_text(path: &Path, bytes_max: usize) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = read(path, bytes_max)?;
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    text.map(Zeroizing::new).map_err(|_| Failure::usage(format!("{} is not text", path.display())))
}

/// Makes a private file with these bytes.
///
/// # Errors
/// A usage failure when a file is there already; a failure of the surroundings when it cannot be made.
pub(super) fn create(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if atomic_create(path, bytes, PRIVATE_FILE_MODE)? { Ok(()) } else { Err(is_there(path)) }
}

/// Looks whether [`create`] could make a file, before something is done that cannot be taken back.
///
/// # Errors
/// A usage failure when a file is there already.
pub(super) fn check_free(path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() { Err(is_there(path)) } else { Ok(()) }
}

fn is_there(path: &Path) -> anyhow::Error {
    Failure::usage(format!("{} is there already; choose another name, nothing is overwritten", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read(&path, 4).unwrap_err().to_string().contains("cannot read"));
        create(&path, b"four").unwrap();
        assert_eq!((read_text(&path, 4).unwrap().as_str(), read(&path, 3).is_err()), ("four", true));
        assert!(create(&path, b"more").unwrap_err().to_string().contains("nothing is overwritten"));
        assert_eq!(std::fs::read(&path).unwrap(), b"four");
    }
}
