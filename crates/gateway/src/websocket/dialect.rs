//! A WebSocket of a dialect: its machine says what happens to a frame, this does it.
//!
//! ```text
//!   text ─▶ DialectSocket ─┬─ reply, close ─────────────────────────────────────▶ client
//!                          ├─ verify, verify a token ─▶ conclude ─▶ (again)
//!                          └─ forward ─▶ route ─▶ permit ─▶ charge ─▶ audit ─▶ link of that identity ─▶ upstream
//!   client ◀── passed, dropped or rewritten by the machine ◀── texts of all links, in order of arrival
//! ```
//!
//! Decisions:
//! - One upstream connection per identity, opened with its identity assertion when its first message needs it, and one without any
//!   for public data. Texts go out as received, unless the machine rewrites them.
//! - An upstream that is lost closes the connection with 1012: the client could not notice otherwise that its streams ended.
//! - A node that leaves takes no more messages, waits for answers to the latest ones, and closes with 1001.
//! - Every record of a connection has the correlation id of its 101.

mod admission;

use std::rc::Rc;
use std::sync::Arc;

use countersign_core::rate::KeyCounters;
use countersign_core::{Blame, CorrelationId, Monotonic, Refusal, Reject, VerifiedIdentity};
use countersign_dialects::DialectSocket;
use countersign_dialects::socket::{Downstream, Forward, Opening, Step};
use http::HeaderValue;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_websockets::{CloseCode, Message};

use super::UpstreamHead;
use super::farewell::{Farewell, Refusals};
use super::limits::{ANSWER_GRACE, BATCH_MAX, PING_INTERVAL, SILENCE_MAX, UNPROVED_SUBSCRIPTION_BYTES_MAX, WS_API_LIFE};
use super::links::{LinkId, Links};
use super::socket::Socket;
use super::standing::Standing;
use crate::audit::{self, Subject};
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::desk::GatewayDesk;
use crate::respond::Words;
use crate::rewind::Rewind;
use crate::routes::Route;
use crate::worker::Worker;
use crate::{exchange, explanations};

use admission::LinkKey;

/// A connection before its 101 was written.
pub(super) struct DialectWebSocket {
    route: Arc<Route>,
    machine: Box<dyn DialectSocket>,
    authority: String,
    head: UpstreamHead,
    correlation: CorrelationId,
}

impl DialectWebSocket {
    /// Opens the machine of a route's dialect.
    ///
    /// # Errors
    /// [`Reject::RouteUnknown`] when the dialect has no socket at this path.
    pub(super) fn open(
        route: Arc<Route>,
        parts: &Parts,
        authority: &HeaderValue,
        head: UpstreamHead,
        correlation: CorrelationId,
    ) -> Result<Self, Refusal> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let opening = Opening { target, now: clock::now(), issued_challenge: None };
        let machine =
            route.family.dialect().and_then(|dialect| dialect.open_socket_with(&opening, &parts.headers)).ok_or(Reject::RouteUnknown)?;
        let authority = authority.to_str().unwrap_or_default().to_owned();
        Ok(Self { route, machine, authority, head, correlation })
    }

    /// Serves the connection until it ends.
    pub(super) async fn run<S>(self, worker: &Rc<Worker>, connection: &Rc<Connection>, stream: Rewind<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let words = exchange::words(worker, self.route.family);
        let mut open = Open {
            worker,
            connection,
            route: self.route,
            authority: self.authority,
            head: self.head,
            correlation: self.correlation,
            client: Socket::of_client(stream, UNPROVED_SUBSCRIPTION_BYTES_MAX),
            machine: self.machine,
            links: Links::new(),
            logins: Vec::new(),
            counters: Arc::default(),
            words,
            refusals: Refusals::default(),
            asked: None,
            leaving: None,
            is_gone: false,
        };
        let farewell = open.drive().await;
        if let Some(reject) = farewell.reject() {
            open.note_refused(&Refusal::operator(reject, farewell.1), None);
        }
        if farewell != Farewell::CLOSED {
            open.end_uncleanly().await;
        }
        let Farewell(code, reason) = farewell;
        tokio::join!(open.client.close(Some(code), reason), open.links.close());
    }
}

/// An open connection.
struct Open<'w, S> {
    worker: &'w Rc<Worker>,
    connection: &'w Rc<Connection>,
    route: Arc<Route>,
    authority: String,
    head: UpstreamHead,
    correlation: CorrelationId,
    client: Socket<S>,
    machine: Box<dyn DialectSocket>,
    links: Links<LinkKey>,
    /// Who proved themselves on this connection, with what they may use: a few, as links are.
    logins: Vec<Login>,
    /// What is charged without a key.
    counters: Arc<KeyCounters>,
    words: Words,
    refusals: Refusals,
    /// When a message last went upstream.
    asked: Option<Monotonic>,
    /// Since the node leaves: until when answers are waited for.
    leaving: Option<Monotonic>,
    /// The client is, and what is left to be said is said in its name.
    is_gone: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<'_, S> {
    async fn drive(&mut self) -> Farewell {
        let worker = self.worker;
        let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut draining = worker.shared.drain.subscribe();
        let mut standing = Standing::subscribe(worker);
        let mut end = std::pin::pin!(tokio::time::sleep(WS_API_LIFE));
        if let Err(farewell) = self.recheck() {
            return farewell;
        }
        if let Err(farewell) = self.greet().await {
            return farewell;
        }
        loop {
            let deadline = self.machine.poll_timeout();
            let ends = self.next_end();
            let step = tokio::select! {
                message = self.client.next() => match message {
                    Ok(message) => self.on_client(message).await,
                    Err(error) => Err(error.into()),
                },
                (link, message) = self.links.next() => self.on_links(link, message).await,
                () = clock::until(deadline) => self.on_timeout().await,
                _ = ping.tick() => self.keep_alive().await,
                () = standing.changed_or(ends) => self.recheck(),
                () = draining.wait(), if self.leaving.is_none() => self.leave(),
                () = clock::until(self.leaving) => Err(Farewell::DRAINING),
                () = &mut end => Err(Farewell::LIFE_OVER),
            };
            if let Err(farewell) = step {
                return farewell;
            }
        }
    }

    /// The node leaves. What was asked a moment ago is answered first.
    fn leave(&mut self) -> Result<(), Farewell> {
        let until = self.asked.map(|asked| asked.saturating_add(ANSWER_GRACE)).filter(|until| *until > clock::mono());
        self.leaving = Some(until.ok_or(Farewell::DRAINING)?);
        Ok(())
    }

    /// The client went without a goodbye: what it had asked for that case is done in its name. The answers go nowhere, but what is
    /// known only by one is done when it comes.
    async fn end_uncleanly(&mut self) {
        self.is_gone = true;
        // A link that ended in the same moment would take what is said, and nobody would hear it.
        while let Some((link, message)) = self.links.try_next() {
            match message {
                Some(message) => drop(self.hear(link, &message)),
                None => self.links.remove(link),
            }
        }
        let until = clock::mono().saturating_add(ANSWER_GRACE);
        let mut waited = false;
        loop {
            for forward in self.machine.unclean_end(waited) {
                self.say_for_the_gone(forward).await;
            }
            if waited || !self.machine.awaits_answers() {
                return;
            }
            waited = tokio::select! {
                (link, message) = self.links.next() => match message {
                    Some(message) => {
                        self.hear(link, &message);
                        false
                    }
                    None => {
                        self.links.remove(link);
                        true
                    }
                },
                () = clock::until(Some(until)) => true,
            };
        }
    }

    /// On a link that fails with it once more on a new one: nobody else tells the venue.
    async fn say_for_the_gone(&mut self, forward: Forward) {
        let again = forward.clone();
        let key = forward.identity.clone().map_or(LinkKey::Public, LinkKey::Key);
        let Err(mut refusal) = self.forward(forward, None).await else { return };
        if refusal.reject.blame() == Blame::Infrastructure
            && let Some(link) = self.links.find(&key)
        {
            self.links.remove(link);
            match self.forward(again, None).await {
                Ok(()) => return,
                Err(other) => refusal = other,
            }
        }
        self.note_refused(&refusal, key.identity());
    }

    async fn greet(&mut self) -> Result<(), Farewell> {
        let mut desk = GatewayDesk::new(&self.worker.shared, self.connection, &self.authority);
        let step = self.machine.greet(clock::wall(), &mut desk);
        self.settle(step, None).await
    }

    async fn on_client(&mut self, message: Message) -> Result<(), Farewell> {
        if let Some((code, _)) = message.as_close() {
            return Err(Farewell(code, ""));
        }
        if message.is_binary() {
            return Err(Farewell::NOT_TEXT);
        }
        let Some(text) = message.as_text() else { return Ok(()) };
        self.recheck()?;
        let (worker, connection) = (self.worker, self.connection);
        let mut desk = GatewayDesk::new(&worker.shared, connection, &self.authority);
        let step = self.machine.handle_text(text, clock::wall(), &mut desk);
        self.settle(step, Some(&message)).await
    }

    /// Verifies what a step asks for, and does what follows. `message` is the frame it is about.
    async fn settle(&mut self, step: Step<'_>, message: Option<&Message>) -> Result<(), Farewell> {
        let (worker, connection) = (self.worker, self.connection);
        let verified = match step {
            Step::Verify(presented) => admission::verify_either(worker, connection, &presented, self.machine.take_other_reading()),
            Step::VerifyToken(token) => admission::verify_token(worker, connection, &token),
            step @ (Step::Close { .. } | Step::Forward(_) | Step::Refuse { .. } | Step::Reply(_)) => {
                return self.carry_out(step, message).await;
            }
        };
        let result = self.note_login(verified);
        let mut desk = GatewayDesk::new(&worker.shared, connection, &self.authority);
        let step = self.machine.conclude(result, clock::wall(), &mut desk);
        self.carry_out(step, message).await
    }

    /// Does what a step says. `message` is the frame it is about.
    async fn carry_out(&mut self, step: Step<'_>, message: Option<&Message>) -> Result<(), Farewell> {
        match step {
            Step::Reply(texts) => {
                if let Some(wanted) = self.machine.take_cancel_on_disconnect()
                    && let Err(refusal) = self.keep(&wanted).await
                {
                    return self.refuse(&refusal, Some(&wanted.identity)).await;
                }
                for text in texts {
                    self.client.feed(Message::text(text)).await?;
                }
                Ok(self.client.flush().await?)
            }
            Step::Close { reply, code, reason } => {
                if let Some(reply) = reply {
                    self.client.send(Message::text(reply)).await?;
                }
                match CloseCode::try_from(code) {
                    Ok(CloseCode::NORMAL_CLOSURE) => Err(Farewell::CLOSED),
                    Ok(code) => Err(Farewell(code, reason)),
                    Err(_) => Err(Farewell(CloseCode::POLICY_VIOLATION, reason)),
                }
            }
            Step::Refuse { refusal, reply, close } => {
                self.note_refused(&refusal, None);
                let link = message.and_then(|message| self.explained(message, &refusal));
                self.client.send(Message::text(explanations::linked(reply, link.as_deref()))).await?;
                if close { Err(Farewell(CloseCode::POLICY_VIOLATION, "refused")) } else { self.refusals.charge() }
            }
            Step::Forward(forward) if self.worker.shared.drain.is_started() => {
                self.refuse(&Reject::Draining.into(), forward.identity.as_ref()).await
            }
            Step::Forward(forward) => {
                if let Some(reply) = forward.reply.clone() {
                    self.client.send(Message::text(reply)).await?;
                }
                let identity = forward.identity.clone();
                match self.forward(forward, message).await {
                    Ok(()) => Ok(()),
                    Err(refusal) => self.refuse(&refusal, identity.as_ref()).await,
                }
            }
            // A machine that asks again after it was told has no answer: nothing passes.
            Step::Verify(_) | Step::VerifyToken(_) => Err(Farewell::GONE),
        }
    }

    /// Where a refused login is explained, if it is one and its key allows that.
    fn explained(&self, message: &Message, refusal: &Refusal) -> Option<String> {
        explanations::of_frame(self.worker, self.connection, self.route.family, message.as_text()?, refusal)
    }

    async fn refuse(&mut self, refusal: &Refusal, identity: Option<&VerifiedIdentity>) -> Result<(), Farewell> {
        self.note_refused(refusal, identity);
        let reply = self.machine.refuse(refusal, clock::wall());
        self.client.send(Message::text(reply)).await?;
        self.refusals.charge()
    }

    fn note_refused(&self, refusal: &Refusal, identity: Option<&VerifiedIdentity>) {
        let subject = Subject::message(Some(&self.route)).by_key(identity.or_else(|| self.machine.identity()));
        audit::refused(self.worker, self.connection, &subject, refusal, self.correlation);
    }

    /// Passes on what links have, and what else is there already.
    async fn on_links(&mut self, link: LinkId, message: Option<Message>) -> Result<(), Farewell> {
        let mut next = Some((link, message));
        for _ in 0..=BATCH_MAX {
            let Some((link, message)) = next.take() else { break };
            let Some(message) = message else {
                // Nothing more is to be said on it.
                self.links.remove(link);
                self.note_refused(&Reject::UpstreamUnavailable.into(), None);
                return Err(Farewell::UPSTREAM_LOST);
            };
            self.pass_down(link, message).await?;
            next = self.links.try_next();
        }
        if let Some((link, Some(message))) = next {
            // Taken out already, one more than a batch.
            self.pass_down(link, message).await?;
        }
        Ok(self.client.flush().await?)
    }

    async fn pass_down(&mut self, link: LinkId, message: Message) -> Result<(), Farewell> {
        match self.hear(link, &message) {
            Downstream::Drop => Ok(()),
            Downstream::Pass => Ok(self.client.feed(message).await?),
            Downstream::Replace(text) => Ok(self.client.feed(Message::text(text)).await?),
        }
    }

    /// What becomes of a message of a link, by the machine.
    fn hear(&mut self, link: LinkId, message: &Message) -> Downstream {
        let Some(text) = message.as_text() else { return Downstream::Drop };
        let whose = self.links.key(link).and_then(LinkKey::identity);
        self.machine.handle_upstream(whose, text, clock::wall())
    }

    async fn on_timeout(&mut self) -> Result<(), Farewell> {
        let step = self.machine.handle_timeout(clock::now());
        self.carry_out(step, None).await
    }

    async fn keep_alive(&mut self) -> Result<(), Farewell> {
        if self.client.silence() >= SILENCE_MAX {
            return Err(Farewell::SILENT);
        }
        if !self.links.keep_alive().is_empty() {
            return Err(Farewell::UPSTREAM_LOST);
        }
        Ok(self.client.send(Message::ping("")).await?)
    }
}

#[cfg(test)]
mod tests;
