//! The keys of resumption tickets (RFC 8446 section 4.6.1), shared by all listeners and, by import, by a cluster.
//!
//! ```text
//!   rotate ──►  current  ──rotate──►  previous 1  ──rotate──►  previous 2  ──rotate──►  gone
//!               seals, opens          opens                    opens
//! ```
//!
//! A ticket is `key name (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, sealed with AES-256-GCM-SIV. The associated data are
//! a label, the epoch of the ring and the binding of the listener (see the `ticketer` module). Whatever does not
//! fit gives no plaintext, and the client gets a full handshake instead: there is no error to observe.
//!
//! Three ways to end tickets: a key leaves the ring after two rotations; it dies 12 hours after it was made even if
//! nobody rotates; and [`TicketKeyRing::advance_epoch`] ends all tickets at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

use crate::error::PkiError;
use crate::limits::{
    TICKET_KEY_LIFE_SECONDS, TICKET_KEY_SKEW_SECONDS, TICKET_KEYS_PREVIOUS, TICKET_ROTATION_SECONDS, TICKET_STATE_BYTES_MAX,
};

const NAME_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = NAME_BYTES + NONCE_LEN;
const TICKET_BYTES_MAX: usize = HEAD_BYTES + TICKET_STATE_BYTES_MAX + TAG_BYTES;
const AAD_LABEL: &[u8] = b"countersign ticket 1";

/// One ticket key, as nodes of a cluster hand it on. Never printed, wiped when dropped.
pub struct TicketKey {
    name: [u8; NAME_BYTES],
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    created_at: u64,
}

impl TicketKey {
    /// A random key.
    ///
    /// # Errors
    /// The crypto library has no random bytes.
    pub fn generate(now: UnixTime) -> Result<Self, PkiError> {
        let mut name = [0; NAME_BYTES];
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        aws_lc_rs::rand::fill(&mut name)
            .and_then(|()| aws_lc_rs::rand::fill(&mut secret[..]))
            .map_err(|_| PkiError::Crypto { operation: "draw a ticket key" })?;
        Ok(Self::from_parts(name, secret, now.as_secs()))
    }

    /// A key that came from elsewhere; `created_at` in Unix seconds.
    pub fn from_parts(name: [u8; NAME_BYTES], secret: Zeroizing<[u8; SECRET_BYTES]>, created_at: u64) -> Self {
        Self { name, secret, created_at }
    }

    /// The public name that stands in every ticket.
    pub fn name(&self) -> &[u8; NAME_BYTES] {
        &self.name
    }

    /// When it was made, Unix seconds.
    pub fn created_at(&self) -> u64 {
        self.created_at
    }

    /// The secret, for handing it on over a protected channel.
    pub fn expose_secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }
}

/// A key with its schedule computed.
struct ReadyKey {
    key: TicketKey,
    aead: RandomizedNonceKey,
}

/// What a handshake reads, in one atomic load.
struct Ring {
    epoch: u64,
    /// Newest first.
    keys: Vec<Arc<ReadyKey>>,
}

/// Current and previous ticket keys and the epoch.
pub struct TicketKeyRing {
    ring: ArcSwap<Ring>,
    writer: Mutex<()>,
    clock: Arc<dyn TimeProvider>,
}

impl TicketKeyRing {
    /// A ring with one random key. `clock` bounds the age of keys on every use.
    ///
    /// # Errors
    /// No random bytes, or a clock that does not tell the time.
    pub fn new(clock: Arc<dyn TimeProvider>) -> Result<Self, PkiError> {
        let now = clock.current_time().ok_or(PkiError::Crypto { operation: "read the clock" })?;
        let first = ReadyKey::new(TicketKey::generate(now)?)?;
        Ok(Self { ring: ArcSwap::from_pointee(Ring { epoch: 0, keys: vec![Arc::new(first)] }), writer: Mutex::new(()), clock })
    }

    /// Makes a new current key if the present one has done its hour; true if it did. Call it often.
    ///
    /// # Errors
    /// The crypto library has no random bytes; the ring stays as it is.
    pub fn rotate(&self, now: UnixTime) -> Result<bool, PkiError> {
        let writer = self.lock();
        let newest = self.ring.load().keys.first().map(|ready| ready.key.created_at);
        let is_due = newest.is_none_or(|created_at| now.as_secs().saturating_sub(created_at) >= TICKET_ROTATION_SECONDS);
        if is_due {
            self.push(TicketKey::generate(now)?, &writer)?;
        }
        Ok(is_due)
    }

    /// Makes a new current key at once, whatever the age of the present one.
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub fn rotate_now(&self, now: UnixTime) -> Result<(), PkiError> {
        let writer = self.lock();
        self.push(TicketKey::generate(now)?, &writer)
    }

    /// Replaces all keys and the epoch by those of the cluster, newest first. The epoch never goes back.
    ///
    /// # Errors
    /// No key, more keys than a ring has, two keys of one name, a key from the future; the ring then stays as it is.
    pub fn import(&self, keys: Vec<TicketKey>, epoch: u64, now: UnixTime) -> Result<(), PkiError> {
        check_import(&keys, now)?;
        let keys = keys.into_iter().map(|key| ReadyKey::new(key).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let _writer = self.lock();
        let epoch = epoch.max(self.epoch());
        self.ring.store(Arc::new(Ring { epoch, keys }));
        Ok(())
    }

    /// Copies of all keys, newest first, for handing them on over a protected channel.
    pub fn export(&self) -> Vec<TicketKey> {
        let ring = self.ring.load();
        ring.keys.iter().map(|ready| ready.key.copy()).collect()
    }

    /// Number of the present epoch.
    pub fn epoch(&self) -> u64 {
        self.ring.load().epoch
    }

    /// Ends all tickets made so far; every client then makes a full handshake. Returns the new epoch.
    pub fn advance_epoch(&self) -> u64 {
        let _writer = self.lock();
        let ring = self.ring.load();
        let epoch = ring.epoch.saturating_add(1);
        let keys = ring.keys.clone();
        self.ring.store(Arc::new(Ring { epoch, keys }));
        epoch
    }

    /// Seals session state for one binding. None without a usable key, or when the state is too large.
    pub(crate) fn seal(&self, binding: &[u8; 32], state: &[u8]) -> Option<Vec<u8>> {
        if state.len() > TICKET_STATE_BYTES_MAX {
            return None;
        }
        let ring = self.ring.load();
        let ready = ring.keys.first()?;
        self.is_alive(ready).then_some(())?;
        // One allocation; the plaintext never lies outside the buffer that is sealed.
        let mut sealed = Vec::with_capacity(state.len() + TAG_BYTES);
        sealed.extend_from_slice(state);
        let aad = associated_data(ring.epoch, binding);
        let nonce = ready.aead.seal_in_place_append_tag(Aad::from(aad), &mut sealed).ok()?;
        let mut ticket = Vec::with_capacity(HEAD_BYTES + sealed.len());
        ticket.extend_from_slice(&ready.key.name);
        ticket.extend_from_slice(nonce.as_ref());
        ticket.append(&mut sealed);
        Some(ticket)
    }

    /// Opens a ticket made for the same binding in the same epoch. `ticket` is whatever a stranger sent.
    pub(crate) fn open(&self, binding: &[u8; 32], ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let ring = self.ring.load();
        let ready = ring.keys.iter().find(|ready| ready.key.name == *name)?;
        self.is_alive(ready).then_some(())?;
        let aad = associated_data(ring.epoch, binding);
        let mut state = sealed.to_vec();
        let length = ready.aead.open_in_place(Nonce::from(nonce), Aad::from(aad), &mut state).ok()?.len();
        state.truncate(length);
        Some(state)
    }

    fn is_alive(&self, ready: &ReadyKey) -> bool {
        self.clock.current_time().is_some_and(|now| now.as_secs().saturating_sub(ready.key.created_at) < TICKET_KEY_LIFE_SECONDS)
    }

    fn push(&self, key: TicketKey, _writer: &MutexGuard<'_, ()>) -> Result<(), PkiError> {
        let ring = self.ring.load();
        let mut keys = vec![Arc::new(ReadyKey::new(key)?)];
        keys.extend(ring.keys.iter().take(TICKET_KEYS_PREVIOUS).cloned());
        self.ring.store(Arc::new(Ring { epoch: ring.epoch, keys }));
        Ok(())
    }

    /// Writers take turns; the lock guards no data, so a panic of another writer has broken nothing.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for TicketKeyRing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TicketKeyRing")
            .field("epoch", &self.epoch())
            .field("keys", &self.ring.load().keys.len())
            .finish_non_exhaustive()
    }
}

impl ReadyKey {
    fn new(key: TicketKey) -> Result<Self, PkiError> {
        let aead = RandomizedNonceKey::new(&AES_256_GCM_SIV, &key.secret[..])
            .map_err(|_| PkiError::Crypto { operation: "prepare a ticket key" })?;
        Ok(Self { key, aead })
    }
}

impl TicketKey {
    fn copy(&self) -> Self {
        Self::from_parts(self.name, self.secret.clone(), self.created_at)
    }
}

fn check_import(keys: &[TicketKey], now: UnixTime) -> Result<(), PkiError> {
    let latest = now.as_secs().saturating_add(TICKET_KEY_SKEW_SECONDS);
    let has_twins = keys.iter().enumerate().any(|(at, key)| keys[..at].iter().any(|other| other.name == key.name));
    let reason = if keys.is_empty() {
        "there is none"
    } else if keys.len() > TICKET_KEYS_PREVIOUS + 1 {
        "there are more than a ring holds"
    } else if has_twins {
        "two have the same name"
    } else if keys.iter().any(|key| key.created_at > latest) {
        "it was made in the future"
    } else {
        return Ok(());
    };
    Err(PkiError::InvalidTicketKey { reason })
}

fn associated_data(epoch: u64, binding: &[u8; 32]) -> [u8; AAD_LABEL.len() + 8 + 32] {
    let mut aad = [0; AAD_LABEL.len() + 8 + 32];
    let (label, rest) = aad.split_at_mut(AAD_LABEL.len());
    label.copy_from_slice(AAD_LABEL);
    rest[..8].copy_from_slice(&epoch.to_be_bytes());
    rest[8..].copy_from_slice(binding);
    aad
}

#[cfg(test)]
mod tests;
