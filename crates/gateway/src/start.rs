//! Puts the parts together and runs them: one thread per worker, one for control.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::accept::{accept_loop, listen};
use crate::authz;
use crate::cluster;
use crate::control::{self, ControlParts};
use crate::halts::watch::keep_watch;
use crate::native::keep_mirror;
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;
use crate::worker::Worker;

/// A running gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    authz_address: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

/// What could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {address} for {what}: {error}")]
    Listen {
        /// What it was for.
        what: &'static str,
        /// Where.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// A thread or runtime could not be made.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
}

impl Gateway {
    /// Starts listening. When it returns, connections are accepted.
    ///
    /// # Errors
    /// [`StartError`], one sentence. Nothing keeps running then.
    pub fn start(shared: Arc<Shared>, upstreams: Vec<UpstreamConfig>, control: ControlParts) -> Result<Self, StartError> {
        let workers = shared.settings.worker_count();
        let listeners = open_listeners("clients", shared.settings.listen.address, workers)?;
        let address = listeners[0].local_addr()?;
        let proxies = shared.settings.authz.address.map(|address| open_listeners("proxies", address, workers)).transpose()?;
        let authz_address = proxies.as_ref().map(|listeners| listeners[0].local_addr()).transpose()?;
        let upstreams: Arc<[UpstreamConfig]> = upstreams.into();
        let control = control::Control::bind(Arc::clone(&shared), control, Arc::clone(&upstreams))?;
        let operator_address = control.operator_address();
        let mut gateway = Self { shared, address, operator_address, authz_address, threads: Vec::new() };
        let mut proxies = proxies.into_iter().flatten();
        for (index, listener) in listeners.into_iter().enumerate() {
            let (shared, upstreams) = (Arc::clone(&gateway.shared), Arc::clone(&upstreams));
            let listeners = WorkerListeners { clients: listener, proxies: proxies.next() };
            gateway.spawn(format!("worker-{index}"), move || run_worker(shared, &upstreams, listeners, index))?;
        }
        let shared = Arc::clone(&gateway.shared);
        gateway.spawn("halts".to_owned(), move || run_halts(&shared))?;
        if let Some(cluster) = gateway.shared.cluster.clone() {
            let (shared, listening) = (Arc::clone(&gateway.shared), Arc::clone(&cluster));
            gateway.spawn("cluster".to_owned(), move || {
                cluster::look_after(&cluster, &shared);
                Ok(())
            })?;
            let shared = Arc::clone(&gateway.shared);
            gateway.spawn("notices".to_owned(), move || {
                cluster::listen(&listening, &shared);
                Ok(())
            })?;
        }
        gateway.spawn("control".to_owned(), move || control.run())?;
        Ok(gateway)
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators connect.
    #[must_use]
    pub const fn operator_address(&self) -> Option<SocketAddr> {
        self.operator_address
    }

    /// Where proxies ask; `None` where that is switched off.
    #[must_use]
    pub const fn authz_address(&self) -> Option<SocketAddr> {
        self.authz_address
    }

    /// The shared state.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops accepting, lets requests under way end, then stops all threads. Blocks at most about the configured drain deadline.
    pub fn shutdown(self) {
        self.shared.drain.start();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a gateway thread panicked");
            }
        }
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let named = name.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = run() {
                tracing::error!(thread = named, %error, "gateway thread failed");
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

/// One listener for each worker, all on one address.
fn open_listeners(what: &'static str, address: SocketAddr, workers: usize) -> Result<Vec<std::net::TcpListener>, StartError> {
    let failed = |error| StartError::Listen { what, address: address.to_string(), error };
    // Without SO_REUSEPORT on a first try, so that a second gateway on the same address is an error and not a half share.
    drop(listen(address, false).map_err(failed)?);
    let first = listen(address, workers > 1).map_err(failed)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(listen(address, true).map_err(failed)?);
    }
    Ok(listeners)
}

/// The listeners of one worker.
struct WorkerListeners {
    clients: std::net::TcpListener,
    proxies: Option<std::net::TcpListener>,
}

fn run_worker(shared: Arc<Shared>, upstreams: &[UpstreamConfig], listeners: WorkerListeners, index: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let drain_deadline = shared.settings.limits.drain_deadline;
    let ended = tasks.block_on(&runtime, async move {
        let worker = Worker::new(shared, upstreams);
        // One worker looks after the mirror: what it adopts it serves.
        if let Some(mirror) = worker.shared.mirror.clone().filter(|_| index == 0) {
            tokio::task::spawn_local(keep_mirror(Rc::clone(&worker), mirror));
        }
        if let Some(proxies) = listeners.proxies {
            tokio::task::spawn_local(authz::listener::accept_loop(Rc::clone(&worker), TcpListener::from_std(proxies)?));
        }
        accept_loop(Rc::clone(&worker), TcpListener::from_std(listeners.clients)?).await;
        drained(&worker, drain_deadline).await;
        Ok(())
    });
    // The tasks that are left hold timers and sockets, which end inside their runtime only.
    let _inside = runtime.enter();
    drop(tasks);
    ended
}

fn run_halts(shared: &Shared) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = shared.settings.state_dir.clone();
    runtime.block_on(keep_watch(Arc::clone(&shared.halts), folder, shared.drain.subscribe()))
}

/// Waits until no connection of any worker is open, or the deadline is over.
async fn drained(worker: &Worker, deadline: Duration) {
    let all_closed = async {
        while worker.shared.connections.open() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    if tokio::time::timeout(deadline, all_closed).await.is_err() {
        tracing::warn!(open = worker.shared.connections.open(), "drain deadline over, closing the rest");
    }
}

/// How often a draining worker looks whether all connections are closed.
const DRAIN_POLL: Duration = Duration::from_millis(10);
