//! The names that an account's clients may choose for their sessions: as many as it has desks, not as many as it can invent.

use countersign_core::{Refusal, Reject};
use countersign_fix::SessionName;
use countersign_fix::answer::LogonAnswer;
use countersign_store::limits::FIX_SESSIONS_PER_ACCOUNT_MAX;

use super::sessions::Taken;
use crate::worker::Worker;

/// Refuses a session that would be one too many of its account; both its names are taken already.
///
/// # Errors
/// [`Reject::ScopeMissing`] with what the client is told; [`Reject::StoreUnavailable`] without.
pub(super) async fn admit(worker: &Worker, taken: &Taken) -> Result<(), (Refusal, Option<LogonAnswer>)> {
    let folder = worker.shared.settings.state_dir.join("fix");
    let (account, client) = taken.client();
    let parts = parts(account.as_str(), &client);
    let asked = tokio::task::spawn_blocking(move || {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        countersign_store::fix::quota::admit(&folder, parts[0], &parts)
    });
    let unavailable = |error: &dyn std::fmt::Display| (Refusal::operator(Reject::StoreUnavailable, error.to_string()), None);
    if asked.await.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))? {
        return Ok(());
    }
    taken.never_was();
    let text = format!("this account has {FIX_SESSIONS_PER_ACCOUNT_MAX} FIX sessions and no more: use the SenderCompID of one of them");
    Err((Refusal::operator(Reject::ScopeMissing, text.clone()), Some(LogonAnswer::Logout { text })))
}

/// The parts of the name of a client's session, its account first.
fn parts(account: &str, client: &SessionName) -> Vec<String> {
    vec![account.to_owned(), client.version.begin_string().to_owned(), client.comp_id.as_str().to_owned(), client.peer.as_str().to_owned()]
}
