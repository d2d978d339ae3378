//! `audit prove` and `audit head`: what others can check without the log.

use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use countersign_store::StateDir;
use countersign_store::audit::{AuditLog, Question, prove, read_public_key};

use super::{correlation, verify};
use crate::cli::{AuditProveArgs, StateArgs};
use crate::commands::keeper::not_as_left;
use crate::commands::{argument, output};
use crate::failure::Failure;
use crate::state;

pub(super) fn run(args: &AuditProveArgs) -> anyhow::Result<ExitCode> {
    let question = question(args)?;
    let dir = state::existing(&args.state.state)?;
    // With the key at hand everything up to this moment can be proved; without it, what its newest head is of.
    if dir.audit_key().exists() {
        sign(&dir)?;
    }
    let keys = [read_public_key(&dir.audit_public_key())?];
    let evidence = prove(&dir.audit(), &keys, &question)?;
    write(&args.out, serde_json::to_string_pretty(&evidence)?)?;
    let proof = if args.out == Path::new("-") { "FILE".to_owned() } else { output::quoted(&args.out) };
    output::note(format!("check it with: countersign audit verify --proof {proof} --key {}", output::quoted(&dir.audit_public_key())));
    Ok(ExitCode::SUCCESS)
}

fn question(args: &AuditProveArgs) -> anyhow::Result<Question> {
    if let (Some(key), Some(before)) = (&args.revoked, &args.before) {
        return Ok(Question::RevokedBefore { key: key.clone(), decision: correlation(before)? });
    }
    if let Some(id) = &args.decision {
        return Ok(Question::Decision(correlation(id)?));
    }
    if let Some(path) = &args.grown_from {
        return Ok(Question::Grown(Box::new(verify::head(path)?)));
    }
    args.record.map(Question::Number).ok_or_else(|| Failure::usage("say what is to be proved"))
}

/// Signs the log as it is now.
pub(super) fn head(out: &Path, args: &StateArgs) -> anyhow::Result<ExitCode> {
    let head = sign(&state::existing(&args.state)?)?;
    write(out, serde_json::to_string(&head)?)?;
    Ok(ExitCode::SUCCESS)
}

fn sign(dir: &StateDir) -> anyhow::Result<countersign_audit_tree::SignedHead> {
    let log = AuditLog::open(&dir.audit(), dir.load_audit_key()?)?;
    for found in log.found() {
        output::note(not_as_left(found));
    }
    log.sign_head().map_err(|error| anyhow!("there is no head to sign: {error}, or it has no record yet"))
}

fn write(out: &Path, text: String) -> anyhow::Result<()> {
    if out == Path::new("-") {
        return output::line(text);
    }
    argument::create(out, format!("{text}\n").as_bytes())
}
