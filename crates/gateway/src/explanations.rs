//! Refused logins explained online, for keys whose operator allows it (ADR 0017).
//!
//! ```text
//!   refusal ─▶ does any key of this purpose allow it? ─▶ about the login? ─▶ key named, allowed, usable from here? ─▶ [`held`]
//!              (else nothing at all happens)                                                                           │
//!   Countersign-Explain: https://host/.well-known/countersign/explain/ID ◀── ID, which nobody guesses, ten minutes ◀───┘
//!
//!              (with other nodes: sealed into the memory that they share, see [`elsewhere`])
//!
//!   GET of it ─▶ still there, still allowed? ─▶ key from the store ─▶ worked out once, on a thread of its own ─▶ JSON or text
//! ```
//!
//! # Security
//! * A key without the flag, and a name that no key has, take the same steps and get the same bytes; the link is all that differs for a
//!   key with the flag, whose operator said that its refusals may be told.
//! * Nothing is computed when a login is refused. What reading costs is bounded for a key, for a minute and at once.
//! * A page never has a MAC, a secret, or anything of another key than the one that the message names.
//! * A name that is wrong, over or taken back is answered as any path that is not there.

mod elsewhere;
mod held;
mod limits;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::rate::WindowCounter;
use countersign_core::{
    AlertCode, ApiKeyId, CorrelationId, CredentialState, Detail, Purpose, Refusal, Reject, Secret, SecretEncoding, Timestamp,
};
use countersign_dialects::registry::ALL;
use countersign_dialects::{Headers, RequestView};
use countersign_explain::{Kept, Page};
use countersign_store::{CredentialRecord, Material};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::body::ResponseBody;
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::exchange::Answer;
use crate::respond::{self, Words};
use crate::routes::Family;
use crate::shared::CredentialEntry;
use crate::worker::Worker;

use held::{ExplanationId, Held, Offered, Shelf};
use limits::{AT_ONCE_MAX, TURN_WAIT_MAX, WORKED_OUT_PER_MINUTE_MAX};

/// Where explanations are.
pub const PATH: &str = "/.well-known/countersign/explain/";

/// The member of a WebSocket frame that names an explanation.
const MEMBER: &str = "countersign_explain";

/// What is held, and the turns of working it out.
#[derive(Debug)]
pub struct Explanations {
    shelf: Mutex<Shelf>,
    turns: Arc<Semaphore>,
    worked_out: WindowCounter,
    fetched: WindowCounter,
}

impl Default for Explanations {
    fn default() -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE_MAX));
        let [worked_out, fetched] = [(); 2].map(|()| WindowCounter::new(Duration::from_secs(60)));
        Self { shelf: Mutex::default(), turns, worked_out, fetched }
    }
}

/// The link for a refused request.
pub(crate) fn of_request(
    worker: &Worker,
    connection: &Connection,
    family: Family,
    request: &RequestView<'_>,
    refusal: &Refusal,
) -> Option<HeaderValue> {
    let purpose = purpose_of(family, request.headers)?;
    let id = offer(worker, connection, purpose, refusal, || Kept::of_request(purpose, request))?;
    HeaderValue::from_str(&link(request.host?, id)).ok()
}

/// The link for a refused frame of a WebSocket.
pub(crate) fn of_frame(worker: &Worker, connection: &Connection, family: Family, text: &str, refusal: &Refusal) -> Option<String> {
    let purpose = family.dialect()?.purpose();
    let id = offer(worker, connection, purpose, refusal, || Kept::of_frame(purpose, text))?;
    let authority = connection.authority.borrow();
    Some(link(authority.as_ref()?.to_str().ok()?, id))
}

/// The path of the explanation of a refused Logon. FIX names no host of HTTP, so neither does this.
pub(crate) fn of_logon(worker: &Worker, connection: &Connection, purpose: Purpose, message: &[u8], refusal: &Refusal) -> Option<String> {
    let id = offer(worker, connection, purpose, refusal, || Kept::of_logon(purpose, message))?;
    Some(format!("{PATH}{}", id.text()))
}

fn link(authority: &str, id: ExplanationId) -> String {
    format!("https://{authority}{PATH}{}", id.text())
}

/// A reply with the link in it. The handshake's headers are sent long since, so it is a member that clients do not know, behind all others.
pub(crate) fn linked(reply: String, link: Option<&str>) -> String {
    let Some(link) = link else { return reply };
    match reply.trim_end().strip_suffix('}') {
        Some(members) if reply.starts_with('{') && !members.trim_end().ends_with('{') => {
            format!("{members},\"{MEMBER}\":{}}}", serde_json::Value::from(link))
        }
        Some(_) | None => reply,
    }
}

/// The dialect that a refused request is of: its route's, or the one that it shows.
fn purpose_of(family: Family, headers: &dyn Headers) -> Option<Purpose> {
    let of_route = family.dialect();
    let dialect = if family == Family::Any { ALL.iter().copied().find(|dialect| dialect.recognizes(headers)) } else { of_route };
    dialect.map(countersign_dialects::Dialect::purpose)
}

fn offer(
    worker: &Worker,
    connection: &Connection,
    purpose: Purpose,
    refusal: &Refusal,
    keep: impl FnOnce() -> Option<Kept>,
) -> Option<ExplanationId> {
    let table = worker.shared.credentials.load();
    if !table.explains(purpose) || !is_about_login(refusal.reject) {
        return None;
    }
    let kept = keep()?;
    let key_id = ApiKeyId::parse(kept.key()).ok()?;
    let now = clock::wall();
    let entry = table.find(purpose, &key_id).filter(|entry| is_allowed(entry, now) && is_usable_from(entry, connection))?;
    let last_nonce = match refusal.detail {
        Detail::LastNonce(last) => Some(last),
        Detail::Names(_) | Detail::None | Detail::Operator(_) | Detail::Parameter(_) | Detail::RetryAfter(_) | Detail::Skew { .. } => None,
    };
    let told = held::told(now, refusal.reject.label(), last_nonce);
    let parcel = worker.shared.cluster.as_ref().map(|cluster| (cluster, elsewhere::pack(&entry.credential.id, &kept, told)));
    let offered = Offered { credential: entry.credential.id.clone(), purpose, key_id, kept, told };
    let (id, given_up) = {
        let mut shelf = worker.shared.explanations.shelf.lock();
        let draw = || ExplanationId::draw(worker.shared.cluster.as_deref(), &mut SystemEntropy, now);
        (shelf.offer(offered, draw)?, shelf.take_given_up())
    };
    if let Some((cluster, parcel)) = parcel {
        elsewhere::tell(cluster, id, parcel, given_up);
    }
    Some(id)
}

/// Whether the operator allows it for a key that is in use.
fn is_allowed(entry: &CredentialEntry, now: Timestamp) -> bool {
    let credential = &entry.credential;
    entry.explain && credential.state == CredentialState::Active && credential.not_after.is_none_or(|end| now < end)
}

fn is_usable_from(entry: &CredentialEntry, connection: &Connection) -> bool {
    entry.credential.ip_allow.allows(connection.remote.ip())
}

/// Whether a refusal is one of the proof itself: what an operator decided about a key is told exactly, or is nobody's business.
const fn is_about_login(reject: Reject) -> bool {
    use AlertCode as Code;
    match reject.alert() {
        Code::AuthFailed | Code::AuthRequired | Code::ProtoMalformed | Code::ReplayDetected | Code::TimeAhead | Code::TimeStale => true,
        Code::AuthLocked
        | Code::AuthzBodyMissing
        | Code::BindRequired
        | Code::Busy
        | Code::Drain
        | Code::HaltActive
        | Code::Internal
        | Code::NeedUnmet
        | Code::NonceStale
        | Code::ProtoOrder
        | Code::ProtoSize
        | Code::ProtoVersion
        | Code::RateLimited
        | Code::RouteUnknown
        | Code::ScopeDenied
        | Code::SeqConflict
        | Code::SeqRange
        | Code::SessionExpired
        | Code::SessionReuse
        | Code::SessionTakenOver
        | Code::SessionUnknown
        | Code::Unsupported
        | Code::UpstreamUnavailable => false,
    }
}

/// The name of an explanation that a request asks for.
pub(crate) fn asked(method: &str, path: &str) -> Option<ExplanationId> {
    ExplanationId::parse(path.strip_prefix(PATH).filter(|_| method == "GET")?)
}

/// Answers whoever has the name of an explanation; `None` when there is none of this name, or none any more.
pub(crate) async fn answer(worker: &Worker, id: ExplanationId, headers: &HeaderMap, correlation: CorrelationId) -> Option<Answer> {
    let held = match find(worker, id).await {
        Found::Here(held) => held,
        Found::Nothing => return None,
        Found::Unknown => return Some(elsewhere::nobody_knows(headers)),
    };
    let page = match held.page.get() {
        Some(page) => Ok(page.clone()),
        None => work_out(worker, &held).await,
    };
    Some(match page {
        Ok(page) => shown(&page, headers),
        Err(refusal) => respond::refuse(&refusal, &Words::plain(), correlation),
    })
}

/// What is known of a name.
enum Found {
    Here(Arc<Held>),
    Nothing,
    /// Another node may have it, and cannot be asked.
    Unknown,
}

/// What is held under a name, here or at another node, if the operator allows it still.
async fn find(worker: &Worker, id: ExplanationId) -> Found {
    let now = clock::wall();
    let here = worker.shared.explanations.shelf.lock().find(id, now);
    let held = match here {
        Some(held) => held,
        None => match elsewhere::fetch(worker, id).await {
            Ok(Some(held)) => held,
            Ok(None) => return Found::Nothing,
            Err(elsewhere::Unknown) => return Found::Unknown,
        },
    };
    let table = worker.shared.credentials.load();
    let allowed =
        table.find(held.purpose, &held.key_id).is_some_and(|entry| entry.credential.id == held.credential && is_allowed(entry, now));
    if allowed { Found::Here(held) } else { Found::Nothing }
}

async fn work_out(worker: &Worker, held: &Arc<Held>) -> Result<Page, Refusal> {
    let explanations = &worker.shared.explanations;
    let turn = tokio::time::timeout(TURN_WAIT_MAX, Arc::clone(&explanations.turns).acquire_owned()).await;
    let turn = turn.map_err(|_| busy(TURN_WAIT_MAX))?.map_err(|_| Reject::Draining)?;
    // Somebody else asked for it meanwhile.
    if let Some(page) = held.page.get() {
        return Ok(page.clone());
    }
    if explanations.worked_out.charge(1, WORKED_OUT_PER_MINUTE_MAX, clock::wall()).is_err() {
        return Err(busy(explanations.worked_out.window()));
    }
    let unavailable = |error: &dyn std::fmt::Display| Refusal::operator(Reject::StoreUnavailable, error.to_string());
    let record = worker.shared.store.credential(&held.credential).await.map_err(|error| unavailable(&error))?;
    let held = Arc::clone(held);
    let worked_out = tokio::task::spawn_blocking(move || {
        // Until the work ends, also when nobody waits for it any more.
        let _turn = turn;
        let secret = as_its_owner_has_it(&record).ok_or_else(|| Refusal::operator(Reject::Internal, "a certificate explains nothing"))?;
        let page = held.kept.explain(&secret, record.passphrase.as_ref(), held.told);
        let page = page.map_err(|error| Refusal::operator(Reject::Internal, error.to_string()))?;
        Ok(held.page.get_or_init(|| page).clone())
    });
    worked_out.await.unwrap_or_else(|_| Err(Refusal::operator(Reject::Internal, "an explanation failed")))
}

fn busy(wait: Duration) -> Refusal {
    Refusal::with(Reject::Busy, Detail::RetryAfter(wait))
}

/// The key in the form that explanations read: a secret as the venue hands it out, a public key in PEM.
fn as_its_owner_has_it(record: &CredentialRecord) -> Option<Secret> {
    match &record.material {
        Material::Address(address) => Some(Secret::new(address.to_string().into_bytes())),
        Material::Certificate { .. } => None,
        Material::PublicKey(key, _) => {
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key.spki_der()));
            Some(Secret::new(pem.into_bytes()))
        }
        Material::Secret(secret, _) => Some(match record.purpose.secret_encoding() {
            SecretEncoding::Base64 => Secret::new(STANDARD.encode(secret.expose()).into_bytes()),
            SecretEncoding::Text => secret.clone(),
        }),
    }
}

/// Whether whoever asks wants a page for programs.
fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| {
        accept.split(',').any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("application/json")))
    })
}

/// As JSON where only that is asked for, else as text. Neither is ever taken for a document that runs: it repeats what a client sent.
fn shown(page: &Page, headers: &HeaderMap) -> Answer {
    let (content_type, body) =
        if wants_json(headers) { ("application/json", page.json.clone()) } else { ("text/plain; charset=utf-8", page.text.clone()) };
    let mut answer = Response::new(ResponseBody::from(body));
    let said: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in said {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
