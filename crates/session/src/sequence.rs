//! Numbers of received messages: what is new, what is a repetition, what is a conflict.
//!
//! ```text
//!   s == next                           new: deliver, next = s + 1
//!   s >  next                           new, and s - next messages are lost: deliver, say which were not applied
//!   s <  next, same body as remembered  repetition: acknowledge again, do not execute
//!   s <  next, other body               conflict: fatal
//!   s <  next, not remembered           too old, or declared lost: refused, not executed
//!   s <  next, sent again as asked      no news, where everything before `next` was delivered or told as lost
//! ```

use std::collections::VecDeque;

use aws_lc_rs::digest;
use countersign_core::{Refusal, Reject};

use crate::frame::Range;
use crate::limits;

/// What a received number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Not seen before; `missed` were never received and never will be applied.
    New {
        /// The hole before it.
        missed: Option<Range>,
    },
    /// Received before, with the same body.
    Repeated,
}

/// Numbers of one direction, receiving side.
#[derive(Debug)]
pub struct Sequence {
    next: u64,
    remembered: VecDeque<(u64, [u8; 16])>,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { next: 1, remembered: VecDeque::new() }
    }
}

impl Sequence {
    /// One that received everything before `next` elsewhere. What is repeated of it is not remembered, and so refused.
    #[must_use]
    pub const fn from_next(next: u64) -> Self {
        Self { next: if next == 0 { 1 } else { next }, remembered: VecDeque::new() }
    }

    /// The next number expected: everything before it is acknowledged.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Judges a number and its body.
    ///
    /// # Errors
    /// [`Reject::SequenceConflict`] (fatal), [`Reject::SequenceRange`].
    pub fn receive(&mut self, s: u64, body: &[u8]) -> Result<Arrival, Refusal> {
        if s == 0 || s >= limits::SEQUENCE_END {
            return Err(Reject::SequenceRange.into());
        }
        let hash = body_hash(body);
        if s < self.next {
            return self.repeated(s, hash);
        }
        let count = s - self.next;
        // HS-73
        if count > limits::GAP_MAX {
            return Err(Reject::SequenceRange.into());
        }
        let missed = (count > 0).then_some(Range { from: self.next, count });
        self.remember(s, hash);
        Ok(Arrival::New { missed })
    }

    /// Whether a message that is sent again is one of before `next`, on a flow where all of that was delivered or told as lost. What is not
    /// remembered of it is no news either: what is asked for twice comes twice, and is more than can be remembered. Nothing is kept or
    /// delivered for it, so a peer that says so of what it never sent gains nothing and costs nothing.
    ///
    /// # Errors
    /// [`Reject::SequenceConflict`] (fatal).
    pub fn is_no_news(&self, s: u64, body: &[u8]) -> Result<bool, Refusal> {
        let is_before = (1..self.next).contains(&s);
        // HS-72 HS-90
        match self.remembered.iter().find(|(number, _)| is_before && *number == s) {
            Some((_, own)) if *own != body_hash(body) => Err(Reject::SequenceConflict.into()),
            Some(_) | None => Ok(is_before),
        }
    }

    /// Whether a number is behind a hole: on a flow whose messages can be had again it waits for them.
    #[must_use]
    pub const fn is_ahead(&self, s: u64) -> bool {
        s > self.next && s < limits::SEQUENCE_END
    }

    /// Goes on behind messages that nobody can give any more.
    pub const fn skip_to(&mut self, next: u64) {
        if next > self.next && next <= limits::SEQUENCE_END {
            self.next = next;
        }
    }

    fn repeated(&self, s: u64, hash: [u8; 16]) -> Result<Arrival, Refusal> {
        let known = self.remembered.iter().find(|(number, _)| *number == s);
        match known {
            // HS-72
            Some((_, own)) if *own == hash => Ok(Arrival::Repeated),
            Some(_) => Err(Reject::SequenceConflict.into()),
            None => Err(Reject::SequenceRange.into()),
        }
    }

    fn remember(&mut self, s: u64, hash: [u8; 16]) {
        if self.remembered.len() == limits::REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back((s, hash));
        self.next = s + 1;
    }
}

/// 128 bits are enough: only the sender could profit from a collision, and it would only deceive itself.
fn body_hash(body: &[u8]) -> [u8; 16] {
    let hash = digest::digest(&digest::SHA256, body);
    hash.as_ref()[..16].try_into().expect("16 of 32 bytes")
}

#[cfg(test)]
mod tests;
