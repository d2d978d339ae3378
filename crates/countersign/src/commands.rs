//! The commands, one file each.

pub(crate) mod serve;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Runs the command that was asked for.
///
/// # Errors
/// One sentence; see [`crate::failure`] for the exit codes.
pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        _ => unreachable!("being written"),
    }
}
