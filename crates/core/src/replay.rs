//! The replay guard: what was accepted once is not accepted again inside its window.
//!
//! Keyed by credential and signed bytes, never by the signature's bytes: a signature can often be re-encoded without its
//! secret (hex case, base64 padding, ECDSA `s`), the signed bytes cannot be changed.
//!
//! | earlier use | now a read | now a write or a cancel |
//! |---|---|---|
//! | none | accepted, remembered | accepted, remembered |
//! | read | accepted | refused: a signed read is no ticket for a write elsewhere |
//! | write, cancel | accepted: reads harm nobody | refused |
//!
//! In one memory a cancel is a write. They differ where a memory that nodes share cannot be asked: then cancels pass.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_lc_rs::digest;
use smallvec::SmallVec;

use crate::credential::Credential;
use crate::limits;
use crate::presented::{Effect, SignedBytes};
use crate::reject::{Refusal, Reject};
use crate::time::{Monotonic, Timestamp};

/// Names one signed message of one credential: SHA-256 of both, cut to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplayId {
    message: [u8; 16],
    credential: u32,
}

/// Most signed texts are shorter. Hashed in one piece they cost no context, which would be an allocation for each request.
const SHORT_BYTES: usize = 512;

impl ReplayId {
    /// The name of `signed` under `credential`.
    #[must_use]
    pub fn of(credential: &Credential, signed: &SignedBytes<'_>) -> Self {
        Self::of_owner(credential.id.as_str(), signed)
    }

    /// The name of `signed` under something that is no credential of ours. Its name has a colon, which no id of a credential has.
    #[must_use]
    pub fn of_owner(owner: &str, signed: &SignedBytes<'_>) -> Self {
        let mut text: SmallVec<[u8; SHORT_BYTES]> = SmallVec::new();
        text.extend_from_slice(&u32::try_from(owner.len()).unwrap_or(u32::MAX).to_be_bytes());
        text.extend_from_slice(owner.as_bytes());
        let owner_hash = digest::digest(&digest::SHA256, &text);
        let message = if text.len() + signed.len() <= SHORT_BYTES {
            signed.pieces().for_each(|piece| text.extend_from_slice(piece));
            digest::digest(&digest::SHA256, &text)
        } else {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&text);
            signed.pieces().for_each(|piece| context.update(piece));
            context.finish()
        };
        Self {
            message: message.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes"),
            credential: u32::from_be_bytes(owner_hash.as_ref()[..4].try_into().expect("SHA-256 has 32 bytes")),
        }
    }

    /// The 20 bytes of it, for a journal.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&self.message);
        bytes[16..].copy_from_slice(&self.credential.to_be_bytes());
        bytes
    }

    /// Back from [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 20]) -> Self {
        Self {
            message: bytes[..16].try_into().expect("16 of 20"),
            credential: u32::from_be_bytes(bytes[16..].try_into().expect("4 of 20")),
        }
    }
}

/// Remembers accepted messages for at least their receive window.
pub trait ReplayGuard: Send + Sync {
    /// Checks that `id`, whose signed timestamp is `signed_at`, may be used for `effect` now, and remembers that it was.
    ///
    /// # Errors
    /// [`Reject::Replayed`]; [`Reject::TimestampStale`] for a write or cancel signed at or before one that is already forgotten (only a
    /// wall clock that stepped back makes that happen inside a window); [`Reject::ReplayCapacity`] when the key, or all keys together, made more signed requests than are
    /// remembered; [`Reject::StoreUnavailable`] when the memory is out of reach, with the reason for the operator where there is one to
    /// tell; [`Reject::AuditUnavailable`] when its disk takes no writes.
    ///
    /// # Security
    /// A false "new" lets an order through twice. A false "seen" refuses an order that the client may sign again with a new
    /// timestamp. When in doubt, refuse. Of any number of parallel calls with one `id` and [`Effect::Write`] exactly one succeeds.
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal>;

    /// How many messages it remembers, for the operator. Not for the path of a request.
    fn records(&self) -> usize;
}

impl<G: ReplayGuard + ?Sized> ReplayGuard for std::sync::Arc<G> {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        (**self).check_and_insert(id, effect, signed_at, now)
    }

    fn records(&self) -> usize {
        (**self).records()
    }
}

/// The replay guard of one process: sharded, two generations, bounded; forgets by monotonic time only, and refuses writes
/// signed no later than the latest it forgot, so that a wall clock that steps back re-opens nothing.
pub struct MemoryReplayGuard {
    shards: Box<[Mutex<Shard>]>,
    records_per_shard_max: usize,
    records_per_key_max: u32,
}

struct Shard {
    current: Generation,
    previous: Generation,
    current_since: Monotonic,
    /// The latest signed timestamp among all that was forgotten: what is not later cannot be told from a replay.
    forgotten_until: Option<Timestamp>,
}

#[derive(Default)]
struct Generation {
    latest_signed: Option<Timestamp>,
    seen: HashMap<ReplayId, Effect>,
    per_key: HashMap<u32, u32>,
}

const SHARDS: usize = 64;

impl Default for MemoryReplayGuard {
    fn default() -> Self {
        Self::with_limits(limits::REPLAY_RECORDS_MAX, limits::REPLAY_RECORDS_PER_KEY_MAX)
    }
}

impl MemoryReplayGuard {
    /// A guard with its own bounds: records of all keys, records of one key, both per generation.
    #[must_use]
    pub fn with_limits(records_max: usize, records_per_key_max: u32) -> Self {
        let shard = || {
            Mutex::new(Shard {
                current: Generation::default(),
                previous: Generation::default(),
                current_since: Monotonic::default(),
                forgotten_until: None,
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            records_per_shard_max: records_max.div_ceil(SHARDS),
            // One key's records spread over the shards; each shard counts its part.
            records_per_key_max: records_per_key_max.div_ceil(u32::try_from(SHARDS).expect("small")),
        }
    }
}

impl ReplayGuard for MemoryReplayGuard {
    fn check_and_insert(&self, id: ReplayId, effect: Effect, signed_at: Timestamp, now: Monotonic) -> Result<(), Refusal> {
        let index = usize::from(id.message[0]) % self.shards.len();
        // A poisoned lock means that another thread panicked inside this small section: refuse rather than guess.
        let mut shard = self.shards[index].lock().map_err(|_| Reject::StoreUnavailable)?;
        shard.turn(now);
        let seen = shard.current.seen.get(&id).or_else(|| shard.previous.seen.get(&id)).copied();
        match (seen, effect) {
            (Some(_), Effect::Cancel | Effect::Write) => return Err(Reject::Replayed.into()),
            (Some(_), Effect::Read) => return Ok(()),
            (None, Effect::Cancel | Effect::Read | Effect::Write) => {}
        }
        if effect != Effect::Read && shard.forgotten_until.is_some_and(|horizon| signed_at <= horizon) {
            return Err(Reject::TimestampStale.into());
        }
        let full = shard.current.seen.len() >= self.records_per_shard_max;
        let of_key = shard.current.per_key.entry(id.credential).or_default();
        if full || *of_key >= self.records_per_key_max {
            return Err(Reject::ReplayCapacity.into());
        }
        *of_key += 1;
        shard.current.seen.insert(id, effect);
        shard.current.latest_signed = shard.current.latest_signed.max(Some(signed_at));
        Ok(())
    }

    fn records(&self) -> usize {
        let of_shard = |shard: &Mutex<Shard>| shard.lock().map_or(0, |shard| shard.current.seen.len() + shard.previous.seen.len());
        self.shards.iter().map(of_shard).sum()
    }
}

impl Shard {
    fn turn(&mut self, now: Monotonic) {
        let age = now.saturating_since(self.current_since);
        if age < limits::REPLAY_GENERATION {
            return;
        }
        self.forget_previous();
        self.previous = std::mem::take(&mut self.current);
        if age >= limits::REPLAY_GENERATION * 2 {
            self.forget_previous();
        }
        self.current_since = now;
    }

    fn forget_previous(&mut self) {
        let forgotten = std::mem::take(&mut self.previous);
        self.forgotten_until = self.forgotten_until.max(forgotten.latest_signed);
    }
}

#[cfg(test)]
mod tests;
