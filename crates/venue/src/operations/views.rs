//! What the façades read from the exchange in the same way.

use std::collections::HashMap;

use crate::exchange::account::{AccountIndex, LedgerEntry};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::{Order, Side};
use crate::exchange::tape::Candle;
use crate::exchange::{Exchange, Market};

/// A width of candles by the venue's name for it: its index in the dialect's table.
pub(crate) fn candle_width(widths: &[(&str, u64)], name: &str) -> Option<u8> {
    widths.iter().position(|(known, _)| *known == name).and_then(|index| u8::try_from(index).ok())
}

/// The candle of a width that is open, with the venue's name of the width and the width itself.
pub(crate) fn open_candle<'w>(market: &Market, widths: &[(&'w str, u64)], index: u8) -> Option<(&'w str, u64, Candle)> {
    let (name, width) = *widths.get(usize::from(index))?;
    let candle = market.tape.candles(width, 0, u64::MAX, 1).pop()?;
    Some((name, width, candle))
}

/// The spot instruments.
pub(crate) fn spot_markets(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Market)> {
    let numbered = exchange.markets().iter().enumerate().map(|(number, market)| (MarketIndex(number), market));
    numbered.filter(|(_, market)| matches!(market.instrument.kind, InstrumentKind::Spot))
}

/// `BTC`, `USDT` with a separator between.
pub(crate) fn pair_name(instrument: &Instrument, separator: char) -> String {
    format!("{}{separator}{}", instrument.base, instrument.quote)
}

/// The spot instrument with this name.
pub(crate) fn find_pair(exchange: &Exchange, name: &str, separator: char) -> Option<MarketIndex> {
    spot_markets(exchange).find(|(_, market)| pair_name(&market.instrument, separator) == name).map(|(index, _)| index)
}

/// Price and quantity of the best levels of one side, best first.
pub(crate) fn levels(market: &Market, side: Side, count: usize) -> Vec<(Fixed, Fixed)> {
    let terms = &market.instrument;
    let level = |level: crate::exchange::book::Level| (terms.price_of(level.ticks), terms.quantity_of(level.lots));
    market.book.levels(side).take(count).map(level).collect()
}

/// Price and quantity of the best level; nought when the side is empty.
pub(crate) fn top(market: &Market, side: Side) -> (Fixed, Fixed) {
    levels(market, side, 1).pop().unwrap_or((Fixed::ZERO, Fixed::ZERO))
}

/// Price, quantity and number of orders of the best levels of one side, best first.
pub(crate) fn counted_levels(exchange: &Exchange, index: MarketIndex, side: Side, count: usize) -> Vec<(Fixed, Fixed, usize)> {
    let mut counts: HashMap<Fixed, usize> = HashMap::new();
    let resting = exchange.orders.values().filter(|order| order.market == index && order.side == side && order.status.is_open());
    for order in resting {
        *counts.entry(order.price).or_default() += 1;
    }
    let counted = |(price, size)| (price, size, counts.get(&price).copied().unwrap_or(0));
    levels(exchange.market(index), side, count).into_iter().map(counted).collect()
}

/// The newest movements of an account's funds, newest first: of one asset when it is named, and within these times.
pub(crate) fn ledger<'a>(
    exchange: &'a Exchange,
    owner: AccountIndex,
    asset: Option<&str>,
    (from_ms, until_ms): (u64, u64),
) -> impl Iterator<Item = &'a LedgerEntry> {
    let entries = exchange.account_state(owner).ledger.iter().rev();
    entries.filter(move |entry| asset.is_none_or(|asset| *entry.asset == *asset) && (from_ms..=until_ms).contains(&entry.at_ms))
}

/// Average price of what is filled; nought when nothing is.
pub(crate) fn average_price(order: &Order) -> Fixed {
    order.filled_quote.div_down(order.filled)
}

/// Commission an order has paid so far, as far as its fills are remembered, and its asset.
pub(crate) fn commission_of<'a>(exchange: &'a Exchange, order: &'a Order) -> (Fixed, &'a str) {
    let terms = &exchange.market(order.market).instrument;
    let fills = exchange.account_state(order.owner).fills.iter().filter(|fill| fill.order == order.id);
    let paid = fills.map(|fill| fill.commission).sum();
    let asset = match (terms.kind, order.side) {
        (InstrumentKind::Spot, Side::Buy) => &terms.base,
        (InstrumentKind::Spot, Side::Sell)
        | (InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Perpetual, _) => &terms.quote,
    };
    (paid, asset)
}

/// Decimal places of a step: 2 for 0.01.
pub(crate) fn places(step: Fixed) -> usize {
    step.short().split_once('.').map_or(0, |(_, places)| places.len())
}
