//! What all workers share for tokens: the key of refresh tokens, what was revoked, the rates of sources.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::{Monotonic, Refusal, Reject, SessionId};
use countersign_oauth::claims::TokenMark;
use countersign_oauth::{RefreshKey, Revocation, RevocationTarget, Revocations};
use countersign_store::{Change, Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::rates::SourceRates;
use crate::clock;
use crate::native::sessions::KilledBy;
use crate::shared::Shared;

/// Without news of revocations for so long, tokens are refused: somebody may have revoked them. The store is asked five times a
/// second; ten seconds are a disk that hangs.
pub(super) const REVOCATIONS_STALE_MAX: Duration = Duration::from_secs(10);

/// Most revocations that are remembered at once: three hours of what all clients together may revoke one by one. Beyond it clients
/// wait; operators do not.
pub(super) const REVOCATIONS_MAX: usize = 300_000;

/// What all workers share.
pub struct TokenState {
    refresh: RefreshKey,
    revocations: ArcSwap<Revocations>,
    /// Taken while the set is replaced. Requests read without it.
    changing: Mutex<()>,
    /// The last revocation that was read from the store, where they are numbered as they are committed. What this node revokes itself
    /// may have a later number than one of another node that was not read yet.
    read_to: AtomicU64,
    /// Monotonic microseconds of the last news.
    heard: AtomicU64,
    rates: SourceRates,
    revoked: Notify,
}

impl std::fmt::Debug for TokenState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenState").field("revocations", &self.revocations.load().len()).finish_non_exhaustive()
    }
}

impl TokenState {
    /// Reads key and revocations.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let refresh = store.refresh_key().await?;
        let mut revocations = Revocations::default();
        store.revocations_after(0).await?.into_iter().for_each(|each| revocations.note(each));
        Ok(Self {
            refresh,
            read_to: AtomicU64::new(revocations.epoch()),
            revocations: ArcSwap::from_pointee(revocations),
            changing: Mutex::default(),
            heard: AtomicU64::new(clock::mono().as_micros()),
            rates: SourceRates::default(),
            revoked: Notify::new(),
        })
    }

    /// Makes and reads refresh tokens.
    pub(super) const fn refresh(&self) -> &RefreshKey {
        &self.refresh
    }

    /// The rates of sources.
    pub(super) const fn rates(&self) -> &SourceRates {
        &self.rates
    }

    /// The number of the latest revocation.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.revocations.load().epoch()
    }

    /// Whether a token still stands.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`] when it was revoked; [`Reject::StoreUnavailable`] when there was no news of revocations for longer
    /// than ten seconds.
    pub fn check(&self, mark: &TokenMark, now: Monotonic) -> Result<(), Refusal> {
        self.check_heard(now)?;
        self.revocations.load().check(mark)
    }

    /// Whether a session was ended.
    #[must_use]
    pub fn is_session_revoked(&self, sid: SessionId) -> bool {
        self.revocations.load().has(&RevocationTarget::Session(sid))
    }

    /// Who ended a session by a revocation; `None` when nobody did.
    #[must_use]
    pub(crate) fn who_revoked(&self, sid: SessionId) -> Option<KilledBy> {
        self.revocations.load().by_operator(&RevocationTarget::Session(sid)).map(KilledBy::of_revoked)
    }

    fn check_heard(&self, now: Monotonic) -> Result<(), Refusal> {
        let heard = Monotonic::from_micros(self.heard.load(Ordering::Relaxed));
        if now.saturating_since(heard) > REVOCATIONS_STALE_MAX {
            return Err(Refusal::operator(Reject::StoreUnavailable, "no news of revoked tokens for too long"));
        }
        Ok(())
    }

    /// Takes note of revocations: from now on no worker takes the tokens, and open connections notice within a moment.
    pub fn note(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let _changing = self.changing.lock();
        let mut next = Revocations::clone(&self.revocations.load());
        revocations.into_iter().for_each(|each| next.note(each));
        next.forget(clock::wall());
        self.revocations.store(Arc::new(next));
    }

    /// Revokes: on the disk first, then for everybody here.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is revoked then.
    pub async fn revoke(&self, store: &Store, target: RevocationTarget, change: &Change) -> Result<Revocation, StoreError> {
        let revocation = store.revoke_tokens(target, change).await?;
        self.note([revocation.clone()]);
        self.revoked.notify_one();
        Ok(revocation)
    }

    /// Woken when something was revoked here, and is in the store.
    pub(crate) const fn revoked(&self) -> &Notify {
        &self.revoked
    }

    /// Whether a client may revoke one more.
    ///
    /// # Errors
    /// [`Reject::Busy`].
    pub(super) fn check_room(&self) -> Result<(), Refusal> {
        let full = self.revocations.load().len() >= REVOCATIONS_MAX;
        if full { Err(Refusal::operator(Reject::Busy, "as many revocations as are remembered at once")) } else { Ok(()) }
    }

    fn note_heard(&self) {
        self.heard.store(clock::mono().as_micros(), Ordering::Relaxed);
    }
}

/// Ends the sessions of this node that were revoked: whoever trades on one does not show its tokens any more.
fn end_sessions(shared: &Shared, revocations: &[Revocation]) {
    for revocation in revocations {
        if let RevocationTarget::Session(sid) = revocation.target {
            let by = KilledBy::of(revocation);
            // The FIX side first: of a session that is both, its client is to be told who ended it.
            shared.fix_sessions.kill(sid, by);
            shared.sessions.kill(sid, by);
        }
    }
}

/// Revokes as an operator does, and ends the sessions of this node at once.
///
/// # Errors
/// [`StoreError`]; nothing is revoked then.
pub async fn revoke_and_end(shared: &Shared, target: RevocationTarget, change: &Change) -> Result<Revocation, StoreError> {
    let revocation = shared.oauth.revoke(&shared.store, target, change).await?;
    end_sessions(shared, std::slice::from_ref(&revocation));
    Ok(revocation)
}

/// Takes over what others wrote into the store: other nodes, the command line.
///
/// # Errors
/// [`StoreError`]; after ten seconds of them tokens are refused.
pub async fn sync_revocations(shared: &Shared) -> Result<(), StoreError> {
    let read_to = &shared.oauth.read_to;
    let news = shared.store.revocations_after(read_to.load(Ordering::Relaxed)).await?;
    if let Some(last) = news.iter().map(|each| each.epoch).max() {
        let targets: BTreeSet<String> = news.iter().map(|each| each.target.to_string()).collect();
        tracing::info!(count = targets.len(), "tokens were revoked elsewhere");
        // Noted first: a session that is taken over meanwhile asks whether it was revoked.
        shared.oauth.note(news.iter().cloned());
        end_sessions(shared, &news);
        read_to.fetch_max(last, Ordering::Relaxed);
    }
    shared.oauth.note_heard();
    Ok(())
}
