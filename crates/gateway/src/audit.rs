//! What goes into the audit log, said once: every connection's login, every accept, every refusal, with the correlation id that
//! the client has too.
//!
//! Paths are recorded without their query, because queries hold signatures and order details, and without a listen key at their
//! end. A refusal whose record cannot be written stays a refusal; an accept whose record cannot be written becomes one. Of a cancel
//! the record may wait for the disk (ADR 0038): refusing it would leave orders in the market because of a disk of ours.

use std::sync::Arc;

use countersign_core::reject::LogLevel;
use countersign_core::{ApiKeyId, CorrelationId, Purpose, Refusal, Risk, SessionId, VerifiedIdentity};
use countersign_dialects::binance::listen_key;
use countersign_dialects::binance::rest::API_KEY_HEADER;
use countersign_store::audit::{AuditEvent, AuditRecord, AuditText};
use http::HeaderValue;
use http::request::Parts;

use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::exchange::Admitted;
use crate::routes::{Family, Route};
use crate::websocket::limits::REFUSALS_PER_MINUTE_MAX;
use crate::worker::Worker;

/// What a decision was about.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    route: Option<Arc<str>>,
    route_index: Option<usize>,
    method: Option<&'static str>,
    path: Option<AuditText>,
    presented: Option<(Purpose, ApiKeyId)>,
    words: Option<&'static str>,
    proved: Option<(VerifiedIdentity, Option<SessionId>)>,
}

impl Subject {
    /// A request, the key it names (proved or not), and its route if it has one.
    #[must_use]
    pub fn request(parts: &Parts, route: Option<&Arc<Route>>) -> Self {
        let named_key = parts.headers.get(API_KEY_HEADER).map(HeaderValue::as_bytes);
        Self::target(parts.method.as_str(), parts.uri.path(), named_key, route)
    }

    /// The same, by its parts.
    #[must_use]
    pub fn target(method: &str, path: &str, named_key: Option<&[u8]>, route: Option<&Arc<Route>>) -> Self {
        // The header is Binance's. On a route of others it names nothing.
        let may_name_key = route.is_none_or(|route| matches!(route.family, Family::Any | Family::BINANCE));
        let named_key = named_key.filter(|_| may_name_key).and_then(|value| ApiKeyId::parse(std::str::from_utf8(value).ok()?).ok());
        let may_have_listen_key = route.is_none_or(|route| route.family == Family::BINANCE);
        Self {
            method: Some(method_name(method)),
            path: Some(AuditText::path(if may_have_listen_key { listen_key::without(path) } else { path })),
            presented: named_key.map(|key_id| (Purpose::Binance, key_id)),
            ..Self::message(route)
        }
    }

    /// A message on an open session; its route names the operation.
    #[must_use]
    pub fn message(route: Option<&Arc<Route>>) -> Self {
        Self { route: route.map(|route| Arc::clone(&route.name)), route_index: route.map(|route| route.index), ..Self::default() }
    }

    /// Nothing that could be read.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Names the key of a proof that is still to be judged: by both words, as a name alone may be that of two keys.
    #[must_use]
    pub fn presenting(mut self, purpose: Purpose, key_id: ApiKeyId) -> Self {
        self.note_presented(purpose, key_id);
        self
    }

    /// As [`Self::presenting`].
    pub fn note_presented(&mut self, purpose: Purpose, key_id: ApiKeyId) {
        self.presented = Some((purpose, key_id));
    }

    /// Says something of it that the other fields do not.
    #[must_use]
    pub const fn saying(mut self, words: &'static str) -> Self {
        self.words = Some(words);
        self
    }

    /// Names who proved themselves: what is refused from here on is refused to them.
    #[must_use]
    pub fn by(mut self, login: Option<&Login>) -> Self {
        if let Some(login) = login {
            self.note_login(login);
        }
        self
    }

    /// As [`Self::by`], where there is no session.
    #[must_use]
    pub fn by_key(mut self, identity: Option<&VerifiedIdentity>) -> Self {
        self.proved = identity.map(|identity| (identity.clone(), None));
        self
    }

    /// As [`Self::by`].
    pub fn note_login(&mut self, login: &Login) {
        self.proved = Some((login.identity.clone(), login.sid()));
    }

    fn record(&self, connection: &Connection, event: AuditEvent, correlation: CorrelationId) -> AuditRecord {
        let mut record = AuditRecord::new(clock::wall(), event);
        record.correlation = Some(correlation);
        record.remote = Some(connection.remote.ip());
        record.route.clone_from(&self.route);
        record.method = self.method;
        record.path.clone_from(&self.path);
        if let Some(words) = self.words {
            record = record.words(words);
        }
        match &self.proved {
            Some((identity, session)) => {
                record.session = *session;
                record.identity(identity)
            }
            None => record,
        }
    }
}

/// The method as a word of ours: a client can invent any.
fn method_name(method: &str) -> &'static str {
    match method {
        "DELETE" => "DELETE",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        "POST" => "POST",
        "PUT" => "PUT",
        _ => "other",
    }
}

/// Records that a request or message passes. Requests on public routes are counted, not recorded: nobody logged in.
///
/// # Errors
/// The audit log is out of reach: the request must not pass.
pub fn accepted(
    worker: &Worker,
    connection: &Connection,
    subject: &Subject,
    admitted: &Admitted,
    correlation: CorrelationId,
) -> Result<(), Refusal> {
    worker.shared.metrics.accepted(subject.route_index);
    let Some(login) = &admitted.login else { return Ok(()) };
    let mut record = subject.record(connection, AuditEvent::Accept, correlation).identity(&login.identity);
    record.session = login.sid();
    if connection.first_accept() {
        record.channel = Some(Arc::clone(&connection.channel));
    }
    let log = &worker.shared.audit;
    let recorded = if admitted.permit.risk() == Risk::Cancel { log.append_waiting(record) } else { log.append(record) };
    recorded.map_err(Refusal::from)
}

/// Refusals of one source (an IPv4 /24 or IPv6 /48) in a minute that are recorded: as many as ten of its connections may have. Whoever
/// comes back with new connections would have all the disk otherwise.
pub const REFUSALS_PER_SOURCE_MAX: u32 = 10 * REFUSALS_PER_MINUTE_MAX;

/// Records a refusal, counts it and logs it. What one connection is refused beyond [`REFUSALS_PER_MINUTE_MAX`], or one source beyond
/// [`REFUSALS_PER_SOURCE_MAX`], is counted only: whoever floods us with nonsense does not get to fill the disk, on which everybody
/// else's accepts depend.
pub fn refused(worker: &Worker, connection: &Connection, subject: &Subject, refusal: &Refusal, correlation: CorrelationId) {
    worker.shared.metrics.refused(refusal.reject);
    let now = clock::wall();
    let of_connection = connection.refusals.charge(1, REFUSALS_PER_MINUTE_MAX, now);
    if of_connection.and_then(|_| worker.shared.refusals.charge(connection.remote.ip(), 1, now)).is_err() {
        worker.shared.metrics.audit_lost();
        return;
    }
    let mut record = subject.record(connection, AuditEvent::Refuse, correlation).refusal(refusal);
    if subject.proved.is_none()
        && let Some((purpose, key_id)) = &subject.presented
    {
        (record.purpose, record.key_id) = (Some(*purpose), Some(key_id.clone()));
    }
    record.channel = Some(Arc::clone(&connection.channel));
    if worker.shared.audit.append(record).is_err() {
        worker.shared.metrics.audit_lost();
    }
    let remote = connection.remote;
    let route = subject.route.as_deref().unwrap_or("-");
    match refusal.reject.log_level() {
        LogLevel::Error => tracing::error!(%correlation, %remote, route, %refusal, "refused"),
        LogLevel::Info => tracing::info!(%correlation, %remote, route, %refusal, "refused"),
        LogLevel::Warn => tracing::warn!(%correlation, %remote, route, %refusal, "refused"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::Reject;

    use super::*;
    use crate::testing::on_stage;

    #[tokio::test]
    async fn one_source_does_not_fill_the_disk_from_many_connections() {
        on_stage(async |stage| {
            const CONNECTIONS: u32 = 40;
            for _ in 0..CONNECTIONS {
                let connection = stage.connection();
                for _ in 0..REFUSALS_PER_MINUTE_MAX {
                    let correlation = stage.worker.correlation.next();
                    refused(&stage.worker, &connection, &Subject::none(), &Reject::RouteUnknown.into(), correlation);
                }
            }
            let text = stage.worker.shared.metrics.encode();
            let lost = text.lines().find_map(|line| line.strip_prefix("countersign_audit_records_lost_total ")).unwrap();
            // Twice the bound where the minute turns in between.
            let (lost, all): (f64, u32) = (lost.parse().unwrap(), CONNECTIONS * REFUSALS_PER_MINUTE_MAX);
            assert!(lost >= f64::from(all - 2 * REFUSALS_PER_SOURCE_MAX) && lost < f64::from(all), "{lost} of {all}");
        })
        .await;
    }
}
