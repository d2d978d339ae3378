//! What a client keeps of a session to take it up again on another connection.

use countersign_core::{Monotonic, Scopes, Secret, SessionId};

use crate::contract::Contract;
use crate::secret_text::SecretText;
use crate::welcome::{Gap, GapHow, Numbers, Welcome};

/// A session that can come back: ticket, secret, and where we stand. Each resume spends it and gives a new one.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// The session.
    pub sid: SessionId,
    /// The contract that it goes on with. Words that the last one left out are those that were said last (HS-134).
    pub contract: Contract,
    /// The ticket.
    pub ticket: SecretText,
    /// The secret that came with it.
    pub secret: Secret,
    /// Where we stand: keep it up to date before each use.
    pub numbers: Numbers,
    /// The end of the session's life, by our own clock.
    pub ends: Monotonic,
    /// The scopes of a re-authentication that was not answered yet: the answer may have been lost.
    pub asked: Option<Scopes>,
}

impl Resumption {
    /// Whether a welcome goes on where we stopped; names the member at fault.
    pub(super) fn check(&self, welcome: &Welcome) -> Result<(), &'static str> {
        // HS-86
        if welcome.sid != self.sid {
            return Err("sid");
        }
        // HS-126
        if !welcome.grant.continues(&self.contract, self.asked.as_ref()) {
            return Err("grant");
        }
        // HS-87: the gateway cannot have received what we did not send, nor unsay what it sent.
        let Numbers { rx, tx } = welcome.seq;
        if rx > self.numbers.tx || tx < self.numbers.rx {
            return Err("seq");
        }
        let missed = tx - self.numbers.rx;
        let told = match welcome.gap {
            None => missed == 0,
            Some(Gap { from, count, how }) => {
                let whole = how == GapHow::Lost || count == missed;
                from == self.numbers.rx && count <= missed && whole
            }
        };
        if told { Ok(()) } else { Err("gap") }
    }
}
