//! `completions` and `man`: from the definition of the command line, like the help texts.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::output;
use crate::cli::Cli;
use crate::failure::Failure;

/// `completions`: to standard output.
pub(super) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut command = Cli::command();
    // Into memory first: the generator panics when its writer fails, and a pipe may be closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "countersign", &mut script);
    output::text(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// `man`: a page for each command, into a folder.
pub(super) fn pages(folder: &Path) -> anyhow::Result<ExitCode> {
    let failed = |error: std::io::Error| Failure::environment(format!("cannot write man pages into {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    output::line(format!("man pages are in {}; read one: man -l {}", folder.display(), output::quoted(&folder.join("countersign.1"))))?;
    Ok(ExitCode::SUCCESS)
}
