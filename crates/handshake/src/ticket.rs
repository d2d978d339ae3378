//! Resumption tickets: what the gateway must know to judge a resume, carried by the client and readable by nobody but gateways.
//!
//! ```text
//!   text = base64url( key name 8 || nonce 12 || seal( JSON of Ticket ) )
//!   additional data = label("ticket") || H(gateway root) || H(listener)
//! ```
//!
//! A ticket is worth nothing by itself: it says which session and holds the secret `rk` under which the resume must be proved, and
//! `rk` was given to the client beside it. The associated data ties it to one gateway and one listener, so that no door opens to a
//! ticket that was made at another. Keys are made hourly; one that sealed a ticket opens it for as long as its session may live.
//!
//! Where several nodes serve one gateway the key of an hour is derived from a secret that all of them have, and any of them opens what
//! another one sealed. Nothing has to travel between them for that.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use countersign_core::{ApiKeyId, Binding, CredentialId, Entropy, Refusal, Reject, Secret, SessionId, Timestamp};
use zeroize::Zeroizing;

use crate::encoding;
use crate::label;
use crate::limits;
use crate::secret_text::SecretText;
use crate::strict_json::{Object, Value};
use crate::transcript::sha256;

/// Bytes of the name that tells which key sealed.
const KEY_NAME_BYTES: usize = 8;

/// What a ticket says. Only [`TicketKeys::open`] makes one of a client's text.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The session.
    pub sid: SessionId,
    /// The key that opened it.
    pub key_id: ApiKeyId,
    /// The record of that key.
    pub credential: CredentialId,
    /// How the session is bound to its channel; a resume is bound in the same way.
    pub bind: Binding,
    /// Which of the session's tickets this is, from 1.
    pub generation: u64,
    /// From when on it is nothing: the end of the session's life.
    pub expires: Timestamp,
    /// The session secret `rk` that was given with it.
    pub secret: Secret,
}

impl Ticket {
    fn write(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(encoding::encode(self.secret.expose()));
        // Every text in it is of an alphabet that JSON does not escape.
        Zeroizing::new(format!(
            "{{\"sid\":\"{}\",\"key\":\"{}\",\"cred\":\"{}\",\"bind\":\"{}\",\"gen\":{},\"exp\":{},\"rk\":\"{}\"}}",
            self.sid,
            self.key_id,
            self.credential,
            self.bind.name(),
            self.generation,
            self.expires.as_micros(),
            secret.as_str(),
        ))
    }

    fn read(text: &[u8]) -> Option<Self> {
        let object = Object::parse(text).ok()?;
        let word = |name: &str| object.member(name).and_then(Value::as_text);
        let number = |name: &str| object.member(name).and_then(Value::as_u64);
        Some(Self {
            sid: SessionId::parse(word("sid")?)?,
            key_id: ApiKeyId::parse(word("key")?).ok()?,
            credential: CredentialId::parse(word("cred")?).ok()?,
            bind: Binding::parse(word("bind")?)?,
            generation: number("gen")?,
            expires: Timestamp::from_micros(number("exp")?),
            secret: Secret::new(encoding::decode_array::<32>(word("rk")?)?.to_vec()),
        })
    }
}

/// The ring of ticket keys of one listener.
pub struct TicketKeys {
    context: Vec<u8>,
    kept: usize,
    keys: Keys,
}

enum Keys {
    /// Of this process.
    Drawn(Mutex<Ring>),
    /// Of all that have this secret.
    Shared(Secret),
}

struct Ring {
    /// The newest first; it seals.
    keys: VecDeque<TicketKey>,
    since: Timestamp,
}

struct TicketKey {
    name: [u8; KEY_NAME_BYTES],
    key: LessSafeKey,
}

impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKeys(..)")
    }
}

impl TicketKeys {
    /// Fresh keys of a gateway's listener, for sessions that live no longer than `session_life`.
    pub fn new(gateway: &str, listener: &str, session_life: Duration, entropy: &mut impl Entropy, now: Timestamp) -> Self {
        let ring = Ring { keys: VecDeque::from([fresh_key(entropy)]), since: now };
        Self::with(gateway, listener, session_life, Keys::Drawn(Mutex::new(ring)))
    }

    /// The keys that all nodes have which have this secret: one for each hour of the wall clock.
    #[must_use]
    pub fn shared(gateway: &str, listener: &str, session_life: Duration, secret: Secret) -> Self {
        Self::with(gateway, listener, session_life, Keys::Shared(secret))
    }

    fn with(gateway: &str, listener: &str, session_life: Duration, keys: Keys) -> Self {
        let context = [&label::TICKET[..], &sha256(&[gateway.as_bytes()]), &sha256(&[listener.as_bytes()])].concat();
        let lives = session_life.as_secs().div_ceil(limits::TICKET_KEY_LIFE.as_secs());
        // One more than the life has hours: a key seals until its own hour is over.
        let kept = usize::try_from(lives).unwrap_or(usize::MAX).saturating_add(2).min(limits::TICKET_KEYS_MAX);
        Self { context, kept, keys }
    }

    /// Seals a ticket under the newest key.
    pub fn seal(&self, ticket: &Ticket, entropy: &mut impl Entropy, now: Timestamp) -> SecretText {
        let mut sealed = ticket.write().as_bytes().to_vec();
        let nonce: [u8; NONCE_LEN] = entropy.array();
        let name = match &self.keys {
            Keys::Drawn(ring) => {
                let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
                ring.rotate(self.kept, entropy, now);
                let current = ring.keys.front().expect("a ring is never empty");
                self.seal_under(current, nonce, &mut sealed);
                current.name
            }
            Keys::Shared(secret) => {
                let current = key_of_hour(secret, hour(now));
                self.seal_under(&current, nonce, &mut sealed);
                current.name
            }
        };
        let text = [&name[..], &nonce, &sealed].concat();
        SecretText::new(encoding::encode(&text))
    }

    fn seal_under(&self, key: &TicketKey, nonce: [u8; NONCE_LEN], sealed: &mut Vec<u8>) {
        key.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&self.context), sealed)
            .expect("a ticket is shorter than what one key may seal");
    }

    /// Opens a ticket that has not expired.
    ///
    /// # Errors
    /// [`Reject::TicketInvalid`]: not ours, changed, of another listener, or its session's life is over. To the client these look
    /// like every other failed proof (HS-60).
    pub fn open(&self, text: &str, now: Timestamp) -> Result<Ticket, Refusal> {
        let invalid = |why: &'static str| Refusal::operator(Reject::TicketInvalid, why);
        let ticket = self.unseal(text, now).ok_or_else(|| invalid("not a ticket of this listener"))?;
        // HS-80
        if now >= ticket.expires { Err(invalid("the session of the ticket is over")) } else { Ok(ticket) }
    }

    fn unseal(&self, text: &str, now: Timestamp) -> Option<Ticket> {
        let bytes = (text.len() <= limits::TICKET_BYTES_MAX).then(|| encoding::decode(text)).flatten()?;
        let (name, rest) = bytes.split_first_chunk::<KEY_NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let mut open_under = |key: &TicketKey| {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            // HS-80: the listener is part of what is authenticated.
            let opened = key.key.open_in_place(nonce, Aad::from(&self.context), sealed.as_mut_slice()).ok()?;
            Ticket::read(opened)
        };
        match &self.keys {
            Keys::Drawn(ring) => {
                let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
                open_under(ring.keys.iter().find(|key| key.name == *name)?)
            }
            Keys::Shared(secret) => {
                // The clock of the node that sealed may be ahead of ours.
                let latest = hour(now).saturating_add(1);
                let mut hours = (0..=self.kept as u64).map(|ago| latest.saturating_sub(ago));
                open_under(&key_of_hour(secret, hours.find(|hour| name_of_hour(secret, *hour) == *name)?))
            }
        }
    }
}

impl Ring {
    fn rotate(&mut self, kept: usize, entropy: &mut impl Entropy, now: Timestamp) {
        if now.saturating_since(self.since) >= limits::TICKET_KEY_LIFE {
            self.keys.push_front(fresh_key(entropy));
            self.keys.truncate(kept);
            self.since = now;
        }
    }
}

/// Hours since 1970.
const fn hour(now: Timestamp) -> u64 {
    now.as_secs() / limits::TICKET_KEY_LIFE.as_secs()
}

fn key_of_hour(secret: &Secret, hour: u64) -> TicketKey {
    let bytes = derived(secret, b"countersign/1 ticket key", hour);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes.as_ref()).expect("32 bytes are a key of AES-256"));
    TicketKey { name: name_of_hour(secret, hour), key }
}

fn name_of_hour(secret: &Secret, hour: u64) -> [u8; KEY_NAME_BYTES] {
    *derived(secret, b"countersign/1 ticket name", hour).as_ref().first_chunk().expect("a MAC is longer than a name")
}

fn derived(secret: &Secret, what: &[u8], hour: u64) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    hmac::sign(&key, &[what, &hour.to_be_bytes()].concat())
}

fn fresh_key(entropy: &mut impl Entropy) -> TicketKey {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes.as_ref()).expect("32 bytes are a key of AES-256"));
    TicketKey { name: entropy.array(), key }
}

#[cfg(test)]
mod tests;
