//! One price-time-priority book, kept by the `orderbook-rs` crate.
//!
//! That crate was chosen because it is the only order book on the registry that is kept
//! (several releases a year, the newest weeks old), is `Send`, counts in integers and lets
//! the caller supply the clock. What was compared, and how its weight was judged, is in
//! `docs/adr/0010-order-book-crate.md`.
//!
//! The wrapper narrows it to what the venue needs: integer ticks and lots, good-till-
//! cancelled limit orders only. Immediate orders are a probe ([`Book::fillable`]) followed
//! by a limit order whose remainder is withdrawn in the same call, because the crate
//! reports the fills of a failed immediate order to listeners only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orderbook_rs::{Clock, Id, OrderBook, TimeInForce, TimestampMs};
use pricelevel::{OrderUpdate, Quantity};

use super::order::{OrderId, Side};

/// The time of the call being served, for the book's own stamps.
#[derive(Debug)]
struct CallTime(AtomicU64);

impl Clock for CallTime {
    fn now_millis(&self) -> TimestampMs {
        TimestampMs::new(self.0.load(Ordering::Relaxed))
    }
}

/// A match of the incoming order with one resting order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Match {
    /// The resting order.
    pub maker: OrderId,
    /// At its price, in ticks.
    pub ticks: u128,
    /// How many lots.
    pub lots: u64,
}

/// One price level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Level {
    /// Price in ticks.
    pub ticks: u128,
    /// All resting lots at it.
    pub lots: u64,
}

/// The book refused what it should not; the venue stops trusting the order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the order book refused a valid operation")]
pub struct BookError;

/// The resting orders of one instrument.
pub struct Book {
    inner: OrderBook<()>,
    time: Arc<CallTime>,
    update_id: u64,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Book").field("update_id", &self.update_id).finish_non_exhaustive()
    }
}

const fn side_of(side: Side) -> orderbook_rs::Side {
    match side {
        Side::Buy => orderbook_rs::Side::Buy,
        Side::Sell => orderbook_rs::Side::Sell,
    }
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(symbol: &str, now_ms: u64) -> Self {
        let time = Arc::new(CallTime(AtomicU64::new(now_ms)));
        let clock: Arc<dyn Clock> = Arc::<CallTime>::clone(&time);
        let inner = OrderBook::with_clock(symbol, clock);
        Self { inner, time, update_id: 1 }
    }

    /// Number of the last change, rising; what depth answers call `lastUpdateId`.
    #[must_use]
    pub const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Matches an incoming limit order and rests what is left of it.
    ///
    /// # Errors
    /// [`BookError`] when the crate refuses; nothing has happened then.
    pub fn add(&mut self, id: OrderId, side: Side, ticks: u128, lots: u64, now_ms: u64) -> Result<Vec<Match>, BookError> {
        self.time.0.store(now_ms, Ordering::Relaxed);
        self.update_id += 1;
        let added = self.inner.add_limit_order_with_result(Id::sequential(id), ticks, lots, side_of(side), TimeInForce::Gtc, None);
        let (_, traded) = added.map_err(|error| {
            tracing::error!(%error, "order book refused an order");
            BookError
        })?;
        let trades = traded.map(|result| result.match_result.trades().as_vec().clone());
        let matches = trades.unwrap_or_default().into_iter().map(|trade| Match {
            maker: trade.maker_order_id().as_u64().expect("every id in this book is sequential"),
            ticks: trade.price().as_u128(),
            lots: trade.quantity().as_u64(),
        });
        Ok(matches.collect())
    }

    /// Withdraws a resting order; `false` when it does not rest here.
    pub fn cancel(&mut self, id: OrderId) -> bool {
        let removed = matches!(self.inner.cancel_order(Id::sequential(id)), Ok(Some(_)));
        if removed {
            self.update_id += 1;
        }
        removed
    }

    /// Leaves fewer lots of a resting order, which keeps its place in the queue.
    ///
    /// # Errors
    /// [`BookError`] when the crate refuses or the order does not rest here; nothing has happened then.
    pub fn reduce(&mut self, id: OrderId, lots: u64, now_ms: u64) -> Result<(), BookError> {
        self.time.0.store(now_ms, Ordering::Relaxed);
        let update = OrderUpdate::UpdateQuantity { order_id: Id::sequential(id), new_quantity: Quantity::new(lots) };
        if !matches!(self.inner.update_order(update), Ok(Some(_))) {
            tracing::error!(id, lots, "order book refused a smaller quantity");
            return Err(BookError);
        }
        self.update_id += 1;
        Ok(())
    }

    /// How many of `lots` an incoming order could fill at once at `limit` ticks or better.
    #[must_use]
    pub fn fillable(&self, side: Side, lots: u64, limit: u128) -> u64 {
        self.inner.peek_match(side_of(side), lots, Some(limit)).unwrap_or(0)
    }

    /// Best price of one side in ticks.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<u128> {
        match side {
            Side::Buy => self.inner.best_bid(),
            Side::Sell => self.inner.best_ask(),
        }
    }

    /// Best level of one side.
    #[must_use]
    pub fn top(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// How many orders rest at one price.
    #[must_use]
    pub fn order_count(&self, side: Side, ticks: u128) -> usize {
        self.inner.order_count_at_price(ticks, side_of(side)).unwrap_or(0)
    }

    /// Levels of one side from the best on.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let levels = self.inner.levels_with_cumulative_depth(side_of(side));
        levels.map_while(Result::ok).map(|level| Level { ticks: level.price, lots: level.quantity })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn matches_best_price_first_then_oldest_first() {
        let mut book = Book::new("X", 0);
        book.add(1, Side::Sell, 101, 5, 1).unwrap();
        book.add(2, Side::Sell, 100, 5, 2).unwrap();
        book.add(3, Side::Sell, 100, 5, 3).unwrap();
        let matches = book.add(4, Side::Buy, 101, 12, 4).unwrap();
        let seen: Vec<(u64, u128, u64)> = matches.iter().map(|one| (one.maker, one.ticks, one.lots)).collect();
        assert_eq!(seen, [(2, 100, 5), (3, 100, 5), (1, 101, 2)]);
        assert_eq!(book.top(Side::Sell), Some(Level { ticks: 101, lots: 3 }));
        assert_eq!(book.top(Side::Buy), None);
    }

    #[test]
    fn rests_the_remainder_and_withdraws_it() {
        let mut book = Book::new("X", 0);
        book.add(1, Side::Sell, 100, 2, 1).unwrap();
        assert_eq!(book.fillable(Side::Buy, 5, 100), 2);
        assert_eq!(book.fillable(Side::Buy, 5, 99), 0);
        book.add(2, Side::Buy, 100, 5, 2).unwrap();
        assert_eq!(book.top(Side::Buy), Some(Level { ticks: 100, lots: 3 }));
        assert!(book.cancel(2));
        assert!(!book.cancel(2));
        assert_eq!(book.best(Side::Buy), None);
    }
}
