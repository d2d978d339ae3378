//! What a credential is made of: made here, with the private half for its owner, or registered from what the owner made.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Address, Algorithm, ApiKeyId, KeyType, PublicKey, Purpose, Secret, SecretEncoding, Timestamp, limits};
use countersign_gateway::clock;
use countersign_handshake::SecretText;
use countersign_pki::{CertificateIdentities, ClientCertificate, ClientCertificateRequest, PrivateAuthority};
use countersign_store::Material;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::commands::{argument, output};
use crate::failure::Failure;
use crate::keygen;

/// Largest certificate file read.
const CERTIFICATE_FILE_BYTES_MAX: usize = 256 * 1024;

/// The private half, for its owner.
pub(crate) enum Private {
    /// A client certificate with its key, PEM.
    Certificate(SecretText),
    /// Not ours: the owner has it.
    Elsewhere,
    /// A private key, PKCS #8 in PEM.
    KeyPair(SecretText),
    /// The private key of an address, as wallets have it: `0x` and 64 hexadecimal digits.
    Raw(SecretText),
    /// A shared secret, as text.
    Secret(SecretText),
}

/// Verification material and its private half.
pub(crate) struct Made {
    pub(crate) material: Material,
    pub(crate) private: Private,
    pub(crate) passphrase: Option<Secret>,
    /// When the certificate ends, where it is known.
    pub(crate) ends: Option<Timestamp>,
}

impl Made {
    fn new(material: Material, private: Private) -> Self {
        Self { material, private, passphrase: None, ends: None }
    }
}

/// The algorithm by its name, or the usual one of the purpose; refused when the purpose does not take it.
pub(super) fn algorithm(purpose: Purpose, kind: Option<&str>) -> anyhow::Result<Algorithm> {
    let takes: Vec<_> = purpose.algorithms().iter().copied().map(Algorithm::name).collect();
    let named = match kind {
        Some(name) => Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name)),
        None => purpose.algorithms().first().copied(),
    };
    named
        .filter(|algorithm| purpose.accepts(*algorithm))
        .ok_or_else(|| Failure::usage(format!("a {purpose} key is one of {}; {} is not", takes.join(", "), kind.unwrap_or("nothing"))))
}

/// A new secret or pair.
pub(crate) fn generate(purpose: Purpose, algorithm: Algorithm) -> anyhow::Result<Made> {
    let made = if algorithm.is_mac() {
        let (secret, text) = keygen::secret(purpose.secret_encoding())?;
        Made::new(Material::Secret(secret, algorithm), Private::Secret(text))
    } else if algorithm == Algorithm::EcdsaSecp256k1Recoverable {
        let (address, text) = keygen::wallet()?;
        Made::new(Material::Address(address), Private::Raw(text))
    } else {
        let pair = keygen::generate(algorithm)?;
        Made::new(Material::PublicKey(pair.public, algorithm), Private::KeyPair(pair.private_pem))
    };
    let passphrase = purpose.has_passphrase().then(keygen::passphrase).transpose()?;
    Ok(Made { passphrase, ..made })
}

/// A shared secret made elsewhere, as the venue hands such out.
pub(super) fn shared(purpose: Purpose, kind: Option<&str>, file: &Path) -> anyhow::Result<Made> {
    let algorithm = algorithm(purpose, kind)?;
    if !algorithm.is_mac() {
        return Err(Failure::usage(format!("--secret is for shared secrets; {algorithm} has a key pair")));
    }
    let text = text_of(file)?;
    let secret = match purpose.secret_encoding() {
        SecretEncoding::Text => text.as_bytes().to_vec(),
        SecretEncoding::Base64 => {
            STANDARD.decode(text.as_bytes()).map_err(|_| Failure::usage(format!("{}: {purpose} secrets are base64", file.display())))?
        }
    };
    Ok(Made::new(Material::Secret(Secret::new(secret), algorithm), Private::Elsewhere))
}

/// A passphrase made elsewhere.
pub(super) fn passphrase(file: &Path) -> anyhow::Result<Secret> {
    Ok(Secret::new(text_of(file)?.as_bytes().to_vec()))
}

/// The text of a file, without the end of its line.
fn text_of(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = argument::read_text(file, limits::PUBLIC_KEY_TEXT_BYTES_MAX)?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A public key made elsewhere, in any format; says how it was read.
pub(super) fn registered(purpose: Purpose, kind: Option<&str>, file: &Path) -> anyhow::Result<Made> {
    let key = PublicKey::parse(&argument::read(file, limits::PUBLIC_KEY_TEXT_BYTES_MAX)?)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    output::note(format!("read {} as {}: {} public key {}", file.display(), key.format(), key.key_type(), key.key_id()));
    if purpose == Purpose::ClientCertificate {
        return Ok(Made::new(Material::Certificate { key_id: key.key_id() }, Private::Elsewhere));
    }
    let algorithm = match kind {
        Some(_) => algorithm(purpose, kind)?,
        None => usual(purpose, key.key_type())?,
    };
    if !key.key_type().signs(algorithm) {
        return Err(Failure::usage(format!("the key is {}, which makes no {algorithm} signatures", key.key_type())));
    }
    Ok(Made::new(Material::PublicKey(key, algorithm), Private::Elsewhere))
}

/// The algorithm that a key of this type is used with, where it was not said.
fn usual(purpose: Purpose, key_type: KeyType) -> anyhow::Result<Algorithm> {
    let fitting = Algorithm::ALL.into_iter().find(|algorithm| key_type.signs(*algorithm) && purpose.accepts(*algorithm));
    let native = key_type.native_algorithm();
    let usual = if purpose.accepts(native) { Some(native) } else { fitting };
    usual.ok_or_else(|| Failure::usage(format!("a {purpose} key cannot be {key_type}")))
}

/// The address of a key made elsewhere.
pub(super) fn address(text: &str) -> anyhow::Result<Made> {
    let address = Address::parse(text).ok_or_else(|| Failure::usage("--key-id: an address is 0x and 40 hexadecimal digits"))?;
    Ok(Made::new(Material::Address(address), Private::Elsewhere))
}

/// A client certificate issued by the private CA on a new key.
pub(super) fn issue(folder: &Path, account: &str, label: &str, not_after: Option<Timestamp>) -> anyhow::Result<Made> {
    let authority = PrivateAuthority::load(folder, clock::unix_now())?;
    let name = if label.is_empty() { account } else { label };
    let mut request = ClientCertificateRequest::new(name, format!("countersign:account:{account}"));
    if let Some(end) = not_after {
        request.validity_seconds = request.validity_seconds.min(end.as_secs().saturating_sub(clock::wall().as_secs()));
    }
    let issued = authority.issue_client(&request, clock::unix_now())?;
    let key_id = ApiKeyId::parse(&issued.identities().spki_sha256)?;
    let pem = SecretText::new(format!("{}{}", issued.key_pem(), issued.certificate_pem()));
    let ends = Some(Timestamp::from_secs(issued.identities().not_after));
    Ok(Made { ends, ..Made::new(Material::Certificate { key_id }, Private::Certificate(pem)) })
}

/// A client certificate made elsewhere: a file with it, or a name in it.
pub(super) fn certificate(file_or_name: &str) -> anyhow::Result<Made> {
    let path = Path::new(file_or_name);
    let key_id = if path.exists() {
        let identities = read_certificate(path)?;
        output::note(format!(
            "read {}: certificate of {}, until {}, key {}",
            path.display(),
            identities.common_name.as_deref().unwrap_or("no common name"),
            crate::commands::when::show(Timestamp::from_secs(identities.not_after)),
            identities.spki_sha256
        ));
        ApiKeyId::parse(&identities.spki_sha256)?
    } else if file_or_name.contains('/') || path.extension().is_some_and(|extension| extension == "pem" || extension == "der") {
        return Err(Failure::usage(format!("there is no file {file_or_name}")));
    } else {
        ApiKeyId::parse(file_or_name).map_err(|error| Failure::usage(format!("certificate name {file_or_name:?}: {error}")))?
    };
    Ok(Made::new(Material::Certificate { key_id }, Private::Elsewhere))
}

fn read_certificate(path: &Path) -> anyhow::Result<CertificateIdentities> {
    let bytes = argument::read(path, CERTIFICATE_FILE_BYTES_MAX)?.to_vec();
    let wrong = |why: String| Failure::usage(format!("{}: {why}", path.display()));
    let der = if bytes.starts_with(b"\x30") {
        CertificateDer::from(bytes)
    } else {
        CertificateDer::from_pem_slice(&bytes).map_err(|error| wrong(format!("no certificate in PEM or DER: {error}")))?
    };
    let origin = path.display().to_string();
    ClientCertificate::identities_of(&der, clock::unix_now(), &origin).map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_purpose_has_its_usual_algorithm_and_refuses_the_others() {
        assert_eq!(algorithm(Purpose::Native, None).unwrap(), Algorithm::Ed25519);
        assert_eq!(algorithm(Purpose::Binance, None).unwrap(), Algorithm::HmacSha256);
        assert_eq!(algorithm(Purpose::Native, Some("es256")).unwrap(), Algorithm::EcdsaP256Sha256);
        for (purpose, kind) in
            [(Purpose::Native, "HS256"), (Purpose::Native, "RS256"), (Purpose::Binance, "ML-DSA-65"), (Purpose::Native, "md5")]
        {
            let said = algorithm(purpose, Some(kind)).unwrap_err().to_string();
            assert!(said.contains("Ed25519") && said.contains(kind), "{said}");
        }
    }

    #[test]
    fn an_rsa_key_signs_as_its_purpose_does() {
        let rsa = KeyType::Rsa { bits: 2048 };
        assert_eq!(usual(Purpose::Native, rsa).unwrap(), Algorithm::RsaPssSha256);
        assert_eq!(usual(Purpose::Binance, rsa).unwrap(), Algorithm::RsaPkcs1Sha256);
        assert!(usual(Purpose::Binance, KeyType::EcP256).is_err());
    }
}
