//! The results: a table for people, a plot, and everything as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::RigArgs;
use super::contestants::Who;
use super::goals::Outcome;
use super::machine::Machine;
use super::plan::{Figure, GROUPS, Group};
use super::plot;
use super::rounds::Round;
use crate::clock;
use crate::in_memory::InMemory;
use crate::load::LoadReport;
use crate::primitives::{Primitives, median};

/// Load averages above this are mentioned: other jobs ran.
const BUSY_LOAD: f64 = 3.0;

/// Everything that a run found out.
pub(super) struct Report {
    date: String,
    machine: Machine,
    window_millis: u64,
    alone: Alone,
    rounds: Vec<Round>,
    outcomes: Vec<Outcome>,
}

/// What was measured without a server.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Alone {
    /// Cryptography.
    pub(super) primitives: Primitives,
    /// TLS without a kernel.
    pub(super) in_memory: InMemory,
}

impl Report {
    /// The report of a run that ends now.
    pub(super) fn new(machine: &Machine, args: &RigArgs, alone: Alone, rounds: Vec<Round>, outcomes: Vec<Outcome>) -> Self {
        Self { date: today(), machine: machine.clone(), window_millis: args.window_millis(), alone, rounds, outcomes }
    }

    /// Whether every window counts.
    pub(super) fn is_valid(&self) -> bool {
        self.rounds.iter().flat_map(Round::iter).all(|(_, _, window)| window.invalid.is_none())
    }

    /// Whether every window was taken, though a busy machine may have spoilt its figure.
    pub(super) fn is_complete(&self) -> bool {
        self.rounds.iter().flat_map(Round::iter).all(|(_, _, window)| window.report.operations > 0 || window.report.held > 0)
    }

    /// Writes `results-DATE.md`, `.json` and `.svg`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let stem = format!("results-{}", self.date);
        fs::write(folder.join(format!("{stem}.md")), self.markdown()).context("writing the table")?;
        fs::write(folder.join(format!("{stem}.json")), self.json()?).context("writing the JSON")?;
        plot::write(&folder.join(format!("{stem}.svg")), &self.outcomes)?;
        println!("written: {}", folder.join(format!("{stem}.md")).display());
        Ok(())
    }

    fn json(&self) -> Result<String> {
        let round = |round: &Round| -> Vec<serde_json::Value> {
            let window = |(group, who, window): (&str, Who, &super::rounds::Window)| json!({ "group": group, "who": who.name(), "cpu_us": window.report.cpu_us(), "window": window });
            round.iter().map(window).collect()
        };
        let rounds: Vec<_> = self.rounds.iter().map(round).collect();
        let all = json!({
            "date": self.date, "machine": self.machine, "window_millis": self.window_millis,
            "alone": self.alone, "goals": self.outcomes, "rounds": rounds,
        });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }

    /// The whole result as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# Results of {}\n\nWhat the columns mean: [README.md](README.md).\n\n", self.date);
        self.conditions(&mut text);
        self.goals(&mut text);
        self.figures(&mut text);
        self.latencies(&mut text);
        self.alone(&mut text);
        self.invalid(&mut text);
        text
    }

    fn conditions(&self, text: &mut String) {
        let machine = &self.machine;
        line(text, &format!("- {}; Linux {}; {}", machine.processor, machine.kernel, machine.peers.join("; ")));
        let scheduling = if machine.first { "preferred (nice -20)" } else { "ordinary" };
        let network = if machine.own_network { "its own network namespace" } else { "the shared loopback" };
        line(
            text,
            &format!("- server on core 0, load and upstream on core 1, {scheduling} scheduling, {network}, {}", machine.congestion_control),
        );
        line(text, &format!("- {} interleaved rounds, windows of {} ms", self.rounds.len(), self.window_millis));
        let busy = if machine.load_average > BUSY_LOAD {
            ": **the machine was busy with other jobs**; believe ratios, not microseconds"
        } else {
            ""
        };
        line(text, &format!("- load average at the start: {:.1}{busy}", machine.load_average));
    }

    fn goals(&self, text: &mut String) {
        line(text, "\n## Goals\n\nA ratio is taken per round; the table has the median and the lowest and highest round.\n");
        line(text, "| goal | ratio | must be at most | median | rounds | reached |\n|---|---|---|---|---|---|");
        for outcome in &self.outcomes {
            let (median, reached) = match (outcome.median, outcome.reached()) {
                (Some(median), Some(true)) => (format!("{median:.2} [{:.2} - {:.2}]", outcome.min, outcome.max), "yes"),
                (Some(median), _) => (format!("{median:.2} [{:.2} - {:.2}]", outcome.min, outcome.max), "**no**"),
                (None, _) => ("-".to_owned(), "not measured"),
            };
            line(text, &format!("| {} | {} | {:.2} | {median} | {} | {reached} |", outcome.id, outcome.text, outcome.must, outcome.rounds));
        }
    }

    fn figures(&self, text: &mut String) {
        line(text, "\n## Server CPU per operation\n\nMedian of the rounds, in microseconds; in brackets the operations per second.\n");
        line(text, "| operation | countersign | nginx | haproxy | direct |\n|---|---|---|---|---|");
        for group in measured(&self.rounds).filter(|group| group.figure != Figure::Memory) {
            let cell = |who| {
                self.median(group, who, LoadReport::cpu_us).map_or_else(String::new, |us| {
                    format!("{us:.1} ({:.0})", self.median(group, who, LoadReport::per_second).unwrap_or_default())
                })
            };
            line(text, &row(group, cell));
        }
        if let Some(group) = measured(&self.rounds).find(|group| group.figure == Figure::Memory) {
            line(
                text,
                "\n## Memory per connection\n\nGrowth of the server's proportional set size, in KiB per connection; user space only.\n",
            );
            line(text, "| | countersign | nginx | haproxy | direct |\n|---|---|---|---|---|");
            line(
                text,
                &row(group, |who| {
                    self.median(group, who, LoadReport::kib_per_connection).map_or_else(String::new, |kib| format!("{kib:.1}"))
                }),
            );
        }
    }

    fn latencies(&self, text: &mut String) {
        line(
            text,
            "\n## Latency\n\np50 / p99 / p99.9 in microseconds, medians of the rounds. At a fixed rate from the intended time of sending.\n",
        );
        line(text, "| operation | countersign | nginx | haproxy | direct |\n|---|---|---|---|---|");
        for group in measured(&self.rounds).filter(|group| group.figure != Figure::Memory) {
            let micros = |who, nanos: fn(&LoadReport) -> u64| self.median(group, who, |report| nanos(report) as f64 / 1_000.0);
            let cell = |who| {
                let quantiles = [micros(who, |r| r.p50_nanos), micros(who, |r| r.p99_nanos), micros(who, |r| r.p999_nanos)];
                let texts: Vec<_> = quantiles.iter().flatten().map(|us| format!("{us:.0}")).collect();
                texts.join(" / ")
            };
            line(text, &row(group, cell));
        }
    }

    fn alone(&self, text: &mut String) {
        let Alone { primitives, in_memory } = &self.alone;
        line(text, "\n## Without a server\n\nThread CPU time in microseconds.\n\n| what | us |\n|---|---|");
        for (what, us) in [
            ("X25519, new key and agreement", primitives.x25519_us),
            ("ECDSA P-256 signature", primitives.ecdsa_p256_sign_us),
            ("Ed25519 verification", primitives.ed25519_verify_us),
            ("TLS in memory, server's side: full", in_memory.full_us),
            ("TLS in memory, server's side: resumed", in_memory.resumed_us),
            ("TLS in memory, server's side: full, X25519MLKEM768", in_memory.hybrid_us),
            ("TLS in memory, server's side: full, client certificate", in_memory.mutual_us),
        ] {
            line(text, &format!("| {what} | {us:.1} |"));
        }
    }

    fn invalid(&self, text: &mut String) {
        let mut invalid = self.rounds.iter().enumerate().flat_map(|(number, round)| round.iter().map(move |window| (number + 1, window)));
        let lines: Vec<_> = invalid
            .by_ref()
            .filter_map(|(number, (group, who, window))| {
                window.invalid.as_ref().map(|why| format!("| {number} | {group} | {} | {why} |", who.name()))
            })
            .collect();
        if !lines.is_empty() {
            line(text, "\n## INVALID windows\n\nThey are in no figure above.\n\n| round | operation | who | why |\n|---|---|---|---|");
            line(text, &lines.join("\n"));
        }
    }

    fn median(&self, group: &Group, who: Who, figure: impl Fn(&LoadReport) -> f64) -> Option<f64> {
        let mut values: Vec<f64> = self.rounds.iter().filter_map(|round| round.counted(group.id, who)).map(figure).collect();
        (!values.is_empty()).then(|| median(&mut values))
    }
}

fn measured(rounds: &[Round]) -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().filter(|group| rounds.iter().any(|round| group.who.iter().any(|who| round.window(group.id, *who).is_some())))
}

fn row(group: &Group, cell: impl Fn(Who) -> String) -> String {
    let cells = [Who::Countersign, Who::Nginx, Who::Haproxy, Who::Direct].map(cell);
    format!("| {} | {} |", group.title, cells.join(" | "))
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// The date in UTC, as the file names have it.
fn today() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { clock::wall().as_secs().to_string() } else { text }
}
