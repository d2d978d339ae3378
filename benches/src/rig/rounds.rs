//! Rounds: every window once per round, in turn, so that a slow phase of the host meets everybody.
//!
//! | a window does not count when | because |
//! |---|---|
//! | the load generator failed, or an answer was not the expected one | another work was measured |
//! | the group is measured at saturation and the server used less than 90 % of its core | CPU per operation depends on how full the core is |
//! | a rate was asked for and less than 95 % of it was reached | the same |
//!
//! Load generator and upstream share one core. When that core is full and the server's is not, the load was the bottleneck: that
//! is the second row. When both are full the server was saturated, and the window counts.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::contestants::Who;
use super::machine::Machine;
use super::plan::{Figure, Plan, Task};
use crate::load::LoadReport;

/// Part of its core that a saturated server uses at least.
const SATURATED_MIN: f64 = 0.90;
/// Part of the rate that must be reached.
const RATE_MIN: f64 = 0.95;
/// Windows are taken again so many times when they do not count.
const RETRIES: usize = 1;

/// One window and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Window {
    /// The load generator's report.
    pub(super) report: LoadReport,
    /// Why it does not count.
    pub(super) invalid: Option<String>,
}

impl Window {
    /// The report, if it counts.
    pub(super) fn counted(&self) -> Option<&LoadReport> {
        self.invalid.is_none().then_some(&self.report)
    }
}

/// All windows of one round.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    windows: BTreeMap<(&'static str, Who), Window>,
}

impl Round {
    /// The window of a contestant in a group.
    pub(super) fn window(&self, group: &str, who: Who) -> Option<&Window> {
        self.windows.iter().find(|((id, of), _)| *id == group && *of == who).map(|(_, window)| window)
    }

    /// The report of a window that counts.
    pub(super) fn counted(&self, group: &str, who: Who) -> Option<&LoadReport> {
        self.window(group, who).and_then(Window::counted)
    }

    /// CPU per operation of a window that counts.
    pub(super) fn cpu_us(&self, group: &str, who: Who) -> Option<f64> {
        self.counted(group, who).map(LoadReport::cpu_us)
    }

    /// All windows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Who, &Window)> {
        self.windows.iter().map(|((id, who), window)| (*id, *who, window))
    }
}

#[cfg(test)]
impl Round {
    /// One in which these had these median latencies, in a group.
    pub(super) fn of_latencies(group: &'static str, p50_nanos: &[(Who, u64)]) -> Self {
        let window = |p50_nanos| Window { report: LoadReport { p50_nanos, ..LoadReport::default() }, invalid: None };
        Self { windows: p50_nanos.iter().map(|(who, nanos)| ((group, *who), window(*nanos))).collect() }
    }
}

/// Measures all rounds.
pub(super) fn run(plan: &Plan, machine: &Machine) -> Vec<Round> {
    let mut rounds = Vec::new();
    for number in 0..plan.rounds {
        let mut round = Round::default();
        for task in plan.tasks.iter().filter(|task| number == 0 || task.group.figure != Figure::Memory) {
            let mut window = window(machine, task);
            for _ in 0..RETRIES {
                if window.invalid.is_some() {
                    window = self::window(machine, task);
                }
            }
            tell(number, task, &window);
            round.windows.insert((task.group.id, task.who), window);
        }
        rounds.push(round);
    }
    rounds
}

fn tell(number: usize, task: &Task, window: &Window) {
    let report = &window.report;
    let figure = match task.group.figure {
        Figure::Memory => format!("{:8.1} KiB", report.kib_per_connection()),
        Figure::Rate(_) | Figure::Saturated | Figure::Unsaturated => format!(
            "{:8.1} us {:9.0}/s  server {:3.0} %  client {:3.0} %  p50 {:7.0} us p99 {:7.0} us",
            report.cpu_us(),
            report.per_second(),
            report.server_busy() * 100.0,
            report.client_busy() * 100.0,
            report.p50_nanos as f64 / 1_000.0,
            report.p99_nanos as f64 / 1_000.0,
        ),
    };
    let invalid = window.invalid.as_ref().map_or_else(String::new, |why| format!("  INVALID: {why}"));
    println!("round {} {:10} {:11} {figure}{invalid}", number + 1, task.group.id, task.who.name());
}

fn window(machine: &Machine, task: &Task) -> Window {
    match load(machine, task) {
        Ok(report) => {
            let invalid = verdict(task.group.figure, &report);
            Window { report, invalid }
        }
        Err(error) => Window { report: LoadReport::default(), invalid: Some(format!("{error:#}")) },
    }
}

fn verdict(figure: Figure, report: &LoadReport) -> Option<String> {
    match figure {
        Figure::Saturated if report.server_busy() < SATURATED_MIN => {
            Some(format!("the server used {:.0} % of its core", report.server_busy() * 100.0))
        }
        Figure::Rate(rate) if report.per_second() < f64::from(rate) * RATE_MIN => {
            Some(format!("{:.0} of {rate} a second were reached", report.per_second()))
        }
        Figure::Memory | Figure::Rate(_) | Figure::Saturated | Figure::Unsaturated => None,
    }
}

fn load(machine: &Machine, task: &Task) -> Result<LoadReport> {
    let mut command: Command = machine.on_client_core(&std::env::current_exe()?);
    command.arg("load").args(&task.arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("the load generator could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    if !output.status.success() {
        bail!("{}", if line.is_empty() { "the load generator died" } else { line });
    }
    serde_json::from_str(line).context("the load generator's report")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(server_cpu_nanos: u64, operations: u64) -> LoadReport {
        LoadReport { operations, server_cpu_nanos, wall_nanos: 1_000_000_000, ..LoadReport::default() }
    }

    #[test]
    fn a_saturated_window_counts_only_with_a_full_server_core() {
        assert_eq!(verdict(Figure::Saturated, &report(900_000_000, 1)), None);
        assert!(verdict(Figure::Saturated, &report(899_000_000, 1)).is_some());
        assert_eq!(verdict(Figure::Unsaturated, &report(1, 1)), None);
    }

    #[test]
    fn a_rate_must_be_reached() {
        assert_eq!(verdict(Figure::Rate(1_000), &report(1, 950)), None);
        assert!(verdict(Figure::Rate(1_000), &report(1, 949)).is_some());
    }
}
