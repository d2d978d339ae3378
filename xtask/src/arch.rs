//! `cargo xtask arch`: the shape of the house, checked.
//!
//! ```text
//!   core, audit-tree ◀─ handshake, session, dialects, fix, halt, oauth ◀─ store, pki, explain ◀─ gateway, client ◀─ countersign
//!   tower: knows core and dialects; nobody knows it
//!   venue: knows nobody but fix; only the binary knows it
//! ```
//!
//! Three checks: arrows between crates point one way; pure crates reach nothing that does I/O, tells the time or draws lots;
//! a file under `crates/*/src` is short or has a reason.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::limits::FILE_LINES_MAX;
use crate::machine::Machine;
use crate::metadata::{Member, Reached, members, reached};

/// Height of each crate; an arrow may only point to a lower one.
const HEIGHTS: &[(&str, u8)] = &[
    ("countersign-core", 0),
    ("countersign-audit-tree", 0),
    ("countersign-handshake", 1),
    ("countersign-session", 1),
    ("countersign-dialects", 1),
    ("countersign-fix", 1),
    ("countersign-halt", 1),
    ("countersign-tower", 2),
    ("countersign-explain", 2),
    ("countersign-oauth", 1),
    ("countersign-store", 2),
    ("countersign-pki", 2),
    ("countersign-client", 3),
    ("countersign-gateway", 3),
    ("countersign", 4),
];

/// The paper exchange stands alone: an exchange behind the gateway knows nothing of the gateway.
const VENUE: &str = "countersign-venue";

/// The one house crate that the venue may know: the FIX codec and session, which say nothing of the gateway (ADR 0030).
const VENUE_KNOWS: &str = "countersign-fix";

/// Tools around the product: they may know every crate, nobody may know them.
const TOOLS: &[&str] = &["xtask", "countersign-benches", "countersign-fuzz-bodies"];

/// Crates that decide, and therefore have neither sockets nor clocks nor lots of their own.
const PURE: &[&str] = &[
    "countersign-audit-tree",
    "countersign-core",
    "countersign-handshake",
    "countersign-session",
    "countersign-dialects",
    "countersign-fix",
    "countersign-halt",
    "countersign-oauth",
    "countersign-explain",
];

/// What a pure crate may not reach, with the reason.
const IMPURE: &[(&str, &str)] = &[
    ("axum", "network"),
    ("fastrand", "randomness"),
    ("getrandom", "randomness"),
    ("hyper", "network"),
    ("hyper-util", "network"),
    ("jiff", "clock"),
    ("mio", "network"),
    ("parking_lot", "threads"),
    ("rand", "randomness"),
    ("rustix", "operating system"),
    ("rustls", "network: TLS belongs to the shell, its exporter value is an argument"),
    ("socket2", "network"),
    ("sqlx", "storage"),
    ("time", "clock"),
    ("tokio", "run time"),
    ("tokio-rustls", "network"),
    ("tracing-subscriber", "logging set-up"),
    ("uuid", "randomness and clock"),
];

/// Files that may be longer than [`FILE_LINES_MAX`] lines, and why.
const LONG_FILES: &[(&str, &str)] =
    &[("crates/dialects/src/binance/routes.rs", "one table, a line for each path, in the order of the venue's pages")];

/// Runs all three checks and reports every fault, not only the first.
pub(crate) fn check(machine: &Machine) -> Result<()> {
    let mut faults = arrows(&members(machine)?);
    for package in PURE {
        faults.extend(purity(package, &reached(machine, &["--package", package], "normal")?));
    }
    faults.extend(long_files(machine.root(), LONG_FILES)?);
    if faults.is_empty() {
        return Ok(());
    }
    bail!("the shape of the house is broken:\n  {}", faults.join("\n  "));
}

fn height(name: &str) -> Option<u8> {
    HEIGHTS.iter().find(|(known, _)| *known == name).map(|(_, height)| *height)
}

fn arrows(members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    for Member { name, knows } in members.iter().filter(|member| !TOOLS.contains(&member.name.as_str())) {
        for known in knows {
            let allowed = match (height(name), height(known)) {
                (Some(from), Some(to)) => to < from,
                (Some(_), None) => known == VENUE && name == "countersign",
                (None, _) => name == VENUE && known == VENUE_KNOWS,
            };
            if !allowed {
                faults.push(format!("{name} may not depend on {known}"));
            }
        }
        if height(name).is_none() && name != VENUE {
            faults.push(format!("{name} has no place in the table of xtask/src/arch.rs"));
        }
    }
    faults
}

fn purity(package: &str, reached: &[Reached]) -> Vec<String> {
    let mut faults = Vec::new();
    for one in reached {
        if let Some((name, reason)) = IMPURE.iter().find(|(name, _)| *name == one.name) {
            faults.push(format!("{package} is pure but reaches {name} ({reason}): {}", one.chain.join(" → ")));
        }
    }
    faults
}

fn long_files(root: &Path, excused: &[(&str, &str)]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in sources(&root.join("crates"))? {
        let below = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let lines = fs::read_to_string(&path)?.lines().count();
        let excuse = excused.iter().find(|(file, _)| *file == below);
        if lines > FILE_LINES_MAX && below.contains("/src/") && excuse.is_none() {
            faults.push(format!("{below} has {lines} lines: split it, or give the reason in LONG_FILES of xtask/src/arch.rs"));
        }
        if lines <= FILE_LINES_MAX && excuse.is_some() {
            faults.push(format!("{below} is short now: take it out of LONG_FILES"));
        }
    }
    Ok(faults)
}

/// All Rust files below a folder, in order.
pub(crate) fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn member(name: &str, knows: &[&str]) -> Member {
        Member { name: name.to_owned(), knows: knows.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(arrows(&[member("countersign-session", &["countersign-core"])]), Vec::<String>::new());
        let up = arrows(&[member("countersign-core", &["countersign-session"])]);
        assert_eq!(up, ["countersign-core may not depend on countersign-session"]);
        assert_eq!(arrows(&[member("countersign-session", &["countersign-dialects"])]).len(), 1);
    }

    #[test]
    fn the_venue_stands_alone() {
        assert_eq!(arrows(&[member("countersign", &[VENUE]), member(VENUE, &[])]), Vec::<String>::new());
        assert_eq!(arrows(&[member(VENUE, &["countersign-core"])]).len(), 1);
        assert_eq!(arrows(&[member("countersign-gateway", &[VENUE])]).len(), 1);
    }

    #[test]
    fn a_new_crate_must_be_placed() {
        assert_eq!(arrows(&[member("countersign-new", &[])]).len(), 1);
    }

    #[test]
    fn a_pure_crate_that_reaches_a_socket_is_named_with_the_chain() {
        let chain = ["countersign-core", "helper", "tokio"].map(str::to_owned).to_vec();
        let (name, version) = ("tokio".to_owned(), "1.0.0".to_owned());
        let tokio = Reached { name, version, licence: String::new(), foreign_source: None, ours: false, chain };
        let faults = purity("countersign-core", &[tokio]);
        assert_eq!(faults, ["countersign-core is pure but reaches tokio (run time): countersign-core → helper → tokio"]);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_short_one_may_not_keep_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("crates/a/src");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("long.rs"), "\n".repeat(FILE_LINES_MAX + 1)).unwrap();
        assert_eq!(long_files(root.path(), &[]).unwrap().len(), 1);
        let excused = [("crates/a/src/long.rs", "a table")];
        assert_eq!(long_files(root.path(), &excused).unwrap(), Vec::<String>::new());
        fs::write(folder.join("long.rs"), "").unwrap();
        assert_eq!(long_files(root.path(), &excused).unwrap().len(), 1);
    }
}
