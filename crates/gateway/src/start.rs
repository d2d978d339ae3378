//! Puts the parts together and runs them: one thread per worker, one for control.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_store::FixRecords;
use countersign_store::limits::FIX_RENEW;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::accept::{accept_loop, listen};
use crate::authz;
use crate::cluster;
use crate::control::{self, ControlParts};
use crate::fix;
use crate::halts::watch::keep_watch;
use crate::handover::giving::{self, Giver};
use crate::handover::guards::Lender;
use crate::handover::{Doors, RunSecrets};
use crate::native::{keep_mirror, take_in};
use crate::shared::Shared;
use crate::upstream::UpstreamConfig;
use crate::worker::Worker;

/// A running gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    authz_address: Option<SocketAddr>,
    health_address: Option<SocketAddr>,
    /// They end when everything is drained, or the deadline is over.
    workers: Vec<JoinHandle<()>>,
    /// They end when the workers have.
    others: Vec<JoinHandle<()>>,
    /// The same sockets once more, for a successor.
    doors: Option<Doors>,
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
    /// Starts listening, or goes on with the sockets of the process before. When it returns, connections are accepted.
    ///
    /// # Errors
    /// [`StartError`], one sentence. Nothing keeps running then.
    pub fn start(shared: Arc<Shared>, upstreams: Vec<UpstreamConfig>, control: ControlParts, doors: Doors) -> Result<Self, StartError> {
        let workers = shared.settings.worker_count();
        let Doors { clients, proxies, operators, operator_socket, .. } = doors;
        let listeners = listeners("clients", shared.settings.listen.address, workers, clients)?;
        let address = listeners[0].local_addr()?;
        let proxies = shared.settings.authz.address.map(|address| self::listeners("proxies", address, workers, proxies)).transpose()?;
        let proxies = proxies.unwrap_or_default();
        let authz_address = proxies.first().map(std::net::TcpListener::local_addr).transpose()?;
        let upstreams: Arc<[UpstreamConfig]> = upstreams.into();
        let control = control::Control::bind(Arc::clone(&shared), control, Arc::clone(&upstreams), (operators, operator_socket))?;
        let (operator_address, health_address) = (control.operator_address(), control.health_address());
        let doors = Doors { clients: again(&listeners)?, proxies: again(&proxies)?, ..control.doors()? };
        let mut gateway = Self {
            shared,
            address,
            operator_address,
            authz_address,
            health_address,
            workers: Vec::new(),
            others: Vec::new(),
            doors: Some(doors),
        };
        // First: the lease of what was read at the start is short, and a successor is asked at once.
        let watching = Arc::clone(&gateway.shared);
        gateway.spawn("halts".to_owned(), move || run_halts(&watching))?;
        for (index, listeners) in shares(listeners, proxies, workers)?.into_iter().enumerate() {
            let (shared, upstreams) = (Arc::clone(&gateway.shared), Arc::clone(&upstreams));
            let worker = spawn(format!("worker-{index}"), move || run_worker(shared, &upstreams, listeners, index))?;
            gateway.workers.push(worker);
        }
        gateway.join_other_nodes()?;
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

    /// Where health is told without TLS; `None` where that is switched off.
    #[must_use]
    pub const fn health_address(&self) -> Option<SocketAddr> {
        self.health_address
    }

    /// The shared state.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Lets a successor take over from now on, as [`giving`] says. `given` is told when one has.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn offer(&mut self, lock: OwnedFd, lender: Arc<Lender>, secrets: RunSecrets, given: Arc<Notify>) -> io::Result<()> {
        let Some(doors) = self.doors.take() else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        let giver = Giver { doors, lock, lender, secrets };
        self.spawn("hand-over".to_owned(), move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let tasks = LocalSet::new();
            tasks.block_on(&runtime, giving::give(shared, giver, given))
        })
    }

    /// Stops accepting, lets requests under way end, then stops all threads. Blocks at most about the configured drain deadline.
    pub fn shutdown(mut self) {
        // A socket that somebody still has would go on taking connections that nobody serves.
        self.doors = None;
        self.shared.drain.start();
        join(self.workers);
        self.shared.drain.finish();
        join(self.others);
    }

    /// Starts what goes on with other nodes, where there are any.
    fn join_other_nodes(&mut self) -> io::Result<()> {
        if let Some(cluster) = self.shared.cluster.clone() {
            let (shared, listening) = (Arc::clone(&self.shared), Arc::clone(&cluster));
            self.spawn("cluster".to_owned(), move || {
                cluster::look_after(&cluster, &shared);
                Ok(())
            })?;
            let shared = Arc::clone(&self.shared);
            self.spawn("notices".to_owned(), move || {
                cluster::listen(&listening, &shared);
                Ok(())
            })?;
        }
        if let Some(records) = self.shared.fix_records.clone() {
            let shared = Arc::clone(&self.shared);
            self.spawn("fix-records".to_owned(), move || run_fix_records(&shared, &records))?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
        self.others.push(spawn(name, run)?);
        Ok(())
    }
}

fn spawn(name: String, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<JoinHandle<()>> {
    let named = name.clone();
    std::thread::Builder::new().name(name).spawn(move || {
        if let Err(error) = run() {
            tracing::error!(thread = named, %error, "gateway thread failed");
        }
    })
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a gateway thread panicked");
        }
    }
}

/// The listeners of the process before, or new ones.
fn listeners(
    what: &'static str,
    address: SocketAddr,
    workers: usize,
    taken_over: Vec<std::net::TcpListener>,
) -> Result<Vec<std::net::TcpListener>, StartError> {
    let failed = |error| StartError::Listen { what, address: address.to_string(), error };
    if taken_over.is_empty() {
        return open_listeners(what, address, workers);
    }
    taken_over.iter().try_for_each(|listener| agrees(listener, address)).map_err(failed)?;
    Ok(taken_over)
}

/// Whether a listener is where the configuration wants it. Another address would leave clients in front of a closed door.
pub(crate) fn agrees(listener: &std::net::TcpListener, wanted: SocketAddr) -> io::Result<()> {
    let is = listener.local_addr()?;
    if is.ip() == wanted.ip() && (wanted.port() == 0 || is.port() == wanted.port()) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("the running gateway listens on {is}; stop it to move to another address")))
}

fn again(listeners: &[std::net::TcpListener]) -> io::Result<Vec<std::net::TcpListener>> {
    listeners.iter().map(std::net::TcpListener::try_clone).collect()
}

/// What each worker accepts from: every socket has a worker, and every worker a socket, however many there are of either.
fn shares(clients: Vec<std::net::TcpListener>, proxies: Vec<std::net::TcpListener>, workers: usize) -> io::Result<Vec<WorkerListeners>> {
    let mut shares: Vec<_> = (0..workers).map(|_| WorkerListeners::default()).collect();
    for number in 0..workers.max(clients.len()) {
        if let Some(listener) = clients.get(number % clients.len().max(1)) {
            shares[number % workers].clients.push(listener.try_clone()?);
        }
    }
    for number in 0..workers.max(proxies.len()) {
        if let Some(listener) = proxies.get(number % proxies.len().max(1)) {
            shares[number % workers].proxies.push(listener.try_clone()?);
        }
    }
    Ok(shares)
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
#[derive(Debug, Default)]
struct WorkerListeners {
    clients: Vec<std::net::TcpListener>,
    proxies: Vec<std::net::TcpListener>,
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
        if let Some(records) = worker.shared.fix_records.clone().filter(|_| index == 0) {
            tokio::task::spawn_local(fix::look(Rc::clone(&worker), records));
        }
        if let Some(predecessor) = worker.shared.predecessor.clone().filter(|_| index == 0)
            && let Some(sessions) = predecessor.take_adopted()
        {
            tokio::task::spawn_local(take_in(Rc::clone(&worker), predecessor, sessions));
        }
        for proxies in listeners.proxies {
            tokio::task::spawn_local(authz::listener::accept_loop(Rc::clone(&worker), TcpListener::from_std(proxies)?));
        }
        let clients = listeners.clients.into_iter().map(TcpListener::from_std).collect::<io::Result<Vec<_>>>()?;
        // As tasks of their own: what is awaited here is looked at whenever any task of the worker has something to do.
        let accepting = clients.into_iter().map(|clients| tokio::task::spawn_local(accept_loop(Rc::clone(&worker), clients)));
        futures_util::future::try_join_all(accepting).await.map_err(io::Error::other)?;
        drained(&worker, drain_deadline).await;
        Ok(())
    });
    end(runtime, tasks, ABANDONED_AFTER);
    ended
}

/// How long a worker that has drained waits for what works on threads beside it, as an explanation does: as long as one takes. Nobody
/// is there any more who would be answered.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// Ends a worker's runtime. One that is just dropped waits for its blocking threads as long as they take.
fn end(runtime: Runtime, tasks: LocalSet, abandoned_after: Duration) {
    // The tasks that are left hold timers and sockets, which end inside their runtime only.
    let inside = runtime.enter();
    drop(tasks);
    drop(inside);
    runtime.shutdown_timeout(abandoned_after);
}

fn run_halts(shared: &Shared) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = shared.settings.state_dir.clone();
    runtime.block_on(keep_watch(Arc::clone(&shared.halts), folder, shared.drain.subscribe()))
}

/// Renews the leases of FIX sessions until the gateway has drained.
fn run_fix_records(shared: &Shared, records: &FixRecords) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut answers = true;
        while !shared.drain.is_over() {
            let renewed = records.renew().await;
            if answers != renewed.is_ok() {
                answers = renewed.is_ok();
                match &renewed {
                    Ok(()) => tracing::info!("leases of FIX sessions are renewed again"),
                    Err(error) => tracing::error!(%error, "leases of FIX sessions are not renewed"),
                }
            }
            for end in records.kept_ends() {
                tracing::error!("{end}");
            }
            tokio::time::sleep(FIX_RENEW).await;
        }
    });
    Ok(())
}

/// Waits until no connection of any worker is open, no session waits to be ended or handed over and no venue is to be asked to cancel for a
/// halt, or the deadline is over.
async fn drained(worker: &Worker, deadline: Duration) {
    let all_closed = async {
        let shared = &worker.shared;
        while shared.connections.open() > 0 || !shared.sessions.is_empty() || shared.halts.cancels().is_asking() {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    if tokio::time::timeout(deadline, all_closed).await.is_err() {
        tracing::warn!(open = worker.shared.connections.open(), "drain deadline over, closing the rest");
    }
}

/// How often a draining worker looks whether all connections are closed.
const DRAIN_POLL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
