//! `operator new`: a key with which an operator signs lifts.

use std::process::ExitCode;

use anyhow::Context as _;
use countersign_core::Algorithm;
use countersign_halt::Operator;

use super::super::{argument, output};
use crate::cli::OperatorCommand;
use crate::failure::Failure;
use crate::keygen;

/// Runs the subcommand. The private half never meets the gateway.
pub(in crate::commands) fn run(command: &OperatorCommand) -> anyhow::Result<ExitCode> {
    let OperatorCommand::New { name, out } = command;
    let key = keygen::generate(Algorithm::Ed25519)?;
    let public = key.public.spki_der().last_chunk::<32>().context("an Ed25519 SPKI ends with the key")?;
    let operator = Operator { name: name.as_str().into(), key: *public };
    if Operator::parse(&operator.to_string()).is_none() {
        return Err(Failure::usage(format!("{name:?} is not a name for an operator: letters, digits, `.`, `_`, `-`, at most 64")));
    }
    argument::create(out, key.private_pem.expose().as_bytes())?;
    output::note(format!("the private key is in {}; the line below belongs into halt.operators of every node", out.display()));
    output::line(operator.to_string())?;
    Ok(ExitCode::SUCCESS)
}
