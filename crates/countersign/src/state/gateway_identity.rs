//! The gateway's own keys: a root that clients pin, and a signing key of seven days that the root delegates to.

use std::path::Path;
use std::time::Duration;

use countersign_core::{Algorithm, Timestamp};
use countersign_handshake::{Delegation, GatewayIdentity, SigningKey};
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, read_private};

use crate::failure::Failure;
use crate::keygen;

/// How long a delegation is good for: short, because the key lies on a machine that faces the network.
const DELEGATION_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A new signing key is made when less than this is left.
const RENEW_BEFORE: Duration = Duration::from_secs(2 * 24 * 3_600);
/// Clients whose clock is behind must not find the delegation in the future.
const BACKDATED: Duration = Duration::from_secs(3_600);
/// Largest key or delegation file read.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// The root key: whoever has it is the gateway, to every client that pinned it.
pub(super) const ROOT_FILE: &str = "gateway-root-key.pem";

/// Opens or makes the gateway's identity in the state folder.
pub(crate) fn open(folder: &Path, now: Timestamp) -> anyhow::Result<GatewayIdentity> {
    let key_path = folder.join("gateway-key.pem");
    let delegation_path = folder.join("gateway-delegation.txt");
    if let Some(text) = current_delegation(&delegation_path, now) {
        return Ok(GatewayIdentity::new(read_key(&key_path)?, &[text], &[])?);
    }
    let root = root(folder)?;
    let new = keygen::generate(Algorithm::Ed25519)?;
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, new.private_pem.expose())?;
    let delegation = Delegation::sign(&root, &key, now.saturating_sub(BACKDATED), now.saturating_add(DELEGATION_LIFE))?;
    atomic_write(&key_path, new.private_pem.expose().as_bytes(), PRIVATE_FILE_MODE)?;
    atomic_write(&delegation_path, delegation.as_bytes(), PRIVATE_FILE_MODE)?;
    Ok(GatewayIdentity::new(key, &[delegation], &[])?)
}

fn current_delegation(path: &Path, now: Timestamp) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let delegation = Delegation::verify(text.trim()).ok()?;
    let lasts = delegation.not_after() > now.saturating_add(RENEW_BEFORE) && delegation.check_validity(now).is_ok();
    lasts.then(|| text.trim().to_owned())
}

fn root(folder: &Path) -> anyhow::Result<SigningKey> {
    let path = folder.join(ROOT_FILE);
    if !path.exists() {
        let new = keygen::generate(Algorithm::Ed25519)?;
        atomic_write(&path, new.private_pem.expose().as_bytes(), PRIVATE_FILE_MODE)?;
    }
    read_key(&path)
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = read_private(path, FILE_BYTES_MAX)?;
    let damaged = |why: String| Failure::environment(format!("{} is damaged ({why}); restore it from a backup", path.display()));
    let pem = std::str::from_utf8(&pem).map_err(|error| damaged(error.to_string()))?;
    SigningKey::from_pkcs8_pem(Algorithm::Ed25519, pem).map_err(|error| damaged(error.to_string()))
}
