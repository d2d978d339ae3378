//! `key set`: another policy for a key that stays the same: one change, in its history and in the audit log.
//!
//! Nodes that run read it as they read a revocation. What is open is judged by it from then on: a session keeps no scope and no address
//! that its key lost.

use std::process::ExitCode;

use countersign_core::{IpAllowList, KeyRate};
use countersign_gateway::clock;
use countersign_store::{CredentialRecord, PolicyUpdate};

use super::{new, show};
use crate::cli::KeySetArgs;
use crate::commands::keeper::{self, Keeper};
use crate::commands::{output, when};

/// The word for no restriction of addresses.
const ANYWHERE: &str = "any";
/// The word for no end.
const NEVER: &str = "never";

pub(super) async fn run(args: &KeySetArgs) -> anyhow::Result<ExitCode> {
    let keeper = Keeper::open(&args.state).await?;
    let before = keeper::find(&keeper.store, &args.key).await?;
    let update = update(args, before.rate)?;
    let record = keeper.store.update_policy(&before.id, update, &keeper::change()).await?;
    let changes = changes(&before, &record);
    let key = format!("{} key {} of account {}", record.purpose, record.key_id, record.account);
    if changes.is_empty() {
        output::line(format!("{key} is so already"))?;
        return Ok(ExitCode::SUCCESS);
    }
    keeper.policy_changed(&record, &changes.join("; ")).await?;
    output::line(format!("{key}: {}", changes.join("; ")))?;
    Ok(ExitCode::SUCCESS)
}

fn update(args: &KeySetArgs, rate: KeyRate) -> anyhow::Result<PolicyUpdate> {
    let ip_allow = match args.ip.as_slice() {
        [] => None,
        [word] if word == ANYWHERE => Some(IpAllowList::any()),
        texts => Some(new::addresses(texts)?),
    };
    let not_after = match args.expires.as_deref() {
        None => None,
        Some(NEVER) => Some(None),
        Some(text) => Some(Some(when::end(text, clock::wall())?)),
    };
    Ok(PolicyUpdate {
        scopes: args.scopes.as_deref().map(new::scopes).transpose()?,
        ip_allow,
        rate: Some(new::rate(args.weight_per_minute, args.orders_per_10s, rate)?),
        min_bind: args.min_bind.map(Into::into),
        not_after,
        label: args.label.clone(),
        explain: None,
    })
}

/// What is other than before, each with what it was.
fn changes(before: &CredentialRecord, after: &CredentialRecord) -> Vec<String> {
    let said = |record: &CredentialRecord| {
        [
            ("scopes", record.scopes.to_string()),
            ("from", show::addresses(record)),
            ("weight a minute", record.rate.weight_per_minute.to_string()),
            ("orders in 10 s", record.rate.orders_per_10s.to_string()),
            ("min bind", record.min_bind.to_string()),
            ("ends", record.not_after.map_or_else(|| NEVER.to_owned(), when::show)),
            ("label", record.label.clone()),
        ]
    };
    let pairs = said(before).into_iter().zip(said(after));
    pairs.filter(|(old, new)| old != new).map(|((name, old), (_, new))| format!("{name} {new} (was {old})")).collect()
}
