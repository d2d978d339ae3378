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
//! | key revoked, suspended or expired; killed by an operator | `err`, `bye` | ends |
//! | upstream lost | `err`, `bye`: answers and events may be missing | ends |
//! | drain | `drain`, later `bye` | ends |
//! | silence, connection lost | - | waits as the contract says ([`absence`](countersign_session::absence)), or ends |
//! | the client comes back | `welcome`, what it missed; the older connection: `bye session.taken_over` | goes on |
//! | a spent ticket is shown | `err session.reuse`, to both | ends |
//! | grace over, or an end that cancels | - | orders cancelled, once ([`cancelling`]) |
//!
//! A session is one task on the worker it was opened on, and stays there with its upstream links; later connections come to it
//! through [`line`](super::line).

mod admission;
mod cancelling;
mod ending;
mod inherited;
mod mirrored;
mod passing_on;
mod return_of;

pub(super) use inherited::inherit;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::rate::WindowCounter;
use countersign_core::{CorrelationId, KeyRate, Monotonic, Refusal, Reject, Timestamp};
use countersign_halt::Hit;
use countersign_handshake::contract::{Choice, Quantity};
use countersign_handshake::frame::{self as handshake_frame, ErrorContext};
use countersign_handshake::{AwaitReady, Contract};
use countersign_session::{
    Absence, CancelPolicy, CancelScope, Departure, Due, Event, Generations, Keeping, Liveness, SessionMachine, Side,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::carriage::{Carriage, CarriageError};
use super::comeback::Return;
use super::grant::{Granted, contract_rate};
use super::limits::DRAIN_SHARE;
use super::line::Line;
use super::sessions::SessionGuard;
use crate::audit::{self, Subject};
use crate::authenticate::{Login, SessionRef};
use crate::clock;
use crate::connection::Connection;
use crate::shared::CredentialTable;
use crate::websocket::UpstreamHead;
use crate::websocket::limits::{PING_INTERVAL, REFUSALS_PER_MINUTE_MAX};
use crate::websocket::links::Links;
use crate::websocket::standing::Standing;
use crate::worker::Worker;

use ending::Ending;
use mirrored::{Mirroring, was_told};

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
    returns: mpsc::Receiver<Return>,
    /// Until the client confirmed the contract on this connection.
    await_ready: Option<AwaitReady>,
    contract: Contract,
    /// The end of its life.
    until: Timestamp,
    rate: KeyRate,
    /// The key, as it was when it was last checked; taken only while a message is admitted.
    login: Option<Login>,
    /// The table it was checked against.
    checked: Arc<CredentialTable>,
    /// One per upstream that operations go to; usually one.
    links: Links<usize>,
    head: UpstreamHead,
    refusals: WindowCounter,
    drain_ends: Option<Instant>,
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
    tokio::task::spawn_local(session.live(guard));
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
            contract,
            until: established.until,
            login: Some(Login {
                identity: established.identity,
                session: Some(session_ref),
                token: None,
                freshness: countersign_core::Freshness::Channel,
                counters,
                answer_headers: smallvec::SmallVec::new(),
            }),
            checked: worker.shared.credentials.load_full(),
            links: Links::new(),
            head,
            refusals: WindowCounter::new(Duration::from_secs(60)),
            drain_ends: None,
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
        // Nothing is forwarded any more: the session is over, whatever the client makes of our last words.
        drop(guard);
        self.end(ending).await;
    }

    /// The client is gone, or the session is over. Cancels what the policy says; gives the ending back unless the session goes on and
    /// waits. Whoever lost the session to another node cancels nothing.
    async fn depart(&mut self, ending: Ending, guard: &SessionGuard) -> Option<Ending> {
        if matches!(ending, Ending::Lease(_)) {
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
        if let Some(Due::Cancel(scope)) = due {
            if let Err(lost) = self.check_lease() {
                return Some(lost);
            }
            self.cancel_orders(scope, ending.reason()).await;
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
        loop {
            let deadline = self.next_deadline();
            let step = tokio::select! {
                frame = self.line.receive() => self.on_received(frame).await,
                (_, message) = self.links.next() => self.on_upstream(message).await,
                Some(returning) = self.returns.recv() => self.take_back(returning, guard).await,
                () = sleep_until(deadline) => self.on_timeout().await,
                () = standing.changed() => match self.check_standing() {
                    Ok(()) => self.check_halts().await,
                    ended @ Err(_) => ended,
                },
                () = was_killed(&mut killed) => Err(Ending::Killed),
                error = was_told(&mut told) => self.on_told(error),
                () = draining.wait(), if self.drain_ends.is_none() => self.start_drain().await,
                _ = ping.tick() => if self.links.keep_alive().is_empty() { Ok(()) } else { Err(Ending::UpstreamLost(Reject::UpstreamUnavailable)) },
            };
            if let Err(ending) = step {
                return ending;
            }
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
                self.confirm(ch.as_deref()).map_err(|refusal| self.fatal(refusal))?;
                self.on_message(s, d, frame).await
            }
            Ok(Event::Ready(ch)) => {
                self.confirm(Some(&ch)).map_err(|refusal| self.fatal(refusal))?;
                self.mirror().map(drop)
            }
            // The client did not apply messages of ours: what to do about it is for the client, who knows.
            Ok(Event::NotApplied(_) | Event::Nothing) => Ok(()),
            Ok(Event::Busy { .. } | Event::Drain { .. } | Event::Err(_) | Event::Halt { .. } | Event::Lift | Event::Lost(_)) => {
                Err(self.fatal(Reject::UnexpectedMessage.into()))
            }
            Err(refusal) => self.refuse(&refusal, None, None).await,
        }
    }

    /// The client names the contract it accepted, or sends its first message as its hello announced.
    fn confirm(&mut self, ch: Option<&str>) -> Result<(), Refusal> {
        match (self.await_ready.take(), ch) {
            (Some(waiting), Some(ch)) => {
                let _open = waiting.ready(ch)?;
                // HS-84: it holds our reply, so the ticket it came with is spent.
                self.generations.confirm();
                Ok(())
            }
            (Some(waiting), None) => {
                let outcome = waiting.application();
                self.await_ready = Some(waiting);
                outcome
            }
            (None, Some(ch)) if !self.names_contract(ch) => Err(Reject::UnexpectedMessage.into()),
            (None, _) => Ok(()),
        }
    }

    fn names_contract(&self, ch: &str) -> bool {
        let own = self.session_ref().map(|session| countersign_handshake::encoding::encode(&session.ch));
        own.is_some_and(|own| own == ch)
    }

    fn session_ref(&self) -> Option<&SessionRef> {
        self.login.as_ref().and_then(|login| login.session.as_ref())
    }

    /// Refuses one frame. The session goes on unless the code is fatal.
    async fn refuse(&mut self, refusal: &Refusal, s: Option<u64>, id: Option<&str>) -> Result<(), Ending> {
        let correlation = self.note_refused(refusal);
        let frame = error_frame(refusal, correlation, s, id);
        // HS-88
        self.machine.note_refusal(&frame, clock::now());
        self.mirror()?;
        self.line.feed(frame).await?;
        if ends_session(refusal, s) {
            return Err(Ending::Refused(refusal.clone()));
        }
        self.refusals.charge(1, REFUSALS_PER_MINUTE_MAX, clock::wall()).map(drop).map_err(Ending::Fatal)
    }

    fn note_refused(&self, refusal: &Refusal) -> CorrelationId {
        let correlation = self.worker.correlation.next();
        audit::refused(&self.worker, &self.connection, &Subject::none().by(self.login.as_ref()), refusal, correlation);
        correlation
    }

    /// An ending whose error is still to be told.
    fn fatal(&self, refusal: Refusal) -> Ending {
        Ending::Fatal(refusal)
    }

    /// Writes everything that is due.
    async fn transmit(&mut self) -> Result<(), Ending> {
        while let Some(frame) = self.machine.poll_transmit(clock::now()) {
            self.line.feed(frame).await?;
        }
        Ok(self.line.flush().await?)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let ready = self.await_ready.as_ref().and_then(AwaitReady::poll_timeout);
        let machine = [self.machine.poll_timeout(), self.absence.poll_timeout(), ready].into_iter().flatten().min().map(instant);
        [machine, self.drain_ends].into_iter().flatten().min()
    }

    async fn on_timeout(&mut self) -> Result<(), Ending> {
        let now = clock::now();
        if self.drain_ends.is_some_and(|end| Instant::now() >= end) {
            return Err(Ending::Drained);
        }
        match self.absence.handle_timeout(now.mono) {
            Some(Due::Cancel(scope)) => {
                self.check_lease()?;
                self.cancel_orders(scope, "grace over").await;
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

    /// The client did not confirm in time. Whoever came back may not have our reply: that connection is lost, not the session.
    fn unconfirmed(&self) -> Ending {
        if self.generations == Generations::new() { Ending::Fatal(Reject::AuthDeadline.into()) } else { Ending::Dead }
    }

    async fn start_drain(&mut self) -> Result<(), Ending> {
        if self.line.is_away() {
            return Err(Ending::Drained);
        }
        let by = self.worker.shared.settings.limits.drain_deadline / DRAIN_SHARE;
        self.drain_ends = Some(Instant::now() + by);
        self.machine.note_sent(clock::now());
        self.line.feed(countersign_session::frame::drain(by, &[], "this node is leaving")).await?;
        self.transmit().await
    }
}

/// The machine of a contract.
fn machine(contract: &Contract) -> SessionMachine {
    let machine = SessionMachine::new(Side::Server, contract.heartbeat(), contract.life(), clock::now());
    match keeping(contract) {
        Some(keeping) => machine.recoverable(keeping),
        None => machine,
    }
}

/// What is kept for replay, where the flow to the client is recoverable.
fn keeping(contract: &Contract) -> Option<Keeping> {
    let messages = usize::try_from(contract.quantity(Quantity::KeepMsgs)).unwrap_or(usize::MAX);
    let time = Duration::from_secs(contract.quantity(Quantity::KeepS));
    (contract.choice(Choice::Rx) == "recoverable").then_some(Keeping { messages, time })
}

/// Cancel on disconnect as the contract has it.
pub(super) fn cancel_policy(contract: &Contract) -> CancelPolicy {
    CancelPolicy {
        // A word that we did not grant cannot be in a contract of ours.
        scope: CancelScope::parse(contract.choice(Choice::Cod)).unwrap_or(CancelScope::Nothing),
        grace: Duration::from_millis(contract.quantity(Quantity::CodGraceMs)),
        on_logout: contract.choice(Choice::CodOnLogout) == "true",
    }
}

/// Whether a session ends with a refusal. One message that could not be remembered or recorded is refused, and the next may pass: whoever
/// loses its session by that cannot cancel over it.
fn ends_session(refusal: &Refusal, s: Option<u64>) -> bool {
    let passes_by = s.is_some() && matches!(refusal.reject, Reject::AuditUnavailable | Reject::StoreUnavailable);
    refusal.reject.alert().is_fatal() && !passes_by
}

/// An error frame of an open session: `s` and `re` tell which message it is about.
fn error_frame(refusal: &Refusal, correlation: CorrelationId, s: Option<u64>, id: Option<&str>) -> String {
    let mut frame = handshake_frame::error(refusal, correlation, ErrorContext::default());
    if refusal.reject.alert().is_fatal() && !ends_session(refusal, s) {
        frame = frame.replacen(r#""fatal":true"#, r#""fatal":false"#, 1);
    }
    if let Some(end) = frame.strip_suffix("}}").map(str::len) {
        frame.truncate(end);
        if let Some(s) = s {
            frame.push_str(&format!(",\"s\":{s}"));
        }
        if let Some(id) = id {
            frame.push_str(",\"re\":");
            frame.push_str(id);
        }
        frame.push_str("}}");
    }
    frame
}

/// A point of our clock on the runtime's.
fn instant(at: Monotonic) -> Instant {
    Instant::now() + at.saturating_since(clock::mono())
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn was_killed(killed: &mut watch::Receiver<bool>) {
    if killed.wait_for(|killed| *killed).await.is_err() {
        std::future::pending::<()>().await;
    }
}
