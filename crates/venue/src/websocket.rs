//! WebSocket connections: the upgrade and the loop between socket, protocol and outbox.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use base64::Engine;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

use crate::limits::{FRAME_BYTES_MAX, PING_INTERVAL, PONG_TIMEOUT, WRITE_TIMEOUT};
use crate::outbox::Outbox;
use crate::shell::Shell;

/// RFC 6455, 1.3: appended to the client's key before hashing.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a façade does with the frames of one connection.
pub(crate) trait Protocol: Send + 'static {
    /// Answers one text frame; the answer goes out before any later event.
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String>;

    /// A message on its way out: for venues that number what they tell a connection.
    fn outgoing(&mut self, message: Bytes) -> Bytes {
        message
    }

    /// The connection has ended, whoever ended it.
    fn end(&mut self, _shell: &Shell) {}
}

/// One connection as the hub knows it.
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) outbox: Arc<Outbox>,
}

/// Answers a WebSocket handshake and starts the connection, or says why not.
pub(crate) fn upgrade<P: Protocol>(shell: &Arc<Shell>, request: Request<Body>, make: impl FnOnce(&Connection) -> P) -> Response<Body> {
    let Some(accept) = accept_value(request.headers()) else {
        let mut refusal = Response::new(Body::from("expected a WebSocket handshake"));
        *refusal.status_mut() = StatusCode::UPGRADE_REQUIRED;
        refusal.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        refusal.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return refusal;
    };
    let connection = Connection { id: shell.hub.connect(), outbox: Arc::default() };
    let protocol = make(&connection);
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(serve(Arc::clone(shell), upgrade, connection, protocol));
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    answer
}

/// The `Sec-WebSocket-Accept` for a proper handshake (RFC 6455, 4.2.1).
fn accept_value(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
    };
    let proper = has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade") && has(header::SEC_WEBSOCKET_VERSION, "13");
    if !proper {
        return None;
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(ACCEPT_SUFFIX);
    let accept = base64::engine::general_purpose::STANDARD.encode(context.finish());
    HeaderValue::from_str(&accept).ok()
}

async fn serve<P: Protocol>(shell: Arc<Shell>, upgrade: OnUpgrade, connection: Connection, mut protocol: P) {
    if let Ok(upgraded) = upgrade.await {
        let limits = Limits::default().max_payload_len(Some(FRAME_BYTES_MAX));
        let mut socket = ServerBuilder::new().limits(limits).serve(TokioIo::new(upgraded));
        let reason = drive(&shell, &mut socket, &connection, &mut protocol).await;
        if let Some((code, reason)) = reason {
            let farewell = socket.send(Message::close(Some(code), reason));
            let _peer_may_be_gone = tokio::time::timeout(Duration::from_secs(1), farewell).await;
        }
    }
    protocol.end(&shell);
    shell.hub.disconnect(connection.id);
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Runs one connection until it ends; the close frame to send, if the peer is still there.
async fn drive<P: Protocol>(
    shell: &Shell,
    socket: &mut Socket,
    connection: &Connection,
    protocol: &mut P,
) -> Option<(CloseCode, &'static str)> {
    let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            frame = socket.next() => {
                let message = frame?.ok()?;
                heard = Instant::now();
                if message.is_close() {
                    return None;
                }
                if let Some(text) = message.as_text()
                    && let Some(answer) = protocol.on_text(shell, text)
                {
                    connection.outbox.push_own(Bytes::from(answer));
                }
            }
            batch = connection.outbox.take() => {
                let Some(batch) = batch else {
                    return Some((CloseCode::POLICY_VIOLATION, "slow reader"));
                };
                tokio::select! {
                    written = write(socket, batch.into_iter().map(|message| protocol.outgoing(message))) => written?,
                    () = connection.outbox.overflowed() => return Some((CloseCode::POLICY_VIOLATION, "slow reader")),
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > PONG_TIMEOUT {
                    return Some((CloseCode::POLICY_VIOLATION, "no pong"));
                }
                let ping = socket.send(Message::ping(Bytes::new()));
                tokio::time::timeout(WRITE_TIMEOUT, ping).await.ok()?.ok()?;
            }
            () = shell.stopping.cancelled() => return Some((CloseCode::GOING_AWAY, "venue closing")),
        }
    }
}

async fn write(socket: &mut Socket, batch: impl Iterator<Item = Bytes>) -> Option<()> {
    for message in batch {
        // Every message was rendered from a `String`, so it is valid UTF-8.
        let feed = socket.feed(Message::text(message));
        tokio::time::timeout(WRITE_TIMEOUT, feed).await.ok()?.ok()?;
    }
    tokio::time::timeout(WRITE_TIMEOUT, socket.flush()).await.ok()?.ok()
}
