//! What a ticket is bound to, and the face of the key ring that rustls sees.
//!
//! rustls restores the client's certificate from a ticket without verifying it again. A ticket made where certificates
//! were optional, or under another trust bundle, must therefore not resume a session where they are required: the demands
//! under which the first handshake was verified are part of the ticket's associated data. If any of them differs, the
//! ticket does not open and the client, none the wiser, makes a full handshake.

use std::sync::Arc;

use rustls::server::ProducesTickets;

use crate::digest::FieldHash;
use crate::keyed_certificate::ServerCertificate;
use crate::limits::TICKET_LIFETIME_SECONDS;
use crate::listener_policy::{ClientAuth, ListenerPolicy, ProtocolVersions, SniPolicy};
use crate::ticket_keys::TicketKeyRing;

/// Seals and opens the tickets of one snapshot of one listener.
#[derive(Debug)]
pub(crate) struct BoundTicketer {
    ring: Arc<TicketKeyRing>,
    binding: [u8; 32],
}

impl BoundTicketer {
    pub(crate) fn new(ring: Arc<TicketKeyRing>, policy: &ListenerPolicy, certificates: &[ServerCertificate]) -> Self {
        Self { ring, binding: binding(policy, certificates) }
    }
}

impl ProducesTickets for BoundTicketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(TICKET_LIFETIME_SECONDS).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.ring.seal(&self.binding, plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.ring.open(&self.binding, cipher)
    }
}

/// Everything that a resumed session takes over from the handshake that made its ticket.
///
/// The server's certificates are part of it because a client keeps the certificate of the first handshake: with a channel
/// binding to the server certificate, both ends must mean the same one.
fn binding(policy: &ListenerPolicy, certificates: &[ServerCertificate]) -> [u8; 32] {
    let fixed = FieldHash::new("countersign ticket binding 1")
        .field(policy.name.as_bytes())
        .field(versions_name(policy.versions))
        .field(client_auth_name(policy.client_auth))
        .field(sni_name(policy.sni))
        .field(policy.client_trust.hash())
        .field(policy.revocation.hash());
    certificates.iter().fold(fixed, |hash, certificate| hash.field(&certificate.leaf_hash())).finish()
}

fn versions_name(versions: ProtocolVersions) -> &'static [u8] {
    match versions {
        ProtocolVersions::Tls13Only => b"1.3",
        ProtocolVersions::Tls12AndTls13 => b"1.2 1.3",
    }
}

fn client_auth_name(client_auth: ClientAuth) -> &'static [u8] {
    match client_auth {
        ClientAuth::Off => b"off",
        ClientAuth::Optional => b"optional",
        ClientAuth::Required => b"required",
    }
}

fn sni_name(sni: SniPolicy) -> &'static [u8] {
    match sni {
        SniPolicy::Any => b"any",
        SniPolicy::Known => b"known",
    }
}
