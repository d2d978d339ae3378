//! `demo`: the tour in one process: both handshakes, market data, an order natively and as at Binance, then what is refused and why.
//!
//! Gateway and venue run on ports of their own in a temporary folder. Each step checks what really happened: the code that came back,
//! and at the venue's door the count of what arrived. Exit code 0 only when every step held; SIGINT and SIGTERM take everything away.

mod binance;
mod cluster;
mod native;
mod raw;
mod refusals;
mod stage;
mod tour;

use std::pin::pin;
use std::process::ExitCode;

use super::stop_signal::{StopSignal, unless_stopped};
use crate::cli::DemoArgs;
use crate::failure::FAILED;

use stage::Stage;
use tour::Tour;

/// Runs the tour.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    if args.cluster {
        return cluster::run(args);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("demo").enable_all().build()?;
    let mut tour = Tour::new(args.json);
    // Before the first folder is made: whoever interrupts the tour finds nothing of it.
    let mut stop = pin!(runtime.block_on(async { StopSignal::listen() })?.wait());
    let stage = runtime.block_on(unless_stopped(stop.as_mut(), Stage::open(&mut tour)))?;
    let outcome = runtime.block_on(unless_stopped(stop, all(&stage, &mut tour)));
    stage.close(&runtime);
    outcome?;
    tour.end()?;
    Ok(if tour.held() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn all(stage: &Stage, tour: &mut Tour) -> anyhow::Result<()> {
    native::tour(stage, tour).await?;
    binance::tour(stage, tour).await?;
    refusals::tour(stage, tour).await
}
