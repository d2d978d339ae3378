//! The FIX sessions that are open on this node: none twice, neither towards clients nor towards upstreams.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use countersign_core::AccountId;
use countersign_fix::live_sessions::LiveError;
use countersign_fix::{LiveSessions, SessionName};
use parking_lot::Mutex;

use crate::shared::Shared;

/// The registry.
#[derive(Debug, Default)]
pub struct FixSessions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    /// By account: a name that another firm uses too is another session.
    clients: HashMap<AccountId, LiveSessions>,
    upstream: HashSet<UpstreamName>,
    /// Upstream sessions that were open before in this run.
    begun: HashSet<UpstreamName>,
}

/// What tells one upstream session from another: the upstream, and the session there. With the account where the upstream tells
/// sessions apart by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamName {
    /// Index of the upstream.
    pub upstream: usize,
    /// The account, for the embedded venue.
    pub account: Option<AccountId>,
    /// BeginString and CompIDs, ours first.
    pub name: SessionName,
}

/// A session is taken while this lives.
pub struct Taken {
    shared: Arc<Shared>,
    account: AccountId,
    client: SessionName,
    upstream: UpstreamName,
    /// Whether it is the first with this upstream name since the gateway started.
    pub first: bool,
}

impl FixSessions {
    /// Takes both names for a connection whose Logon was verified.
    ///
    /// # Errors
    /// One of them is taken, or there are too many.
    pub fn take(shared: &Arc<Shared>, account: AccountId, client: SessionName, upstream: UpstreamName) -> Result<Taken, LiveError> {
        let mut open = shared.fix_sessions.0.lock();
        if open.upstream.contains(&upstream) {
            return Err(LiveError::AlreadyLoggedOn);
        }
        open.clients.entry(account.clone()).or_default().open(client.clone())?;
        open.upstream.insert(upstream.clone());
        let first = open.begun.insert(upstream.clone());
        drop(open);
        Ok(Taken { shared: Arc::clone(shared), account, client, upstream, first })
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().upstream.len()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut open = self.shared.fix_sessions.0.lock();
        open.upstream.remove(&self.upstream);
        if let Some(live) = open.clients.get_mut(&self.account) {
            live.release(&self.client);
            if live.is_empty() {
                open.clients.remove(&self.account);
            }
        }
    }
}
