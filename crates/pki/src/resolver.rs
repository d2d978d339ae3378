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
}

impl NamedCertificates {
    pub(crate) fn new(certificates: Vec<ServerCertificate>, sni: SniPolicy) -> Self {
        Self { certificates, sni }
    }

    /// The choice depends on the name alone, so it can be made again later for a connection's record.
    pub(crate) fn select(&self, name: Option<&str>) -> Option<&ServerCertificate> {
        match self.sni {
            // The usual case, one certificate for everybody, costs no comparison.
            SniPolicy::Any if self.certificates.len() == 1 => self.certificates.first(),
            SniPolicy::Any => self.covering(name).or_else(|| self.certificates.first()),
            SniPolicy::KnownOnly => self.covering(name),
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
