//! Listener and TLS: from a TCP connection to a [`Connection`] whose negotiated parameters are on record.
//!
//! The caps come first, because TLS costs more than anything behind it. A connection that is over a cap is closed without a
//! word: no byte of it has been read, but where a load balancer says whose it is ([`crate::proxy_protocol`]).

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::BytesMut;
use countersign_core::{Refusal, Reject};
use countersign_pki::{NegotiatedParameters, ServerTlsSnapshot, UnixTime, exporter_binding};
use rustls::server::Acceptor;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::connection::{Connection, OpenConnections};
use crate::detect::{Protocol, detect};
use crate::held::HeldBack;
use crate::proxy_protocol::{Arrival, Caller, Closed, NoPlace, Unnamed};
use crate::worker::Worker;
use crate::{clock, fix, http_server, native};

/// Connections the kernel holds for us between two turns of the accept loop.
const ACCEPT_BACKLOG: i32 = 1_024;

/// A listening socket that several workers can share an address with.
///
/// # Errors
/// As the operating system says; the address in use among them.
pub fn listen(address: SocketAddr, share: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections until the gateway drains.
pub async fn accept_loop(worker: Rc<Worker>, listener: TcpListener) {
    let mut draining = worker.shared.drain.subscribe();
    loop {
        let accepted = tokio::select! {
            // In this order: who is told that this process leaves and comes back at once is the next process's. Accepted here, a Logon
            // would be answered by another farewell.
            biased;
            () = draining.wait() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => admit(&worker, stream, remote),
            Err(error) => {
                // Out of file descriptors or memory: accepting again at once would spin.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How long accepting pauses after the operating system refused: long enough not to spin, short enough not to be noticed.
pub(crate) const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

fn admit(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    let metrics = &worker.shared.metrics;
    let arrival = match worker.shared.settings.listen.proxy_protocol.admit(&worker.shared.connections, peer) {
        Ok(arrival) => arrival,
        Err(NoPlace::Full) => return metrics.connection_refused(),
        Err(NoPlace::Untrusted) => {
            tracing::debug!(%peer, "not in listen.proxy_trusted: closed");
            return metrics.proxy_closed(Closed::Untrusted);
        }
    };
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        worker.shared.metrics.connection_opened();
        serve(&worker, stream, peer, arrival).await;
        worker.shared.metrics.connection_closed();
    });
}

async fn serve(worker: &Rc<Worker>, mut stream: TcpStream, peer: SocketAddr, arrival: Arrival) {
    let deadline = worker.shared.settings.limits.handshake_deadline;
    let until = tokio::time::Instant::now() + deadline;
    let caller = match arrival {
        Arrival::Client(caller) => caller,
        Arrival::Proxy(..) => match Box::pin(arrival.caller(&mut stream, deadline)).await {
            Ok(caller) => caller,
            Err(unnamed) => return note_unnamed(worker, peer, &unnamed),
        },
    };
    let remote = caller.remote;
    match tokio::time::timeout_at(until, Box::pin(handshake(worker, stream, caller))).await {
        Ok(Ok((connection, stream))) => {
            let _listed = OpenConnections::add(&worker.shared, &connection);
            Box::pin(serve_established(worker, connection, stream)).await;
        }
        Ok(Err(refusal)) => {
            worker.shared.metrics.handshake_failed();
            tracing::debug!(%remote, %refusal, "TLS handshake failed");
        }
        Err(_) => {
            worker.shared.metrics.handshake_failed();
            tracing::debug!(%remote, "TLS handshake not complete in time");
        }
    }
}

/// What a balancer says wrongly is its operator's to hear of; how many connections a client has is not.
fn note_unnamed(worker: &Worker, peer: SocketAddr, unnamed: &Unnamed) {
    match unnamed {
        Unnamed::Closed(why, words) => {
            worker.shared.metrics.proxy_closed(*why);
            match why {
                // Balancers that only look whether somebody listens do so all the time.
                Closed::Silent => tracing::debug!(%peer, "closed a connection of a load balancer: {words}"),
                Closed::Untrusted | Closed::Missing | Closed::Malformed | Closed::Late => {
                    tracing::info!(%peer, "closed a connection of a load balancer: {words}");
                }
            }
        }
        Unnamed::Full(remote) => {
            worker.shared.metrics.connection_refused();
            tracing::debug!(%remote, "a source with as many connections as it may have");
        }
    }
}

/// The stream is in a box: it moves through many hands, and each would keep room for it.
type Established = (Rc<Connection>, Box<Stream>);

/// What whoever comes over TLS is spoken to through.
pub(crate) type Stream = TlsStream<HeldBack<TcpStream>>;

async fn handshake(worker: &Worker, stream: TcpStream, caller: Caller) -> Result<Established, Refusal> {
    let failed = |error: io::Error| Refusal::operator(Reject::Malformed, error.to_string());
    stream.set_nodelay(true).map_err(failed)?;
    let snapshot = worker.shared.tls.snapshot();
    let stream = shake_hands(&snapshot, stream).await.map_err(failed)?;
    let connection = record(worker, &snapshot, &stream, caller)?;
    Ok((Rc::new(connection), Box::new(stream)))
}

/// The hello is looked at before there is a TLS connection: rustls has no way to say `unrecognized_name` afterwards.
pub(crate) async fn shake_hands(snapshot: &ServerTlsSnapshot, stream: TcpStream) -> io::Result<Stream> {
    let hello = hear(stream).await?;
    if !snapshot.serves(hello.client_hello().server_name()) {
        say_last(hello.io, &UNRECOGNIZED_NAME).await;
        return Err(io::Error::other("the hello asks for a host that is not served here (SNI)"));
    }
    agree(hello, snapshot).await
}

/// The same at the port of proxies, who find it by whatever name.
pub(crate) async fn shake_hands_by_any_name(snapshot: &ServerTlsSnapshot, stream: TcpStream) -> io::Result<Stream> {
    agree(hear(stream).await?, snapshot).await
}

async fn hear(stream: TcpStream) -> io::Result<StartHandshake<HeldBack<TcpStream>>> {
    let mut hearing = LazyConfigAcceptor::new(Acceptor::default(), HeldBack::new(stream));
    match (&mut hearing).await {
        Ok(mut hello) => {
            hello.io.set_heard();
            Ok(hello)
        }
        Err(error) => {
            if let Some(refused) = hearing.take_io() {
                say_last(refused, &[]).await;
            }
            Err(error)
        }
    }
}

async fn agree(hello: StartHandshake<HeldBack<TcpStream>>, snapshot: &ServerTlsSnapshot) -> io::Result<Stream> {
    match hello.into_stream(snapshot.config()).into_fallible().await {
        Ok(mut stream) => {
            stream.get_mut().0.set_established();
            Ok(stream)
        }
        Err((error, refused)) => {
            say_last(refused, &[]).await;
            Err(error)
        }
    }
}

/// A fatal alert in a record of its own, before there are keys (RFC 8446, 5.1 and 6): RFC 6066, 3 wants it for a name that is not ours.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The alert says why; it is the last thing that was kept back, or comes behind it.
async fn say_last(mut refused: HeldBack<TcpStream>, alert: &[u8]) {
    refused.set_established();
    drop(refused.write_all(alert).await);
    drop(refused.flush().await);
}

fn record(worker: &Worker, snapshot: &ServerTlsSnapshot, stream: &Stream, caller: Caller) -> Result<Connection, Refusal> {
    let Caller { remote, proxy, slots } = caller;
    let (_, tls) = stream.get_ref();
    let internal = |why: &dyn std::fmt::Display| Refusal::operator(Reject::Internal, why.to_string());
    let negotiated = NegotiatedParameters::of_server(tls).map_err(|error| internal(&error))?;
    // A resumed session brings its client certificate from the ticket; nobody has looked at its dates since.
    let now = clock::wall();
    worker
        .shared
        .tls
        .recheck_handshake(tls, snapshot, UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_secs())))
        .map_err(|error| Refusal::operator(Reject::CertificateUnacceptable, error.to_string()))?;
    let server_certificate =
        snapshot.leaf_certificate_hash(tls.server_name()).ok_or_else(|| internal(&"no certificate for a completed handshake"))?;
    let binding = (exporter_binding(tls), server_certificate);
    let connection = Connection::new(worker.correlation.next(), remote, now, negotiated, binding, slots);
    let connection = connection.with_chain(tls.peer_certificates(), snapshot.generation()).behind(proxy);
    worker.shared.metrics.handshake_done(&connection.negotiated);
    Ok(connection)
}

async fn serve_established(worker: &Rc<Worker>, connection: Rc<Connection>, mut stream: Box<Stream>) {
    let told = connection.negotiated.alpn.as_deref().and_then(Protocol::from_alpn);
    let (protocol, read) = match told {
        Some(protocol) => (protocol, BytesMut::new()),
        None => match tokio::time::timeout(worker.shared.settings.limits.head_deadline, detect(&mut stream)).await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None) | Err(_)) | Err(_) => {
                drop(stream.shutdown().await);
                return;
            }
        },
    };
    let worker = Rc::clone(worker);
    // Boxes, so that a connection does not keep room for the protocols that it does not speak.
    match protocol {
        Protocol::Http1 => Box::pin(http_server::serve_http1(worker, connection, stream, read)).await,
        Protocol::Http2 => Box::pin(http_server::serve_http2(worker, connection, crate::rewind::Rewind::new(stream, read))).await,
        Protocol::Fix if worker.shared.settings.fix.enabled => {
            Box::pin(fix::serve(worker, connection, crate::rewind::Rewind::new(stream, read))).await;
        }
        Protocol::Fix => drop(stream.shutdown().await),
        Protocol::Native => Box::pin(native::serve_raw(worker, connection, crate::rewind::Rewind::new(stream, read))).await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::on_stage;

    #[tokio::test]
    async fn who_comes_when_it_is_said_that_this_process_leaves_is_left_to_the_next_one() {
        on_stage(|stage| async move {
            stage.worker.shared.drain.start();
            // The order in which a future looks at its branches may be left to chance.
            for _ in 0..32 {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
                let next = TcpListener::from_std(listener.try_clone().unwrap()).unwrap();
                let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let listener = TcpListener::from_std(listener).unwrap();
                // The runtime knows that somebody waits.
                tokio::task::yield_now().await;
                accept_loop(Rc::clone(&stage.worker), listener).await;
                let left = tokio::time::timeout(std::time::Duration::from_secs(5), next.accept()).await;
                left.expect("nobody is left to the next one").unwrap();
            }
        })
        .await;
    }
}
