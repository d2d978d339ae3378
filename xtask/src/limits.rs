//! Every bound of the tasks, with its reason.

use std::time::Duration;

/// Longest a gate (fmt, clippy) may take: a cold build of all dependencies on two busy cores takes a quarter of an hour at worst.
pub(crate) const GATE_MAX: Duration = Duration::from_secs(30 * 60);
/// Longest the Rust tests may take, build included; each single test has its own limit in `.config/nextest.toml`.
pub(crate) const RUST_TESTS_MAX: Duration = Duration::from_secs(40 * 60);
/// Longest the black-box tests may take: they aim at eight minutes, a third of it for vendor SDKs that take seconds to load.
pub(crate) const CONFORMANCE_MAX: Duration = Duration::from_secs(25 * 60);
/// Processes that run black-box tests, file by file: tests wait as much as they compute, so two keep two processors busy; more would
/// starve the gateways under test on a small machine.
pub(crate) const CONFORMANCE_PROCESSES: usize = 2;
/// How often each fault is played where `--rounds` does not say it: what a race breaks once in twenty times is seen.
pub(crate) const FAULT_ROUNDS: u32 = 20;
/// Longest one round of the faults may take: minutes on two idle processors, most of it waiting for leases and servers.
pub(crate) const FAULT_ROUND_MAX: Duration = Duration::from_secs(15 * 60);
/// Longest a model checker may take: by `formal/RESULTS.md` the unbounded proofs took 102 minutes in all, one by one on two processors;
/// a busy machine takes as long again.
pub(crate) const FORMAL_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// Longest the smoke run of the benchmark rig may take: it compiles with optimization first.
pub(crate) const BENCH_MAX: Duration = Duration::from_secs(60 * 60);
/// Longest an installation may take: tools are compiled from source.
pub(crate) const INSTALL_MAX: Duration = Duration::from_secs(30 * 60);
/// Seconds each fuzz target runs under `--full`: enough to notice a parser that panics, not a campaign.
pub(crate) const FUZZ_SECONDS: u32 = 30;
/// Property cases under `--full`, against 256 by default.
pub(crate) const LONG_PROPERTY_CASES: u32 = 10_000;
/// Lines of a file under `crates/*/src` above which `arch` asks for a reason.
pub(crate) const FILE_LINES_MAX: usize = 450;
/// Lines of a failed step's log shown on the terminal; the whole log stays under `.test-env/logs`.
pub(crate) const LOG_TAIL_LINES: usize = 120;
