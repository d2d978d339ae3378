//! What a listener demands of the TLS connections it takes.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};

use crate::client_verifier::BoundedClientVerifier;
use crate::error::PkiError;
use crate::limits::{ALPN_NAME_BYTES_MAX, LISTENER_NAME_BYTES_MAX};
use crate::provider::crypto_provider;
use crate::revocation::RevocationLists;
use crate::trust::TrustBundle;

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// None is asked for.
    Off,
    /// One is asked for and verified; clients without one get in too.
    Optional,
    /// No handshake completes without one.
    Required,
}

/// Protocol versions of a listener or client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolVersions {
    /// TLS 1.3 only: the default.
    Tls13Only,
    /// TLS 1.2 too, with extended master secret, for clients of old venues. Has no channel binding for native sessions.
    Tls12AndTls13,
}

/// What happens to a hello that names a host (SNI) which is not ours. One without SNI, as every connection to an IP address makes it,
/// gets the first certificate under either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniPolicy {
    /// It gets the first certificate.
    Any,
    /// It is refused: whoever accepts connections asks [`ServerTlsSnapshot::serves`](crate::ServerTlsSnapshot::serves) and answers with
    /// the alert `unrecognized_name` (RFC 6066, 3). Whoever does not ask has rustls refuse it, with `access_denied`.
    Known,
}

/// The demands of one listener. All of it is part of the binding of its resumption tickets, except `alpn`, which is
/// negotiated anew on every resumption (RFC 8446 section 4.2.11).
#[derive(Clone, Debug)]
pub struct ListenerPolicy {
    /// Name of the listener; listeners with the same name on several nodes may share tickets.
    pub name: String,
    /// Protocol versions.
    pub versions: ProtocolVersions,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// CAs whose client certificates are believed.
    pub client_trust: TrustBundle,
    /// Their revocation lists.
    pub revocation: RevocationLists,
    /// ALPN protocols, best first. A client that offers only others is refused (RFC 7301); one that offers none is not.
    pub alpn: Vec<Vec<u8>>,
    /// What becomes of host names that are not ours.
    pub sni: SniPolicy,
    /// Host names that are ours although no certificate covers them: clients that pin a certificate may dial any.
    pub names: Vec<String>,
}

impl ListenerPolicy {
    /// TLS 1.3 only, no client certificates, no ALPN, any host name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            versions: ProtocolVersions::Tls13Only,
            client_auth: ClientAuth::Off,
            client_trust: TrustBundle::empty(),
            revocation: RevocationLists::none(),
            alpn: Vec::new(),
            sni: SniPolicy::Any,
            names: Vec::new(),
        }
    }

    /// Finds settings that cannot work.
    pub(crate) fn check(&self) -> Result<(), PkiError> {
        if self.name.is_empty() || self.name.len() > LISTENER_NAME_BYTES_MAX {
            return Err(self.invalid("a listener's name has 1 to 64 bytes"));
        }
        if self.client_auth != ClientAuth::Off && self.client_trust.is_empty() {
            return Err(self.invalid("client certificates are asked for, but there is no CA to trust"));
        }
        let alpn_fits = |name: &Vec<u8>| !name.is_empty() && name.len() <= ALPN_NAME_BYTES_MAX;
        if !self.alpn.iter().all(alpn_fits) {
            return Err(self.invalid("an ALPN protocol name has 1 to 255 bytes"));
        }
        Ok(())
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> PkiError {
        PkiError::InvalidListener { listener: self.name.clone(), reason: reason.into() }
    }

    /// The verifier of client certificates; none if no certificate is asked for.
    pub(crate) fn client_verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, PkiError> {
        if self.client_auth == ClientAuth::Off {
            return Ok(None);
        }
        // Revocation is checked for the whole chain, a certificate that no list covers is refused, and so is every
        // certificate once its CA's list is past its next update: not knowing is not "not revoked".
        let mut builder = WebPkiClientVerifier::builder_with_provider(self.client_trust.roots(), crypto_provider())
            .with_crls(self.revocation.to_vec())
            .enforce_revocation_expiration();
        if self.client_auth == ClientAuth::Optional {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder.build().map_err(|error| self.invalid(error.to_string()))?;
        Ok(Some(Arc::new(BoundedClientVerifier::new(verifier))))
    }
}

static TLS13_ONLY: &[&SupportedProtocolVersion] = &[&TLS13];
static TLS12_AND_TLS13: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

impl ProtocolVersions {
    /// In the form that rustls takes.
    pub(crate) fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls13Only => TLS13_ONLY,
            Self::Tls12AndTls13 => TLS12_AND_TLS13,
        }
    }
}
