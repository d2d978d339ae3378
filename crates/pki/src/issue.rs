//! What may be asked of the private CA, and what it gives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
    SerialNumber, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, DnsName, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use zeroize::Zeroizing;

use crate::error::PkiError;
use crate::files::{Access, Existing, write_atomically};
use crate::identities::CertificateIdentities;
use crate::limits::{CERTIFICATE_BACKDATE_SECONDS, LEAF_LIFE_SECONDS};

/// Bytes of a serial number: far beyond guessing (RFC 5280 allows 20).
const SERIAL_BYTES: usize = 16;

/// A server certificate to be issued: extended key usage serverAuth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateRequest {
    /// DNS names. No wildcards: a certificate of the private CA stands for named hosts.
    pub dns_names: Vec<String>,
    /// IP addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// Length of validity in seconds; cut off where the CA's own ends.
    pub validity_seconds: u64,
}

impl Default for ServerCertificateRequest {
    /// `localhost`, `127.0.0.1` and `::1`.
    fn default() -> Self {
        Self {
            dns_names: vec!["localhost".to_owned()],
            ip_addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            validity_seconds: LEAF_LIFE_SECONDS,
        }
    }
}

/// A client certificate to be issued: extended key usage clientAuth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificateRequest {
    /// The subject's common name, for people.
    pub common_name: String,
    /// The URI in subjectAltName, for programs: `countersign:operator:alice`, `countersign:account:demo`.
    pub uri: String,
    /// Length of validity in seconds; cut off where the CA's own ends.
    pub validity_seconds: u64,
}

impl ClientCertificateRequest {
    /// A request with the usual validity.
    pub fn new(common_name: impl Into<String>, uri: impl Into<String>) -> Self {
        Self { common_name: common_name.into(), uri: uri.into(), validity_seconds: LEAF_LIFE_SECONDS }
    }
}

/// A certificate with its private key, fresh from the CA.
pub struct IssuedCertificate {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: Zeroizing<String>,
    key_der: Zeroizing<Vec<u8>>,
    identities: CertificateIdentities,
}

impl IssuedCertificate {
    pub(crate) fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Result<Self, PkiError> {
        Ok(Self {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
            key_der: Zeroizing::new(key.serialize_der()),
            identities: CertificateIdentities::from_der(certificate.der())?,
        })
    }

    /// Names, key hash, serial and dates.
    pub fn identities(&self) -> &CertificateIdentities {
        &self.identities
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate in PEM. The CA's own certificate is not part of it: peers have it as their trust anchor.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key in PEM (PKCS #8).
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_der.to_vec()).into()
    }

    /// Writes certificate and key into one file (mode 0600), in one step: there is no moment at which the certificate of
    /// one pair stands beside the key of another. OpenSSL, curl and Python read such a file for both.
    ///
    /// # Errors
    /// The file cannot be written; the previous one is then still there.
    pub fn save_combined(&self, path: &Path) -> Result<(), PkiError> {
        let both = Zeroizing::new(format!("{}{}", *self.key_pem, self.certificate_pem));
        write_atomically(path, both.as_bytes(), Access::Owner, Existing::Replace)
    }
}

/// Parameters of a server certificate.
pub(crate) fn server_parameters(request: &ServerCertificateRequest) -> Result<CertificateParams, PkiError> {
    let mut parameters = leaf_parameters(ExtendedKeyUsagePurpose::ServerAuth);
    for name in &request.dns_names {
        parameters.subject_alt_names.push(SanType::DnsName(dns_name(name)?));
    }
    for address in &request.ip_addresses {
        parameters.subject_alt_names.push(SanType::IpAddress(*address));
    }
    if parameters.subject_alt_names.is_empty() {
        return Err(invalid_name("", "a server certificate needs a DNS name or an IP address"));
    }
    // Clients look at subjectAltName only; the common name is for people who read certificates.
    let common_name =
        request.dns_names.first().cloned().or_else(|| request.ip_addresses.first().map(ToString::to_string)).unwrap_or_default();
    parameters.distinguished_name = named(&common_name)?;
    Ok(parameters)
}

/// Parameters of a client certificate.
pub(crate) fn client_parameters(request: &ClientCertificateRequest) -> Result<CertificateParams, PkiError> {
    let mut parameters = leaf_parameters(ExtendedKeyUsagePurpose::ClientAuth);
    parameters.distinguished_name = named(&request.common_name)?;
    parameters.subject_alt_names = vec![SanType::URI(uri(&request.uri)?)];
    Ok(parameters)
}

fn leaf_parameters(purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    // Said outright (RFC 5280, 4.2.1.9), because checkers look for it: this certificate is no CA.
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![purpose];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

/// A subject with a common name only.
pub(crate) fn named(common_name: &str) -> Result<DistinguishedName, PkiError> {
    const COMMON_NAME_CHARACTERS_MAX: usize = 64; // RFC 5280 appendix A, ub-common-name
    let reason = if common_name.is_empty() {
        "the common name is empty"
    } else if common_name.chars().count() > COMMON_NAME_CHARACTERS_MAX {
        "the common name has more than 64 characters"
    } else if common_name.chars().any(char::is_control) {
        "the common name holds control characters"
    } else {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, common_name);
        return Ok(name);
    };
    Err(invalid_name(common_name, reason))
}

fn dns_name(name: &str) -> Result<Ia5String, PkiError> {
    let valid = DnsName::try_from(name).map_err(|error| invalid_name(name, &error.to_string()))?;
    Ia5String::try_from(valid.to_lowercase_owned().as_ref()).map_err(|error| invalid_name(name, &error.to_string()))
}

/// A URI needs a scheme (RFC 3986 section 3.1); the rest is the business of whoever looks it up.
fn uri(uri: &str) -> Result<Ia5String, PkiError> {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let scheme_is_valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !scheme_is_valid || !uri.chars().all(|c| c.is_ascii_graphic()) {
        return Err(invalid_name(uri, "it is not a URI with a scheme, in printable ASCII"));
    }
    Ia5String::try_from(uri).map_err(|error| invalid_name(uri, &error.to_string()))
}

fn invalid_name(name: &str, reason: &str) -> PkiError {
    PkiError::InvalidName { name: name.escape_debug().to_string(), reason: reason.to_owned() }
}

/// Sets serial and dates: from a little before `now` for `seconds`, and not beyond `not_after_max`.
pub(crate) fn complete(parameters: &mut CertificateParams, now: UnixTime, seconds: u64, not_after_max: u64) -> Result<(), PkiError> {
    let not_before = now.as_secs().saturating_sub(CERTIFICATE_BACKDATE_SECONDS);
    let not_after = now.as_secs().saturating_add(seconds).min(not_after_max);
    if seconds == 0 || not_after <= not_before || not_after > LAST_SECOND {
        return Err(PkiError::InvalidValidity { not_before, seconds });
    }
    parameters.serial_number = Some(random_serial()?);
    parameters.not_before = date_time_ymd(1970, 1, 1) + since_epoch(not_before);
    parameters.not_after = date_time_ymd(1970, 1, 1) + since_epoch(not_after);
    Ok(())
}

/// 9999-12-31T23:59:59Z, the last moment that X.509 can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// The Unix epoch plus this is a date in the type of the certificate library (which does not export its name).
pub(crate) fn since_epoch(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(LAST_SECOND))
}

fn random_serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0_u8; SERIAL_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PkiError::Crypto { operation: "draw a serial number" })?;
    // Positive (first bit clear) and of full length (second bit set).
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// A fresh P-256 key.
pub(crate) fn generate_key() -> Result<Zeroizing<KeyPair>, PkiError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Zeroizing::new).map_err(|_| PkiError::Crypto { operation: "generate a P-256 key" })
}
