//! The table of levels.

use anyhow::Result;

use super::work;
use crate::machine::Machine;
use crate::report::Tally;

/// One level of the tests.
pub(super) struct Level {
    /// What `--only` takes.
    pub(super) name: &'static str,
    /// What it shows, for `--list`.
    pub(super) what: &'static str,
    /// Whether only `--full` runs it.
    pub(super) full: bool,
    /// Whether it uses what is installed while the levels before it compile.
    pub(super) installs: bool,
    /// The work.
    pub(super) run: fn(&Machine) -> Result<Outcome>,
}

/// How a level ended.
pub(super) struct Outcome {
    /// The counts.
    pub(super) tally: Tally,
    /// What to show when it failed; empty when it held.
    pub(super) complaint: String,
}

const fn level(name: &'static str, what: &'static str, run: fn(&Machine) -> Result<Outcome>) -> Level {
    Level { name, what, full: false, installs: false, run }
}

const fn installing(name: &'static str, what: &'static str, run: fn(&Machine) -> Result<Outcome>) -> Level {
    Level { name, what, full: false, installs: true, run }
}

const fn long(name: &'static str, what: &'static str, run: fn(&Machine) -> Result<Outcome>) -> Level {
    Level { name, what, full: true, installs: false, run }
}

/// In the order in which they run: what is quick and tells most comes first.
pub(super) const LEVELS: &[Level] = &[
    level("fmt", "every file is formatted", work::fmt),
    level("arch", "arrows between crates, purity, length of files", work::arch),
    level("trace", "every requirement has code and a test", work::trace),
    level("dependencies", "bans, licences and sources", work::dependencies),
    level("clippy", "no warning in any target", work::clippy),
    level("build", "the binary, the tests and the examples build", work::build),
    installing("tests", "unit, table, vector, state-table, property, story, model and shell tests", work::tests),
    level("doctests", "examples in the documentation, and what must not compile", work::doctests),
    level("fuzz-replay", "every committed fuzz input through its target", work::fuzz_replay),
    level("model-scripts", "the scripts that run the formal models", work::model_scripts),
    installing("conformance", "the binary against unmodified clients and hostile bytes", work::conformance),
    installing("examples", "every program in examples/", work::examples),
    long("faults", "everything that breaks, `--rounds` times in a row, with no excuse for a busy machine", work::faults),
    long("deny", "cargo-deny: bans, licences, sources", work::deny),
    long("properties", "property and model tests with many more cases", work::properties),
    long("formal", "the models of the handshake and their mutants", work::formal),
    long("fuzz", "every fuzz target for a bounded time", work::fuzz),
    long("bench", "the measuring rig starts and measures once", work::bench),
];
