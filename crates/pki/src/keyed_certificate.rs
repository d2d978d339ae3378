//! A certificate chain with its private key, checked before it is used.
//!
//! A wrong pair would otherwise fail in each client's handshake, with an alert that names no file.

use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;

use crate::digest::sha256;
use crate::error::PkiError;
use crate::files::{read_private, read_public};
use crate::identities::{CertificateIdentities, IN_MEMORY, parse};
use crate::issue::IssuedCertificate;
use crate::limits::{CHAIN_CERTIFICATES_MAX, PEM_FILE_BYTES_MAX, RSA_CLIENT_KEY_BITS};
use crate::provider::crypto_provider;
use crate::trust::certificates_from_pem;

/// A server's chain and key: names a host, made for serverAuth, key and certificate belong together.
#[derive(Clone, Debug)]
pub struct ServerCertificate(KeyedCertificate);

/// A client's chain and key: made for clientAuth, key and certificate belong together.
#[derive(Clone, Debug)]
pub struct ClientCertificate(KeyedCertificate);

/// `CertifiedKey` prints the public half only.
#[derive(Clone, Debug)]
struct KeyedCertificate {
    certified_key: Arc<CertifiedKey>,
    identities: Arc<CertificateIdentities>,
    leaf_hash: [u8; 32],
}

impl ServerCertificate {
    /// Loads a chain (leaf first) and a key from PEM files; both may be in one file.
    ///
    /// # Errors
    /// Names the file and what is wrong: unreadable, open to others, no certificate, no key, pair does not match,
    /// expired, not yet valid, no host name, not for servers, a CA certificate.
    pub fn load(chain: &Path, key: &Path, now: UnixTime) -> Result<Self, PkiError> {
        let keyed = KeyedCertificate::load(chain, key, Purpose::ServerAuth)?;
        keyed.identities.require_valid_at(now, &chain.display().to_string())?;
        Ok(Self(keyed))
    }

    /// Takes a certificate as the CA issued it; its dates are not looked at.
    ///
    /// # Errors
    /// It is not a server certificate.
    pub fn from_issued(issued: &IssuedCertificate) -> Result<Self, PkiError> {
        KeyedCertificate::from_issued(issued, Purpose::ServerAuth).map(Self)
    }

    /// Names, key hash, serial and dates of the leaf.
    pub fn identities(&self) -> &CertificateIdentities {
        &self.0.identities
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.certified_key.cert
    }

    /// SHA-256 of the leaf, as channel binding uses it.
    pub fn leaf_hash(&self) -> [u8; 32] {
        self.0.leaf_hash
    }

    /// True if a client that asked for `name` (DNS name or IP address) would accept this certificate.
    pub fn is_valid_for(&self, name: &str) -> bool {
        // Asked for every request: names that stand in the certificate as they are need no second reading of it.
        if self.0.identities.dns_names.iter().any(|own| !own.starts_with('*') && own.eq_ignore_ascii_case(name)) {
            return true;
        }
        let Ok(name) = ServerName::try_from(name) else {
            return false;
        };
        self.chain()
            .first()
            .and_then(|leaf| EndEntityCert::try_from(leaf).ok())
            .is_some_and(|leaf| leaf.verify_is_valid_for_subject_name(&name).is_ok())
    }

    /// True if a client of old times would accept this certificate for `name`: it looks at the common name where no DNS name stands
    /// (RFC 6125, 6.4.4).
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let identities = &self.0.identities;
        identities.dns_names.is_empty() && identities.common_name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.certified_key)
    }
}

impl ClientCertificate {
    /// Loads a chain (leaf first) and a key from PEM files; both may be in one file.
    ///
    /// # Errors
    /// As [`ServerCertificate::load`], with clientAuth and without the need for a host name.
    pub fn load(chain: &Path, key: &Path, now: UnixTime) -> Result<Self, PkiError> {
        let keyed = KeyedCertificate::load(chain, key, Purpose::ClientAuth)?;
        keyed.identities.require_valid_at(now, &chain.display().to_string())?;
        Ok(Self(keyed))
    }

    /// What a certificate says whose key is elsewhere, if a listener can take its owner in by it.
    ///
    /// # Errors
    /// No handshake takes it, whoever issued it: expired, not for clients, a CA certificate, of a key that no handshake
    /// verifies signatures of. One whose time has not come is sound. `origin` is where it comes from, for the text.
    pub fn identities_of(leaf: &CertificateDer<'_>, now: UnixTime, origin: &str) -> Result<CertificateIdentities, PkiError> {
        let identities = leaf_identities(leaf, Purpose::ClientAuth, origin)?;
        if now.as_secs() > identities.not_after {
            return Err(PkiError::Expired { origin: origin.to_owned(), not_after: identities.not_after });
        }
        require_verifiable_key(leaf, origin)?;
        Ok(identities)
    }

    /// Takes a certificate as the CA issued it; neither its dates nor its purpose are looked at, because the server
    /// decides about both (and tests need to present wrong ones).
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn from_issued(issued: &IssuedCertificate) -> Result<Self, PkiError> {
        KeyedCertificate::from_issued(issued, Purpose::Any).map(Self)
    }

    /// Names, key hash, serial and dates of the leaf.
    pub fn identities(&self) -> &CertificateIdentities {
        &self.0.identities
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.certified_key.cert
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.certified_key)
    }
}

/// What the leaf must be made for (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy)]
enum Purpose {
    Any,
    ClientAuth,
    ServerAuth,
}

/// Where chain and key come from, for errors.
struct Origins {
    chain: String,
    key: String,
}

impl KeyedCertificate {
    fn load(chain_path: &Path, key_path: &Path, purpose: Purpose) -> Result<Self, PkiError> {
        let origins = Origins { chain: chain_path.display().to_string(), key: key_path.display().to_string() };
        let chain = certificates_from_pem(&read_public(chain_path, PEM_FILE_BYTES_MAX)?, &origins.chain)?;
        let key = key_from_pem(&read_private(key_path, PEM_FILE_BYTES_MAX)?, &origins.key)?;
        Self::new(chain, key, purpose, &origins)
    }

    fn from_issued(issued: &IssuedCertificate, purpose: Purpose) -> Result<Self, PkiError> {
        let origins = Origins { chain: IN_MEMORY.to_owned(), key: IN_MEMORY.to_owned() };
        Self::new(vec![issued.certificate().clone()], issued.key(), purpose, &origins)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        purpose: Purpose,
        origins: &Origins,
    ) -> Result<Self, PkiError> {
        if chain.len() > CHAIN_CERTIFICATES_MAX {
            return Err(PkiError::LimitExceeded {
                origin: origins.chain.clone(),
                what: "certificates in the chain",
                limit: CHAIN_CERTIFICATES_MAX,
            });
        }
        let Some(leaf) = chain.first() else {
            return Err(PkiError::CertificateAbsent { origin: origins.chain.clone() });
        };
        let identities = leaf_identities(leaf, purpose, &origins.chain)?;
        let leaf_hash = sha256(leaf);
        Ok(Self { certified_key: Arc::new(certified_key(chain, key, origins)?), identities: Arc::new(identities), leaf_hash })
    }
}

fn key_from_pem(pem: &[u8], origin: &str) -> Result<PrivateKeyDer<'static>, PkiError> {
    use rustls_pki_types::pem::Error::NoItemsFound;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let origin = origin.to_owned();
        if matches!(error, NoItemsFound) {
            PkiError::KeyAbsent { origin }
        } else {
            PkiError::MalformedPem { origin, reason: error.to_string() }
        }
    })
}

fn certified_key(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, origins: &Origins) -> Result<CertifiedKey, PkiError> {
    let signing_key = crypto_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| PkiError::UnusableKey { origin: origins.key.clone(), reason: error.to_string() })?;
    let certified_key = CertifiedKey::new(chain, signing_key);
    certified_key.keys_match().map_err(|_| PkiError::KeyMismatch { chain: origins.chain.clone(), key: origins.key.clone() })?;
    Ok(certified_key)
}

fn leaf_identities(leaf: &CertificateDer<'_>, purpose: Purpose, origin: &str) -> Result<CertificateIdentities, PkiError> {
    let parsed = parse(leaf, origin)?;
    if parsed.is_ca() {
        return Err(PkiError::WrongKind {
            origin: origin.to_owned(),
            found: "a CA certificate",
            wanted: "the certificate of one end (leaf first, then its issuers)",
        });
    }
    require_purpose(&parsed, purpose, origin)?;
    let identities = CertificateIdentities::from_parsed(&parsed, leaf, origin)?;
    let has_host = !identities.dns_names.is_empty() || !identities.ip_addresses.is_empty();
    if matches!(purpose, Purpose::ServerAuth) && !has_host {
        return Err(PkiError::NoServerName { origin: origin.to_owned() });
    }
    Ok(identities)
}

/// A certificate without the extension is made for everything.
fn require_purpose(parsed: &X509Certificate<'_>, purpose: Purpose, origin: &str) -> Result<(), PkiError> {
    let extension = parsed.extended_key_usage().map_err(|error| PkiError::malformed_certificate(origin, error.to_string()))?;
    let Some(usage) = extension.map(|extension| extension.value) else {
        return Ok(());
    };
    let (fits, name) = match purpose {
        Purpose::Any => (true, ""),
        Purpose::ClientAuth => (usage.client_auth, "clientAuth"),
        Purpose::ServerAuth => (usage.server_auth, "serverAuth"),
    };
    if fits || usage.any {
        return Ok(());
    }
    Err(PkiError::WrongPurpose { origin: origin.to_owned(), purpose: name })
}

/// What the verifier of handshakes verifies by a certificate: asked of the verifier itself, by a signature that is none.
fn require_verifiable_key(leaf: &CertificateDer<'_>, origin: &str) -> Result<(), PkiError> {
    let unusable = |reason: String| PkiError::UnusableCertificateKey { origin: origin.to_owned(), reason };
    let certificate = EndEntityCert::try_from(leaf).map_err(|error| PkiError::malformed_certificate(origin, error.to_string()))?;
    let takes = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        matches!(certificate.verify_signature(*algorithm, b"", b""), Err(webpki::Error::InvalidSignatureForPublicKey))
    };
    let parsed = parse(leaf, origin)?;
    let key = parsed.public_key();
    if !crypto_provider().signature_verification_algorithms.all.iter().any(takes) {
        // Of a key on a curve the curve tells; its algorithm is that of all curves.
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let kind = curve.as_ref().unwrap_or(&key.algorithm.algorithm);
        let taken = "P-256, P-384, P-521, Ed25519, or RSA of 2,048 to 8,192 bits";
        return Err(unusable(format!("no handshake can verify signatures of its kind ({kind}); use {taken}")));
    }
    if let Ok(PublicKey::RSA(rsa)) = key.parsed()
        && !RSA_CLIENT_KEY_BITS.contains(&rsa.key_size())
    {
        let (least, most) = (RSA_CLIENT_KEY_BITS.start(), RSA_CLIENT_KEY_BITS.end());
        return Err(unusable(format!("RSA of {} bits, where {least} to {most} are taken", rsa.key_size())));
    }
    Ok(())
}
