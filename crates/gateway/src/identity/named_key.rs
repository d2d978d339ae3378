//! One key of one algorithm, under the name that its tokens carry.
//!
//! ```text
//!   Ed25519 seed ──────────────────────────────▶ EdDSA key       kid = thumbprint of its JWK
//!        └──HKDF-SHA-256, label, counter──▶ P-256 scalar ─▶ ES256 key   kid = thumbprint of its JWK
//! ```
//!
//! Each key of the ring is a pair: what the file holds is the Ed25519 key, and the P-256 key is derived from it. So both change
//! together, both are published before their use, nodes that have the same file have the same keys of both kinds, and a change of
//! the algorithm needs neither another file nor a waiting time (ADR 0040).
//!
//! # Security
//! A key verifies with its own algorithm and no other, whatever a token says (RFC 8725, 3.1). ES256 signatures are the 64 bytes of
//! RFC 7518, 3.4; DER, zeros and numbers of the group's order or above are none.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Room for a usual token.
const TOKEN_BYTES: usize = 768;
/// Salt of derived keys; a new one makes other keys.
const DERIVE_SALT: &[u8] = b"countersign token keys v1";
/// Attempts to derive a scalar: one in 2^32 is none, so that a second is hardly ever made.
const DERIVE_ATTEMPTS: u8 = 8;
/// A coordinate of P-256, and a scalar.
const P256_BYTES: usize = 32;

/// What a token of ours is signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// Ed25519 (RFC 8037).
    #[default]
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, 3.4), for verifiers that know nothing newer.
    Es256,
}

impl TokenAlgorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EdDsa, Self::Es256];

    /// Its name in JOSE.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(super) const fn jose(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A key pair under its name.
pub(super) struct NamedKey {
    kid: String,
    algorithm: TokenAlgorithm,
    jwk: Value,
    signer: Signer,
    verifier: DecodingKey,
}

impl NamedKey {
    pub(super) fn ed25519(pair: Ed25519KeyPair) -> Self {
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        // RFC 7638 and RFC 8037 appendix A.3: the thumbprint names the key, so the same key has the same name everywhere.
        let kid = thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Self {
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x }),
            kid,
            algorithm: TokenAlgorithm::EdDsa,
            verifier: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            signer: Signer::Ed25519(pair),
        }
    }

    /// The P-256 key that belongs to an Ed25519 key; `None` where that has no seed to derive from.
    pub(super) fn p256_of(seed: &[u8]) -> Option<Self> {
        let pair = (0..DERIVE_ATTEMPTS).find_map(|attempt| p256_pair(&scalar(seed, attempt)?))?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(P256_BYTES)?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        let kid = thumbprint(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
        Some(Self {
            jwk: json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y }),
            kid,
            algorithm: TokenAlgorithm::Es256,
            verifier: DecodingKey::from_ec_der(point),
            signer: Signer::P256(pair),
        })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// The public key as a JWK (RFC 7517).
    pub(super) const fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// A JWS in compact form (RFC 7515, 3.1). The library that verifies parses the private key again for each signature, which
    /// is a tenth of the work of opening a session; hence this one keeps the key parsed.
    pub(super) fn sign(&self, typ: &'static str, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are plain text and numbers");
        let header = format!(r#"{{"typ":"{typ}","alg":"{}","kid":"{}"}}"#, self.algorithm.name(), self.kid);
        let mut token = String::with_capacity(TOKEN_BYTES);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = match &self.signer {
            Signer::Ed25519(pair) => pair.sign(token.as_bytes()),
            Signer::P256(pair) => pair.sign(&SystemRandom::new(), token.as_bytes()).expect("a key that was parsed signs any text"),
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Checks the signature and the algorithm; everything else is the caller's.
    pub(super) fn verify<C: DeserializeOwned>(&self, token: &str) -> jsonwebtoken::errors::Result<C> {
        let mut validation = Validation::new(self.algorithm.jose());
        // Times are compared with the caller's clock, audience and issuer exactly, all by the caller.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<C>(token, &self.verifier, &validation).map(|data| data.claims)
    }
}

fn thumbprint(canonical: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

/// A candidate for the scalar.
fn scalar(seed: &[u8], attempt: u8) -> Option<Secret> {
    let mut derived = vec![0; P256_BYTES];
    let info: [&[u8]; 2] = [b"ES256", &[attempt]];
    Salt::new(HKDF_SHA256, DERIVE_SALT).extract(seed).expand(&info, HKDF_SHA256).ok()?.fill(&mut derived).ok()?;
    Some(Secret::new(derived))
}

/// The pair of a scalar; `None` when it is zero, or not below the order of the group.
fn p256_pair(scalar: &Secret) -> Option<EcdsaKeyPair> {
    let public = PrivateKey::from_private_key(&ECDH_P256, scalar.expose()).ok()?.compute_public_key().ok()?;
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar.expose(), public.as_ref()).ok()
}

/// The order of the group (SEC 2, 2.4.2).
#[cfg(test)]
pub(super) const P256_ORDER: [u8; P256_BYTES] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_derived_key_is_the_same_everywhere_and_another_for_another_seed() {
        let kid = |seed: u8| NamedKey::p256_of(&[seed; 32]).unwrap().kid;
        assert_eq!(kid(1), kid(1));
        assert_ne!(kid(1), kid(2));
        // As another library derives it: nodes of two versions must have the same key.
        assert_eq!(kid(1), "8RTqUX_eCqxMaSGlnT8xVtPklKvtHxdp_6hkAkZGOm4");
    }

    #[test]
    fn scalars_outside_the_group_are_no_keys() {
        for wrong in [vec![0; 32], P256_ORDER.to_vec(), vec![0xff; 32], vec![1; 31]] {
            assert!(p256_pair(&Secret::new(wrong)).is_none());
        }
        let mut last = P256_ORDER.to_vec();
        last[31] -= 1;
        assert!(p256_pair(&Secret::new(last)).is_some());
    }
}
