//! The benchmark rig: what the gateway costs beside nginx and HAProxy, on the same machine in the same minute.
//!
//! ```text
//!   (nothing)   the rig: builds, starts contestants, measures in rounds, writes docs/benchmarks
//!   --only storm --sessions N   all sessions lose their connections at once and come back
//!   load        one load, one window; JSON on standard output
//!   upstream    the trivial server behind every contestant
//!   count       one workload of the instruction counts, so many times
//! ```
//!
//! What the numbers mean, and how to run it: `docs/benchmarks/README.md`. What is not here: any claim about another machine.
#![expect(clippy::print_stdout, reason = "the rig talks to the person who started it")]

mod clock;
mod count;
mod danger;
mod in_memory;
mod load;
mod primitives;
mod process;
mod rig;
mod storm;
mod upstream;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measure the gateway beside nginx and HAProxy", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    rig: rig::RigArgs,
}

#[derive(Subcommand)]
enum Task {
    /// Make one load and print what came of it (the rig starts this).
    #[command(hide = true)]
    Load(Box<load::LoadArgs>),
    /// Serve the same small answer to everything (the rig starts this).
    #[command(hide = true)]
    Upstream(upstream::UpstreamArgs),
    /// Run one workload of the instruction counts (the rig starts this under valgrind).
    #[command(hide = true)]
    Count(count::CountArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.task {
        None => rig::run(&arguments.rig),
        Some(Task::Load(args)) => load::run(args).and_then(|report| {
            println!("{}", serde_json::to_string(&report)?);
            Ok(true)
        }),
        Some(Task::Upstream(args)) => upstream::run(args).map(|()| true),
        Some(Task::Count(args)) => count::run(args).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
