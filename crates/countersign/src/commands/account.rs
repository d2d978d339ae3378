//! `account`: whose orders and balances.

use std::process::ExitCode;

use countersign_core::{AccountId, CredentialState};
use countersign_store::AccountRecord;
use countersign_store::audit::AuditEvent;
use serde_json::{Value, json};

use super::keeper::{Keeper, change};
use super::{key, output, run_async, when};
use crate::cli::{AccountCommand, StateArgs};
use crate::failure::Failure;
use crate::state;

/// Runs the subcommand.
pub(super) fn run(command: AccountCommand) -> anyhow::Result<ExitCode> {
    run_async(async {
        match command {
            AccountCommand::List { json, state } => list(json, &state).await,
            AccountCommand::New { account, label, state } => new(&account, &label, &state).await,
            AccountCommand::Resume { account, state } => set_state(&account, CredentialState::Active, AuditEvent::KeyResume, &state).await,
            AccountCommand::Revoke { account, state } => set_state(&account, CredentialState::Revoked, AuditEvent::KeyRevoke, &state).await,
            AccountCommand::Suspend { account, state } => {
                set_state(&account, CredentialState::Suspended, AuditEvent::KeySuspend, &state).await
            }
            AccountCommand::Show { account, json, state } => show(&account, json, &state).await,
        }
    })
}

/// An account's name as given.
pub(super) fn parse(account: &str) -> anyhow::Result<AccountId> {
    AccountId::parse(account)
        .map_err(|error| Failure::usage(format!("account {account:?}: {error}; a name has letters, digits, `.`, `_` and `-`, at most 64")))
}

async fn new(account: &str, label: &str, state: &StateArgs) -> anyhow::Result<ExitCode> {
    let account = parse(account)?;
    let keeper = Keeper::open(state).await?;
    keeper.store.create_account(account.clone(), label, &change()).await?;
    keeper.account_made(&account).await?;
    output::line(format!("account {account} made; give it a key: countersign key new --account {account}"))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let (_, store) = state::open_store(&args.state).await?;
    let accounts = store.accounts().await?;
    let credentials = store.credentials().await?;
    let keys = |account: &AccountId| credentials.iter().filter(|record| record.account == *account).count();
    if as_json {
        let accounts: Vec<Value> = accounts.iter().map(|record| to_json(record, keys(&record.id))).collect();
        output::json(&accounts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["ACCOUNT", "KEYS", "MADE", "CANCEL ON DISCONNECT", "LABEL"]);
    for record in &accounts {
        let (name, count) = (record.id.to_string(), keys(&record.id).to_string());
        table.add_row([name, count, when::show(record.created), on_disconnect(record).to_owned(), record.label.clone()]);
    }
    output::print(&table)?;
    Ok(ExitCode::SUCCESS)
}

async fn show(account: &str, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let account = parse(account)?;
    let (_, store) = state::open_store(&args.state).await?;
    let record = store.account(&account).await?;
    let credentials: Vec<_> = store.credentials().await?.into_iter().filter(|credential| credential.account == account).collect();
    if as_json {
        let mut shown = to_json(&record, credentials.len());
        shown["keys"] = credentials.iter().map(key::show::to_json).collect();
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&output::sheet([
        ("account", record.id.to_string()),
        ("on disconnect", on_disconnect(&record).to_owned()),
        ("label", record.label),
        ("made", when::show(record.created)),
    ]))?;
    if !credentials.is_empty() {
        output::line("")?;
        output::print(&key::show::table(&credentials))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The same for every key of an account that it can be done to: what is revoked stays so, and only what is suspended is resumed.
async fn set_state(account: &str, to: CredentialState, event: AuditEvent, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let account = parse(account)?;
    let keeper = Keeper::open(args).await?;
    // A name that nobody has is an error, not an account without keys.
    keeper.store.account(&account).await?;
    // Of a key whose record cannot be read nobody logs in; it is in nobody's way here.
    let (records, unusable) = keeper.store.usable_credentials().await?;
    for error in unusable {
        output::note(format!("a key is left as it is: {error}"));
    }
    let concerns = |state: CredentialState| match to {
        CredentialState::Active => state == CredentialState::Suspended,
        CredentialState::Revoked => state != CredentialState::Revoked,
        CredentialState::Suspended => state == CredentialState::Active,
    };
    let (mut changed, mut left, mut failed) = (Vec::new(), Vec::new(), None);
    for record in records.iter().filter(|record| record.account == account && concerns(record.state)) {
        match keeper.store.set_state(&record.id, to, &change()).await {
            Ok(record) => changed.push(record),
            Err(error) => {
                left.push(format!("{}: {error}", record.key_id));
                failed = Some(error);
            }
        }
    }
    // Those that are changed are on record, and known to the gateway, whatever became of the others.
    let recorded = keeper.keys_changed(&changed, event).await;
    if let Some(failed) = failed {
        let (changed, all) = (changed.len(), changed.len() + left.len());
        let unrecorded = recorded.err().map(|error| format!(" ({error:#})")).unwrap_or_default();
        let words = format!("{changed} of {all} keys of account {account} are {} now{unrecorded}; not {}", to.name(), left.join("; not "));
        return Err(anyhow::Error::from(failed).context(words));
    }
    recorded?;
    output::line(match changed.as_slice() {
        [one] => format!("1 key of account {account} is {} now: {}", to.name(), one.key_id),
        all => format!("{} keys of account {account} are {} now", all.len(), to.name()),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What becomes of its orders when a connection is lost, as it said for all of them.
const fn on_disconnect(record: &AccountRecord) -> &'static str {
    if record.cancel_on_disconnect { "on" } else { "off" }
}

fn to_json(record: &AccountRecord, keys: usize) -> Value {
    json!({
        "account": record.id.as_str(),
        "label": record.label,
        "created_us": record.created.as_micros(),
        "cancel_on_disconnect": record.cancel_on_disconnect,
        "key_count": keys,
    })
}
