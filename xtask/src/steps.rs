//! `cargo xtask test`: the levels, in order.
//!
//! Every level runs even when an earlier one failed, so that one run tells everything. A level that cannot run has failed.

mod table;
mod work;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use crate::limits::FAULT_ROUNDS;
use crate::machine::{Machine, timed};
use crate::provision;
use crate::report::Tally;
use table::{LEVELS, Level};

/// Which levels to run.
#[derive(Args)]
pub(crate) struct TestArguments {
    /// Also run what takes long: cargo-deny, all faults many times, formal models, long properties, fuzzing, benches.
    #[arg(long)]
    full: bool,
    /// Run only this level; may be given several times.
    #[arg(long, value_name = "LEVEL")]
    only: Vec<String>,
    /// How often the level `faults` plays each fault.
    #[arg(long, value_name = "N", default_value_t = FAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// List the levels and stop.
    #[arg(long)]
    list: bool,
}

/// Runs the chosen levels and prints the counts.
///
/// # Errors
/// When a level named by `--only` does not exist.
pub(crate) fn run(machine: Machine, arguments: &TestArguments) -> Result<ExitCode> {
    let machine = &machine.with_fault_rounds(arguments.rounds);
    if arguments.list {
        for level in LEVELS {
            println!("{:<14}{}{}", level.name, if level.full { "(--full) " } else { "" }, level.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let levels = chosen(arguments)?;
    let counted: Vec<_> = std::thread::scope(|scope| {
        let mut installing = levels.iter().any(|level| level.installs).then(|| scope.spawn(|| provision::ahead(machine)));
        let one = |level: &&'static Level| {
            if let Some(installing) = installing.take_if(|_| level.installs) {
                // A panic in it has said so, and what is missing is said by the level.
                drop(installing.join());
            }
            (level.name, run_level(machine, level))
        };
        levels.iter().map(one).collect()
    });
    println!();
    let mut sum = Tally::default();
    for (name, tally) in counted {
        println!("{name:<14}{tally}");
        sum += tally;
    }
    println!("{sum}");
    Ok(if sum.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(arguments: &TestArguments) -> Result<Vec<&'static Level>> {
    for name in &arguments.only {
        ensure!(LEVELS.iter().any(|level| level.name == name), "no level {name}; `cargo xtask test --list` names them");
    }
    let wanted = |level: &&Level| {
        if arguments.only.is_empty() { arguments.full || !level.full } else { arguments.only.iter().any(|name| name == level.name) }
    };
    Ok(LEVELS.iter().filter(wanted).collect())
}

/// Runs one level and prints its line, and what went wrong below it.
fn run_level(machine: &Machine, level: &Level) -> Tally {
    if std::io::stdout().is_terminal() {
        print!("{:<14}…\r", level.name);
        let _ = std::io::stdout().flush(); // only the sign of life is lost
    }
    let (outcome, took) = timed(|| (level.run)(machine));
    let (tally, complaint) = match outcome {
        Ok(outcome) => (outcome.tally, outcome.complaint),
        Err(error) => (Tally::BROKEN, format!("{error:#}")),
    };
    let verdict = if tally.is_success() { "ok" } else { "FAILED" };
    println!("{:<14}{verdict:<8}{:>7.1} s  {tally}", level.name, took.as_secs_f64());
    for line in complaint.lines() {
        println!("    {line}");
    }
    tally
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(full: bool, only: &[&str]) -> Vec<&'static str> {
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        chosen(&TestArguments { full, only, rounds: FAULT_ROUNDS, list: false }).unwrap().into_iter().map(|level| level.name).collect()
    }

    #[test]
    fn the_default_leaves_out_what_takes_long() {
        assert!(names(false, &[]).contains(&"conformance"));
        assert!(!names(false, &[]).contains(&"formal"));
        assert_eq!(names(true, &[]).len(), LEVELS.len());
    }

    #[test]
    fn only_runs_what_it_names_in_the_order_of_the_table() {
        assert_eq!(names(false, &["trace", "fmt", "formal"]), ["fmt", "trace", "formal"]);
    }

    #[test]
    fn an_unknown_level_is_an_error_not_an_empty_run() {
        assert!(chosen(&TestArguments { full: false, only: vec!["fnt".to_owned()], rounds: 1, list: false }).is_err());
    }
}
