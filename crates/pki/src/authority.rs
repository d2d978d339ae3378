//! The private CA: one P-256 key that issues server and client certificates and revocation lists.
//!
//! It lives in a folder as `ca.pem` (for everybody) and `ca-key.pem` (mode 0600). The key is written first and never
//! replaced. What [`PrivateAuthority::load_or_create`] does with what it finds:
//!
//! | `ca-key.pem` | `ca.pem` | result |
//! |---|---|---|
//! | no  | no  | a new CA |
//! | yes | yes | loaded |
//! | yes | no  | a new certificate for the same key and name: what peers already trust stays valid |
//! | no  | yes | refused: a new key under the old certificate's name would be trusted by nobody |

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PublicKeyData, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use webpki::EndEntityCert;
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::error::PkiError;
use crate::files::{Access, Existing, create_folder, exists, read_private, read_public, write_atomically};
use crate::identities::{CertificateIdentities, IN_MEMORY, parse};
use crate::issue::{
    ClientCertificateRequest, IssuedCertificate, ServerCertificateRequest, client_parameters, complete, generate_key, named,
    server_parameters, since_epoch,
};
use crate::limits::{AUTHORITY_LIFE_SECONDS, PEM_FILE_BYTES_MAX, REVOCATION_LIST_LIFE_SECONDS};
use crate::provider::crypto_provider;
use crate::revocation::RevokedCertificate;
use crate::trust::{TrustBundle, certificates_from_pem};

/// File name of the CA certificate.
const CERTIFICATE_FILE: &str = "ca.pem";
/// File name of the CA key.
const KEY_FILE: &str = "ca-key.pem";
/// Bytes of the key's hash that stand in the CA's name, so that people can tell two of them apart.
const SHORT_ID_BYTES: usize = 4;

/// What [`PrivateAuthority::load_or_create`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityOrigin {
    /// Nothing was there: a new CA.
    Created,
    /// It was there.
    Loaded,
    /// Only the key was there: it has a new certificate.
    Recertified,
}

/// A CA with its private key.
pub struct PrivateAuthority {
    key: Zeroizing<KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    identities: CertificateIdentities,
}

impl PrivateAuthority {
    /// Makes a CA in memory: CA:TRUE with path length 0, keyCertSign and cRLSign, valid for ten years.
    ///
    /// # Errors
    /// The crypto library has no random bytes.
    pub fn create(now: UnixTime) -> Result<Self, PkiError> {
        Self::certify(generate_key()?, now)
    }

    /// Loads the CA from `folder`, or makes what is missing (see the module's table).
    ///
    /// Two processes that do this at the same moment end up with the same key.
    ///
    /// # Errors
    /// Files that cannot be read or written, a key that others can read, a key that is lost, a pair that does not match,
    /// an expired CA.
    pub fn load_or_create(folder: &Path, now: UnixTime) -> Result<(Self, AuthorityOrigin), PkiError> {
        create_folder(folder)?;
        let (certificate, key) = paths(folder);
        match (exists(&key)?, exists(&certificate)?) {
            (true, true) => Ok((Self::load(folder, now)?, AuthorityOrigin::Loaded)),
            (true, false) => Ok((Self::recertify(folder, now)?, AuthorityOrigin::Recertified)),
            (false, true) => Err(PkiError::AuthorityKeyLost { certificate, key }),
            (false, false) => Self::create_in(folder, now),
        }
    }

    /// Loads the CA from `folder`.
    ///
    /// # Errors
    /// As [`load_or_create`](Self::load_or_create); nothing is ever made.
    pub fn load(folder: &Path, now: UnixTime) -> Result<Self, PkiError> {
        let (certificate_path, key_path) = paths(folder);
        let origin = certificate_path.display().to_string();
        let pem = read_public(&certificate_path, PEM_FILE_BYTES_MAX)?;
        let certificate = certificates_from_pem(&pem, &origin)?.swap_remove(0);
        let key = load_key(&key_path)?;
        let identities = checked_identities(&certificate, &origin, now)?;
        if parse(&certificate, &origin)?.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::KeyMismatch { chain: origin, key: key_path.display().to_string() });
        }
        Ok(Self { certificate_pem: String::from_utf8_lossy(&pem).into_owned(), key, certificate, identities })
    }

    fn create_in(folder: &Path, now: UnixTime) -> Result<(Self, AuthorityOrigin), PkiError> {
        let (certificate_path, key_path) = paths(folder);
        let authority = Self::create(now)?;
        let key_pem = Zeroizing::new(authority.key.serialize_pem());
        match write_atomically(&key_path, key_pem.as_bytes(), Access::Owner, Existing::Keep) {
            Ok(()) => {
                authority.save_certificate(&certificate_path)?;
                Ok((authority, AuthorityOrigin::Created))
            }
            Err(PkiError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                // Another process was faster. Its certificate may not be there yet, but its key is.
                Ok((Self::recertify(folder, now)?, AuthorityOrigin::Recertified))
            }
            Err(error) => Err(error),
        }
    }

    fn recertify(folder: &Path, now: UnixTime) -> Result<Self, PkiError> {
        let (certificate_path, key_path) = paths(folder);
        let authority = Self::certify(load_key(&key_path)?, now)?;
        authority.save_certificate(&certificate_path)?;
        Ok(authority)
    }

    fn save_certificate(&self, path: &Path) -> Result<(), PkiError> {
        write_atomically(path, self.certificate_pem.as_bytes(), Access::Everybody, Existing::Replace)
    }

    /// The name comes from the key alone, so a second certificate for the key has the same name.
    fn certify(key: Zeroizing<KeyPair>, now: UnixTime) -> Result<Self, PkiError> {
        let short_id = hex::encode(&sha256(&key.subject_public_key_info())[..SHORT_ID_BYTES]);
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = named(&format!("Countersign private CA {short_id}"))?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        complete(&mut parameters, now, AUTHORITY_LIFE_SECONDS, u64::MAX)?;
        let certificate = parameters.self_signed(&*key).map_err(|_| SIGNING_FAILED)?;
        Ok(Self {
            identities: CertificateIdentities::from_der(certificate.der())?,
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
        })
    }

    /// Names, key hash, serial and dates of the CA certificate.
    pub fn identities(&self) -> &CertificateIdentities {
        &self.identities
    }

    /// The CA certificate in PEM: what clients are given to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The CA certificate in DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A bundle that trusts this CA only.
    ///
    /// # Errors
    /// None for a CA made or loaded here, which has been checked; the type allows for it.
    pub fn trust(&self) -> Result<TrustBundle, PkiError> {
        TrustBundle::from_certificates(vec![self.certificate.clone()])
    }

    /// Issues a server certificate on a fresh P-256 key.
    ///
    /// # Errors
    /// No name, a name that is not a host name, or no validity left in the CA's own.
    pub fn issue_server(&self, request: &ServerCertificateRequest, now: UnixTime) -> Result<IssuedCertificate, PkiError> {
        self.issue(server_parameters(request)?, request.validity_seconds, now)
    }

    /// Issues a client certificate on a fresh P-256 key.
    ///
    /// # Errors
    /// A common name or URI that cannot stand in a certificate, or no validity left in the CA's own.
    pub fn issue_client(&self, request: &ClientCertificateRequest, now: UnixTime) -> Result<IssuedCertificate, PkiError> {
        self.issue(client_parameters(request)?, request.validity_seconds, now)
    }

    fn issue(&self, mut parameters: CertificateParams, seconds: u64, now: UnixTime) -> Result<IssuedCertificate, PkiError> {
        complete(&mut parameters, now, seconds, self.identities.not_after)?;
        let key = generate_key()?;
        let certificate = parameters.signed_by(&*key, &self.issuer()?).map_err(|_| SIGNING_FAILED)?;
        IssuedCertificate::new(&certificate, &key)
    }

    /// Issues a revocation list in PEM, good for seven days.
    ///
    /// `number` must grow from list to list (RFC 5280 section 5.2.3).
    ///
    /// # Errors
    /// A serial number that is not hexadecimal.
    pub fn issue_revocation_list(&self, revoked: &[RevokedCertificate], number: u64, now: UnixTime) -> Result<String, PkiError> {
        let epoch = date_time_ymd(1970, 1, 1);
        let parameters = CertificateRevocationListParams {
            this_update: epoch + since_epoch(now.as_secs()),
            next_update: epoch + since_epoch(now.as_secs().saturating_add(REVOCATION_LIST_LIFE_SECONDS)),
            crl_number: SerialNumber::from_slice(&number.to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect::<Result<_, _>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        parameters.signed_by(&self.issuer()?).and_then(|list| list.pem()).map_err(|_| SIGNING_FAILED)
    }

    /// Issues a revocation list into a file, whole or not at all.
    ///
    /// # Errors
    /// As [`issue_revocation_list`](Self::issue_revocation_list), or the file cannot be written.
    pub fn save_revocation_list(&self, path: &Path, revoked: &[RevokedCertificate], number: u64, now: UnixTime) -> Result<(), PkiError> {
        let pem = self.issue_revocation_list(revoked, number, now)?;
        write_atomically(path, pem.as_bytes(), Access::Everybody, Existing::Replace)
    }

    /// True if the signature of `certificate` is by this CA's key. Says nothing about dates, names or revocation.
    pub fn has_issued(&self, certificate: &CertificateDer<'_>) -> bool {
        let (Ok(issued), Ok(own)) = (parse(certificate, IN_MEMORY), EndEntityCert::try_from(&self.certificate)) else {
            return false;
        };
        let signed = issued.tbs_certificate.as_ref();
        crypto_provider()
            .signature_verification_algorithms
            .all
            .iter()
            .any(|algorithm| own.verify_signature(*algorithm, signed, &issued.signature_value.data).is_ok())
    }

    fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, PkiError> {
        Issuer::from_ca_cert_der(&self.certificate, &*self.key).map_err(|_| SIGNING_FAILED)
    }
}

const SIGNING_FAILED: PkiError = PkiError::Crypto { operation: "sign with the key of the private CA" };

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE))
}

fn load_key(path: &Path) -> Result<Zeroizing<KeyPair>, PkiError> {
    let origin = path.display().to_string();
    let pem = read_private(path, PEM_FILE_BYTES_MAX)?;
    let key = Zeroizing::new(PrivateKeyDer::from_pem_slice(&pem).map_err(|_| PkiError::KeyAbsent { origin: origin.clone() })?);
    KeyPair::try_from(&*key).map(Zeroizing::new).map_err(|error| PkiError::UnusableKey { origin, reason: error.to_string() })
}

fn checked_identities(certificate: &CertificateDer<'_>, origin: &str, now: UnixTime) -> Result<CertificateIdentities, PkiError> {
    let parsed = parse(certificate, origin)?;
    if !parsed.is_ca() {
        return Err(PkiError::WrongKind { origin: origin.to_owned(), found: "not a CA certificate", wanted: "a CA certificate" });
    }
    let identities = CertificateIdentities::from_parsed(&parsed, certificate, origin)?;
    identities.require_valid_at(now, origin)?;
    Ok(identities)
}

fn entry(revoked: &RevokedCertificate) -> Result<RevokedCertParams, PkiError> {
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial_bytes(&revoked.serial)?),
        revocation_time: date_time_ymd(1970, 1, 1) + since_epoch(revoked.revoked_at.as_secs()),
        reason_code: None,
        invalidity_date: None,
    })
}

fn serial_bytes(serial: &str) -> Result<Vec<u8>, PkiError> {
    let malformed = || PkiError::InvalidName {
        name: serial.escape_debug().to_string(),
        reason: "a serial number is an even number of hexadecimal digits".to_owned(),
    };
    if serial.is_empty() || !serial.len().is_multiple_of(2) || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    (0..serial.len()).step_by(2).map(|at| u8::from_str_radix(&serial[at..at + 2], 16).map_err(|_| malformed())).collect()
}
