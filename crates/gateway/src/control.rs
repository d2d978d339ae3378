//! Everything that is not on the path of a request: changes in the store, rotation of keys, renewal of certificates, operators.
//!
//! One thread with its own runtime, so that nothing here waits behind client traffic and client traffic waits for nothing here.

mod backend;
mod certificate_end;
mod ended;
mod news;
mod sessions;
mod ship;
mod tokens;

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::AccountId;
use countersign_pki::{ServerTls, TicketKeyRing};
use countersign_store::StoreError;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::accept::listen;
use crate::config::Sources;
use crate::halts::cancels::follow::follow;
use crate::halts::drills;
use crate::handover::Doors;
use crate::native::sessions::keep_records;
use crate::operator::{self, OperatorSocket};
use crate::shared::{CredentialTable, Shared};
use crate::start::{self, StartError};
use crate::upstream::UpstreamConfig;
use crate::{clock, cluster};

pub use backend::Backend;
use certificate_end::CertificateEnd;
pub use ship::ship_last;

/// How often keys and certificates are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// What the control thread needs besides the shared state.
pub struct ControlParts {
    /// TLS of the operator port.
    pub operator_tls: Arc<ServerTls>,
    /// Resumption ticket keys of all listeners.
    pub tickets: Arc<TicketKeyRing>,
    /// Where the configuration came from, to read routes again.
    pub sources: Sources,
    /// Renews keys and certificates that are due; called every minute.
    pub renew: Renew,
}

/// Renews what lies in the state folder and hands it to the running gateway.
pub type Renew = Box<dyn FnMut(&Shared) + Send>;

/// The control thread's work, bound to its sockets.
pub(crate) struct Control {
    shared: Arc<Shared>,
    parts: ControlParts,
    upstreams: Arc<[UpstreamConfig]>,
    listener: std::net::TcpListener,
    /// Where probes without a certificate ask; none unless configured.
    health: Option<std::net::TcpListener>,
    /// None where it cannot be had: the port is there all the same.
    socket: Option<OperatorSocket>,
}

impl Control {
    /// Opens the operator port and socket, or goes on with those of the process before.
    pub(crate) fn bind(
        shared: Arc<Shared>,
        parts: ControlParts,
        upstreams: Arc<[UpstreamConfig]>,
        (port, socket): (Option<std::net::TcpListener>, Option<UnixListener>),
    ) -> Result<Self, StartError> {
        let settings = &shared.settings.operator;
        let failed = |error| StartError::Listen { what: "operators", address: settings.address.to_string(), error };
        let succeeds = port.is_some();
        let listener = match port {
            Some(port) => start::agrees(&port, settings.address).map(|()| port),
            None => listen(settings.address, false),
        };
        let listener = listener.map_err(failed)?;
        // Shared: a successor opens it beside us, and probes are answered all the while. Whoever succeeds nobody must find it free.
        let open_health = |address: SocketAddr| {
            let is_free = if succeeds { Ok(()) } else { listen(address, false).map(drop) };
            is_free.and_then(|()| listen(address, true)).map_err(|error| StartError::Listen {
                what: "health probes",
                address: address.to_string(),
                error,
            })
        };
        let health = settings.health.map(open_health).transpose()?;
        let path = &settings.socket;
        let socket = match socket {
            Some(socket) => OperatorSocket::adopt(socket, path).or_else(|_| OperatorSocket::bind(path)),
            None => OperatorSocket::bind(path),
        };
        let socket = socket.inspect_err(|error| tracing::error!(socket = %path.display(), %error, "no operator socket")).ok();
        Ok(Self { shared, parts, upstreams, listener, health, socket })
    }

    /// Where operators connect.
    pub(crate) fn operator_address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Where health is told without TLS.
    pub(crate) fn health_address(&self) -> Option<SocketAddr> {
        self.health.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The same sockets once more, for a successor.
    pub(crate) fn doors(&self) -> io::Result<Doors> {
        let socket = self.socket.as_ref().map(|socket| socket.listener.try_clone()).transpose()?;
        let handed_over = self.socket.as_ref().map(OperatorSocket::handed_over).unwrap_or_default();
        Ok(Doors { operators: Some(self.listener.try_clone()?), operator_socket: socket, handed_over, ..Doors::default() })
    }

    /// Works until the gateway has drained.
    pub(crate) fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Self { shared, parts: ControlParts { operator_tls, tickets, sources, renew }, upstreams, listener, health, socket } = self;
        let tasks = LocalSet::new();
        let ended = tasks.block_on(&runtime, async move {
            let stop = CancellationToken::new();
            let backend = Backend::new(Arc::clone(&shared), Arc::clone(&operator_tls), sources, Arc::clone(&upstreams));
            let backend = Arc::new(backend);
            let listener = TcpListener::from_std(listener)?;
            tokio::spawn(operator::serve_tls(listener, Arc::clone(&operator_tls), Arc::clone(&backend), stop.clone()));
            if let Some(health) = health {
                let (listener, backend) = (TcpListener::from_std(health)?, Arc::clone(&backend));
                tokio::spawn(operator::serve_health(listener, backend, stop.clone()));
            }
            if let Some(socket) = socket {
                tokio::spawn(operator::serve_socket(socket, backend, stop.clone()));
            }
            tokio::task::spawn_local(news::watch_store(Arc::clone(&shared)));
            tokio::task::spawn_local(follow(Arc::clone(&shared), upstreams));
            tokio::task::spawn_local(drills::follow(Arc::clone(&shared)));
            tokio::task::spawn_local(ship::ship_audit(Arc::clone(&shared)));
            tokio::task::spawn_local(cluster::announce_changes(Arc::clone(&shared)));
            tokio::task::spawn_local(keep_records(Arc::clone(&shared)));
            tokio::task::spawn_local(keep_house(Arc::clone(&shared), operator_tls, tickets, renew));
            let mut draining = shared.drain.subscribe();
            draining.wait().await;
            if shared.drain.successor().is_some() {
                // Whoever comes now is the successor's.
                stop.cancel();
            }
            draining.wait_until_over().await;
            stop.cancel();
            io::Result::Ok(())
        });
        // The tasks that are left hold timers and sockets, which end inside their runtime only.
        let _inside = runtime.enter();
        drop(tasks);
        ended
    }
}

/// Reads all credentials and swaps the table. Several ask for it, and one does it at a time: of two that read side by side, the one that
/// read first could be the last to swap, and a key that was revoked between would live until the next look at the store. By a record that cannot be used nobody logs in: it must
/// not keep others from being revoked, nor must what is kept of accounts.
///
/// # Errors
/// [`StoreError`]; the table stays as it was.
pub async fn reload_credentials(shared: &Shared) -> Result<usize, StoreError> {
    let _one_after_the_other = shared.reloading.lock().await;
    let (records, unusable) = shared.store.usable_credentials().await?;
    for error in unusable {
        tracing::error!(%error, "a key cannot be used");
    }
    let mut credentials = Vec::with_capacity(records.len());
    for record in &records {
        match record.to_credential() {
            Ok(credential) => credentials.push(credential),
            Err(error) => tracing::error!(credential = %record.id, %error, "a key cannot be used"),
        }
    }
    let explained = records.iter().filter(|record| record.explain).map(|record| record.id.clone()).collect();
    let table = CredentialTable::new(credentials, &shared.credentials.load()).explaining(&explained);
    let count = table.len();
    shared.credentials.store(Arc::new(table));
    ended::tell(shared, &records).await;
    if let Err(error) = read_cancel_on_disconnect(shared).await {
        tracing::error!(%error, "which accounts cancel on disconnect cannot be read; those that did go on to");
    }
    Ok(count)
}

/// Writes down whether new connections of an account cancel its orders when they are lost. It holds here when this returns; elsewhere it
/// is read when the store is.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn set_cancel_on_disconnect(shared: &Shared, account: &AccountId, enabled: bool) -> Result<(), StoreError> {
    // A revocation does not wait for what a client writes: only the reading is one after the other.
    shared.store.set_cancel_on_disconnect(account, enabled).await?;
    let _one_after_the_other = shared.reloading.lock().await;
    read_cancel_on_disconnect(shared).await
}

/// Reads which accounts cancel on disconnect. For whoever holds [`Shared::reloading`].
async fn read_cancel_on_disconnect(shared: &Shared) -> Result<(), StoreError> {
    let (accounts, unusable) = shared.store.accounts_that_cancel().await?;
    for error in unusable {
        tracing::error!(%error, "an account cannot be used");
    }
    shared.cancel_on_disconnect.store(Arc::new(accounts.into_iter().collect()));
    Ok(())
}

async fn keep_house(shared: Arc<Shared>, operator_tls: Arc<ServerTls>, tickets: Arc<TicketKeyRing>, mut renew: Renew) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    let mut certificate_end = CertificateEnd::default();
    certificate_end.look(&shared.tls, clock::wall());
    ticks.tick().await;
    loop {
        ticks.tick().await;
        renew(&shared);
        if let Err(error) = tickets.rotate(clock::unix_now()) {
            tracing::error!(%error, "ticket keys cannot be rotated");
        }
        drop(reload_certificates(&shared, &operator_tls));
        certificate_end.look(&shared.tls, clock::wall());
        if let Err(error) = shared.store.forget_tokens(clock::wall()).await {
            tracing::error!(%error, "ended tokens cannot be forgotten; they stay in the store until the next minute");
        }
    }
}

/// Reads the certificates of all listeners again. A bad file keeps the last good one in force.
///
/// # Errors
/// What is wrong with the first bad file.
pub fn reload_certificates(shared: &Shared, operator_tls: &ServerTls) -> Result<(), countersign_pki::PkiError> {
    let listeners = [("clients", Some(&shared.tls)), ("operators", Some(operator_tls)), ("proxies", shared.authz_tls.as_ref())];
    let mut outcome = Ok(());
    for (listener, tls) in listeners {
        let Some(tls) = tls else { continue };
        let result = tls.reload(clock::unix_now());
        match result {
            Ok(reload) => tracing::debug!(listener, ?reload, "certificates"),
            Err(error) => {
                tracing::error!(listener, %error, "certificates cannot be reloaded; the last good ones stay in force");
                outcome = Err(error);
            }
        }
    }
    outcome
}
