//! One side of a session, across its connections.
//!
//! ```text
//!   state \ input | app      | hb, pong | ping | replay | nack, gap, drain, ... | bye    | silence 1 / 1.5 / 2 hb | take_up
//!   Open          | sequence | noted    | pong | again  | told                  | Over   | hb / ping / dead: Away | Open
//!   Away          | refused  | refused  | refused                               |        | -                      | Open
//!   Over          | refused  | refused  | refused                               |        | -                      | refused
//! ```
//!
//! `send` numbers and keeps a message in any state but Over: what is sent while nobody is there is sent again when somebody is.
//!
//! Memory: at most [`limits::REMEMBERED_MAX`] body hashes, [`limits::TRANSMIT_QUEUE_MAX`] control frames, and what the contract keeps
//! for replay ([`crate::kept`]).

mod event;
mod liveness;
mod recovery;
mod restore;

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::{AlertCode, Monotonic, Now, Refusal, Reject};

pub use event::{Event, Liveness, Side, Standing};
pub use restore::Restored;

use crate::frame::{self, AppFrame, Bye, Drain, Frame, Halt, Heartbeat, Range};
use crate::kept::{Keeping, Kept, Span};
use crate::limits;
use crate::sequence::{Arrival, Sequence};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away,
    Open,
    Over,
}

/// One side of a session.
#[derive(Debug)]
pub struct SessionMachine {
    side: Side,
    heartbeat: Duration,
    ends: Monotonic,
    received: Sequence,
    /// Whether what we miss can be had again.
    recoverable: bool,
    /// The hole that we asked to have filled.
    asked: Option<Range>,
    next_out: u64,
    peer_expects: u64,
    kept: Kept,
    replaying: Option<Span>,
    peer_clock: Option<u64>,
    last_sent: Monotonic,
    last_received: Monotonic,
    pinged: bool,
    state: State,
    transmit: VecDeque<String>,
}

impl SessionMachine {
    /// A session that has just been opened, with the contract's heartbeat interval and life.
    #[must_use]
    pub fn new(side: Side, heartbeat: Duration, life: Duration, now: Now) -> Self {
        Self {
            side,
            heartbeat: heartbeat.max(limits::HEARTBEAT_MIN),
            ends: now.mono.saturating_add(life),
            received: Sequence::default(),
            recoverable: false,
            asked: None,
            next_out: 1,
            peer_expects: 1,
            kept: Kept::default(),
            replaying: None,
            peer_clock: None,
            last_sent: now.mono,
            last_received: now.mono,
            pinged: false,
            state: State::Open,
            transmit: VecDeque::new(),
        }
    }

    /// The same, where the flow from the gateway is recoverable: the gateway keeps what it sends, the client has it sent again.
    #[must_use]
    pub fn recoverable(mut self, keeping: Keeping) -> Self {
        match self.side {
            Side::Client => self.recoverable = true,
            Side::Server => self.kept = Kept::new(keeping),
        }
        self
    }

    /// Writes an application message with the next number; send it at once, and in this order. `body` must be JSON. Where somebody
    /// came back, first send all that [`Self::poll_transmit`] has.
    #[must_use]
    pub fn send(&mut self, body: &str, now: Now) -> String {
        let s = self.next_out;
        self.next_out += 1;
        self.last_sent = now.mono;
        self.kept.message(s, body, now.mono);
        frame::app(s, self.received.next(), body)
    }

    /// What may have to be sent again.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The life was granted anew: it ends then.
    pub const fn extend(&mut self, ends: Monotonic) {
        self.ends = ends;
    }

    /// The end of its life.
    #[must_use]
    pub const fn ends(&self) -> Monotonic {
        self.ends
    }

    /// Where we stand.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        Standing { rx: self.received.next(), tx: self.next_out }
    }

    /// Whether the session can go on on another connection.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Writes the end of the session; nothing is sent or accepted after it.
    #[must_use]
    pub fn bye(&mut self, code: &str) -> String {
        self.leave();
        self.state = State::Over;
        frame::bye(code, self.next_out - 1)
    }

    /// Notes that the shell sent a frame of its own making (an error, a drain).
    pub const fn note_sent(&mut self, now: Now) {
        self.last_sent = now.mono;
    }

    /// A control frame to send, until there is none.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Now) -> Option<String> {
        let frame = self.transmit.pop_front().or_else(|| self.next_replay())?;
        self.last_sent = now.mono;
        Some(frame)
    }

    /// The first number of ours that the peer has not acknowledged.
    #[must_use]
    pub const fn peer_expects(&self) -> u64 {
        self.peer_expects
    }

    /// Judges a frame. Call [`Self::poll_transmit`] afterwards.
    ///
    /// # Errors
    /// The refusal to answer; the connection ends if its alert code is fatal.
    pub fn handle_frame<'f>(&mut self, bytes: &'f [u8], now: Now) -> Result<Event<'f>, Refusal> {
        if self.state != State::Open {
            return Err(Reject::UnexpectedMessage.into());
        }
        let frame = Frame::read(bytes, self.side.frame_bytes_max())?;
        self.last_received = now.mono;
        self.pinged = false;
        match (self.side, frame) {
            (_, Frame::App(app)) => self.application(app, now),
            (_, Frame::Bye(bye)) => Ok(self.said_bye(bye)),
            (_, Frame::Hb(heartbeat)) => self.heard(heartbeat).map(|()| Event::Nothing),
            (_, Frame::Nack(range)) => self.not_applied(range).map(|()| Event::NotApplied(range)),
            (_, Frame::Ping(id)) => self.queue(frame::pong(&id)).map(|()| Event::Nothing),
            (_, Frame::Pong(_)) => Ok(Event::Nothing),
            (Side::Server, Frame::Ready(ch)) => Ok(Event::Ready(ch.into_owned())),
            (Side::Client, Frame::Busy(busy)) => Ok(Event::Busy { retry: Duration::from_millis(busy.retry_ms) }),
            (Side::Client, Frame::Drain(Drain { by_ms, to, .. })) => {
                Ok(Event::Drain { by: Duration::from_millis(by_ms), to: to.into_iter().map(Into::into).collect() })
            }
            (Side::Client, Frame::Err(err)) => Ok(Event::Err(err)),
            (Side::Client, Frame::Gap(gap)) => self.gap(&gap),
            (Side::Client, Frame::Halt(Halt { id, action, reason })) => {
                Ok(Event::Halt { id: id.into_owned(), action: action.into_owned(), reason: reason.into_owned() })
            }
            (Side::Client, Frame::Lift) => Ok(Event::Lift),
            (Side::Client, Frame::Nonce(nonce)) => Ok(Event::Nonce(nonce.into_owned())),
            (Side::Server, Frame::Nonce(empty)) if empty.is_empty() => Ok(Event::NonceAsked),
            (Side::Server, Frame::Reauth(token)) => Ok(Event::Reauth(token.into_owned())),
            (Side::Client, Frame::Regrant { token, sec }) => Ok(Event::Regrant { token: token.into_owned(), sec: sec.into_owned() }),
            (Side::Server, Frame::Replay(range)) => self.replay(range).map(|()| Event::Nothing),
            // HS-76: understood, and honestly not offered.
            (_, Frame::Reserved(_)) => Err(Reject::Unsupported.into()),
            (_, Frame::Handshake)
            | (Side::Client, Frame::Ready(_) | Frame::Reauth(_) | Frame::Replay(_))
            | (
                Side::Server,
                Frame::Busy(_)
                | Frame::Drain(_)
                | Frame::Err(_)
                | Frame::Gap(_)
                | Frame::Halt(_)
                | Frame::Lift
                | Frame::Nonce(_)
                | Frame::Regrant { .. },
            ) => Err(Reject::UnexpectedMessage.into()),
        }
    }

    fn said_bye<'f>(&mut self, Bye { code, last }: Bye<'_>) -> Event<'f> {
        // HS-85: this connection is over, and the session is not.
        self.state = if code == AlertCode::SessionTakenOver.as_str() { State::Away } else { State::Over };
        let from = self.received.next();
        // `last` is only a claim: what it costs to believe it is one question by the application.
        let missed = last.and_then(|last| last.checked_sub(from)).map(|behind| Range { from, count: behind.saturating_add(1) });
        Event::Bye { code: code.into_owned(), missed }
    }

    fn application<'f>(&mut self, app: AppFrame<'f>, now: Now) -> Result<Event<'f>, Refusal> {
        if let Some(expected) = app.a {
            self.acknowledged(expected)?;
        }
        if self.recoverable && self.received.is_ahead(app.s) {
            // The one that showed the hole, too: it is not delivered.
            return self.ask_again(app.s + 1).map(|()| Event::Nothing);
        }
        self.asked = self.asked.filter(|asked| self.received.next() < asked.from + asked.count);
        // HS-71
        let body = app.d.get().as_bytes();
        if self.recoverable && app.dup && self.received.is_no_news(app.s, body)? {
            return Ok(Event::Nothing);
        }
        match self.received.receive(app.s, body)? {
            Arrival::New { missed } => {
                if let Some(range) = missed {
                    self.queue(frame::nack(range))?;
                }
                Ok(Event::Deliver { s: app.s, ch: app.ch.map(Into::into), d: app.d, missed })
            }
            Arrival::Repeated => self.queue(self.own_heartbeat(now)).map(|()| Event::Nothing),
        }
    }

    fn heard(&mut self, heartbeat: Heartbeat) -> Result<(), Refusal> {
        self.peer_clock = Some(heartbeat.t);
        self.acknowledged(heartbeat.a)?;
        if self.recoverable && heartbeat.s > self.received.next() {
            // The peer is silent, so whatever we asked for is not on its way any more.
            self.asked = None;
            return self.ask_again(heartbeat.s);
        }
        Ok(())
    }

    fn acknowledged(&mut self, expected: u64) -> Result<(), Refusal> {
        if expected > self.next_out {
            return Err(Reject::SequenceRange.into());
        }
        if expected > self.peer_expects {
            self.peer_expects = expected;
            self.kept.acknowledged(expected);
            if let Some(span) = &mut self.replaying {
                span.skip_to(expected);
            }
        }
        Ok(())
    }

    /// Only what was sent can be missed: an application may place these orders anew.
    fn not_applied(&self, Range { from, count }: Range) -> Result<(), Refusal> {
        // HS-73
        let ours = from >= 1 && count >= 1 && from.checked_add(count).is_some_and(|end| end <= self.next_out);
        if ours { Ok(()) } else { Err(Reject::SequenceRange.into()) }
    }

    fn queue(&mut self, frame: String) -> Result<(), Refusal> {
        // HS-77
        if self.transmit.len() == limits::TRANSMIT_QUEUE_MAX {
            return Err(Reject::SlowConsumer.into());
        }
        self.transmit.push_back(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
