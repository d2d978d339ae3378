//! Counts of what arrived: the witness that nothing reaches the venue without a permit.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has arrived since the venue started. An HTTP request, a WebSocket handshake and a
/// request frame count one each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Arrivals {
    /// Requests that need no identity.
    pub public: u64,
    /// Requests that need one and had one.
    pub private: u64,
    /// Requests refused: no valid identity, not the scope, or nothing by that name is served.
    pub refused: u64,
    /// Orders accepted, whatever became of them.
    pub orders_placed: u64,
}

/// The counters behind [`Arrivals`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    public: AtomicU64,
    private: AtomicU64,
    refused: AtomicU64,
    orders_placed: AtomicU64,
}

impl Counters {
    pub(crate) fn count_public(&self) {
        self.public.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_private(&self) {
        self.private.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_orders(&self, placed: usize) {
        self.orders_placed.fetch_add(placed as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Arrivals {
        Arrivals {
            public: self.public.load(Ordering::Relaxed),
            private: self.private.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            orders_placed: self.orders_placed.load(Ordering::Relaxed),
        }
    }
}
