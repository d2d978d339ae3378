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
    let server = Family::of(&args.server);
    let pss_before_kib = settled_pss(&server, &mut dialler, &mut exchange, &request)?;
    let mut held = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        let mut wire = dialler.dial()?;
        exchange.succeed(&mut wire, &request)?;
        held.push(wire);
    }
    let pss_after_kib = settled_pss(&server, &mut dialler, &mut exchange, &request)?;
    Ok(LoadReport { held: held.len() as u64, pss_before_kib, pss_after_kib, ..LoadReport::default() })
}

/// Memory after a pause, a little traffic and another pause. Before the held connections the traffic makes the server allocate
/// what it allocates once; after them it gives an allocator that returns memory only while it is used the occasion to do so.
fn settled_pss(server: &Family, dialler: &mut Dialler, exchange: &mut Exchange, request: &[u8]) -> Result<u64> {
    clock::pause(SETTLE);
    for _ in 0..PASSING_CONNECTIONS {
        exchange.succeed(&mut dialler.dial()?, request)?;
    }
    clock::pause(SETTLE);
    server.pss_kib()
}

/// Connections that come and go around the held ones.
const PASSING_CONNECTIONS: usize = 50;
