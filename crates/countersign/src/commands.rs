//! The commands, one file each.

mod account;
mod argument;
mod audit;
mod config;
mod connect;
mod demo;
mod dialect;
mod explain;
mod halt;
mod https;
mod keeper;
pub(crate) mod key;
mod manual;
mod migrate;
mod output;
mod probe;
pub(crate) mod serve;
mod session;
mod stop_signal;
mod token;
mod trust;
mod vectors;
mod venue;
mod when;

use std::process::ExitCode;

use connect::show as connect_show;

use crate::cli::{Cli, Command};

/// Runs the command that was asked for.
///
/// # Errors
/// One sentence; see [`crate::failure`] for the exit codes.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let outcome = match cli.command {
        Command::Account(command) => account::run(command),
        Command::Audit(args) => audit::run(&args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Config(command) => config::run(command),
        Command::Connect(args) => connect::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dialect(command) => dialect::run(&command),
        Command::Drill(command) => halt::drill::run(&command),
        Command::Halt(args) => halt::run(&args),
        Command::Lift(command) => halt::lift::run(&command),
        Command::Operator(command) => halt::operator::run(&command),
        Command::Explain(args) => explain::run(args),
        Command::Key(command) => key::run(command),
        Command::Man { folder } => manual::pages(&folder),
        Command::Migrate(args) => migrate::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Session(command) => session::run(&command),
        Command::Token(command) => token::run(&command),
        Command::Vectors(args) => vectors::run(&args),
        Command::Venue(args) => venue::run(&args),
    };
    match outcome {
        Err(error) if output::is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(code) => Ok(code),
    }
}

/// Runs a command that waits for files, the database or the network, on one thread.
fn run_async(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}
