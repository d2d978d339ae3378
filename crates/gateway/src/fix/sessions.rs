//! The FIX sessions that are open on this node: none twice, neither towards clients nor towards upstreams; for operators to list and
//! to end; and which halt each was told of last, over connections.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{AccountId, CredentialId, SessionId};
use countersign_fix::live_sessions::LiveError;
use countersign_fix::{LiveSessions, SessionName};
use countersign_halt::Hit;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::open::OpenFix;
use super::visitor::Visitors;
use crate::clock;
use crate::native::sessions::KilledBy;
use crate::operator::SessionRecord;
use crate::shared::Shared;

/// How long a Logon waits for a session whose client is gone: longer than its farewell to the upstream takes.
const LEAVING_MAX: Duration = Duration::from_secs(4);

/// How long a session that is open is looked at again: its client may have gone a moment ago, and nobody has read the end of its
/// connection yet. Whoever is a second one is told so after that.
const NOTICED_MAX: Duration = Duration::from_millis(500);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Sessions whose last halt is remembered. Beyond it all are forgotten, and told once more: a nuisance, where a list without end would
/// be a leak.
const TOLD_MAX: usize = 65_536;

/// The registry.
#[derive(Debug, Default)]
pub struct FixSessions {
    open: Mutex<Open>,
    /// By their names for operators.
    listed: Mutex<HashMap<SessionId, Arc<OpenFix>>>,
    /// The halt that a session was told of and that is not over for all it knows.
    told: Mutex<HashMap<(AccountId, SessionName), Hit>>,
    visitors: Visitors,
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
        // The journals are the other process's until it has let go of all sessions.
        if let Some(predecessor) = &shared.predecessor
            && !predecessor.fix_is_over().await
        {
            return Err(LiveError::AlreadyLoggedOn);
        }
        let now = tokio::time::Instant::now();
        let (noticed, left) = (now + NOTICED_MAX, now + LEAVING_MAX);
        loop {
            let given_back = shared.fix_sessions.given_back.notified();
            match Self::try_take(shared, account.clone(), client.clone(), upstream.clone()) {
                Err(LiveError::AlreadyLoggedOn) => {
                    let until = if shared.fix_sessions.open.lock().leaving.contains(&upstream) { left } else { noticed };
                    if tokio::time::Instant::now() >= until {
                        return Err(LiveError::AlreadyLoggedOn);
                    }
                    // Given back, or time to look again.
                    drop(tokio::time::timeout(LOOK, given_back).await);
                }
                outcome => return outcome,
            }
        }
    }

    /// Enters a session for operators, until the guard is dropped.
    pub(super) fn enter(shared: &Arc<Shared>, session: OpenFix) -> Listed {
        let session = Arc::new(session);
        shared.fix_sessions.listed.lock().insert(session.holder().sid, Arc::clone(&session));
        if !session.holder().native && shared.sessions.tell(session.opened()).is_err() {
            tracing::warn!(sid = %session.holder().sid, "the beginning of a FIX session could not be recorded: other nodes do not list it");
        }
        Listed { shared: Arc::clone(shared), session }
    }

    /// Adds the sessions that are open: their FIX side to the native ones that are listed, the others behind them.
    pub fn complete(&self, native: &mut Vec<SessionRecord>) {
        for session in self.all() {
            let sid = session.holder().sid.to_string();
            match native.iter_mut().find(|record| record.sid == sid) {
                Some(record) => record.fix = Some(session.record()),
                None if !session.holder().native => native.push(session.shown()),
                // It ended, or opened, while the list was made.
                None => {}
            }
        }
    }

    /// Who is there without credentials.
    pub(super) const fn visitors(&self) -> &Visitors {
        &self.visitors
    }

    /// Whether no session is open, nor about to be or to end.
    pub(crate) fn none_open(&self) -> bool {
        self.open.lock().upstream.is_empty()
    }

    /// Those that are open.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<OpenFix>> {
        self.listed.lock().values().cloned().collect()
    }

    /// One that is open.
    #[must_use]
    pub fn find(&self, sid: SessionId) -> Option<Arc<OpenFix>> {
        self.listed.lock().get(&sid).cloned()
    }

    /// Ends a session: its client gets a Logout that says so. Whether there was one.
    pub fn kill(&self, sid: SessionId, by: KilledBy) -> bool {
        self.find(sid).is_some_and(|session| session.kill(by))
    }

    /// How many sessions that are not native one credential has open.
    #[must_use]
    pub fn count_of(&self, credential: &CredentialId) -> usize {
        self.listed.lock().values().filter(|session| !session.holder().native && session.holder().credential == *credential).count()
    }

    /// The halt that a session was told of last.
    #[must_use]
    pub fn told(&self, session: &(AccountId, SessionName)) -> Option<Hit> {
        self.told.lock().get(session).copied()
    }

    /// Notes what a session was told: a halt, or that there is none.
    pub fn note_told(&self, session: &(AccountId, SessionName), hit: Option<Hit>) {
        let mut told = self.told.lock();
        match hit {
            None => drop(told.remove(session)),
            Some(hit) => {
                if told.len() >= TOLD_MAX {
                    told.clear();
                }
                told.insert(session.clone(), hit);
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

/// A session is listed while this lives.
pub struct Listed {
    shared: Arc<Shared>,
    session: Arc<OpenFix>,
}

impl Listed {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Arc<OpenFix> {
        &self.session
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.shared.fix_sessions.listed.lock().remove(&self.session.holder().sid);
        if !self.session.holder().native && self.shared.sessions.tell(self.session.ended(clock::wall())).is_err() {
            tracing::warn!(sid = %self.session.holder().sid, "the end of a FIX session could not be recorded");
        }
    }
}

impl Taken {
    /// The client's session, which goes on over connections.
    #[must_use]
    pub fn client(&self) -> (AccountId, SessionName) {
        (self.account.clone(), self.client.clone())
    }

    /// The session at the upstream.
    #[must_use]
    pub const fn upstream(&self) -> &UpstreamName {
        &self.upstream
    }

    /// The session does not come to be, so it does not count as open before in this run either.
    pub(super) fn never_was(&self) {
        if self.first {
            self.shared.fix_sessions.open.lock().begun.remove(&self.upstream);
        }
    }

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
