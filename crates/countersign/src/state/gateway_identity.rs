//! The gateway's own keys: a root that clients pin, and a signing key of seven days that the root delegates to.

use std::path::Path;
use std::time::Duration;

use countersign_core::{Algorithm, Timestamp};
use countersign_handshake::{Delegation, GatewayIdentity, Signer as _, SigningKey};
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
const ROOT_FILE: &str = "gateway-root-key.pem";
const KEY_FILE: &str = "gateway-key.pem";
const DELEGATION_FILE: &str = "gateway-delegation.txt";

/// A folder that was in use has the root, or what it signed.
///
/// # Errors
/// It has neither: nothing is left of what clients pinned.
pub(super) fn check_root(folder: &Path) -> anyhow::Result<()> {
    let root = folder.join(ROOT_FILE);
    if root.exists() || folder.join(DELEGATION_FILE).exists() { Ok(()) } else { Err(missing(&root)) }
}

/// Opens or makes the gateway's identity in the state folder.
///
/// ```text
///   root     delegation
///   there    of another root               error
///   there    lasts                         goes on
///   there    none, or lasts not for long   a new key, which the root delegates to
///   away     good today                    goes on; said when it does not last for long
///   away     lapsed, or damaged            error: another root would be another gateway to whoever pinned this one
///   away     none                          both are made
/// ```
///
/// The root is looked at whenever it is there, not first when it must sign: a key that others can read, or another than the one that
/// clients pinned, is told on the day it came.
pub(crate) fn open(folder: &Path, now: Timestamp) -> anyhow::Result<GatewayIdentity> {
    let (root_path, key_path) = (folder.join(ROOT_FILE), folder.join(KEY_FILE));
    let delegation_path = folder.join(DELEGATION_FILE);
    let root = root_path.exists().then(|| read_key(&root_path)).transpose()?;
    let known = known_delegation(&delegation_path);
    if let (Some(root), Some((delegation, _))) = (&root, &known)
        && root.kid().as_str() != delegation.root()
    {
        return Err(Failure::environment(format!(
            "{} is not the root that signed {}, which clients have pinned ({}); restore it from a backup",
            root_path.display(),
            delegation_path.display(),
            delegation.root()
        )));
    }
    let serves = |delegation: &Delegation| lasts(delegation, now) || root.is_none() && delegation.check_validity(now).is_ok();
    if let Some((delegation, text)) = known.filter(|(delegation, _)| serves(delegation)) {
        if !lasts(&delegation, now) {
            tracing::warn!("{} must sign a new delegation within two days; bring it back", root_path.display());
        }
        let key = read_key(&key_path)?;
        if key.kid().as_str() != delegation.gateway() {
            return Err(Failure::environment(format!(
                "{} is not the key that {} names; restore it from a backup, or remove both: the root makes new ones",
                key_path.display(),
                delegation_path.display()
            )));
        }
        return Ok(GatewayIdentity::new(key, &[text], &[])?);
    }
    let root = match root {
        Some(root) => root,
        None if delegation_path.exists() => return Err(missing(&root_path)),
        None => new_root(&root_path)?,
    };
    let new = keygen::generate(Algorithm::Ed25519)?;
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, new.private_pem.expose())?;
    let delegation = Delegation::sign(&root, &key, now.saturating_sub(BACKDATED), now.saturating_add(DELEGATION_LIFE))?;
    atomic_write(&key_path, new.private_pem.expose().as_bytes(), PRIVATE_FILE_MODE)?;
    atomic_write(&delegation_path, delegation.as_bytes(), PRIVATE_FILE_MODE)?;
    Ok(GatewayIdentity::new(key, &[delegation], &[])?)
}

/// The root's word of before, whether it still lasts or not; one that is no delegation is as none, and made anew.
fn known_delegation(path: &Path) -> Option<(Delegation, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    Some((Delegation::verify(text.trim()).ok()?, text.trim().to_owned()))
}

fn lasts(delegation: &Delegation, now: Timestamp) -> bool {
    delegation.not_after() > now.saturating_add(RENEW_BEFORE) && delegation.check_validity(now).is_ok()
}

fn missing(root: &Path) -> anyhow::Error {
    Failure::environment(format!("{} is missing, which must sign a new delegation; restore it from a backup", root.display()))
}

fn new_root(path: &Path) -> anyhow::Result<SigningKey> {
    let new = keygen::generate(Algorithm::Ed25519)?;
    atomic_write(path, new.private_pem.expose().as_bytes(), PRIVATE_FILE_MODE)?;
    read_key(path)
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem = read_private(path, FILE_BYTES_MAX)?;
    let damaged = |why: String| Failure::environment(format!("{} is damaged ({why}); restore it from a backup", path.display()));
    let pem = std::str::from_utf8(&pem).map_err(|error| damaged(error.to_string()))?;
    SigningKey::from_pkcs8_pem(Algorithm::Ed25519, pem).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    #[test]
    fn a_root_that_is_offline_is_not_missed_while_the_delegation_lasts_and_not_made_anew_after() {
        let folder = tempfile::tempdir().unwrap();
        let made = open(folder.path(), T0).unwrap();
        let (root, offline) = (folder.path().join(ROOT_FILE), folder.path().join("elsewhere"));
        std::fs::rename(&root, &offline).unwrap();
        for days in [0, 4, 6] {
            let opened = open(folder.path(), T0.saturating_add(DAY * days)).unwrap();
            assert_eq!((opened.root(), opened.key().kid()), (made.root(), made.key().kid()), "day {days}");
        }
        let lapsed = T0.saturating_add(DAY * 8);
        let error = open(folder.path(), lapsed).unwrap_err().to_string();
        assert!(error.contains(root.to_str().unwrap()) && !root.exists(), "{error}");
        std::fs::rename(&offline, &root).unwrap();
        let renewed = open(folder.path(), lapsed).unwrap();
        assert!(renewed.root() == made.root() && renewed.key().kid() != made.key().kid());
    }

    #[test]
    fn a_root_that_was_lost_with_a_damaged_delegation_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), T0).unwrap();
        let root = folder.path().join(ROOT_FILE);
        std::fs::remove_file(&root).unwrap();
        std::fs::write(folder.path().join(DELEGATION_FILE), "no delegation").unwrap();
        assert!(open(folder.path(), T0).unwrap_err().to_string().contains(ROOT_FILE) && !root.exists());
        check_root(folder.path()).unwrap();
        std::fs::remove_file(folder.path().join(DELEGATION_FILE)).unwrap();
        assert!(check_root(folder.path()).unwrap_err().to_string().contains(ROOT_FILE));
    }
}
