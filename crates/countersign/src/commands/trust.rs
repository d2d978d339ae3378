//! Whom to trust for a server certificate: a file, or what the operating system trusts.

use std::path::Path;

use countersign_pki::TrustBundle;

use crate::failure::Failure;

/// The CAs of a PEM file.
pub(super) fn of_file(path: &Path) -> anyhow::Result<TrustBundle> {
    TrustBundle::from_files(&[path]).map_err(|error| Failure::usage(error.to_string()))
}

/// The CAs that the operating system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are respected). Entries that are no CA
/// certificates are left out, as browsers do; an empty bundle when there is none at all.
pub(super) fn of_system() -> TrustBundle {
    let found = rustls_native_certs::load_native_certs().certs;
    let usable = found.into_iter().filter(|der| TrustBundle::from_certificates(vec![der.clone()]).is_ok());
    TrustBundle::from_certificates(usable.take(countersign_pki::limits::TRUST_ANCHORS_MAX).collect())
        .unwrap_or_else(|_| TrustBundle::empty())
}
