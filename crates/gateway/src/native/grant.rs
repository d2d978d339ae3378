//! From a hello that was read to a session that is open: proof, contract, registry, audit. One path for all carriages.

use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{CorrelationId, KeyRate, Refusal, Reject, VerifiedIdentity};
use countersign_handshake::contract::Quantity;
use countersign_handshake::{AwaitVerification, Channel, Contract, Entitlements, Established, SecretText, TokenContext};
use countersign_store::{AuditEvent, AuditRecord};
use tokio::sync::mpsc;

use super::comeback::AtDoor;
use super::limits::RETURNS_WAITING_MAX;
use super::sessions::{CarriageKind, OpenSession, SessionGuard};
use crate::authenticate::{SessionRef, verify_presented};
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::exchange::is_ours;
use crate::routes::Family;
use crate::worker::Worker;

/// A session that was granted and recorded; its welcome is still to be sent.
pub(super) struct Granted {
    /// What the machine decided.
    pub(super) established: Established,
    /// Keeps it in the registry.
    pub(super) guard: SessionGuard,
    /// Rate counters of the key.
    pub(super) counters: Arc<KeyCounters>,
    /// Clients that come back to it.
    pub(super) returns: mpsc::Receiver<AtDoor>,
}

impl Granted {
    /// The session as others name it.
    pub(super) fn session_ref(&self) -> SessionRef {
        SessionRef { sid: self.established.sid, ch: *self.established.ch.as_bytes(), granted: self.established.contract.scopes.clone() }
    }
}

/// What the handshake needs to know of a connection. The authority is not part of it: raw TLS has none, and over HTTP the one
/// connection may be asked under several.
pub(super) fn channel(connection: &Connection) -> Channel {
    Channel { exporter: connection.exporter, server_certificate_sha256: connection.server_certificate_sha256, authority: None }
}

/// HS-36: whether the name that a client dialled is one of ours. Over HTTP that was asked of the request, and the token has the same.
///
/// # Errors
/// [`Reject::WrongGateway`].
pub(super) fn check_host(worker: &Worker, carriage: CarriageKind, host: &str) -> Result<(), Refusal> {
    let is_asked = matches!(carriage, CarriageKind::Fix | CarriageKind::RawTls);
    if is_asked && !is_ours(worker, host) {
        return Err(Refusal::operator(Reject::WrongGateway, "the client dialled a name that is not ours"));
    }
    Ok(())
}

/// Verifies, negotiates, enters and records.
///
/// # Errors
/// The refusal. A session that cannot be recorded is not granted.
pub(super) fn grant(
    worker: &Worker,
    connection: &Connection,
    awaiting: AwaitVerification,
    carriage: CarriageKind,
    correlation: CorrelationId,
) -> Result<Granted, Refusal> {
    let started = clock::mono();
    check_host(worker, carriage, &awaiting.hello().host)?;
    let login = verify_presented(worker, connection, awaiting.presented())?;
    let now = clock::now();
    awaiting.handle_timeout(now)?;
    let lasting = carriage != CarriageKind::Http;
    let cod_classes = lasting && carriage != CarriageKind::Fix;
    let entitlements = Entitlements { lasting, cod_classes, ..entitlements(worker, &login.identity, now.wall) };
    let mint = |context: &TokenContext<'_>| Ok(mint(worker, context));
    let established = awaiting.conclude(login.identity, &entitlements, mint, &mut SystemEntropy, now)?;
    worker.shared.halts.gate().admit_presence(Some(&established.identity), Family::NATIVE, None)?;
    let (door, returns) = mpsc::channel(RETURNS_WAITING_MAX);
    let door = (!established.contract.resume_window().is_zero()).then_some(door);
    let guard = enter(worker, connection, &established, carriage, door, correlation)?;
    connection.note_authenticated(established.identity.account());
    worker.shared.metrics.logged_in(Family::NATIVE, carriage.metric(), clock::mono().saturating_since(started));
    Ok(Granted { established, guard, counters: login.counters, returns })
}

/// What the key has, within what the node gives to one session.
pub(super) fn entitlements(worker: &Worker, identity: &VerifiedIdentity, now: countersign_core::Timestamp) -> Entitlements {
    let mut entitlements = Entitlements::of(identity.credential(), now);
    let per_second = worker.shared.settings.native.orders_per_second;
    if let Some(orders) = std::num::NonZeroU32::new(per_second.saturating_mul(10)) {
        entitlements.rate.orders_per_10s = entitlements.rate.orders_per_10s.min(orders);
    }
    entitlements
}

/// Makes the access token.
pub(super) fn mint(worker: &Worker, context: &TokenContext<'_>) -> SecretText {
    let TokenContext { identity, sid, t1, contract, issued_at, life, .. } = *context;
    let token =
        worker.shared.identity.mint_access_token(identity.account(), identity.key_id(), sid, &t1.text(), &contract.scopes, issued_at, life);
    SecretText::new(token)
}

fn enter(
    worker: &Worker,
    connection: &Connection,
    established: &Established,
    carriage: CarriageKind,
    door: Option<mpsc::Sender<AtDoor>>,
    correlation: CorrelationId,
) -> Result<SessionGuard, Refusal> {
    let contract = &established.contract;
    let session = Arc::new(OpenSession::new(established, clock::wall(), connection.remote, carriage, door));
    let mut record = AuditRecord::new(session.since, AuditEvent::SessionOpen).identity(&established.identity);
    record.correlation = Some(correlation);
    record.session = Some(session.sid);
    record.binding = Some(contract.bind);
    record.remote = Some(connection.remote.ip());
    record.channel = Some(Arc::clone(&connection.channel));
    worker.shared.audit.append(record).map_err(Refusal::from)?;
    worker.shared.sessions.enter(Arc::clone(&session), contract.to_text())?;
    Ok(SessionGuard::new(Arc::clone(&worker.shared), session))
}

/// The rate of a session: what its contract says.
pub(super) fn contract_rate(contract: &Contract) -> KeyRate {
    let quantity = |parameter| u32::try_from(contract.quantity(parameter)).unwrap_or(u32::MAX);
    let at_least_one = |value| std::num::NonZeroU32::new(value).unwrap_or(std::num::NonZeroU32::MIN);
    KeyRate { weight_per_minute: at_least_one(quantity(Quantity::WeightMin)), orders_per_10s: at_least_one(quantity(Quantity::Orders10s)) }
}
