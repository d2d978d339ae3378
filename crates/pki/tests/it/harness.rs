//! A world with a CA, a clock that stands still and connections that need no socket.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_pki::{
    ClientAuth, ClientCertificate, ClientCertificateRequest, ClientTls, HandshakeMode, ListenerPolicy, NegotiatedParameters,
    PrivateAuthority, ServerCertificate, ServerCertificateRequest, ServerTls, TicketKeyRing, UnixTime,
};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};
use rustls_pki_types::ServerName;

/// Moves what `$from` has to send into `$to`; the number of bytes and the error of `$to`.
macro_rules! carry {
    ($from:expr, $to:expr) => {{
        let mut bytes = Vec::new();
        while $from.wants_write() {
            $from.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        let mut error = None;
        while !rest.is_empty() && error.is_none() {
            $to.read_tls(&mut rest).unwrap();
            error = $to.process_new_packets().err();
        }
        (bytes.len(), error)
    }};
}

/// Some day in 2027.
pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn now(&self) -> UnixTime {
        at(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<Clock>,
    pub(crate) authority: PrivateAuthority,
    pub(crate) tickets: Arc<TicketKeyRing>,
    pub(crate) certificate: ServerCertificate,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(START)));
        let authority = PrivateAuthority::create(clock.now()).unwrap();
        Self {
            tickets: Arc::new(TicketKeyRing::new(Arc::clone(&clock) as Arc<dyn TimeProvider>).unwrap()),
            certificate: server_certificate(&authority, clock.now()),
            authority,
            clock,
        }
    }

    /// A policy that trusts the world's CA for client certificates.
    pub(crate) fn policy(&self, name: &str, client_auth: ClientAuth) -> ListenerPolicy {
        ListenerPolicy { client_auth, client_trust: self.authority.trust().unwrap(), ..ListenerPolicy::new(name) }
    }

    pub(crate) fn server(&self, policy: ListenerPolicy) -> ServerTls {
        ServerTls::new(policy, vec![self.certificate.clone()], Arc::clone(&self.tickets), Arc::clone(&self.clock) as Arc<dyn TimeProvider>)
            .unwrap()
    }

    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::new(self.authority.trust().unwrap()).with_clock(Arc::clone(&self.clock) as Arc<dyn TimeProvider>)
    }

    /// A client with a certificate issued at `issued_at` for `seconds`.
    pub(crate) fn operator(&self, issued_at: UnixTime, seconds: u64) -> (ClientTls, ClientCertificate) {
        let certificate = client_certificate(&self.authority, issued_at, seconds);
        (self.client().with_certificate(certificate.clone()), certificate)
    }
}

pub(crate) fn server_certificate(authority: &PrivateAuthority, now: UnixTime) -> ServerCertificate {
    let issued = authority.issue_server(&ServerCertificateRequest::default(), now).unwrap();
    ServerCertificate::from_issued(&issued).unwrap()
}

pub(crate) fn client_certificate(authority: &PrivateAuthority, now: UnixTime, seconds: u64) -> ClientCertificate {
    let request =
        ClientCertificateRequest { validity_seconds: seconds, ..ClientCertificateRequest::new("alice", "countersign:operator:alice") };
    ClientCertificate::from_issued(&authority.issue_client(&request, now).unwrap()).unwrap()
}

/// Both ends of a completed handshake.
pub(crate) struct Pair {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
}

/// What each end says about a handshake that failed.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) client: Option<Error>,
    pub(crate) server: Option<Error>,
}

pub(crate) fn connect(client: &Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Pair, Refused> {
    connect_to("localhost", client, server)
}

pub(crate) fn connect_to(name: &str, client: &Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Pair, Refused> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut pair =
        Pair { client: ClientConnection::new(Arc::clone(client), name).unwrap(), server: ServerConnection::new(server).unwrap() };
    pair.exchange()?;
    assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
    Ok(pair)
}

impl Pair {
    /// Carries bytes both ways until nobody has more to say. After an error the alert is still delivered.
    pub(crate) fn exchange(&mut self) -> Result<(), Refused> {
        loop {
            let (to_server, server) = carry!(self.client, self.server);
            let (to_client, client) = carry!(self.server, self.client);
            if server.is_some() || client.is_some() {
                // The other end's view: what the alert told it.
                let (_, server_after) = carry!(self.client, self.server);
                return Err(Refused { client, server: server.or(server_after) });
            }
            if to_server + to_client == 0 {
                return Ok(());
            }
        }
    }

    /// Sends a line to the server and one back.
    pub(crate) fn echoes(&mut self) -> bool {
        let mut line = [0; 4];
        self.client.writer().write_all(b"ping").unwrap();
        self.exchange().unwrap();
        self.server.reader().read_exact(&mut line).unwrap();
        self.server.writer().write_all(&line).unwrap();
        self.exchange().unwrap();
        self.client.reader().read_exact(&mut line).unwrap();
        &line == b"ping"
    }

    pub(crate) fn parameters(&self) -> NegotiatedParameters {
        NegotiatedParameters::of_server(&self.server).unwrap()
    }

    pub(crate) fn mode(&self) -> HandshakeMode {
        self.parameters().handshake
    }
}
