//! A family of refresh tokens: each is used once and replaced by its successor (RFC 9700, 4.14.2).
//!
//! ```text
//!   generation shown    within the window of a lost reply     later
//!   current             Rotate: the next one is current       Rotate
//!   the one before      Repeat: the current one again         Reuse: the family ends
//!   an older one        Reuse                                 Reuse
//! ```
//!
//! A client whose answer was lost asks again and gets the *same* successor, so there is never a second chain. Once the successor
//! was used, or the window is over, whoever shows the old one is a thief or was robbed: nobody can tell which, so all of the family
//! ends, and the owner, who proves the key again, notices.
//!
//! What is *not* here: that the asker holds what the family is bound to ([`crate::Confirmation::check`]); it is checked first, so a
//! stolen text alone ends nothing.

use countersign_core::{AccountId, ApiKeyId, CredentialId, Purpose, Scopes, SessionId, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::confirmation::Confirmation;
use crate::limits::{GENERATIONS_MAX, LOST_REPLY_WINDOW, REFRESH_IDLE_MAX};
use crate::refresh::RefreshTicket;

/// A family as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name: the session.
    pub sid: SessionId,
    /// The key that opened it.
    pub credential: CredentialId,
    /// Whose.
    pub account: AccountId,
    /// The name of the key.
    pub key_id: ApiKeyId,
    /// What the key is for.
    pub purpose: Purpose,
    /// What its tokens may do.
    pub scopes: Scopes,
    /// Whom its tokens are for.
    pub audience: String,
    /// What its tokens are bound to.
    pub cnf: Confirmation,
    /// Number of the current token.
    pub generation: u32,
    /// Hash of the current token.
    pub current: [u8; 32],
    /// Hash of the one before.
    pub previous: Option<[u8; 32]>,
    /// When the current one was made.
    pub rotated: Timestamp,
    /// When it began.
    pub created: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// Why it ended before; `None` while it lives.
    pub revoked: Option<String>,
}

/// What becomes of a refresh token that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The family is over: why.
    Over(&'static str),
    /// The answer was lost: the current token again.
    Repeat,
    /// A token was used twice: the family ends.
    Reuse,
    /// The next token takes its place.
    Rotate,
}

impl Family {
    /// Judges a token of this family.
    #[must_use]
    pub fn present(&self, ticket: &RefreshTicket, now: Timestamp) -> Verdict {
        if self.revoked.is_some() {
            return Verdict::Over("the family was revoked");
        }
        if now >= self.ends {
            return Verdict::Over("the family reached the end of its life");
        }
        if now.saturating_since(self.rotated) >= REFRESH_IDLE_MAX {
            return Verdict::Over("the refresh token was not used for too long");
        }
        if ticket.generation == self.generation {
            return match same(&self.current, &ticket.hash) {
                true if self.generation >= GENERATIONS_MAX => Verdict::Over("the family has more generations than any client needs"),
                true => Verdict::Rotate,
                false => Verdict::Over("not the token of this generation"),
            };
        }
        if ticket.generation > self.generation {
            // Sealed by our key and not in our records: records from a backup. It can be no proof of anything.
            return Verdict::Over("a generation that was never recorded");
        }
        let lost_reply = self.previous.is_some_and(|previous| same(&previous, &ticket.hash))
            && ticket.generation + 1 == self.generation
            && now.saturating_since(self.rotated) < LOST_REPLY_WINDOW;
        if lost_reply { Verdict::Repeat } else { Verdict::Reuse }
    }

    /// Makes `next` the current token.
    pub fn rotate(&mut self, next: &RefreshTicket, now: Timestamp) {
        self.previous = Some(self.current);
        self.current = next.hash;
        self.generation = next.generation;
        self.rotated = now;
    }
}

fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests;
