//! TCP and TLS, and what they give the handshake to bind to.

use std::sync::Arc;

use countersign_handshake::Channel;
use countersign_pki::{ClientTls, NegotiatedParameters, exporter_binding, leaf_certificate_hash};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::options::Options;

/// A TLS connection, ready for the native handshake.
pub struct Dialled {
    /// The stream.
    pub stream: TlsStream<TcpStream>,
    /// What the handshake binds to.
    pub channel: Channel,
    /// What TLS agreed on.
    pub negotiated: NegotiatedParameters,
}

/// Connects.
///
/// # Errors
/// [`ClientError::Io`], [`ClientError::Pki`], [`ClientError::Deadline`].
pub async fn dial(options: &Options, ladder: &mut Ladder) -> Result<Dialled, ClientError> {
    let mut tls = ClientTls::new(options.trust.clone()).with_alpn(options.carriage.alpn());
    if let Some(certificate) = options.certificate.clone() {
        tls = tls.with_certificate(certificate);
    }
    let config = tls.build()?;
    let authority = options.endpoint.authority();
    let tcp = tokio::time::timeout(options.deadline, TcpStream::connect(&authority))
        .await
        .map_err(|_| ClientError::Deadline("TCP connect"))?
        .map_err(ClientError::io("TCP connect"))?;
    tcp.set_nodelay(true).map_err(ClientError::io("TCP connect"))?;
    ladder.step("TCP", authority.clone());
    let name = ServerName::try_from(options.endpoint.host.clone()).map_err(|_| ClientError::Url(authority.clone()))?;
    let connecting = TlsConnector::from(Arc::clone(&config)).connect(name, tcp);
    let stream = tokio::time::timeout(options.deadline, connecting)
        .await
        .map_err(|_| ClientError::Deadline("TLS handshake"))?
        .map_err(ClientError::io("TLS handshake"))?;
    let (_, connection) = stream.get_ref();
    let negotiated = NegotiatedParameters::of_client(connection, Some(&options.endpoint.host))?;
    let leaf = connection.peer_certificates().and_then(leaf_certificate_hash);
    let channel = Channel {
        exporter: exporter_binding(connection),
        server_certificate_sha256: leaf.ok_or_else(|| ClientError::Protocol("no server certificate".to_owned()))?,
        authority: Some(authority),
    };
    ladder.step("TLS", summary(&negotiated));
    Ok(Dialled { stream, channel, negotiated })
}

fn summary(negotiated: &NegotiatedParameters) -> String {
    let version = match negotiated.version {
        countersign_pki::TlsVersion::Tls12 => "TLS 1.2",
        countersign_pki::TlsVersion::Tls13 => "TLS 1.3",
    };
    let group = negotiated.group.as_deref().unwrap_or("no key exchange");
    let alpn = negotiated.alpn.as_deref().unwrap_or("no ALPN");
    format!("{version}, {group}, {}, {alpn}", negotiated.suite)
}
