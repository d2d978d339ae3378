//! What a TLS handshake settled, for the connection's record.

use rustls::{ClientConnection, CommonState, HandshakeKind, ProtocolVersion, ServerConnection};
use serde::Serialize;

use crate::error::PkiError;
use crate::identities::CertificateIdentities;

/// TLS version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

/// How the handshake went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandshakeMode {
    /// With certificates.
    Full,
    /// With certificates, after a HelloRetryRequest: the client had guessed another group.
    FullWithHelloRetryRequest,
    /// From a ticket, with a fresh key exchange.
    Resumed,
}

/// The negotiated parameters of a completed handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NegotiatedParameters {
    /// TLS version.
    pub version: TlsVersion,
    /// Cipher suite, by its IANA name.
    pub suite: String,
    /// Group of the key exchange, by its IANA name; none on a resumed TLS 1.2 session, which exchanges no keys.
    pub group: Option<String>,
    /// ALPN protocol, if one was negotiated.
    pub alpn: Option<String>,
    /// Server name that the client asked for.
    pub sni: Option<String>,
    /// How the handshake went.
    pub handshake: HandshakeMode,
    /// The peer's certificate: the client's on a server, the server's on a client.
    pub peer_certificate: Option<CertificateIdentities>,
}

impl NegotiatedParameters {
    /// The record of an accepted connection.
    ///
    /// # Errors
    /// The handshake is not complete, or the peer's certificate cannot be read (which is never reported as no
    /// certificate).
    pub fn of_server(connection: &ServerConnection) -> Result<Self, PkiError> {
        Self::new(connection, connection.server_name().map(str::to_owned))
    }

    /// The record of a connection that we made; `server_name` is the name it was made for.
    ///
    /// # Errors
    /// As [`of_server`](Self::of_server).
    pub fn of_client(connection: &ClientConnection, server_name: Option<&str>) -> Result<Self, PkiError> {
        Self::new(connection, server_name.map(str::to_owned))
    }

    fn new(state: &CommonState, sni: Option<String>) -> Result<Self, PkiError> {
        if state.is_handshaking() {
            return Err(PkiError::HandshakeIncomplete);
        }
        let suite = state.negotiated_cipher_suite().ok_or(PkiError::HandshakeIncomplete)?;
        let peer_leaf = state.peer_certificates().and_then(<[_]>::first);
        Ok(Self {
            version: version(state)?,
            suite: iana_suite_name(suite.suite()),
            group: state.negotiated_key_exchange_group().map(|group| name_or_code(group.name().as_str(), u16::from(group.name()))),
            alpn: state.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            sni,
            handshake: handshake(state)?,
            peer_certificate: peer_leaf.map(CertificateIdentities::from_der).transpose()?,
        })
    }
}

#[allow(clippy::wildcard_enum_match_arm)] // non-exhaustive in rustls, and other versions are never negotiated
fn version(state: &CommonState) -> Result<TlsVersion, PkiError> {
    match state.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Ok(TlsVersion::Tls12),
        Some(ProtocolVersion::TLSv1_3) => Ok(TlsVersion::Tls13),
        _ => Err(PkiError::HandshakeIncomplete),
    }
}

fn handshake(state: &CommonState) -> Result<HandshakeMode, PkiError> {
    match state.handshake_kind() {
        Some(HandshakeKind::Full) => Ok(HandshakeMode::Full),
        Some(HandshakeKind::FullWithHelloRetryRequest) => Ok(HandshakeMode::FullWithHelloRetryRequest),
        Some(HandshakeKind::Resumed) => Ok(HandshakeMode::Resumed),
        None => Err(PkiError::HandshakeIncomplete),
    }
}

/// rustls writes `TLS13_AES_…` where the registry has `TLS_AES_…`.
fn iana_suite_name(suite: rustls::CipherSuite) -> String {
    let name = name_or_code(suite.as_str(), u16::from(suite));
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name,
    }
}

fn name_or_code(name: Option<&'static str>, code: u16) -> String {
    name.map_or_else(|| format!("0x{code:04x}"), str::to_owned)
}
