//! `operator`: keys with which operators sign lifts, and certificates with which they come to the operator port.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use countersign_core::{Algorithm, Timestamp};
use countersign_gateway::clock;
use countersign_halt::Operator;
use countersign_pki::{ClientCertificateRequest, PrivateAuthority};
use zeroize::Zeroizing;

use super::super::keeper::Keeper;
use super::super::{argument, output, run_async, when};
use crate::cli::{OperatorCommand, StateArgs};
use crate::failure::Failure;
use crate::keygen;

/// Runs the subcommand.
pub(in crate::commands) fn run(command: &OperatorCommand) -> anyhow::Result<ExitCode> {
    match command {
        OperatorCommand::Certificate { name, out, expires, state } => run_async(certificate(name, out, expires, state)),
        OperatorCommand::New { name, out } => new(name, out),
    }
}

/// The private half never meets the gateway.
fn new(name: &str, out: &Path) -> anyhow::Result<ExitCode> {
    let key = keygen::generate(Algorithm::Ed25519)?;
    let public = key.public.spki_der().last_chunk::<32>().context("an Ed25519 SPKI ends with the key")?;
    let operator = named(name, *public)?;
    argument::create(out, key.private_pem.expose().as_bytes())?;
    output::note(format!("the private key is in {}; the line below belongs into halt.operators of every node", out.display()));
    output::line(operator.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// One certificate each: a copy of `operator.pem` goes dead when the gateway renews that file in its place.
async fn certificate(name: &str, out: &Path, expires: &str, state: &StateArgs) -> anyhow::Result<ExitCode> {
    named(name, [0; 32])?;
    let keeper = Keeper::open(state).await?;
    let authority = PrivateAuthority::load(keeper.dir.path(), clock::unix_now())?;
    let mut request = ClientCertificateRequest::new(name, format!("countersign:operator:{name}"));
    let longest = request.validity_seconds;
    request.validity_seconds = when::duration(expires)?.as_secs();
    if !(1..=longest).contains(&request.validity_seconds) {
        return Err(Failure::usage(format!("--expires {expires}: an operator's certificate is good for 1 s to {} days", longest / 86_400)));
    }
    argument::check_free(out)?;
    let issued = authority.issue_client(&request, clock::unix_now())?;
    let ends = when::show(Timestamp::from_secs(issued.identities().not_after));
    // What is not on record is not given out; what is on record and cannot be written is good for nobody.
    keeper.operator_certified(&format!("operator {name}, until {ends}, key {}", issued.identities().spki_sha256)).await?;
    let both = Zeroizing::new(format!("{}{}", issued.key_pem(), issued.certificate_pem()));
    argument::create(out, both.as_bytes())?;
    output::note(format!("certificate and key of operator {name} are in {}, until {ends}", out.display()));
    Ok(ExitCode::SUCCESS)
}

/// An operator of this name, which the configuration and the audit log can hold.
fn named(name: &str, key: [u8; 32]) -> anyhow::Result<Operator> {
    let operator = Operator { name: name.into(), key };
    if Operator::parse(&operator.to_string()).is_none() {
        return Err(Failure::usage(format!("{name:?} is not a name for an operator: letters, digits, `.`, `_`, `-`, at most 64")));
    }
    Ok(operator)
}
