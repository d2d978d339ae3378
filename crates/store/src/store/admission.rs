//! Which new credentials are taken, and what they are called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::limits::NONCE_WINDOW_MAX;
use countersign_core::{Algorithm, ApiKeyId, CredentialId, CredentialState, KeyFormat, NoncePolicy, PublicKey, Purpose, Secret, Timestamp};
use zeroize::Zeroizing;

use super::check_text;
use crate::error::StoreError;
use crate::record::{CredentialRecord, Material, NewCredential};
use crate::{limits, sealing};

/// Checks a new credential and gives it its names.
pub(super) fn admit(new: NewCredential, created: Timestamp) -> Result<CredentialRecord, StoreError> {
    check_text("the label", &new.label, 0, limits::LABEL_BYTES_MAX)?;
    check_material(new.purpose, &new.material)?;
    check_passphrase(new.purpose, new.passphrase.as_ref())?;
    check_explain(new.purpose, new.explain)?;
    let key_id = new.key_id.clone().unwrap_or_else(|| default_key_id(new.purpose, &new.material));
    if let Material::Certificate { key_id: found_by } = &new.material
        && *found_by != key_id
    {
        // Mutual TLS looks a certificate up by what it contains; another name would never be found.
        return Err(StoreError::MaterialRefused { purpose: new.purpose, material: "a certificate under another name than its own" });
    }
    Ok(CredentialRecord {
        id: credential_id(created),
        account: new.account,
        purpose: new.purpose,
        key_id,
        material: new.material,
        passphrase: new.passphrase,
        nonce: NoncePolicy { window: new.nonce_window.min(NONCE_WINDOW_MAX), ..NoncePolicy::default() },
        scopes: new.scopes,
        ip_allow: new.ip_allow,
        rate: new.rate,
        min_bind: new.min_bind,
        not_after: new.not_after,
        state: CredentialState::Active,
        label: new.label,
        created,
        replaces: None,
        explain: new.explain,
    })
}

/// Our name of a credential: random, and in the order of creation.
fn credential_id(created: Timestamp) -> CredentialId {
    let nanos = u32::try_from(created.as_micros() % 1_000_000 * 1_000).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(uuid::NoContext, created.as_secs(), nanos);
    let name = format!("cred-{}", uuid::Uuid::new_v7(time).simple());
    CredentialId::parse(&name).expect("letters, digits and a dash")
}

fn check_material(purpose: Purpose, material: &Material) -> Result<(), StoreError> {
    match material {
        // Whoever holds such a token is named by its issuer, never by a record of ours.
        _ if purpose == Purpose::Bearer => Err(StoreError::MaterialRefused { purpose, material: "anything that is registered here" }),
        Material::Certificate { .. } if purpose == Purpose::ClientCertificate => Ok(()),
        Material::Certificate { .. } => Err(StoreError::MaterialRefused { purpose, material: "a certificate" }),
        Material::PublicKey(..) if purpose == Purpose::ClientCertificate => {
            Err(StoreError::MaterialRefused { purpose, material: "a bare public key; give its hash as the certificate's key id" })
        }
        Material::PublicKey(key, algorithm) => {
            key.verifying_key(*algorithm)?;
            purpose.accepts(*algorithm).then_some(()).ok_or(StoreError::PurposeRefuses { purpose, algorithm: *algorithm })
        }
        Material::Secret(secret, algorithm) if algorithm.is_mac() && purpose.accepts(*algorithm) => check_secret(secret),
        Material::Secret(..) => Err(StoreError::MaterialRefused { purpose, material: "a shared secret" }),
        Material::Address(_) if purpose.accepts(Algorithm::EcdsaSecp256k1Recoverable) => Ok(()),
        Material::Address(_) => Err(StoreError::MaterialRefused { purpose, material: "an address" }),
    }
}

/// Bounds the secret, and refuses one that is somebody's public key (CVE-2016-10555): whoever has the key could sign.
fn check_secret(secret: &Secret) -> Result<(), StoreError> {
    let bytes = secret.expose();
    // Hex or base64 of the right length is no evidence: random secrets look like raw keys.
    if PublicKey::parse(bytes).is_ok_and(|key| key.format() != KeyFormat::Raw) {
        return Err(StoreError::SecretIsPublicKey);
    }
    if !limits::SECRET_BYTES.contains(&bytes.len()) {
        let (bytes_min, bytes_max) = (*limits::SECRET_BYTES.start(), *limits::SECRET_BYTES.end());
        return Err(StoreError::Field { field: "the secret", bytes_min, bytes_max });
    }
    Ok(())
}

fn check_passphrase(purpose: Purpose, passphrase: Option<&Secret>) -> Result<(), StoreError> {
    let bounds = limits::PASSPHRASE_BYTES;
    match passphrase {
        Some(_) if !purpose.has_passphrase() => Err(StoreError::MaterialRefused { purpose, material: "a passphrase" }),
        None if purpose.has_passphrase() => Err(StoreError::MaterialRefused { purpose, material: "no passphrase" }),
        Some(text) if !bounds.contains(&text.expose().len()) => {
            Err(StoreError::Field { field: "the passphrase", bytes_min: *bounds.start(), bytes_max: *bounds.end() })
        }
        Some(_) | None => Ok(()),
    }
}

/// An explanation needs a message that names its key and carries the proof as a text that can be composed again.
pub(super) fn check_explain(purpose: Purpose, explain: bool) -> Result<(), StoreError> {
    let why = match purpose {
        Purpose::Bearer => "its tokens are their issuer's",
        Purpose::ClientCertificate | Purpose::Native => "it proves itself on its connection",
        Purpose::HttpSignature => "its refusals say by Accept-Signature what to sign",
        Purpose::Hyperliquid => "a wrong signature there names another key",
        Purpose::Binance
        | Purpose::Bitfinex
        | Purpose::Bitmex
        | Purpose::Bybit
        | Purpose::Coinbase
        | Purpose::CoinbaseExchange
        | Purpose::Deribit
        | Purpose::Gate
        | Purpose::Gemini
        | Purpose::Kraken
        | Purpose::KrakenFutures
        | Purpose::Kucoin
        | Purpose::Okx => return Ok(()),
    };
    if explain { Err(StoreError::NotExplained { purpose, why }) } else { Ok(()) }
}

fn default_key_id(purpose: Purpose, material: &Material) -> ApiKeyId {
    match (purpose, material) {
        (_, Material::Certificate { key_id }) => key_id.clone(),
        (Purpose::Native, Material::PublicKey(key, _)) => key.key_id(),
        (_, Material::Address(address)) => ApiKeyId::parse(&address.to_string()).expect("an address is visible ASCII"),
        // Its clients tell keys of this kind by their form.
        (Purpose::Coinbase, _) => {
            let name = format!("organizations/{}/apiKeys/{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
            ApiKeyId::parse(&name).expect("letters, digits, slashes and dashes are a key id")
        }
        // They refuse a key that is not of one account.
        (Purpose::Gemini, _) => {
            let name = format!("account-{}", *random_text(limits::GEMINI_KEY_NAME_BYTES));
            ApiKeyId::parse(&name).expect("letters, digits and a dash are a key id")
        }
        (_, Material::PublicKey(..) | Material::Secret(..)) => random_key_id(),
    }
}

/// A key id as Binance hands them out: 64 letters and digits.
fn random_key_id() -> ApiKeyId {
    let text = random_text(limits::GENERATED_TEXT_BYTES);
    ApiKeyId::parse(&text).expect("letters and digits are a key id")
}

/// A new shared secret: 64 letters and digits, 381 bits. It is text because clients put it into configuration files.
#[must_use]
pub fn generate_secret() -> Secret {
    Secret::new(random_text(limits::GENERATED_TEXT_BYTES).as_bytes().to_vec())
}

fn random_text(length: usize) -> Zeroizing<String> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut byte = [0];
    while text.len() < length {
        sealing::fill(&mut byte);
        // 248 is the last multiple of 62: beyond it some letters would come more often.
        if byte[0] < 248 {
            text.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    text
}

/// The hash by which one key is recognised under all purposes. A certificate registered by the hash of its key has it, too; one
/// registered by name does not.
pub(super) fn key_hash(material: &Material) -> Option<ApiKeyId> {
    match material {
        Material::Certificate { key_id } => {
            URL_SAFE_NO_PAD.decode(key_id.as_str()).is_ok_and(|hash| hash.len() == 32).then(|| key_id.clone())
        }
        Material::PublicKey(key, _) => Some(key.key_id()),
        Material::Address(address) => ApiKeyId::parse(&address.to_string()).ok(),
        Material::Secret(..) => None,
    }
}
