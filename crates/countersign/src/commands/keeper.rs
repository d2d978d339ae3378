//! Changes of accounts and keys from the command line, whether the gateway runs or not.
//!
//! ```text
//!   change ─▶ database (with its line of history, one transaction) ─▶ audit log ─▶ tell the gateway, if one runs
//! ```
//!
//! The audit log is opened before anything is changed: what cannot be recorded does not happen. Two processes may write it at
//! once: each appends its batch under a lock, to what the other wrote, and leaves a signed head behind. A gateway that
//! cannot be told notices the change in the database within a fraction of a second.

use std::time::Duration;

use anyhow::Context as _;
use countersign_core::AccountId;
use countersign_gateway::clock;
use countersign_gateway::operator::OperatorClientError;
use countersign_store::audit::{AuditEvent, AuditLog, AuditRecord, AuditTags};
use countersign_store::{Change, CredentialRecord, StateDir, Store};

use super::output;
use crate::cli::StateArgs;
use crate::failure::Failure;
use crate::state;

/// How long the gateway may take to read its credentials again before we stop waiting for it: on a busy machine it takes seconds, and
/// whoever made a key wants to use it next. What was changed is in the database by then, and the gateway looks there by itself.
const RELOAD_DEADLINE: Duration = Duration::from_secs(20);

/// The state folder, open for changes.
pub(super) struct Keeper {
    pub(super) dir: StateDir,
    pub(super) store: Store,
    audit: AuditLog,
}

/// What is said of a log in which its opening found something wrong.
pub(crate) fn not_as_left(found: &str) -> String {
    format!("the audit log is not as it was left: {found}; this is on record now, and `countersign audit verify` names it")
}

impl Keeper {
    /// Opens database and audit log.
    pub(super) async fn open(args: &StateArgs) -> anyhow::Result<Self> {
        let (dir, store) = state::open_store(&args.state).await?;
        let audit = AuditLog::open(&dir.audit(), dir.load_or_create_audit_key()?)?;
        for found in audit.found() {
            output::note(not_as_left(found));
        }
        Ok(Self { dir, store, audit })
    }

    /// Records an account that was made.
    pub(super) async fn account_made(self, account: &AccountId) -> anyhow::Result<()> {
        let mut line = AuditRecord::new(clock::wall(), AuditEvent::AccountNew).words(BY_COMMAND);
        line.account = Some(account.clone());
        self.finish([line]).await
    }

    /// Records a change of a key and tells the gateway.
    pub(super) async fn key_changed(self, record: &CredentialRecord, event: AuditEvent) -> anyhow::Result<()> {
        self.keys_changed(std::slice::from_ref(record), event).await
    }

    /// Records what of a key's policy is other than before, and tells the gateway.
    pub(super) async fn policy_changed(self, record: &CredentialRecord, changes: &str) -> anyhow::Result<()> {
        let line = AuditRecord::new(clock::wall(), AuditEvent::KeyPolicy).credential(record);
        self.finish([line.told(&format!("{BY_COMMAND}: {changes}"))]).await
    }

    /// Records the same change of several keys and tells the gateway once.
    pub(super) async fn keys_changed(self, records: &[CredentialRecord], event: AuditEvent) -> anyhow::Result<()> {
        self.finish(records.iter().map(|record| AuditRecord::new(clock::wall(), event).words(BY_COMMAND).credential(record))).await
    }

    /// Records that an operator was given a certificate. The database has nothing of it, so no gateway is told.
    pub(super) async fn operator_certified(self, words: &str) -> anyhow::Result<()> {
        let line = AuditRecord::new(clock::wall(), AuditEvent::OperatorCertificate).told(&format!("{BY_COMMAND}: {words}"));
        let recorded = self.audit.append(line).and_then(|()| self.audit.flush());
        self.store.close().await;
        recorded.context("no certificate is given out: it could not be recorded in the audit log")
    }

    /// Records what a key trades for.
    pub(super) async fn key_tagged(self, record: &CredentialRecord, tags: AuditTags) -> anyhow::Result<()> {
        let mut line = AuditRecord::new(clock::wall(), AuditEvent::KeyTags).words(BY_COMMAND).credential(record);
        line.tags = Some(Box::new(tags));
        self.finish([line]).await
    }

    async fn finish(self, lines: impl IntoIterator<Item = AuditRecord>) -> anyhow::Result<()> {
        let recorded = lines.into_iter().try_for_each(|line| self.audit.append(line)).and_then(|()| self.audit.flush());
        self.store.close().await;
        tell_gateway(&self.dir).await;
        recorded.context("the change is made and in the history of the key, but not in the audit log")
    }
}

/// What becomes of a change that the gateway was not told of.
const BY_ITSELF: &str = "the change is in the database, and the gateway finds it there by itself within a second of being able to look";

const BY_COMMAND: &str = "by the command line";

/// Who makes a change: the user whose process this is.
pub(super) fn change() -> Change {
    Change::new(clock::wall(), format!("uid {} on the command line", rustix::process::getuid().as_raw()))
}

/// The one credential that is meant: by its id, or by the name clients send. Another that cannot be read is in nobody's way.
pub(super) async fn find(store: &Store, name: &str) -> anyhow::Result<CredentialRecord> {
    let (usable, others) = store.usable_credentials().await?;
    let mut found = usable.into_iter().filter(|record| record.id.as_str() == name || record.key_id.as_str() == name);
    match (found.next(), found.next()) {
        (Some(record), None) => Ok(record),
        (Some(_), Some(_)) => Err(Failure::usage(format!("{name} names keys of two purposes; use the id that `key list --json` shows"))),
        (None, _) => match others.into_iter().next() {
            Some(unusable) => Err(unusable.into()),
            None => Err(anyhow::anyhow!("there is no key {name}; `countersign key list --all` shows them")),
        },
    }
}

/// Asks a running gateway to read its credentials at once.
async fn tell_gateway(dir: &StateDir) {
    let client = state::operator_client(dir.path());
    match tokio::time::timeout(RELOAD_DEADLINE, client.reload()).await {
        Ok(Ok(_) | Err(OperatorClientError::Connect { .. })) => {}
        Ok(Err(error)) => output::note(format!("the running gateway could not be told ({error}); {BY_ITSELF}")),
        Err(_) => output::note(format!(
            "the running gateway did not say within {} s that it has read the change; {BY_ITSELF}",
            RELOAD_DEADLINE.as_secs()
        )),
    }
}
