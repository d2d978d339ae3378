//! The FIX sessions that are open on this node: none twice, neither towards clients nor towards upstreams.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::AccountId;
use countersign_fix::live_sessions::LiveError;
use countersign_fix::{LiveSessions, SessionName};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::shared::Shared;

/// How long a Logon waits for a session whose client is gone: longer than its farewell to the upstream takes.
const LEAVING_MAX: Duration = Duration::from_secs(4);

/// The registry.
#[derive(Debug, Default)]
pub struct FixSessions {
    open: Mutex<Open>,
    /// Told whenever a name is given back.
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Open {
    /// By account: a name that another firm uses too is another session.
    clients: HashMap<AccountId, LiveSessions>,
    upstream: HashSet<UpstreamName>,
    /// Those of them that have ended on one side, and are about to be given back.
    leaving: HashSet<UpstreamName>,
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
    /// Takes both names for a connection whose Logon was verified. A session whose client is gone already is waited for: whoever
    /// connects again at once is not told that it is somebody else.
    ///
    /// # Errors
    /// One of them is taken, or there are too many.
    pub async fn take(shared: &Arc<Shared>, account: AccountId, client: SessionName, upstream: UpstreamName) -> Result<Taken, LiveError> {
        let deadline = tokio::time::Instant::now() + LEAVING_MAX;
        loop {
            let given_back = shared.fix_sessions.given_back.notified();
            match Self::try_take(shared, account.clone(), client.clone(), upstream.clone()) {
                Err(LiveError::AlreadyLoggedOn) if shared.fix_sessions.open.lock().leaving.contains(&upstream) => {
                    if tokio::time::timeout_at(deadline, given_back).await.is_err() {
                        return Err(LiveError::AlreadyLoggedOn);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    fn try_take(shared: &Arc<Shared>, account: AccountId, client: SessionName, upstream: UpstreamName) -> Result<Taken, LiveError> {
        let mut open = shared.fix_sessions.open.lock();
        if open.upstream.contains(&upstream) {
            return Err(LiveError::AlreadyLoggedOn);
        }
        open.clients.entry(account.clone()).or_default().open(client.clone())?;
        open.upstream.insert(upstream.clone());
        let first = open.begun.insert(upstream.clone());
        drop(open);
        Ok(Taken { shared: Arc::clone(shared), account, client, upstream, first })
    }
}

impl Taken {
    /// One side has ended: the session is about to be given back.
    pub fn leaving(&self) {
        self.shared.fix_sessions.open.lock().leaving.insert(self.upstream.clone());
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut open = self.shared.fix_sessions.open.lock();
        open.leaving.remove(&self.upstream);
        open.upstream.remove(&self.upstream);
        if let Some(live) = open.clients.get_mut(&self.account) {
            live.release(&self.client);
            if live.is_empty() {
                open.clients.remove(&self.account);
            }
        }
        drop(open);
        self.shared.fix_sessions.given_back.notify_waiters();
    }
}
