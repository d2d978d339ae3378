//! A book as it was last told to somebody, and what has changed since.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::Exchange;
use crate::exchange::book::Level;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;

/// The book as last published.
#[derive(Debug, Default)]
pub(crate) struct BookMirror {
    update_id: u64,
    levels: [BTreeMap<u128, u64>; 2],
}

/// Changed levels of a book since the last publication; quantity nought removes a level.
#[derive(Debug)]
pub(crate) struct BookDifference {
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
    /// Prices in ticks, of bids and of asks, that had no level before.
    pub(crate) added: [BTreeSet<u128>; 2],
}

impl BookMirror {
    /// The best `depth` levels per side, as they are now.
    pub(crate) fn of(exchange: &Exchange, market: MarketIndex, depth: usize) -> Self {
        let book = &exchange.market(market).book;
        let levels = [Side::Buy, Side::Sell].map(|side| book.levels(side).take(depth).map(|level| (level.ticks, level.lots)).collect());
        Self { update_id: book.update_id(), levels }
    }

    /// Number of the last change that is in here.
    pub(crate) const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Levels of one side, best first.
    pub(crate) fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(ticks, lots): (&u128, &u64)| Level { ticks: *ticks, lots: *lots };
        match side {
            Side::Buy => self.levels[0].iter().rev().map(level).collect(),
            Side::Sell => self.levels[1].iter().map(level).collect(),
        }
    }

    /// Catches up with the book and says what changed.
    pub(crate) fn advance(&mut self, exchange: &Exchange, market: MarketIndex, depth: usize) -> BookDifference {
        let next = Self::of(exchange, market, depth);
        let [bids, asks] = [0, 1].map(|side| difference(&self.levels[side], &next.levels[side]));
        let added = [0, 1].map(|side| next.levels[side].keys().filter(|ticks| !self.levels[side].contains_key(ticks)).copied().collect());
        let first_id = self.update_id + 1;
        let last_id = next.update_id;
        *self = next;
        BookDifference { first_id, last_id, bids, asks, added }
    }
}

fn difference(before: &BTreeMap<u128, u64>, after: &BTreeMap<u128, u64>) -> Vec<Level> {
    let changed = after.iter().filter(|(ticks, lots)| before.get(ticks) != Some(lots));
    let gone = before.keys().filter(|ticks| !after.contains_key(ticks));
    let changed = changed.map(|(ticks, lots)| Level { ticks: *ticks, lots: *lots });
    changed.chain(gone.map(|ticks| Level { ticks: *ticks, lots: 0 })).collect()
}
