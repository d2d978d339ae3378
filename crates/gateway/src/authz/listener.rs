//! The listener for proxies: lets trusted peers in, finds out how they ask, and serves them.
//!
//! ```text
//!   accept ─▶ address among the peers? ─▶ TLS with a client certificate, where configured ─▶ HTTP/1.1 behind the head guard, or HTTP/2
//!                 no: closed without a word
//! ```

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use bytes::BytesMut;
use countersign_core::{Refusal, Reject};
use countersign_pki::UnixTime;
use http::{Method, Request, Response, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tonic_prost::ProstCodec;

use super::answer::{for_envoy, for_nginx};
use super::clients::behind_proxy;
use super::grpc::{CHECK_PATH, Check};
use super::limits::{H2_STREAMS_MAX, OPENING_DEADLINE, PROXY_CONNECTIONS_MAX};
use super::original::{ENVOY_PREFIX, NGINX_PATH, Original};
use super::{Authz, Verdict};
use crate::accept::{Stream, shake_hands_by_any_name};
use crate::body::budget::{ConnectionBodies, Held};
use crate::body::{RequestBody, ResponseBody};
use crate::connection::{Connection, ShownChain};
use crate::detect::{Protocol, detect};
use crate::head_guard::{HeadGuard, limits as head_limits};
use crate::http_server::{LocalExecutor, Refusals, bounds};
use crate::rewind::Rewind;
use crate::worker::Worker;

/// Accepts proxies until the gateway drains.
pub(crate) async fn accept_loop(worker: Rc<Worker>, listener: TcpListener) {
    let authz = Rc::new(Authz::new(Rc::clone(&worker)));
    let places = Rc::new(tokio::sync::Semaphore::new(PROXY_CONNECTIONS_MAX));
    let mut draining = worker.shared.drain.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = async {
                let place = Rc::clone(&places);
                // Closing is not for us to do: the semaphore lives as long as the loop.
                let taken = place.acquire().await.map(tokio::sync::SemaphorePermit::forget);
                taken.is_ok().then_some(listener.accept().await)
            } => accepted,
            () = draining.wait() => return,
        };
        match accepted {
            Some(Ok((stream, remote))) => {
                let (authz, places) = (Rc::clone(&authz), Rc::clone(&places));
                tokio::task::spawn_local(async move {
                    serve(&authz, stream, remote).await;
                    places.add_permits(1);
                });
            }
            Some(Err(error)) => {
                places.add_permits(1);
                tracing::warn!(%error, "accept of a proxy failed");
                tokio::time::sleep(crate::accept::ACCEPT_PAUSE).await;
            }
            None => return,
        }
    }
}

async fn serve(authz: &Rc<Authz>, stream: TcpStream, remote: SocketAddr) {
    let worker = &authz.worker;
    if !is_peer(worker, remote.ip()) {
        worker.shared.metrics.connection_refused();
        tracing::warn!(%remote, "not one of authz.peers: closed");
        return;
    }
    let Some(slots) = worker.shared.connections.admit(remote.ip()) else {
        worker.shared.metrics.connection_refused();
        return;
    };
    let proxy = Rc::new(behind_proxy(worker, remote, slots));
    // It is trusted by configuration: it does not count as a stranger.
    proxy.note_trusted();
    drop(stream.set_nodelay(true));
    worker.shared.metrics.connection_opened();
    let served = match &worker.shared.authz_tls {
        None => opened(authz, &proxy, stream).await,
        Some(tls) => match tokio::time::timeout(OPENING_DEADLINE, Box::pin(handshake(tls, stream))).await {
            Ok(Ok((stream, shown))) => tokio::select! {
                served = opened(authz, &proxy, stream) => served,
                () = shown.over(tls) => Err("its certificate is good no longer".to_owned()),
            },
            Ok(Err(error)) => Err(error),
            Err(_) => Err("no TLS handshake in time".to_owned()),
        },
    };
    if let Err(error) = served {
        tracing::info!(%remote, error, "connection of a proxy ended");
    }
    worker.shared.metrics.connection_closed();
}

fn is_peer(worker: &Worker, address: IpAddr) -> bool {
    let address = address.to_canonical();
    worker.shared.settings.authz.peers.iter().any(|network| network.contains(&address))
}

/// The verifier of the listener asks for a client certificate; without one there is no stream.
async fn handshake(tls: &countersign_pki::ServerTls, stream: TcpStream) -> Result<(Box<Stream>, ShownChain), String> {
    let snapshot = tls.snapshot();
    let stream = shake_hands_by_any_name(&snapshot, stream).await.map_err(|error| error.to_string())?;
    let (_, connection) = stream.get_ref();
    tls.recheck_handshake(connection, &snapshot, UnixTime::now()).map_err(|error| error.to_string())?;
    let shown = ShownChain::new(connection.peer_certificates().unwrap_or_default(), snapshot.generation());
    Ok((Box::new(stream), shown))
}

async fn opened<S>(authz: &Rc<Authz>, proxy: &Rc<Connection>, mut stream: S) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (protocol, read) = match tokio::time::timeout(OPENING_DEADLINE, detect(&mut stream)).await {
        Ok(Ok(Some(found))) => found,
        // A proxy that opens connections ahead of need and closes them again.
        Ok(Ok(None)) | Err(_) => return Ok(()),
        Ok(Err(error)) => return Err(error.to_string()),
    };
    match protocol {
        Protocol::Http1 => serve_http1(authz, proxy, stream, &read).await,
        Protocol::Http2 => serve_http2(authz, proxy, Rewind::new(stream, read)).await,
        Protocol::Fix => Err("spoke FIX".to_owned()),
        Protocol::Native => Err("spoke countersign/1".to_owned()),
    }
}

async fn serve_http1<S>(authz: &Rc<Authz>, proxy: &Rc<Connection>, stream: S, read: &BytesMut) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let worker = &authz.worker;
    let sink = Rc::new(Refusals::new(Rc::clone(worker), Rc::clone(proxy)));
    let guard = HeadGuard::new(stream, read, bounds(worker), sink);
    let service = {
        let (authz, proxy) = (Rc::clone(authz), Rc::clone(proxy));
        service_fn(move |request| answer(Rc::clone(&authz), Rc::clone(&proxy), request))
    };
    let server = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(head_limits::HEADER_FIELDS_MAX)
        .serve_connection(TokioIo::new(guard), service);
    let mut server = std::pin::pin!(server);
    let mut draining = worker.shared.drain.subscribe();
    let ended = tokio::select! {
        ended = server.as_mut() => ended,
        () = draining.wait() => {
            server.as_mut().graceful_shutdown();
            server.await
        }
    };
    ended.map_err(|error| error.to_string())
}

async fn serve_http2<S>(authz: &Rc<Authz>, proxy: &Rc<Connection>, stream: S) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let limits = &authz.worker.shared.settings.limits;
    let service = {
        let (authz, proxy) = (Rc::clone(authz), Rc::clone(proxy));
        service_fn(move |request| answer(Rc::clone(&authz), Rc::clone(&proxy), request))
    };
    let server = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.head_deadline)
        .serve_connection(TokioIo::new(stream), service);
    let mut server = std::pin::pin!(server);
    let mut draining = authz.worker.shared.drain.subscribe();
    let ended = tokio::select! {
        ended = server.as_mut() => ended,
        () = draining.wait() => {
            server.as_mut().graceful_shutdown();
            server.await
        }
    };
    ended.map_err(|error| error.to_string())
}

/// An answer of ours, or one of the gRPC library.
type Answered = Response<Either<ResponseBody, tonic::body::Body>>;

/// Answers one question.
async fn answer(authz: Rc<Authz>, proxy: Rc<Connection>, request: Request<Incoming>) -> Result<Answered, Infallible> {
    let _under_way = proxy.exchanges.begin();
    let path = request.uri().path();
    if path == CHECK_PATH && request.version() == Version::HTTP_2 && request.method() == Method::POST {
        return Ok(check(&authz, &proxy, request).await.map(Either::Right));
    }
    let answer = if path == NGINX_PATH {
        let (parts, _) = request.into_parts();
        for_nginx(authz.decide(&proxy, Original::of_nginx(parts)))
    } else if path.strip_prefix(ENVOY_PREFIX).is_some_and(|rest| rest.starts_with('/')) {
        for_envoy(of_envoy(&authz, &proxy, request).await)
    } else {
        let unknown = Refusal::operator(Reject::RouteUnknown, "proxies ask at /authz, /authz/envoy/… or by gRPC");
        for_envoy(authz.decide(&proxy, Err(unknown)))
    };
    Ok(answer.map(Either::Left))
}

async fn of_envoy(authz: &Authz, proxy: &Connection, request: Request<Incoming>) -> Verdict {
    let settings = &authz.worker.shared.settings;
    let (parts, body) = request.into_parts();
    // One connection of a proxy carries many clients: only the budget of the worker has a meaning here.
    let bodies = ConnectionBodies::default();
    bodies.note_authenticated();
    let held = Held::new(bodies, authz.worker.bodies.clone());
    let read = RequestBody::read(body, settings.limits.body_bytes_max, settings.limits.body_deadline, held).await;
    let asked = match read {
        Ok(mut body) => Original::of_envoy(parts, body.contiguous(), settings.authz.bodies_passed_on),
        Err(refusal) => Err(refusal),
    };
    authz.decide(proxy, asked)
}

async fn check(authz: &Rc<Authz>, proxy: &Rc<Connection>, request: Request<Incoming>) -> Response<tonic::body::Body> {
    let limits = &authz.worker.shared.settings.limits;
    // A question is a head and a body, told twice at most: once as it is and once in the attributes.
    let question_bytes_max = 2 * (limits.head_bytes_max + limits.body_bytes_max);
    let mut grpc = tonic::server::Grpc::new(ProstCodec::default()).max_decoding_message_size(question_bytes_max);
    let service = Check { authz: Rc::clone(authz), proxy: Rc::clone(proxy) };
    let asked = Box::pin(grpc.unary(service, request));
    tokio::time::timeout(limits.body_deadline, asked)
        .await
        .unwrap_or_else(|_| tonic::Status::deadline_exceeded("the question did not arrive in time").into_http())
}
