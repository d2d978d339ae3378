//! Values that name a TLS connection, for signatures that must not work on another one.

use rustls::{ConnectionCommon, ProtocolVersion};
use rustls_pki_types::CertificateDer;

use crate::digest::sha256;

/// The exporter label of RFC 9266 section 4.
pub const EXPORTER_BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The `tls-exporter` channel binding (RFC 9266): 32 bytes that both ends compute and nobody else can, different for
/// every connection, resumed ones included.
///
/// None before the handshake is complete, and on TLS 1.2. RFC 9266 asks for a context of length zero; in TLS 1.3 an empty
/// context and none at all give the same value (RFC 8446 section 7.5), so peers may pass either.
///
/// Takes `&ServerConnection` and `&ClientConnection` alike.
pub fn exporter_binding<Data>(connection: &ConnectionCommon<Data>) -> Option<[u8; 32]> {
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    // rustls gives no value before the peer's Finished is verified, although a server could compute one.
    connection.export_keying_material([0; 32], EXPORTER_BINDING_LABEL, Some(b"")).ok()
}

/// SHA-256 of the first certificate of a chain: the client's side of a binding to the server certificate
/// (`peer_certificates()` of its connection). The server's side is
/// [`ServerTlsSnapshot::leaf_certificate_hash`](crate::ServerTlsSnapshot::leaf_certificate_hash).
///
/// Always SHA-256, unlike `tls-server-end-point` (RFC 5929), whose hash depends on the certificate's signature.
pub fn leaf_certificate_hash(chain: &[CertificateDer<'_>]) -> Option<[u8; 32]> {
    chain.first().map(|leaf| sha256(leaf))
}
