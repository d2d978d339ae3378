//! What operators get: the gateway behind the operator interface.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{CorrelationId, CredentialId, CredentialState, SessionId, Timestamp};
use countersign_halt::{Action, HaltId, HaltScope, LiftId, OperatorSignature, RaisedBy, Reason};
use countersign_oauth::RevocationTarget;
use countersign_pki::ServerTls;
use countersign_store::audit::{AuditEvent, AuditFilter, AuditLog, AuditRecord, AuditText};
use countersign_store::shared::{TOO_YOUNG, Topic};
use countersign_store::{Change, StoreError};

use super::{reload_certificates, reload_credentials, sessions, tokens};
use crate::clock;
use crate::config::{self, Sources};
use crate::halts::keeper::{KeeperError, NewHalt};
use crate::halts::report::{DrillReport, DrillRequest, HaltReport, HaltRequest, HaltStatus, LiftReport, LiftRequest, SignatureRequest};
use crate::halts::{cancels, drills, names};
use crate::operator::{
    AuditQuery, BackendError, ConfigLine, ConnectionRecord, KillReport, OperatorBackend, OperatorIdentity, ReloadReport, RevokeReport,
    SessionRecord, Status, TokenRecord, TokenRevokeReport,
};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;

/// Clocks that are less apart than this differ as clocks do, and as the question takes.
const CLOCK_TOLD_MS: i64 = 250;

/// How long cutting the sessions of a revoked key is waited for, so that the report can tell how many there were.
const CUT_WAIT: Duration = Duration::from_millis(300);

/// The gateway, as operators see it.
pub struct Backend {
    shared: Arc<Shared>,
    operator_tls: Arc<ServerTls>,
    sources: Sources,
    upstreams: Arc<[UpstreamConfig]>,
}

impl Backend {
    /// The backend of a running gateway; `sources` is where its configuration came from.
    #[must_use]
    pub const fn new(shared: Arc<Shared>, operator_tls: Arc<ServerTls>, sources: Sources, upstreams: Arc<[UpstreamConfig]>) -> Self {
        Self { shared, operator_tls, sources, upstreams }
    }

    fn record(&self, event: AuditEvent, by: &OperatorIdentity, fill: impl FnOnce(&mut AuditRecord)) -> Result<(), BackendError> {
        let mut record = AuditRecord::new(clock::wall(), event);
        record.path = Some(AuditText::name(&format!("by {}", by.by())));
        fill(&mut record);
        // What an operator takes away does not wait for the disk.
        let log = &self.shared.audit;
        let recorded = if event == AuditEvent::KeyRevoke { log.append_waiting(record) } else { log.append(record) };
        recorded.map_err(|error| BackendError::Failed(error.to_string()))
    }

    fn reload_routes(&self) -> Result<u64, BackendError> {
        let next = config::load(&self.sources).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            BackendError::Conflict(lines.join("; "))
        })?;
        let fixed = self.shared.settings.changes_needing_restart(&next);
        if !fixed.is_empty() {
            return Err(BackendError::Conflict(format!("these settings change only with a restart: {}", fixed.join(", "))));
        }
        self.shared.metrics.set_routes(&next.routes);
        self.shared.routes.store(Arc::clone(&next.routes));
        Ok(next.routes.all().len() as u64)
    }
}

impl OperatorBackend for Backend {
    fn metrics(&self) -> String {
        let metrics = &self.shared.metrics;
        metrics.set_audit_waiting(self.shared.audit.waiting());
        metrics.set_replay_records(self.shared.replay.records());
        metrics.set_certificate_end(self.shared.tls.snapshot().certificates_end());
        metrics.set_fix_kept(self.shared.fix_records.as_ref().map_or(0, |records| records.kept_sessions()));
        let halts = &self.shared.halts;
        metrics.set_halts(&halts.status(), halts.gate().rehearsed());
        if let Some(cluster) = &self.shared.cluster {
            metrics.set_cluster(&cluster.status(), cluster.nodes(), |topic| cluster.notices(topic));
        }
        metrics.encode()
    }

    fn ready(&self) -> Result<(), String> {
        if self.shared.drain.is_started() {
            return Err("shutting down".to_owned());
        }
        if !self.shared.audit.is_available() {
            return Err("the audit log cannot be written".to_owned());
        }
        Ok(())
    }

    fn degraded(&self) -> Vec<String> {
        let Some(cluster) = &self.shared.cluster else { return Vec::new() };
        let status = cluster.status();
        let away = (!status.available).then(|| "the memory that nodes share is not used: no new orders pass, cancels do".to_owned());
        let too_young = || format!("the memory that nodes share: {TOO_YOUNG}: no new orders pass, cancels do");
        let too_young = (status.available && status.too_young).then(too_young);
        let apart = status.clock_ahead_millis;
        let apart = (apart.abs() > CLOCK_TOLD_MS).then(|| format!("its clock and ours are {apart} ms apart"));
        let ahead = clock::machine_ahead_millis();
        let set = (ahead != 0).then(|| format!("the clock of this machine was set by {ahead} ms and is not followed"));
        [away, too_young, apart, set].into_iter().flatten().collect()
    }

    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: clock::wall().saturating_since(self.shared.started).as_secs(),
            connections: self.shared.connections.open() as u64,
            sessions: self.shared.metrics.native_sessions_open(),
            credentials: self.shared.credentials.load().len() as u64,
            routes: self.shared.routes.load().all().len() as u64,
            draining: self.shared.drain.is_started(),
        }
    }

    async fn sessions(&self, limit: usize) -> Vec<SessionRecord> {
        sessions::list(&self.shared, limit).await
    }

    async fn session(&self, sid: SessionId) -> Result<Option<SessionRecord>, BackendError> {
        sessions::find(&self.shared, sid).await
    }

    async fn kill_session(&self, by: &OperatorIdentity, sid: SessionId) -> Result<KillReport, BackendError> {
        tokens::kill_session(&self.shared, by, sid).await
    }

    async fn tokens(&self, limit: usize) -> Result<Vec<TokenRecord>, BackendError> {
        tokens::list(&self.shared, limit).await
    }

    async fn revoke_tokens(&self, by: &OperatorIdentity, target: &RevocationTarget) -> Result<TokenRevokeReport, BackendError> {
        tokens::revoke(&self.shared, by, target).await
    }

    fn connections(&self, limit: usize) -> Vec<ConnectionRecord> {
        self.shared.open_connections.list(limit)
    }

    fn config(&self) -> Vec<ConfigLine> {
        let line = |(key, value, origin): (String, String, config::Origin)| ConfigLine { key, value, origin: origin.to_string() };
        self.shared.settings.show().into_iter().map(line).collect()
    }

    async fn audit(&self, query: AuditQuery) -> Result<Vec<serde_json::Value>, BackendError> {
        let audit = self.shared.audit.clone();
        let read = move || {
            audit.flush().map_err(|error| BackendError::Failed(error.to_string()))?;
            let correlation = match query.correlation.as_deref() {
                Some(text) => {
                    Some(CorrelationId::parse(text).ok_or_else(|| BackendError::NotFound(format!("not a correlation id: {text}")))?)
                }
                None => None,
            };
            let filter = AuditFilter { correlation, ..AuditFilter::default() };
            let entries = AuditLog::tail(audit.folder(), query.limit, &filter).map_err(|error| BackendError::Failed(error.to_string()))?;
            Ok(entries.iter().map(|entry| serde_json::Value::Object(entry.fields().clone())).collect())
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| BackendError::Failed(error.to_string()))?
    }

    async fn reload(&self, by: &OperatorIdentity) -> Result<ReloadReport, BackendError> {
        let routes = self.reload_routes()?;
        let credentials = reload_credentials(&self.shared).await.map_err(|error| BackendError::Failed(error.to_string()))?;
        let before = self.shared.tls.snapshot().generation();
        reload_certificates(&self.shared, &self.operator_tls).map_err(|error| BackendError::Conflict(error.to_string()))?;
        self.record(AuditEvent::ConfigReload, by, |_| {})?;
        let certificates_replaced = self.shared.tls.snapshot().generation() != before;
        Ok(ReloadReport { credentials: credentials as u64, routes, certificates_replaced })
    }

    fn halts(&self) -> HaltStatus {
        self.shared.halts.status()
    }

    async fn halt(&self, by: &OperatorIdentity, request: HaltRequest) -> Result<HaltReport, BackendError> {
        let HaltRequest { scope, action, reason, text, review_by_ms, cancel } = request;
        let scope = HaltScope::parse(&scope).map_err(invalid)?;
        let reason = known("reason", &reason, Reason::parse)?;
        let nobody = names::nobody(&self.shared, &scope);
        // A drill in earnest halts a session that nobody has.
        if reason == Reason::Drill && !(nobody.is_some() && matches!(scope, HaltScope::Session(_))) {
            return Err(BackendError::Invalid("the reason drill is for rehearsals, which stop nobody: countersign drill run".to_owned()));
        }
        if cancel {
            cancels::check(&self.shared, &scope).map_err(BackendError::Invalid)?;
        }
        let new = NewHalt {
            scope: scope.clone(),
            action: known("action", &action, Action::parse)?,
            reason,
            text,
            by: RaisedBy::Operator(by.name().into()),
            review_by: review_by_ms.map(Timestamp::from_millis),
        };
        let report = self.shared.halts.raise(new).await.map_err(keeper_failure)?;
        let report = HaltReport { nobody, ..report };
        if let Some(halt) = HaltId::parse(&report.id).filter(|_| cancel) {
            cancels::say(&self.shared, &self.upstreams, halt, scope, by.by());
        }
        Ok(report)
    }

    async fn propose_lift(&self, by: &OperatorIdentity, request: LiftRequest) -> Result<LiftReport, BackendError> {
        let halts = request.halts.iter().map(|text| known("halt", text, HaltId::parse)).collect::<Result<_, _>>()?;
        let to = request.to.as_deref().map(|text| known("action", text, Action::parse)).transpose()?;
        self.shared.halts.propose(halts, to, &request.reason, by.name()).await.map_err(keeper_failure)
    }

    async fn lift(&self, id: &str) -> Result<LiftReport, BackendError> {
        self.shared.halts.lift(known("proposal", id, LiftId::parse)?).await.map_err(keeper_failure)
    }

    async fn sign_lift(&self, id: &str, request: SignatureRequest) -> Result<LiftReport, BackendError> {
        let signature = countersign_handshake::encoding::decode(&request.signature);
        let signature = signature.ok_or_else(|| BackendError::Invalid("the signature is not base64url".to_owned()))?;
        let signature = OperatorSignature { operator: request.operator.into(), signature };
        self.shared.halts.sign(known("proposal", id, LiftId::parse)?, &signature).await.map_err(keeper_failure)
    }

    async fn apply_lift(&self, by: &OperatorIdentity, id: &str) -> Result<LiftReport, BackendError> {
        self.shared.halts.apply(known("proposal", id, LiftId::parse)?, by.name()).await.map_err(keeper_failure)
    }

    async fn drill(&self, by: &OperatorIdentity, request: DrillRequest) -> Result<DrillReport, BackendError> {
        let scope = HaltScope::parse(&request.scope).map_err(invalid)?;
        let action = known("action", &request.action, Action::parse)?;
        let by = RaisedBy::Operator(by.name().into());
        drills::drill(&self.shared, scope, action, by).await.map_err(keeper_failure)
    }

    async fn revoke_key(&self, by: &OperatorIdentity, id: &CredentialId) -> Result<RevokeReport, BackendError> {
        let store = &self.shared.store;
        let before = store.credential(id).await.map_err(store_failure)?;
        let was_active = before.state != CredentialState::Revoked;
        if was_active {
            let change = Change::new(clock::wall(), by.by());
            store.set_state(id, CredentialState::Revoked, &change).await.map_err(store_failure)?;
        }
        self.shared.announce(Topic::Credentials);
        let count = || self.shared.sessions.count_of(id) + self.shared.fix_sessions.count_of(id);
        let open = count();
        reload_credentials(&self.shared).await.map_err(|error| BackendError::Failed(error.to_string()))?;
        self.record(AuditEvent::KeyRevoke, by, |record| {
            record.account = Some(before.account.clone());
            record.key_id = Some(before.key_id.clone());
            record.credential = Some(id.clone());
            record.purpose = Some(before.purpose);
        })?;
        if open > 0 {
            tokio::time::sleep(CUT_WAIT).await;
        }
        let sessions_closed = open.saturating_sub(count()) as u64;
        Ok(RevokeReport { id: id.to_string(), was_active, sessions_closed })
    }
}

fn known<T>(what: &str, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, BackendError> {
    parse(text).ok_or_else(|| BackendError::Invalid(format!("{text:?} is no {what}")))
}

fn invalid(error: impl std::fmt::Display) -> BackendError {
    BackendError::Invalid(error.to_string())
}

fn keeper_failure(error: KeeperError) -> BackendError {
    match error {
        KeeperError::Asked(error) => invalid(error),
        KeeperError::Full | KeeperError::Lift(_) => BackendError::Conflict(error.to_string()),
        KeeperError::NoProposal => BackendError::NotFound(error.to_string()),
        KeeperError::Store(_) | KeeperError::Unrecorded => BackendError::Failed(error.to_string()),
    }
}

pub(super) fn store_failure(error: StoreError) -> BackendError {
    if error.is_infrastructure() { BackendError::Failed(error.to_string()) } else { BackendError::NotFound(error.to_string()) }
}
