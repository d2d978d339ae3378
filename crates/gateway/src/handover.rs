//! One process of a node takes over from another: sockets, the lock of the state folder, journals, sessions.
//!
//! ```text
//!   successor: serve --take-over                    predecessor: serve
//!     │ ── hello ───────────────────────────────────▶ │ peer: same user, or root
//!     │ ◀── offer: listening sockets, lock, secret ── │ still serves
//!     │ opens database, certificates, audit log       │
//!     │ ── release ─────────────────────────────────▶ │ closes its journals; what asks them waits
//!     │ ◀── released ──────────────────────────────── │
//!     │ opens the journals, accepts connections       │
//!     │ ── ready ───────────────────────────────────▶ │ drains: accepts nothing more, asks the successor's guards
//!     │ ◀── leaving ───────────────────────────────── │
//!     │ ── take: a client came back ────────────────▶ │ the session comes to rest
//!     │ ◀── handed: the session ───────────────────── │ also unasked: who is away, who did not come back in time
//!     │ ◀── fix over ──────────────────────────────── │ no FIX session is open any more: Logons are taken here
//!     │ ◀── end ──────────────────────────────────────┘
//! ```
//!
//! A successor that fails before `ready` changes nothing: the predecessor takes its journals back and goes on. No connection is refused,
//! because a listening socket lives as long as one process has it, and what waits in it with it.
//!
//! What is here: the conversation ([`giving`], [`taking`], [`wire`]) and the guards that change hands ([`guards`]). What is not: how a
//! session comes to rest and goes on ([`native`](crate::native)).
//!
//! # Security
//! The socket is the owner's alone, and the kernel is asked who is at the other end. Whoever gets in there may read the state folder
//! anyhow, and with it every key that is handed over.

pub mod giving;
pub mod guards;
pub(crate) mod limits;
pub mod taking;
mod wire;

pub(crate) use wire::{Handed, HandedSession};

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use countersign_core::Entropy;
use zeroize::Zeroize as _;

/// The socket in the state folder at which a successor asks.
#[must_use]
pub fn socket_of(state: &Path) -> PathBuf {
    state.join("take-over.sock")
}

/// What is drawn when the first process of a node starts, and goes on with the processes after it: so that what was given out before is
/// still good.
#[derive(Clone)]
pub struct RunSecrets {
    /// Resumption tickets of sessions are sealed under keys of it, where nodes share none.
    pub tickets: [u8; 32],
    /// Tokens of dialects are sealed under it.
    pub tokens: [u8; 32],
}

impl RunSecrets {
    /// New ones.
    #[must_use]
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        Self { tickets: entropy.array(), tokens: entropy.array() }
    }
}

impl std::fmt::Debug for RunSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunSecrets(..)")
    }
}

impl Drop for RunSecrets {
    fn drop(&mut self) {
        self.tickets.zeroize();
        self.tokens.zeroize();
    }
}

/// The listening sockets of a gateway.
#[derive(Debug, Default)]
pub struct Doors {
    /// For clients, one for each worker.
    pub clients: Vec<TcpListener>,
    /// For proxies, one for each worker.
    pub proxies: Vec<TcpListener>,
    /// For operators.
    pub operators: Option<TcpListener>,
    /// For operators on this machine.
    pub operator_socket: Option<UnixListener>,
    /// Set when the file of the Unix socket belongs to a successor.
    pub(crate) handed_over: Arc<AtomicBool>,
}
