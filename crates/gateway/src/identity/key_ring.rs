//! The signing keys: one in use, one published for later, one that was in use before.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::Secret;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key_file::{self, KeyFileError};

/// Room for a usual token.
const TOKEN_BYTES: usize = 768;

/// One Ed25519 key.
pub(super) struct SigningKey {
    kid: String,
    public: [u8; 32],
    pkcs8: Secret,
    signer: Ed25519KeyPair,
    verifier: DecodingKey,
}

impl SigningKey {
    pub(super) fn generate() -> Result<Self, KeyFileError> {
        let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(|_| KeyFileError::Generation)?;
        Self::from_pkcs8(Secret::new(document.as_ref().to_vec())).ok_or(KeyFileError::Generation)
    }

    /// Reads PKCS #8 DER; `None` when it is no Ed25519 key.
    pub(super) fn from_pkcs8(pkcs8: Secret) -> Option<Self> {
        let pair =
            Ed25519KeyPair::from_pkcs8(pkcs8.expose()).or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.expose())).ok()?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        // RFC 7638 and RFC 8037 appendix A.3: the thumbprint names the key, so the same key has the same name everywhere.
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(public));
        let kid = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()));
        Some(Self { kid, public, signer: pair, verifier: DecodingKey::from_ed_der(&public), pkcs8 })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn pkcs8(&self) -> &Secret {
        &self.pkcs8
    }

    fn copy(&self) -> Self {
        Self::from_pkcs8(self.pkcs8.clone()).expect("it was read before")
    }

    /// A JWS in compact form (RFC 7515, 3.1). The library that verifies parses the private key again for each signature, which
    /// is a tenth of the work of opening a session; hence this one keeps the key parsed.
    pub(super) fn sign(&self, typ: &'static str, claims: &impl Serialize) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are plain text and numbers");
        let header = format!(r#"{{"typ":"{typ}","alg":"EdDSA","kid":"{}"}}"#, self.kid);
        let mut token = String::with_capacity(TOKEN_BYTES);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signer.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Checks the signature and the algorithm; everything else is the caller's.
    pub(super) fn verify<C: DeserializeOwned>(&self, token: &str) -> jsonwebtoken::errors::Result<C> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Times are compared with the caller's clock, audience and issuer exactly, all by the caller.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<C>(token, &self.verifier, &validation).map(|data| data.claims)
    }

    fn jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": URL_SAFE_NO_PAD.encode(self.public),
        })
    }
}

/// The ring, as the file has it: current, next, then previous if there is one.
pub(super) struct KeyRing {
    path: PathBuf,
    keys: Vec<SigningKey>,
    jwks: String,
}

/// Keys in a file: current, next, previous.
pub(super) const KEYS_MAX: usize = 3;

impl KeyRing {
    pub(super) fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let mut keys = key_file::read(path)?;
        if keys.len() < 2 {
            // A new file, or one with a key of the operator's own: the next key is published from the start.
            while keys.len() < 2 {
                keys.push(SigningKey::generate()?);
            }
            key_file::write(path, &keys)?;
        }
        Ok(Self::new(path.to_owned(), keys))
    }

    fn new(path: PathBuf, keys: Vec<SigningKey>) -> Self {
        let published: Vec<_> = keys.iter().map(SigningKey::jwk).collect();
        let jwks = serde_json::json!({ "keys": published }).to_string();
        Self { path, keys, jwks }
    }

    /// The ring after a rotation, already in the file.
    pub(super) fn rotated(&self) -> Result<Self, KeyFileError> {
        let keys = vec![self.keys[1].copy(), SigningKey::generate()?, self.keys[0].copy()];
        key_file::write(&self.path, &keys)?;
        Ok(Self::new(self.path.clone(), keys))
    }

    pub(super) fn current(&self) -> &SigningKey {
        &self.keys[0]
    }

    /// A key that has signed tokens: the current or the previous one.
    pub(super) fn find_used(&self, kid: &str) -> Option<&SigningKey> {
        std::iter::once(&self.keys[0]).chain(self.keys.get(2)).find(|key| key.kid == kid)
    }

    pub(super) fn jwks(&self) -> &str {
        &self.jwks
    }

    pub(super) fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        self.keys.iter().map(|key| (key.kid.clone(), key.public)).collect()
    }
}
