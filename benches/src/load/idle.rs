//! Connections that authenticated once and then do nothing.

use std::time::Duration;

use anyhow::Result;

use super::dial::Dialler;
use super::requests::{self, Exchange};
use super::{LoadArgs, LoadReport};
use crate::clock;
use crate::process::Family;

/// Time for the server to give back what a connection needed only while it was busy: the gateway waits one second before it does.
const SETTLE: Duration = Duration::from_millis(2_500);

/// Opens the connections one after the other, holds them, and reads the server's memory before and after.
pub(super) fn run(args: &LoadArgs) -> Result<LoadReport> {
    let request = requests::request(args)?;
    let mut exchange = Exchange::new();
    let mut dialler = Dialler::new(args, 0, b"http/1.1")?;
    // What the first connections make the server allocate once is not theirs.
    for _ in 0..WARM_UP_CONNECTIONS {
        exchange.succeed(&mut dialler.dial()?, &request)?;
    }
    clock::pause(SETTLE);
    let server = Family::of(&args.server);
    let pss_before_kib = server.pss_kib()?;
    let mut held = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        let mut wire = dialler.dial()?;
        exchange.succeed(&mut wire, &request)?;
        held.push(wire);
    }
    clock::pause(SETTLE);
    let pss_after_kib = server.pss_kib()?;
    Ok(LoadReport { held: held.len() as u64, pss_before_kib, pss_after_kib, ..LoadReport::default() })
}

/// Connections before the baseline.
const WARM_UP_CONNECTIONS: usize = 50;
