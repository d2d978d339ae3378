//! What a certificate says about its owner, in the form that records and credential lookups use.

use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::digest::{base64url, sha256};
use crate::error::PkiError;
use crate::limits::SUBJECT_ALT_NAMES_MAX;

/// The names, keys and dates of one certificate (RFC 5280).
///
/// # Security
/// These are only claims until a verifier has accepted the chain. Read them from a connection whose handshake is
/// complete, never from a certificate that came another way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateIdentities {
    /// The subject's common name, if there is exactly one; several are ambiguous and count as none.
    pub common_name: Option<String>,
    /// DNS names of subjectAltName.
    pub dns_names: Vec<String>,
    /// IP addresses of subjectAltName.
    pub ip_addresses: Vec<IpAddr>,
    /// URIs of subjectAltName, for instance `countersign:operator:alice`.
    pub uris: Vec<String>,
    /// E-mail addresses of subjectAltName.
    pub emails: Vec<String>,
    /// The issuer's name, in the notation of RFC 4514.
    pub issuer: String,
    /// Serial number, lower-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the SubjectPublicKeyInfo, base64url: the same for every certificate of one key.
    pub spki_sha256: String,
    /// SHA-256 of the whole certificate, base64url: the `x5t#S256` of RFC 8705.
    pub certificate_sha256: String,
    /// Start of validity, Unix seconds.
    pub not_before: u64,
    /// End of validity, Unix seconds.
    pub not_after: u64,
}

impl CertificateIdentities {
    /// Reads one certificate.
    ///
    /// # Errors
    /// Not X.509, trailing bytes, a duplicated or malformed subjectAltName, names with control characters, or more
    /// names than [`SUBJECT_ALT_NAMES_MAX`].
    pub fn from_der(certificate: &CertificateDer<'_>) -> Result<Self, PkiError> {
        Self::from_parsed(&parse(certificate, IN_MEMORY)?, certificate, IN_MEMORY)
    }

    pub(crate) fn from_parsed(parsed: &X509Certificate<'_>, der: &CertificateDer<'_>, origin: &str) -> Result<Self, PkiError> {
        let validity = parsed.validity();
        let mut identities = Self {
            common_name: common_name(parsed, origin)?,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            issuer: parsed.issuer().to_string(),
            serial: serial(parsed.raw_serial()),
            spki_sha256: base64url(&sha256(parsed.public_key().raw)),
            certificate_sha256: base64url(&sha256(der)),
            not_before: unix_seconds(validity.not_before.timestamp()),
            not_after: unix_seconds(validity.not_after.timestamp()),
        };
        identities.add_alternative_names(parsed, origin)?;
        Ok(identities)
    }

    /// True once two thirds of the validity are over: time to issue the next certificate.
    pub fn needs_renewal(&self, now: UnixTime) -> bool {
        let life = self.not_after.saturating_sub(self.not_before);
        now.as_secs() >= self.not_before.saturating_add(life / 3 * 2)
    }

    /// True inside the validity, both ends included (RFC 5280 section 4.1.2.5).
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now.as_secs())
    }

    /// Tells an expired certificate from one whose time has not come.
    pub(crate) fn require_valid_at(&self, now: UnixTime, origin: &str) -> Result<(), PkiError> {
        let origin = origin.to_owned();
        if now.as_secs() > self.not_after {
            Err(PkiError::Expired { origin, not_after: self.not_after })
        } else if now.as_secs() < self.not_before {
            Err(PkiError::NotYetValid { origin, not_before: self.not_before })
        } else {
            Ok(())
        }
    }

    fn add_alternative_names(&mut self, parsed: &X509Certificate<'_>, origin: &str) -> Result<(), PkiError> {
        let extension = parsed.subject_alternative_name().map_err(|error| PkiError::malformed_certificate(origin, error.to_string()))?;
        let names = extension.map_or(&[][..], |extension| &extension.value.general_names);
        if names.len() > SUBJECT_ALT_NAMES_MAX {
            return Err(PkiError::LimitExceeded {
                origin: origin.to_owned(),
                what: "names in subjectAltName",
                limit: SUBJECT_ALT_NAMES_MAX,
            });
        }
        names.iter().try_for_each(|name| self.add(name, origin))
    }

    /// Name forms that no lookup uses (directory names, registered ids and so on) are left out.
    fn add(&mut self, name: &GeneralName<'_>, origin: &str) -> Result<(), PkiError> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push(readable(name, origin)?),
            GeneralName::IPAddress(bytes) => self.ip_addresses.push(ip_address(bytes, origin)?),
            GeneralName::RFC822Name(name) => self.emails.push(readable(name, origin)?),
            GeneralName::URI(name) => self.uris.push(readable(name, origin)?),
            GeneralName::Invalid(..) => {
                return Err(PkiError::malformed_certificate(origin, "a name in subjectAltName is invalid"));
            }
            GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::OtherName(..)
            | GeneralName::RegisteredID(_)
            | GeneralName::X400Address(_) => {}
        }
        Ok(())
    }
}

/// What an error says about a certificate that came from no file.
pub(crate) const IN_MEMORY: &str = "memory";

/// Parses one certificate that fills its bytes.
pub(crate) fn parse<'a>(certificate: &'a CertificateDer<'_>, origin: &str) -> Result<X509Certificate<'a>, PkiError> {
    let (rest, parsed) =
        X509Certificate::from_der(certificate.as_ref()).map_err(|error| PkiError::malformed_certificate(origin, error.to_string()))?;
    if rest.is_empty() { Ok(parsed) } else { Err(PkiError::malformed_certificate(origin, "bytes follow the certificate")) }
}

fn common_name(parsed: &X509Certificate<'_>, origin: &str) -> Result<Option<String>, PkiError> {
    let mut names = parsed.subject().iter_common_name();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Ok(None);
    };
    let text = name.as_str().map_err(|_| PkiError::malformed_certificate(origin, "the common name is not text"))?;
    readable(text, origin).map(Some)
}

/// Control characters have no place in a name: they cut it short in C programs and forge log lines.
fn readable(name: &str, origin: &str) -> Result<String, PkiError> {
    if name.chars().any(char::is_control) {
        return Err(PkiError::malformed_certificate(origin, "a name holds control characters"));
    }
    Ok(name.to_owned())
}

fn ip_address(bytes: &[u8], origin: &str) -> Result<IpAddr, PkiError> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ok(octets.into());
    }
    <[u8; 16]>::try_from(bytes).map(IpAddr::from).map_err(|_| PkiError::malformed_certificate(origin, "an IP address has the wrong length"))
}

/// DER puts a zero before a serial whose first bit is set; people do not write it.
fn serial(raw: &[u8]) -> String {
    match raw {
        [0, rest @ ..] if !rest.is_empty() => hex::encode(rest),
        whole => hex::encode(whole),
    }
}

/// Dates before 1970 count as 1970: nothing valid today is that old.
fn unix_seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}
