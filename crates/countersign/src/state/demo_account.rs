//! The demo account: one credential of each kind, so that the first command on a new machine can be followed by a login.

use std::path::{Path, PathBuf};

use countersign_core::{AccountId, Algorithm, ApiKeyId, Binding, Purpose, Scopes};
use countersign_gateway::clock;
use countersign_handshake::{CredentialFile, SecretText};
use countersign_pki::{ClientCertificateRequest, PrivateAuthority};
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord};
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, create_private_folder};
use countersign_store::{Change, CredentialRecord, Material, NewCredential, Store, generate_secret};

use super::unix_now;
use crate::keygen;

/// The demo account's name.
const DEMO_ACCOUNT: &str = "demo";

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

/// What making the demo account needs.
pub(crate) struct DemoAccount<'s> {
    pub(crate) store: &'s Store,
    pub(crate) audit: &'s AuditLog,
    pub(crate) authority: &'s PrivateAuthority,
    /// Kid of the gateway root, which native credential files pin.
    pub(crate) gateway_root: &'s str,
}

impl DemoAccount<'_> {
    /// Makes the account with a credential of each kind, unless there is an account already.
    pub(crate) async fn ensure(&self, state: &Path, url: &str) -> anyhow::Result<DemoFiles> {
        let files = DemoFiles::new(state);
        if self.store.accounts().await?.is_empty() {
            self.create(&files, url).await?;
        }
        Ok(files)
    }

    async fn create(&self, files: &DemoFiles, url: &str) -> anyhow::Result<()> {
        create_private_folder(&files.folder)?;
        let change = Change::new(clock::wall(), FIRST_START);
        self.store.create_account(AccountId::parse(DEMO_ACCOUNT)?, "made on first start, for trying things out", &change).await?;
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()) {
            self.native(files, url, algorithm).await?;
        }
        for algorithm in [Algorithm::HmacSha256, Algorithm::RsaPkcs1Sha256, Algorithm::Ed25519] {
            let (material, member, secret) = binance_material(algorithm)?;
            let record = self.register(Purpose::Binance, material, None).await?;
            write(&files.binance(algorithm), &binance_file(url, &record.key_id, algorithm, member, &secret))?;
        }
        self.certificate(files).await
    }

    async fn native(&self, files: &DemoFiles, url: &str, algorithm: Algorithm) -> anyhow::Result<()> {
        let key = keygen::generate(algorithm)?;
        let record = self.register(Purpose::Native, Material::PublicKey(key.public, algorithm), None).await?;
        let file = CredentialFile {
            url: url.to_owned(),
            account: record.account,
            kid: record.key_id,
            alg: algorithm,
            private_key_pem: key.private_pem,
            gateway_pins: vec![self.gateway_root.to_owned()],
            min_bind: record.min_bind,
            ca_pem: Some(self.authority.certificate_pem().to_owned()),
        };
        write(&files.native(algorithm), &file.write())
    }

    async fn certificate(&self, files: &DemoFiles) -> anyhow::Result<()> {
        let request = ClientCertificateRequest::new("demo", "countersign:account:demo");
        let certificate = self.authority.issue_client(&request, unix_now())?;
        certificate.save_combined(&files.client_certificate())?;
        let key_id = ApiKeyId::parse(&certificate.identities().spki_sha256)?;
        self.register(Purpose::ClientCertificate, Material::Certificate { key_id: key_id.clone() }, Some(key_id)).await?;
        Ok(())
    }

    async fn register(&self, purpose: Purpose, material: Material, key_id: Option<ApiKeyId>) -> anyhow::Result<CredentialRecord> {
        let mut new = NewCredential::new(AccountId::parse(DEMO_ACCOUNT)?, purpose, material);
        new.key_id = key_id;
        new.scopes = Scopes::parse(SCOPES)?;
        new.min_bind = Binding::Sep;
        new.label = "demo".to_owned();
        let record = self.store.create_credential(new, &Change::new(clock::wall(), FIRST_START)).await?;
        let mut line = AuditRecord::new(clock::wall(), AuditEvent::KeyNew);
        line.account = Some(record.account.clone());
        line.key_id = Some(record.key_id.clone());
        line.credential = Some(record.id.clone());
        line.purpose = Some(purpose);
        self.audit.append(line)?;
        Ok(record)
    }
}

/// Who made the demo account, in the history of its keys.
const FIRST_START: &str = "first start";

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
