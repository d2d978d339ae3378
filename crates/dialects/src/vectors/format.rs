//! The file of recorded requests.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    AccountId, Address, Algorithm, ApiKeyId, Credential, CredentialId, PublicKey, Purpose, Secret, Timestamp, Verifier,
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
        // Editors on Windows write a byte order mark, which JSON does not know (RFC 8259, 8.1).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_start().starts_with('{') {
            return Err(VectorFileError("it does not begin with an object, which has to have `keys` and `vectors`".to_owned()));
        }
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
    passphrase: Option<String>,
    family: Option<String>,
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
        /// The path of the handshake the frame followed.
        #[serde(default)]
        url_path: Option<String>,
        /// The challenge that was issued on this connection.
        #[serde(default)]
        issued_challenge: Option<String>,
    },
    /// The request that opens a WebSocket.
    #[serde(rename = "ws-handshake")]
    WsHandshake {
        target: String,
        headers: Vec<(String, String)>,
    },
    Fix {
        /// As on the wire, with `|` for SOH.
        raw: String,
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

/// The family of a name such as `kraken`, `krakenfix` or `coinbaseexchange`, which files spell in one word.
pub(super) fn purpose_of(family: &str) -> Option<Purpose> {
    let family = family.strip_suffix("fix").unwrap_or(family);
    Purpose::ALL.iter().copied().find(|purpose| purpose.name().chars().filter(|c| *c != '-').eq(family.chars()))
}

impl Key {
    /// The credential that a venue would have registered, or why this key cannot be one.
    pub(super) fn credential(&self, name: &str) -> Result<Credential, String> {
        let trouble = |what: &str| format!("key {name}: {what}");
        let family = self.family.as_deref().unwrap_or("binance");
        let purpose = purpose_of(family).ok_or_else(|| trouble(&format!("no family {family}")))?;
        let key_id = if purpose == Purpose::Hyperliquid { self.api_key.to_ascii_lowercase() } else { self.api_key.clone() };
        Ok(Credential {
            passphrase: self.passphrase.as_ref().map(|text| Secret::new(text.as_bytes().to_vec())),
            ..Credential::new(
                CredentialId::parse("vector").map_err(|error| trouble(&error.to_string()))?,
                AccountId::parse("vector").map_err(|error| trouble(&error.to_string()))?,
                purpose,
                ApiKeyId::parse(&key_id).map_err(|error| trouble(&error.to_string()))?,
                self.verifier().map_err(|what| trouble(&what))?,
            )
        })
    }

    fn verifier(&self) -> Result<Verifier, String> {
        match self.alg.as_str() {
            "ed25519" | "eddsa" => self.public_key(Algorithm::Ed25519),
            "eip712-secp256k1" => Address::parse(&self.api_key).map(Verifier::EthereumAddress).ok_or_else(|| "no address".to_owned()),
            "es256" => self.public_key(Algorithm::EcdsaP256Sha256),
            "hmac-sha256" => self.mac(Algorithm::HmacSha256),
            "hmac-sha384" => self.mac(Algorithm::HmacSha384),
            "hmac-sha512" => self.mac(Algorithm::HmacSha512),
            "rsa-pkcs1v15-sha256" => self.public_key(Algorithm::RsaPkcs1Sha256),
            "rsa-pss-sha512" => self.public_key(Algorithm::RsaPssSha512),
            other => Err(format!("no verification for {other}")),
        }
    }

    fn mac(&self, algorithm: Algorithm) -> Result<Verifier, String> {
        let secret = Secret::new(self.secret_bytes()?);
        Verifier::mac_keeping_secret(algorithm, &secret).ok_or_else(|| "no MAC".to_owned())
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
