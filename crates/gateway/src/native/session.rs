//! An open session on a stream of frames: the session machine on one side, one upstream WebSocket on the other.
//!
//! ```text
//!   {"s":7,"a":3,"d":{"op":"order.place",...}} ─▶ machine ─▶ op ─▶ route ─▶ permit (key ∩ contract) ─▶ charge ─▶ record
//!                                                    d as received, one text frame ─▶ upstream
//!   {"s":4,"a":8,"d":{...}} ◀─ machine ◀─ one text frame, as received ◀───────────── upstream
//! ```
//!
//! | what happens | client | session |
//! |---|---|---|
//! | a message is refused | `err` with `s`, and `re` if it had an `id` | goes on, unless the code is fatal |
//! | key revoked, suspended or expired; ended by an operator, or revoked | `err`, `bye` | ends |
//! | upstream lost | `err`, `bye`: answers and events may be missing | ends |
//! | drain, and nobody goes on with it | `drain`, later `bye` | ends |
//! | drain, with a successor or other nodes | `drain`; the client comes back there, or is told `bye` | goes on there ([`handing_over`]) |
//! | the client proves itself again | `regrant`: the life begins again, scopes as asked | goes on ([`renewal`]) |
//! | its key has fewer scopes | `regrant`, unasked | goes on |
//! | silence, connection lost | - | waits as the contract says ([`absence`](countersign_session::absence)), or ends |
//! | another node or process goes on with it | - | goes on there, what it subscribed to is asked for again ([`streams`]) |
//! | the client comes back | `welcome`, what it missed; the older connection: `bye session.taken_over` | goes on |
//! | a spent ticket is shown | `err session.reuse`, to both | ends |
//! | grace over, or an end that cancels | - | orders cancelled, once ([`cancelling`]) |
//!
//! A session is one task on the worker it was opened on, and stays there with its upstream links; later connections come to it
//! through [`line`](super::line).

mod admission;
mod agreed;
mod cancelling;
mod confirming;
mod ending;
mod feeds;
mod handing_over;
mod inherited;
mod mirrored;
mod passing_on;
mod refusing;
mod renewal;
mod return_of;
mod streams;

pub(super) use agreed::cancel_policy;
pub(super) use inherited::inherit;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::rate::WindowCounter;
use countersign_core::{KeyRate, Monotonic, Reject, Timestamp};
use countersign_halt::Hit;
use countersign_handshake::{AwaitReady, Contract, Renewable};
use countersign_session::{Absence, Departure, Due, Event, Generations, Liveness, SessionMachine};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::carriage::{Carriage, CarriageError};
use super::comeback::AtDoor;
use super::grant::{Granted, contract_rate};
use super::line::Line;
use super::sessions::{KilledBy, SessionGuard};
use crate::authenticate::{Login, SessionRef};
use crate::clock;
use crate::connection::Connection;
use crate::shared::CredentialTable;
use crate::websocket::UpstreamHead;
use crate::websocket::limits::PING_INTERVAL;
use crate::websocket::links::Links;
use crate::websocket::standing::Standing;
use crate::worker::Worker;

use agreed::machine;
use ending::Ending;
use feeds::Feeds;
use mirrored::{Mirroring, was_told};
use streams::Streams;

/// An open session.
struct Session<C> {
    worker: Rc<Worker>,
    /// The present connection; of one that is gone, what is to be said of it.
    connection: Rc<Connection>,
    line: Line<C>,
    machine: SessionMachine,
    absence: Absence,
    generations: Generations,
    /// Clients that come back.
    returns: mpsc::Receiver<AtDoor>,
    /// Until the client confirmed the contract on this connection.
    await_ready: Option<AwaitReady>,
    contract: Contract,
    /// For signing it anew; none before a client is there.
    renewable: Option<Renewable>,
    /// The end of its life.
    until: Timestamp,
    rate: KeyRate,
    /// The key, as it was when it was last checked; taken only while a message is admitted.
    login: Option<Login>,
    /// The table it was checked against.
    checked: Arc<CredentialTable>,
    /// One per upstream that operations go to; usually one.
    links: Links<usize>,
    /// What was subscribed to there.
    streams: Streams,
    /// What of it came while nobody was there.
    feeds: Feeds,
    head: UpstreamHead,
    refusals: WindowCounter,
    reauths: WindowCounter,
    drain_ends: Option<Monotonic>,
    /// Messages that were forwarded and ask for an answer that has not come.
    unanswered: u32,
    /// The halt that the client was told of.
    told_halt: Option<Hit>,
    /// The one it surely knows of: it was told before the last frame that it sent. A halt is not numbered, so nothing else says that it
    /// arrived.
    known_halt: Option<Hit>,
    /// What other nodes need to go on with it; `None` where they cannot, or where there are none.
    mirroring: Option<Mirroring>,
}

/// Serves the connection of a session whose welcome was sent, until the connection ends. The session may outlive it.
pub(super) async fn drive<C: Carriage + 'static>(
    worker: &Rc<Worker>,
    connection: Rc<Connection>,
    carriage: C,
    granted: Granted,
    head: UpstreamHead,
) {
    let (serving, served) = oneshot::channel();
    let (session, guard) = Session::new(worker, connection, Line::Own(carriage, serving), granted, head);
    // A box: the runtime moves a task's future four times on its way in and out, and this one is as large as all that may happen.
    tokio::task::spawn_local(Box::pin(session.live(guard)));
    // Its other end is dropped when the session has closed the carriage.
    let _ = served.await;
}

impl<C: Carriage + 'static> Session<C> {
    fn new(worker: &Rc<Worker>, connection: Rc<Connection>, line: Line<C>, granted: Granted, head: UpstreamHead) -> (Self, SessionGuard) {
        let session_ref = granted.session_ref();
        let Granted { established, guard, counters, returns } = granted;
        let contract = established.contract;
        let session = Self {
            connection,
            line,
            machine: machine(&contract),
            absence: Absence::new(cancel_policy(&contract), contract.resume_window()),
            generations: Generations::new(),
            returns,
            await_ready: Some(established.await_ready),
            rate: contract_rate(&contract),
            renewable: Some(established.renewable),
            contract,
            until: established.until,
            login: Some(Login {
                session: Some(session_ref),
                ..Login::new(established.identity, countersign_core::Freshness::Channel, counters)
            }),
            checked: worker.shared.credentials.load_full(),
            links: Links::new(),
            streams: Streams::default(),
            feeds: Feeds::default(),
            head,
            refusals: WindowCounter::new(Duration::from_secs(60)),
            reauths: WindowCounter::new(Duration::from_secs(60)),
            drain_ends: None,
            unanswered: 0,
            told_halt: None,
            known_halt: None,
            mirroring: None,
            worker: Rc::clone(worker),
        };
        (session, guard)
    }

    /// Lives until it is over, whatever connections it has meanwhile.
    async fn live(mut self, mut guard: SessionGuard) {
        self.begin_mirroring(guard.session());
        let ending = loop {
            let ending = self.run(&guard).await;
            if let Some(ending) = self.depart(ending, &guard).await {
                break ending;
            }
        };
        self.end_mirroring(&ending);
        guard.set_reason(ending.reason());
        if matches!(ending, Ending::HandedOver) {
            guard.set_goes_on();
        }
        // Nothing is forwarded any more: the session is over, whatever the client makes of our last words.
        drop(guard);
        self.end(ending).await;
    }

    /// The client is gone, or the session is over. Cancels what the policy says; gives the ending back unless the session goes on and
    /// waits. Whoever lost the session to another node cancels nothing.
    async fn depart(&mut self, ending: Ending, guard: &SessionGuard) -> Option<Ending> {
        if ending.goes_on_elsewhere() {
            return Some(ending);
        }
        let sessions = &self.worker.shared.sessions;
        let mut how = ending.departure();
        // HS-91
        if how == Departure::Lost && !sessions.wait(guard.session(), self.worker.shared.settings.limits.connections_max) {
            how = Departure::Ended;
        }
        let due = self.absence.left(how, clock::mono());
        let waits = self.absence.is_waiting();
        if waits {
            self.step_away(&ending).await;
        }
        if let Some(Due::Cancel(scope, class)) = due {
            if let Err(lost) = self.check_lease() {
                return Some(lost);
            }
            self.cancel_orders((scope, class), ending.reason()).await;
        }
        match self.mirror() {
            Err(lost) => Some(lost),
            Ok(_) if waits => None,
            Ok(_) => Some(ending),
        }
    }

    async fn run(&mut self, guard: &SessionGuard) -> Ending {
        let mut draining = self.worker.shared.drain.subscribe();
        let mut standing = Standing::subscribe(&self.worker);
        let mut killed = guard.session().killed();
        let mut told = guard.session().told();
        let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        if let Err(ending) = self.mirror().and_then(|_| self.check_standing()) {
            return ending;
        }
        if let Err(ending) = self.check_halts().await {
            return ending;
        }
        // Whoever is at the door already is not absent: no deadline comes first, however short the grace is.
        while let Ok(visit) = self.returns.try_recv() {
            if let Err(ending) = self.on_visit(visit, guard).await {
                return ending;
            }
        }
        loop {
            let deadline = self.next_deadline();
            let ends = self.next_end();
            let step = tokio::select! {
                frame = self.line.receive() => self.on_received(frame).await,
                (_, message) = self.links.next() => self.on_upstream(message).await,
                Some(visit) = self.returns.recv() => self.on_visit(visit, guard).await,
                () = clock::until(deadline) => self.on_timeout(guard).await,
                () = standing.changed_or(ends) => match self.check_standing() {
                    Ok(()) => self.told_changes().await,
                    ended @ Err(_) => ended,
                },
                by = was_killed(&mut killed) => Err(Ending::Killed(by)),
                error = was_told(&mut told) => self.on_told(error),
                () = draining.wait(), if self.drain_ends.is_none() => self.start_drain(guard).await,
                _ = ping.tick() => if self.links.keep_alive().is_empty() { Ok(()) } else { Err(Ending::UpstreamLost(Reject::UpstreamUnavailable)) },
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    /// Credentials or halts changed.
    async fn told_changes(&mut self) -> Result<(), Ending> {
        self.check_scopes().await?;
        self.check_halts().await
    }

    async fn on_visit(&mut self, visit: AtDoor, guard: &SessionGuard) -> Result<(), Ending> {
        match visit {
            AtDoor::Leave => self.hand_over(guard).await,
            AtDoor::Return(returning) => self.take_back(*returning, guard).await,
        }
    }

    async fn on_received(&mut self, frame: Result<Bytes, CarriageError>) -> Result<(), Ending> {
        match frame {
            Ok(frame) => {
                self.known_halt = self.told_halt;
                self.on_frame(&frame).await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.transmit().await
    }

    async fn on_frame(&mut self, frame: &Bytes) -> Result<(), Ending> {
        match self.machine.handle_frame(frame, clock::now()) {
            Ok(Event::Bye { .. }) => Err(Ending::Bye),
            Ok(Event::Deliver { s, ch, d, missed: _ }) => {
                self.confirm(ch.as_deref()).map_err(Ending::Fatal)?;
                self.on_message(s, d, frame).await
            }
            Ok(Event::Ready(ch)) => {
                self.confirm(Some(&ch)).map_err(Ending::Fatal)?;
                self.mirror().map(drop)
            }
            Ok(Event::NonceAsked) => self.give_nonce().await,
            Ok(Event::Reauth(token)) => self.on_reauth(&token).await,
            // The client did not apply messages of ours: what to do about it is for the client, who knows.
            Ok(Event::NotApplied(_) | Event::Nothing) => Ok(()),
            Ok(
                Event::Busy { .. }
                | Event::Drain { .. }
                | Event::Err(_)
                | Event::Halt { .. }
                | Event::Lift
                | Event::Lost(_)
                | Event::Nonce(_)
                | Event::Regrant { .. },
            ) => Err(Ending::Fatal(Reject::UnexpectedMessage.into())),
            Err(refusal) => self.refuse(&refusal, None, None).await,
        }
    }

    fn session_ref(&self) -> Option<&SessionRef> {
        self.login.as_ref().and_then(|login| login.session.as_ref())
    }

    /// Writes everything that is due.
    async fn transmit(&mut self) -> Result<(), Ending> {
        while let Some(frame) = self.machine.poll_transmit(clock::now()) {
            self.line.feed(frame).await?;
        }
        Ok(self.line.flush().await?)
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        let ready = self.await_ready.as_ref().and_then(AwaitReady::poll_timeout);
        [self.machine.poll_timeout(), self.absence.poll_timeout(), ready, self.drain_ends].into_iter().flatten().min()
    }

    async fn on_timeout(&mut self, guard: &SessionGuard) -> Result<(), Ending> {
        let now = clock::now();
        if self.drain_ends.is_some_and(|end| now.mono >= end) {
            return self.leave_node(guard).await;
        }
        match self.absence.handle_timeout(now.mono) {
            Some(Due::Cancel(scope, class)) => {
                self.check_lease()?;
                self.cancel_orders((scope, class), "grace over").await;
                self.mirror()?;
            }
            Some(Due::GiveUp) => return Err(Ending::GivenUp),
            None => {}
        }
        if self.await_ready.as_ref().is_some_and(|waiting| waiting.handle_timeout(now).is_err()) {
            return Err(self.unconfirmed());
        }
        match self.machine.handle_timeout(now) {
            Liveness::Alive => self.transmit().await,
            Liveness::Dead => Err(Ending::Dead),
            Liveness::Expired => Err(Ending::Fatal(Reject::SessionExpired.into())),
        }
    }
}

async fn was_killed(killed: &mut watch::Receiver<Option<KilledBy>>) -> KilledBy {
    let by = killed.wait_for(Option::is_some).await.ok().and_then(|killed| *killed);
    match by {
        Some(by) => by,
        None => std::future::pending().await,
    }
}
