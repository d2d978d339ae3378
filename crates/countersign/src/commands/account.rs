//! `account`: whose orders and balances.

use std::process::ExitCode;

use countersign_core::AccountId;
use countersign_store::AccountRecord;
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
    let mut table = output::table(&["ACCOUNT", "KEYS", "MADE", "LABEL"]);
    for record in &accounts {
        table.add_row([record.id.to_string(), keys(&record.id).to_string(), when::show(record.created), record.label.clone()]);
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
    let sheet = output::sheet([("account", record.id.to_string()), ("label", record.label), ("made", when::show(record.created))]);
    output::print(&sheet)?;
    if !credentials.is_empty() {
        output::line("")?;
        output::print(&key::show::table(&credentials))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(record: &AccountRecord, keys: usize) -> Value {
    json!({ "account": record.id.as_str(), "label": record.label, "created_us": record.created.as_micros(), "key_count": keys })
}
