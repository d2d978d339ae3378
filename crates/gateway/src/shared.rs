//! What all workers share: read through atomics or swapped whole, never locked on the hot path.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::rate::KeyCounters;
use countersign_core::rate::shared::RateLender;
use countersign_core::{
    AccountId, ApiKeyId, Credential, CredentialId, NonceGuard, Purpose, ReplayGuard, Timestamp, TokenSealer, VerifiedIdentity,
};
use countersign_pki::ServerTls;
use countersign_store::audit::{AuditLog, EndedKeys};
use countersign_store::shared::Topic;
use countersign_store::{FixRecords, SessionMirror, Store};

use crate::cluster::Cluster;
use crate::config::Settings;
use crate::connection::{ConnectionLimits, OpenConnections};
use crate::drain::Drain;
use crate::explanations::Explanations;
use crate::fix::sessions::FixSessions;
use crate::halts::HaltKeeper;
use crate::handover::taking::Predecessor;
use crate::identity::IdentityIssuer;
use crate::issuers::Issuers;
use crate::listen_keys::ListenKeys;
use crate::metrics::Metrics;
use crate::native::sessions::Sessions;
use crate::public_rates::PublicRates;
use crate::routes::Routes;
use crate::tokens::TokenState;

/// The shared state of the gateway.
pub struct Shared {
    /// The effective configuration.
    pub settings: Settings,
    /// All credentials, parsed; replaced whole when the store changes.
    pub credentials: ArcSwap<CredentialTable>,
    /// The accounts whose new connections cancel their orders when they are lost.
    pub cancel_on_disconnect: ArcSwap<HashSet<AccountId>>,
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
    /// The keys whose end is on record in it.
    pub ended: Arc<EndedKeys>,
    /// Held by whoever reads the credentials, until the table is swapped and what ended is on record.
    pub reloading: tokio::sync::Mutex<()>,
    /// Tokens that are given out: their key, and what was revoked.
    pub oauth: TokenState,
    /// Refused logins that may be explained to whoever has their link.
    pub explanations: Explanations,
    /// Counters.
    pub metrics: Metrics,
    /// Makes identity assertions and access tokens.
    pub identity: IdentityIssuer,
    /// The native handshake: gateway keys, policy, nonce keys. Replaced whole when the gateway key is renewed.
    pub handshake: ArcSwap<countersign_handshake::ServerConfig>,
    /// Connection caps.
    pub connections: Arc<ConnectionLimits>,
    /// What strangers asked of public routes.
    pub public_rates: PublicRates,
    /// What was refused, by where it came from: as many of them are recorded.
    pub refusals: PublicRates,
    /// Open connections with what TLS agreed on, for the operator.
    pub open_connections: OpenConnections,
    /// Listen keys of Binance's futures.
    pub listen_keys: ListenKeys,
    /// Open native sessions, for the operator and for revocation.
    pub sessions: Sessions,
    /// What other nodes need to go on with them; `None`: there are no other nodes.
    pub mirror: Option<Arc<SessionMirror>>,
    /// Open FIX sessions.
    pub fix_sessions: FixSessions,
    /// Copies of FIX journals, for other nodes; `None`: the database is of this node alone.
    pub fix_records: Option<Arc<FixRecords>>,
    /// The other nodes; `None`: there are none.
    pub cluster: Option<Arc<Cluster>>,
    /// What is halted, and who may lift it.
    pub halts: Arc<HaltKeeper>,
    /// Started on shutdown.
    pub drain: Drain,
    /// The process of this node that served before, where this one took over from it.
    pub predecessor: Option<Arc<Predecessor>>,
}

impl Shared {
    /// Whether the process before this one still drains.
    pub(crate) fn has_predecessor(&self) -> bool {
        self.predecessor.as_ref().is_some_and(|predecessor| !predecessor.is_gone())
    }

    /// Tells the other nodes, if there are any, that the database has something new.
    pub fn announce(&self, topic: Topic) {
        if let Some(cluster) = &self.cluster {
            cluster.announce(topic);
        }
    }
}

/// One credential with its rate counters.
#[derive(Clone, Debug)]
pub struct CredentialEntry {
    /// The credential.
    pub credential: Arc<Credential>,
    /// What it used; kept when the credential is reloaded.
    pub counters: Arc<KeyCounters>,
    /// Whether a refused login of it may be explained online (ADR 0017).
    pub explain: bool,
}

/// All credentials by purpose and key id.
#[derive(Debug, Default)]
pub struct CredentialTable {
    by_purpose: [HashMap<ApiKeyId, CredentialEntry>; Purpose::ALL.len()],
    /// Whether a purpose has a key whose refused logins are explained.
    explains: [bool; Purpose::ALL.len()],
    /// Lends parts of each key's limits; `None`: this node has them alone.
    lender: Option<Arc<dyn RateLender>>,
}

impl CredentialTable {
    /// An empty table, from which all tables that are built have this lender of their keys' limits.
    #[must_use]
    pub fn sharing(lender: Option<Arc<dyn RateLender>>) -> Self {
        Self { lender, ..Self::default() }
    }

    /// Builds a table, keeping the counters of keys that `previous` has too, and its lender.
    #[must_use]
    pub fn new(credentials: impl IntoIterator<Item = Credential>, previous: &Self) -> Self {
        let mut table = Self::sharing(previous.lender.clone());
        for credential in credentials {
            let known = previous.find(credential.purpose, &credential.key_id).map(|entry| Arc::clone(&entry.counters));
            let counters = known.unwrap_or_else(|| Arc::new(table.counters(&credential)));
            let key_id = credential.key_id.clone();
            table.by_purpose[credential.purpose.index()]
                .insert(key_id, CredentialEntry { credential: Arc::new(credential), counters, explain: false });
        }
        table
    }

    fn counters(&self, credential: &Credential) -> KeyCounters {
        // By the name that is the key's at every node and in every version of its record.
        let shared = |lender| KeyCounters::shared(&format!("{}:{}", credential.purpose.name(), credential.key_id), lender);
        self.lender.as_ref().map_or_else(KeyCounters::default, shared)
    }

    /// The same table, with refused logins of these keys explained.
    #[must_use]
    pub fn explaining(mut self, of: &HashSet<CredentialId>) -> Self {
        for (explains, entries) in self.explains.iter_mut().zip(&mut self.by_purpose) {
            for entry in entries.values_mut().filter(|entry| of.contains(&entry.credential.id)) {
                (entry.explain, *explains) = (true, true);
            }
        }
        self
    }

    /// Whether a purpose has a key whose refused logins are explained.
    #[must_use]
    pub const fn explains(&self, purpose: Purpose) -> bool {
        self.explains[purpose.index()]
    }

    /// Whether any key has its refused logins explained.
    #[must_use]
    pub fn explains_any(&self) -> bool {
        self.explains.contains(&true)
    }

    /// Looks a credential up.
    #[must_use]
    pub fn find(&self, purpose: Purpose, key_id: &ApiKeyId) -> Option<&CredentialEntry> {
        self.by_purpose[purpose.index()].get(key_id)
    }

    /// When the key of an identity ends, as it is now; its record may be another one than when it was proved.
    #[must_use]
    pub fn end_of(&self, identity: &VerifiedIdentity) -> Option<Timestamp> {
        self.find(identity.purpose(), identity.key_id())?.credential.not_after
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.by_purpose.iter().flat_map(HashMap::values).map(|entry| &entry.credential)
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
