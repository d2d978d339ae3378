//! A backend that does nothing and notes who asked for what.

use super::*;

/// Notes who asked for what.
#[derive(Default)]
pub(super) struct Notebook {
    pub(super) changes: Mutex<Vec<String>>,
    pub(super) audit: Mutex<Vec<AuditQuery>>,
    /// What a halt of [`SLOW`] waits for.
    pub(super) go_on: tokio::sync::Notify,
}

impl OperatorBackend for Notebook {
    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn ready(&self) -> Result<(), String> {
        Err("the audit log cannot be written".to_owned())
    }

    fn degraded(&self) -> Vec<String> {
        Vec::new()
    }

    fn status(&self) -> Status {
        Status { version: "1".to_owned(), uptime_s: 5, connections: 2, sessions: 1, credentials: 3, routes: 4, draining: false }
    }

    async fn sessions(&self, limit: usize) -> Vec<SessionRecord> {
        let record = SessionRecord {
            sid: "s".to_owned(),
            account: "a".to_owned(),
            key_id: "k".to_owned(),
            scopes: "md:read".to_owned(),
            bind: "exp".to_owned(),
            remote: "127.0.0.1:1".to_owned(),
            since_ms: 1,
            until_ms: Some(2),
            carriage: "raw".to_owned(),
            node: "a".to_owned(),
            away: false,
            fix: None,
        };
        vec![record; limit.min(5)]
    }

    async fn session(&self, sid: SessionId) -> Result<Option<SessionRecord>, BackendError> {
        let one = self.sessions(1).await.remove(0);
        Ok((sid.as_bytes()[0] == 1).then(|| SessionRecord { sid: sid.to_string(), ..one }))
    }

    async fn kill_session(&self, by: &OperatorIdentity, sid: SessionId) -> Result<KillReport, BackendError> {
        self.changes.lock().push(format!("{by} kill {sid}"));
        Ok(KillReport { sid: sid.to_string(), was_open: true, epoch: 7, node: None })
    }

    async fn tokens(&self, _: usize) -> Result<Vec<TokenRecord>, BackendError> {
        Ok(Vec::new())
    }

    async fn revoke_tokens(&self, by: &OperatorIdentity, target: &RevocationTarget) -> Result<TokenRevokeReport, BackendError> {
        self.changes.lock().push(format!("{by} revoke {target}"));
        Ok(TokenRevokeReport { target: target.to_string(), epoch: 8, nobody: true })
    }

    fn connections(&self, _: usize) -> Vec<ConnectionRecord> {
        Vec::new()
    }

    fn config(&self) -> Vec<ConfigLine> {
        vec![ConfigLine { key: "workers".to_owned(), value: "0".to_owned(), origin: "default".to_owned() }]
    }

    async fn audit(&self, query: AuditQuery) -> Result<Vec<serde_json::Value>, BackendError> {
        self.audit.lock().push(query);
        Ok(vec![serde_json::json!({ "event": "accept" })])
    }

    async fn reload(&self, by: &OperatorIdentity) -> Result<ReloadReport, BackendError> {
        self.changes.lock().push(format!("{by} reload"));
        Ok(ReloadReport { credentials: 3, routes: 4, certificates_replaced: true })
    }

    fn halts(&self) -> HaltStatus {
        HaltStatus { node: "n1".to_owned(), epoch: 7, lease_ms: 900, confirmed: true, quorum: (2, 3), ..HaltStatus::default() }
    }

    async fn halt(&self, by: &OperatorIdentity, request: HaltRequest) -> Result<HaltReport, BackendError> {
        self.changes.lock().push(format!("{by} halt {}", request.scope));
        if request.scope == "nowhere" {
            return Err(BackendError::Invalid("not a scope".to_owned()));
        }
        if request.scope == SLOW {
            self.go_on.notified().await;
            self.changes.lock().push("done".to_owned());
        }
        let (enforced_us, committed_us, barrier_us) = (1, Some(2), Some(3));
        Ok(HaltReport { epoch: Some(8), enforced_us, committed_us, barrier_us, ..HaltReport::of("H-1") })
    }

    async fn propose_lift(&self, by: &OperatorIdentity, request: LiftRequest) -> Result<LiftReport, BackendError> {
        self.changes.lock().push(format!("{by} propose {}", request.halts.join(" ")));
        self.lift("P-0").await
    }

    async fn lift(&self, id: &str) -> Result<LiftReport, BackendError> {
        Ok(LiftReport {
            id: id.to_owned(),
            payload: "{}".to_owned(),
            check_words: String::new(),
            signed_by: Vec::new(),
            needed: 2,
            expires_ms: 1,
            halts: Vec::new(),
            obstacle: None,
            applied: None,
        })
    }

    async fn sign_lift(&self, id: &str, request: SignatureRequest) -> Result<LiftReport, BackendError> {
        self.changes.lock().push(format!("{} sign {id}", request.operator));
        self.lift(id).await
    }

    async fn apply_lift(&self, by: &OperatorIdentity, id: &str) -> Result<LiftReport, BackendError> {
        self.changes.lock().push(format!("{by} apply {id}"));
        self.lift(id).await
    }

    async fn drill(&self, _: &OperatorIdentity, _: DrillRequest) -> Result<DrillReport, BackendError> {
        Ok(DrillReport { epoch: 1, enforced_us: 1, committed_us: 2, barrier_us: None, would_refuse: 4, ..DrillReport::default() })
    }

    async fn revoke_key(&self, by: &OperatorIdentity, id: &CredentialId) -> Result<RevokeReport, BackendError> {
        self.changes.lock().push(format!("{by} revoke {id}"));
        if id.as_str() == "missing" {
            return Err(BackendError::NotFound("there is no credential missing".to_owned()));
        }
        Ok(RevokeReport { id: id.to_string(), was_active: true, sessions_closed: 2 })
    }
}
