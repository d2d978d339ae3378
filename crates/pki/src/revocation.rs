//! Certificate revocation lists (RFC 5280 section 5).

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateRevocationListDer, UnixTime};
use webpki::BorrowedCertRevocationList;

use crate::digest::sha256;
use crate::error::PkiError;
use crate::files::read_public;
use crate::identities::IN_MEMORY;
use crate::limits::{REVOCATION_FILE_BYTES_MAX, REVOCATION_LISTS_MAX};
use crate::trust::set_hash;

/// The revocation lists of a listener, with a hash that names the set.
///
/// No list at all means that revocation is not checked. As soon as there is one, every CA of the trust bundle needs a
/// list that is not past its next update: a certificate that no list covers is refused.
#[derive(Clone, Debug)]
pub struct RevocationLists {
    lists: Vec<CertificateRevocationListDer<'static>>,
    hash: [u8; 32],
}

/// One entry of a list to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Serial number, as [`CertificateIdentities::serial`](crate::CertificateIdentities::serial) writes it.
    pub serial: String,
    /// When it was revoked.
    pub revoked_at: UnixTime,
}

const HASH_LABEL: &str = "countersign revocation lists 1";

impl RevocationLists {
    /// No lists: revocation is not checked.
    pub fn none() -> Self {
        Self { lists: Vec::new(), hash: set_hash(HASH_LABEL, std::iter::empty()) }
    }

    /// Reads every list (`X509 CRL` sections) of every PEM file.
    ///
    /// # Errors
    /// A file that cannot be read or holds no list, or a list that is malformed.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, PkiError> {
        let mut lists = Vec::new();
        for path in paths {
            let origin = path.as_ref().display().to_string();
            let bytes = read_public(path.as_ref(), REVOCATION_FILE_BYTES_MAX)?;
            lists.extend(lists_from_pem(&bytes, &origin)?);
        }
        Self::from_lists(lists)
    }

    /// Takes PEM bytes that are already here.
    ///
    /// # Errors
    /// As [`from_files`](Self::from_files).
    pub fn from_pem(pem: &[u8]) -> Result<Self, PkiError> {
        Self::from_lists(lists_from_pem(pem, IN_MEMORY)?)
    }

    fn from_lists(lists: Vec<CertificateRevocationListDer<'static>>) -> Result<Self, PkiError> {
        if lists.len() > REVOCATION_LISTS_MAX {
            return Err(PkiError::LimitExceeded {
                origin: "the listener".to_owned(),
                what: "revocation lists",
                limit: REVOCATION_LISTS_MAX,
            });
        }
        let hash = set_hash(HASH_LABEL, lists.iter().map(|list| sha256(list)));
        Ok(Self { lists, hash })
    }

    /// True if revocation is not checked.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Names the set.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    pub(crate) fn to_vec(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.lists.clone()
    }
}

fn lists_from_pem(pem: &[u8], origin: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, PkiError> {
    let lists = CertificateRevocationListDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| malformed(origin, error.to_string()))?;
    if lists.is_empty() {
        return Err(malformed(origin, "there is no X509 CRL section".to_owned()));
    }
    for list in &lists {
        BorrowedCertRevocationList::from_der(list).map_err(|error| malformed(origin, error.to_string()))?;
    }
    Ok(lists)
}

fn malformed(origin: &str, reason: String) -> PkiError {
    PkiError::MalformedRevocationList { origin: origin.to_owned(), reason }
}
