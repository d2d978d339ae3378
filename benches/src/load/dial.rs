//! Connections: where they come from, what TLS they offer, how they end.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned, version};
use socket2::{Domain, Socket, Type};

use super::LoadArgs;
use crate::danger::BelievesAnyServer;

/// Key exchange groups that the rig compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// X25519 alone.
    X25519,
    /// X25519 with ML-KEM-768.
    X25519mlkem768,
}

/// How long any answer may take before the run is given up.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Tickets kept per client.
const TICKETS_KEPT: usize = 8;

/// Makes the connections of one client.
pub(crate) struct Dialler {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    next_source: usize,
}

/// What a dialler needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    /// The one group offered.
    pub(crate) group: Group,
    /// Whether sessions are resumed.
    pub(crate) resume: bool,
    /// The one ALPN name offered.
    pub(crate) alpn: &'static [u8],
}

impl Dialler {
    /// For a load: its own TLS configuration and ticket store, so that every client can resume.
    pub(super) fn new(args: &LoadArgs, index: usize, alpn: &'static [u8]) -> Result<Self> {
        let security = (!args.plain).then_some(Security { group: args.group, resume: args.resume, alpn });
        Self::with(args.address, security, args.certificate.as_deref(), index)
    }

    /// A dialler; `index` chooses its source addresses.
    pub(crate) fn with(address: SocketAddr, security: Option<Security>, certificate: Option<&Path>, index: usize) -> Result<Self> {
        let tls = security.map(|security| client_config(&security, certificate).map(Arc::new)).transpose()?;
        Ok(Self { address, tls, next_source: index * SOURCES_PER_CLIENT })
    }

    /// Connects and, unless plain, shakes hands.
    pub(crate) fn dial(&mut self) -> Result<Wire> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(self.source(), 0).into())?;
        socket.connect(&self.address.into()).with_context(|| format!("cannot connect to {}", self.address))?;
        socket.set_tcp_nodelay(true)?;
        // A reset instead of a farewell: no TIME_WAIT eats up the ports.
        socket.set_linger(Some(Duration::ZERO))?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        let Some(config) = &self.tls else { return Ok(Wire::Plain(stream)) };
        let name = ServerName::try_from("localhost")?;
        let mut tls = ClientConnection::new(Arc::clone(config), name)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).context("TLS handshake")?;
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(tls, stream))))
    }

    /// Sources are spread, because the port range of one address is soon used up.
    fn source(&mut self) -> IpAddr {
        let number = self.next_source;
        self.next_source += 1;
        let octet = |value: usize| u8::try_from(value % 250 + 1).expect("at most 250");
        Ipv4Addr::new(127, 0, octet(number / 250), octet(number)).into()
    }
}

/// Distance of the source addresses of two clients.
const SOURCES_PER_CLIENT: usize = 13;

/// The TLS settings of one client.
pub(crate) fn client_config(security: &Security, certificate: Option<&Path>) -> Result<ClientConfig> {
    let group = match security.group {
        Group::X25519 => aws_lc_rs::kx_group::X25519,
        Group::X25519mlkem768 => aws_lc_rs::kx_group::X25519MLKEM768,
    };
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![group],
        ..aws_lc_rs::default_provider()
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesAnyServer));
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let chain = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(path)?)?
        }
    };
    config.resumption = if security.resume { Resumption::in_memory_sessions(TICKETS_KEPT) } else { Resumption::disabled() };
    config.alpn_protocols = vec![security.alpn.to_vec()];
    Ok(config)
}

/// An open connection.
pub(crate) enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// How the TLS handshake went.
    pub(crate) fn handshake(&self) -> Option<HandshakeKind> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.conn.handshake_kind(),
        }
    }

    /// The exporter value for channel binding (RFC 9266).
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => countersign_pki::exporter_binding(&stream.conn),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
