//! FIX behind TLS: a client's session on one side, a session of ours with the venue on the other, nothing between them without a permit.
//!
//! ```text
//!   client ── Logon ──▶ opening: first frame names venue and version ─▶ verify ─▶ permit ─▶ audit ─▶ session name ─▶ journals
//!                                                                                                         │
//!   client ◀─ Logon ── accept ◀────────────── upstream answers ◀── Logon of ours, with the identity ◀─────┘
//!   client ── NewOrderSingle ──▶ admission: route by MsgType, scope, rate, audit ──▶ journal ──▶ upstream
//!   client ◀── ExecutionReport ◀── journal ◀── upstream
//! ```
//!
//! Decisions (ADR 0014, ADR 0030):
//! - One upstream session per client session: numbers, gaps and resends of one client are nobody else's.
//! - A message is on record for the side it goes to before it counts as received on the side it came from
//!   ([`countersign_store::fix::bridge`]); what is on record is sent, after a restart too.
//! - Where nodes share a database it is in the copy there, too, before it is sent; another node goes on with that (ADR 0043).
//! - Halts are asked when a message is admitted, before it is sent, and before the venue gets it again.
//! - The protocol core blocks nowhere; journals are committed on threads that may.
//! - Whoever ends first, the other side is told by Logout.
//! - A session that is lost takes its orders with it where its Logon agreed on that (ADR 0032), also when its node is (ADR 0046).
//!
//! What is not here: codec and session rules (`countersign-fix`), and what application messages mean.

mod admission;
mod bridge;
mod heirs;
mod line;
mod logon;
mod names;
pub mod open;
mod opening;
mod order_count;
mod profile;
mod quota;
mod resends;
pub mod sessions;
mod upstream;
mod visitor;
mod will;

use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::Connection;
use crate::worker::Worker;

pub(crate) use heirs::look;
pub use profile::FixVenue;

/// Serves one connection until it ends.
pub(crate) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(worker: Rc<Worker>, connection: Rc<Connection>, stream: T) {
    let Some(bridge) = Box::pin(opening::open(&worker, &connection, stream)).await else { return };
    Box::pin(bridge.run()).await;
}
