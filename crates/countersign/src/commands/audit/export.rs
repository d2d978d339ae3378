//! `audit export`: JSON lines for machines, CSV for spreadsheets.
//!
//! A cell that a spreadsheet would take for a formula (`=`, `+`, `-`, `@` first) gets an apostrophe in front: names of keys come
//! from clients. JSON lines have every value as it is.

use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use countersign_core::Timestamp;
use countersign_gateway::clock;
use countersign_store::audit::{AuditFilter, Exported, export};
use serde_json::{Map, Value};

use super::{event, key_id};
use crate::cli::{AuditExportArgs, ExportFormat};
use crate::commands::{account, argument, output, when};
use crate::failure::Failure;
use crate::state;

pub(super) fn run(args: &AuditExportArgs) -> anyhow::Result<ExitCode> {
    let now = clock::wall();
    let filter = AuditFilter {
        event: args.event.as_deref().map(event).transpose()?,
        account: args.account.as_deref().map(account::parse).transpose()?,
        key_id: args.key.as_deref().map(key_id).transpose()?,
        since: args.since.as_deref().map(|since| when::start(since, now)).transpose()?,
        ..AuditFilter::default()
    };
    let until = args.until.as_deref().map(|until| when::start(until, now)).transpose()?;
    if let (Some(since), Some(until)) = (filter.since, until)
        && until <= since
    {
        return Err(Failure::usage(format!("--until {} is not after --since {}", when::show(until), when::show(since))));
    }
    let folder = match &args.log {
        Some(folder) => folder.clone(),
        None => state::existing(&args.state.state)?.audit(),
    };
    let mut out = open(&args.out)?;
    if args.format == ExportFormat::Csv {
        row(&mut out, COLUMNS.iter().map(|column| (*column).to_owned()))?;
    }
    // What goes to the terminal shows itself.
    let shown = output::working("exporting", args.out == Path::new("-") && std::io::stdout().is_terminal());
    export(&folder, &filter, until, |exported| match args.format {
        ExportFormat::Csv => row(&mut out, COLUMNS.iter().map(|column| cell(exported, column))),
        ExportFormat::Jsonl => line(&mut out, exported),
    })?;
    out.flush()?;
    drop(shown);
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> anyhow::Result<BufWriter<Box<dyn Write>>> {
    if path == Path::new("-") {
        return Ok(BufWriter::new(Box::new(std::io::stdout().lock())));
    }
    argument::create(path, b"")?;
    let file = OpenOptions::new().write(true).open(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(Box::new(file)))
}

/// The columns: identity, key and tags, what was decided, and the hash that a proof is about. `time` is `at` for people.
const COLUMNS: &[&str] = &[
    "n",
    "time",
    "at",
    "event",
    "account",
    "key_id",
    "credential",
    "purpose",
    "algo",
    "desk",
    "client",
    "session",
    "correlation",
    "remote",
    "route",
    "method",
    "path",
    "status",
    "reject",
    "detail",
    "binding",
    "hash",
];

fn cell(exported: &Exported, column: &str) -> String {
    match column {
        "n" => exported.n.map(|n| n.to_string()).unwrap_or_default(),
        "time" => time(exported.entry.at()),
        "hash" => exported.hash.to_string(),
        "algo" | "desk" | "client" => shown(exported.tags.get(column)),
        member => shown(exported.entry.fields().get(member)),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// To the microsecond, UTC.
fn time(at: Timestamp) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| at.as_micros().to_string(), |at| format!("{at:.6}"))
}

fn row(out: &mut impl Write, cells: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let quoted: Vec<_> = cells.map(|cell| quote(&cell)).collect();
    Ok(write!(out, "{}\r\n", quoted.join(","))?)
}

/// RFC 4180, section 2.
fn quote(cell: &str) -> String {
    let guarded = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

fn line(out: &mut impl Write, exported: &Exported) -> anyhow::Result<()> {
    let mut members = Map::new();
    members.insert("n".to_owned(), exported.n.into());
    members.insert("time".to_owned(), time(exported.entry.at()).into());
    members.extend(
        exported
            .entry
            .fields()
            .iter()
            .filter(|(name, _)| *name != "n" && *name != "prev")
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    members.insert("tags".to_owned(), exported.tags.clone().into());
    members.insert("hash".to_owned(), exported.hash.to_string().into());
    // As a failure of the output, which it is: a reader that went away is none of ours.
    serde_json::to_writer(&mut *out, &members).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        for (cell, quoted) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("-A-kmw", "'-A-kmw"),
            ("@sum(a,b)", "\"'@sum(a,b)\""),
            ("", ""),
        ] {
            assert_eq!(quote(cell), quoted);
        }
    }
}
