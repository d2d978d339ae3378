//! The CAs whose certificates are believed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::digest::{FieldHash, sha256};
use crate::error::PkiError;
use crate::files::read_public;
use crate::identities::{IN_MEMORY, parse};
use crate::limits::{PEM_FILE_BYTES_MAX, TRUST_ANCHORS_MAX};

/// A set of CA certificates, with a hash that names the set: the order of files does not matter.
#[derive(Clone, Debug)]
pub struct TrustBundle {
    roots: Arc<RootCertStore>,
    hash: [u8; 32],
}

impl TrustBundle {
    /// A bundle that trusts nobody.
    pub fn empty() -> Self {
        Self { roots: Arc::new(RootCertStore::empty()), hash: FieldHash::new(HASH_LABEL).finish() }
    }

    /// Reads every certificate of every PEM file.
    ///
    /// # Errors
    /// A file that cannot be read, is not PEM, holds no certificate, or holds one that is not a CA.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, PkiError> {
        let mut anchors = Vec::new();
        for path in paths {
            let origin = path.as_ref().display().to_string();
            let bytes = read_public(path.as_ref(), PEM_FILE_BYTES_MAX)?;
            anchors.extend(certificates_from_pem(&bytes, &origin)?.into_iter().map(|der| (origin.clone(), der)));
        }
        Self::from_anchors(&anchors)
    }

    /// Takes PEM bytes that are already here.
    ///
    /// # Errors
    /// As [`from_files`](Self::from_files).
    pub fn from_pem(pem: &[u8]) -> Result<Self, PkiError> {
        Self::from_certificates(certificates_from_pem(pem, IN_MEMORY)?)
    }

    /// Takes certificates that are already here.
    ///
    /// # Errors
    /// One of them is not a CA certificate, or there are too many.
    pub fn from_certificates(certificates: Vec<CertificateDer<'static>>) -> Result<Self, PkiError> {
        let anchors: Vec<_> = certificates.into_iter().map(|der| (IN_MEMORY.to_owned(), der)).collect();
        Self::from_anchors(&anchors)
    }

    fn from_anchors(anchors: &[(String, CertificateDer<'static>)]) -> Result<Self, PkiError> {
        if anchors.len() > TRUST_ANCHORS_MAX {
            return Err(PkiError::LimitExceeded {
                origin: "the trust bundle".to_owned(),
                what: "CA certificates",
                limit: TRUST_ANCHORS_MAX,
            });
        }
        let mut roots = RootCertStore::empty();
        for (origin, certificate) in anchors {
            require_authority(certificate, origin)?;
            roots.add(certificate.clone()).map_err(|error| PkiError::malformed_certificate(origin, error.to_string()))?;
        }
        Ok(Self { roots: Arc::new(roots), hash: set_hash(HASH_LABEL, anchors.iter().map(|(_, der)| sha256(der))) })
    }

    /// True if it trusts nobody.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Number of CA certificates.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// The anchors, in the form that rustls takes.
    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// Names the set.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

const HASH_LABEL: &str = "countersign trust bundle 1";

/// The certificates of a PEM file, at least one.
pub(crate) fn certificates_from_pem(pem: &[u8], origin: &str) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PkiError::MalformedPem { origin: origin.to_owned(), reason: error.to_string() })?;
    if certificates.is_empty() {
        return Err(PkiError::CertificateAbsent { origin: origin.to_owned() });
    }
    Ok(certificates)
}

/// A hash of a set: sorted and without repetitions, so that only membership counts.
pub(crate) fn set_hash(label: &str, members: impl Iterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut members: Vec<_> = members.collect();
    members.sort_unstable();
    members.dedup();
    members.iter().fold(FieldHash::new(label), |hash, member| hash.field(member)).finish()
}

/// A leaf in a bundle of CAs is a mistake that would otherwise show only as "unknown issuer" later.
fn require_authority(certificate: &CertificateDer<'_>, origin: &str) -> Result<(), PkiError> {
    if parse(certificate, origin)?.is_ca() {
        return Ok(());
    }
    Err(PkiError::WrongKind { origin: origin.to_owned(), found: "not a CA certificate", wanted: "a CA certificate" })
}

/// Paths as the settings hold them.
pub(crate) fn from_optional_files(paths: &[PathBuf]) -> Result<TrustBundle, PkiError> {
    if paths.is_empty() { Ok(TrustBundle::empty()) } else { TrustBundle::from_files(paths) }
}
