//! Certificates that the private CA keeps up to date in files: made when missing, renewed when two thirds of their
//! life are over, made anew when names or CA have changed.
//!
//! A file that cannot be read or understood is never replaced: that is an operator's decision.

use std::path::Path;

use rustls_pki_types::UnixTime;

use crate::authority::PrivateAuthority;
use crate::error::PkiError;
use crate::files::{exists, read_private};
use crate::identities::CertificateIdentities;
use crate::issue::{ClientCertificateRequest, IssuedCertificate, ServerCertificateRequest};
use crate::keyed_certificate::{ClientCertificate, ServerCertificate};
use crate::limits::PEM_FILE_BYTES_MAX;
use crate::trust::certificates_from_pem;

/// What was done with a certificate file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// There was none.
    Created,
    /// It is still good.
    Kept,
    /// It was near its end, for other names or from another CA.
    Renewed,
}

/// Keeps the server certificate in `path` (one file, mode 0600, with key and certificate).
///
/// # Errors
/// The file is there but unreadable, malformed or open to others, or it cannot be written.
pub fn ensure_server_certificate(
    authority: &PrivateAuthority,
    path: &Path,
    request: &ServerCertificateRequest,
    now: UnixTime,
) -> Result<(ServerCertificate, Renewal), PkiError> {
    let renewal = ensure(authority, path, now, |identities| has_names(identities, request), || authority.issue_server(request, now))?;
    Ok((ServerCertificate::load(path, path, now)?, renewal))
}

/// Keeps a client certificate in `path` (one file, mode 0600, with key and certificate).
///
/// # Errors
/// As [`ensure_server_certificate`].
pub fn ensure_client_certificate(
    authority: &PrivateAuthority,
    path: &Path,
    request: &ClientCertificateRequest,
    now: UnixTime,
) -> Result<(ClientCertificate, Renewal), PkiError> {
    let renewal = ensure(
        authority,
        path,
        now,
        |identities| identities.uris == [request.uri.as_str()] && identities.common_name.as_deref() == Some(request.common_name.as_str()),
        || authority.issue_client(request, now),
    )?;
    Ok((ClientCertificate::load(path, path, now)?, renewal))
}

fn ensure(
    authority: &PrivateAuthority,
    path: &Path,
    now: UnixTime,
    has_right_names: impl Fn(&CertificateIdentities) -> bool,
    issue: impl Fn() -> Result<IssuedCertificate, PkiError>,
) -> Result<Renewal, PkiError> {
    let renewal = if exists(path)? {
        let pem = read_private(path, PEM_FILE_BYTES_MAX)?;
        let leaf = certificates_from_pem(&pem, &path.display().to_string())?.swap_remove(0);
        let identities = CertificateIdentities::from_der(&leaf)?;
        let is_good =
            has_right_names(&identities) && identities.is_valid_at(now) && !identities.needs_renewal(now) && authority.has_issued(&leaf);
        if is_good { Renewal::Kept } else { Renewal::Renewed }
    } else {
        Renewal::Created
    };
    if renewal != Renewal::Kept {
        issue()?.save_combined(path)?;
    }
    Ok(renewal)
}

fn has_names(identities: &CertificateIdentities, request: &ServerCertificateRequest) -> bool {
    let wanted: Vec<_> = request.dns_names.iter().map(|name| name.to_ascii_lowercase()).collect();
    identities.dns_names == wanted && identities.ip_addresses == request.ip_addresses
}
