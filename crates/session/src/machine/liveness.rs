//! What the clock asks for: a heartbeat after an interval of our own silence, a ping after one and a half of the peer's, the end of the
//! connection after two, the end of the session when its life is over.

use countersign_core::{Monotonic, Now};

use super::{Liveness, SessionMachine, State};
use crate::frame::{self, Heartbeat};

impl SessionMachine {
    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Monotonic> {
        match self.state {
            State::Open => {}
            State::Away => return Some(self.ends),
            State::Over => return None,
        }
        let probe = if self.pinged { self.dead_at() } else { self.ping_at() };
        Some(self.heartbeat_at().min(probe).min(self.ends))
    }

    /// Acts on the clock. Call [`Self::poll_transmit`] afterwards.
    pub fn handle_timeout(&mut self, now: Now) -> Liveness {
        // HS-75
        if self.state == State::Open && now.mono >= self.dead_at() {
            self.leave();
            return Liveness::Dead;
        }
        if self.state != State::Over && now.mono >= self.ends {
            return Liveness::Expired;
        }
        if self.state != State::Open {
            return Liveness::Alive;
        }
        // HS-74: a ping tells the peer that we live as well as a heartbeat does.
        let due = if now.mono >= self.ping_at() && !self.pinged {
            self.pinged = true;
            frame::ping("alive")
        } else if now.mono >= self.heartbeat_at() {
            self.own_heartbeat(now)
        } else {
            return Liveness::Alive;
        };
        self.last_sent = now.mono;
        if self.queue(due).is_err() {
            self.leave();
            return Liveness::Dead;
        }
        Liveness::Alive
    }

    fn heartbeat_at(&self) -> Monotonic {
        self.last_sent.saturating_add(self.heartbeat)
    }

    fn ping_at(&self) -> Monotonic {
        self.last_received.saturating_add(self.heartbeat + self.heartbeat / 2)
    }

    fn dead_at(&self) -> Monotonic {
        self.last_received.saturating_add(self.heartbeat * 2)
    }

    pub(super) fn own_heartbeat(&self, now: Now) -> String {
        let (s, a) = (self.next_out, self.received.next());
        frame::heartbeat(Heartbeat { s, a, t: frame::clock(now.wall), e: self.peer_clock })
    }
}
