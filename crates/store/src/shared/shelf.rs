//! Things that any node may show for a while to whoever has their name.
//!
//! ```text
//!   name, 64 random bits,  ─┬─ SHA-256 ─▶ {countersign}:shelf:<hash>     what the server sees
//!   its minute and a MAC    └─ authenticated with the content, which is sealed under the key that all nodes have
//! ```
//!
//! # Security
//! Whoever reads the server learns neither names nor contents; whoever writes to it makes up none, because what he writes does not
//! open, and what he moves does not open under another name. He can take things away.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use countersign_core::{Secret, Timestamp};

use super::{PREFIX, SharedMemory, millis};
use crate::error::StoreError;
use crate::limits;
use crate::sealing::SealingKey;

/// A name: whoever knows it may see the thing.
pub type ShelfName = [u8; 16];

/// Random bytes of a name that nodes draw. With the MAC there are 96 bits that nobody guesses while a thing is there.
pub const DRAWN_BYTES: usize = 8;
/// Bytes of its minute.
const MINUTE_BYTES: usize = 4;
/// What the MAC covers.
const MARKED_BYTES: usize = MINUTE_BYTES + DRAWN_BYTES;
/// What the MAC of drawn names is made under.
const NAMES: &str = "names on the shelf";

const MINUTE: Duration = Duration::from_secs(60);

fn minute(time: Timestamp) -> u32 {
    u32::try_from(time.as_secs() / MINUTE.as_secs()).unwrap_or(u32::MAX)
}

/// What nodes keep for each other to be shown.
pub struct SharedShelf {
    memory: Arc<SharedMemory>,
    key: Arc<SealingKey>,
    names: hmac::Key,
}

impl SharedShelf {
    /// Over the memory, sealed under the key that all nodes have.
    #[must_use]
    pub fn new(memory: Arc<SharedMemory>, key: Arc<SealingKey>) -> Self {
        let names = hmac::Key::new(hmac::HMAC_SHA256, key.derive(NAMES).expose());
        Self { memory, key, names }
    }

    /// A name out of random bytes and the time, with a MAC of both: nobody needs to be asked about a name that no node made, or about one
    /// whose thing is gone.
    #[must_use]
    pub fn name(&self, drawn: [u8; DRAWN_BYTES], now: Timestamp) -> ShelfName {
        let mut name = [0; 16];
        name[..MINUTE_BYTES].copy_from_slice(&minute(now).to_be_bytes());
        name[MINUTE_BYTES..MARKED_BYTES].copy_from_slice(&drawn);
        self.mark(&mut name);
        name
    }

    fn mark(&self, name: &mut ShelfName) {
        let (marked, mark) = name.split_at_mut(MARKED_BYTES);
        mark.copy_from_slice(&hmac::sign(&self.names, marked).as_ref()[..mark.len()]);
    }

    /// Whether a node made this name by [`Self::name`], for a thing of this life that may still be there. Whoever guesses is right once in
    /// four thousand million times.
    #[must_use]
    pub fn may_be_there(&self, name: &ShelfName, life: Duration, now: Timestamp) -> bool {
        let mut own = *name;
        self.mark(&mut own);
        let [a, b, c, d, ..] = *name;
        // A minute begins before the name is drawn, and the clocks of nodes differ.
        let slack = MINUTE + limits::SHARED_CLOCK_SKEW_MAX;
        let (first, last) = (minute(now.saturating_sub(life + slack)), minute(now.saturating_add(slack)));
        verify_slices_are_equal(&own, name).is_ok() && (first..=last).contains(&u32::from_be_bytes([a, b, c, d]))
    }

    /// Keeps a thing for so long; whether it could be kept.
    pub fn put(&self, name: &ShelfName, content: &Secret, life: Duration) -> bool {
        let sealed = self.key.seal(&owner(name), content.expose());
        self.ask(|link| {
            redis::cmd("SET").arg(place(name)).arg(&sealed).arg("PX").arg(millis(life).max(1)).query::<()>(&mut link.connection)
        })
        .is_ok()
    }

    /// What has this name; `None` where nothing has, or what is there was sealed under another key.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`]: no answer in time, so that nobody knows.
    pub fn find(&self, name: &ShelfName) -> Result<Option<Secret>, StoreError> {
        let sealed: Option<Vec<u8>> = self.ask(|link| redis::cmd("GET").arg(place(name)).query(&mut link.connection))?;
        Ok(sealed.and_then(|sealed| self.key.open(&owner(name), &sealed).ok()))
    }

    /// Takes a thing away before its time; a server that is away forgets it by itself.
    pub fn remove(&self, name: &ShelfName) {
        // It ends by itself within its life.
        let _ = self.ask(|link| redis::cmd("DEL").arg(place(name)).query::<()>(&mut link.connection));
    }

    /// Takes a thing away; it is gone when this returns.
    ///
    /// # Errors
    /// [`StoreError::SharedMemory`]: nobody knows whether it is still there.
    pub fn withdraw(&self, name: &ShelfName) -> Result<(), StoreError> {
        self.ask(|link| redis::cmd("DEL").arg(place(name)).query::<()>(&mut link.connection))
    }

    fn ask<T>(&self, question: impl FnOnce(&mut super::memory::Link) -> redis::RedisResult<T>) -> Result<T, StoreError> {
        let now = self.memory.now().mono;
        let answer = if self.memory.may_try(now) { self.memory.ask(now, question).ok() } else { None };
        answer.ok_or_else(|| super::memory::unusable("no answer in time"))
    }
}

impl fmt::Debug for SharedShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedShelf({:?})", self.memory)
    }
}

fn owner(name: &ShelfName) -> String {
    format!("shelf {}", hex::encode(name))
}

fn place(name: &ShelfName) -> String {
    format!("{PREFIX}:shelf:{}", hex::encode(digest(&SHA256, name)))
}
