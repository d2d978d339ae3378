//! The rig: one machine, one server core, one client core, contestants in turn.
//!
//! ```text
//!   provision ─▶ build ─▶ own network namespace ─▶ start all ─▶ check that all verify ─▶ rounds A B C A B C ─▶ goals ─▶ publish
//! ```

mod certificates;
mod contestants;
mod countersign;
mod goals;
mod halts;
mod haproxy;
mod instructions;
mod machine;
mod nginx;
mod plan;
mod plot;
mod publish;
mod rounds;
mod server;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::storm::StormArgs;
use crate::{in_memory, primitives};
use contestants::Contestants;
pub(crate) use countersign::binary;
use machine::Machine;
use plan::Plan;
use publish::{Alone, Report};
pub(crate) use server::{Server, free_address};

/// What to measure, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct RigArgs {
    /// Five rounds instead of twenty: for a look, not for a claim.
    #[arg(long)]
    quick: bool,
    /// Start everything and measure each thing once, very shortly: shows that the rig works.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Rounds; the figures are medians over them.
    #[arg(long)]
    rounds: Option<usize>,
    /// Milliseconds of a window. Many short ones in turn meet the same phases of a shared host, a few long ones do not.
    #[arg(long, value_name = "MILLIS")]
    window: Option<u64>,
    /// Only what these goals need, for example P7,P9; or `storm`, which is measured by itself.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Count instructions under valgrind instead, and compare with the committed numbers.
    #[arg(long)]
    instructions: bool,
    /// With --instructions: write the numbers instead of comparing.
    #[arg(long, requires = "instructions")]
    bless: bool,
    /// Raise and lift this many halts in earnest instead, on a gateway of their own, and rehearse as many; prints their times.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1000", conflicts_with = "instructions")]
    halts: Option<u32>,
    /// Where the results go; default: docs/benchmarks. Quick and smoke runs write nowhere unless told.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    storm: StormArgs,
    /// The rig sets this when it runs itself in a network namespace of its own.
    #[arg(long, hide = true)]
    inside: bool,
}

impl RigArgs {
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(match (self.smoke, self.quick) {
            (true, _) => 1,
            (_, true) => 5,
            _ => 20,
        })
    }

    fn window_millis(&self) -> u64 {
        self.window.unwrap_or(if self.smoke { 250 } else { 500 })
    }

    fn idle_connections(&self) -> usize {
        match (self.smoke, self.quick) {
            (true, _) => 200,
            (_, true) => 2_000,
            _ => 8_000,
        }
    }

    fn out(&self) -> Option<PathBuf> {
        let short = self.smoke || self.quick || !self.only.is_empty();
        self.out.clone().or_else(|| (!short).then(|| machine::root().join("docs/benchmarks")))
    }
}

/// Runs the rig. `false` when something was measured that does not count, or instruction counts moved.
pub(crate) fn run(args: &RigArgs) -> Result<bool> {
    if args.instructions {
        return instructions::run(args.bless);
    }
    if let Some(count) = args.halts {
        return halts::run(count);
    }
    if args.only == ["storm"] {
        machine::build_gateway()?;
        return crate::storm::run(&args.storm);
    }
    if !args.inside {
        machine::provision()?;
        machine::build_gateway()?;
        return rerun();
    }
    measure(args)
}

/// Starts this program again, in a network namespace of its own if that is permitted.
fn rerun() -> Result<bool> {
    let own = std::env::current_exe()?;
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.push("--inside".to_owned());
    let namespace = machine::succeeds(Command::new("unshare").args(["--net", "true"]));
    let status = if namespace {
        Command::new("unshare").args(["--net", "--"]).arg(own).args(arguments).status()
    } else {
        println!("warning: no network namespace of its own is permitted here; measuring on the shared loopback");
        Command::new(own).args(arguments).status()
    };
    Ok(status.context("the rig could not start itself")?.success())
}

fn measure(args: &RigArgs) -> Result<bool> {
    let machine = Machine::prepare()?;
    let folder = tempfile::tempdir()?;
    let alone = Alone { primitives: primitives::measure()?, in_memory: in_memory::measure().context("TLS in memory")? };
    let contestants = Contestants::start(&machine, folder.path()).context("starting the contestants")?;
    contestants.check()?;
    let plan = Plan::new(args, &contestants);
    if plan.is_empty() {
        bail!("nothing to measure: goals are P1 to P10, P12 and P14");
    }
    println!("{} windows, about {:.0} s", plan.windows(), plan.seconds());
    let rounds = rounds::run(&plan, &machine);
    machine.restore();
    let outcome = goals::judge(&rounds, &alone.primitives, &args.only);
    let report = Report::new(&machine, args, alone, rounds, outcome);
    print!("{}", report.markdown());
    if let Some(out) = args.out() {
        report.write(&out)?;
    }
    Ok(if args.smoke { report.is_complete() } else { report.is_valid() })
}
