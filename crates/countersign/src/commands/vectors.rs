//! `vectors`: recorded requests through the gateway's own verification.

mod fix_logons;

use std::process::ExitCode;

use countersign_dialects::vectors::{Judged, VectorFile, run_selected};

use super::{argument, output};
use crate::cli::VectorsArgs;
use crate::failure::Failure;

/// Longest file of vectors: the longest recorded one is below a megabyte.
const FILE_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Runs the file. The last line is `N passed, M failed`.
pub(super) fn run(args: &VectorsArgs) -> anyhow::Result<ExitCode> {
    let file = args.file.display();
    let text = argument::read_text(&args.file, FILE_BYTES_MAX)?;
    let vectors = VectorFile::parse(&text).map_err(|error| {
        Failure::usage(format!(
            "{file}: {error}; here are recorded requests of dialects judged, not the values of countersign/1 (handshake.json, resume.json)"
        ))
    })?;
    let mut lines = Vec::new();
    let shown = output::working("judging", false);
    let report = run_selected(&vectors, Some(&fix_logons::Logons), &|id| id.contains(&args.only), &mut |judged| {
        lines.extend(line(judged, args.verbose));
    });
    drop(shown);
    for line in lines {
        output::line(line)?;
    }
    for (id, why) in &report.skipped {
        output::line(format!("skipped {id}: {why}"))?;
    }
    if report.passed + report.failed.len() == 0 {
        output::note(format!("countersign: no vector was checked{}", if args.only.is_empty() { "" } else { "; does --only fit any id?" }));
    }
    output::line(format!("{} passed, {} failed", report.passed, report.failed.len()))?;
    let fine = report.failed.is_empty() && report.passed > 0;
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::from(crate::failure::FAILED) })
}

/// The line about one vector; none where it passed as it stands in the file.
fn line(judged: &Judged<'_>, verbose: bool) -> Option<String> {
    let Judged { id, expected, got, instead } = *judged;
    let told = if instead.is_empty() { String::new() } else { format!("; {instead}") };
    if expected != got {
        return Some(format!("failed  {id}: expected {expected}, got {got}{told}"));
    }
    (verbose || !instead.is_empty()).then(|| format!("passed  {id}: {got}{told}"))
}
