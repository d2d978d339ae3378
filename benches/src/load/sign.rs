//! Requests signed as a Binance client signs them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

use crate::clock;

/// A Binance credential file, as `countersign key new` writes it.
#[derive(Deserialize)]
struct CredentialFile {
    alg: String,
    api_key: String,
    secret: Option<String>,
    private_key_pem: Option<String>,
}

enum Key {
    Ed25519(Box<Ed25519KeyPair>),
    Hmac(String),
}

/// Signs requests with one credential.
pub(crate) struct Signed {
    api_key: String,
    key: Key,
}

impl Signed {
    /// Reads a credential file.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file: CredentialFile = serde_json::from_str(&text).with_context(|| format!("{} is no credential file", path.display()))?;
        let key = match (file.alg.as_str(), file.secret, file.private_key_pem) {
            (_, Some(secret), None) => Key::Hmac(secret),
            ("Ed25519", None, Some(pem)) => {
                let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).context("the private key is no PKCS #8")?;
                Key::Ed25519(Box::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())?))
            }
            (alg, _, _) => bail!("no signatures with {alg} here"),
        };
        Ok(Self { api_key: file.api_key, key })
    }

    /// The name that clients send.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The shared secret, for peers that check it too.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.key {
            Key::Ed25519(_) => None,
            Key::Hmac(secret) => Some(secret),
        }
    }

    /// The raw public key, for peers that check it too.
    pub(crate) fn public_key(&self) -> Option<[u8; 32]> {
        match &self.key {
            Key::Ed25519(pair) => pair.public_key().as_ref().try_into().ok(),
            Key::Hmac(_) => None,
        }
    }

    /// A signed `GET`, with the headers that a Python client sends; good for 60 s.
    pub(crate) fn get(&self, address: SocketAddr, path: &str) -> Vec<u8> {
        let query = format!("omitZeroBalances=true&timestamp={}&recvWindow=60000", clock::wall().as_millis());
        let signature = self.sign(query.as_bytes());
        let (port, api_key) = (address.port(), &self.api_key);
        format!(
            "GET {path}?{query}&signature={signature} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: python-requests/2.32.3\r\n\
             Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nX-MBX-APIKEY: {api_key}\r\n\r\n"
        )
        .into_bytes()
    }

    /// The signature as the venue's clients write it: lower-case hex, or Base64 with its reserved characters escaped.
    fn sign(&self, message: &[u8]) -> String {
        match &self.key {
            Key::Ed25519(pair) => STANDARD.encode(pair.sign(message)).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
            Key::Hmac(secret) => hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message)),
        }
    }
}
