//! Deadlines: Logon, verification, Logout, heartbeats, dead peers, gaps that stay open.

use std::time::Duration;

use countersign_core::{Monotonic, Now};

use super::{DisconnectReason, Phase, Session};
use crate::msg_type::AdminType;
use crate::store::MessageStore;
use crate::tag;

impl<S: MessageStore> Session<S> {
    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Monotonic> {
        match self.phase {
            Phase::Disconnected => None,
            Phase::LoggedOn => [self.heartbeat_at(), self.probe_at(), self.gap_at()].into_iter().flatten().min(),
            Phase::AwaitVerification | Phase::ExpectLogon | Phase::ExpectLogonReply | Phase::ExpectLogout | Phase::ReadyToLogon => {
                self.deadline
            }
        }
    }

    /// Acts on the clock. Call [`Self::poll_event`] and [`Self::poll_transmit`] afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        let due = |at: Option<Monotonic>| at.is_some_and(|at| now.mono >= at);
        if self.phase != Phase::LoggedOn {
            if due(self.deadline) {
                self.disconnect(DisconnectReason::TimedOutWaiting);
            }
            return;
        }
        if due(self.silence(24)) {
            return self.disconnect(DisconnectReason::TimedOut);
        }
        if !self.tested && due(self.silence(12)) {
            self.tested = true;
            self.test_requests += 1;
            self.last_sent = now.mono;
            let id = format!("TEST{}", self.test_requests);
            self.send_admin(now, AdminType::TestRequest, &[], |writer| {
                writer.text(tag::TEST_REQ_ID, &id);
            });
        }
        if due(self.heartbeat_at()) {
            self.last_sent = now.mono;
            self.send_admin(now, AdminType::Heartbeat, &[], |_| {});
        }
        if due(self.gap_at()) {
            self.ask_again(now);
        }
    }

    fn heartbeat_at(&self) -> Option<Monotonic> {
        (self.heartbeat > Duration::ZERO).then(|| self.last_sent.saturating_add(self.heartbeat))
    }

    fn probe_at(&self) -> Option<Monotonic> {
        self.silence(if self.tested { 24 } else { 12 })
    }

    /// After so many tenths of an interval without a message. The standard says "some reasonable transmission time": a fifth.
    fn silence(&self, tenths: u32) -> Option<Monotonic> {
        (self.heartbeat > Duration::ZERO).then(|| self.last_received.saturating_add(self.heartbeat * tenths / 10))
    }

    fn gap_at(&self) -> Option<Monotonic> {
        self.gap.map(|gap| gap.asked.saturating_add(self.config.resend_timeout))
    }
}
