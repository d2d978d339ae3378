//! How many sessions an account may have journals of: a client chooses its SenderCompID, and each one it invents is a file for ever.
//!
//! ```text
//!   fix/<hash of the account>.sessions/<hash of the session's name>   empty: the session was opened once
//! ```
//!
//! A session that has a journal is never refused: it had one before this was counted, or was counted then. An operator who wants a name
//! back for an account removes its journal and its mark.

use std::path::Path;

use super::file_stem;
use crate::error::StoreError;
use crate::{files, limits};

/// Whether an account may have the session of this name: one that it had before, or one more of at most
/// [`FIX_SESSIONS_PER_ACCOUNT_MAX`](limits::FIX_SESSIONS_PER_ACCOUNT_MAX). Blocks.
///
/// # Errors
/// [`StoreError`] when it cannot be read or written.
pub fn admit(folder: &Path, account: &str, client: &[&str]) -> Result<bool, StoreError> {
    admit_up_to(limits::FIX_SESSIONS_PER_ACCOUNT_MAX, folder, account, client)
}

fn admit_up_to(max: usize, folder: &Path, account: &str, client: &[&str]) -> Result<bool, StoreError> {
    let marks = folder.join(format!("{}.sessions", file_stem(account)));
    files::create_private_folder(&marks)?;
    let name = [&["client"], client].concat().join("\u{1}");
    let mark = marks.join(file_stem(&name));
    let exists = |path: &Path| path.try_exists().map_err(|source| StoreError::io("read", path, source));
    if exists(&mark)? {
        return Ok(true);
    }
    let had_before = exists(&folder.join(format!("{}.journal", file_stem(&name))))?;
    files::atomic_create(&mark, &[], files::PRIVATE_FILE_MODE)?;
    // Counted behind the mark, so that of many that open at once none slips past the bound.
    if had_before || count(&marks)? <= max {
        return Ok(true);
    }
    std::fs::remove_file(&mark).map_err(|source| StoreError::io("remove", &mark, source))?;
    Ok(false)
}

/// Marks only: what is being written beside them has a longer name.
fn count(marks: &Path) -> Result<usize, StoreError> {
    let failed = |source| StoreError::io("read", marks, source);
    let mut count = 0;
    for entry in std::fs::read_dir(marks).map_err(failed)? {
        count += usize::from(!entry.map_err(failed)?.file_name().as_encoded_bytes().contains(&b'.'));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MAX: usize = 5;

    fn admitted(folder: &Path, account: &str, sender: &str) -> bool {
        admit_up_to(MAX, folder, account, &[account, "FIX.4.4", "GATE", sender]).unwrap()
    }

    #[test]
    fn an_account_has_so_many_sessions_and_keeps_those_it_has() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX {
            assert!(admitted(folder.path(), "desk", &format!("S{number}")));
        }
        assert!(!admitted(folder.path(), "desk", "ONE-MORE"));
        assert!(!admitted(folder.path(), "desk", "ONE-MORE"), "asking again is not having it");
        assert!(admitted(folder.path(), "desk", "S0"));
        assert!(admitted(folder.path(), "other", "S0"), "of another account");
    }

    #[test]
    fn a_session_that_has_a_journal_is_not_refused() {
        let folder = tempfile::tempdir().unwrap();
        let parts = ["client", "desk", "FIX.4.4", "GATE", "OLD"];
        drop(super::super::JournaledMessageStore::open_named(folder.path(), &parts).unwrap());
        for number in 0..MAX {
            assert!(admitted(folder.path(), "desk", &format!("S{number}")));
        }
        assert!(admitted(folder.path(), "desk", "OLD"));
    }
}
