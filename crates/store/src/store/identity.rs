//! What clients know the gateway by, whichever node answers them: the database keeps it, so that a node with another is found when it
//! starts and not by a client whose login fails there.

use super::Store;
use crate::error::StoreError;

/// The private CA and the gateway root of a node, by the hashes of their public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonIdentity {
    /// SHA-256 of the CA's public key: a new certificate for the same key is no other CA.
    pub authority_spki: String,
    /// The kid of the gateway root, which clients pin.
    pub gateway_root: String,
}

impl Store {
    /// What the nodes of this database have: `own` where none has said so before. Of two that start at once, the second is told what
    /// the first has.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn common_identity(&self, own: &CommonIdentity) -> Result<CommonIdentity, StoreError> {
        let first = "UPDATE meta SET authority_spki = $1, gateway_root = $2 WHERE authority_spki IS NULL";
        self.db.run(first, &[own.authority_spki.as_str().into(), own.gateway_root.as_str().into()]).await?;
        let kept = self.db.row("SELECT authority_spki, gateway_root FROM meta WHERE gateway_root IS NOT NULL", &[]).await?;
        let Some(kept) = kept else { return Ok(own.clone()) };
        let text = |column| kept.text(column).map(str::to_owned).map_err(|source| self.failed(source));
        Ok(CommonIdentity { authority_spki: text("authority_spki")?, gateway_root: text("gateway_root")? })
    }
}
