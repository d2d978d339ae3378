//! The demo account: one credential of each kind, so that the first command on a new machine can be followed by a login.

use std::path::{Path, PathBuf};

use countersign_core::{AccountId, Algorithm, ApiKeyId, Binding, Purpose, Scopes};
use countersign_handshake::{CredentialFile, SecretText};
use countersign_pki::ClientCertificateRequest;
use countersign_store::audit::{AuditEvent, AuditRecord};
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, create_private_folder};
use countersign_store::{Change, CredentialRecord, Material, NewCredential, generate_secret};

use super::{State, unix_now, wall};
use crate::keygen;

/// The demo account's name.
pub(crate) const DEMO_ACCOUNT: &str = "demo";

const SCOPES: &str = "md:read account:read order:read order:write";

/// Where the demo credentials are.
#[derive(Clone, Debug)]
pub(crate) struct DemoFiles {
    folder: PathBuf,
}

impl DemoFiles {
    pub(super) fn new(state: &Path) -> Self {
        Self { folder: state.join("demo") }
    }

    /// A native credential file.
    pub(crate) fn native(&self, algorithm: Algorithm) -> PathBuf {
        self.folder.join(format!("native-{}.json", algorithm.name().to_ascii_lowercase()))
    }

    /// A Binance credential file: `hmac`, `rsa` or `ed25519`.
    pub(crate) fn binance(&self, algorithm: Algorithm) -> PathBuf {
        let name = match algorithm {
            Algorithm::HmacSha256 => "hmac",
            Algorithm::RsaPkcs1Sha256 => "rsa",
            Algorithm::EcdsaP256Sha256 | Algorithm::Ed25519 | Algorithm::MlDsa65 | Algorithm::RsaPssSha256 => "ed25519",
        };
        self.folder.join(format!("binance-{name}.json"))
    }

    /// Client certificate and key for mutual TLS, in one PEM file.
    pub(crate) fn client_certificate(&self) -> PathBuf {
        self.folder.join("client-certificate.pem")
    }
}

/// Makes the account, its credentials and their files.
pub(super) async fn create(state: &State, files: &DemoFiles, url: &str) -> anyhow::Result<()> {
    create_private_folder(&files.folder)?;
    let account = AccountId::parse(DEMO_ACCOUNT)?;
    let change = Change::new(wall(), "first start");
    state.store.create_account(account.clone(), "made on first start, for trying things out", &change).await?;
    let ca_pem = state.authority.certificate_pem();
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()) {
        let key = keygen::generate(algorithm)?;
        let record = register(state, Purpose::Native, Material::PublicKey(key.public.clone(), algorithm), None).await?;
        let file = CredentialFile {
            url: url.to_owned(),
            account: account.clone(),
            kid: record.key_id,
            alg: algorithm,
            private_key_pem: key.private_pem,
            gateway_pins: vec![state.gateway.root().to_owned()],
            min_bind: Binding::Sep,
            ca_pem: Some(ca_pem.to_owned()),
        };
        write(&files.native(algorithm), &file.write())?;
    }
    for algorithm in [Algorithm::HmacSha256, Algorithm::RsaPkcs1Sha256, Algorithm::Ed25519] {
        let (material, member, secret) = binance_material(algorithm)?;
        let record = register(state, Purpose::Binance, material, None).await?;
        write(&files.binance(algorithm), &binance_file(url, &record.key_id, algorithm, member, &secret))?;
    }
    let certificate = state.authority.issue_client(&ClientCertificateRequest::new("demo", "countersign:account:demo"), unix_now())?;
    certificate.save_combined(&files.client_certificate())?;
    let key_id = ApiKeyId::parse(&certificate.identities().spki_sha256)?;
    register(state, Purpose::ClientCertificate, Material::Certificate { key_id: key_id.clone() }, Some(key_id)).await?;
    Ok(())
}

async fn register(state: &State, purpose: Purpose, material: Material, key_id: Option<ApiKeyId>) -> anyhow::Result<CredentialRecord> {
    let mut new = NewCredential::new(AccountId::parse(DEMO_ACCOUNT)?, purpose, material);
    new.key_id = key_id;
    new.scopes = Scopes::parse(SCOPES)?;
    new.min_bind = Binding::Sep;
    new.label = "demo".to_owned();
    let record = state.store.create_credential(new, &Change::new(wall(), "first start")).await?;
    let mut line = AuditRecord::new(wall(), AuditEvent::KeyNew);
    line.account = Some(record.account.clone());
    line.key_id = Some(record.key_id.clone());
    line.credential = Some(record.id.clone());
    line.purpose = Some(purpose);
    state.audit.append(line)?;
    Ok(record)
}

fn binance_material(algorithm: Algorithm) -> anyhow::Result<(Material, &'static str, SecretText)> {
    if algorithm == Algorithm::HmacSha256 {
        let secret = generate_secret();
        let text = SecretText::new(String::from_utf8(secret.expose().to_vec())?);
        return Ok((Material::Secret(secret), "secret", text));
    }
    let key = keygen::generate(algorithm)?;
    Ok((Material::PublicKey(key.public, algorithm), "private_key_pem", key.private_pem))
}

/// The credential file of a Binance key: what goes into a client's `apiKey` and `secret`.
pub(crate) fn binance_file(url: &str, key_id: &ApiKeyId, algorithm: Algorithm, member: &str, secret: &SecretText) -> SecretText {
    let file = serde_json::json!({
        "v": 1,
        "kind": "binance",
        "url": url,
        "alg": algorithm.name(),
        "api_key": key_id.as_str(),
        member: secret.expose(),
    });
    SecretText::new(format!("{file:#}\n"))
}

fn write(path: &Path, text: &SecretText) -> anyhow::Result<()> {
    Ok(atomic_write(path, text.expose().as_bytes(), PRIVATE_FILE_MODE)?)
}
