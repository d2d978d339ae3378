//! `lift`: let trading go on again, by agreement.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Algorithm, Timestamp};
use countersign_gateway::halts::report::{HaltLine, HaltStatus, LiftReport, LiftRequest, SignatureRequest};
use countersign_halt::{Lift, LiftId};
use countersign_handshake::{Signer as _, SigningKey};

use super::super::session::gateway;
use super::super::{output, run_async, when};
use crate::cli::LiftCommand;
use crate::failure::Failure;

/// Runs the subcommand.
pub(in crate::commands) fn run(command: &LiftCommand) -> anyhow::Result<ExitCode> {
    run_async(async {
        let (mut unliftable, mut standing) = (false, None);
        let (report, json) = match command {
            LiftCommand::Apply { proposal, json, state } => {
                let client = gateway(state)?;
                let report = client.apply_lift(parse(proposal)?).await?;
                // The lift is done; that the node says nothing more is no failure of it.
                standing = if *json { None } else { Some(client.halts().await) };
                (report, *json)
            }
            LiftCommand::Propose { halts, stage, reason, json, state } => {
                let request = LiftRequest { halts: halts.clone(), to: stage.map(|action| action.to_string()), reason: reason.clone() };
                let client = gateway(state)?;
                unliftable = client.halts().await?.is_unliftable();
                (client.propose_lift(&request).await?, *json)
            }
            LiftCommand::Show { proposal, json, state } => (gateway(state)?.lift(parse(proposal)?).await?, *json),
            LiftCommand::Sign { proposal, operator, key, check, json, state } => {
                let client = gateway(state)?;
                let before = client.lift(parse(proposal)?).await?;
                let signature = sign(&before, &super::read_key(key)?, check.as_deref())?;
                let request = SignatureRequest { operator: operator.clone(), signature };
                (client.sign_lift(parse(proposal)?, &request).await?, *json)
            }
        };
        if json {
            output::json(&report)?;
        } else {
            show(&report)?;
            match standing {
                Some(Ok(status)) => show_standing(&status)?,
                Some(Err(error)) => output::line(format!("ATTENTION: what still stands is not known ({error}); see halt status"))?,
                None => {}
            }
            if unliftable {
                output::line(super::NO_OPERATORS)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn parse(text: &str) -> anyhow::Result<LiftId> {
    LiftId::parse(text).ok_or_else(|| Failure::usage(format!("{text:?} is not a proposal: P- and twelve hexadecimal digits")))
}

/// Signs what was received, not what the report says about it: name and words are made from the payload here.
pub(in crate::commands) fn sign(report: &LiftReport, pem: &str, check: Option<&str>) -> anyhow::Result<String> {
    let lift = Lift::from_payload(&report.payload)?;
    if lift.id().to_string() != report.id {
        return Err(Failure::usage(format!("the gateway answered with another proposal ({}); not signed", lift.id())));
    }
    if let Some(check) = check.filter(|check| *check != lift.check_words()) {
        return Err(Failure::usage(format!("the check words are {}, not {check}: another proposal; not signed", lift.check_words())));
    }
    let key = SigningKey::from_pkcs8_pem(Algorithm::Ed25519, pem)?;
    Ok(URL_SAFE_NO_PAD.encode(key.sign(&lift.signed_bytes())?))
}

/// What is halted after a lift: whoever lifted one of two halts must not think that trading goes on.
fn show_standing(status: &HaltStatus) -> anyhow::Result<()> {
    if let Some(why) = &status.unknown {
        output::line(super::stopped(status, why))?;
    }
    match status.halts.len() {
        0 if status.unknown.is_some() => output::line("no halt stood then")?,
        0 => output::line("no halt stands any more")?,
        1 => output::line("1 halt still stands:")?,
        more => output::line(format!("{more} halts still stand:"))?,
    }
    status.halts.iter().try_for_each(|halt| output::line(line(halt)))
}

fn line(halt: &HaltLine) -> String {
    let HaltLine { id, scope, action, at_ms, by, .. } = halt;
    format!("  {id} {scope} {action} since {} by {by}", when::show(Timestamp::from_millis(*at_ms)))
}

fn show(report: &LiftReport) -> anyhow::Result<()> {
    if let Some(epoch) = report.applied {
        return output::line(format!("{} applied, epoch {epoch}", report.id));
    }
    let lift = Lift::from_payload(&report.payload)?;
    let to = lift.to.map_or("nothing", countersign_halt::Action::name);
    output::line(format!("{}  check words {}", report.id, report.check_words))?;
    output::line(format!("lifts to {to}, because: {}", lift.reason))?;
    for halt in &report.halts {
        output::line(line(halt))?;
    }
    let signed = if report.signed_by.is_empty() { "nobody".to_owned() } else { report.signed_by.join(", ") };
    output::line(format!("signed by {signed}; {} needed; until {}", report.needed, when::show(Timestamp::from_millis(report.expires_ms))))?;
    match &report.obstacle {
        Some(obstacle) => output::line(format!("not to be applied yet: {obstacle}")),
        None => output::line(format!("ready: countersign lift apply {}", report.id)),
    }
}
