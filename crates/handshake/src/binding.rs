//! Channel binding: the value T0 that ties a proof to one TLS connection, one server certificate, or one host name.
//!
//! ```text
//!   exp   TLS-Exporter("EXPORTER-Channel-Binding", "", 32)     TLS 1.3, RFC 9266
//!   sep   H(label("cb sep") || nonce text || SHA-256(server certificate DER))
//!   chl   H(label("cb chl") || nonce text || H(host text))
//! ```
//!
//! The value is never sent: it is an input of the verification. A verifier that forgot the channel could accept nothing.

use countersign_core::Binding;

use crate::label;
use crate::transcript::{Transcript, sha256};

/// What this end knows of the TLS connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// `TLS-Exporter("EXPORTER-Channel-Binding", "", 32)`; `None` below TLS 1.3 or where the library has no exporter.
    pub exporter: Option<[u8; 32]>,
    /// SHA-256 of the server's end-entity certificate (DER).
    pub server_certificate_sha256: [u8; 32],
    /// The authority as the carriage names it (`Host`, `:authority`); it must equal the signed `host`. `None` on raw TLS.
    pub authority: Option<String>,
}

/// T0 for mode `exp`; `None` without an exporter.
fn exp(channel: &Channel) -> Option<Transcript> {
    // HS-20
    channel.exporter.map(Transcript::of_channel)
}

/// T0 for mode `sep`.
fn sep(channel: &Channel, nonce: &str) -> Transcript {
    // HS-21
    Transcript::of_channel(sha256(&[&label::CB_SEP, nonce.as_bytes(), &channel.server_certificate_sha256]))
}

/// T0 for mode `chl`.
fn chl(host: &str, nonce: &str) -> Transcript {
    // HS-22
    Transcript::of_channel(sha256(&[&label::CB_CHL, nonce.as_bytes(), &sha256(&[host.as_bytes()])]))
}

/// T0 of a hello: `None` when its mode needs what is not there (an exporter, a nonce). Nothing falls back (HS-23).
#[must_use]
pub fn transcript_start(binding: Binding, channel: &Channel, host: &str, nonce: Option<&str>) -> Option<Transcript> {
    match binding {
        Binding::Chl => nonce.map(|nonce| chl(host, nonce)),
        Binding::Exp => exp(channel),
        Binding::Sep => nonce.map(|nonce| sep(channel, nonce)),
    }
}
