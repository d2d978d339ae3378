//! A relay: frames pass both ways unread. Market data takes this way.
//!
//! ```text
//!   client ──▶ one message ──▶ upstream      each direction holds one message; while it cannot be written,
//!   client ◀── one message ◀── upstream      nothing more is read from where it came from
//! ```
//!
//! | what happens | client sees | upstream sees |
//! |---|---|---|
//! | either side closes | the same code | the same code |
//! | client gone, or breaks the protocol | - or 1002, 1007, 1009 | 1001 |
//! | client does not read, or is silent | 1008 | 1001 |
//! | upstream gone or silent | 1012 | - |
//! | key, token or session revoked, or over | 1008 | 1001 |
//! | listen key over | `listenKeyExpired`, 1008 | 1001 |
//! | drain | 1001 | 1001 |
//!
//! A stream that a listen key opened is one way: nothing that its client sends is passed on.
//! A payload is moved, not copied; messages that are there already are written together.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use countersign_core::{CorrelationId, Purpose, Refusal, Reject, Timestamp};
use countersign_dialects::binance::listen_key;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_websockets::{CloseCode, Message};

use super::connect::{NotSwitched, UpstreamHead, UpstreamSocket, connect};
use super::limits::{PING_INTERVAL, SILENCE_MAX};
use super::socket::{Socket, SocketError};
use super::standing::Standing;
use crate::audit::{self, Subject};
use crate::authenticate::{Login, check_required, recheck_certificate, required_end};
use crate::clock;
use crate::connection::Connection;
use crate::exchange::Admitted;
use crate::halts::Cleared;
use crate::listen_keys::Listening;
use crate::rewind::Rewind;
use crate::routes::Route;
use crate::worker::Worker;

/// A relay whose upstream is connected.
pub(super) struct Relay {
    upstream: UpstreamSocket,
    /// Held as long as frames pass.
    _permit: Cleared,
    login: Option<Login>,
    /// The listen key that opened it: it ends with that, and passes nothing on from the client.
    listening: Option<Listening>,
    route: Arc<Route>,
    correlation: CorrelationId,
}

/// One side of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Client,
    Upstream,
}

/// Why a relay ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// A side closed, with this code.
    Closed(CloseCode),
    /// The node leaves.
    Draining,
    /// A side failed.
    Failed(End, SocketError),
    /// The listen key is over.
    ListenKeyOver,
    /// The key may no longer be used.
    Revoked(Refusal),
    /// A side is silent.
    Silent(End),
}

impl Ended {
    /// What each side is told: client, upstream.
    fn codes(&self) -> (CloseCode, CloseCode) {
        match self {
            Self::Closed(code) => (*code, *code),
            Self::Draining => (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY),
            Self::Failed(End::Client, _) | Self::ListenKeyOver | Self::Revoked(_) | Self::Silent(End::Client) => {
                (CloseCode::POLICY_VIOLATION, CloseCode::GOING_AWAY)
            }
            Self::Failed(End::Upstream, _) | Self::Silent(End::Upstream) => (CloseCode::SERVICE_RESTART, CloseCode::GOING_AWAY),
        }
    }

    const fn reason(&self) -> &'static str {
        match self {
            Self::Closed(_) => "",
            Self::Draining => "this node is leaving",
            Self::Failed(End::Client, SocketError::Slow) => "slow consumer",
            Self::Failed(End::Client, SocketError::Lost | SocketError::Protocol | SocketError::TooLarge) => "protocol error",
            Self::Failed(End::Upstream, _) | Self::Silent(End::Upstream) => "the upstream is gone",
            Self::ListenKeyOver => "the listen key is over",
            Self::Revoked(_) => "the credential may no longer be used",
            Self::Silent(End::Client) => "no pong",
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Failed(End::Client, SocketError::Slow) => Some(Reject::SlowConsumer.into()),
            Self::Failed(End::Client, SocketError::TooLarge) => Some(Reject::TooLarge.into()),
            Self::Failed(End::Client, SocketError::Protocol) => Some(Reject::Malformed.into()),
            Self::Failed(End::Upstream, _) | Self::Silent(End::Upstream) => Some(Reject::UpstreamUnavailable.into()),
            Self::Revoked(refusal) => Some(refusal.clone()),
            Self::Closed(_)
            | Self::Draining
            | Self::Failed(End::Client, SocketError::Lost)
            | Self::ListenKeyOver
            | Self::Silent(End::Client) => None,
        }
    }
}

impl Relay {
    /// Connects the upstream; the client is answered 101 only after that.
    pub(super) async fn connect(
        worker: &Worker,
        connection: &Connection,
        route: &Arc<Route>,
        (admitted, listening): (Admitted, Option<Listening>),
        head: UpstreamHead,
        correlation: CorrelationId,
    ) -> Result<Self, NotSwitched> {
        let Admitted { permit, login, .. } = admitted;
        let session = login.as_ref().and_then(|login| login.session.as_ref());
        let upstream = connect(worker, connection, route.upstream, &permit, session, &head).await?;
        // What it may do from now on is asked at every change of the halts; it does not hold up a barrier for hours.
        worker.shared.halts.gate().confirm(&permit)?;
        permit.sent();
        Ok(Self { upstream, _permit: permit, login, listening, route: Arc::clone(route), correlation })
    }

    /// Passes frames on until a side ends.
    pub(super) async fn run<S>(mut self, worker: &Rc<Worker>, connection: &Rc<Connection>, stream: Rewind<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = Socket::of_client(stream, worker.shared.settings.limits.websocket_message_bytes_max);
        let to_upstream = Direction { is_mute: self.listening.is_some(), ..Direction::default() };
        let mut pair = Pair { client, upstream: self.upstream, to_client: Direction::default(), to_upstream };
        let key = self.listening.as_ref().map(|listening| listening.key);
        let ended = tokio::select! {
            ended = drive(worker, connection, &self.route, &mut pair, self.login.as_ref()) => ended,
            () = over(self.listening.as_mut()) => Ended::ListenKeyOver,
        };
        if let (Ended::ListenKeyOver, Some(key)) = (&ended, key) {
            // Whoever does not take it is closed all the same.
            let _ = pair.client.send(Message::text(listen_key::expired(&key, clock::wall()))).await;
        }
        if let Some(refusal) = ended.refusal() {
            let subject = Subject::message(Some(&self.route)).by(self.login.as_ref());
            audit::refused(worker, connection, &subject, &refusal, self.correlation);
        }
        let (client, upstream) = ended.codes();
        tokio::join!(pair.client.close(Some(client), ended.reason()), pair.upstream.close(Some(upstream), ended.reason()));
    }
}

async fn over(listening: Option<&mut Listening>) {
    match listening {
        Some(listening) => listening.over().await,
        None => std::future::pending().await,
    }
}

async fn drive<C, U>(worker: &Rc<Worker>, connection: &Connection, route: &Route, pair: &mut Pair<C, U>, login: Option<&Login>) -> Ended
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut draining = worker.shared.drain.subscribe();
    let mut standing = Standing::subscribe(worker);
    // What changed while the upstream was asked is not told any more.
    let mut ends = match recheck(worker, connection, route, login) {
        Ok(end) => end,
        Err(refusal) => return Ended::Revoked(refusal),
    };
    loop {
        tokio::select! {
            ended = std::future::poll_fn(|cx| pair.poll(cx)) => return ended,
            _ = ping.tick() => if let Err(ended) = pair.keep_alive() { return ended },
            () = draining.wait() => return Ended::Draining,
            () = standing.changed_or(ends) => match recheck(worker, connection, route, login) {
                // What ended was not needed, such as a certificate that was sent along.
                Ok(end) => ends = end,
                Err(refusal) => return Ended::Revoked(refusal),
            },
        }
    }
}

/// Whether it may go on, and when that is to be asked again.
fn recheck(worker: &Worker, connection: &Connection, route: &Route, login: Option<&Login>) -> Result<Option<Timestamp>, Refusal> {
    check_required(worker, connection)?;
    let gate = worker.shared.halts.gate();
    let session = login.and_then(|login| login.session.as_ref()).map(|session| session.sid);
    gate.admit_presence(login.map(|login| &login.identity), route.family, session)?;
    // Frames of a relay are not read: what may carry orders is cut by whatever stops orders.
    if route.risk.writes()
        && let Some(hit) = login.and_then(|login| gate.strongest(&login.identity, session))
    {
        return Err(Refusal::operator(Reject::Halted, hit.id.to_string()));
    }
    let Some(login) = login else { return Ok(required_end(worker, connection)) };
    if let Some(token) = &login.token {
        token.recheck(worker)?;
    }
    if let Some(session) = &login.session
        && worker.shared.oauth.is_session_revoked(session.sid)
    {
        return Err(Reject::SessionExpired.into());
    }
    let table = worker.shared.credentials.load();
    let purpose = login.identity.purpose();
    let current = if purpose == Purpose::Bearer {
        // No record of ours stands behind a token of an issuer: it ends with its own life.
        Some(login.identity.credential())
    } else {
        table.find(purpose, login.identity.key_id()).map(|entry| &entry.credential)
    };
    recheck_certificate(worker, connection, login)?;
    let identity = login.identity.recheck(current, Some(connection.remote.ip()), clock::wall())?;
    Ok(Login { identity, ..login.again() }.ends(worker, connection))
}

/// Both sockets, and what is on its way between them.
struct Pair<C, U> {
    client: Socket<C>,
    upstream: Socket<U>,
    to_client: Direction,
    to_upstream: Direction,
}

#[derive(Default)]
struct Direction {
    waiting: Option<Message>,
    unflushed: bool,
    /// Whether messages are dropped: who only listens has nothing to say.
    is_mute: bool,
}

impl<C, U> Pair<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let down = self.to_client.poll(&mut self.upstream, &mut self.client, (End::Upstream, End::Client), cx);
        if down.is_ready() {
            return down;
        }
        self.to_upstream.poll(&mut self.client, &mut self.upstream, (End::Client, End::Upstream), cx)
    }

    fn keep_alive(&mut self) -> Result<(), Ended> {
        keep_alive(&mut self.client, &mut self.to_client, End::Client)?;
        keep_alive(&mut self.upstream, &mut self.to_upstream, End::Upstream)
    }
}

fn keep_alive<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>, direction: &mut Direction, end: End) -> Result<(), Ended> {
    if socket.silence() >= SILENCE_MAX {
        return Err(Ended::Silent(end));
    }
    // One ping in 20 s and the end after 60 s of silence: at most three are ever queued.
    socket.start_send(Message::ping("")).map_err(|error| Ended::Failed(end, error))?;
    direction.unflushed = true;
    Ok(())
}

impl Direction {
    fn poll<A, B>(&mut self, from: &mut Socket<A>, to: &mut Socket<B>, ends: (End, End), cx: &mut Context<'_>) -> Poll<Ended>
    where
        A: AsyncRead + AsyncWrite + Unpin,
        B: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if self.waiting.is_some()
                && let Err(error) = ready!(to.poll_ready(cx))
            {
                return Poll::Ready(Ended::Failed(ends.1, error));
            }
            if let Some(message) = self.waiting.take() {
                if let Err(error) = to.start_send(message) {
                    return Poll::Ready(Ended::Failed(ends.1, error));
                }
                self.unflushed = true;
            }
            match from.poll_next(cx) {
                Poll::Ready(Ok(message)) => match message.as_close() {
                    Some((code, _)) => return Poll::Ready(Ended::Closed(code)),
                    None => self.waiting = ((message.is_text() || message.is_binary()) && !self.is_mute).then_some(message),
                },
                Poll::Ready(Err(error)) => return Poll::Ready(Ended::Failed(ends.0, error)),
                Poll::Pending => return self.poll_flush(to, ends.1, cx),
            }
        }
    }

    fn poll_flush<B: AsyncRead + AsyncWrite + Unpin>(&mut self, to: &mut Socket<B>, end: End, cx: &mut Context<'_>) -> Poll<Ended> {
        if self.unflushed {
            if let Err(error) = ready!(to.poll_flush(cx)) {
                return Poll::Ready(Ended::Failed(end, error));
            }
            self.unflushed = false;
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
