//! TLS configuration of our own clients: the client crate, the probe, the tests.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, NoKeyLog};

use crate::error::PkiError;
use crate::keyed_certificate::ClientCertificate;
use crate::limits::{ALPN_NAME_BYTES_MAX, CLIENT_SESSIONS_MAX};
use crate::listener_policy::ProtocolVersions;
use crate::provider::crypto_provider;
use crate::trust::TrustBundle;

/// Builds a client configuration. By default: TLS 1.3 only, no client certificate, no ALPN, sessions remembered.
#[derive(Clone, Debug)]
pub struct ClientTls {
    trust: TrustBundle,
    certificate: Option<ClientCertificate>,
    alpn: Vec<Vec<u8>>,
    versions: ProtocolVersions,
    remembers_sessions: bool,
    clock: Arc<dyn TimeProvider>,
}

impl ClientTls {
    /// A client that believes the CAs of `trust` and no others.
    pub fn new(trust: TrustBundle) -> Self {
        Self {
            trust,
            certificate: None,
            alpn: Vec::new(),
            versions: ProtocolVersions::Tls13Only,
            remembers_sessions: true,
            clock: Arc::new(DefaultTimeProvider),
        }
    }

    /// Shows this certificate to servers that ask for one.
    #[must_use]
    pub fn with_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Offers these ALPN protocols, best first.
    #[must_use]
    pub fn with_alpn(mut self, alpn: Vec<Vec<u8>>) -> Self {
        self.alpn = alpn;
        self
    }

    /// Offers other protocol versions.
    #[must_use]
    pub fn with_versions(mut self, versions: ProtocolVersions) -> Self {
        self.versions = versions;
        self
    }

    /// Makes a full handshake every time.
    #[must_use]
    pub fn without_resumption(mut self) -> Self {
        self.remembers_sessions = false;
        self
    }

    /// Verifies certificates at the time of this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.clock = clock;
        self
    }

    /// The configuration. Connections made from clones of one `Arc` share remembered sessions.
    ///
    /// # Errors
    /// Nobody is trusted, or an ALPN name is empty or too long.
    pub fn build(self) -> Result<Arc<ClientConfig>, PkiError> {
        self.check()?;
        let builder = ClientConfig::builder_with_details(crypto_provider(), self.clock)
            .with_protocol_versions(self.versions.supported())
            .map_err(PkiError::Tls)?
            .with_root_certificates(self.trust.roots());
        let mut config = match self.certificate {
            Some(certificate) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.certified_key()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        config.enable_early_data = false;
        config.key_log = Arc::new(NoKeyLog {});
        config.resumption =
            if self.remembers_sessions { Resumption::in_memory_sessions(CLIENT_SESSIONS_MAX) } else { Resumption::disabled() };
        Ok(Arc::new(config))
    }

    fn check(&self) -> Result<(), PkiError> {
        let reason = if self.trust.is_empty() {
            "there is no CA to trust, so every server would be refused"
        } else if !self.alpn.iter().all(|name| (1..=ALPN_NAME_BYTES_MAX).contains(&name.len())) {
            "an ALPN protocol name has 1 to 255 bytes"
        } else {
            return Ok(());
        };
        Err(PkiError::InvalidClient { reason })
    }
}
