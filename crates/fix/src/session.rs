//! One connection of a FIX session, as acceptor or as initiator, without I/O.
//!
//! ```text
//!   acceptor                                              initiator
//!   ExpectLogon ── Logon ──▶ AwaitVerification            ReadyToLogon ── logon() ──▶ ExpectLogonReply
//!        │                     │ accept_logon()                                            │ Logon
//!        │ anything else       │ refuse_logon()                                            │
//!        ▼                     ▼                                                           ▼
//!   Disconnected ◀──────── LoggedOn ── logout(), a fatal fault ──▶ ExpectLogout ── Logout, 2 s ──▶ Disconnected
//!
//!   phase             | Logon          | session message | application   | bad sequence          | garbled | deadline
//!   ExpectLogon       | presented      | closed          | closed        | -                     | closed  | closed (10 s)
//!   AwaitVerification | held           | held            | held          | held                  | held    | closed (5 s)
//!   ReadyToLogon      | closed         | closed          | closed        | -                     | closed  | -
//!   ExpectLogonReply  | LoggedOn       | Logout: refused | Logout sent   | Logout, ResendRequest | closed  | closed (10 s)
//!   LoggedOn          | reset by policy| answered        | delivered     | Logout, ResendRequest | counted | heartbeat, test, dead
//!   ExpectLogout      | Logout ends it | counted         | left uncounted| Logout ends it        | counted | closed (2 s)
//!   Disconnected      | ignored        | ignored         | ignored       | ignored               | ignored | -
//! ```
//!
//! How the shell drives it: [`Session::handle_input`] with what the socket has, [`Session::handle_timeout`] when
//! [`Session::poll_timeout`] is due; after either, [`Session::poll_event`] and [`Session::poll_transmit`] until there is none. After
//! [`Event::Disconnect`] it sends what is left and closes the socket.
//!
//! A Logon is never accepted here. It is presented ([`Event::LogonPresented`]); the shell finds credentials and signature in it, asks
//! `countersign_core::verify`, and only [`Session::accept_logon`] moves on. Before that nothing was answered, no sequence number was
//! looked at and no store was touched: who is not verified learns nothing about a session and changes nothing in it.
//!
//! Liveness: after `HeartBtInt` of sending nothing a Heartbeat; after 1.2 intervals of silence a TestRequest; after 2.4 the peer is dead.

mod admin;
pub mod config;
pub mod event;
mod inbound;
mod logon;
mod logout;
mod outbound;
pub mod presented_logon;
mod rate;
mod resend;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use countersign_core::{Monotonic, Now};

pub use config::{AdminFields, CompId, CompIdError, HeartBtIntRange, Peer, ResendPolicy, ResetPolicy, Routing, SessionConfig};
pub use event::{ApplicationMessage, DisconnectReason, Event};
pub use logon::{LogonHeader, OwnedField};
pub use outbound::{Outgoing, SendError, Withholds};
pub use presented_logon::PresentedLogon;

use crate::framer::{Framed, Framer, Garble};
use crate::limits;
use crate::message::{Message, ParseError};
use crate::store::{MessageStore, StoreError};
use presented_logon::LogonFacts;
use rate::Rate;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Acceptor: nothing was received yet.
    ExpectLogon,
    /// Acceptor: a Logon waits for the shell's decision.
    AwaitVerification,
    /// Initiator: nothing was sent yet.
    ReadyToLogon,
    /// Initiator: the Logon was sent.
    ExpectLogonReply,
    /// Both sides are logged on.
    LoggedOn,
    /// We sent a Logout and wait for the peer's.
    ExpectLogout,
    /// Over. What is left to send may be sent.
    Disconnected,
}

/// Which side sent the first Logon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The other side did.
    Acceptor,
    /// We did.
    Initiator,
}

/// A call that the present phase does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not possible in phase {0:?}")]
pub struct PhaseError(pub Phase);

/// Messages are missing before one that was received.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// The number that showed it.
    until: u64,
    asked: Monotonic,
    attempts: u32,
}

/// A received message ahead of a gap.
#[derive(Debug)]
enum Ahead {
    Frame(Vec<u8>),
    /// Acted on already: only its number is still to be counted.
    Handled,
}

/// What waits to be sent, in this order.
#[derive(Debug)]
enum Waiting {
    Message {
        /// The number that must be durable first; none for what is sent outside any session.
        seq: Option<u64>,
        bytes: Vec<u8>,
    },
    /// The answer to a ResendRequest: made from the store message by message, as fast as the peer reads.
    Resend { from: u64, through: u64 },
}

/// One connection of a FIX session.
#[derive(Debug)]
pub struct Session<S> {
    config: SessionConfig,
    side: Side,
    phase: Phase,
    framer: Framer,
    store: Option<S>,
    peer: Option<CompId>,
    pending: Option<LogonFacts>,
    heartbeat: Duration,
    last_sent: Monotonic,
    last_received: Monotonic,
    tested: bool,
    test_requests: u64,
    deadline: Option<Monotonic>,
    gap: Option<Gap>,
    ahead: BTreeMap<u64, Ahead>,
    ahead_bytes: usize,
    reset_sent: bool,
    durable: u64,
    transmit: VecDeque<Waiting>,
    transmit_bytes: usize,
    events: VecDeque<Event>,
    /// The last number that the peer asked for again.
    asked_through: u64,
    /// It was told that some of that is not kept.
    incomplete_told: bool,
    resend_requests: Rate,
    rejects: Rate,
    garbled: Rate,
}

impl<S: MessageStore> Session<S> {
    /// A connection that was accepted: a Logon is expected.
    #[must_use]
    pub fn acceptor(config: SessionConfig, now: Now) -> Self {
        let mut session = Self::new(config, Side::Acceptor, Phase::ExpectLogon, now);
        session.deadline = Some(now.mono.saturating_add(session.config.logon_timeout));
        session
    }

    /// A connection that was made: call [`Self::logon`] next. The store goes on from the last connection, or is new.
    #[must_use]
    pub fn initiator(config: SessionConfig, store: S, now: Now) -> Self {
        let mut session = Self::new(config, Side::Initiator, Phase::ReadyToLogon, now);
        session.durable = store.next_sender() - 1;
        session.store = Some(store);
        session
    }

    fn new(config: SessionConfig, side: Side, phase: Phase, now: Now) -> Self {
        Self {
            config,
            side,
            phase,
            framer: Framer::new(limits::LOGON_BYTES_MAX),
            store: None,
            peer: None,
            pending: None,
            heartbeat: Duration::ZERO,
            last_sent: now.mono,
            last_received: now.mono,
            tested: false,
            test_requests: 0,
            deadline: None,
            gap: None,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            reset_sent: false,
            durable: 0,
            transmit: VecDeque::new(),
            transmit_bytes: 0,
            events: VecDeque::new(),
            asked_through: 0,
            incomplete_told: false,
            resend_requests: Rate::new(limits::RESEND_REQUESTS_MAX),
            rejects: Rate::new(limits::REJECTS_MAX),
            garbled: Rate::new(limits::GARBLED_MAX),
        }
    }

    /// Where the session is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Which side sent the first Logon.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The peer's CompID, once known.
    #[must_use]
    pub const fn peer(&self) -> Option<&CompId> {
        self.peer.as_ref()
    }

    /// The store, once there is one.
    #[must_use]
    pub const fn store(&self) -> Option<&S> {
        self.store.as_ref()
    }

    /// The store, for the next connection of this session.
    #[must_use]
    pub fn into_store(self) -> Option<S> {
        self.store
    }

    /// Takes bytes from the socket. Events per call are bounded by the bytes given and the messages queued behind a gap.
    pub fn handle_input(&mut self, now: Now, bytes: &[u8]) {
        if self.phase == Phase::Disconnected {
            return;
        }
        self.framer.push(bytes);
        self.pump(now);
    }

    /// Takes one whole message, for a shell that frames by itself.
    pub fn handle_message(&mut self, now: Now, frame: &[u8]) {
        if self.phase == Phase::AwaitVerification {
            return self.hold_bytes(frame);
        }
        match Message::parse(frame) {
            Ok(message) => self.receive(now, &message, None),
            Err(ParseError::Faulty { readable, fault }) => self.receive(now, &readable, Some(fault)),
            Err(ParseError::Garbled) => self.garbled(now, Garble::Field),
        }
        self.take_ahead(now);
    }

    /// What happened, until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn pump(&mut self, now: Now) {
        let mut framer = std::mem::take(&mut self.framer);
        while !matches!(self.phase, Phase::AwaitVerification | Phase::Disconnected) {
            framer.limit(if matches!(self.phase, Phase::LoggedOn | Phase::ExpectLogout) {
                self.config.message_bytes_max.min(limits::MESSAGE_BYTES_MAX)
            } else {
                limits::LOGON_BYTES_MAX
            });
            match framer.next_frame() {
                None => break,
                Some(Framed::Frame(frame)) => {
                    self.handle_message(now, frame);
                    if self.phase == Phase::AwaitVerification {
                        framer.wipe_returned();
                    }
                }
                Some(Framed::Garbled(garble)) => self.garbled(now, garble),
            }
        }
        self.framer = framer;
        self.hold_bytes(&[]);
    }

    fn hold_bytes(&mut self, bytes: &[u8]) {
        self.framer.push(bytes);
        if self.phase == Phase::AwaitVerification && self.framer.buffered() > limits::HELD_BYTES_MAX {
            self.disconnect(DisconnectReason::HeldTooMuch);
        }
    }

    fn garbled(&mut self, now: Now, garble: Garble) {
        match self.phase {
            Phase::LoggedOn | Phase::ExpectLogout => {
                self.events.push_back(Event::Garbled(garble));
                if !self.garbled.admit(now.mono) || garble == Garble::NoMessage {
                    self.say_logout(now, Some("Too many garbled messages"));
                    self.disconnect(DisconnectReason::TooManyGarbled);
                }
            }
            Phase::ExpectLogon | Phase::AwaitVerification | Phase::ReadyToLogon | Phase::ExpectLogonReply => {
                self.disconnect(DisconnectReason::NotLogon);
            }
            Phase::Disconnected => {}
        }
    }

    fn disconnect(&mut self, reason: DisconnectReason) {
        if self.phase == Phase::Disconnected {
            return;
        }
        self.phase = Phase::Disconnected;
        self.deadline = None;
        self.pending = None;
        self.gap = None;
        self.transmit.retain(|waiting| matches!(waiting, Waiting::Message { .. }));
        self.ahead.clear();
        self.ahead_bytes = 0;
        self.events.push_back(Event::Disconnect(reason));
    }

    /// What cannot be recorded is not sent: not even what already waits.
    fn store_failed(&mut self, error: StoreError) {
        self.transmit.clear();
        self.transmit_bytes = 0;
        self.disconnect(DisconnectReason::Store(error));
    }

    fn expected(&self) -> u64 {
        self.store.as_ref().map_or(1, MessageStore::next_target)
    }

    /// Counts everything below `next` as received; whether that is on record.
    fn expect(&mut self, next: u64) -> bool {
        let Some(store) = self.store.as_mut() else { return false };
        if let Err(error) = store.set_next_target(next) {
            self.store_failed(error);
            return false;
        }
        true
    }
}
