//! The open sessions as operators see them: those of this process as they are, those of other nodes as they were when they opened.

use countersign_core::SessionId;
use countersign_store::HeldSession;

use super::backend::store_failure;
use crate::operator::{BackendError, SessionRecord};
use crate::shared::Shared;

/// All of them, the latest first. Where the database is away, those of this process.
pub(super) async fn list(shared: &Shared, limit: usize) -> Vec<SessionRecord> {
    let mut all = shared.sessions.list(usize::MAX);
    shared.fix_sessions.complete(&mut all);
    for session in &mut all {
        session.node.clone_from(&shared.settings.cluster.node);
    }
    all.extend(
        elsewhere(shared, limit).await.into_iter().filter(|held| !is_here(shared, held.session.sid)).map(|held| shown(shared, held)),
    );
    all.sort_by_key(|session| std::cmp::Reverse(session.since_ms));
    all.truncate(limit);
    all
}

/// What nodes that are alive have open. A node that is lost has none, whatever the records say.
async fn elsewhere(shared: &Shared, limit: usize) -> Vec<HeldSession> {
    let Some(cluster) = shared.cluster.as_ref().filter(|_| shared.store.is_shared()) else { return Vec::new() };
    let nodes = cluster.node_names();
    match shared.store.sessions_elsewhere(u32::try_from(limit).unwrap_or(u32::MAX)).await {
        Ok(mut sessions) => {
            sessions.retain(|held| nodes.contains(&held.node));
            sessions
        }
        Err(error) => {
            tracing::warn!(%error, "the sessions of other nodes are not listed");
            Vec::new()
        }
    }
}

/// Whether a session is open in this process. Its record may be a moment behind and name another node.
pub(super) fn is_here(shared: &Shared, sid: SessionId) -> bool {
    shared.sessions.entry(sid).is_some() || shared.fix_sessions.find(sid).is_some()
}

/// One of them.
///
/// # Errors
/// [`BackendError::Failed`] when it is not here and nobody can tell.
pub(super) async fn find(shared: &Shared, sid: SessionId) -> Result<Option<SessionRecord>, BackendError> {
    let fix = shared.fix_sessions.find(sid);
    let here = match shared.sessions.find(sid) {
        Some(native) => Some(SessionRecord { fix: fix.map(|session| session.record()), ..native }),
        None => fix.filter(|session| !session.holder().native).map(|session| session.shown()),
    };
    match here {
        Some(session) => Ok(Some(SessionRecord { node: shared.settings.cluster.node.clone(), ..session })),
        None => Ok(shared.store.open_session(sid).await.map_err(store_failure)?.map(|held| shown(shared, held))),
    }
}

/// The node of a record; over a file there is only this one.
pub(super) fn node_of(shared: &Shared, recorded: String) -> String {
    if recorded.is_empty() { shared.settings.cluster.node.clone() } else { recorded }
}

fn shown(shared: &Shared, held: HeldSession) -> SessionRecord {
    let HeldSession { session, node } = held;
    let told = session.shown.as_deref().and_then(|shown| serde_json::from_str::<SessionRecord>(shown).ok());
    // Of a program that recorded less.
    let bare = || SessionRecord {
        sid: session.sid.to_string(),
        account: session.account.to_string(),
        since_ms: session.created.as_millis(),
        remote: session.remote.map(|remote| remote.to_string()).unwrap_or_default(),
        ..SessionRecord::default()
    };
    SessionRecord { node: node_of(shared, node), ..told.unwrap_or_else(bare) }
}
