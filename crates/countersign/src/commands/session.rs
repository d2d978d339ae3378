//! `session`: open sessions of the running gateway, native and FIX, over its operator socket.

use std::process::ExitCode;

use comfy_table::Table;
use countersign_core::{SessionId, Timestamp};
use countersign_gateway::operator::{FixRecord, FixUpstreamRecord, OperatorClient, SessionRecord};

use super::{output, run_async, when};
use crate::cli::{SessionCommand, StateArgs};
use crate::failure::Failure;
use crate::state;

/// Runs the subcommand.
pub(super) fn run(command: &SessionCommand) -> anyhow::Result<ExitCode> {
    run_async(async {
        match command {
            SessionCommand::Kill { sid, state } => kill(sid, state).await,
            SessionCommand::List { count, json, state } => list(*count, *json, state).await,
            SessionCommand::Show { sid, json, state } => show(sid, *json, state).await,
        }
    })
}

/// The running gateway of a state folder.
///
/// # Errors
/// There is no such folder, or nobody runs on it. That one ended without taking its socket along is known when it is asked.
pub(super) fn gateway(args: &StateArgs) -> anyhow::Result<OperatorClient> {
    let folder = state::existing(&args.state)?;
    if !state::is_there(&state::operator_socket(folder.path()))? {
        let holder = folder.holder();
        let folder = folder.path().display();
        if let Some(pid) = holder {
            anyhow::bail!(
                "process {pid} has the state folder {folder}, and its operator socket is not there: ask it at \
                 operator.address, or restart it; `countersign halt --local --state {folder}` stops it without being asked"
            );
        }
        anyhow::bail!(
            "no gateway runs on the state folder {folder}; `countersign serve --state {folder}` starts it, --state names another"
        );
    }
    Ok(state::operator_client(folder.path()))
}

/// Reads a session id.
pub(super) fn parse(text: &str) -> anyhow::Result<SessionId> {
    SessionId::parse(text).ok_or_else(|| Failure::usage(format!("not a session id: {text}")))
}

/// A time as people read it.
pub(super) fn time(millis: u64) -> String {
    when::show(Timestamp::from_millis(millis))
}

async fn list(count: usize, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let sessions = gateway(args)?.sessions(count).await?;
    if as_json {
        output::json(&sessions)?;
    } else {
        output::print(&table(&sessions))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(sid: &str, as_json: bool, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let session = gateway(args)?.session(parse(sid)?).await?;
    if as_json {
        output::json(&session)?;
    } else {
        output::print(&table(std::slice::from_ref(&session)))?;
        if let Some(fix) = &session.fix {
            output::print(&sides(fix))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn kill(sid: &str, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let report = gateway(args)?.kill_session(parse(sid)?).await?;
    let what = match &report.node {
        Some(node) => format!("of node {node} ends there now"),
        None if report.was_open => "is ended".to_owned(),
        None => "was not open".to_owned(),
    };
    output::line(format!("session {} {what}; its tokens are revoked (epoch {})", report.sid, report.epoch))?;
    Ok(ExitCode::SUCCESS)
}

fn table(sessions: &[SessionRecord]) -> Table {
    let mut table = output::table(&["SESSION", "NODE", "ACCOUNT", "KEY", "ON", "SCOPES", "BOUND", "FROM", "SINCE", "UNTIL", "FIX"]);
    for session in sessions {
        let SessionRecord { sid, account, key_id, scopes, bind, remote, since_ms, until_ms, carriage, node, away, fix } = session;
        let on = if *away { format!("{carriage} (away)") } else { carriage.clone() };
        let until = until_ms.map_or_else(|| "-".to_owned(), time);
        let fix = fix.as_ref().map_or_else(|| "-".to_owned(), |fix| format!("{} to {}", fix.sender, fix.target));
        table.add_row([sid, node, account, key_id, &on, scopes, bind, remote, &time(*since_ms), &until, &fix]);
    }
    table
}

/// What a FIX session is besides: both sides with their next numbers.
fn sides(fix: &FixRecord) -> Table {
    let FixRecord { version, sender, target, expects, sends, cancel_on_disconnect, upstream } = fix;
    let mut table = output::table(&["SIDE", "VERSION", "SENDER", "TARGET", "STATE", "EXPECTS", "SENDS", "CANCEL ON DISCONNECT"]);
    table.add_row(["client", version, sender, target, "open", &expects.to_string(), &sends.to_string(), cancel_on_disconnect]);
    let FixUpstreamRecord { name, sender, target, state, expects, sends } = upstream;
    table.add_row([name, version, sender, target, state, &expects.to_string(), &sends.to_string(), "-"]);
    table
}
