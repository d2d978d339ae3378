//! The Rust client of `countersign/1`: connect, verify the contract, trade, keep the session alive.
//!
//! ```text
//!   Options ─▶ dial ─▶ TLS ─▶ hello ─▶ welcome verified ─▶ Session ─▶ send / next
//!              └──────── Ladder: what happened, with times ────────┘
//! ```
//!
//! A session outlives its connection: [`Session`] reconnects and resumes by itself and says so ([`Incoming::Away`],
//! [`Incoming::Resumed`]); it never sends an order again by itself.
//!
//! The protocol itself is in `countersign-handshake` and `countersign-session`; this crate gives it a socket and a clock. It never
//! retries with weaker settings: an error says which check failed, and that is the end of it.
//!
//! Three carriages: frames on raw TLS ([`Session`]), WebSocket text frames ([`Session`]), HTTP requests ([`HttpSession`]).

mod clock;
mod dial;
mod error;
mod http;
mod ladder;
mod opening;
mod options;
mod reconnect;
mod renewal;
mod session;
mod transport;

pub use clock::now;
pub use dial::{Dialled, dial};
pub use error::ClientError;
pub use http::{HttpAnswer, HttpSession};
pub use ladder::{Ladder, Rung};
pub use options::{Carriage, Endpoint, Options};
pub use session::{Incoming, Resumed, Session};
