//! What all workers share: read through atomics or swapped whole, never locked on the hot path.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::rate::KeyCounters;
use countersign_core::{ApiKeyId, Credential, NonceGuard, Purpose, ReplayGuard, Timestamp, TokenSealer};
use countersign_pki::ServerTls;
use countersign_store::audit::AuditLog;
use countersign_store::{SessionMirror, Store};

use crate::config::Settings;
use crate::connection::{ConnectionLimits, OpenConnections};
use crate::drain::Drain;
use crate::fix::sessions::FixSessions;
use crate::halts::HaltKeeper;
use crate::identity::IdentityIssuer;
use crate::issuers::Issuers;
use crate::metrics::Metrics;
use crate::native::sessions::Sessions;
use crate::routes::Routes;
use crate::tokens::TokenState;

/// The shared state of the gateway.
pub struct Shared {
    /// The effective configuration.
    pub settings: Settings,
    /// All credentials, parsed; replaced whole when the store changes.
    pub credentials: ArcSwap<CredentialTable>,
    /// The route table.
    pub routes: ArcSwap<Routes>,
    /// TLS of the public listener.
    pub tls: ServerTls,
    /// TLS of the listener for proxies, where it asks for client certificates.
    pub authz_tls: Option<ServerTls>,
    /// What was accepted once.
    pub replay: Box<dyn ReplayGuard>,
    /// The increasing nonces of keys that have them.
    pub nonces: Box<dyn NonceGuard>,
    /// Makes and reads the tokens that stand for a login at venues that hand such out.
    pub tokens: TokenSealer,
    /// The issuers whose access tokens are taken, with their keys.
    pub issuers: Issuers,
    /// Credentials and sessions, for what is not on the hot path.
    pub store: Arc<Store>,
    /// When the gateway started.
    pub started: Timestamp,
    /// The audit log. Nothing passes that cannot be recorded.
    pub audit: AuditLog,
    /// Tokens that are given out: their key, and what was revoked.
    pub oauth: TokenState,
    /// Counters.
    pub metrics: Metrics,
    /// Makes identity assertions and access tokens.
    pub identity: IdentityIssuer,
    /// The native handshake: gateway keys, policy, nonce keys. Replaced whole when the gateway key is renewed.
    pub handshake: ArcSwap<countersign_handshake::ServerConfig>,
    /// Connection caps.
    pub connections: Arc<ConnectionLimits>,
    /// Open connections with what TLS agreed on, for the operator.
    pub open_connections: OpenConnections,
    /// Open native sessions, for the operator and for revocation.
    pub sessions: Sessions,
    /// What other nodes need to go on with them; `None`: there are no other nodes.
    pub mirror: Option<Arc<SessionMirror>>,
    /// Open FIX sessions.
    pub fix_sessions: FixSessions,
    /// What is halted, and who may lift it.
    pub halts: Arc<HaltKeeper>,
    /// Started on shutdown.
    pub drain: Drain,
}

/// One credential with its rate counters.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    /// The credential.
    pub credential: Arc<Credential>,
    /// What it used; kept when the credential is reloaded.
    pub counters: Arc<KeyCounters>,
}

/// All credentials by purpose and key id.
#[derive(Debug, Default)]
pub struct CredentialTable {
    by_purpose: [HashMap<ApiKeyId, CredentialEntry>; Purpose::ALL.len()],
}

impl CredentialTable {
    /// Builds a table, keeping the counters of keys that `previous` has too.
    #[must_use]
    pub fn new(credentials: impl IntoIterator<Item = Credential>, previous: &Self) -> Self {
        let mut table = Self::default();
        for credential in credentials {
            let counters =
                previous.find(credential.purpose, &credential.key_id).map(|entry| Arc::clone(&entry.counters)).unwrap_or_default();
            let key_id = credential.key_id.clone();
            table.by_purpose[credential.purpose.index()].insert(key_id, CredentialEntry { credential: Arc::new(credential), counters });
        }
        table
    }

    /// Looks a credential up.
    #[must_use]
    pub fn find(&self, purpose: Purpose, key_id: &ApiKeyId) -> Option<&CredentialEntry> {
        self.by_purpose[purpose.index()].get(key_id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_purpose.iter().map(HashMap::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
