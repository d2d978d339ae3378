//! Which certificate a hello gets.

use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::keyed_certificate::ServerCertificate;
use crate::listener_policy::SniPolicy;

/// The certificates of one snapshot, the default first. Never changes: a reload makes a new snapshot.
#[derive(Debug)]
pub(crate) struct NamedCertificates {
    certificates: Vec<ServerCertificate>,
    sni: SniPolicy,
    /// Ours without a certificate.
    names: Vec<String>,
}

impl NamedCertificates {
    pub(crate) fn new(certificates: Vec<ServerCertificate>, sni: SniPolicy, names: Vec<String>) -> Self {
        Self { certificates, sni, names }
    }

    /// Whether a hello with this name is answered.
    pub(crate) fn serves(&self, name: Option<&str>) -> bool {
        match (self.sni, name) {
            (SniPolicy::Any, _) | (SniPolicy::Known, None) => true,
            (SniPolicy::Known, Some(name)) => {
                // Written with the dot of the root by those who do not know RFC 6066; they check the same certificate.
                let name = name.strip_suffix('.').unwrap_or(name);
                self.covering(Some(name)).is_some()
                    || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
                    || self.certificates.iter().any(|certificate| certificate.is_called(name))
            }
        }
    }

    /// The choice depends on the name alone, so it can be made again later for a connection's record.
    pub(crate) fn select(&self, name: Option<&str>) -> Option<&ServerCertificate> {
        match self.sni {
            // The usual case, one certificate for everybody, costs no comparison.
            SniPolicy::Any if self.certificates.len() == 1 => self.certificates.first(),
            SniPolicy::Any => self.covering(name).or_else(|| self.certificates.first()),
            SniPolicy::Known if !self.serves(name) => None,
            SniPolicy::Known => self.covering(name).or_else(|| self.certificates.first()),
        }
    }

    pub(crate) fn certificates(&self) -> &[ServerCertificate] {
        &self.certificates
    }

    fn covering(&self, name: Option<&str>) -> Option<&ServerCertificate> {
        let name = name?;
        self.certificates.iter().find(|certificate| certificate.is_valid_for(name))
    }
}

impl ResolvesServerCert for NamedCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.select(hello.server_name()).map(ServerCertificate::certified_key)
    }
}
