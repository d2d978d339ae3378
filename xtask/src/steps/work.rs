//! What each level does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::table::Outcome;
use crate::limits;
use crate::machine::{Finished, Machine, has_program, tail};
use crate::report::Tally;
use crate::{arch as arch_check, counts, dependencies as dependency_check, interop, provision, trace as trace_check};

/// The package whose tests replay the fuzz inputs: a level of its own.
const FUZZ_BODIES: &str = "countersign-fuzz-bodies";
/// What nodes share in Redis: the same tests run over Valkey, too.
const SHARED: &[&str] = &["--package", "countersign-store", "--test", "it", "--", "shared", "session_mirror", "replay_contract"];
/// The black-box tests without those of the examples, which are a level of their own.
const WITHOUT_EXAMPLES: &[&str] = &["tests/conformance", "--ignore=tests/conformance/test_examples.py"];
/// Crates whose properties take an argument instead of a clock, so that many cases cost only time.
const PURE: &[&str] =
    &["countersign-audit-tree", "countersign-core", "countersign-handshake", "countersign-session", "countersign-dialects"];

pub(super) fn fmt(machine: &Machine) -> Result<Outcome> {
    gate(machine, "fmt", machine.cargo().args(["fmt", "--all", "--check", "--", "--color", "never"]))
}

pub(super) fn clippy(machine: &Machine) -> Result<Outcome> {
    gate(machine, "clippy", machine.cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

pub(super) fn build(machine: &Machine) -> Result<Outcome> {
    gate(machine, "build", machine.cargo().args(["build", "--workspace", "--bins", "--tests", "--examples"]))
}

pub(super) fn arch(machine: &Machine) -> Result<Outcome> {
    arch_check::check(machine).map(|()| Outcome::held())
}

pub(super) fn trace(machine: &Machine) -> Result<Outcome> {
    trace_check::check(machine).map(|()| Outcome::held())
}

pub(super) fn dependencies(machine: &Machine) -> Result<Outcome> {
    dependency_check::check(machine).map(|()| Outcome::held())
}

pub(super) fn tests(machine: &Machine) -> Result<Outcome> {
    // The stores that nodes share are tested over real servers.
    provision::debian(machine, "redis-server", "redis-server")?;
    provision::postgres(machine)?;
    let mut outcome = rust_tests(machine, "tests", &["--workspace", "--exclude", FUZZ_BODIES], &[])?;
    match provision::valkey(machine) {
        Ok(server) => {
            let over_valkey = [("COUNTERSIGN_REDIS_SERVER", server.display().to_string())];
            let one = rust_tests(machine, "tests-valkey", SHARED, &over_valkey)?;
            outcome.tally += one.tally;
            outcome.complaint.push_str(&one.complaint);
        }
        Err(error) => {
            outcome.tally.skipped += 1;
            outcome.complaint.push_str(&format!("Valkey is not to be had here: what nodes share ran over Redis alone ({error:#})\n"));
        }
    }
    Ok(outcome)
}

pub(super) fn fuzz_replay(machine: &Machine) -> Result<Outcome> {
    rust_tests(machine, "fuzz-replay", &["--package", FUZZ_BODIES], &[])
}

pub(super) fn properties(machine: &Machine) -> Result<Outcome> {
    let packages: Vec<&str> = PURE.iter().flat_map(|package| ["--package", package]).collect();
    rust_tests(machine, "properties", &packages, &[("PROPTEST_CASES", limits::LONG_PROPERTY_CASES.to_string())])
}

pub(super) fn doctests(machine: &Machine) -> Result<Outcome> {
    let finished = machine.run("doctests", machine.cargo().args(["test", "--workspace", "--doc"]), limits::RUST_TESTS_MAX)?;
    Ok(Outcome::counted(counts::libtest(&finished.text), &finished))
}

/// Runs Rust tests with nextest, which gives each test a deadline and a process; with plain cargo where it is not installed.
fn rust_tests(machine: &Machine, log: &str, packages: &[&str], environment: &[(&str, String)]) -> Result<Outcome> {
    let nextest = machine.cargo().args(["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    let mut command = machine.cargo();
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    if nextest {
        command.args(["nextest", "run", "--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"]).args(packages);
    } else {
        command.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]).args(packages);
    }
    let finished = machine.run(log, &command, limits::RUST_TESTS_MAX)?;
    let tally = if nextest { counts::nextest(&finished.text) } else { counts::libtest(&finished.text) };
    Ok(Outcome::counted(tally, &finished))
}

pub(super) fn conformance(machine: &Machine) -> Result<Outcome> {
    let mut told = clients(machine)?;
    told.push(("COUNTERSIGN_INTEROP", machine.env_path(interop::FACTS)));
    let mut outcome = pytest(machine, "conformance", WITHOUT_EXAMPLES, &told, limits::CONFORMANCE_MAX)?;
    // Facts of a run that failed have holes; its own complaint says more.
    if outcome.tally.is_success() {
        match interop::check(machine) {
            Ok(()) => outcome.tally += Tally::HELD,
            Err(error) => {
                outcome.tally += Tally::BROKEN;
                outcome.complaint = format!("{error:#}");
            }
        }
    }
    Ok(outcome)
}

/// The black-box tests whose marker says that something breaks in them: so many rounds, and strictly.
pub(super) fn faults(machine: &Machine) -> Result<Outcome> {
    let rounds = machine.fault_rounds();
    let mut told = clients(machine)?;
    told.push(("COUNTERSIGN_FAULT_ROUNDS", rounds.to_string().into()));
    told.push(("COUNTERSIGN_STRICT", "1".into()));
    let what = [WITHOUT_EXAMPLES, &["-m", "fault"]].concat();
    pytest(machine, "faults", &what, &told, limits::FAULT_ROUND_MAX * rounds)
}

/// What the black-box tests need of clients and of a machine that breaks, installed; where it is.
fn clients(machine: &Machine) -> Result<Vec<(&'static str, PathBuf)>> {
    // The clock of one of several nodes is set.
    provision::debian(machine, "faketime", "faketime")?;
    provision::tls_stacks(machine)?;
    provision::debian(machine, "redis-server", "redis-server")?;
    provision::postgres(machine)?;
    provision::javascript(machine)?;
    let coinbase = provision::coinbase_python(machine)?;
    Ok(vec![
        ("COUNTERSIGN_BITMEX_PYTHON", provision::bitmex_python(machine)?),
        ("COUNTERSIGN_COINBASE_PYTHON", coinbase),
        ("COUNTERSIGN_ENVOY_PYTHON", provision::envoy_python(machine)?),
    ])
}

pub(super) fn examples(machine: &Machine) -> Result<Outcome> {
    pytest(machine, "examples", &["tests/conformance/test_examples.py"], &[], limits::CONFORMANCE_MAX)
}

/// Builds the binary as the other levels do, so that nothing is compiled twice, and starts pytest on it.
fn pytest(machine: &Machine, log: &str, what: &[&str], told: &[(&str, PathBuf)], limit: Duration) -> Result<Outcome> {
    let python = provision::python(machine)?;
    for package in ["openssl", "curl", "nginx", "haproxy"] {
        provision::debian(machine, package, package)?;
    }
    machine.must("build", machine.cargo().args(["build", "--workspace", "--bins", "--tests", "--examples"]), limits::GATE_MAX)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| machine.path("target"), |folder| machine.root().join(folder));
    let mut command = machine.program(python);
    command.args(["-m", "pytest", "-c", "tests/conformance/pytest.ini", "--rootdir", ".", "--dist", "loadfile", "--numprocesses"]);
    command.arg(limits::CONFORMANCE_PROCESSES.to_string()).args(what);
    command.env("COUNTERSIGN_BIN", target.join("debug/countersign")).envs(told.iter().map(|(name, path)| (*name, path)));
    let finished = machine.run(log, &command, limit)?;
    Ok(Outcome::counted(counts::pytest(&finished.text), &finished))
}

pub(super) fn deny(machine: &Machine) -> Result<Outcome> {
    let tool = provision::cargo_tool(machine, "cargo-deny", "0.20.2", &[])?;
    // Advisories need a database from a network this command may not have; the three others do not.
    gate(machine, "deny", machine.program(tool).args(["deny", "check", "bans", "licenses", "sources"]))
}

/// The tests of the scripts around the models; the models themselves take minutes.
pub(super) fn model_scripts(machine: &Machine) -> Result<Outcome> {
    let mut outcome = Outcome { tally: Tally::default(), complaint: String::new() };
    for script in ["formal/run.py", "formal/verifpal.py"] {
        let log = format!("model-scripts-{}", script.trim_start_matches("formal/").trim_end_matches(".py"));
        let finished = machine.run(&log, machine.program("python3").args([script, "--self-check"]), limits::CONFORMANCE_MAX)?;
        let one = Outcome::counted(counts::unittest(&finished.text), &finished);
        outcome.tally += one.tally;
        outcome.complaint.push_str(&one.complaint);
    }
    Ok(outcome)
}

/// The bounded model, which every machine can run, and the unbounded one where its prover is installed.
pub(super) fn formal(machine: &Machine) -> Result<Outcome> {
    let verifpal = provision::cargo_tool(machine, "verifpal", "1.6.7", &["--ignore-rust-version"])?;
    let mut bounded = machine.program("python3");
    bounded.args(["formal/verifpal.py", "--require", "--verifpal"]).arg(verifpal);
    let mut outcome = Outcome::gate(&machine.run("formal-verifpal", &bounded, limits::FORMAL_MAX)?);
    if has_program("proverif") || std::env::var_os("PROVERIF").is_some() {
        let unbounded =
            machine.run("formal-proverif", machine.program("python3").args(["formal/run.py", "--require"]), limits::FORMAL_MAX)?;
        let one = Outcome::gate(&unbounded);
        outcome.tally += one.tally;
        outcome.complaint.push_str(&one.complaint);
    } else {
        outcome.tally.skipped += 1;
        outcome.complaint.push_str("ProVerif is not installed: the unbounded proofs did not run (formal/README.md)\n");
    }
    Ok(outcome)
}

pub(super) fn fuzz(machine: &Machine) -> Result<Outcome> {
    let tool = provision::cargo_tool(machine, "cargo-fuzz", "0.13.2", &[])?;
    let mut outcome = Outcome { tally: Tally::default(), complaint: String::new() };
    let mut targets: Vec<String> = Vec::new();
    for entry in fs::read_dir(machine.path("fuzz/fuzz_targets")).context("fuzz/fuzz_targets cannot be read")? {
        targets.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    targets.sort();
    ensure!(!targets.is_empty(), "no fuzz target");
    for target in targets {
        // A copy of the corpus: what a bounded run finds is kept on purpose, by hand, or not at all.
        let corpus = machine.env_path("fuzz-corpus").join(&target);
        fs::create_dir_all(&corpus)?;
        let mut command = machine.program(&tool);
        command.args(["fuzz", "run", "--fuzz-dir", "fuzz", &target]).arg(&corpus).arg(format!("fuzz/corpus/{target}"));
        command.arg("--").arg(format!("-max_total_time={}", limits::FUZZ_SECONDS)).env("RUSTC_BOOTSTRAP", "1");
        let finished = machine.run(&format!("fuzz-{target}"), &command, limits::GATE_MAX)?;
        let one = Outcome::gate(&finished);
        outcome.tally += one.tally;
        outcome.complaint.push_str(&one.complaint);
    }
    Ok(outcome)
}

pub(super) fn bench(machine: &Machine) -> Result<Outcome> {
    let mut command = machine.cargo();
    command.args(["run", "--release", "--package", "countersign-benches", "--", "--smoke"]);
    timed_gate(machine, "bench", &command, limits::BENCH_MAX)
}

fn gate(machine: &Machine, log: &str, command: &Command) -> Result<Outcome> {
    timed_gate(machine, log, command, limits::GATE_MAX)
}

fn timed_gate(machine: &Machine, log: &str, command: &Command, limit: Duration) -> Result<Outcome> {
    machine.run(log, command, limit).map(|finished| Outcome::gate(&finished))
}

impl Outcome {
    const fn held() -> Self {
        Self { tally: Tally::HELD, complaint: String::new() }
    }

    fn gate(finished: &Finished) -> Self {
        if finished.success { Self::held() } else { Self { tally: Tally::BROKEN, complaint: tail(&finished.text) } }
    }

    fn counted(tally: Tally, finished: &Finished) -> Self {
        let tally = tally.judged(finished.success);
        let complaint = if tally.is_success() { String::new() } else { tail(&finished.text) };
        Self { tally, complaint }
    }
}
