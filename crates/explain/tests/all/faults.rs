//! A corpus of faults, made from the recorded requests: each kind of mistake that clients make, at each dialect where it can be made.
//!
//! A fault changes one thing in how a recorded request was signed: hash, secret, writing, text, time. What the client would have sent is
//! explained, and the row of the catalogue that names the fault is looked for. The table says for each kind and dialect how many were
//! named; below it stands each that was not, with what was said instead. `INSTA_UPDATE=always` writes it anew.
//!
//! Who composes the texts here does not use the crate's own composition: that every recorded signature comes out of it is asserted first.
#![allow(clippy::semicolon_if_nothing_returned, reason = "a fault is one assignment, in a closure on a line")]
#![allow(clippy::wildcard_enum_match_arm, clippy::or_fun_call, reason = "recorded JSON, read once")]
#![allow(clippy::use_self, clippy::needless_borrows_for_generic_args, reason = "a table of closures")]

mod proof;
mod recorded;
mod signing;
mod text;
mod time;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_core::{Secret, Timestamp};
use countersign_explain::{Input, Mistake, Options, Verdict, explain};

use recorded::Recorded;
use signing::Signing;

/// One kind of fault.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    /// The rows that name it: which of them depends on the dialect.
    rows: &'static [Mistake],
    make: fn(&mut Signing),
}

const fn fault(name: &'static str, rows: &'static [Mistake], make: fn(&mut Signing)) -> Fault {
    Fault { name, rows, make }
}

const GROUPS: &[(&str, &[Fault])] = &[
    ("hash and HMAC", proof::HASHES),
    ("secret", proof::SECRETS),
    ("how the signature is written", proof::WRITINGS),
    ("method, path and query", text::PATHS),
    ("parameters", text::PARAMETERS),
    ("body", text::BODIES),
    ("parts and the whole text", text::PARTS),
    ("time and nonce", time::TIMES),
    ("fields of a Logon", time::LOGONS),
];

/// What was said of one fault.
enum Said {
    /// The gateway takes it: no fault at this dialect.
    Accepted,
    Named,
    Other(String),
}

fn said(recorded: &Recorded, fault: &Fault) -> Option<Said> {
    let mut signing = recorded.signing.clone();
    (fault.make)(&mut signing);
    let signature = signing.sign();
    if signature == recorded.signature {
        return None;
    }
    let at = Timestamp::from_millis(recorded.now_ms);
    let options = Options {
        secret: Some(Secret::new(signing.given.into_bytes())),
        passphrase: signing.passphrase.map(|phrase| Secret::new(phrase.into_bytes())),
        api_key: Some(signing.key),
        at: Some(at),
        now: at,
        ..Options::default()
    };
    let input = Input::read(&recorded.with(&signature)).unwrap();
    let report = explain(&input, &options).unwrap();
    let faults = report.faults();
    Some(match faults.as_slice() {
        [] if report.verdict == Verdict::Correct => Said::Accepted,
        [one] if fault.rows.contains(one) => Said::Named,
        _ => Said::Other(faults.iter().map(|mistake| mistake.id()).collect::<Vec<_>>().join(", ")),
    })
}

/// How often a fault of one kind was named at one dialect.
#[derive(Clone, Copy, Default)]
struct Cell {
    named: usize,
    all: usize,
}

#[derive(Default)]
struct Table {
    /// By group, kind and dialect.
    cells: BTreeMap<(usize, usize, usize), Cell>,
    /// What else was said, by group and kind.
    missed: BTreeMap<(usize, usize), BTreeMap<String, Vec<String>>>,
}

fn dialects(recorded: &[Recorded]) -> Vec<String> {
    let mut names: Vec<String> = recorded.iter().map(|recorded| recorded.dialect.clone()).collect();
    names.dedup();
    names.sort();
    names.dedup();
    names
}

/// All faults of all recorded requests, on as many threads as there are cores.
fn table(recorded: &[Recorded], names: &[String]) -> Table {
    let table = Mutex::new(Table::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(recorded) = recorded.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let column = names.iter().position(|name| *name == recorded.dialect).unwrap();
                    for (group, (_, faults)) in GROUPS.iter().enumerate() {
                        for (kind, fault) in faults.iter().enumerate() {
                            let Some(said) = said(recorded, fault) else { continue };
                            note(&mut table.lock().unwrap(), (group, kind, column), said, recorded);
                        }
                    }
                }
            });
        }
    });
    table.into_inner().unwrap()
}

fn note(table: &mut Table, (group, kind, column): (usize, usize, usize), said: Said, recorded: &Recorded) {
    let cell = table.cells.entry((group, kind, column)).or_default();
    match said {
        Said::Accepted => return,
        Said::Named => cell.named += 1,
        Said::Other(what) => {
            let places = table.missed.entry((group, kind)).or_default().entry(what).or_default();
            places.push(recorded.id.clone());
        }
    }
    cell.all += 1;
}

fn written(table: &Table, names: &[String]) -> String {
    let mut out = String::new();
    let all = |of: fn(&Cell) -> usize| table.cells.values().map(of).sum::<usize>();
    let (made, named) = (all(|cell| cell.all), all(|cell| cell.named));
    writeln!(out, "{made} faults, {named} named, {} not\n", made - named).unwrap();
    for (column, name) in names.iter().enumerate() {
        writeln!(out, "{:>2}  {name}", column + 1).unwrap();
    }
    let heads: String = (1..=names.len()).map(|column| format!("{column:>4}")).collect();
    for (group, (title, faults)) in GROUPS.iter().enumerate() {
        writeln!(out, "\n{title:<42}{heads}").unwrap();
        for (kind, fault) in faults.iter().enumerate() {
            let cells = (0..names.len()).map(|column| match table.cells.get(&(group, kind, column)) {
                None | Some(Cell { all: 0, .. }) => format!("{:>4}", "·"),
                Some(cell) if cell.named == cell.all => format!("{:>4}", cell.all),
                Some(cell) => format!("{:>4}", format!("{}/{}", cell.named, cell.all)),
            });
            writeln!(out, "  {:<40}{}", fault.name, cells.collect::<String>()).unwrap();
        }
    }
    writeln!(out, "\nnot named, and what was said instead").unwrap();
    for ((group, kind), said) in &table.missed {
        for (what, places) in said {
            let mut places = places.clone();
            places.sort();
            writeln!(out, "  {}: {what}\n    {}", GROUPS[*group].1[*kind].name, places.join("\n    ")).unwrap();
        }
    }
    out
}

#[test]
fn faults_are_named_at_every_dialect() {
    let recorded = recorded::all();
    let names = dialects(&recorded);
    insta::assert_snapshot!("faults", written(&table(&recorded, &names), &names));
}
