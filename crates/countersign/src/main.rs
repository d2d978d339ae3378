//! Countersign: the gateway in front of a trading API.
//!
//! This crate is the binary: command line, settings, wiring. Everything it wires lives in the other crates.

mod cli;
mod commands;
mod failure;
mod keygen;
mod logging;
mod state;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            failure::report(&error);
            failure::exit_code(&error)
        }
    }
}
