//! The state folder: opens what is there, makes what is missing, touches nothing else.
//!
//! ```text
//!   ca.pem ca-key.pem                private CA
//!   server.pem                       certificate and key of the public port, issued by it
//!   operator-server.pem              the same for the operator port
//!   operator.pem                     client certificate and key of the first operator
//!   gateway-root-key.pem             root of the gateway's identity: clients pin it; may be offline while the delegation lasts
//!   gateway-key.pem gateway-delegation.txt   signing key of seven days, and the root's word for it
//!   identity-key.pem jwks.json       signs identity assertions and access tokens; its public keys
//!   audit-key.pem audit-key.pub.pem  signs the heads of the audit log; its public half
//!   sealing.key countersign.db audit/ journal/ lock
//!   database.json                    instead of countersign.db: which server the node shares with others
//!   url                              where clients reach the gateway, for the credential files of keys that are made later
//!   demo/                            the demo account's credentials, made with the folder
//! ```

pub(crate) mod database;
mod demo_account;
pub(crate) mod gateway_identity;
mod tls;
mod url;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_gateway::clock;
use countersign_gateway::config::Settings;
use countersign_gateway::identity::IdentityIssuer;
use countersign_gateway::operator::OperatorClient;
use countersign_handshake::GatewayIdentity;
use countersign_pki::{PrivateAuthority, ServerTls, TicketKeyRing};
use countersign_store::audit::AuditLog;
use countersign_store::files::atomic_write;
use countersign_store::{CommonIdentity, SealingKey, StateDir, StateLock, Store, StoreError};
use rustls::time_provider::TimeProvider;

use crate::failure::Failure;

pub(crate) use demo_account::{DemoAccount, DemoFiles};
pub(crate) use tls::issue_certificates;
use tls::{WallClock, authz_tls, operator_tls, public_tls};
pub(crate) use url::{note_url, noted_url};

/// Everything that was opened or made.
pub(crate) struct State {
    pub(crate) dir: StateDir,
    pub(crate) lock: StateLock,
    pub(crate) authority: PrivateAuthority,
    pub(crate) tls: ServerTls,
    pub(crate) authz_tls: Option<ServerTls>,
    pub(crate) operator_tls: ServerTls,
    pub(crate) tickets: Arc<TicketKeyRing>,
    pub(crate) gateway: GatewayIdentity,
    pub(crate) identity: IdentityIssuer,
    pub(crate) store: Store,
    pub(crate) audit: AuditLog,
}

/// Opens the state folder for the gateway; with the lock of the process that serves it until now, where this one takes over.
///
/// # Errors
/// One sentence: permissions, damage, a folder in use by another gateway. What was complete before stays as it was.
pub(crate) async fn open(settings: &Settings, lock: Option<OwnedFd>) -> anyhow::Result<State> {
    let now = clock::unix_now();
    let dir = StateDir::create(&settings.state_dir)?;
    let takes_over = lock.is_some();
    let lock = match lock {
        Some(lock) => dir.adopt_lock(lock)?,
        None => dir.lock()?,
    };
    check_whole(settings, &dir)?;
    let clock: Arc<dyn TimeProvider> = Arc::new(WallClock);
    let (authority, _) = PrivateAuthority::load_or_create(dir.path(), now)?;
    let tickets = Arc::new(TicketKeyRing::new(Arc::clone(&clock))?);
    issue_certificates(settings, &dir, &authority)?;
    let tls = public_tls(settings, &dir, &tickets, &clock)?;
    let authz_tls = authz_tls(settings, &dir, &tickets, &clock)?;
    let operator_tls = operator_tls(&dir, &tickets, &clock)?;
    let gateway = gateway_identity::open(dir.path(), clock::wall())?;
    let own = CommonIdentity { authority_spki: authority.identities().spki_sha256.clone(), gateway_root: gateway.root().to_owned() };
    let store = database::open_for_gateway(settings, &dir, &own).await?;
    // Behind the store, which makes the sealing key.
    let identity = open_identity(settings, &dir)?.signing_access_tokens_by(settings.tokens.algorithm);
    publish_identity_keys(&dir, &identity)?;
    let audit = AuditLog::open(&dir.audit(), dir.load_or_create_audit_key()?)?;
    if !takes_over {
        store.end_open_sessions(clock::wall(), "gateway restarted").await?;
    }
    Ok(State { dir, lock, authority, tls, authz_tls, operator_tls, tickets, gateway, identity, store, audit })
}

/// The keys of identity assertions and access tokens: of this node's file, or those that all nodes derive from what they share.
fn open_identity(settings: &Settings, dir: &StateDir) -> anyhow::Result<IdentityIssuer> {
    let cluster = &settings.cluster;
    if cluster.redis.is_none() && cluster.database.is_none() {
        return Ok(IdentityIssuer::load_or_create(&dir.path().join("identity-key.pem"))?);
    }
    let secret = SealingKey::load(&dir.sealing_key())?.derive("countersign identity keys v1");
    Ok(IdentityIssuer::shared(secret, clock::wall())?)
}

/// Writes the public keys of identity assertions into a file, for upstreams on this machine that have no CA to trust: the same
/// as at `/.well-known/jwks.json`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn publish_identity_keys(dir: &StateDir, identity: &IdentityIssuer) -> Result<(), StoreError> {
    atomic_write(&dir.path().join(PUBLIC_KEYS_FILE), identity.jwks().as_bytes(), PUBLIC_FILE_MODE)
}

/// A folder that has a database, or the note of one on a server, was complete once. What is missing now was lost, and a new one in its
/// place would make every sealed secret, every certificate that was issued, or every pin that clients hold, worthless without a word.
/// A database that was lost takes halts, keys and revocations with it: an empty one would let in whom an operator had locked out.
fn check_whole(settings: &Settings, dir: &StateDir) -> anyhow::Result<()> {
    let database = dir.database();
    match std::fs::metadata(&database) {
        // What a first start leaves that found no room for more, or was killed: the file is made before anything is in it.
        Ok(found) if found.len() == 0 && !was_in_use(dir) => return Ok(()),
        Ok(found) if found.len() == 0 => {
            return Err(Failure::environment(format!(
                "the database {} is empty; restore it from a backup, or begin with another state folder",
                database.display()
            )));
        }
        Ok(_) => {}
        Err(_) if dir.path().join(database::NOTE).exists() => {}
        Err(_) => return check_new(settings, dir),
    }
    gateway_identity::check_root(dir.path())?;
    for needed in [dir.sealing_key(), dir.path().join("ca-key.pem")] {
        if !needed.exists() {
            return Err(Failure::environment(format!(
                "{} is missing; restore it from a backup: the rest of the folder needs it",
                needed.display()
            )));
        }
    }
    if !dir.audit().exists() {
        tracing::error!(
            "the audit log {} is gone: what it proved is lost unless there is a backup, and a new one begins now",
            dir.audit().display()
        );
    }
    Ok(())
}

/// What is begun after the database: the note of one on a server, the public keys, the audit log, the demo account. An operator may have moved
/// the log away, and not every gateway makes a demo account. SQLite throws away what is in the log of a database that is empty.
fn was_in_use(dir: &StateDir) -> bool {
    let has_records = match std::fs::read_dir(dir.audit()) {
        Ok(mut files) => files.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    let has_log = std::fs::metadata(dir.path().join("countersign.db-wal")).is_ok_and(|log| log.len() > 0);
    let begun = [database::NOTE, PUBLIC_KEYS_FILE].iter().any(|name| dir.path().join(name).exists());
    has_records || has_log || begun || DemoFiles::in_state(dir.path()).exist()
}

/// A folder that was in use and has no database lost it.
fn check_new(settings: &Settings, dir: &StateDir) -> anyhow::Result<()> {
    if was_in_use(dir) && settings.cluster.database.is_none() {
        return Err(Failure::environment(format!(
            "the database {} is missing from a folder that was in use: keys, halts and revocations were in it; restore it from a backup, \
             or begin with another state folder",
            dir.database().display()
        )));
    }
    Ok(())
}

/// The state folder that a command is to work on.
///
/// # Errors
/// There is none, or others may write to it.
pub(crate) fn existing(folder: &Path) -> anyhow::Result<StateDir> {
    if !is_there(folder)? {
        return Err(Failure::environment(format!(
            "there is no state folder {}; `countersign serve` makes it, --state names another",
            folder.display()
        )));
    }
    Ok(StateDir::open(folder)?)
}

/// Whether there is a file or folder of this name. To somebody who may not look, nothing is said to be missing: what they would make or
/// start anew is there.
///
/// # Errors
/// This user may not look.
pub(crate) fn is_there(path: &Path) -> anyhow::Result<bool> {
    path.try_exists().map_err(|error| {
        let whose = "run this as the user it belongs to: what is in a state folder is its gateway's";
        Failure::environment(format!("cannot look at {}: {error}; {whose}", path.display()))
    })
}

/// Where the gateway of a state folder answers commands, while it runs.
pub(crate) fn operator_client(folder: &Path) -> OperatorClient {
    OperatorClient::new(operator_socket(folder))
}

/// The socket of the gateway in a state folder.
pub(crate) fn operator_socket(folder: &Path) -> PathBuf {
    folder.join("operator.sock")
}

/// Opens only the database, for commands that look after keys; the gateway may be running.
pub(crate) async fn open_store(state: &Path) -> anyhow::Result<(StateDir, Store)> {
    let dir = existing(state)?;
    let store = database::open_for_command(&dir).await?;
    Ok((dir, store))
}

/// Anybody may read it: it has public keys only.
const PUBLIC_FILE_MODE: u32 = 0o644;
const PUBLIC_KEYS_FILE: &str = "jwks.json";
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use countersign_gateway::config::{Override, Sources, load};

    use super::*;

    /// What a folder is known by to be one that was in use.
    fn used(folder: &Path, by: &str) -> (Settings, StateDir) {
        let dir = StateDir::create(folder.join(by)).unwrap();
        for name in [by, "sealing.key", "ca-key.pem", "gateway-root-key.pem"] {
            std::fs::write(dir.path().join(name), "something").unwrap();
        }
        let state = dir.path().to_str().unwrap().to_owned();
        let overrides = vec![Override { flag: "--state".into(), key: "state_dir".into(), value: state }];
        (load(&Sources { overrides, ..Sources::default() }).unwrap(), dir)
    }

    #[test]
    fn a_folder_that_was_in_use_needs_its_keys_wherever_its_database_is() {
        let folder = tempfile::tempdir().unwrap();
        for by in ["countersign.db", database::NOTE] {
            let (settings, dir) = used(folder.path(), by);
            check_whole(&settings, &dir).unwrap();
            for name in ["sealing.key", "ca-key.pem", "gateway-root-key.pem"] {
                let path = dir.path().join(name);
                std::fs::remove_file(&path).unwrap();
                let error = check_whole(&settings, &dir).unwrap_err().to_string();
                assert!(error.contains(path.to_str().unwrap()) && error.contains("missing"), "{by}: {error}");
                std::fs::write(&path, "something").unwrap();
            }
        }
    }

    #[test]
    fn an_empty_database_is_begun_again_only_where_nothing_came_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, dir) = used(folder.path(), "countersign.db");
        for is_there in [true, false] {
            if is_there {
                std::fs::write(dir.database(), "").unwrap();
            } else {
                std::fs::remove_file(dir.database()).unwrap();
            }
            std::fs::write(dir.path().join("countersign.db-wal"), "").unwrap();
            check_whole(&settings, &dir).unwrap();
            // An audit log that cannot be listed is a file here.
            for trace in ["jwks.json", database::NOTE, "countersign.db-wal", "audit"] {
                let path = dir.path().join(trace);
                std::fs::write(&path, "something").unwrap();
                // A node with a database on a server has no file.
                let is_whole = !is_there && trace == database::NOTE;
                assert_eq!(check_whole(&settings, &dir).is_ok(), is_whole, "{trace}");
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
}
