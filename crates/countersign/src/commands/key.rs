//! `key`: credentials of accounts. Works while the gateway runs.

pub(crate) mod credential_file;
mod delivery;
pub(crate) mod material;
mod new;
mod rotate;
mod set;
pub(super) mod show;

use std::process::ExitCode;

use countersign_core::CredentialState;
use countersign_gateway::clock;
use countersign_store::PolicyUpdate;
use countersign_store::audit::{AuditEvent, AuditTags, AuditText};

use super::keeper::{self, Keeper};
use super::{account, output, run_async};
use crate::cli::{KeyCommand, StateArgs};
use crate::failure::Failure;
use crate::state;

/// Runs the subcommand.
pub(super) fn run(command: KeyCommand) -> anyhow::Result<ExitCode> {
    run_async(async {
        match command {
            KeyCommand::Explain { key, switch, state } => explain(&key, switch == "on", &state).await,
            KeyCommand::List { account, all, json, state } => list(account.as_deref(), all, json, &state).await,
            KeyCommand::New(args) => new::run(&args).await,
            KeyCommand::ResetNonce { key, to, state } => reset_nonce(&key, to, &state).await,
            KeyCommand::Resume { key, state } => set_state(&key, CredentialState::Active, AuditEvent::KeyResume, &state).await,
            KeyCommand::Revoke { key, state } => set_state(&key, CredentialState::Revoked, AuditEvent::KeyRevoke, &state).await,
            KeyCommand::Rotate(args) => rotate::run(&args).await,
            KeyCommand::Set(args) => set::run(&args).await,
            KeyCommand::Show { key, json, state } => show::run(&key, json, &state).await,
            KeyCommand::Suspend { key, state } => set_state(&key, CredentialState::Suspended, AuditEvent::KeySuspend, &state).await,
            KeyCommand::Tag { key, algo, desk, client, state } => tag(&key, [algo, desk, client], &state).await,
        }
    })
}

async fn list(of: Option<&str>, all: bool, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let of = of.map(account::parse).transpose()?;
    let (_, store) = state::open_store(&args.state).await?;
    if let Some(account) = &of {
        // A name that nobody has is an error, not an empty list.
        store.account(account).await?;
    }
    let mut credentials = store.credentials().await?;
    credentials.retain(|record| of.as_ref().is_none_or(|account| record.account == *account));
    credentials.retain(|record| all || record.state != CredentialState::Revoked);
    if as_json {
        output::json(&credentials.iter().map(show::to_json).collect::<Vec<_>>())?;
    } else {
        output::print(&show::table(&credentials))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn explain(key: &str, on: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let keeper = Keeper::open(args).await?;
    let before = keeper::find(&keeper.store, key).await?;
    let words = if on { "explained to whoever sends them" } else { "told in the venue's words only" };
    if before.explain == on {
        output::line(format!(
            "refused logins of {} key {} of account {} are {words} already",
            before.purpose, before.key_id, before.account
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let update = PolicyUpdate { explain: Some(on), ..PolicyUpdate::default() };
    let record = keeper.store.update_policy(&before.id, update, &keeper::change()).await?;
    keeper.key_changed(&record, AuditEvent::KeyPolicy).await?;
    output::line(format!("refused logins of {} key {} of account {} are {words} now", record.purpose, record.key_id, record.account))?;
    Ok(ExitCode::SUCCESS)
}

async fn reset_nonce(key: &str, to: Option<u64>, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let keeper = Keeper::open(args).await?;
    let before = keeper::find(&keeper.store, key).await?;
    if !before.purpose.has_nonce() {
        return Err(Failure::usage(format!("a {} key has no increasing nonce", before.purpose)));
    }
    let floor = to.unwrap_or_else(|| clock::wall().as_millis());
    let record = keeper.store.reset_nonce(&before.id, floor, &keeper::change()).await?;
    keeper.key_changed(&record, AuditEvent::KeyNonceReset).await?;
    output::line(format!("{} key {} of account {} takes nonces above {floor} now", record.purpose, record.key_id, record.account))?;
    Ok(ExitCode::SUCCESS)
}

/// Tags are words for the audit log: the three together replace what was said before.
async fn tag(key: &str, tags: [Option<String>; 3], args: &StateArgs) -> anyhow::Result<ExitCode> {
    let [algo, desk, client] = tags.map(|tag| tag.map(|tag| AuditText::name(&tag)));
    let keeper = Keeper::open(args).await?;
    let record = keeper::find(&keeper.store, key).await?;
    keeper.key_tagged(&record, AuditTags { algo, desk, client }).await?;
    output::line(format!("{} key {} of account {} is tagged", record.purpose, record.key_id, record.account))?;
    Ok(ExitCode::SUCCESS)
}

async fn set_state(key: &str, to: CredentialState, event: AuditEvent, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let keeper = Keeper::open(args).await?;
    let before = keeper::find(&keeper.store, key).await?;
    if before.state == to {
        output::line(format!("{} key {} of account {} is {} already", before.purpose, before.key_id, before.account, to.name()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let record = keeper.store.set_state(&before.id, to, &keeper::change()).await?;
    keeper.key_changed(&record, event).await?;
    output::line(format!("{} key {} of account {} is {} now", record.purpose, record.key_id, record.account, to.name()))?;
    Ok(ExitCode::SUCCESS)
}
