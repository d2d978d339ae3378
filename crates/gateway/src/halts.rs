//! Emergency shutdown in the gateway: every request asks here before it is forwarded, and once more at the last moment.
//!
//! ```text
//!   Permit ──HaltGate::clear──▶ Cleared ── lease of an upstream connection ── HaltGate::confirm ──▶ bytes ──▶ Cleared::sent
//!                 ▲ one load while nothing is halted               ▲ generation, lease of the epoch
//!   HaltKeeper ── publish: view, generation + 1, barrier ──────────┘
//!     ▲ operators (port, socket) · clients (their own) · the file HALT, SIGUSR2 · the store, every 250 ms
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`gate`] | the path of a request: [`Cleared`] is what the forwarder takes, and only the gate makes it |
//! | [`keeper`] | raise, lift, drill, status; what holds is published from here |
//! | [`watch`] | the thread that keeps the lease and looks for the break-glass |
//! | [`cancels`] | venues are asked to cancel what rests, where a halt says so |
//! | [`drills`] | a rehearsal goes over all nodes: each says what it would have stopped |
//! | [`names`] | whether anybody has the name that a halt is for |
//! | [`own`] | clients stop what is their own |
//! | [`report`] | the wire form for operators |
//!
//! What is *not* here: what is stopped by what, how states merge, who may lift (`countersign-halt`).

pub mod cancels;
pub(crate) mod drills;
pub mod gate;
pub mod keeper;
pub mod names;
pub mod own;
pub mod report;
pub mod watch;

#[cfg(test)]
pub(crate) mod tests;

pub use gate::{Asked, Cleared, HaltGate};
pub use keeper::HaltKeeper;
