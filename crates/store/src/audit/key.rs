//! The key of the audit log in its files.

use std::path::Path;

use countersign_audit_tree::{AuditKey, AuditKeyError, AuditPublicKey};

use super::files_of::HEADS_FILE;
use crate::error::StoreError;
use crate::state_dir::StateDir;
use crate::{files, limits};

/// Anybody may read the public half.
const PUBLIC_FILE_MODE: u32 = 0o644;

impl StateDir {
    /// The key that signs heads of the audit log, made when there is none and nothing was signed yet. Its public half is written
    /// beside it.
    ///
    /// # Errors
    /// [`StoreError::AuditKeyMissing`] when there are heads and no key, [`StoreError::AuditKeyMalformed`], or a file that cannot be
    /// read or written.
    pub fn load_or_create_audit_key(&self) -> Result<AuditKey, StoreError> {
        let path = self.audit_key();
        if !path.exists() {
            if self.audit().join(HEADS_FILE).exists() {
                return Err(StoreError::AuditKeyMissing { path });
            }
            let pem = new_pem().map_err(|why| StoreError::AuditKeyMalformed { path: path.clone(), why })?;
            // Of two processes that start at once, one makes the key that both read.
            files::atomic_create(&path, pem.as_bytes(), files::PRIVATE_FILE_MODE)?;
        }
        let key = self.load_audit_key()?;
        let (public_path, public) = (self.audit_public_key(), key.public().to_pem());
        if std::fs::read(&public_path).ok().as_deref() != Some(public.as_bytes()) {
            files::atomic_write(&public_path, public.as_bytes(), PUBLIC_FILE_MODE)?;
        }
        Ok(key)
    }

    /// The key that signs heads of the audit log, which must be there.
    ///
    /// # Errors
    /// [`StoreError::AuditKeyMalformed`], or a file that cannot be read.
    pub fn load_audit_key(&self) -> Result<AuditKey, StoreError> {
        let path = self.audit_key();
        let pem = files::read_private(&path, limits::AUDIT_KEY_BYTES_MAX)?;
        AuditKey::from_pem(&pem).map_err(|why| StoreError::AuditKeyMalformed { path, why })
    }
}

/// A public key of an audit log, from its file.
///
/// # Errors
/// [`StoreError::AuditKeyMalformed`], or the file cannot be read.
pub fn read_public_key(path: &Path) -> Result<AuditPublicKey, StoreError> {
    let pem = std::fs::read(path).map_err(|source| StoreError::io("read", path, source))?;
    AuditPublicKey::from_pem(&pem).map_err(|why| StoreError::AuditKeyMalformed { path: path.to_owned(), why })
}

fn new_pem() -> Result<zeroize::Zeroizing<String>, AuditKeyError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(seed.as_mut_slice()).map_err(|_| AuditKeyError::Generate)?;
    AuditKey::pem_from_seed(&seed)
}
