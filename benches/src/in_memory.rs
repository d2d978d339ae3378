//! The TLS handshake without a kernel: client and server in one thread, and only the server's share is timed.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use countersign_pki::{
    ClientAuth, ClientCertificate, ClientCertificateRequest, ListenerPolicy, PrivateAuthority, ServerCertificate, ServerCertificateRequest,
    ServerTls, TicketKeyRing, UnixTime,
};
use rustls::time_provider::DefaultTimeProvider;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use serde::{Deserialize, Serialize};

use crate::clock::{self, thread_cpu_nanos};
use crate::load::{Group, Security, client_config};
use crate::primitives::median;

/// Handshakes per kind. The median over so many repeats to better than 1 %.
const HANDSHAKES: usize = 1_000;

/// CPU time of the server's side, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct InMemory {
    /// X25519, P-256 certificate, one ticket.
    pub(crate) full_us: f64,
    /// From a ticket.
    pub(crate) resumed_us: f64,
    /// X25519MLKEM768.
    pub(crate) hybrid_us: f64,
    /// With a client certificate.
    pub(crate) mutual_us: f64,
}

/// Measures all kinds with the gateway's own TLS settings.
pub(crate) fn measure() -> Result<InMemory> {
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(clock::wall().as_secs()));
    let authority = PrivateAuthority::create(now)?;
    let request = ServerCertificateRequest { ip_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..ServerCertificateRequest::default() };
    let certificate = || -> Result<_> { Ok(ServerCertificate::from_issued(&authority.issue_server(&request, now)?)?) };
    let clock = Arc::new(DefaultTimeProvider);
    let tickets = Arc::new(TicketKeyRing::new(Arc::<DefaultTimeProvider>::clone(&clock))?);
    let listener = |client_auth: ClientAuth| -> Result<Arc<ServerConfig>> {
        let mut policy = ListenerPolicy::new("bench");
        policy.client_auth = client_auth;
        policy.client_trust = authority.trust()?;
        policy.alpn = vec![ALPN.to_vec()];
        Ok(ServerTls::new(policy, vec![certificate()?], Arc::clone(&tickets), Arc::<DefaultTimeProvider>::clone(&clock))?.current())
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("client.pem");
    authority.issue_client(&ClientCertificateRequest::new("bench", "bench:client"), now)?.save_combined(&file)?;
    // Read once as the product does, so that a certificate it would refuse is noticed here.
    let _ = ClientCertificate::from_issued(&authority.issue_client(&ClientCertificateRequest::new("bench", "bench:client"), now)?)?;
    let client = |group, resume, certificate| client_config(&Security { group, resume, alpn: ALPN }, certificate).map(Arc::new);
    let (open, mutual) = (listener(ClientAuth::Off)?, listener(ClientAuth::Required)?);
    Ok(InMemory {
        full_us: server_us(&open, &client(Group::X25519, false, None)?, HandshakeKind::Full)?,
        resumed_us: server_us(&open, &client(Group::X25519, true, None)?, HandshakeKind::Resumed)?,
        hybrid_us: server_us(&open, &client(Group::X25519mlkem768, false, None)?, HandshakeKind::Full)?,
        mutual_us: server_us(&mutual, &client(Group::X25519, false, Some(&file))?, HandshakeKind::Full)?,
    })
}

const ALPN: &[u8] = b"http/1.1";

/// Handshakes before those that count: caches fill, and the ticket comes that the next ones resume with.
const WARM_UP: usize = 200;

/// The median over many handshakes.
fn server_us(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, kind: HandshakeKind) -> Result<f64> {
    for _ in 0..WARM_UP {
        shake(server, client)?;
    }
    let mut samples = Vec::with_capacity(HANDSHAKES);
    for _ in 0..HANDSHAKES {
        let (nanos, got) = shake(server, client)?;
        if got != Some(kind) {
            bail!("a handshake was {got:?} instead of {kind:?}");
        }
        samples.push(nanos as f64 / 1_000.0);
    }
    Ok(median(&mut samples))
}

/// One handshake until the client has the ticket; the CPU time of the server's side.
fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Result<(u64, Option<HandshakeKind>)> {
    let name = "localhost".try_into()?;
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let begun = thread_cpu_nanos();
    let mut server = ServerConnection::new(Arc::clone(server))?;
    let mut nanos = thread_cpu_nanos() - begun;
    let mut flight = Vec::with_capacity(16 * 1024);
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        flight.clear();
        while client.wants_write() {
            client.write_tls(&mut flight)?;
        }
        let begun = thread_cpu_nanos();
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest)?;
            server.process_new_packets()?;
        }
        let mut answer = Vec::with_capacity(8 * 1024);
        while server.wants_write() {
            server.write_tls(&mut answer)?;
        }
        nanos += thread_cpu_nanos() - begun;
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest)?;
            client.process_new_packets().context("the client's side")?;
        }
    }
    Ok((nanos, client.handshake_kind()))
}
