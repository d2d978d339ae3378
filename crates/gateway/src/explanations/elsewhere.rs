//! Explanations of other nodes: a link leads to whichever node a balancer chooses (ADR 0017, ADR 0040).
//!
//! ```text
//!   refusal ─▶ held here ─▶ thread "cluster" ─▶ sealed, for as long as the link works ─▶ memory that nodes share
//!   GET elsewhere ─▶ not here ─▶ memory ─▶ unsealed, held there, worked out there
//!                                  └ no answer: 503, which says that this node cannot know
//! ```
//!
//! What gives way here is taken from the memory, too; so that holds at most what all nodes hold.

use std::sync::Arc;

use countersign_core::{ApiKeyId, CredentialId, Purpose, Secret};
use countersign_explain::{Kept, Page, Told};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::held::{ExplanationId, Held, Offered};
use super::limits::{FETCHED_PER_MINUTE_MAX, LIFE};
use super::{HeaderMap, HeaderValue, shown};
use crate::clock;
use crate::cluster::Cluster;
use crate::exchange::Answer;
use crate::worker::Worker;

/// When to ask again while nobody knows: the memory is looked for several times a second.
const AGAIN: HeaderValue = HeaderValue::from_static("1");

/// Nobody can be asked whether there is such an explanation.
pub(super) struct Unknown;

/// What another node needs to explain it.
pub(super) fn pack(credential: &CredentialId, kept: &Kept, told: Told) -> Secret {
    Secret::new(json!({ "credential": credential.as_str(), "login": kept.pack(told) }).to_string().into_bytes())
}

fn unpack(parcel: &Secret) -> Option<Offered> {
    let mut value: Value = serde_json::from_slice(parcel.expose()).ok()?;
    let credential = CredentialId::parse(value["credential"].as_str()?).ok()?;
    let purpose = Purpose::parse(value["login"]["purpose"].as_str()?)?;
    let (kept, told) = Kept::unpack(value["login"].take())?;
    let key_id = ApiKeyId::parse(kept.key()).ok()?;
    Some(Offered { credential, purpose, key_id, kept, told })
}

/// Lets the other nodes have it, and no longer what gave way to it. Never waits.
pub(super) fn tell(cluster: &Cluster, id: ExplanationId, parcel: Secret, given_up: Vec<ExplanationId>) {
    cluster.shelve(id.bytes(), parcel, LIFE);
    for gone in given_up {
        cluster.unshelve(gone.bytes());
    }
}

/// What another node refused under this name.
///
/// # Errors
/// [`Unknown`] when the memory does not answer, or was asked too often.
pub(super) async fn fetch(worker: &Worker, id: ExplanationId) -> Result<Option<Arc<Held>>, Unknown> {
    let shared = &worker.shared;
    let Some(cluster) = shared.cluster.clone().filter(|_| shared.credentials.load().explains_any()) else { return Ok(None) };
    // Whoever guesses names, or asks for what is over, takes nothing from those who have one.
    if !cluster.shelf().may_be_there(&id.bytes(), LIFE, clock::wall()) {
        return Ok(None);
    }
    if shared.explanations.fetched.charge(1, FETCHED_PER_MINUTE_MAX, clock::wall()).is_err() {
        return Err(Unknown);
    }
    // The question blocks its thread, and here nobody is in a hurry.
    let parcel = tokio::task::spawn_blocking(move || cluster.shelf().find(&id.bytes())).await.map_err(|_| Unknown)?;
    let Some(offered) = parcel.map_err(|_| Unknown)?.as_ref().and_then(unpack) else { return Ok(None) };
    let now = clock::wall();
    let mut shelf = shared.explanations.shelf.lock();
    // Somebody else may have asked for it meanwhile; and clocks differ, so its end is this node's, too.
    let known = shelf.find(id, now);
    Ok(known.or_else(|| (offered.told.expires > now).then(|| shelf.adopt(id, offered))))
}

/// Says that another node may have it.
pub(super) fn nobody_knows(headers: &HeaderMap) -> Answer {
    let sentence = "this node does not have this explanation, and the memory that it shares with the others does not answer: ask again in a \
                    moment, or ask the node that refused the login";
    let page = Page { json: json!({ "error": "explanation_unknown", "message": sentence }).to_string(), text: format!("{sentence}\n") };
    let mut answer = shown(&page, headers);
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(RETRY_AFTER, AGAIN);
    answer
}
