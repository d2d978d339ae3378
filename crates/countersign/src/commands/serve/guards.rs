//! What nodes have in common, and what one process gives to the next: guards against replays, shared memory, keys of tickets.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use countersign_core::{NonceGuard, ReplayGuard, Secret};
use countersign_gateway::clock;
use countersign_gateway::cluster::Cluster;
use countersign_gateway::config::Settings;
use countersign_gateway::handover::RunSecrets;
use countersign_gateway::handover::guards::{Lender, LentNonces, LentReplay};
use countersign_handshake::TicketKeys;
use countersign_store::files::check_private;
use countersign_store::shared::SharedShelf;
use countersign_store::{
    FixRecords, SealingKey, SessionMirror, SharedMemory, SharedNonceGuard, SharedReplayGuard, SharedServer, StateDir, Store,
};

use super::PUBLIC_LISTENER;

/// What was accepted once, known to this node and to the others where there are any; and what the others need to go on with our
/// sessions.
pub(super) struct Guards {
    pub(super) replay: Box<dyn ReplayGuard>,
    pub(super) nonces: Box<dyn NonceGuard>,
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) mirror: Option<Arc<SessionMirror>>,
}

/// The guards of this node, with the memory of all nodes over them where one is configured. A memory that is away does not keep the
/// gateway from starting: cancels pass without it.
pub(super) fn guards(
    settings: &Settings,
    dir: &StateDir,
    memory: Option<Arc<SharedMemory>>,
    lender: &Arc<Lender>,
) -> anyhow::Result<Guards> {
    let (replay, nonces) = (Box::new(LentReplay(Arc::clone(lender))), Box::new(LentNonces(Arc::clone(lender))));
    let Some(memory) = memory else {
        return Ok(Guards { replay, nonces, cluster: None, mirror: None });
    };
    let replay = SharedReplayGuard::new(Arc::clone(&memory), replay);
    let nonces = SharedNonceGuard::new(Arc::clone(&memory), nonces);
    if let Err(error) = memory.check() {
        tracing::error!(%error, "started without it: new orders are refused until it answers");
    }
    let key = SealingKey::load(&dir.sealing_key())?;
    let key = Arc::new(key);
    let mirror = SessionMirror::new(Arc::clone(&memory), &settings.cluster.node, Arc::clone(&key));
    let cluster = Cluster::new(&settings.cluster.node, memory, key);
    Ok(Guards { replay: Box::new(replay), nonces: Box::new(nonces), cluster: Some(Arc::new(cluster)), mirror: Some(Arc::new(mirror)) })
}

/// The copies of FIX journals, where nodes share a database; what a session refused is noted in the memory, where they share one.
pub(super) fn fix_records(dir: &StateDir, store: &Store, cluster: Option<&Cluster>) -> anyhow::Result<Option<Arc<FixRecords>>> {
    let key = Arc::new(SealingKey::load(&dir.sealing_key())?);
    let shelf = cluster.map(|cluster| SharedShelf::new(Arc::clone(cluster.memory()), Arc::clone(&key)));
    Ok(store.fix_records(key, shelf))
}

/// The memory that nodes share, where one is configured. It may be away.
pub(super) fn shared_memory(settings: &Settings) -> anyhow::Result<Option<Arc<SharedMemory>>> {
    let Some(redis) = &settings.cluster.redis else { return Ok(None) };
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let password = redis.password_file.as_ref().map(|path| {
        check_private(path)?;
        let mut password = read(path)?;
        password.truncate(password.trim_ascii_end().len());
        anyhow::Ok(Secret::new(password))
    });
    let server = SharedServer {
        url: redis.url.clone(),
        password: password.transpose()?,
        ca: redis.ca.as_ref().map(read).transpose()?,
        timeout: redis.timeout,
        // One for each worker, and one for whoever looks after the memory.
        links: settings.worker_count() + 1,
    };
    clock::rely_on_witness();
    let memory = SharedMemory::witnessed(&server, clock::now, clock::hear_witness)?;
    // Connected before the first question: a successor keeps nobody waiting for that. Whether it answers is asked again later.
    drop(memory.check());
    Ok(Some(memory))
}

/// Ticket keys: every node derives them from the sealing key which all of them have; a node that is alone from a secret of its run, which
/// only the processes that take over from each other have.
pub(super) fn session_tickets(settings: &Settings, dir: &StateDir, root: &str, secrets: &RunSecrets) -> anyhow::Result<Arc<TicketKeys>> {
    let secret = match settings.cluster.redis {
        Some(_) => SealingKey::load(&dir.sealing_key())?.derive("countersign session tickets v1"),
        None => Secret::new(secrets.tickets.to_vec()),
    };
    Ok(Arc::new(TicketKeys::shared(root, PUBLIC_LISTENER, settings.native.session_life, secret)))
}
