//! Serving the interface on both transports, bounded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use countersign_pki::{CertificateIdentities, ServerTls, UnixTime};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accept::{Stream, shake_hands};
use crate::connection::{ConnectionLimits, ShownChain};

use super::backend::OperatorBackend;
use super::places::Places;
use super::router::router;
use super::serve::{HEAD_DEADLINE, serve};
use super::{OperatorIdentity, OperatorSocket};

/// Operators' connections at once per transport: as many operators as may sign, each with all places of its own.
const CONNECTIONS_MAX: usize = 256;
/// The part of them that one certificate gets: a person with a few terminals, or what collects metrics.
const CONNECTIONS_PER_OPERATOR_MAX: usize = 16;
/// TLS handshakes at once: whoever has no certificate gets no further, and must not keep those out who have one.
const HANDSHAKES_MAX: usize = 1_024;
/// The part of them that one source (an IPv4 /24 or IPv6 /48) gets.
const HANDSHAKES_PER_SOURCE_MAX: usize = 64;
/// Time for the TLS handshake.
const HANDSHAKE_DEADLINE: Duration = HEAD_DEADLINE;
/// Time for somebody with a certificate that is not an operator's to hear so.
const STRANGER_DEADLINE: Duration = Duration::from_secs(2);
/// Time that open requests get at shutdown.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Wait after a failed accept: out of file descriptors does not pass by asking again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves operators with certificates until `stop`; returns when open requests are done.
pub async fn serve_tls<B: OperatorBackend>(listener: TcpListener, tls: Arc<ServerTls>, backend: Arc<B>, stop: CancellationToken) {
    let router = router(backend);
    let mut tasks = Tasks::new(stop);
    let places = Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_OPERATOR_MAX);
    let handshakes = ConnectionLimits::new(HANDSHAKES_MAX, HANDSHAKES_PER_SOURCE_MAX, 0);
    while let Some(accepted) = tasks.next(|| listener.accept()).await {
        let Ok((stream, remote)) = accepted else { continue };
        let Some(shaking) = handshakes.admit(remote.ip()) else { continue };
        let (tls, router, stop, places) = (Arc::clone(&tls), router.clone(), tasks.stop.clone(), Arc::clone(&places));
        tasks.open.spawn(async move {
            match tokio::time::timeout(HANDSHAKE_DEADLINE, handshake(&tls, stream)).await {
                Ok(Ok((stream, Some((identity, shown))))) => {
                    let Some(place) = places.take(identity.name()) else {
                        return tracing::warn!(operator = identity.name(), "operator connection refused: all places of this operator work");
                    };
                    drop(shaking);
                    tokio::select! {
                        () = serve(stream, router, Some((identity, place)), stop) => {}
                        () = shown.over(&tls) => tracing::warn!("operator connection closed: its certificate is good no longer"),
                    }
                }
                // Nobody who operates: told so, and then shown out.
                Ok(Ok((stream, None))) => drop(tokio::time::timeout(STRANGER_DEADLINE, serve(stream, router, None, stop)).await),
                Ok(Err(error)) => tracing::info!(%error, "operator connection refused"),
                Err(_) => tracing::info!("operator connection refused: no TLS handshake in time"),
            }
        });
    }
    tasks.finish().await;
}

/// Serves operators on the Unix socket until `stop`; returns when open requests are done.
pub async fn serve_socket<B: OperatorBackend>(socket: OperatorSocket, backend: Arc<B>, stop: CancellationToken) {
    let router = router(backend);
    let mut tasks = Tasks::new(stop);
    // One user is behind all of them.
    let places = Places::new(CONNECTIONS_MAX, CONNECTIONS_MAX);
    let listener = match socket.listener.try_clone().and_then(UnixListener::from_std) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no operator socket"),
    };
    while let Some(accepted) = tasks.next(|| listener.accept()).await {
        let Ok((stream, _)) = accepted else { continue };
        let (router, stop, places) = (router.clone(), tasks.stop.clone(), Arc::clone(&places));
        tasks.open.spawn(async move {
            let identity = match peer(&stream) {
                Ok(identity) => identity,
                Err(error) => return tracing::warn!(%error, "operator socket connection refused"),
            };
            match places.take(identity.name()) {
                Some(place) => serve(stream, router, Some((identity, place)), stop).await,
                None => tracing::warn!("operator socket connection refused: all places work"),
            }
        });
    }
    tasks.finish().await;
}

/// The tasks of one transport.
pub(super) struct Tasks {
    pub(super) open: JoinSet<()>,
    pub(super) stop: CancellationToken,
}

impl Tasks {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { open: JoinSet::new(), stop }
    }

    /// The next connection; `None` at the end.
    pub(super) async fn next<T, F: Future<Output = io::Result<T>>>(&mut self, accept: impl FnOnce() -> F) -> Option<io::Result<T>> {
        while self.open.try_join_next().is_some() {}
        tokio::select! {
            () = self.stop.cancelled() => None,
            accepted = async {
                let accepted = accept().await;
                if let Err(error) = &accepted {
                    tracing::warn!(%error, "operator connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                accepted
            } => Some(accepted),
        }
    }

    pub(super) async fn finish(mut self) {
        let all = async { while self.open.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_DEADLINE, all).await.is_err() {
            tracing::warn!("operator requests did not end in time");
        }
    }
}

/// The TLS handshake, who came and by what; nobody (`None`) when the certificate is valid but not an operator's.
async fn handshake(tls: &ServerTls, stream: TcpStream) -> io::Result<(Stream, Option<(OperatorIdentity, ShownChain)>)> {
    let snapshot = tls.snapshot();
    // Under no name but ours: a browser that holds a certificate may be led here by a name of somebody else's page (DNS rebinding), and it
    // names that in its hello.
    let stream = shake_hands(&snapshot, stream).await?;
    let (_, connection) = stream.get_ref();
    // On a resumed connection the certificate came out of a ticket: dates and revocation are asked again.
    tls.recheck_handshake(connection, &snapshot, UnixTime::now()).map_err(io::Error::other)?;
    let chain = connection.peer_certificates().unwrap_or_default();
    let certificate = chain.first().map(CertificateIdentities::from_der).transpose().map_err(io::Error::other)?;
    let identity = certificate.as_ref().and_then(OperatorIdentity::of_certificate);
    let identity = identity.map(|identity| (identity, ShownChain::new(chain, snapshot.generation())));
    Ok((stream, identity))
}

/// Who is at the other end of the socket. The file's mode lets only the owner and root in; the kernel is asked once more.
fn peer(stream: &UnixStream) -> io::Result<OperatorIdentity> {
    let uid = stream.peer_cred()?.uid();
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("uid {uid} is not the owner")));
    }
    Ok(OperatorIdentity::of_socket_peer(uid))
}
