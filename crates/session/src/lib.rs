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
//! The session outlives its connection:
//!
//! ```text
//!   client ═══ connection 1 ═══╳                     ╔═══ connection 2 ═══ ...
//!   machine:  open ─▶ away: numbers and kept messages stay ─▶ take_up ─▶ open
//!   absence:  present ─▶ waiting, grace, window ─▶ present (or orders cancelled, session over)
//! ```
//!
//! What is here: [`frame`] (the codec), [`sequence`] (what is new, repeated, in conflict), [`kept`] (what may have to be sent
//! again) and [`market`] (what of it is forgotten first), [`SessionMachine`] (all of it with a clock), [`generation`] (which ticket may resume), [`absence`] (the wait for the
//! client, and cancel on disconnect), [`admission`] (who is let in first when all come at once). What is not: the handshake, scopes,
//! forwarding, halts. Names reserved for later are answered with `unsupported`. Requirements `HS-<n>` are in
//! `docs/spec/handshake.md`.

pub mod absence;
pub mod admission;
pub mod frame;
pub mod generation;
pub mod kept;
pub mod limits;
pub mod machine;
pub mod market;
pub mod sequence;

pub use absence::{Absence, CancelPolicy, CancelScope, Departure, Due, OrderClass};
pub use admission::{Admission, Entrant};
pub use frame::{AppFrame, Frame, Heartbeat, Range};
pub use generation::{Generations, Reuse};
pub use kept::{Held, Keeping, Kept, KeptText};
pub use machine::{Event, Liveness, Restored, SessionMachine, Side, Standing};
pub use market::is_market_data;
pub use sequence::{Arrival, Sequence};
