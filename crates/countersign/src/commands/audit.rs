//! `audit`: what was let through, what was refused and why, who changed which key; and that nobody changed the record of it.

mod export;
mod fetch;
mod prove;
mod verify;

use std::process::ExitCode;

use countersign_core::{ApiKeyId, CorrelationId, Reject};
use countersign_gateway::clock;
use countersign_store::audit::{AuditEntry, AuditEvent, AuditFilter, AuditLog};

use super::{account, output, when};
use crate::cli::{AuditArgs, AuditCommand};
use crate::failure::Failure;
use crate::state;

/// Runs the subcommand; without one, shows the newest records.
pub(super) fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(AuditCommand::Export(args)) => export::run(args),
        Some(AuditCommand::Fetch(args)) => fetch::run(args),
        Some(AuditCommand::Head { out, state }) => prove::head(out, state),
        Some(AuditCommand::Prove(args)) => prove::run(args),
        Some(AuditCommand::Verify(args)) => verify::run(args),
        None => show(args),
    }
}

/// Shows the newest records, oldest of them first.
fn show(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let filter = filter(args)?;
    let folder = state::existing(&args.state.state)?.audit();
    let entries = AuditLog::tail(&folder, args.count, &filter)?;
    if args.json {
        for entry in &entries {
            output::line(&entry.line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["WHEN", "EVENT", "WHY", "ACCOUNT", "KEY", "FROM", "WHAT", "CORRELATION"]);
    for entry in &entries {
        table.add_row(row(entry));
    }
    output::print(&table)?;
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &AuditArgs) -> anyhow::Result<AuditFilter> {
    Ok(AuditFilter {
        event: args.event.as_deref().map(event).transpose()?,
        account: args.account.as_deref().map(account::parse).transpose()?,
        key_id: args.key.as_deref().map(key_id).transpose()?,
        session: None,
        correlation: args.correlation.as_deref().map(correlation).transpose()?,
        reject: args.reject.as_deref().map(reject).transpose()?,
        since: args.since.as_deref().map(|since| when::start(since, clock::wall())).transpose()?,
    })
}

fn key_id(key: &str) -> anyhow::Result<ApiKeyId> {
    ApiKeyId::parse(key).map_err(|error| Failure::usage(format!("--key: {error}")))
}

fn event(name: &str) -> anyhow::Result<AuditEvent> {
    let known = || AuditEvent::ALL.iter().map(|event| event.name()).collect::<Vec<_>>().join(", ");
    AuditEvent::parse(name).ok_or_else(|| Failure::usage(format!("there is no event {name:?}; there are {}", known())))
}

fn reject(label: &str) -> anyhow::Result<Reject> {
    let known = || Reject::ALL.iter().map(|reject| reject.label()).collect::<Vec<_>>().join(", ");
    let found = Reject::ALL.iter().copied().find(|reject| reject.label() == label);
    found.ok_or_else(|| Failure::usage(format!("there is no reason {label:?}; there are {}", known())))
}

fn correlation(id: &str) -> anyhow::Result<CorrelationId> {
    CorrelationId::parse(id).ok_or_else(|| Failure::usage(format!("{id:?} is no correlation id: it has 22 characters of A-Z a-z 0-9 - _")))
}

fn row(entry: &AuditEntry) -> [String; 8] {
    let text = |member: &str| entry.text(member).unwrap_or("-").to_owned();
    let why = match (entry.text("reject"), entry.text("detail")) {
        (Some(reject), Some(detail)) => format!("{reject}: {detail}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "-".to_owned(),
    };
    let what = [entry.text("method"), entry.text("path"), entry.text("route").filter(|_| entry.text("path").is_none())];
    let what = what.into_iter().flatten().collect::<Vec<_>>().join(" ");
    [
        when::show_precisely(entry.at()),
        text("event"),
        why,
        text("account"),
        text("key_id"),
        text("remote"),
        if what.is_empty() { "-".to_owned() } else { what },
        text("correlation"),
    ]
}
