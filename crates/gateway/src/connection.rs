//! One accepted connection: what TLS agreed on, and who proved themselves on it.

mod certificate;
mod places;

pub(crate) use places::SourcePrefix;
pub use places::{AccountSlot, ConnectionLimits, OpenSlot, Slots, UnauthenticatedSlot};

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::rate::WindowCounter;
use countersign_core::{AccountId, ApiKeyId, CorrelationId, Credential, Monotonic, Timestamp};
use countersign_pki::{HandshakeMode, NegotiatedParameters, TlsVersion};
use countersign_store::audit::{AuditText, ChannelParameters};
use http::HeaderValue;
use parking_lot::Mutex;

pub(crate) use self::certificate::ShownChain;
use crate::body::budget::ConnectionBodies;
use crate::clock;
use crate::identity::CachedIdentity;
use crate::native::http::NativeConnection;
use crate::operator::ConnectionRecord;
use crate::shared::Shared;
use crate::websocket::Upgrade;

/// An accepted connection. It stays on one worker, so its state needs no lock.
pub struct Connection {
    /// Names the connection in audit records and log lines.
    pub id: CorrelationId,
    /// The client's address.
    pub remote: SocketAddr,
    /// The same for the upstream, without the port.
    pub address: HeaderValue,
    /// The authority of the last request, once it was found to be ours: clients rarely name another.
    pub authority: RefCell<Option<HeaderValue>>,
    /// When TLS was up.
    pub since: Timestamp,
    /// What TLS agreed on.
    pub negotiated: Arc<NegotiatedParameters>,
    /// The same for the audit log, shared by the records of this connection.
    pub channel: Arc<ChannelParameters>,
    /// TLS exporter value (RFC 9266); `None` on TLS 1.2.
    pub exporter: Option<[u8; 32]>,
    /// SHA-256 of the server certificate that the client saw.
    pub server_certificate_sha256: [u8; 32],
    /// The native session on this connection, if one was opened over HTTP.
    pub native: NativeConnection,
    /// Refusals on this connection, per minute: a flood of them must not fill the disk with records of itself.
    pub refusals: WindowCounter,
    /// Requests on this connection.
    pub exchanges: Exchanges,
    /// What their bodies hold.
    pub bodies: ConnectionBodies,
    /// Set by a request handler that answered 101: what happens with the stream afterwards.
    pub upgrade: RefCell<Option<Upgrade>>,
    /// Identity tokens for the upstream, by credential and audience: a connection rarely has more than one.
    pub assertions: RefCell<Vec<(Arc<Credential>, usize, CachedIdentity)>>,
    /// Its place among those of its source, until it has one among those of an account.
    slot: Cell<Option<UnauthenticatedSlot>>,
    account: Cell<Option<AccountSlot>>,
    authenticated: Cell<bool>,
    recorded: Cell<bool>,
    shown: Option<ShownChain>,
    _open: Option<OpenSlot>,
}

/// What there is to know of a connection, for another worker or after its end.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    id: CorrelationId,
    remote: SocketAddr,
    since: Timestamp,
    negotiated: Arc<NegotiatedParameters>,
    channel: Arc<ChannelParameters>,
    binding: (Option<[u8; 32]>, [u8; 32]),
    shown: Option<ShownChain>,
}

impl ConnectionFacts {
    /// Of a session whose connections were another node's: of them the address is known.
    #[must_use]
    pub fn of_another_node(id: CorrelationId, remote: SocketAddr, since: Timestamp) -> Self {
        let negotiated = NegotiatedParameters {
            version: TlsVersion::Tls13,
            suite: "at another node".to_owned(),
            group: None,
            alpn: None,
            sni: None,
            handshake: HandshakeMode::Full,
            peer_certificate: None,
        };
        let channel = Arc::new(channel_parameters(&negotiated));
        Self { id, remote, since, negotiated: Arc::new(negotiated), channel, binding: (None, [0; 32]), shown: None }
    }

    /// The client's address.
    #[must_use]
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// What TLS agreed on, for the audit log.
    #[must_use]
    pub fn channel(&self) -> Arc<ChannelParameters> {
        Arc::clone(&self.channel)
    }
}

impl Connection {
    /// What there is to know of it.
    #[must_use]
    pub fn facts(&self) -> ConnectionFacts {
        ConnectionFacts {
            id: self.id,
            remote: self.remote,
            since: self.since,
            negotiated: Arc::clone(&self.negotiated),
            channel: Arc::clone(&self.channel),
            binding: (self.exporter, self.server_certificate_sha256),
            shown: self.shown.clone(),
        }
    }

    /// A connection that is served elsewhere or has ended, for the records of a session: it takes no place among the open ones.
    #[must_use]
    pub fn of_facts(facts: ConnectionFacts) -> Self {
        Self::assemble(facts, None)
    }

    /// A connection whose TLS handshake is complete.
    #[must_use]
    pub fn new(
        id: CorrelationId,
        remote: SocketAddr,
        since: Timestamp,
        negotiated: NegotiatedParameters,
        binding: (Option<[u8; 32]>, [u8; 32]),
        slots: Slots,
    ) -> Self {
        let channel = Arc::new(channel_parameters(&negotiated));
        Self::assemble(ConnectionFacts { id, remote, since, negotiated: Arc::new(negotiated), channel, binding, shown: None }, Some(slots))
    }

    /// The same behind a load balancer that said whose it is.
    #[must_use]
    pub fn behind(mut self, proxy: Option<IpAddr>) -> Self {
        Arc::make_mut(&mut self.channel).proxy = proxy;
        self
    }

    fn assemble(facts: ConnectionFacts, slots: Option<Slots>) -> Self {
        let ConnectionFacts { id, remote, since, negotiated, channel, binding, shown } = facts;
        let (open, unauthenticated) = slots.map(|slots| (slots.open, slots.unauthenticated)).unzip();
        Self {
            id,
            remote,
            address: HeaderValue::from_str(&remote.ip().to_canonical().to_string()).expect("an address is visible ASCII"),
            authority: RefCell::default(),
            since,
            negotiated,
            channel,
            exporter: binding.0,
            server_certificate_sha256: binding.1,
            native: NativeConnection::default(),
            refusals: WindowCounter::new(Duration::from_secs(60)),
            exchanges: Exchanges::default(),
            bodies: ConnectionBodies::default(),
            upgrade: RefCell::default(),
            assertions: RefCell::default(),
            slot: Cell::new(unauthenticated),
            account: Cell::new(None),
            authenticated: Cell::new(false),
            recorded: Cell::new(false),
            shown,
            _open: open,
        }
    }

    /// Whether this is the first accept on the connection: its record says what was negotiated.
    #[must_use]
    pub fn first_accept(&self) -> bool {
        !self.recorded.replace(true)
    }

    /// Somebody proved an identity: the connection no longer counts against its source, as long as the account has not as many of those
    /// as it may. Whoever holds one key cannot keep everybody else out with it.
    pub fn note_authenticated(&self, account: &AccountId) {
        if self.authenticated.replace(true) {
            return;
        }
        self.bodies.note_authenticated();
        if let Some(slot) = self.slot.take() {
            match slot.limits().admit_account(account) {
                Some(place) => drop(self.account.replace(Some(place))),
                None => self.slot.set(Some(slot)),
            }
        }
    }

    /// It is trusted by configuration, and counts against nobody.
    pub fn note_trusted(&self) {
        self.authenticated.set(true);
        self.bodies.note_authenticated();
        drop(self.slot.take());
    }

    /// Whether somebody proved an identity on it.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated.get()
    }
}

/// Counts the requests of one connection, and knows when something last moved on it.
#[derive(Debug)]
pub struct Exchanges {
    begun: Cell<u64>,
    ended: Cell<u64>,
    moved: Cell<Monotonic>,
}

impl Default for Exchanges {
    fn default() -> Self {
        Self { begun: Cell::default(), ended: Cell::default(), moved: Cell::new(clock::mono()) }
    }
}

impl Exchanges {
    /// Counts a request until the guard is dropped.
    pub fn begin(&self) -> UnderWay<'_> {
        self.begun.set(self.begun.get() + 1);
        self.note_moved();
        UnderWay(self)
    }

    /// A request began or ended, or the last of an answer went out.
    pub fn note_moved(&self) {
        self.moved.set(clock::mono());
    }

    /// For how long there was no request.
    #[must_use]
    pub fn still_for(&self) -> Duration {
        if self.under_way() > 0 { Duration::ZERO } else { clock::mono().saturating_since(self.moved.get()) }
    }

    /// How many have begun.
    #[must_use]
    pub const fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// How many have begun and not ended.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.begun.get() - self.ended.get()
    }
}

/// A request is under way while this lives.
#[derive(Debug)]
pub struct UnderWay<'c>(&'c Exchanges);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.ended.set(self.0.ended.get() + 1);
        self.0.note_moved();
    }
}

fn channel_parameters(negotiated: &NegotiatedParameters) -> ChannelParameters {
    let certificate = negotiated.peer_certificate.as_ref();
    ChannelParameters {
        tls: Some(match negotiated.version {
            TlsVersion::Tls12 => "TLSv1.2",
            TlsVersion::Tls13 => "TLSv1.3",
        }),
        suite: Some(AuditText::name(&negotiated.suite)),
        group: negotiated.group.as_deref().map(AuditText::name),
        alpn: negotiated.alpn.as_deref().map(AuditText::name),
        sni: negotiated.sni.as_deref().map(AuditText::name),
        client_key: certificate.and_then(|certificate| ApiKeyId::parse(&certificate.spki_sha256).ok()),
        client_subject: certificate.and_then(|certificate| certificate.common_name.as_deref()).map(AuditText::name),
        resumed: negotiated.handshake == HandshakeMode::Resumed,
        proxy: None,
        via: None,
    }
}

/// The open connections with what TLS agreed on. Written on accept and close only.
#[derive(Debug, Default)]
pub struct OpenConnections(Mutex<HashMap<CorrelationId, OpenConnection>>);

#[derive(Debug)]
struct OpenConnection {
    remote: SocketAddr,
    proxy: Option<IpAddr>,
    since: Timestamp,
    negotiated: Arc<NegotiatedParameters>,
}

impl OpenConnections {
    /// The newest `limit` connections, newest first.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<ConnectionRecord> {
        let open = self.0.lock();
        let mut newest: Vec<_> = open.iter().collect();
        newest.sort_by_key(|(_, connection)| std::cmp::Reverse(connection.since));
        let record = |(id, connection): &(&CorrelationId, &OpenConnection)| ConnectionRecord {
            id: id.to_string(),
            remote: connection.remote.to_string(),
            proxy: connection.proxy,
            since_ms: connection.since.as_millis(),
            tls: NegotiatedParameters::clone(&connection.negotiated),
        };
        newest.iter().take(limit).map(record).collect()
    }

    /// Lists a connection until the guard is dropped.
    #[must_use]
    pub fn add(shared: &Arc<Shared>, connection: &Connection) -> Listed {
        let (proxy, negotiated) = (connection.channel.proxy, Arc::clone(&connection.negotiated));
        let open = OpenConnection { remote: connection.remote, proxy, since: connection.since, negotiated };
        shared.open_connections.0.lock().insert(connection.id, open);
        Listed(Arc::clone(shared), connection.id)
    }
}

/// A connection is on the operator's list while this lives.
pub struct Listed(Arc<Shared>, CorrelationId);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.open_connections.0.lock().remove(&self.1);
    }
}
