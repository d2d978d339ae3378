//! How keys are shown: everything but their secrets.

use std::process::ExitCode;

use comfy_table::Table;
use countersign_core::{CredentialState, Timestamp};
use countersign_gateway::clock;
use countersign_store::{CredentialRecord, KeyChange, KeyChangeKind, Material};
use serde_json::{Value, json};

use crate::cli::StateArgs;
use crate::commands::{keeper, output, when};
use crate::state;

/// Lines of history shown.
const HISTORY_MAX: u32 = 100;

/// `key show`.
pub(super) async fn run(key: &str, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let (_, store) = state::open_store(&args.state).await?;
    let record = keeper::find(&store, key).await?;
    let history = store.key_changes(Some(&record.id), HISTORY_MAX).await?;
    if as_json {
        let mut shown = to_json(&record);
        shown["history"] = history.iter().map(change_to_json).collect();
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&sheet(&record))?;
    output::line("")?;
    let mut table = output::table(&["WHEN", "WHAT", "BY", "DETAIL"]);
    for change in &history {
        table.add_row([when::show(change.at), change.kind.name().to_owned(), change.by.clone(), told(change.kind, &change.detail)]);
    }
    output::print(&table)?;
    Ok(ExitCode::SUCCESS)
}

/// What the history says, with times as people read them: it has them in microseconds, behind the word that says what they are.
fn told(kind: KeyChangeKind, detail: &str) -> String {
    let before_time = if kind == KeyChangeKind::Superseded { "at" } else { "ends" };
    let mut is_next = false;
    let shown = detail.split(' ').map(|word| {
        let (number, rest) = word.strip_suffix(';').map_or((word, ""), |number| (number, ";"));
        let is_time = std::mem::replace(&mut is_next, word == before_time);
        match number.parse() {
            Ok(micros) if is_time => format!("{}{rest}", when::show(Timestamp::from_micros(micros))),
            Ok(_) | Err(_) => word.to_owned(),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Many keys, a line each.
pub(in crate::commands) fn table(records: &[CredentialRecord]) -> Table {
    let mut table = output::table(&["KEY", "ACCOUNT", "PURPOSE", "ALGORITHM", "STATE", "EXPIRES", "SCOPES", "LABEL"]);
    for record in records {
        table.add_row([
            record.key_id.to_string(),
            record.account.to_string(),
            record.purpose.to_string(),
            algorithm(record),
            state_word(record, clock::wall()).to_owned(),
            record.not_after.map_or_else(|| "never".to_owned(), when::show),
            record.scopes.to_string(),
            record.label.clone(),
        ]);
    }
    table
}

fn sheet(record: &CredentialRecord) -> Table {
    output::sheet([
        ("id", record.id.to_string()),
        ("key", record.key_id.to_string()),
        ("account", record.account.to_string()),
        ("purpose", record.purpose.to_string()),
        ("algorithm", algorithm(record)),
        ("state", state_word(record, clock::wall()).to_owned()),
        ("scopes", record.scopes.to_string()),
        ("addresses", addresses(record)),
        ("rate", format!("{} weight a minute, {} orders in 10 s", record.rate.weight_per_minute, record.rate.orders_per_10s)),
        ("min bind", record.min_bind.to_string()),
        ("refusals", if record.explain { "explained to whoever sends them" } else { "told in the venue's words only" }.to_owned()),
        ("made", when::show(record.created)),
        ("expires", record.not_after.map_or_else(|| "never".to_owned(), when::show)),
        ("replaces", record.replaces.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
        ("label", record.label.clone()),
    ])
}

/// One key for machines.
pub(in crate::commands) fn to_json(record: &CredentialRecord) -> Value {
    json!({
        "id": record.id.as_str(),
        "key_id": record.key_id.as_str(),
        "account": record.account.as_str(),
        "purpose": record.purpose.name(),
        "algorithm": record.material.algorithm().map(|algorithm| algorithm.name()),
        "state": state_word(record, clock::wall()),
        "scopes": record.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "ip_allow": record.ip_allow.texts().collect::<Vec<_>>(),
        "weight_per_minute": record.rate.weight_per_minute.get(),
        "orders_per_10s": record.rate.orders_per_10s.get(),
        "min_bind": record.min_bind.name(),
        "created_us": record.created.as_micros(),
        "not_after_us": record.not_after.map(Timestamp::as_micros),
        "replaces": record.replaces.as_ref().map(|id| id.as_str()),
        "label": record.label,
        "explain": record.explain,
    })
}

fn change_to_json(change: &KeyChange) -> Value {
    json!({ "at_us": change.at.as_micros(), "change": change.kind.name(), "by": change.by, "detail": change.detail })
}

fn algorithm(record: &CredentialRecord) -> String {
    match &record.material {
        Material::Certificate { .. } => "certificate".to_owned(),
        Material::PublicKey(key, algorithm) if key.key_type().to_string() == algorithm.name() => algorithm.to_string(),
        Material::PublicKey(key, algorithm) => format!("{algorithm} ({})", key.key_type()),
        Material::Address(_) => countersign_core::Algorithm::EcdsaSecp256k1Recoverable.to_string(),
        Material::Secret(_, algorithm) => algorithm.to_string(),
    }
}

pub(super) fn addresses(record: &CredentialRecord) -> String {
    if record.ip_allow.is_any() { "any".to_owned() } else { record.ip_allow.texts().collect::<Vec<_>>().join(" ") }
}

/// The state, or that its time is over.
fn state_word(record: &CredentialRecord, now: Timestamp) -> &'static str {
    let over = record.state != CredentialState::Revoked && record.not_after.is_some_and(|end| end <= now);
    if over { "expired" } else { record.state.name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_times_for_people() {
        assert_eq!(
            told(KeyChangeKind::Policy, "Ed25519; weight 10/min; bind sep; ends 1796079893975227; refusals explained"),
            "Ed25519; weight 10/min; bind sep; ends 2026-11-30T23:04:53Z; refusals explained"
        );
        assert_eq!(told(KeyChangeKind::Superseded, "by cred-1 at 1796079893975227"), "by cred-1 at 2026-11-30T23:04:53Z");
        for as_it_is in ["bind sep; ends never", "label 1796079893975227", "look at 5", "", "ends"] {
            assert_eq!(told(KeyChangeKind::Policy, as_it_is), as_it_is);
        }
    }
}
