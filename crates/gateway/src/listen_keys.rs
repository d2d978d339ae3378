//! Listen keys of Binance's USD-M futures: what the venue hands out for the name of a key alone, and what opens one stream.
//!
//! ```text
//!   POST /fapi/v1/listenKey, userDataStream.start   key id ─▶ name_key ─▶ register ─▶ listen key, good for an hour
//!   PUT,  userDataStream.ping                       the same ─▶ another hour, also for a stream that is open
//!   DELETE, userDataStream.stop                     the same ─▶ over, and its streams with it
//!   GET /private/ws?listenKey=…, /ws/<listenKey>    register ─▶ verify_listener ─▶ relay under an identity that only reads
//! ```
//!
//! # Security
//! Nobody proves anything here, so it is off unless an operator says otherwise (ADR 0047). The register is the memory of one process:
//! after a restart there is no listen key, which clients know how to mend.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Access, ApiKeyId, CorrelationId, CredentialId, Entropy as _, Freshness, NamedKey, Purpose, Refusal, Reject, Requirement, Scope,
    Timestamp, authorize, name_key, permit_public, verify_listener,
};
use countersign_dialects::RequestView;
use countersign_dialects::answer::{Charged, UnknownKeyAnswer};
use countersign_dialects::binance::fault::Fault;
use countersign_dialects::binance::listen_key::{self, Action, ListenKey};
use countersign_store::audit::{AuditEvent, AuditRecord};
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::audit::Subject;
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::exchange::Admitted;
use crate::halts::Asked;
use crate::respond::Words;
use crate::routes::{Family, Route, RouteKind};
use crate::worker::Worker;

/// How long a listen key is good for without being prolonged (vendor, "Start User Data Stream": 60 minutes).
const LIFE: Duration = Duration::from_secs(3_600);

/// Who may listen: at most one listen key for each credential, so it grows no further than the credentials do.
#[derive(Debug, Default)]
pub struct ListenKeys(Mutex<HashMap<CredentialId, Held>>);

#[derive(Debug)]
struct Held {
    key: ListenKey,
    key_id: ApiKeyId,
    /// When it is over; streams look here.
    ends: watch::Sender<Timestamp>,
}

/// A stream's part of a listen key.
#[derive(Debug)]
pub struct Listening {
    pub(crate) key: ListenKey,
    credential: CredentialId,
    key_id: ApiKeyId,
    ends: watch::Receiver<Timestamp>,
}

impl Listening {
    /// Waits until the listen key is over.
    pub(crate) async fn over(&mut self) {
        loop {
            let end = *self.ends.borrow_and_update();
            let left = end.saturating_since(clock::wall());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                changed = self.ends.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl ListenKeys {
    /// Starts, prolongs or ends the listen key of a credential; the key, where it goes on.
    fn act(&self, action: Action, named: &NamedKey, now: Timestamp) -> Result<Option<ListenKey>, Refusal> {
        let credential = named.credential();
        let ends = now.saturating_add(LIFE);
        let mut held = self.0.lock();
        held.retain(|_, each| *each.ends.borrow() > now);
        let current = held.get(&credential.id).filter(|each| each.key_id == credential.key_id);
        match (action, current) {
            // As at the venue: whoever asks again gets the same, and its life begins anew.
            (Action::Prolong | Action::Start, Some(current)) => {
                current.ends.send_replace(ends);
                Ok(Some(current.key))
            }
            (Action::Start, None) => {
                let key = ListenKey::from_bytes(SystemEntropy.array());
                held.insert(credential.id.clone(), Held { key, key_id: credential.key_id.clone(), ends: watch::Sender::new(ends) });
                Ok(Some(key))
            }
            (Action::Stop, Some(current)) => {
                current.ends.send_replace(now);
                held.remove(&credential.id);
                Ok(None)
            }
            (Action::Prolong | Action::Stop, None) => Err(Fault::ListenKeyUnknown.into()),
        }
    }

    fn find(&self, key: &ListenKey, now: Timestamp) -> Option<Listening> {
        let held = self.0.lock();
        let (credential, found) = held.iter().find(|(_, each)| each.key == *key && *each.ends.borrow() > now)?;
        Some(Listening { key: found.key, credential: credential.clone(), key_id: found.key_id.clone(), ends: found.ends.subscribe() })
    }
}

/// Does what somebody asks of the listen key of a key that is named.
///
/// # Errors
/// That there are none here, that nobody may listen under this key, or that there is no listen key to go on with.
pub(crate) fn act(
    worker: &Worker,
    connection: &Connection,
    (action, key_id): (Action, &ApiKeyId),
    correlation: CorrelationId,
) -> Result<Option<ListenKey>, Refusal> {
    if !worker.shared.settings.binance.listen_keys {
        return Err(Fault::ListenKeysOff.into());
    }
    let now = clock::wall();
    let table = worker.shared.credentials.load();
    let record = table.find(Purpose::Binance, key_id).map(|entry| &entry.credential);
    let named = name_key((Purpose::Binance, key_id), record, Some(connection.remote.ip()), now)?;
    let key = worker.shared.listen_keys.act(action, &named, now)?;
    let mut record = AuditRecord::new(now, AuditEvent::Accept).words(match action {
        Action::Prolong => "a listen key was prolonged: its key was named, and nothing proved",
        Action::Start => "a listen key was handed out: its key was named, and nothing proved",
        Action::Stop => "a listen key was ended: its key was named, and nothing proved",
    });
    (record.correlation, record.remote, record.key_id) = (Some(correlation), Some(connection.remote.ip()), Some(key_id.clone()));
    worker.shared.audit.append(record)?;
    Ok(key)
}

/// What a request on a route that the gateway answers itself asks of a listen key; `None`: it is about something else.
pub(crate) fn asked(route: &Route, request: &RequestView<'_>) -> Option<Action> {
    let action = Action::of_request(request.method, request.path());
    action.filter(|_| route.family == Family::BINANCE && route.kind == RouteKind::Local)
}

/// The permit of such a request: it is for anybody, so it is charged to where it comes from.
///
/// # Errors
/// As [`crate::exchange::charge_stranger`].
pub(crate) fn admit(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    request: &RequestView<'_>,
    words: &mut Words,
) -> Result<Admitted, Refusal> {
    // Who names a key and proves nothing is told of an unknown key what the venue tells: there is no signature to be wrong.
    words.unknown_key = UnknownKeyAnswer::AsVenue;
    crate::exchange::charge_stranger(worker, connection, route, request, words)?;
    let permit = worker.shared.halts.gate().clear(worker, connection, permit_public(&route.requirement)?, Asked::of(route, None, None))?;
    Ok(Admitted { permit, login: None, usage: Charged::default() })
}

/// The listen key that a handshake of a stream shows, where there are listen keys.
///
/// # Errors
/// That there is no such listen key, or none any more.
pub(crate) fn shown(worker: &Worker, route: &Route, parts: &Parts) -> Result<Option<Listening>, Refusal> {
    // Where an operator asks for a scope, a listen key has none.
    let is_open = route.requirement.access == Access::Public;
    let is_stream = is_open && route.family == Family::BINANCE && route.kind == RouteKind::WebSocketRelay;
    if !worker.shared.settings.binance.listen_keys || !is_stream {
        return Ok(None);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let Some(key) = listen_key::shown(target) else { return Ok(None) };
    let found = worker.shared.listen_keys.find(&key, clock::wall());
    found.map(Some).ok_or_else(|| Fault::ListenKeyUnknown.into())
}

/// The permit of a stream that a listen key opens.
///
/// # Errors
/// As [`verify_listener`] and [`authorize`]; that something is halted.
pub(crate) fn admit_stream(
    worker: &Rc<Worker>,
    connection: &Connection,
    route: &Route,
    listening: &Listening,
    subject: &mut Subject,
) -> Result<Admitted, Refusal> {
    let table = worker.shared.credentials.load();
    let entry = table.find(Purpose::Binance, &listening.key_id);
    let record = entry.map(|entry| &entry.credential);
    let of = (&listening.credential, &listening.key_id);
    let identity = verify_listener(of, record, Some(connection.remote.ip()), clock::wall())?;
    let counters = entry.map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
    let login = Login::new(identity, Freshness::Channel, counters);
    subject.note_login(&login);
    let scope = Scope::parse(Scope::ACCOUNT_READ).map_err(|error| Refusal::operator(Reject::Internal, error.to_string()))?;
    let requirement = Requirement { access: Access::Scoped(scope), ..route.requirement.clone() };
    let permit = authorize(&login.identity, login.granted(), &requirement)?;
    let permit = worker.shared.halts.gate().clear(worker, connection, permit, Asked::of(route, Some(&login), None))?;
    Ok(Admitted { permit, login: Some(login), usage: Charged::default() })
}

#[cfg(test)]
mod tests;
