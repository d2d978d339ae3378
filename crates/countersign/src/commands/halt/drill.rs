//! `drill run`: rehearse, and measure.

use std::process::ExitCode;
use std::time::Duration;

use countersign_core::Monotonic;
use countersign_gateway::clock;
use countersign_gateway::halts::report::DrillRequest;
use countersign_halt::Spread;
use serde_json::json;

use super::super::{output, run_async};
use super::client;
use crate::cli::DrillCommand;

/// What was measured, in the order of what happens.
const STAGES: [&str; 4] = ["enforced", "committed", "barrier", "command"];

/// Runs the subcommand.
pub(in crate::commands) fn run(command: &DrillCommand) -> anyhow::Result<ExitCode> {
    let DrillCommand::Run { scope, action, count, json, state } = command;
    run_async(async {
        let client = client(state);
        let request = DrillRequest { scope: scope.clone(), action: action.clone() };
        let mut times: [Vec<Duration>; 4] = Default::default();
        let (mut unconfirmed, mut would_refuse) = (0_u32, 0_u64);
        for _ in 0..*count {
            let begun = clock::mono();
            let report = client.drill(&request).await?;
            let command = since(begun);
            let micros = Duration::from_micros;
            times[0].push(micros(report.enforced_us));
            times[1].push(micros(report.committed_us));
            match report.barrier_us {
                Some(barrier) => times[2].push(micros(barrier)),
                None => unconfirmed += 1,
            }
            times[3].push(command);
            would_refuse += report.would_refuse;
        }
        let spreads = times.map(Spread::of);
        if *json {
            let of = |spread: &Spread| json!({ "p50_us": micros(spread.p50), "p99_us": micros(spread.p99), "max_us": micros(spread.max) });
            let stages: serde_json::Map<String, serde_json::Value> =
                STAGES.iter().zip(&spreads).map(|(stage, spread)| ((*stage).to_owned(), of(spread))).collect();
            output::json(&json!({ "count": count, "unconfirmed": unconfirmed, "would_refuse": would_refuse, "stages": stages }))?;
        } else {
            let mut table = output::table(&["STAGE", "P50 µs", "P99 µs", "MAX µs"]);
            for (stage, spread) in STAGES.iter().zip(&spreads) {
                table.add_row([
                    (*stage).to_owned(),
                    micros(spread.p50).to_string(),
                    micros(spread.p99).to_string(),
                    micros(spread.max).to_string(),
                ]);
            }
            output::print(&table)?;
            output::line(format!(
                "{count} rehearsals of {scope} {action}; {would_refuse} requests would have been refused; {unconfirmed} not confirmed in time"
            ))?;
        }
        // A rehearsal whose barrier was not reached has failed: in earnest it would not have been known when trading had stopped.
        Ok(if unconfirmed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn since(begun: Monotonic) -> Duration {
    clock::mono().saturating_since(begun)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
