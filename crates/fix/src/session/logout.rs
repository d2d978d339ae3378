//! How a session closes: Logout, ours first or theirs.

use countersign_core::Now;

use super::{DisconnectReason, Phase, PhaseError, Session};
use crate::msg_type::AdminType;
use crate::store::MessageStore;
use crate::tag;
use crate::writer::MessageWriter;

impl<S: MessageStore> Session<S> {
    /// Ends the session politely: sends Logout and waits for the peer's.
    ///
    /// # Errors
    /// Not logged on.
    pub fn logout(&mut self, now: Now, text: Option<&str>) -> Result<(), PhaseError> {
        if self.phase != Phase::LoggedOn {
            return Err(PhaseError(self.phase));
        }
        self.say_logout(now, text);
        self.await_logout(now);
        Ok(())
    }

    pub(super) fn await_logout(&mut self, now: Now) {
        if self.phase == Phase::LoggedOn {
            self.phase = Phase::ExpectLogout;
            self.deadline = Some(now.mono.saturating_add(self.config.logout_timeout));
        }
    }

    pub(super) fn say_logout(&mut self, now: Now, text: Option<&str>) {
        if self.phase != Phase::ExpectLogout {
            self.send_admin(now, AdminType::Logout, &[], |writer: &mut MessageWriter| {
                if let Some(text) = text {
                    writer.text(tag::TEXT, text);
                }
            });
        }
    }

    /// A fault after which nothing can be trusted: Logout with the reason, then the end.
    pub(super) fn fatal(&mut self, now: Now, reason: &'static str, text: String) {
        self.say_logout(now, Some(&text));
        self.disconnect(DisconnectReason::Protocol(reason));
    }

    pub(super) fn too_low(&mut self, now: Now, expected: u64, received: u64) {
        self.fatal(now, "MsgSeqNum too low", format!("MsgSeqNum too low, expecting {expected} but received {received}"));
    }
}
