//! Where a new secret goes: one file for its owner alone, or standard output when that is asked for. Never to a log.

use std::path::{Path, PathBuf};

use countersign_handshake::SecretText;
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write};

use crate::commands::{argument, output};

/// A place that was found free before the key was made. A file not written to is removed again.
pub(super) struct Delivery {
    reserved: Option<PathBuf>,
}

impl Delivery {
    /// Takes the file's name, so that nothing is overwritten and a folder that cannot be written to is known before a key exists.
    pub(super) fn reserve(out: &Path) -> anyhow::Result<Self> {
        if out == Path::new("-") {
            return Ok(Self { reserved: None });
        }
        argument::create(out, b"")?;
        Ok(Self { reserved: Some(out.to_owned()) })
    }

    /// Writes the secret: into the file, whole and mode 0600, or to standard output.
    pub(super) fn write(mut self, text: &SecretText) -> anyhow::Result<()> {
        let Some(path) = self.reserved.as_deref() else { return output::text(text.expose()) };
        atomic_write(path, text.expose().as_bytes(), PRIVATE_FILE_MODE)?;
        output::note(format!("written to {}", path.display()));
        self.reserved = None;
        Ok(())
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(path) = self.reserved.take() {
            // An empty file that stays is a nuisance, not a danger; what failed before it is the error to tell.
            drop(std::fs::remove_file(path));
        }
    }
}
