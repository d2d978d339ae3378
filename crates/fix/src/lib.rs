//! FIX: the tag=value codec and the session layer, as acceptor and as initiator, for FIX 4.2, 4.4 and FIXT 1.1 (5.0 SP2).
//!
//! ```text
//!   bytes ─▶ Framer ─▶ Message ─▶ Session ─▶ Event::LogonPresented ─▶ shell: verify ─▶ accept_logon(store)
//!            8, 9, 10   fields     numbers,   Event::Application    ─▶ shell: permit, forward
//!                       literal    liveness
//!   bytes ◀── poll_transmit ◀── MessageStore: on record first ◀── send_application, answers, heartbeats
//! ```
//!
//! What is here: [`Framer`] (bytes to frames), [`Message`] (a view that keeps order and literal values), [`MessageWriter`],
//! [`UtcTimestamp`], [`Session`] (the state machine), [`MessageStore`] (what outlives a connection), [`answer`] (refusals of the gateway
//! as FIX messages), [`LiveSessions`] (no session twice).
//!
//! What is not: sockets and clocks; a data dictionary of application messages, which pass through as they are; verification of a Logon,
//! which is `countersign_core::verify` for every way to log in. What is supported, with limits and defaults: `docs/fix/session.md`. What the
//! public acceptance scenarios say to it: `docs/fix/acceptance.md`.

mod admin_fields;
pub mod answer;
pub mod framer;
pub mod limits;
pub mod live_sessions;
pub mod message;
pub mod msg_type;
pub mod reject_reason;
pub mod session;
pub mod store;
pub mod tag;
#[cfg(test)]
mod test_support;
pub mod utc_timestamp;
pub mod version;
pub mod writer;

pub use framer::{Framed, Framer, Garble};
pub use live_sessions::{LiveError, LiveSessions, SessionName};
pub use message::{Field, FieldFault, Message, ParseError};
pub use msg_type::AdminType;
pub use reject_reason::{BusinessRejectReason, SessionRejectReason};
pub use session::{CompId, Event, Phase, PresentedLogon, Session, SessionConfig};
pub use store::{MemoryStore, MessageStore, StoreError, Stored};
pub use tag::Tag;
pub use utc_timestamp::{Precision, UtcTimestamp};
pub use version::Version;
pub use writer::{MessageWriter, WriteError};
