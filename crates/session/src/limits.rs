//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Longest frame a gateway accepts: a batch of a few hundred orders.
pub const CLIENT_FRAME_BYTES_MAX: usize = 65_536;

/// Longest frame a client accepts: a full order book, or all open orders.
pub const SERVER_FRAME_BYTES_MAX: usize = 1 << 20;

/// Sequence numbers are JSON integers, exact in every language (RFC 8259, 6).
pub const SEQUENCE_END: u64 = 1 << 53;

/// Largest hole a sequence may have: more is not loss, it is a broken peer.
pub const GAP_MAX: u64 = 65_536;

/// Received messages whose body hash is remembered, to tell a repetition from a conflict: 24 bytes each, 3 KiB in all. More
/// than a client has in flight on one connection.
pub const REMEMBERED_MAX: usize = 128;

/// Control frames waiting to be sent; a peer that provokes more without reading is cut.
pub const TRANSMIT_QUEUE_MAX: usize = 64;

/// Longest text in a control frame (`ping`, codes, reasons).
pub const TEXT_BYTES_MAX: usize = 128;

/// Shortest heartbeat interval the machine keeps: below it timers cost more than they tell.
pub const HEARTBEAT_MIN: Duration = Duration::from_millis(50);

/// Bytes of messages kept for replay in one session: a thousand fills. Ten thousand sessions that all lost their connection hold
/// 2.5 GiB at worst; what does not fit is told as lost.
pub const KEPT_BYTES_MAX: usize = 256 * 1_024;
