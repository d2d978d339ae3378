//! Instruction counts of the pure core, under valgrind, compared with the committed ones.
//!
//! Driven by `valgrind --tool=callgrind` directly: the counts are exact by taking the difference of two runs of one workload, and
//! nothing but Debian's valgrind has to be installed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use super::machine;
use crate::count::Workload;

/// Repetitions of the two runs.
const FEW: u64 = 10;
const MANY: u64 = 30;
/// How far a count may move.
const TOLERANCE: f64 = 0.01;

/// Workloads whose own share is what they cost beyond this cryptography.
const TWINS: &[(&str, &str)] = &[
    ("binance-ed25519", "crypto-ed25519"),
    ("binance-hmac", "crypto-hmac"),
    ("binance-rsa", "crypto-rsa"),
    ("binance-ws-ed25519", "crypto-ed25519"),
    ("binance-ws-hmac", "crypto-hmac"),
    ("binance-ws-rsa", "crypto-rsa"),
    ("hello", "crypto-hello"),
];

type Counts = BTreeMap<String, u64>;

/// Counts everything; `false` when a count moved by more than 1 %.
pub(super) fn run(bless: bool) -> Result<bool> {
    if !machine::succeeds(Command::new("valgrind").arg("--version")) {
        bail!("valgrind is not installed: apt-get install valgrind");
    }
    let mut counts = Counts::new();
    for workload in Workload::value_variants() {
        let name = workload.to_possible_value().context("a workload without name")?.get_name().to_owned();
        let (few, many) = (instructions(&name, FEW)?, instructions(&name, MANY)?);
        counts.insert(name, many.saturating_sub(few) / (MANY - FEW));
    }
    for (whole, crypto) in TWINS {
        let own = counts.get(*whole).zip(counts.get(*crypto)).map(|(whole, crypto)| whole.saturating_sub(*crypto));
        counts.extend(own.map(|own| (format!("{whole}, own share"), own)));
    }
    let file = committed();
    if bless {
        std::fs::create_dir_all(file.parent().context("a file in a folder")?)?;
        std::fs::write(&file, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}; make it with --bless", file.display()))?;
    Ok(compare(&counts, &serde_json::from_str(&text)?))
}

fn committed() -> PathBuf {
    machine::root().join("docs/benchmarks/instructions.json")
}

/// Only own work is judged: what the cryptographic library costs under valgrind is not what it costs.
fn is_judged(name: &str) -> bool {
    !name.starts_with("crypto-") && TWINS.iter().all(|(whole, _)| *whole != name)
}

fn compare(counts: &Counts, committed: &Counts) -> bool {
    let mut held = true;
    for (name, count) in counts {
        let before = committed.get(name).copied();
        let change = before.map(|before| *count as f64 / before.max(1) as f64 - 1.0);
        let moved = is_judged(name) && change.is_none_or(|change| change.abs() > TOLERANCE);
        held &= !moved;
        let change = change.map_or_else(|| "new".to_owned(), |change| format!("{:+.2} %", change * 100.0));
        let verdict = match (is_judged(name), moved) {
            (false, _) => "not judged",
            (true, false) => "held",
            (true, true) => "MOVED",
        };
        println!("{name:30} {count:>10} {change:>10}  {verdict}");
    }
    held
}

fn instructions(workload: &str, repetitions: u64) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let output = command.args(["count", workload, &repetitions.to_string()]).output().context("valgrind could not be started")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{workload} failed under valgrind: {}{text}", String::from_utf8_lossy(&output.stdout));
    }
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).context("valgrind counted nothing")?;
    Ok(collected.1.trim().parse()?)
}
