//! The history of one instrument: public trades, one-minute candles, the 24-hour ticker.

use std::collections::VecDeque;

use super::event::PublicTrade;
use super::fixed::Fixed;
use crate::limits::{CANDLES_PER_MARKET_MAX, TRADES_PER_MARKET_MAX};

/// Milliseconds in the candles kept; longer ones are folded from these.
pub const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// Prices and volume of a stretch of time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Candle {
    /// Start, Unix milliseconds.
    pub open_ms: u64,
    /// First price.
    pub open: Fixed,
    /// Highest price.
    pub high: Fixed,
    /// Lowest price.
    pub low: Fixed,
    /// Last price.
    pub close: Fixed,
    /// Base traded.
    pub volume: Fixed,
    /// Quote traded.
    pub quote_volume: Fixed,
    /// Number of trades.
    pub trades: u64,
    /// Base bought by takers.
    pub taker_volume: Fixed,
    /// Quote spent by takers buying.
    pub taker_quote_volume: Fixed,
}

impl Candle {
    /// A candle in which nothing happened at this price.
    #[must_use]
    pub fn flat(open_ms: u64, price: Fixed) -> Self {
        Self { open_ms, open: price, high: price, low: price, close: price, ..Self::default() }
    }

    fn add(&mut self, trade: &PublicTrade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume += trade.quantity;
        self.quote_volume += trade.quote;
        self.trades += 1;
        if !trade.buyer_is_maker {
            self.taker_volume += trade.quantity;
            self.taker_quote_volume += trade.quote;
        }
    }

    fn join(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume += later.volume;
        self.quote_volume += later.quote_volume;
        self.trades += later.trades;
        self.taker_volume += later.taker_volume;
        self.taker_quote_volume += later.taker_quote_volume;
    }
}

/// The last 24 hours as one candle.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DayTicker {
    /// The day folded.
    pub day: Candle,
    /// Last trade's quantity.
    pub last_quantity: Fixed,
    /// First and last trade number of the day.
    pub first_id: u64,
    /// Last trade number.
    pub last_id: u64,
    /// End of the day, Unix milliseconds.
    pub close_ms: u64,
}

impl DayTicker {
    /// Change of the price over the day; negative when it fell.
    #[must_use]
    pub fn change(&self) -> Fixed {
        self.day.close - self.day.open
    }

    /// Change in percent.
    #[must_use]
    pub fn change_percent(&self) -> Fixed {
        self.change().scale_down(Fixed::whole(100), self.day.open)
    }

    /// Volume-weighted price.
    #[must_use]
    pub fn weighted_price(&self) -> Fixed {
        if self.day.volume.is_zero() {
            return self.day.close;
        }
        self.day.quote_volume.div_down(self.day.volume)
    }
}

/// History of one instrument.
#[derive(Debug, Default)]
pub struct Tape {
    trades: VecDeque<PublicTrade>,
    candles: VecDeque<Candle>,
    day: DayTicker,
    last_id: u64,
}

impl Tape {
    /// No history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the next trade.
    pub const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Writes one trade down.
    pub fn record(&mut self, trade: PublicTrade) {
        self.roll(trade.at_ms, trade.price);
        if let Some(candle) = self.candles.back_mut() {
            candle.add(&trade);
        }
        if self.trades.len() >= TRADES_PER_MARKET_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        self.day.day.add(&trade);
        self.day.last_quantity = trade.quantity;
        self.day.last_id = trade.id;
        self.day.close_ms = trade.at_ms;
    }

    /// Opens the candle of this minute, and flat ones for minutes without a trade.
    /// `price` is used when there is no history at all.
    pub fn roll(&mut self, now_ms: u64, price: Fixed) {
        let minute = now_ms - now_ms % MINUTE_MS;
        let last = self.candles.back().copied();
        let close = last.map_or(price, |candle| candle.close);
        let mut next = last.map_or(minute, |candle| candle.open_ms + MINUTE_MS);
        let kept = CANDLES_PER_MARKET_MAX as u64 * MINUTE_MS;
        next = next.max(minute.saturating_sub(kept));
        while next <= minute {
            self.push(Candle::flat(next, close));
            next += MINUTE_MS;
        }
    }

    /// Appends a finished candle of the past.
    pub fn push(&mut self, candle: Candle) {
        if self.candles.len() >= CANDLES_PER_MARKET_MAX {
            self.candles.pop_front();
        }
        self.candles.push_back(candle);
    }

    /// Folds the last 24 hours anew.
    pub fn refresh_day(&mut self, now_ms: u64) {
        let from = now_ms.saturating_sub(DAY_MS);
        let mut recent = self.candles.iter().filter(|candle| candle.open_ms >= from);
        let Some(first) = recent.next() else {
            return;
        };
        let mut day = *first;
        recent.for_each(|candle| day.join(candle));
        self.day.first_id = self.last_id.saturating_sub(day.trades.saturating_sub(1));
        self.day.last_id = self.last_id;
        self.day.day = day;
        self.day.close_ms = now_ms;
    }

    /// The 24-hour ticker.
    #[must_use]
    pub const fn day(&self) -> &DayTicker {
        &self.day
    }

    /// The last trade's price, or the close of the history.
    #[must_use]
    pub fn last_price(&self) -> Fixed {
        self.day.day.close
    }

    /// The newest trades, oldest of them first.
    pub fn last_trades(&self, count: usize) -> impl DoubleEndedIterator<Item = &PublicTrade> {
        self.trades.iter().skip(self.trades.len().saturating_sub(count))
    }

    /// The minute being written.
    #[must_use]
    pub fn current(&self) -> Candle {
        self.candles.back().copied().unwrap_or_default()
    }

    /// The newest `count` candles of `width_ms` that start in `from..=to`, oldest first.
    #[must_use]
    pub fn candles(&self, width_ms: u64, from: u64, to: u64, count: usize) -> Vec<Candle> {
        let mut folded: Vec<Candle> = Vec::new();
        for candle in &self.candles {
            let open_ms = candle.open_ms - candle.open_ms % width_ms;
            match folded.last_mut() {
                Some(last) if last.open_ms == open_ms => last.join(candle),
                Some(_) | None => folded.push(Candle { open_ms, ..*candle }),
            }
        }
        folded.retain(|candle| (from..=to).contains(&candle.open_ms));
        // With a start the venue counts from there on, otherwise back from now.
        if from > 0 {
            folded.truncate(count);
        } else {
            folded.drain(..folded.len().saturating_sub(count));
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: u64, price: i64, at_ms: u64) -> PublicTrade {
        let (price, quantity) = (Fixed::whole(price), Fixed::whole(1));
        PublicTrade { id, price, quantity, quote: price, buyer_is_maker: false, at_ms }
    }

    #[test]
    fn minutes_without_a_trade_are_flat() {
        let mut tape = Tape::new();
        tape.record(trade(1, 10, 0));
        tape.record(trade(2, 20, 3 * MINUTE_MS));
        let closes: Vec<String> = tape.candles(MINUTE_MS, 0, u64::MAX, 10).iter().map(|one| one.close.short()).collect();
        assert_eq!(closes, ["10", "10", "10", "20"]);
    }

    #[test]
    fn wider_candles_fold_the_minutes() {
        let mut tape = Tape::new();
        for (minute, price) in [(0, 10), (1, 14), (2, 8), (5, 11)] {
            tape.record(trade(minute + 1, price, minute * MINUTE_MS));
        }
        let folded = tape.candles(5 * MINUTE_MS, 0, u64::MAX, 10);
        assert_eq!(folded.len(), 2);
        assert_eq!(
            (folded[0].high, folded[0].low, folded[0].close, folded[0].trades),
            (Fixed::whole(14), Fixed::whole(8), Fixed::whole(8), 3)
        );
    }

    #[test]
    fn the_day_forgets_what_is_older() {
        let mut tape = Tape::new();
        tape.record(trade(1, 10, 0));
        tape.record(trade(2, 30, DAY_MS + MINUTE_MS));
        tape.refresh_day(DAY_MS + MINUTE_MS);
        assert_eq!(tape.day().day.trades, 1);
        assert_eq!(tape.day().change(), Fixed::whole(20));
    }
}
