//! New private keys, as PKCS #8 in PEM.

use anyhow::{Context as _, bail};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Address, Algorithm, PublicKey, Secret, SecretEncoding};
use countersign_handshake::SecretText;
use countersign_store::generate_secret;

/// A new key pair.
pub(crate) struct NewKey {
    /// The private half, PKCS #8 in PEM.
    pub(crate) private_pem: SecretText,
    /// The public half.
    pub(crate) public: PublicKey,
}

/// Makes a key pair for `algorithm`.
pub(crate) fn generate(algorithm: Algorithm) -> anyhow::Result<NewKey> {
    let (private, public) = match algorithm {
        Algorithm::EcdsaP256Sha256 => ecdsa_p256()?,
        Algorithm::Ed25519 => ed25519()?,
        Algorithm::EcdsaSecp256k1Recoverable => bail!("a key that is known by its address is made by itself"),
        Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => bail!("HMAC has a secret, not a key pair"),
        Algorithm::MlDsa65 => ml_dsa_65()?,
        Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 | Algorithm::RsaPssSha512 => rsa_2048()?,
    };
    Ok(NewKey { private_pem: private_pem(&private), public: PublicKey::parse(&public).context("the new public key does not parse")? })
}

/// A new shared secret: the bytes that key the MAC, and the text that its owner gets.
pub(crate) fn secret(encoding: SecretEncoding) -> anyhow::Result<(Secret, SecretText)> {
    match encoding {
        SecretEncoding::Text => {
            let secret = generate_secret();
            let text = SecretText::new(String::from_utf8(secret.expose().to_vec())?);
            Ok((secret, text))
        }
        SecretEncoding::Base64 => {
            let mut bytes = vec![0; 64];
            aws_lc_rs::rand::fill(&mut bytes)?;
            let text = SecretText::new(STANDARD.encode(&bytes));
            Ok((Secret::new(bytes), text))
        }
    }
}

/// A new passphrase: 16 letters and digits.
pub(crate) fn passphrase() -> anyhow::Result<Secret> {
    let text = generate_secret();
    Ok(Secret::new(text.expose().get(..16).context("a secret is longer")?.to_vec()))
}

/// A new secp256k1 key: its address, and the key as wallets have it.
pub(crate) fn wallet() -> anyhow::Result<(Address, SecretText)> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice())?;
    let key = secp256k1::SecretKey::from_secret_bytes(*bytes).context("32 random bytes are a key")?;
    let public = secp256k1::PublicKey::from_secret_key(&key).serialize_uncompressed();
    Ok((Address::of_public_key(&public), SecretText::new(format!("0x{}", hex::encode(*bytes)))))
}

/// The secret of an Ed25519 key as clients of Coinbase want it: base64 of seed and public key.
pub(crate) fn seed_and_public(pkcs8_pem: &SecretText, public: &PublicKey) -> anyhow::Result<SecretText> {
    let der = pem_body(pkcs8_pem.expose())?;
    let seed = der.last_chunk::<32>().context("PKCS #8 of Ed25519 ends with the seed")?;
    let spki = public.spki_der();
    let public = spki.last_chunk::<32>().context("an Ed25519 SPKI ends with the key")?;
    let both = zeroize::Zeroizing::new([seed.as_slice(), public.as_slice()].concat());
    Ok(SecretText::new(STANDARD.encode(both.as_slice())))
}

/// A P-256 key as clients of Coinbase want it, and as that venue hands it out: `EC PRIVATE KEY` with curve and public half
/// (RFC 5915, section 3), from PKCS #8 (RFC 5958).
pub(crate) fn sec1(pkcs8_pem: &SecretText) -> anyhow::Result<SecretText> {
    /// SEQUENCE (119 bytes), version 1, OCTET STRING (32 bytes).
    const HEAD: &[u8] = &[0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    /// `[0]` with the OID of P-256.
    const CURVE: &[u8] = &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    /// `[1]` with a BIT STRING (66 bytes) that holds an uncompressed point.
    const POINT: &[u8] = &[0xa1, 0x44, 0x03, 0x42, 0x00, 0x04];
    let der = pem_body(pkcs8_pem.expose())?;
    // What PKCS #8 wraps has the same parts, without the curve.
    let inner = der.last_chunk::<109>().context("PKCS #8 of P-256 ends with the key")?;
    let (head, rest) = inner.split_at(HEAD.len());
    let (scalar, public) = rest.split_at(32);
    let is_key = head.first() == HEAD.first() && head[2..] == HEAD[2..] && public.starts_with(POINT);
    anyhow::ensure!(is_key, "PKCS #8 of P-256 holds the key with its public half");
    let der = zeroize::Zeroizing::new([HEAD, scalar, CURVE, public].concat());
    Ok(pem("EC PRIVATE KEY", &der))
}

fn pem_body(pem: &str) -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(STANDARD.decode(zeroize::Zeroizing::new(body).as_bytes()).context("a PEM of ours is base64")?.into())
}

type Ders = (zeroize::Zeroizing<Vec<u8>>, Vec<u8>);

fn ed25519() -> anyhow::Result<Ders> {
    use aws_lc_rs::signature::KeyPair as _;
    // Version 1 of PKCS #8: OpenSSL and Python read it; version 2 with the public half they do not.
    let pair = Ed25519KeyPair::generate()?;
    let private = pair.to_pkcs8v1()?;
    Ok((private.as_ref().to_vec().into(), pair.public_key().as_der()?.as_ref().to_vec()))
}

fn ecdsa_p256() -> anyhow::Result<Ders> {
    use aws_lc_rs::signature::KeyPair as _;
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())?;
    Ok((private.as_ref().to_vec().into(), pair.public_key().as_der()?.as_ref().to_vec()))
}

fn ml_dsa_65() -> anyhow::Result<Ders> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = PqdsaKeyPair::generate(&ML_DSA_65_SIGNING)?;
    let private = pair.to_pkcs8v1()?;
    Ok((private.as_ref().to_vec().into(), pair.public_key().as_der()?.as_ref().to_vec()))
}

fn rsa_2048() -> anyhow::Result<Ders> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?;
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der()?;
    Ok((private.as_ref().to_vec().into(), pair.public_key().as_der()?.as_ref().to_vec()))
}

fn private_pem(der: &[u8]) -> SecretText {
    pem("PRIVATE KEY", der)
}

fn pem(label: &str, der: &[u8]) -> SecretText {
    let encoded = zeroize::Zeroizing::new(STANDARD.encode(der));
    let mut pem = String::with_capacity(encoded.len() + encoded.len() / 64 + 64);
    pem.push_str(&["-----BEGIN ", label, "-----\n"].concat());
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str(&["-----END ", label, "-----\n"].concat());
    SecretText::new(pem)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_handshake::{Signer as _, SigningKey};

    use super::*;

    #[test]
    fn a_key_of_p256_can_be_told_in_its_older_form() {
        let key = generate(Algorithm::EcdsaP256Sha256).unwrap();
        let told = sec1(&key.private_pem).unwrap();
        assert!(told.expose().starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "{}", told.expose());
        let der = pem_body(told.expose()).unwrap();
        let public = key.public.spki_der();
        let point = public.last_chunk::<65>().unwrap();
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
        assert_eq!(aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref(), point);
        assert_eq!(der.len(), 121, "curve and public half are in it");
        assert!(sec1(&generate(Algorithm::Ed25519).unwrap().private_pem).is_err());
    }

    #[test]
    fn every_native_key_signs_what_its_public_half_verifies() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()) {
            let key = generate(algorithm).unwrap();
            let signer = SigningKey::from_pkcs8_pem(algorithm, key.private_pem.expose()).unwrap();
            let signature = signer.sign(b"message").unwrap();
            assert!(key.public.verifying_key(algorithm).unwrap().verify(b"message", &signature), "{algorithm}");
            assert_eq!(*signer.kid(), key.public.key_id(), "{algorithm}");
        }
    }
}
