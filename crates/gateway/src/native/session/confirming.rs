//! The client confirms the contract of this connection, or does not.

use countersign_core::{Refusal, Reject};
use countersign_session::Generations;

use super::Session;
use super::ending::Ending;
use crate::native::carriage::Carriage;

impl<C: Carriage + 'static> Session<C> {
    /// The client names the contract it accepted, or sends its first message as its hello announced.
    pub(super) fn confirm(&mut self, ch: Option<&str>) -> Result<(), Refusal> {
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

    /// The client did not confirm in time. Whoever came back may not have our reply: that connection is lost, not the session.
    pub(super) fn unconfirmed(&self) -> Ending {
        if self.generations == Generations::new() { Ending::Fatal(Reject::AuthDeadline.into()) } else { Ending::Dead }
    }
}
