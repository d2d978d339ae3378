//! The load generator: blocking clients, one thread each, and one window in which everything is counted.
//!
//! ```text
//!   connect all ─▶ warm up ─▶ read counters and CPU ─▶ window ─▶ read again ─▶ stop, merge, report as JSON
//! ```
//!
//! The generator reads the CPU time of the server itself, at the same two moments at which it reads its own counters: operations
//! and CPU belong to the same window.

mod dial;
mod handshakes;
mod idle;
mod native;
mod requests;
mod sign;
mod websocket;
mod window;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

pub(crate) use dial::{Dialler, Group, Security, client_config};
pub(crate) use requests::Exchange;
pub(crate) use sign::Signed;

/// What each client does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Connect, TLS, one small request, close.
    Handshake,
    /// Connect, TLS, native hello and welcome, close.
    Hello,
    /// Open authenticated connections and hold them.
    Idle,
    /// Messages on an open native session.
    NativeMessage,
    /// Requests on a connection kept alive.
    Request,
    /// Messages on an open WebSocket.
    Websocket,
}

/// The load to make.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// What each client does.
    #[arg(long, value_enum)]
    pub(crate) scenario: Scenario,
    /// Where the server listens.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// No TLS.
    #[arg(long)]
    pub(crate) plain: bool,
    /// The one key exchange group offered.
    #[arg(long, value_enum, default_value = "x25519")]
    pub(crate) group: Group,
    /// Resume; every handshake of the window must then be a resumed one.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Client certificate and key, PEM in one file.
    #[arg(long)]
    pub(crate) certificate: Option<PathBuf>,
    /// Path of the request.
    #[arg(long, default_value = "/")]
    pub(crate) path: String,
    /// Credential file to sign requests or hellos with.
    #[arg(long)]
    pub(crate) credential: Option<PathBuf>,
    /// Clients at the same time.
    #[arg(long, default_value_t = 24)]
    pub(crate) connections: usize,
    /// Operations per second of all clients together; 0 for as many as the server answers.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u32,
    /// Length of the window, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) window: u64,
    /// Time before the window, in milliseconds.
    #[arg(long, default_value_t = 300)]
    pub(crate) warm_up: u64,
    /// Server processes, whose CPU time is measured with all below them.
    #[arg(long)]
    pub(crate) server: Vec<u32>,
    /// Upstream processes, likewise.
    #[arg(long)]
    pub(crate) upstream: Vec<u32>,
}

/// What came of a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoadReport {
    /// Operations completed.
    pub(crate) operations: u64,
    /// Length of the window.
    pub(crate) wall_nanos: u64,
    /// CPU time of the server.
    pub(crate) server_cpu_nanos: u64,
    /// CPU time of the load generator.
    pub(crate) load_cpu_nanos: u64,
    /// CPU time of the upstream.
    pub(crate) upstream_cpu_nanos: u64,
    /// Handshakes in the window, and those resumed among them.
    pub(crate) handshakes: u64,
    /// Handshakes resumed.
    pub(crate) resumed: u64,
    /// Latency: half of the operations were faster; from the intended time when a rate was asked for. Nanoseconds.
    pub(crate) p50_nanos: u64,
    /// 99 of 100 were faster.
    pub(crate) p99_nanos: u64,
    /// 999 of 1,000 were faster.
    pub(crate) p999_nanos: u64,
    /// Idle memory only: connections held.
    pub(crate) held: u64,
    /// Idle memory only: PSS of the server before the first connection, KiB.
    pub(crate) pss_before_kib: u64,
    /// Idle memory only: PSS with all connections held, KiB.
    pub(crate) pss_after_kib: u64,
}

impl LoadReport {
    /// CPU time of the server per operation, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.server_cpu_nanos as f64 / 1_000.0 / self.operations.max(1) as f64
    }

    /// How much of its core the server used.
    pub(crate) fn server_busy(&self) -> f64 {
        self.server_cpu_nanos as f64 / self.wall_nanos.max(1) as f64
    }

    /// How much of their core load generator and upstream used together.
    pub(crate) fn client_busy(&self) -> f64 {
        (self.load_cpu_nanos + self.upstream_cpu_nanos) as f64 / self.wall_nanos.max(1) as f64
    }

    /// Operations per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 * 1e9 / self.wall_nanos.max(1) as f64
    }

    /// Memory per held connection, in KiB.
    pub(crate) fn kib_per_connection(&self) -> f64 {
        (self.pss_after_kib as f64 - self.pss_before_kib as f64) / self.held.max(1) as f64
    }
}

/// Makes the load and returns what came of it.
pub(crate) fn run(args: &LoadArgs) -> Result<LoadReport> {
    // Without it the kernel adds 50 us to each wait of a thread that is not real time.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    match args.scenario {
        Scenario::Handshake => window::run(args, |index| handshakes::Handshakes::new(args, index)),
        Scenario::Hello => window::run(args, |index| native::Hellos::new(args, index)),
        Scenario::Idle => idle::run(args),
        Scenario::NativeMessage => window::run(args, |index| native::Messages::new(args, index)),
        Scenario::Request => window::run(args, |index| requests::Requests::new(args, index)),
        Scenario::Websocket => window::run(args, |index| websocket::Messages::new(args, index)),
    }
}

impl LoadArgs {
    fn warm_up(&self) -> Duration {
        Duration::from_millis(self.warm_up)
    }

    fn window(&self) -> Duration {
        Duration::from_millis(self.window)
    }
}
