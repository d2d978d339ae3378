//! `probe`: what a server's handshakes offer, step by step, and which step fails and why.
//!
//! ```text
//!   TCP ─▶ TLS 1.3 ─▶ TLS 1.2 ─▶ certificate ─▶ ALPN ─▶ client certificate ─▶ resumption ─▶ early data ─▶ countersign/1
//! ```
//!
//! The probe looks at servers whose certificate does not verify, too, and says so; it has no credential to lose: its only key is
//! made for one hello and thrown away. What it cannot try: TLS 1.0 and 1.1, which its TLS library does not have.

mod alpn;
mod certificate;
mod danger;
mod failure;
mod native;
mod plain;
mod report;
mod target;
mod tls;

use std::process::ExitCode;

use super::{output, run_async, trust};
use crate::cli::ProbeArgs;
use crate::failure::FAILED;

use report::Report;
use target::Target;

/// Runs all steps; exit code 0 when a TLS handshake succeeded and the certificate is trusted.
pub(super) fn run(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let trust = match &args.ca {
        Some(path) => trust::of_file(path)?,
        None => trust::of_system(),
    };
    let target = Target::new(args, trust)?;
    run_async(async {
        let mut report = Report::new(&target.name(), !args.json);
        let works = look(&target, &mut report).await?;
        if args.json {
            output::json(&report.to_json())?;
        }
        Ok(if works { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    })
}

/// All steps that make sense; the outcome is whether a client could use this server's TLS.
async fn look(target: &Target, report: &mut Report) -> anyhow::Result<bool> {
    if !target.try_tcp(report).await? {
        return Ok(false);
    }
    let Some(first) = tls::versions(target, report).await? else { return Ok(false) };
    let trusted = certificate::show(&first, report)?;
    let protocols = alpn::offered(target, first.version, report).await?;
    tls::client_certificate(target, &first, &protocols, report).await?;
    tls::resumption(target, &first, &protocols, report).await?;
    native::look(target, &first, &protocols, report).await?;
    Ok(trusted)
}
