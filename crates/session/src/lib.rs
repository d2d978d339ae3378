//! The life of a contract: application frames, sequence numbers, heartbeats. For either side, without I/O.
//!
//! ```text
//!   client                              gateway
//!     │ ── {"s":1,"a":1,"d":{...}} ────▶ │   numbered, acknowledged by the next `a` the other way
//!     │ ◀── {"s":1,"a":2,"d":{...}} ──── │
//!     │ ◀────────── {"hb":{...}} ─────── │   after an interval of silence; ping at 1.5, dead at 2
//!     │ ── {"bye":{...}} ──────────────▶ │
//! ```
//!
//! What is here: [`frame`] (the codec), [`sequence`] (what is new, repeated, in conflict), [`SessionMachine`] (all of it with a
//! clock). What is not: the handshake, scopes, forwarding, resumption, replay, halts. Those names are reserved and answered
//! with `unsupported`. Requirements `HS-<n>` are in `docs/spec/handshake.md`.

pub mod frame;
pub mod limits;
pub mod machine;
pub mod sequence;

pub use frame::{AppFrame, Frame, Heartbeat, Range};
pub use machine::{Event, Liveness, SessionMachine, Side};
pub use sequence::{Arrival, Sequence};
