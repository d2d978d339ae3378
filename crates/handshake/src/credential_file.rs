//! The credential file a client is handed: its key, the gateway it belongs to, and the pins to know that gateway by.

use std::fmt;

use countersign_core::{AccountId, Algorithm, ApiKeyId, Binding};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::encoding;
use crate::limits;
use crate::secret_text::SecretText;
use crate::signing_key::{KeyError, Signer as _, SigningKey};

/// A native credential, as the CLI writes it (JSON, mode 0600) (HS-64).
#[derive(Clone, Debug)]
pub struct CredentialFile {
    /// Where the gateway listens, `https://host:port`.
    pub url: String,
    /// Whose.
    pub account: AccountId,
    /// The key's name: must be the hash of the public half of the private key below.
    pub kid: ApiKeyId,
    /// The key's algorithm.
    pub alg: Algorithm,
    /// PKCS #8 in PEM.
    pub private_key_pem: SecretText,
    /// Kids of the gateway roots to trust, 1 to 4.
    pub gateway_pins: Vec<String>,
    /// The weakest binding the gateway accepts of this key.
    pub min_bind: Binding,
    /// Certificates of the gateway's CA, in PEM, if it has a private one.
    pub ca_pem: Option<String>,
}

/// What is wrong with a credential file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFileError {
    /// Not JSON of this form; serde's sentence, which never quotes values of ours.
    Json(String),
    /// The private key.
    Key(KeyError),
    /// The private key is not the one named by `kid`.
    KidMismatch,
    /// A member has a value that is not allowed.
    Member(&'static str),
}

impl fmt::Display for CredentialFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not a credential file: {error}"),
            Self::Key(error) => write!(f, "private_key_pem: {error}"),
            Self::KidMismatch => f.write_str("kid does not name the private key in the file"),
            Self::Member(name) => write!(f, "the value of {name} is not allowed"),
        }
    }
}

impl std::error::Error for CredentialFileError {}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u64,
    kind: String,
    url: String,
    account: String,
    kid: String,
    alg: String,
    private_key_pem: String,
    gateway_pins: Vec<String>,
    min_bind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_pem: Option<String>,
}

impl CredentialFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`CredentialFileError`]; the private key is not touched before [`Self::signing_key`].
    pub fn parse(text: &str) -> Result<Self, CredentialFileError> {
        let wire: Wire = serde_json::from_str(text)
            .map_err(|error| CredentialFileError::Json(format!("{:?} at line {}", error.classify(), error.line())))?;
        let member = CredentialFileError::Member;
        if wire.v != 1 {
            return Err(member("v"));
        }
        if wire.kind != "native" {
            return Err(member("kind"));
        }
        let pins = wire.gateway_pins;
        if pins.is_empty() || pins.len() > limits::PINS_MAX || !pins.iter().all(|pin| encoding::is_kid(pin)) {
            return Err(member("gateway_pins"));
        }
        Ok(Self {
            url: wire.url,
            account: AccountId::parse(&wire.account).map_err(|_| member("account"))?,
            kid: ApiKeyId::parse(&wire.kid).map_err(|_| member("kid"))?,
            alg: Algorithm::parse(&wire.alg).filter(|alg| alg.is_native()).ok_or_else(|| member("alg"))?,
            private_key_pem: SecretText::new(wire.private_key_pem),
            gateway_pins: pins,
            min_bind: Binding::parse(&wire.min_bind).ok_or_else(|| member("min_bind"))?,
            ca_pem: wire.ca_pem,
        })
    }

    /// Writes the file's text, indented.
    #[must_use]
    pub fn write(&self) -> SecretText {
        let mut wire = Wire {
            v: 1,
            kind: "native".to_owned(),
            url: self.url.clone(),
            account: self.account.to_string(),
            kid: self.kid.to_string(),
            alg: self.alg.name().to_owned(),
            private_key_pem: self.private_key_pem.expose().to_owned(),
            gateway_pins: self.gateway_pins.clone(),
            min_bind: self.min_bind.name().to_owned(),
            ca_pem: self.ca_pem.clone(),
        };
        let text = SecretText::new(serde_json::to_string_pretty(&wire).expect("texts and numbers are JSON"));
        wire.private_key_pem.zeroize();
        text
    }

    /// The private key, checked against `kid`.
    ///
    /// # Errors
    /// [`CredentialFileError::Key`], [`CredentialFileError::KidMismatch`].
    pub fn signing_key(&self) -> Result<SigningKey, CredentialFileError> {
        let key = SigningKey::from_pkcs8_pem(self.alg, self.private_key_pem.expose()).map_err(CredentialFileError::Key)?;
        if *key.kid() == self.kid { Ok(key) } else { Err(CredentialFileError::KidMismatch) }
    }
}

#[cfg(test)]
mod tests;
