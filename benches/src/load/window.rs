//! Threads, phases and the measured window.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use rustls::HandshakeKind;

use super::{LoadArgs, LoadReport};
use crate::clock::{self, Moment};
use crate::process::Family;

/// One client. It is made and driven on its own thread.
pub(super) trait Client {
    /// One operation, from its first byte to the last of the answer.
    fn operate(&mut self) -> Result<()>;

    /// The handshake that the last operation made, if it made one.
    fn handshake(&self) -> Option<HandshakeKind> {
        None
    }
}

/// The phase before is 0: clients work, nobody counts.
const MEASURING: u8 = 1;
const STOPPING: u8 = 2;

/// A client needs little; thousands of threads fit.
const STACK_BYTES: usize = 256 * 1024;

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    operations: AtomicU64,
    handshakes: AtomicU64,
    resumed: AtomicU64,
    trouble: Mutex<Option<anyhow::Error>>,
}

impl Shared {
    fn fail(&self, error: anyhow::Error) {
        self.phase.store(STOPPING, Ordering::Relaxed);
        let mut trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        trouble.get_or_insert(error);
    }

    fn count(&self, handshake: Option<HandshakeKind>) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = handshake {
            self.handshakes.fetch_add(1, Ordering::Relaxed);
            self.resumed.fetch_add(u64::from(kind == HandshakeKind::Resumed), Ordering::Relaxed);
        }
    }
}

/// Runs one client per connection; the first error of any of them ends everything.
pub(super) fn run<C: Client>(args: &LoadArgs, make: impl Fn(usize) -> Result<C> + Sync) -> Result<LoadReport> {
    let shared = Shared::default();
    let connected = Barrier::new(args.connections + 1);
    let mut report = LoadReport::default();
    let mut latencies = histogram()?;
    std::thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for index in 0..args.connections {
            let (shared, connected, make) = (&shared, &connected, &make);
            let client = move || drive(args, index, shared, connected, make);
            threads.push(std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, client)?);
        }
        connected.wait();
        clock::pause(args.warm_up());
        measure(args, &shared, &mut report);
        shared.phase.store(STOPPING, Ordering::Relaxed);
        for thread in threads {
            let of_thread = thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            latencies.add(of_thread).context("latencies of different kinds")?;
        }
        Ok(())
    })?;
    if let Some(error) = shared.trouble.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    if args.resume && report.resumed != report.handshakes {
        bail!("{} of {} handshakes were resumed; all should have been", report.resumed, report.handshakes);
    }
    report.p50_nanos = latencies.value_at_quantile(0.5);
    report.p99_nanos = latencies.value_at_quantile(0.99);
    report.p999_nanos = latencies.value_at_quantile(0.999);
    Ok(report)
}

/// Reads everything twice; what lies between is the window.
fn measure(args: &LoadArgs, shared: &Shared, report: &mut LoadReport) {
    let (server, upstream, own) = (Family::of(&args.server), Family::of(&args.upstream), Family::of(&[std::process::id()]));
    let read = || {
        let counts = [&shared.operations, &shared.handshakes, &shared.resumed].map(|count| count.load(Ordering::Relaxed));
        (Moment::now(), counts, server.cpu_nanos(), own.cpu_nanos(), upstream.cpu_nanos())
    };
    let before = read();
    shared.phase.store(MEASURING, Ordering::Relaxed);
    before.0.plus(args.window()).wait();
    let after = read();
    report.wall_nanos = after.0.nanos_since(before.0);
    [report.operations, report.handshakes, report.resumed] = [0, 1, 2].map(|index| after.1[index] - before.1[index]);
    report.server_cpu_nanos = after.2.saturating_sub(before.2);
    report.load_cpu_nanos = after.3.saturating_sub(before.3);
    report.upstream_cpu_nanos = after.4.saturating_sub(before.4);
}

fn drive<C: Client>(
    args: &LoadArgs,
    index: usize,
    shared: &Shared,
    connected: &Barrier,
    make: &impl Fn(usize) -> Result<C>,
) -> Result<Histogram<u64>> {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    // The first operation of each client is before the window: it fills pools and brings the ticket that later ones resume with.
    let client = make(index).and_then(|mut client| client.operate().map(|()| client));
    connected.wait();
    let mut latencies = histogram()?;
    match client {
        Ok(mut client) => {
            if let Err(error) = repeat(args, index, shared, &mut client, &mut latencies) {
                shared.fail(error);
            }
        }
        Err(error) => shared.fail(error.context("the first operation failed")),
    }
    Ok(latencies)
}

fn repeat(args: &LoadArgs, index: usize, shared: &Shared, client: &mut impl Client, latencies: &mut Histogram<u64>) -> Result<()> {
    let interval = (args.rate > 0).then(|| Duration::from_secs(1).mul_f64(args.connections as f64 / f64::from(args.rate)));
    let mut intended = Moment::now();
    if let Some(interval) = interval {
        intended = intended.plus(interval.mul_f64(index as f64 / args.connections as f64));
    }
    while shared.phase.load(Ordering::Relaxed) != STOPPING {
        match interval {
            Some(_) => intended.wait(),
            None => intended = Moment::now(),
        }
        client.operate()?;
        let nanos = Moment::now().nanos_since(intended);
        shared.count(client.handshake());
        if shared.phase.load(Ordering::Relaxed) == MEASURING {
            latencies.saturating_record(nanos);
        }
        intended = intended.plus(interval.unwrap_or_default());
    }
    Ok(())
}

/// One microsecond to one minute, three digits.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).context("histogram bounds")
}
