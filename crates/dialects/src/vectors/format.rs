//! The file of recorded requests.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Binding, Credential, CredentialId, CredentialState, IpAllowList, KeyRate, PublicKey, Purpose, Scopes,
    Timestamp, Verifier,
};
use serde::Deserialize;

/// A text that is no file of vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorFileError(pub String);

impl fmt::Display for VectorFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a file of vectors: {}", self.0)
    }
}

impl std::error::Error for VectorFileError {}

/// A file of vectors. Members that are not named here (notes, origins) are ignored.
#[derive(Debug, Deserialize)]
pub struct VectorFile {
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) vectors: Vec<Vector>,
}

impl VectorFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`VectorFileError`] with the place where it stops making sense.
    pub fn parse(text: &str) -> Result<Self, VectorFileError> {
        serde_json::from_str(text).map_err(|error| VectorFileError(error.to_string()))
    }
}

/// A key: a throw-away secret or a public key.
#[derive(Deserialize)]
pub(super) struct Key {
    api_key: String,
    alg: String,
    secret: Option<String>,
    secret_encoding: Option<String>,
    public_pem: Option<String>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {})", self.api_key, self.alg)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Vector {
    pub(super) id: String,
    pub(super) dialect: String,
    pub(super) key: String,
    now_ms: u64,
    pub(super) request: Request,
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) after: Vec<String>,
}

impl Vector {
    pub(super) const fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms)
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Request {
    Http {
        method: String,
        target: String,
        headers: Vec<(String, String)>,
        body: String,
    },
    Ws {
        text: String,
    },
    /// serde wants the unknown kind last.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Expect {
    verdict: String,
    reason: Option<String>,
}

impl Expect {
    /// `accept`, or the reason to reject.
    pub(super) fn word(&self) -> String {
        match (self.verdict.as_str(), &self.reason) {
            ("accept", _) => "accept".to_owned(),
            (_, Some(reason)) => reason.clone(),
            (verdict, None) => verdict.to_owned(),
        }
    }
}

impl Key {
    /// The credential that a venue would have registered, or why this key cannot be one.
    pub(super) fn credential(&self, name: &str) -> Result<Credential, String> {
        let trouble = |what: &str| format!("key {name}: {what}");
        Ok(Credential {
            id: CredentialId::parse("vector").map_err(|error| trouble(&error.to_string()))?,
            account: AccountId::parse("vector").map_err(|error| trouble(&error.to_string()))?,
            purpose: Purpose::Binance,
            key_id: ApiKeyId::parse(&self.api_key).map_err(|error| trouble(&error.to_string()))?,
            verifier: self.verifier().map_err(|what| trouble(&what))?,
            scopes: Scopes::none(),
            ip_allow: IpAllowList::any(),
            rate: KeyRate::default(),
            min_bind: Binding::Chl,
            not_after: None,
            state: CredentialState::Active,
        })
    }

    fn verifier(&self) -> Result<Verifier, String> {
        match self.alg.as_str() {
            "ed25519" => self.public_key(Algorithm::Ed25519),
            "hmac-sha256" => self.secret_bytes().map(|secret| Verifier::hmac_sha256(&secret)),
            "rsa-pkcs1v15-sha256" => self.public_key(Algorithm::RsaPkcs1Sha256),
            other => Err(format!("no verification for {other}")),
        }
    }

    fn public_key(&self, algorithm: Algorithm) -> Result<Verifier, String> {
        let pem = self.public_pem.as_deref().ok_or("no public_pem")?;
        let key = PublicKey::parse(pem.as_bytes()).and_then(|key| key.verifying_key(algorithm));
        key.map(Verifier::PublicKey).map_err(|error| error.to_string())
    }

    fn secret_bytes(&self) -> Result<Vec<u8>, String> {
        let secret = self.secret.as_deref().ok_or("no secret")?;
        match self.secret_encoding.as_deref() {
            Some("base64") => STANDARD.decode(secret).map_err(|error| error.to_string()),
            Some("utf8") | None => Ok(secret.as_bytes().to_vec()),
            Some(other) => Err(format!("no encoding {other}")),
        }
    }
}
