//! What a journal is to its copy in a database: bytes that only grow within a series, of which somebody is the owner.
//!
//! ```text
//!   Base, Owner(generation 3, series 0), Message …           series 0 grows; its copy is its beginning, or all of it
//!   Base, Owner(generation 3, series 1), Kept …              written anew: another series, and the copy is replaced whole
//! ```
//!
//! The copy has the same bytes as the file. So a copy that is behind lacks the end of the file and nothing else, and a file that was read
//! from a copy goes on as its owner's did.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::record::{self, Kind};
use super::state::State;
use super::{JournaledMessageStore, files, path_of, replayed};
use crate::error::StoreError;

/// How far a journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) series: u64,
    pub(super) ends: u64,
}

/// What its copy lacks.
pub(super) struct Lacking {
    /// Where the bytes begin; none: the copy is to be replaced by them.
    pub(super) begins: Option<u64>,
    pub(super) bytes: Vec<u8>,
    /// How far the copy is with them.
    pub(super) reach: Reach,
}

impl JournaledMessageStore {
    /// Who wrote the journal of this name last, 0 where nodes do not share it; none where there is no journal. Changes nothing.
    pub(super) fn last_generation(folder: &Path, parts: &[&str]) -> Result<Option<u64>, StoreError> {
        let name = parts.join("\u{1}");
        let path = path_of(folder, &name);
        if !path.try_exists().map_err(|source| StoreError::io("read", &path, source))? {
            return Ok(None);
        }
        replayed(&path, name.as_bytes()).map(|(state, _)| Some(state.generation))
    }

    /// Puts a copy in the place of the file, if it is whole.
    pub(super) fn install(folder: &Path, parts: &[&str], bytes: &[u8]) -> Result<(), StoreError> {
        let name = parts.join("\u{1}");
        let path = path_of(folder, &name);
        State::replay(bytes, name.as_bytes()).map_err(|detail| StoreError::JournalDamaged { path: path.clone(), detail })?;
        files::create_private_folder(folder)?;
        files::atomic_write(&path, bytes, files::PRIVATE_FILE_MODE)
    }

    /// From here on another owner writes. On the disk when this returns.
    pub(super) fn begin_generation(&mut self, generation: u64) -> Result<(), StoreError> {
        self.append(Kind::Owner, generation, &self.state.series.to_be_bytes())?;
        self.state.generation = generation;
        self.flush()
    }

    /// Leaves numbers out that somebody may have used.
    pub(super) fn leave_out(&mut self, count: u64) -> Result<(), StoreError> {
        self.state.next_sender += count;
        self.compact()
    }

    /// Begins a series, where there are any.
    pub(super) fn next_series(&self) -> Vec<u8> {
        if self.state.generation == 0 {
            return Vec::new();
        }
        record::write(Kind::Owner, self.state.generation, &(self.state.series + 1).to_be_bytes())
    }

    /// What a copy that is so far lacks of what is on the disk; none where it lacks nothing, or the file is about to be replaced.
    pub(super) fn lacking(&self, copy: Reach) -> Result<Option<Lacking>, StoreError> {
        let reach = Reach { series: self.state.series, ends: self.length - self.pending.len() as u64 };
        if self.replaces || reach == copy {
            return Ok(None);
        }
        let begins = Some(copy.ends).filter(|ends| copy.series == reach.series && (1..=reach.ends).contains(ends));
        let from = begins.unwrap_or(0);
        let mut bytes = vec![0; usize::try_from(reach.ends - from).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, from).map_err(|source| StoreError::io("read", &self.path, source))?;
        Ok(Some(Lacking { begins, bytes, reach }))
    }
}
