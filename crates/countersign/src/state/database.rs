//! Which database belongs to a state folder: the file in it, or the server that its node shares with others.
//!
//! The gateway takes the server from its configuration and leaves a note of it in the folder (`database.json`). So commands that are
//! given the folder follow the configuration without being told, and none of them writes into a file that no gateway reads.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use countersign_gateway::config::Settings;
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, read_private};
use countersign_store::{CommonIdentity, DatabaseAddress, SealingKey, StateDir, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The note's name in the state folder.
pub(super) const NOTE: &str = "database.json";
/// Longest note, and longest password file: a page.
const FILE_BYTES_MAX: usize = 4_096;

/// The server that a node shares with others.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shared {
    url: String,
    password_file: Option<PathBuf>,
    node: String,
}

impl Shared {
    fn of(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(database) = &settings.cluster.database else { return Ok(None) };
        let password_file = database.password_file.as_deref().map(std::path::absolute).transpose()?;
        Ok(Some(Self { url: database.url.clone(), password_file, node: settings.cluster.node.clone() }))
    }

    fn noted(dir: &StateDir) -> anyhow::Result<Option<Self>> {
        let path = dir.path().join(NOTE);
        if !path.exists() {
            return Ok(None);
        }
        let note = read_private(&path, FILE_BYTES_MAX)?;
        let note = serde_json::from_slice(&note).with_context(|| format!("{} cannot be read; start the gateway again", path.display()))?;
        Ok(Some(note))
    }

    fn address(&self) -> anyhow::Result<DatabaseAddress> {
        address(&self.url, self.password_file.as_deref())
    }
}

/// The address of a server, with the password that is in a file.
pub(crate) fn address(url: &str, password_file: Option<&Path>) -> anyhow::Result<DatabaseAddress> {
    let address = DatabaseAddress::parse(url)?;
    let Some(path) = password_file else { return Ok(address) };
    let text = read_private(path, FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(&text).ok().map(|text| text.trim_end_matches(['\r', '\n'])).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Failure::environment(format!("{} holds no password", path.display())))?;
    Ok(address.with_password(text))
}

/// Opens the database for the gateway, as its configuration says; `own` is what its clients know it by.
pub(super) async fn open_for_gateway(settings: &Settings, dir: &StateDir, own: &CommonIdentity) -> anyhow::Result<Store> {
    let Some(shared) = Shared::of(settings)? else {
        if let Some(noted) = Shared::noted(dir)? {
            return Err(Failure::environment(format!(
                "{} belongs to node {} of the database {}; configure [cluster] database, or begin with another state folder",
                dir.path().display(),
                noted.node,
                noted.address()?.shown()
            )));
        }
        return Ok(Store::open(&dir.database(), SealingKey::load_or_create(&dir.sealing_key())?).await?);
    };
    let store = connect(&shared, dir).await?;
    check_common(&store.common_identity(own).await?, own, &shared.address()?, dir)?;
    let note = serde_json::to_vec(&shared)?;
    atomic_write(&dir.path().join(NOTE), &note, PRIVATE_FILE_MODE)?;
    Ok(store)
}

/// Opens the database of a folder, for commands; the gateway may be running.
pub(super) async fn open_for_command(dir: &StateDir) -> anyhow::Result<Store> {
    let sealing = SealingKey::load(&dir.sealing_key())?;
    match Shared::noted(dir)? {
        Some(shared) => Ok(Store::connect(&shared.address()?, &shared.node, sealing).await?),
        // Only the gateway makes one: what a command made in the place of a lost one would pass for it.
        None if !dir.database().exists() => {
            Err(Failure::environment(format!("there is no database {}; `countersign serve` makes it", dir.database().display())))
        }
        None => Ok(Store::open(&dir.database(), sealing).await?),
    }
}

/// The first node draws the sealing key; the others are given it.
async fn connect(shared: &Shared, dir: &StateDir) -> anyhow::Result<Store> {
    let address = shared.address()?;
    let path = dir.sealing_key();
    let is_new = !path.exists();
    match Store::connect(&address, &shared.node, SealingKey::load_or_create(&path)?).await {
        Err(StoreError::SealingKeyMismatch { .. }) if is_new => {
            std::fs::remove_file(&path)?;
            Err(Failure::environment(format!(
                "the secrets in {} are sealed under the sealing key of other nodes; copy their sealing.key to {}",
                address.shown(),
                path.display()
            )))
        }
        opened => Ok(opened?),
    }
}

/// A node with a CA or a root of its own is another gateway to whoever trusts or pinned that of the others: it would start, and refuse
/// their clients as strangers.
fn check_common(nodes: &CommonIdentity, own: &CommonIdentity, address: &DatabaseAddress, dir: &StateDir) -> anyhow::Result<()> {
    let (what, files, theirs, ours) = if nodes.authority_spki != own.authority_spki {
        ("private CA", "ca.pem and ca-key.pem", &nodes.authority_spki, &own.authority_spki)
    } else if nodes.gateway_root != own.gateway_root {
        ("gateway root", "gateway-root-key.pem, gateway-key.pem and gateway-delegation.txt", &nodes.gateway_root, &own.gateway_root)
    } else {
        return Ok(());
    };
    Err(Failure::environment(format!(
        "the nodes of {} have another {what} ({theirs}) than {} ({ours}), so their clients would be strangers here; copy their {files} to it, \
         or, where the first that started has the wrong one, begin anew: docs/operations.md, \"Set it up\"",
        address.shown(),
        dir.path().display()
    )))
}
