//! The key that was given: what it is, and what it becomes by mistake.
//!
//! | text | is |
//! |---|---|
//! | PEM, JWK or OpenSSH public key; PEM private key | a public key (of a private key the public half) |
//! | `0x` and 40 or 64 digits, at Hyperliquid | an address, or the key it is made of |
//! | base64 of 64 bytes, at Coinbase | an Ed25519 key: seed and public half |
//! | anything else | a shared secret |
//!
//! Secrets stay in this crate: no report has one, nor a MAC made with one.

mod secrets;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use countersign_core::{Address, Algorithm, PublicKey, Purpose, Secret, SecretEncoding, Verifier};

use crate::catalogue::Mistake;
use crate::input::InputError;
use crate::limits;

pub(crate) use self::secrets::secret_variants;

/// A mistake with what exactly it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) mistake: Mistake,
    pub(crate) detail: String,
}

impl Named {
    pub(crate) fn new(mistake: Mistake, detail: impl Into<String>) -> Self {
        Self { mistake, detail: detail.into() }
    }
}

/// What a proof is checked with.
pub(crate) enum Material {
    Address(Address),
    /// A shared secret, as its owner has it.
    Mac(Secret),
    /// A public key, and the text that it came from.
    Public(PublicKey, Secret),
}

impl Material {
    /// Reads the text of a key for a dialect.
    pub(crate) fn read(purpose: Purpose, text: &Secret) -> Result<Self, InputError> {
        let bytes = text.expose();
        if bytes.len() > limits::SECRET_BYTES_MAX {
            return Err(InputError::new("the secret is longer than any key"));
        }
        let plain = str::from_utf8(bytes).map_err(|_| InputError::new("the secret is not text"))?.trim();
        if purpose == Purpose::Hyperliquid {
            return address(plain).map(Self::Address);
        }
        if plain.contains("-----BEGIN") && plain.contains("PRIVATE KEY") {
            let public =
                public_half(plain).ok_or_else(|| InputError::new("the private key cannot be read: PEM of Ed25519, EC P-256 or RSA is"))?;
            return Ok(Self::Public(public, text.clone()));
        }
        let is_public = plain.contains("-----BEGIN") || plain.starts_with("ssh-") || plain.starts_with("ecdsa-") || plain.starts_with('{');
        if is_public {
            let key = PublicKey::parse(bytes).map_err(|error| InputError::new(format!("the public key cannot be read: {error}")))?;
            return Ok(Self::Public(key, text.clone()));
        }
        if purpose == Purpose::Coinbase {
            let both = STANDARD.decode(plain).ok().filter(|both| both.len() == 64);
            let both = both.ok_or_else(|| InputError::new("a CDP key is a PEM (EC), or base64 of 64 bytes (Ed25519)"))?;
            let key = PublicKey::parse(&both[32..]).map_err(|error| InputError::new(format!("the Ed25519 key cannot be read: {error}")))?;
            return Ok(Self::Public(key, text.clone()));
        }
        Ok(Self::Mac(text.clone()))
    }

    /// What core verifies with, under the one algorithm that a key of this dialect has; `None` when a key like this has none there.
    pub(crate) fn verifier(&self, purpose: Purpose) -> Option<Verifier> {
        match self {
            Self::Address(address) => Some(Verifier::EthereumAddress(*address)),
            Self::Mac(secret) => {
                let algorithm = *purpose.algorithms().iter().find(|algorithm| algorithm.is_mac())?;
                let right = right_secret(purpose, secret);
                if purpose == Purpose::Deribit {
                    return Verifier::mac_keeping_secret(algorithm, &Secret::new(right));
                }
                Verifier::mac(algorithm, &right)
            }
            Self::Public(key, _) => {
                let algorithm = purpose.algorithms().iter().find(|algorithm| key.key_type().signs(**algorithm))?;
                key.verifying_key(*algorithm).ok().map(Verifier::PublicKey)
            }
        }
    }

    /// What it is, in words.
    pub(crate) fn describe(&self, purpose: Purpose) -> String {
        match self {
            Self::Address(address) => format!("the address {address}"),
            Self::Mac(_) => {
                let algorithm =
                    purpose.algorithms().iter().find(|algorithm| algorithm.is_mac()).map_or("HMAC", |algorithm| name(*algorithm));
                match purpose.secret_encoding() {
                    SecretEncoding::Base64 => format!("a shared secret for {algorithm}, decoded from base64"),
                    SecretEncoding::Text => format!("a shared secret for {algorithm}, used as text"),
                }
            }
            Self::Public(key, _) => format!("a key of the type {}", key.key_type()),
        }
    }
}

const fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha256 => "HMAC-SHA-256",
        Algorithm::HmacSha384 => "HMAC-SHA-384",
        Algorithm::HmacSha512 => "HMAC-SHA-512",
        Algorithm::EcdsaP256Sha256
        | Algorithm::EcdsaSecp256k1Recoverable
        | Algorithm::Ed25519
        | Algorithm::MlDsa65
        | Algorithm::RsaPkcs1Sha256
        | Algorithm::RsaPssSha256
        | Algorithm::RsaPssSha512 => algorithm.name(),
    }
}

fn address(text: &str) -> Result<Address, InputError> {
    let wrong = || InputError::new("at Hyperliquid the key is an address (0x and 40 digits) or a private key (0x and 64 digits)");
    let text = if text.starts_with("0x") { text.to_owned() } else { format!("0x{text}") };
    if let Some(address) = Address::parse(&text) {
        return Ok(address);
    }
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    hex::decode_to_slice(&text[2..], bytes.as_mut_slice()).map_err(|_| wrong())?;
    let key = secp256k1::SecretKey::from_secret_bytes(*bytes).map_err(|_| wrong())?;
    Ok(Address::of_public_key(&secp256k1::PublicKey::from_secret_key(&key).serialize_uncompressed()))
}

/// The public half of a private key in PEM (PKCS #8, SEC 1, PKCS #1).
fn public_half(pem: &str) -> Option<PublicKey> {
    // Keys from .env files and JSON have the two characters backslash and n for each line break.
    let pem = pem.replace("\\n", "\n");
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = zeroize::Zeroizing::new(STANDARD.decode(body).ok()?);
    let raw = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        .ok()
        .map(|pair| pair.public_key().as_ref().to_vec())
        .or_else(|| {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
            let pair = pair.ok().or_else(|| EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok());
            pair.map(|pair| pair.public_key().as_ref().to_vec())
        })
        .or_else(|| {
            let pair = RsaKeyPair::from_pkcs8(&der).ok().or_else(|| RsaKeyPair::from_der(&der).ok());
            pair.map(|pair| pair.public_key().as_ref().to_vec())
        })?;
    PublicKey::parse(&raw).ok()
}

fn text_of(secret: &Secret) -> &str {
    str::from_utf8(secret.expose()).unwrap_or_default()
}

/// The shortest text that is hidden wherever it stands: a shorter one is no secret, and may be a part of any word.
const HIDDEN_BYTES_MIN: usize = 6;

/// The text of a secret that both sides have. Public keys, addresses and the texts of key files are none.
pub(crate) fn shared_text(secret: &Secret) -> Option<&str> {
    let text = bare(text_of(secret));
    let public = text.contains("-----BEGIN") || text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with('{');
    let address = Address::parse(text).is_some();
    (text.len() >= HIDDEN_BYTES_MIN && !public && !address).then_some(text)
}

/// Base64 of either alphabet, with or without padding.
pub(crate) fn any_base64(text: &str) -> Option<Vec<u8>> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.into_iter().find_map(|engine| engine.decode(text).ok())
}

/// Without blanks and quotes around it.
fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'', '`']).trim()
}

/// The secret as it is written, without what is around it.
pub(crate) fn text_as_is(secret: &Secret) -> Secret {
    Secret::new(bare(text_of(secret)).as_bytes().to_vec())
}

/// The bytes that the secret should be used as.
fn right_secret(purpose: Purpose, secret: &Secret) -> Vec<u8> {
    let text = bare(text_of(secret));
    match purpose.secret_encoding() {
        SecretEncoding::Base64 => any_base64(text).unwrap_or_else(|| text.as_bytes().to_vec()),
        SecretEncoding::Text => text.as_bytes().to_vec(),
    }
}

/// A secret as a client may have used it; `None`: as it should.
pub(crate) type Variant = (Option<Named>, Vec<u8>);

/// The texts of a private or public key that HMAC was keyed with by mistake.
pub(crate) fn text_as_secret(text: &Secret, key: &str) -> Vec<Variant> {
    let given = text_of(text);
    let body: String = given.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let forms = [given.to_owned(), given.trim().to_owned(), format!("{}\n", given.trim()), given.trim().replace('\n', "\\n"), body];
    let named = || Some(Named::new(Mistake::KeyTypeHmac, "keyed with the text of the key"));
    let mut variants: Vec<Variant> = forms.into_iter().map(|form| (named(), form.into_bytes())).collect();
    variants.push((Some(Named::new(Mistake::KeyTypeHmac, "keyed with the API key")), key.as_bytes().to_vec()));
    variants
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn a_private_key_gives_its_public_half() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pair.to_pkcs8v1().unwrap()));
        let expected = PublicKey::parse(pair.public_key().as_ref()).unwrap();
        for text in [pem.clone(), pem.replace('\n', "\\n")] {
            let Material::Public(public, _) = Material::read(Purpose::Binance, &secret(&text)).unwrap() else { panic!("it is a key pair") };
            assert_eq!(public, expected);
        }
        assert!(Material::read(Purpose::Binance, &secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")).is_err());
    }

    #[test]
    fn a_wallet_is_known_by_its_address() {
        // The key of the number one, whose address every textbook has.
        let one = format!("0x{:064}", 1);
        for text in [one.as_str(), "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"] {
            let Material::Address(address) = Material::read(Purpose::Hyperliquid, &secret(text)).unwrap() else { panic!("an address") };
            assert_eq!(address.to_string(), "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
        }
        assert!(Material::read(Purpose::Hyperliquid, &secret("hello")).is_err());
    }

    #[test]
    fn quotes_and_blanks_are_never_part_of_the_right_secret() {
        for text in ["abc", " abc\n", "\"abc\"", "'abc'\r\n"] {
            assert_eq!(secret_variants(Purpose::Okx, &secret(text), None, "")[0].1, b"abc", "{text}");
        }
        assert_eq!(secret_variants(Purpose::Kraken, &secret("YWJj"), None, "")[0].1, b"abc");
    }
}
