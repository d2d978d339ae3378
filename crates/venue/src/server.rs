//! The sockets: accept loop, HTTP/1.1 connections, the ticking market, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Duration, MissedTickBehavior};
use tokio_util::task::TaskTracker;

use crate::arrivals::Arrivals;
use crate::clock::now_ms;
use crate::config::VenueConfig;
use crate::exchange::Exchange;
use crate::identity::IdentityVerifier;
use crate::limits::{BODY_BYTES_MAX, CONNECTIONS_MAX, HEADER_READ_TIMEOUT, SHUTDOWN_GRACE};
use crate::nowhere::nowhere;
use crate::shell::Shell;
use crate::{
    binance, binance_futures, bitfinex, bitmex, bybit, coinbase, coinbase_exchange, deribit, gate, gemini, hyperliquid, kraken,
    kraken_futures, kucoin, native, okx,
};

/// The paper exchange as a server.
#[derive(Debug)]
pub struct Venue;

/// A running venue. Dropping the handle stops it without waiting.
pub struct VenueHandle {
    shell: Arc<Shell>,
    address: SocketAddr,
    fix_address: Option<SocketAddr>,
    connections: TaskTracker,
    tasks: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for VenueHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("VenueHandle").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Venue {
    /// Opens the exchange and serves it on a bound listener. Must be called inside a tokio
    /// runtime; the venue lives on that runtime.
    #[must_use]
    pub fn start(config: VenueConfig, verifier: IdentityVerifier, listener: TcpListener) -> VenueHandle {
        let address = listener.local_addr().expect("a bound listener has an address");
        let exchange = Exchange::open(&config, now_ms());
        let shell = Arc::new(Shell::new(exchange, Arc::new(verifier), config.audience));
        let router = Router::new()
            .merge(binance::router())
            .merge(binance_futures::router())
            .merge(bitfinex::router())
            .merge(bitmex::router())
            .merge(bybit::router())
            .merge(coinbase::router())
            .merge(deribit::router())
            .merge(kraken::router())
            .merge(kraken_futures::router())
            .merge(native::router())
            .merge(coinbase_exchange::router())
            .merge(gate::router())
            .merge(gemini::router())
            .merge(hyperliquid::router())
            .merge(kucoin::router())
            .merge(okx::router())
            .method_not_allowed_fallback(nowhere)
            .fallback(nowhere)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(&shell));
        let connections = TaskTracker::new();
        let tasks = vec![
            tokio::spawn(tick(Arc::clone(&shell), config.tick_interval)),
            tokio::spawn(accept(Arc::clone(&shell), listener, router, connections.clone())),
        ];
        VenueHandle { shell, address, fix_address: None, connections, tasks }
    }
}

impl VenueHandle {
    /// Where the venue listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the venue accepts FIX sessions.
    #[must_use]
    pub const fn fix_addr(&self) -> Option<SocketAddr> {
        self.fix_address
    }

    /// Accepts FIX sessions as well, on a bound listener. Must be called inside the venue's runtime.
    pub fn serve_fix(&mut self, listener: TcpListener) {
        self.fix_address = listener.local_addr().ok();
        let accepting = crate::fix::accept(Arc::clone(&self.shell), listener, self.connections.clone());
        self.tasks.push(tokio::spawn(accepting));
    }

    /// Tells who knows the account of a key that is named by an address: Hyperliquid's clients ask about one before they use it, and
    /// say nothing of who they are. Who was told of first stays.
    pub fn ask_owners_of(&self, owners: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        self.shell.addresses.ask_of(Box::new(owners));
    }

    /// What has arrived so far.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        self.shell.counters.read()
    }

    /// Stops accepting, lets requests in flight finish, says goodbye on WebSockets, and
    /// returns when all is closed, at the latest after two seconds.
    pub async fn shutdown(mut self) {
        self.shell.stopping.cancel();
        self.connections.close();
        for task in std::mem::take(&mut self.tasks) {
            let _ended_or_panicked = task.await;
        }
        let _grace_over = tokio::time::timeout(SHUTDOWN_GRACE, self.connections.wait()).await;
    }
}

impl Drop for VenueHandle {
    fn drop(&mut self) {
        self.shell.stopping.cancel();
    }
}

/// Moves the market until the venue stops.
async fn tick(shell: Arc<Shell>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => shell.with(Exchange::tick),
            () = shell.stopping.cancelled() => return,
        }
    }
}

async fn accept(shell: Arc<Shell>, listener: TcpListener, router: Router, connections: TaskTracker) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shell.stopping.cancelled() => return,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Out of descriptors, or the peer is gone already: neither ends the venue.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!("connection refused: too many open");
            continue;
        };
        let serving = serve(Arc::clone(&shell), socket, router.clone());
        connections.spawn(async move {
            serving.await;
            drop(place);
        });
    }
}

async fn serve(shell: Arc<Shell>, socket: TcpStream, router: Router) {
    let _latency_only = socket.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shell.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _grace_over = tokio::time::timeout(SHUTDOWN_GRACE, connection).await;
        }
    }
}
