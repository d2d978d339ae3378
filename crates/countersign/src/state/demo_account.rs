//! The demo account: one credential of each kind, so that the first command on a new machine can be followed by a login.
//!
//! ```text
//!   demo.unfinished/  ─▶  account demo  ─▶  keys, each with its file  ─▶  renamed to demo/
//! ```
//!
//! `demo/` is there whole or not at all. A start that broke off, killed or on a full disk, leaves `demo.unfinished/`: the next one
//! revokes the keys made until then, whose files nobody was given, and begins again; where it may not make any, it takes the files away.

use std::path::{Path, PathBuf};

use countersign_core::{AccountId, Algorithm, ApiKeyId, Binding, CredentialState, Purpose, Scopes};
use countersign_gateway::clock;
use countersign_gateway::config::{self, Settings};
use countersign_handshake::{CredentialFile, SecretText};
use countersign_pki::{ClientCertificateRequest, PrivateAuthority};
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord};
use countersign_store::files::{PRIVATE_FILE_MODE, atomic_write, create_private_folder, move_into_place};
use countersign_store::{Change, CredentialRecord, Material, NewCredential, Store, StoreError};

use crate::commands::key::{credential_file, material};
use crate::failure::Failure;
use crate::keygen;

/// The demo account's name.
const DEMO_ACCOUNT: &str = "demo";

/// The example of the source tree.
const CCXT_EXAMPLE: &str = include_str!("../../../../examples/ccxt_trade.py");

const SCOPES: &str = "md:read account:read order:read order:write";

/// Where the demo credentials are.
#[derive(Clone, Debug)]
pub(crate) struct DemoFiles {
    folder: PathBuf,
}

impl DemoFiles {
    pub(super) fn in_state(state: &Path) -> Self {
        Self { folder: state.join("demo") }
    }

    /// Where they are while they are made.
    fn unfinished(&self) -> Self {
        Self { folder: self.folder.with_extension("unfinished") }
    }

    fn stays(&self, error: &std::io::Error) -> anyhow::Error {
        Failure::environment(format!("{} cannot be taken away: {error}", self.folder.display()))
    }

    /// Whether they were made.
    pub(crate) fn exist(&self) -> bool {
        self.folder.exists()
    }

    /// A native credential file.
    pub(crate) fn native(&self, algorithm: Algorithm) -> PathBuf {
        self.folder.join(format!("native-{}.json", algorithm.name().to_ascii_lowercase()))
    }

    /// A Binance credential file: `hmac`, `rsa` or `ed25519`.
    pub(crate) fn binance(&self, algorithm: Algorithm) -> PathBuf {
        self.of(Purpose::Binance, algorithm)
    }

    /// The credential file of a dialect: named by the kind of key where there are several.
    pub(crate) fn of(&self, purpose: Purpose, algorithm: Algorithm) -> PathBuf {
        let kind = match algorithm {
            _ if purpose.algorithms().len() == 1 => return self.folder.join(format!("{purpose}.json")),
            Algorithm::EcdsaP256Sha256 => "es256",
            Algorithm::EcdsaSecp256k1Recoverable => "secp256k1",
            Algorithm::Ed25519 => "ed25519",
            Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512 => "hmac",
            Algorithm::MlDsa65 => "ml-dsa-65",
            Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha256 => "rsa",
            Algorithm::RsaPssSha512 => "rsa-pss",
        };
        self.folder.join(format!("{purpose}-{kind}.json"))
    }

    /// A program that trades with ccxt: for whoever has no source tree at hand.
    pub(crate) fn ccxt_example(&self) -> PathBuf {
        self.folder.join("ccxt_trade.py")
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
    /// Makes the account with a credential of each kind, unless there is an account already. In a database that nodes share nothing is
    /// made by itself: none of them is the first. Nor before a real service, whose orders the keys would place, unless that is asked for.
    /// Whatever is wished now, nothing stays of a start that broke off.
    pub(crate) async fn ensure(&self, settings: &Settings, state: &Path, url: &str) -> anyhow::Result<DemoFiles> {
        let files = DemoFiles::in_state(state);
        let unfinished = files.unfinished();
        let is_shared = self.store.notices().is_some();
        let may = settings.makes_demo_account() && !is_shared && !files.exist();
        let broke_off = unfinished.exist();
        if broke_off {
            self.clear(&unfinished, is_shared).await?;
        }
        if may && (broke_off || self.store.accounts().await?.is_empty()) {
            self.create(&unfinished, url).await?;
            move_into_place(&unfinished.folder, &files.folder)?;
        } else if broke_off {
            // Not to be found by every start from now on: a key that somebody makes for the account may be named as ours are.
            std::fs::remove_dir(&unfinished.folder).map_err(|error| unfinished.stays(&error))?;
        }
        Ok(files)
    }

    /// How many keys of an earlier start's demo account may place orders at a real service now, without anybody having asked for that.
    pub(crate) async fn before_a_service(&self, settings: &Settings) -> anyhow::Result<usize> {
        if settings.is_paper_only() || settings.demo_account == config::DemoAccount::On {
            return Ok(0);
        }
        let (usable, _) = self.store.usable_credentials().await?;
        Ok(usable.iter().filter(|record| is_ours(record) && record.state == CredentialState::Active).count())
    }

    /// Takes away what a start that broke off has left.
    async fn clear(&self, unfinished: &DemoFiles, is_shared: bool) -> anyhow::Result<()> {
        // Its keys are in the file that was the database then. In one that nodes share, keys named so are another node's.
        let (made, _) = if is_shared { Default::default() } else { self.store.usable_credentials().await? };
        for record in made.iter().filter(|record| is_ours(record)) {
            self.store.set_state(&record.id, CredentialState::Revoked, &Change::new(clock::wall(), FIRST_START)).await?;
            self.audit
                .append(AuditRecord::new(clock::wall(), AuditEvent::KeyRevoke).words("of a start that broke off").credential(record))?;
        }
        // The folder itself stays: without it, a start that breaks off here would be taken for one that came to its end.
        let emptied =
            std::fs::read_dir(&unfinished.folder).and_then(|mut files| files.try_for_each(|file| std::fs::remove_file(file?.path())));
        emptied.map_err(|error| unfinished.stays(&error))
    }

    async fn create(&self, files: &DemoFiles, url: &str) -> anyhow::Result<()> {
        // Before the account: by the folder the next start knows that this one did not come to its end.
        create_private_folder(&files.folder)?;
        let change = Change::new(clock::wall(), FIRST_START);
        match self.store.create_account(AccountId::parse(DEMO_ACCOUNT)?, "made on first start, for trying things out", &change).await {
            Ok(_) | Err(StoreError::AccountExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_native()) {
            self.native(files, url, algorithm).await?;
        }
        for purpose in Purpose::ALL
            .iter()
            .copied()
            .filter(|purpose| !matches!(purpose, Purpose::Bearer | Purpose::ClientCertificate | Purpose::Native))
        {
            for algorithm in purpose.algorithms() {
                self.dialect(files, url, purpose, *algorithm).await?;
            }
        }
        atomic_write(&files.ccxt_example(), CCXT_EXAMPLE.as_bytes(), PRIVATE_FILE_MODE)?;
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

    async fn dialect(&self, files: &DemoFiles, url: &str, purpose: Purpose, algorithm: Algorithm) -> anyhow::Result<()> {
        let made = material::generate(purpose, algorithm)?;
        let mut new = self.new_credential(purpose, made.material)?;
        new.passphrase = made.passphrase;
        let record = self.store(new).await?;
        write(&files.of(purpose, algorithm), &credential_file::dialect(&record, &made.private, url)?)
    }

    async fn certificate(&self, files: &DemoFiles) -> anyhow::Result<()> {
        let request = ClientCertificateRequest::new("demo", "countersign:account:demo");
        let certificate = self.authority.issue_client(&request, clock::unix_now())?;
        certificate.save_combined(&files.client_certificate())?;
        let key_id = ApiKeyId::parse(&certificate.identities().spki_sha256)?;
        self.register(Purpose::ClientCertificate, Material::Certificate { key_id: key_id.clone() }, Some(key_id)).await?;
        Ok(())
    }

    async fn register(&self, purpose: Purpose, material: Material, key_id: Option<ApiKeyId>) -> anyhow::Result<CredentialRecord> {
        let mut new = self.new_credential(purpose, material)?;
        new.key_id = key_id;
        self.store(new).await
    }

    fn new_credential(&self, purpose: Purpose, material: Material) -> anyhow::Result<NewCredential> {
        let mut new = NewCredential::new(AccountId::parse(DEMO_ACCOUNT)?, purpose, material);
        new.scopes = Scopes::parse(SCOPES)?;
        new.min_bind = Binding::Sep;
        new.label = LABEL.to_owned();
        Ok(new)
    }

    async fn store(&self, new: NewCredential) -> anyhow::Result<CredentialRecord> {
        let purpose = new.purpose;
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
/// What its keys are called.
const LABEL: &str = "demo";

fn is_ours(record: &CredentialRecord) -> bool {
    record.account.as_str() == DEMO_ACCOUNT && record.label == LABEL && record.state != CredentialState::Revoked
}

fn write(path: &Path, text: &SecretText) -> anyhow::Result<()> {
    Ok(atomic_write(path, text.expose().as_bytes(), PRIVATE_FILE_MODE)?)
}
