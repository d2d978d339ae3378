//! What a session must remember beyond a connection: two sequence numbers, and the messages it may have to send again.
//!
//! ```text
//!   record(n, message) ─▶ sync() ≥ n ─▶ poll_transmit returns message n
//! ```
//!
//! A message is on record before it is on the wire: after a crash no number is used for two messages. The session asks for it: it
//! transmits message `n` only when [`MessageStore::sync`] returned at least `n`. A store that writes behind returns what is durable so
//! far, and the session is polled again when there is more; so one flush can serve many messages. Any error ends the session without
//! another message: what cannot be recorded is not sent.
//!
//! The number expected from the peer is stored before a message is handed to the application. After a crash a message may thus be lost
//! to the application and never be applied twice; for orders the second is worse.

mod memory;

use std::borrow::Cow;

pub use memory::MemoryStore;

/// A store failed. The sentence is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message store: {0}")]
pub struct StoreError(pub Cow<'static, str>);

/// What a store has for resending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The store is still fetching; ask again when it is ready.
    Later,
    /// The first message in the range, as it was sent.
    Message {
        /// Its sequence number.
        seq: u64,
        /// All its bytes.
        bytes: Vec<u8>,
    },
    /// None in the range: session messages, or older than the store keeps.
    Nothing,
}

/// The memory of one FIX session, beyond connections.
pub trait MessageStore {
    /// The number of the next message to send; 1 in a new store.
    fn next_sender(&self) -> u64;

    /// The number expected next from the peer; 1 in a new store.
    fn next_target(&self) -> u64;

    /// Records that number `seq`, which is [`Self::next_sender`], is used up, and the message if it may be sent again. Raises
    /// [`Self::next_sender`] at once, whether or not the record is durable yet.
    ///
    /// # Errors
    /// The record could not be made.
    fn record(&mut self, seq: u64, message: Option<&[u8]>) -> Result<(), StoreError>;

    /// Asks that everything recorded become durable. Returns the highest number whose record is durable now.
    ///
    /// # Errors
    /// It never will be.
    fn sync(&mut self) -> Result<u64, StoreError>;

    /// Sets the number expected next from the peer.
    ///
    /// # Errors
    /// It could not be recorded.
    fn set_next_target(&mut self, seq: u64) -> Result<(), StoreError>;

    /// The first message kept with a number in `from..=through`.
    ///
    /// # Errors
    /// The store could not be read.
    fn first_stored(&mut self, from: u64, through: u64) -> Result<Stored, StoreError>;

    /// The oldest number whose record was not dropped for want of room: below it, absence of a message does not mean that there was none.
    fn kept_from(&self) -> u64;

    /// Forgets all messages and sets both numbers to 1.
    ///
    /// # Errors
    /// It could not be recorded.
    fn reset(&mut self) -> Result<(), StoreError>;
}
