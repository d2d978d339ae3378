//! The file that the owner of a key gets.
//!
//! A native one is what `connect` and the client libraries read. A key that was made elsewhere gets the same file without its private
//! half: everything else that its owner needs to know.

use std::path::Path;

use countersign_core::{Algorithm, Purpose};
use countersign_handshake::{CredentialFile, Delegation, SecretText};
use countersign_store::{CredentialRecord, Material};
use serde_json::json;

use super::material::Private;
use crate::failure::Failure;
use crate::keygen;

/// What the owner needs to reach the gateway.
pub(super) struct Reach<'r> {
    /// Where it is.
    pub(super) url: &'r str,
    /// The state folder.
    pub(super) folder: &'r Path,
    /// CA certificates for the file: a file to take them from, `none`, or the private CA's.
    pub(super) ca: Option<&'r str>,
}

/// The text of the file.
pub(super) fn write(record: &CredentialRecord, private: &Private, reach: &Reach<'_>) -> anyhow::Result<SecretText> {
    match (record.purpose, &record.material) {
        (Purpose::Native, Material::PublicKey(_, algorithm)) => native(record, *algorithm, private, reach),
        (Purpose::ClientCertificate | Purpose::Native, _) => Ok(certificate(record, private)),
        (_, _) => dialect(record, private, reach.url),
    }
}

/// The credential file of a dialect key: what goes into a client's `apiKey`, `secret` and `password`.
pub(crate) fn dialect(record: &CredentialRecord, private: &Private, url: &str) -> anyhow::Result<SecretText> {
    let algorithm = record.material.algorithm().map_or("", Algorithm::name);
    let mut file = json!({ "v": 1, "kind": record.purpose.name(), "url": url, "alg": algorithm, "api_key": record.key_id.as_str() });
    match private {
        Private::Certificate(pem) | Private::KeyPair(pem) => {
            file["private_key_pem"] = match (record.purpose, record.material.algorithm()) {
                // One client reads no other form.
                (Purpose::Coinbase, Some(Algorithm::EcdsaP256Sha256)) => keygen::sec1(pem)?.expose().into(),
                _ => pem.expose().into(),
            };
            if let (Purpose::Coinbase, Material::PublicKey(public, Algorithm::Ed25519)) = (record.purpose, &record.material) {
                file["secret"] = keygen::seed_and_public(pem, public)?.expose().into();
            }
        }
        Private::Raw(key) => file["private_key"] = key.expose().into(),
        Private::Secret(secret) => file["secret"] = secret.expose().into(),
        Private::Elsewhere => {}
    }
    if let Some(passphrase) = &record.passphrase {
        file["passphrase"] = std::str::from_utf8(passphrase.expose())?.into();
    }
    Ok(SecretText::new(format!("{file:#}\n")))
}

fn native(record: &CredentialRecord, algorithm: Algorithm, private: &Private, reach: &Reach<'_>) -> anyhow::Result<SecretText> {
    let pin = gateway_pin(reach.folder)?;
    let ca_pem = ca_pem(reach)?;
    if let Private::KeyPair(pem) = private {
        let file = CredentialFile {
            url: reach.url.to_owned(),
            account: record.account.clone(),
            kid: record.key_id.clone(),
            alg: algorithm,
            private_key_pem: pem.clone(),
            gateway_pins: vec![pin],
            min_bind: record.min_bind,
            ca_pem,
        };
        return Ok(SecretText::new(format!("{}\n", file.write().expose())));
    }
    let mut file = json!({
        "v": 1,
        "kind": "native",
        "url": reach.url,
        "account": record.account.as_str(),
        "kid": record.key_id.as_str(),
        "alg": algorithm.name(),
        "gateway_pins": [pin],
        "min_bind": record.min_bind.name(),
    });
    if let Some(ca_pem) = ca_pem {
        file["ca_pem"] = ca_pem.into();
    }
    Ok(SecretText::new(format!("{file:#}\n")))
}

fn certificate(record: &CredentialRecord, private: &Private) -> SecretText {
    match private {
        Private::Certificate(pem) | Private::KeyPair(pem) | Private::Raw(pem) | Private::Secret(pem) => pem.clone(),
        Private::Elsewhere => {
            let file =
                json!({ "v": 1, "kind": record.purpose.name(), "account": record.account.as_str(), "key_id": record.key_id.as_str() });
            SecretText::new(format!("{file:#}\n"))
        }
    }
}

/// The root that clients pin, from the word it gave for the gateway's key: the root key itself may be kept elsewhere.
fn gateway_pin(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("gateway-delegation.txt");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::environment(format!("cannot read {}: {error}; start the gateway once, it makes the file", path.display()))
    })?;
    let delegation = Delegation::verify(text.trim()).map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
    Ok(delegation.root().to_owned())
}

fn ca_pem(reach: &Reach<'_>) -> anyhow::Result<Option<String>> {
    let path = match reach.ca {
        Some("none") => return Ok(None),
        Some(file) => Path::new(file).to_owned(),
        None => reach.folder.join("ca.pem"),
    };
    let pem = std::fs::read_to_string(&path).map_err(|error| Failure::environment(format!("cannot read {}: {error}", path.display())))?;
    // Parsed here, so that a wrong file is found now and not by the client.
    countersign_pki::TrustBundle::from_pem(pem.as_bytes())?;
    Ok(Some(pem))
}
