//! `audit verify`: a log against its chain and its signed heads, or a proof file against a key.

use std::path::Path;
use std::process::ExitCode;

use countersign_audit_tree::evidence::ShownRecord;
use countersign_audit_tree::{AuditPublicKey, Claim, Evidence, Fault, SignedHead, TreeHead, Verdict, limits};
use countersign_core::Timestamp;
use countersign_store::audit::{AuditEntry, NamedFault, Verification, VerifyOptions, read_public_key, verify};
use serde_json::json;

use crate::cli::AuditVerifyArgs;
use crate::commands::{argument, output, when};
use crate::failure::{FAILED, Failure};
use crate::state;

/// Longest file with a head: one has 300 bytes.
const HEAD_BYTES_MAX: usize = 4 * 1_024;

pub(super) fn run(args: &AuditVerifyArgs) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.proof {
        return proof(file, args);
    }
    let folder = match &args.log {
        Some(folder) => folder.clone(),
        None => state::existing(&args.state.state)?.audit(),
    };
    let options = VerifyOptions {
        keys: keys(args)?,
        archived: args.archived,
        held: args.head.iter().map(|path| head(path)).collect::<anyhow::Result<_>>()?,
    };
    let shown = output::working("verifying", args.json);
    let found = verify(&folder, &options)?;
    drop(shown);
    if args.json {
        output::json(&to_json(&found))?;
    } else {
        tell(&folder, &found)?;
    }
    Ok(if found.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn keys(args: &AuditVerifyArgs) -> anyhow::Result<Vec<AuditPublicKey>> {
    if args.key.is_empty() {
        return Ok(vec![read_public_key(&state::existing(&args.state.state)?.audit_public_key())?]);
    }
    args.key.iter().map(|path| read_public_key(path).map_err(|error| Failure::usage(error.to_string()))).collect()
}

/// A head from its file.
pub(super) fn head(path: &Path) -> anyhow::Result<SignedHead> {
    let bytes = argument::read(path, HEAD_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::usage(format!("{} is no signed head: {error}", path.display())))
}

fn tell(folder: &Path, found: &Verification) -> anyhow::Result<()> {
    let report = &found.report;
    for named in &found.named {
        output::line(told(named))?;
    }
    let more = report.faults_total - found.named.len();
    if more > 0 {
        output::line(format!("... and {more} more"))?;
    }
    for whose in &found.bad_heads {
        output::line(format!("bad head: {whose} is not signed by a trusted key, or is damaged"))?;
    }
    for gone in &found.gone {
        output::line(format!("gone: {gone}"))?;
    }
    if found.unsigned_log {
        output::line("unsigned: no signed head is there, so anybody could have written this log")?;
    }
    if found.empty_log {
        output::line("empty: not one record is there, so nothing was checked; a log begins with the start of its gateway")?;
    }
    output::line(format!("{}: {} records in the chain", folder.display(), report.size))?;
    match &report.begins {
        Some((0, place)) => output::line(format!("the chain begins at {place}; {} older records are outside it", report.before_chain))?,
        Some((n, place)) => output::line(format!("read from record {n} on, at {place}; those before it are not in this folder"))?,
        None => output::line(format!("there is no chain; {} records are outside it", report.before_chain))?,
    }
    if !report.torn.is_empty() {
        let places: Vec<_> = report.torn.iter().take(10).map(ToString::to_string).collect();
        output::line(format!("{} lines were torn by a crash and are no records: {}", report.torn_total, places.join(", ")))?;
    }
    if let Some(head) = &report.proved {
        output::line(format!("{} signed heads fit, the newest is of {}", report.proved_heads, told_head(head)))?;
    }
    if report.unchecked + report.gone_heads > 0 {
        output::line(format!("{} heads could not be checked: records before them are not here", report.unchecked + report.gone_heads))?;
    }
    let unsigned = report.unsigned();
    if unsigned > 0 {
        output::line(format!("the newest {unsigned} records have the chain only: no signed head that fits is of them"))?;
    }
    output::line(if found.is_whole() { "whole: every record is as it was written" } else { "NOT WHOLE: see above" })
}

fn told(named: &NamedFault) -> String {
    let says = |entry: &AuditEntry| {
        let id = entry.text("correlation").map(|id| format!(", id {id}")).unwrap_or_default();
        let key = entry.text("key_id").map(|key| format!(", key {key}")).unwrap_or_default();
        format!("; it reads {} at {}{key}{id}", entry.text("event").unwrap_or("nothing"), when::show_precisely(entry.at()))
    };
    format!("{}{}", fault(&named.fault), named.entry.as_ref().map(says).unwrap_or_default())
}

/// A fault in words, with the times of what is under no head.
fn fault(fault: &Fault) -> String {
    let time = |micros| when::show_precisely(Timestamp::from_micros(micros));
    let Fault::Unsigned { first, last, .. } = fault else { return fault.to_string() };
    format!("{fault}; they tell times from {} to {}", time(*first), time(*last))
}

fn told_head(head: &TreeHead) -> String {
    format!("{} records, the last at {}, root {}", head.size, when::show_precisely(Timestamp::from_micros(head.at)), head.root)
}

fn to_json(found: &Verification) -> serde_json::Value {
    let report = &found.report;
    let named_fault =
        |named: &NamedFault| json!({ "fault": fault(&named.fault), "line": named.entry.as_ref().map(|entry| entry.fields().clone()) });
    json!({
        "whole": found.is_whole(),
        "records": report.size,
        "root": report.root,
        "begins": report.begins.as_ref().map(|(n, place)| json!({ "record": n, "file": &*place.file, "line": place.line })),
        "records_before_chain": report.before_chain,
        "torn_lines": report.torn.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "heads_that_fit": report.proved_heads,
        "heads_unchecked": report.unchecked + report.gone_heads,
        "newest_head": report.proved,
        "records_unsigned": report.unsigned(),
        "faults_total": report.faults_total,
        "faults": found.named.iter().map(named_fault).collect::<Vec<_>>(),
        "bad_heads": found.bad_heads,
        "unsigned_log": found.unsigned_log,
        "gone": found.gone,
        "empty_log": found.empty_log,
    })
}

fn proof(file: &Path, args: &AuditVerifyArgs) -> anyhow::Result<ExitCode> {
    let bytes = argument::read(file, limits::EVIDENCE_BYTES_MAX)?;
    let keys = keys(args)?;
    let verdict = Evidence::parse(&bytes).and_then(|evidence| evidence.verify(&keys))?;
    if args.json {
        output::json(&json!({
            "proved": true,
            "claim": verdict.claim,
            "records": verdict.records.iter().map(|record| record.members.clone()).collect::<Vec<_>>(),
            "head": verdict.head,
            "earlier": verdict.earlier,
            "clock_went_back": verdict.clock_went_back,
        }))?;
    } else {
        tell_verdict(&verdict)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_verdict(verdict: &Verdict) -> anyhow::Result<()> {
    for record in &verdict.records {
        output::line(format!("record {}: {}", record.n, words(record)))?;
    }
    if let Some(earlier) = &verdict.earlier {
        output::line(format!("earlier head: {}", told_head(earlier)))?;
    }
    output::line(format!("signed head:  {}", told_head(&verdict.head)))?;
    if verdict.clock_went_back {
        output::line("note: the gateway's clock was set back between these records; their order is that of the log")?;
    }
    output::line(match verdict.claim {
        Claim::Grown => "proved: the log of the signed head begins with the whole log of the earlier head, unchanged",
        Claim::Included => "proved: the log has these records, in these words",
        Claim::RevokedBefore => "proved: the key was revoked before that decision",
    })
}

fn words(record: &ShownRecord) -> String {
    let members = ["event", "account", "key_id", "method", "path", "route", "reject", "correlation"];
    let said = members.iter().filter_map(|member| record.text(member).map(|text| format!("{member} {text}")));
    let at = jiff::Timestamp::from_microsecond(i64::try_from(record.at).unwrap_or(i64::MAX))
        .map_or_else(|_| record.at.to_string(), |at| format!("{at:.6}"));
    std::iter::once(at).chain(said).collect::<Vec<_>>().join(", ")
}
