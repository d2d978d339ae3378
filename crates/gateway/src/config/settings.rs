//! Second stage: validated settings.

mod listen;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use countersign_core::Binding;
use countersign_dialects::answer::UnknownKeyAnswer;
use countersign_halt::Operator;

use super::fix::FixSettings;
use super::raw::Origin;
use crate::identity::TokenAlgorithm;
use crate::routes::Routes;

pub use listen::{Authorities, CertificateSource, ClientTrust, ListenSettings, SniRule, host_of};
pub use upstream::{Upstream, UpstreamTarget};

/// Everything that was configured, with every default filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the private CA, keys, database and socket.
    pub state_dir: PathBuf,
    /// Runtimes, one per core; 0 means as many as there are cores.
    pub workers: usize,
    /// Whether a first start makes the demo account.
    pub demo_account: DemoAccount,
    /// The public port.
    pub listen: ListenSettings,
    /// The operator port and socket.
    pub operator: OperatorSettings,
    /// The port where proxies ask.
    pub authz: AuthzSettings,
    /// Every bound.
    pub limits: LimitSettings,
    /// Native sessions.
    pub native: NativeSettings,
    /// The Binance dialect.
    pub binance: BinanceSettings,
    /// FIX sessions.
    pub fix: FixSettings,
    /// The other nodes.
    pub cluster: ClusterSettings,
    /// Emergency shutdown.
    pub halt: HaltSettings,
    /// Tokens of the token endpoint.
    pub tokens: TokenSettings,
    /// Logging.
    pub log: LogSettings,
    /// Whose access tokens are taken.
    pub issuers: Vec<IssuerSettings>,
    /// Upstreams; routes name them by index.
    pub upstreams: Vec<Upstream>,
    /// The route table.
    pub routes: Arc<Routes>,
    pub(super) shown: Vec<Shown>,
}

impl Settings {
    /// How many runtimes to start: as configured, or one per core.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        if self.workers > 0 { self.workers } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }

    /// Whether nothing but the paper venue is behind. A FIX acceptor of its own is a real service, whatever HTTP goes to.
    #[must_use]
    pub fn is_paper_only(&self) -> bool {
        self.upstreams.iter().all(|upstream| upstream.target == UpstreamTarget::Embedded && upstream.fix.is_none())
    }

    /// Whether a first start makes the demo account.
    #[must_use]
    pub fn makes_demo_account(&self) -> bool {
        match self.demo_account {
            DemoAccount::Auto => self.is_paper_only(),
            DemoAccount::Off => false,
            DemoAccount::On => true,
        }
    }

    /// Every key with its value as text and its origin, in the order of the reference: what `config show` prints.
    #[must_use]
    pub fn show(&self) -> Vec<(String, String, Origin)> {
        self.shown.iter().map(|shown| (shown.key.clone(), shown.value.clone(), shown.origin.clone())).collect()
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.shown.iter().find(|shown| shown.key == key).map(|shown| &shown.origin)
    }

    /// The keys whose values differ and that a reload cannot change: all but routes. Names of upstreams are among them, because
    /// routes refer to upstreams by index.
    #[must_use]
    pub fn changes_needing_restart(&self, next: &Self) -> Vec<String> {
        let fixed = |settings: &Self| -> Vec<(String, String)> {
            let lasting = settings.shown.iter().filter(|shown| !shown.key.starts_with("route."));
            lasting.map(|shown| (shown.key.clone(), shown.value.clone())).collect()
        };
        let (mine, theirs) = (fixed(self), fixed(next));
        let changed = mine.iter().filter(|entry| !theirs.contains(entry)).chain(theirs.iter().filter(|entry| !mine.contains(entry)));
        let mut keys: Vec<String> = changed.map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// When a first start makes the demo account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoAccount {
    /// Where nothing but the paper venue is behind.
    Auto,
    /// Never.
    Off,
    /// Before a real service as well: its keys may place orders there.
    On,
}

/// One key of the effective configuration.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key: `limits.head_bytes_max`.
    pub key: String,
    /// The effective value, as it would be written.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
    /// The built-in value, as it would be written.
    pub default: String,
    /// What it is and why it is so.
    pub about: &'static str,
}

/// The port where proxies ask.
#[derive(Clone, Debug)]
pub struct AuthzSettings {
    /// Where it listens; `None`: nowhere.
    pub address: Option<SocketAddr>,
    /// Who may ask.
    pub peers: Vec<IpNet>,
    /// CA of the client certificates that they must show; `None`: no TLS on this port.
    pub client_ca: Option<PathBuf>,
    /// The revocation lists of that CA; `None`: revocation is not checked.
    pub client_crl: Option<PathBuf>,
    /// Which host names the clients of the proxy may name; [`Authorities::Any`]: those of the public port.
    pub authorities: Authorities,
    /// Whether the operator says that Envoy passes whole bodies on.
    pub bodies_passed_on: bool,
}

/// The operator port and socket.
#[derive(Clone, Debug)]
pub struct OperatorSettings {
    /// Where the mutual-TLS port listens.
    pub address: SocketAddr,
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Where health is told without TLS.
    pub health: Option<SocketAddr>,
}

/// Every bound that can be configured.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // each is described where it is declared, in `limits.rs`, and from there in the reference
pub struct LimitSettings {
    pub connections_max: usize,
    pub connections_per_source_max: usize,
    pub connections_per_account_max: usize,
    pub public_weight_per_minute: u32,
    pub handshake_deadline: Duration,
    pub unauthenticated_deadline: Duration,
    pub head_deadline: Duration,
    pub unauthenticated_bytes_max: usize,
    pub head_bytes_max: usize,
    pub body_bytes_max: usize,
    pub body_deadline: Duration,
    pub idle_timeout: Duration,
    pub h2_streams_max: u32,
    pub websocket_message_bytes_max: usize,
    pub upstream_connect_timeout: Duration,
    pub upstream_response_timeout: Duration,
    pub upstream_silence_max: Duration,
    pub upstream_idle_connections: usize,
    pub drain_deadline: Duration,
}

/// Native sessions.
#[derive(Clone, Debug)]
pub struct NativeSettings {
    /// Whether native sessions are offered.
    pub enabled: bool,
    /// Weakest channel binding of this host; a credential may ask for more, never for less.
    pub min_bind: Binding,
    /// Shortest heartbeat interval granted.
    pub heartbeat_min: Duration,
    /// Longest heartbeat interval granted.
    pub heartbeat_max: Duration,
    /// Longest life of a session.
    pub session_life: Duration,
    /// Life of an access token.
    pub access_token_life: Duration,
    /// Orders per second granted to one session.
    pub orders_per_second: u32,
    /// How long a session may wait for its client; zero where none comes back.
    pub resume_window: Duration,
    /// Messages that one session keeps for a client that comes back; zero for none.
    pub keep_messages: u32,
    /// Longest delay between a lost connection and the cancellation of orders.
    pub cancel_grace_max: Duration,
}

/// The Binance dialect.
#[derive(Clone, Debug)]
pub struct BinanceSettings {
    /// Whether clients may log in as at Binance.
    pub enabled: bool,
    /// How an unknown key is answered.
    pub unknown_key: UnknownKeyAnswer,
    /// Whether listen keys of futures are handed out, which the venue does without a signature.
    pub listen_keys: bool,
}

/// The other nodes.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// The name of this node: 1 to 32 of a-z, 0-9 and -.
    pub node: String,
    /// The database that all nodes share; `None`: the embedded one, of this node alone.
    pub database: Option<DatabaseSettings>,
    /// The memory that all nodes share; `None`: this node is alone.
    pub redis: Option<RedisSettings>,
    /// Where clients find the other nodes, `host:port` each.
    pub also: Vec<String>,
}

/// PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// `postgresql://user@host[:port]/database`; never with a password.
    pub url: String,
    /// The file that holds the password; `None`: as PostgreSQL's own programs find it.
    pub password_file: Option<PathBuf>,
}

/// Redis or Valkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://[user@]host[:port][/db]`, `rediss://…` or `redis+unix:///path`; never with a password.
    pub url: String,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The CAs that a server with TLS is believed by; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// How long one question may take.
    pub timeout: Duration,
}

/// Emergency shutdown.
#[derive(Clone, Debug)]
pub struct HaltSettings {
    /// The name of this node in halts.
    pub node: String,
    /// How many operators must agree to lift a wide halt.
    pub quorum: usize,
    /// Who may agree.
    pub operators: Vec<Operator>,
}

/// Tokens of the token endpoint.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Whether there are token endpoints, and their tokens log in.
    pub enabled: bool,
    /// The issuer's URL; `None`: the authority that each request is made to.
    pub issuer: Option<String>,
    /// Audiences of others that tokens may be made for. The gateway itself takes only its own.
    pub audiences: Vec<String>,
    /// What access tokens are signed with.
    pub algorithm: TokenAlgorithm,
    /// Life of an access token.
    pub access_life: Duration,
    /// Whether DPoP proofs at the token endpoint need a nonce of ours.
    pub dpop_nonce: bool,
    /// Longest life of a family of refresh tokens.
    pub session_life: Duration,
}

/// Logging.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Form of the lines.
    pub format: LogFormat,
    /// Quietest level written, as `tracing` names it.
    pub level: &'static str,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// An issuer of access tokens outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What its tokens must say, and what that means here.
    pub rules: countersign_core::Issuer,
    /// Where its keys are.
    pub source: KeySource,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In a file.
    File(PathBuf),
    /// Published by a server.
    Url {
        /// `https://host[:port]/path`.
        url: String,
        /// The CAs that the server is believed by; `None`: those of the system.
        ca: Option<PathBuf>,
    },
}
