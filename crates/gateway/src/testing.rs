//! What tests of connections share: a worker with real parts, keys, and an upstream that counts what arrives.
#![allow(clippy::unwrap_used)]

mod upstream;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Binding, CorrelationId, Credential, CredentialId, MemoryReplayGuard, Purpose, Scopes, Verifier,
    VerifyingKey,
};
use countersign_halt::{Action, Halt, HaltClass, HaltId, HaltScope, RaisedBy, Reason};
use countersign_handshake::{
    Authorities, Delegation, GatewayIdentity, HostPolicy, NonceKeys, ServerConfig, Signer as _, SigningKey, TicketKeys,
};
use countersign_pki::{
    CertificateIdentities, HandshakeMode, ListenerPolicy, NegotiatedParameters, PrivateAuthority, ServerCertificateRequest, ServerTls,
    TicketKeyRing, TlsVersion, UnixTime,
};
use countersign_store::{AuditFilter, AuditKey, AuditLog, SealingKey, Store};
use http::HeaderValue;
use rustls::time_provider::DefaultTimeProvider;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::clock;
use crate::config::{self, Override, Settings, Sources};
use crate::connection::{Connection, ConnectionLimits};
use crate::drain::Drain;
use crate::entropy::SystemEntropy;
use crate::handover::taking::Predecessor;
use crate::identity::IdentityIssuer;
use crate::metrics::Metrics;
use crate::native::sessions::Sessions;
use crate::public_rates::PublicRates;
use crate::shared::{CredentialTable, Shared};
use crate::upstream::UpstreamConfig;
use crate::worker::Worker;

pub(crate) use upstream::StubUpstream;

/// Exporter value of test connections.
pub(crate) const EXPORTER: [u8; 32] = [5; 32];
/// Hash of their server certificate.
pub(crate) const CERTIFICATE: [u8; 32] = [6; 32];
/// An Ed25519 key of the Binance family that may trade and read.
pub(crate) const TRADER: &str = "traderAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// One that may only read.
pub(crate) const READER: &str = "readerAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A worker and what is around it.
pub(crate) struct Stage {
    pub(crate) worker: Rc<Worker>,
    pub(crate) upstream: StubUpstream,
    pub(crate) gateway_root: String,
    /// Where the upstream is.
    pub(crate) upstreams: Arc<[UpstreamConfig]>,
}

/// Runs a story on a stage, on one thread as a worker runs.
pub(crate) async fn on_stage<F: Future<Output = ()>>(story: impl FnOnce(Stage) -> F) {
    on_stage_with(|_| (), story).await;
}

/// The same with other settings.
pub(crate) async fn on_stage_with<F: Future<Output = ()>>(change: impl FnOnce(&mut Settings), story: impl FnOnce(Stage) -> F) {
    set(|shared| change(&mut shared.settings), story).await;
}

/// The same in the process that comes after another one.
pub(crate) async fn on_stage_after<F: Future<Output = ()>>(predecessor: Arc<Predecessor>, story: impl FnOnce(Stage) -> F) {
    set(|shared| shared.predecessor = Some(predecessor), story).await;
}

async fn set<F: Future<Output = ()>>(change: impl FnOnce(&mut Shared), story: impl FnOnce(Stage) -> F) {
    // Kept here and not on the stage: a story that names one field of its stage takes that field alone, and the others are gone.
    let folder = tempfile::tempdir().unwrap();
    LocalSet::new()
        .run_until(async {
            story(Stage::new(folder.path(), change).await).await;
        })
        .await;
}

/// How long something that happens within a second is waited for: on a machine that has other things to do it may take longer, and
/// `COUNTERSIGN_STRICT` says that this one has none.
pub(crate) fn within_a_second() -> Duration {
    Duration::from_secs(if std::env::var_os("COUNTERSIGN_STRICT").is_some() { 1 } else { 20 })
}

impl Stage {
    async fn new(folder: &std::path::Path, change: impl FnOnce(&mut Shared)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = StubUpstream::default();
        tokio::task::spawn_local(upstream.clone().serve(listener));
        let (gateway, gateway_root) = gateway_identity();
        let mut shared = shared(folder, address, gateway).await;
        change(&mut shared);
        let config = UpstreamConfig {
            authority: address.to_string(),
            connect_timeout: Duration::from_secs(60),
            response_timeout: Duration::from_secs(60),
            idle_max: 1,
            idle_for: Duration::from_secs(60),
            fix: None,
        };
        let upstreams: Arc<[UpstreamConfig]> = Arc::new([config]);
        let worker = Worker::new(Arc::new(shared), &upstreams);
        Self { worker, upstream, gateway_root, upstreams }
    }

    /// A connection over TLS 1.3.
    pub(crate) fn connection(&self) -> Rc<Connection> {
        self.connection_over(TlsVersion::Tls13)
    }

    pub(crate) fn connection_over(&self, version: TlsVersion) -> Rc<Connection> {
        let negotiated = NegotiatedParameters {
            version,
            suite: "TLS_AES_256_GCM_SHA384".to_owned(),
            group: None,
            alpn: None,
            sni: None,
            handshake: HandshakeMode::Full,
            peer_certificate: None,
        };
        let remote = "127.0.0.1:5000".parse().unwrap();
        let slots = self.worker.shared.connections.admit("127.0.0.1".parse().unwrap()).unwrap();
        let binding = ((version == TlsVersion::Tls13).then_some(EXPORTER), CERTIFICATE);
        Rc::new(Connection::new(CorrelationId::from_bytes([1; 16]), remote, clock::wall(), negotiated, binding, slots))
    }

    /// A connection whose client showed a certificate that is good for the whole of this second, and no longer.
    pub(crate) fn connection_showing(&self, not_after: u64) -> Rc<Connection> {
        let mut connection = Rc::into_inner(self.connection()).unwrap();
        let shown = CertificateIdentities {
            common_name: None,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            issuer: String::new(),
            serial: String::new(),
            spki_sha256: String::new(),
            certificate_sha256: String::new(),
            not_before: 0,
            not_after,
        };
        connection.negotiated =
            Arc::new(NegotiatedParameters { peer_certificate: Some(shown), ..NegotiatedParameters::clone(&connection.negotiated) });
        Rc::new(connection)
    }

    /// Replaces the credentials by the usual ones, changed.
    pub(crate) fn change_credentials(&self, change: impl Fn(&mut Credential)) {
        let mut all = credentials();
        all.iter_mut().for_each(change);
        let table = CredentialTable::new(all, &self.worker.shared.credentials.load());
        self.worker.shared.credentials.store(Arc::new(table));
    }

    /// The latest audit record of a refusal.
    pub(crate) fn audited(&self, label: &str) -> Value {
        let audit = &self.worker.shared.audit;
        audit.flush().unwrap();
        let entries = AuditLog::tail(audit.folder(), 100, &AuditFilter::default()).unwrap();
        let latest = entries.iter().rfind(|entry| entry.text("reject") == Some(label)).unwrap();
        Value::Object(latest.fields().clone())
    }

    /// All audit records of one event.
    pub(crate) fn recorded(&self, event: &str) -> Vec<Value> {
        let audit = &self.worker.shared.audit;
        audit.flush().unwrap();
        let entries = AuditLog::tail(audit.folder(), 1_000, &AuditFilter::default()).unwrap();
        entries.iter().filter(|entry| entry.text("event") == Some(event)).map(|entry| Value::Object(entry.fields().clone())).collect()
    }

    /// What one kind of refusal was counted.
    pub(crate) fn refused(&self, label: &str) -> bool {
        let text = self.worker.shared.metrics.encode();
        text.lines().any(|line| line.contains(&format!("\"{label}\"")) && !line.ends_with(" 0"))
    }
}

async fn shared(folder: &std::path::Path, upstream: std::net::SocketAddr, gateway: GatewayIdentity) -> Shared {
    let set = |key: &str, value: &str| Override { flag: format!("--{key}"), key: key.to_owned(), value: value.to_owned() };
    let overrides = vec![set("state_dir", folder.to_str().unwrap()), set("upstream.venue.url", &format!("http://{upstream}"))];
    let settings = config::load(&Sources { overrides, ..Sources::default() }).unwrap();
    let now = UnixTime::now();
    let authority = PrivateAuthority::create(now).unwrap();
    let issued = authority.issue_server(&ServerCertificateRequest::default(), now).unwrap();
    let certificate = countersign_pki_server_certificate(&issued);
    let clock_of_tls = Arc::new(DefaultTimeProvider);
    let tickets = Arc::new(TicketKeyRing::new(clock_of_tls.clone()).unwrap());
    let nonces = NonceKeys::new(gateway.root(), [0; 4], &mut SystemEntropy, clock::wall());
    let life = Duration::from_secs(86_400);
    let session_tickets = Arc::new(TicketKeys::new(gateway.root(), "public", life, &mut SystemEntropy, clock::wall()));
    let handshake =
        ServerConfig { gateway, policy: HostPolicy::default(), authorities: Authorities::Any, nonces, tickets: session_tickets };
    let audit = AuditLog::open(&folder.join("audit"), AuditKey::from_seed(&[7; 32]).unwrap()).unwrap();
    let store = Arc::new(Store::open(&folder.join("countersign.db"), SealingKey::from_bytes(&[1; 32])).await.unwrap());
    let operators = ["alice", "bob", "carol"].map(halt_operator).to_vec();
    let operators = countersign_halt::OperatorSet::new(handshake.gateway.root(), operators, 2).unwrap();
    let halts = crate::halts::HaltKeeper::open("n1", store.open_halts().await.unwrap(), operators, audit.clone()).await;
    // Nobody renews it here; what a lease does is tested where time is an argument.
    halts.gate().set_lease(countersign_core::Monotonic::from_micros(u64::MAX), 1);
    let oauth = crate::tokens::TokenState::open(&store).await.unwrap();
    Shared {
        oauth,
        cancel_on_disconnect: ArcSwap::default(),
        credentials: ArcSwap::from_pointee(CredentialTable::new(credentials(), &CredentialTable::default())),
        routes: ArcSwap::new(Arc::clone(&settings.routes)),
        tls: ServerTls::new(ListenerPolicy::new("public"), vec![certificate], tickets, clock_of_tls).unwrap(),
        authz_tls: None,
        public_rates: PublicRates::new(settings.limits.public_weight_per_minute),
        refusals: PublicRates::new(crate::audit::REFUSALS_PER_SOURCE_MAX),
        explanations: crate::explanations::Explanations::default(),
        replay: Box::new(MemoryReplayGuard::default()),
        nonces: Box::new(countersign_core::MemoryNonceGuard::default()),
        issuers: crate::issuers::Issuers::new(&settings.issuers, &[8; 32]),
        tokens: countersign_core::TokenSealer::new(&[9; 32]),
        store,
        cluster: None,
        halts: Arc::new(halts),
        started: clock::wall(),
        ended: Arc::new(countersign_store::audit::EndedKeys::open(audit.folder()).unwrap()),
        reloading: tokio::sync::Mutex::default(),
        audit,
        metrics: Metrics::new(&settings.routes),
        identity: IdentityIssuer::load_or_create(&folder.join("identity.pem")).unwrap(),
        handshake: arc_swap::ArcSwap::from_pointee(handshake),
        connections: ConnectionLimits::new(100, 100, 100),
        open_connections: crate::connection::OpenConnections::default(),
        listen_keys: crate::listen_keys::ListenKeys::default(),
        sessions: Sessions::default(),
        mirror: None,
        fix_sessions: crate::fix::sessions::FixSessions::default(),
        fix_records: None,
        drain: Drain::default(),
        predecessor: None,
        settings,
    }
}

fn countersign_pki_server_certificate(issued: &countersign_pki::IssuedCertificate) -> countersign_pki::ServerCertificate {
    countersign_pki::ServerCertificate::from_issued(issued).unwrap()
}

fn gateway_identity() -> (GatewayIdentity, String) {
    let (root, gateway) = (SigningKey::ed25519_from_seed(&[11; 32]), SigningKey::ed25519_from_seed(&[12; 32]));
    let now = clock::wall();
    let delegation = Delegation::sign(&root, &gateway, now, now.saturating_add(Duration::from_secs(3_600))).unwrap();
    (GatewayIdentity::new(gateway, &[delegation], &[]).unwrap(), root.kid().to_string())
}

/// A halt of the venue that an operator raised at another node, or at a process before; its id is of this byte.
pub(crate) fn venue_halt(id: u8) -> Halt {
    Halt {
        action: Action::CancelOnly,
        id: HaltId::from_bytes([id; 6]),
        scope: HaltScope::Venue,
        reason: Reason::Runaway,
        text: "".into(),
        class: HaltClass::Manual,
        by: RaisedBy::Operator("alice".into()),
        at: clock::wall(),
        review_by: None,
    }
}

/// The key of an operator of halts.
pub(crate) fn halt_operator_pair(name: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[name.as_bytes()[0]; 32]).unwrap()
}

fn halt_operator(name: &str) -> countersign_halt::Operator {
    countersign_halt::Operator { name: name.into(), key: halt_operator_pair(name).public_key().as_ref().try_into().unwrap() }
}

/// The native key of all tests.
pub(crate) fn native_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[21; 32])
}

fn binance_pair(key_id: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[key_id.as_bytes()[0]; 32]).unwrap()
}

fn credentials() -> Vec<Credential> {
    let credential = |name: &str, purpose, key_id: &str, public: &[u8], scopes: &str| Credential {
        scopes: Scopes::parse(scopes).unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse(name).unwrap(),
            AccountId::parse("desk").unwrap(),
            purpose,
            ApiKeyId::parse(key_id).unwrap(),
            Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, public).unwrap()),
        )
    };
    let native = native_key();
    let binance =
        |name, key_id: &str, scopes| credential(name, Purpose::Binance, key_id, binance_pair(key_id).public_key().as_ref(), scopes);
    vec![
        credential("native", Purpose::Native, native.kid().as_str(), native.spki_der(), "md:read account:read order:read order:write"),
        binance("trader", TRADER, "account:read order:read order:write"),
        binance("reader", READER, "account:read"),
    ]
}

/// A signed query of the REST API, with the time of now.
pub(crate) fn signed_query(key_id: &str, parameters: &str) -> String {
    let glue = if parameters.is_empty() { "" } else { "&" };
    let text = format!("{parameters}{glue}timestamp={}", clock::wall().as_millis());
    let signature = binance_pair(key_id).sign(text.as_bytes());
    let encoded = STANDARD.encode(signature).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("{text}&signature={encoded}")
}

/// A signed frame of the WebSocket API; `extra` sorts between `apiKey` and `timestamp`, as signed text.
pub(crate) fn signed_frame(id: u32, method: &str, key_id: &str, extra: &[(&str, &str)]) -> String {
    let timestamp = clock::wall().as_millis().to_string();
    let mut pairs = vec![("apiKey", key_id)];
    pairs.extend(extra);
    pairs.push(("timestamp", &timestamp));
    let text = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let signature = STANDARD.encode(binance_pair(key_id).sign(text.as_bytes()));
    pairs.push(("signature", &signature));
    frame(id, method, &pairs)
}

/// A frame with parameters as they are.
pub(crate) fn frame(id: u32, method: &str, params: &[(&str, &str)]) -> String {
    let params: Value =
        params.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect::<serde_json::Map<_, _>>().into();
    serde_json::json!({ "id": id, "method": method, "params": params }).to_string()
}

/// The request head of a WebSocket handshake.
pub(crate) fn upgrade_request(target: &str) -> http::request::Parts {
    let request = http::Request::get(target)
        .header("host", "localhost:8443")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-extensions", "permessage-deflate")
        .header("countersign-identity", "forged")
        .header("user-agent", "test");
    request.body(()).unwrap().into_parts().0
}

/// The authority of [`upgrade_request`].
pub(crate) fn authority() -> HeaderValue {
    HeaderValue::from_static("localhost:8443")
}
