//! What nodes share, in Redis or Valkey: accepted writes, spent nonces, sessions, notices.
//!
//! ```text
//!   SharedMemory ── connections, whether it answers, when its memory began
//!      ├─ SharedReplayGuard   this node's guard and journal first, then one script on the server
//!      ├─ SharedNonceGuard    the same for increasing nonces; each node's journal is a floor
//!      ├─ SharedRates         parts of a key's limit, lent to nodes; which nodes are alive
//!      ├─ SharedShelf         things that any node may show to whoever has their name
//!      ├─ mirror              what a session needs to go on at another node
//!      └─ notice              "look into the database": losing one costs time, never safety
//! ```
//!
//! # What a server may forget
//! A server that is restarted, flushed, or replaced by its replica has forgotten, and does not say so. So the first script on an empty
//! server writes down when its memory began, under a name that holds the server's run and its replication history, and whatever may
//! have been known before that is refused: for a minute and a second after every such loss new orders are refused, and nothing old
//! passes. A server that evicts keys is not used.
//!
//! # Clocks
//! What the server forgets it forgets by its own clock, and what a node takes it takes by the node's. So [`SharedMemory::witnessed`]
//! compares them: apart, nobody asks, and new orders are refused. A server whose clock was set and set back begins its memory anew.
//!
//! # Time
//! A question blocks its thread for one round trip, at most the time limit. After a failure nobody asks for
//! [`limits::SHARED_RETRY_AFTER`](crate::limits::SHARED_RETRY_AFTER), and then one caller tries while the others are refused at once.
//! [`SharedMemory::check`], called several times a second, notices a loss before orders do, keeps connections ready so that no order
//! waits for one, and finds the server again.
//!
//! # Security
//! Whoever can write to the server can make replays pass or orders fail: it belongs on a private network, with a password and TLS.

mod memory;
pub mod mirror;
mod nonces;
mod notice;
mod rates;
mod replay;
mod shelf;

pub use memory::{SharedMemory, SharedResult, SharedServer, SharedStatus, TOO_YOUNG, Witness};
pub use nonces::SharedNonceGuard;
pub use notice::{Heard, Topic};
pub use rates::SharedRates;
pub use replay::SharedReplayGuard;
pub use shelf::{DRAWN_BYTES, SharedShelf, ShelfName};

/// All keys lie in one slot of a cluster, because scripts use several of them.
const PREFIX: &str = "{countersign}";

/// Begins every script that asks about the past: `began` is when this memory began, in milliseconds; now, where it is not known.
macro_rules! with_beginning {
    ($rest:literal) => {
        concat!(
            "local began = redis.call('GET', KEYS[1])\n",
            "if not began then\n",
            "  began = ARGV[1]\n",
            "  redis.call('SET', KEYS[1], began)\n",
            "end\n",
            $rest
        )
    };
}
use with_beginning;

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
