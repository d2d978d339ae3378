//! FIX: the tag=value codec and the session layer, as acceptor and as initiator, for FIX 4.2, 4.4 and FIXT 1.1 (5.0 SP2).
//!
//! ```text
//!   bytes ─▶ Framer ─▶ Message ─▶ Session ─▶ Event::LogonPresented ─▶ shell: verify ─▶ accept_logon(store)
//!            8, 9, 10   fields     numbers,   Event::Application    ─▶ shell: permit, forward
//!                       literal    liveness
//!   bytes ◀── poll_transmit ◀── MessageStore: on record first ◀── send_application, answers, heartbeats
//! ```
//!
//! An acceptor and an initiator, without a wire between them:
//!
//! ```
//! use countersign_core::{Monotonic, Now, Timestamp};
//! use countersign_fix::session::{Outgoing, Peer};
//! use countersign_fix::{CompId, Event, Field, MemoryStore, Phase, Session, SessionConfig, Version};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Now { wall: Timestamp::from_secs(1_795_824_000), mono: Monotonic::from_micros(0) };
//! let (gate, firm) = (CompId::parse(b"GATE")?, CompId::parse(b"FIRM")?);
//! let mut acceptor = Session::acceptor(SessionConfig::new(Version::Fix44, gate.clone(), Peer::AsPresented), now);
//! let config = SessionConfig::new(Version::Fix44, firm, Peer::Is(gate));
//! let mut initiator = Session::initiator(config, MemoryStore::default(), now);
//!
//! // The signer sees the literal header and adds its credentials.
//! initiator.logon(now, true, |header| vec![(553, header.sender_comp_id.as_str().into()), (554, b"secret".to_vec())])?;
//! while let Some(bytes) = initiator.poll_transmit(now) {
//!     acceptor.handle_input(now, &bytes);
//! }
//! // The shell finds key and signature in the message, verifies them, and only then opens the session.
//! let Some(Event::LogonPresented(logon)) = acceptor.poll_event() else { panic!("a Logon was sent") };
//! assert_eq!(logon.message().unique(553), Ok(Some(b"FIRM".as_slice())));
//! acceptor.accept_logon(now, MemoryStore::default(), &[])?;
//! while let Some(bytes) = acceptor.poll_transmit(now) {
//!     initiator.handle_input(now, &bytes);
//! }
//! assert_eq!((initiator.phase(), acceptor.phase()), (Phase::LoggedOn, Phase::LoggedOn));
//!
//! let order = Outgoing { msg_type: b"D", header: &[], body: &[Field::new(11, b"order-1")] };
//! assert_eq!(initiator.send_application(now, order)?, 2);
//! # Ok(()) }
//! ```
//!
//! What is here: [`Framer`] (bytes to frames), [`Message`] (a view that keeps order and literal values), [`MessageWriter`],
//! [`UtcTimestamp`], [`Session`] (the state machine), [`MessageStore`] (what outlives a connection), [`answer`] (refusals of the gateway
//! as FIX messages), [`LiveSessions`] (no session twice), [`logon`] (where each venue's Logon has key, proof and signed bytes).
//!
//! What is not: sockets and clocks; a data dictionary of application messages, which pass through as they are; verification of a Logon,
//! which is `countersign_core::verify` for every way to log in. What is supported, with limits and defaults: `docs/fix/session.md`. What the
//! public acceptance scenarios say to it: `docs/fix/acceptance.md`.

mod admin_fields;
pub mod answer;
pub mod framer;
pub mod limits;
pub mod live_sessions;
pub mod logon;
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

/// The clocks of the session, as its callers give them.
pub use countersign_core::{Monotonic, Now, Timestamp};
pub use framer::{Framed, Framer, Garble};
pub use live_sessions::{LiveError, LiveSessions, SessionName};
pub use logon::LogonDialect;
pub use message::{Field, FieldFault, Message, ParseError};
pub use msg_type::AdminType;
pub use reject_reason::{BusinessRejectReason, SessionRejectReason};
pub use session::{CompId, Event, Phase, PresentedLogon, Session, SessionConfig};
pub use store::{MemoryStore, MessageStore, StoreError, Stored};
pub use tag::Tag;
pub use utc_timestamp::{Precision, UtcTimestamp};
pub use version::Version;
pub use writer::{MessageWriter, WriteError};
