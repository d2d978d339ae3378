//! `halt`: stop, and see what is stopped. Over the operator socket; with `--local` by a file alone.

pub(super) mod drill;
pub(super) mod lift;
pub(super) mod operator;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use countersign_core::Timestamp;
use countersign_gateway::clock;
use countersign_gateway::halts::report::{CancelFault, CancelLine, HaltLine, HaltReport, HaltRequest, HaltStatus, NodeLine};
use countersign_gateway::halts::watch::HALT_FILE;
use countersign_gateway::operator::OperatorClient;
use countersign_halt::{NodeState, Reason};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::session::gateway;
use super::{argument, output, run_async, when};
use crate::cli::{HaltArgs, HaltCommand};
use crate::failure::Failure;
use crate::state;

/// How often `--watch` looks.
const WATCH: Duration = Duration::from_millis(200);

/// Longest key file of an operator: an Ed25519 key in PEM has 120 bytes.
const KEY_FILE_BYTES_MAX: usize = 4 * 1_024;

/// Runs the command.
pub(super) fn run(args: &HaltArgs) -> anyhow::Result<ExitCode> {
    if args.reason == Some(Reason::Drill) {
        let words = "--reason drill is for rehearsals, and this would stop people: countersign drill run rehearses, and stops nobody";
        return Err(Failure::usage(words.to_owned()));
    }
    match &args.command {
        Some(HaltCommand::Status { watch, json, state }) => run_async(status(&gateway(state)?, *watch, *json)),
        None if args.local => break_glass(args),
        None => run_async(halt(args)),
    }
}

async fn halt(args: &HaltArgs) -> anyhow::Result<ExitCode> {
    let review = args.review.as_deref().map(|text| when::end(text, clock::wall())).transpose()?;
    let request = HaltRequest {
        scope: args.scope.to_string(),
        action: args.action.to_string(),
        reason: reason_name(args).to_owned(),
        text: args.text.clone(),
        review_by_ms: review.map(Timestamp::as_millis),
        cancel: args.cancel,
    };
    let client = gateway(&args.state)?;
    let report = client.halt(&request).await?;
    if args.json {
        output::json(&report)?;
    } else {
        output::line(told(&report, args))?;
        if args.cancel {
            output::line("resting orders are being cancelled: halt status tells what venues confirm")?;
        }
        tell_of_no_operators(&client).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is halted where nobody is named stays so until the configuration names somebody: that is better known now.
async fn tell_of_no_operators(client: &OperatorClient) -> anyhow::Result<()> {
    match client.halts().await {
        Ok(status) if status.is_unliftable() => output::line(NO_OPERATORS),
        Ok(_) | Err(_) => Ok(()),
    }
}

const NO_OPERATORS: &str = "ATTENTION: halt.operators is empty, so nobody can lift this. Run `countersign operator new NAME --out FILE`, \
                            put the line it prints into halt.operators, and restart";

/// The argument parser sees to it that there is one.
fn reason_name(args: &HaltArgs) -> &'static str {
    args.reason.map_or("", Reason::name)
}

fn told(report: &HaltReport, args: &HaltArgs) -> String {
    let (scope, action) = (&args.scope, args.action);
    let confirmed = match report.confirmed_us {
        Some(micros) => format!("confirmed after {}", shown(micros)),
        None => format!("not confirmed yet: {} (halt status --watch)", awaited(&report.nodes)),
    };
    let nobody = report.nobody.as_ref().map(|words| format!("\nATTENTION: {words}; it holds for whoever comes")).unwrap_or_default();
    let said = match (report.was_in_force, report.epoch) {
        (true, _) => format!("{} covers it already; {confirmed}{}", report.id, untaken(report)),
        (false, Some(epoch)) => {
            format!("{} {scope} {action}, epoch {epoch}; in force after {}, {confirmed}", report.id, shown(report.enforced_us))
        }
        (false, None) => format!(
            "{} {scope} {action}; in force after {}, {confirmed}; NOT in the store yet: the node goes on trying",
            report.id,
            shown(report.enforced_us)
        ),
    };
    format!("{said}{nobody}")
}

/// What holds of a halt that was there already.
fn untaken(report: &HaltReport) -> String {
    let Some(halt) = &report.in_force else { return String::new() };
    let review = review(halt).unwrap_or_else(|| "no review".to_owned());
    let since = when::show(Timestamp::from_millis(halt.at_ms));
    let words = if halt.text.is_empty() { "no words".to_owned() } else { format!("{:?}", halt.text) };
    let HaltLine { action, reason, by, .. } = halt;
    format!(
        "\nreason, words and review of this command were not taken; in force are: {action}, {reason}, {words}, {review}, by {by} since {since}"
    )
}

/// When somebody must look at a halt again.
fn review(halt: &HaltLine) -> Option<String> {
    let review = Timestamp::from_millis(halt.review_by_ms?);
    let overdue = if review <= clock::wall() { " OVERDUE" } else { "" };
    Some(format!("review by {}{overdue}", when::show(review)))
}

/// Whom a halt waits for that is not confirmed.
fn awaited(nodes: &[NodeLine]) -> String {
    let name = |node: &NodeLine| if node.node == "?" { "nodes that the database has forgotten".to_owned() } else { node.node.clone() };
    let mut names: Vec<String> = nodes.iter().filter(|node| node.state == NodeState::Waiting.name()).map(name).collect();
    names.dedup();
    if names.is_empty() { "it changed just now".to_owned() } else { format!("requests of before may be under way at {}", names.join(", ")) }
}

fn shown(micros: u64) -> String {
    if micros < 1_000 { format!("{micros} µs") } else { format!("{}.{:03} ms", micros / 1_000, micros % 1_000) }
}

/// Writes the file that stops the node: no gateway has to answer.
fn break_glass(args: &HaltArgs) -> anyhow::Result<ExitCode> {
    let path = state::existing(&args.state.state)?.path().join(HALT_FILE);
    // Its name is what stops the node. A disk without room for the words, or a folder of that name, is no failure then.
    if let Err(error) = write_words(&path, &format!("{} {}\n", reason_name(args), args.text)) {
        if path.symlink_metadata().is_err() {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
        output::note(format!("its reason and words may not be in it: {error}"));
    }
    if args.json {
        output::json(&serde_json::json!({ "file": path }))?;
    } else {
        let after = "the node stops within a quarter of a second; take the file away and lift the halt to let it go on";
        output::line(format!("{} is there: {after}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_words(path: &Path, words: &str) -> std::io::Result<()> {
    // A pipe of that name has no reader, and would be waited for.
    let nobody_waits = i32::try_from(OFlags::NONBLOCK.bits()).map_err(std::io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).custom_flags(nobody_waits).open(path)?;
    file.write_all(words.as_bytes())?;
    file.sync_all()
}

async fn status(client: &OperatorClient, watch: bool, json: bool) -> anyhow::Result<ExitCode> {
    let mut shown: Option<HaltStatus> = None;
    loop {
        let status = client.halts().await?;
        // The lease runs all the time, and the database is read all the time; that is no news.
        let at_now = |shown: &HaltStatus| HaltStatus { lease_ms: status.lease_ms, read_ms: status.read_ms, ..shown.clone() };
        let same = shown.as_ref().is_some_and(|shown| at_now(shown) == status);
        if !same {
            show(&status, watch, json)?;
        }
        if !watch {
            return Ok(ExitCode::SUCCESS);
        }
        shown = Some(status);
        tokio::time::sleep(WATCH).await;
    }
}

fn show(status: &HaltStatus, watch: bool, json: bool) -> anyhow::Result<()> {
    if json {
        return if watch { output::line(serde_json::to_string(status)?) } else { output::json(status) };
    }
    if let Some(why) = &status.unknown {
        output::line(stopped(status, why))?;
    }
    let known = match &status.unknown {
        None => format!("knows its halts (lease {} ms)", status.lease_ms),
        Some(_) => "does not know its halts".to_owned(),
    };
    let confirmed = if status.confirmed { "confirmed".to_owned() } else { format!("NOT confirmed: {}", awaited(&status.nodes)) };
    let lifts = match status.quorum {
        (_, 0) => "no operators are named who lift (halt.operators)".to_owned(),
        (quorum, operators) => format!("{quorum} of {operators} operators lift"),
    };
    output::line(format!("node {} {known}; epoch {}, {confirmed}; {lifts}", status.node, status.epoch))?;
    if status.nodes.len() > 1 {
        let nodes: Vec<String> = status.nodes.iter().map(|node| format!("{} {}", node.node, node.state)).collect();
        output::line(format!("nodes: {}", nodes.join(", ")))?;
    }
    if status.halts.is_empty() {
        return output::line(if status.unknown.is_none() { "nothing is halted" } else { "nothing was halted then" });
    }
    let mut table = output::table(&["HALT", "SCOPE", "ACTION", "REASON", "SINCE", "BY", "RESTING ORDERS", "WORDS"]);
    for halt in &status.halts {
        let action = if halt.action == halt.raised_as { halt.action.clone() } else { format!("{} (was {})", halt.action, halt.raised_as) };
        let since = when::show(Timestamp::from_millis(halt.at_ms));
        let resting = halt.cancel.as_ref().map_or_else(|| "-".to_owned(), resting);
        let since = review(halt).map_or_else(|| since.clone(), |review| format!("{since}\n{review}"));
        table.add_row([&halt.id, &halt.scope, &action, &halt.reason, &since, &halt.by, &resting, &halt.text]);
    }
    output::print(&table)
}

/// Of a node that cannot tell what is halted: what it does about that, and how old what it shows is.
fn stopped(status: &HaltStatus, why: &str) -> String {
    let as_of = match status.read_ms {
        Some(read) => format!("what follows is as of {}, and may have changed since", when::show(Timestamp::from_millis(read))),
        None => "what follows is what it has heard since its start, and not what the database says".to_owned(),
    };
    let node = &status.node;
    format!("ATTENTION: node {node} HAS STOPPED ITSELF, for it DOES NOT KNOW its halts ({why}): cancels pass, nothing new; {as_of}")
}

/// What became of resting orders.
fn resting(cancel: &CancelLine) -> String {
    let CancelLine { done, asked, confirmed, orders, unconfirmed, faults, waiting, late, silent, unreadable, lost, untold, unread } =
        cancel;
    let state = if *done || *lost { "" } else { ", going on" };
    let mut text = match asked {
        0 if *done => "nobody found: orders may rest".to_owned(),
        _ => format!("{orders} cancelled; {confirmed} of {asked} confirmed{state}"),
    };
    if *unconfirmed > 0 {
        text.push_str(&format!("; {unconfirmed} NOT confirmed"));
    }
    let mut tell = |nodes: &[String], what: &str| {
        if !nodes.is_empty() {
            text.push_str(&format!("\nnode {}: {what}", nodes.join(", ")));
        }
    };
    tell(waiting, "waits for requests of before");
    tell(late, "not confirmed: requests of before may still arrive");
    tell(silent, "has NOT answered");
    tell(unreadable, "its answer cannot be read here: orders may rest");
    if *lost {
        text.push_str("\nLOST by the database, and who said it is gone: cancel again, orders may rest");
    }
    if let Some(why) = untold {
        text.push_str(&format!("\nthe other nodes are NOT told yet: {why}"));
    }
    if let Some(why) = unread {
        text.push_str(&format!("\nwhat the other nodes say is NOT known: {why}"));
    }
    for CancelFault { whom, why } in faults {
        text.push_str(&format!("\n{whom}: {why}"));
    }
    text
}

/// An operator's private key in PEM.
fn read_key(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    argument::read_text(path, KEY_FILE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_gateway_of_before_that_does_not_say_whom_it_names_is_not_said_to_name_nobody() {
        let status = |operators: usize| -> HaltStatus {
            let before = serde_json::json!({
                "node": "n1", "epoch": 7, "unknown": null, "lease_ms": 900, "confirmed": true, "quorum": [1, operators], "halts": []
            });
            serde_json::from_value(before).unwrap()
        };
        assert_eq!((status(2).operators, status(2).is_unliftable()), (None, false));
        assert!(status(0).is_unliftable());
    }
}
