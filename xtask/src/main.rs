//! The tasks of the project: `cargo xtask <task>`.
//!
//! ```text
//!   test          every level of the tests, in order; the one command that decides
//!   arch          which crate may know which, what pure crates may not know, how long a file may be
//!   trace         every requirement of the specification is implemented and tested
//!   dependencies  bans, licences and sources of everything that ends up in the product
//!   interop       docs/interop.md from the last run of the conformance level
//!   bench         the measuring rig (see docs/benchmarks)
//! ```
//!
//! What is not here: anything the product needs at run time. A task may install what it needs into `.test-env/`.
#![expect(clippy::print_stdout, reason = "a task talks to the person who started it")]

mod arch;
mod counts;
mod dependencies;
mod interop;
mod licence;
mod limits;
mod machine;
mod metadata;
mod provision;
mod report;
mod steps;
mod trace;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::machine::Machine;

/// The project's tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the direction of the arrows between crates, the purity of the pure ones and the size of files.
    Arch,
    /// Run the measuring rig; everything after `bench` goes to it.
    Bench {
        /// Passed on as they are.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Check bans, licences and sources of the resolved dependencies against deny.toml.
    Dependencies,
    /// Write docs/interop.md from what the last run of the conformance level saw.
    Interop,
    /// Run the tests: all levels in order, then the counts.
    Test(steps::TestArguments),
    /// Check that every requirement of the specification is cited by code and by a test.
    Trace,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let machine = Machine::here()?;
    match task {
        Task::Arch => arch::check(&machine)?,
        Task::Bench { rest } => return bench(&machine, &rest),
        Task::Dependencies => dependencies::check(&machine)?,
        Task::Interop => interop::write(&machine)?,
        Task::Test(arguments) => return steps::run(machine, &arguments),
        Task::Trace => trace::check(&machine)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn bench(machine: &Machine, rest: &[String]) -> anyhow::Result<ExitCode> {
    let mut command = machine.cargo();
    command.args(["run", "--profile", "dist", "--package", "countersign-benches", "--"]).args(rest);
    let status = command.status().context("cargo could not be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
