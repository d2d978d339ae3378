//! A connection to the Binance WebSocket API: the dialect's machine says what happens to a frame, this does it.
//!
//! ```text
//!   text ─▶ WsApiSession ─┬─ reply ──────────────────────────────────────────────▶ client
//!                         └─ verify / recheck ─▶ route ─▶ permit ─▶ charge ─▶ audit ─▶ link of that key ─▶ upstream
//!   client ◀── rateLimits of our own counters ◀── replies and events of all links, in order of arrival
//! ```
//!
//! Decisions:
//! - One upstream connection per key, opened with that key's identity assertion when its first message needs it; the text goes
//!   out as received. Methods about subscriptions, which are public at the venue, follow the key that has subscribed.
//! - `rateLimits` of a reply is ours: the key's counters here are what refuses the next request. Where the upstream sent none,
//!   it is added, because one of the venue's own clients closes the connection without it.
//! - Messages without a key are charged to counters of the connection.
//! - Every record of a connection has the correlation id of its 101: the venue's form of a reply has no place for another.
//! - A reply that did not come in time is answered for (execution unknown); if it comes later, it is passed on as it is.
//! - An upstream that is lost costs its requests an infrastructure error each. If it had a user data stream, the connection is
//!   closed with 1012, because the client could not notice otherwise that events are missing.

mod admission;
mod pending;
mod reply;

use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{CorrelationId, KeyRate, Refusal, Reject};
use countersign_dialects::answer::UnknownKeyAnswer;
use countersign_dialects::binance::routes::WsHandling;
use countersign_dialects::binance::ws_api::{Reply, Step, WsApiSession};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_websockets::Message;

use super::UpstreamHead;
use super::farewell::{Farewell, Refusals};
use super::limits::{BATCH_MAX, DRAIN_GRACE, PING_INTERVAL, SILENCE_MAX, UNPROVED_MESSAGE_BYTES_MAX, WS_API_LIFE};
use super::links::{LinkId, Links};
use super::socket::Socket;
use super::standing::Standing;
use crate::audit::{self, Subject};
use crate::clock;
use crate::connection::Connection;
use crate::respond::Words;
use crate::rewind::Rewind;
use crate::routes::{Family, Route};
use crate::worker::Worker;
use crate::{exchange, explanations};

use admission::{LinkKey, Who};
use pending::Waiting;

/// A connection before its 101 was written.
pub(super) struct WsApi {
    route: Arc<Route>,
    head: UpstreamHead,
    correlation: CorrelationId,
}

/// An open connection.
struct Open<'w, S> {
    worker: &'w Rc<Worker>,
    connection: &'w Rc<Connection>,
    route: Arc<Route>,
    head: UpstreamHead,
    correlation: CorrelationId,
    client: Socket<S>,
    session: WsApiSession,
    links: Links<LinkKey>,
    waiting: Waiting,
    /// What is charged without a key.
    counters: Arc<KeyCounters>,
    words: Words,
    refusals: Refusals,
    draining: bool,
}

impl WsApi {
    pub(super) const fn new(route: Arc<Route>, head: UpstreamHead, correlation: CorrelationId) -> Self {
        Self { route, head, correlation }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run<S>(self, worker: &Rc<Worker>, connection: &Rc<Connection>, stream: Rewind<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut open = Open {
            worker,
            connection,
            route: self.route,
            head: self.head,
            correlation: self.correlation,
            client: Socket::of_client(stream, UNPROVED_MESSAGE_BYTES_MAX),
            session: WsApiSession::new(clock::wall()),
            links: Links::new(),
            waiting: Waiting::default(),
            counters: Arc::default(),
            words: exchange::words(worker, Family::BINANCE),
            refusals: Refusals::default(),
            draining: false,
        };
        let farewell = open.drive().await;
        if let Some(reject) = farewell.reject() {
            open.note_refused(&Refusal::operator(reject, farewell.1));
        }
        let Farewell(code, reason) = farewell;
        tokio::join!(open.client.close(Some(code), reason), open.links.close());
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<'_, S> {
    async fn drive(&mut self) -> Farewell {
        let worker = self.worker;
        let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut draining = worker.shared.drain.subscribe();
        let mut standing = Standing::subscribe(worker);
        let mut end = std::pin::pin!(tokio::time::sleep(WS_API_LIFE));
        loop {
            let ends = self.next_end();
            let overdue = self.waiting.next_deadline(worker.shared.settings.limits.upstream_response_timeout);
            let step = tokio::select! {
                message = self.client.next() => match message {
                    Ok(message) => self.on_client(message).await,
                    Err(error) => Err(error.into()),
                },
                (link, message) = self.links.next() => self.on_links(link, message).await,
                () = sleep_until(overdue) => self.on_overdue().await,
                _ = ping.tick() => self.keep_alive().await,
                () = standing.changed_or(ends) => self.recheck_links(),
                () = draining.wait(), if !self.draining => self.start_drain(end.as_mut()).await,
                () = &mut end => Err(if self.draining { Farewell::DRAINING } else { Farewell::LIFE_OVER }),
            };
            if let Err(farewell) = step {
                return farewell;
            }
            if self.draining && self.waiting.is_empty() {
                return Farewell::DRAINING;
            }
        }
    }

    async fn on_client(&mut self, message: Message) -> Result<(), Farewell> {
        if let Some((code, _)) = message.as_close() {
            return Err(Farewell(code, ""));
        }
        if message.is_binary() {
            return Err(Farewell::NOT_TEXT);
        }
        let Some(text) = message.as_text() else { return Ok(()) };
        self.recheck_connection()?;
        if let Err(refusal) = self.recheck_session() {
            self.note_refused(&refusal);
            let reply = self.session.revoke(refusal, clock::wall());
            return self.reply(&reply).await;
        }
        let step = self.session.handle_text(text, clock::wall());
        match self.verify(step) {
            (Step::Reply(reply), who) => {
                let mut link = None;
                if let Some(refusal) = reply.refusal() {
                    self.note_refused(refusal);
                    self.refusals.charge()?;
                    link = explanations::of_frame(self.worker, self.connection, self.route.family, text, refusal);
                }
                self.reply_as(&reply, &who, link.as_deref()).await
            }
            (Step::Forward(frame, method) | Step::ForwardAs(frame, method, _), who) => {
                let id = frame.id;
                match self.forward(&frame, method, who, &message).await {
                    Ok(()) => Ok(()),
                    Err((refusal, who)) => self.refuse(id, refusal, &who).await,
                }
            }
            (Step::ForwardInSession(frame, method, identity), _) => {
                let id = frame.id;
                let who = match self.who_in_session(&identity) {
                    Ok(who) => who,
                    Err(refusal) => return self.refuse(id, refusal, &Who::Nobody).await,
                };
                let freshness = method.handling == WsHandling::Forward;
                match self.forward_fresh(&frame, method, who, &message, freshness).await {
                    Ok(()) => Ok(()),
                    Err((refusal, who)) => self.refuse(id, refusal, &who).await,
                }
            }
            (Step::ListenKey(id, action, key_id), _) => match self.listen_key(action, &key_id) {
                Ok(key) => self.reply(&Reply::listen_key(id, key, clock::wall())).await,
                Err(refusal) => self.refuse_listener(id, refusal).await,
            },
            (Step::Verify(_), _) => Ok(()),
        }
    }

    /// As the venue tells of an unknown key: no signature was wrong.
    async fn refuse_listener(
        &mut self,
        id: countersign_dialects::binance::ws_api::frame::RequestId<'_>,
        refusal: Refusal,
    ) -> Result<(), Farewell> {
        let usual = std::mem::replace(&mut self.words.unknown_key, UnknownKeyAnswer::AsVenue);
        let told = self.refuse(id, refusal, &Who::Nobody).await;
        self.words.unknown_key = usual;
        told
    }

    async fn refuse(
        &mut self,
        id: countersign_dialects::binance::ws_api::frame::RequestId<'_>,
        refusal: Refusal,
        who: &Who,
    ) -> Result<(), Farewell> {
        self.note_refused(&refusal);
        self.refusals.charge()?;
        let reply = Reply::refused(id, refusal, clock::wall());
        self.reply_as(&reply, who, None).await
    }

    fn note_refused(&self, refusal: &Refusal) {
        let subject = Subject::message(Some(&self.route)).by_key(self.session.identity());
        audit::refused(self.worker, self.connection, &subject, refusal, self.correlation);
    }

    /// Passes on what links have, and what else is there already.
    async fn on_links(&mut self, link: LinkId, message: Option<Message>) -> Result<(), Farewell> {
        let mut next = Some((link, message));
        for _ in 0..BATCH_MAX {
            let Some((link, message)) = next else { break };
            match message {
                Some(message) => {
                    let message = self.on_upstream_text(link, message);
                    self.client.feed(message).await?;
                }
                None => self.on_link_lost(link).await?,
            }
            next = self.links.try_next();
        }
        if let Some((link, message)) = next {
            // Taken out already, one more than a batch.
            match message {
                Some(message) => {
                    let message = self.on_upstream_text(link, message);
                    self.client.feed(message).await?;
                }
                None => self.on_link_lost(link).await?,
            }
        }
        Ok(self.client.flush().await?)
    }

    async fn on_link_lost(&mut self, link: LinkId) -> Result<(), Farewell> {
        let had_stream = self.waiting.has_stream(link);
        self.links.remove(link);
        for waiting in self.waiting.take_link(link) {
            self.answer_for(&waiting, Reject::UpstreamUnavailable.into()).await?;
        }
        if had_stream { Err(Farewell::STREAM_LOST) } else { Ok(()) }
    }

    async fn on_overdue(&mut self) -> Result<(), Farewell> {
        for waiting in self.waiting.take_overdue(self.worker.shared.settings.limits.upstream_response_timeout) {
            self.answer_for(&waiting, Reject::UpstreamTimeout.into()).await?;
        }
        Ok(())
    }

    async fn keep_alive(&mut self) -> Result<(), Farewell> {
        if self.client.silence() >= SILENCE_MAX {
            return Err(Farewell::SILENT);
        }
        for link in self.links.keep_alive() {
            self.on_link_lost(link).await?;
        }
        Ok(self.client.send(Message::ping("")).await?)
    }

    /// Tells the client as the venue does, and gives the answers under way a moment.
    async fn start_drain(&mut self, mut end: std::pin::Pin<&mut tokio::time::Sleep>) -> Result<(), Farewell> {
        self.draining = true;
        end.as_mut().reset(Instant::now() + DRAIN_GRACE.min(self.worker.shared.settings.limits.drain_deadline));
        let event = format!(r#"{{"event":{{"e":"serverShutdown","E":{}}}}}"#, clock::wall().as_millis());
        Ok(self.client.send(Message::text(event)).await?)
    }

    /// What is told about limits where no key is known: a connection may have what its source may.
    fn own_limits(&self) -> (Arc<KeyCounters>, KeyRate) {
        let own = KeyRate::default();
        let weight_per_minute = NonZeroU32::new(self.worker.shared.public_rates.weight_max()).unwrap_or(own.weight_per_minute);
        (Arc::clone(&self.counters), KeyRate { weight_per_minute, ..own })
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
