//! Messages of the channels: `[CHANNEL, …]`, where channel 0 is one's own.
//!
//! | channel | first | then |
//! |---|---|---|
//! | `ticker` | – | the ticker at every tick |
//! | `book` | all levels | one message for each level that changed |
//! | `candles` | the newest | the one that is open at every tick |
//! | `trades` | the newest | `te` for each |
//! | 0 | `ws`, `os` | `wu`; `on`, `ou`, `oc`; `te` and `tu` for each fill |

use std::collections::HashMap;

use serde_json::{Value, json};

use super::market_data::INTERVALS;
use super::{shapes, trading};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::facade::{BookDifference, number};
use crate::limits::{BOOK_LEVELS_PUBLISHED, CANDLES_FIRST_MAX, TRADES_FIRST_MAX};
use crate::operations::{Channel, OwnChannel, changed_rows, counted_levels, open_candle};

/// Channel numbers of one market, by scores.
const CHANNELS_PER_MARKET: usize = 20;
/// Candles of the first width; those of the others follow.
const FIRST_CANDLES: usize = 4;

/// The number of a channel: the same for everybody, so that a message is written once. Nought is one's own.
pub(super) fn number_of(market: MarketIndex, channel: Channel) -> Option<usize> {
    let place = match channel {
        Channel::Changes => 1,
        Channel::Ticker => 2,
        Channel::Trades => 3,
        Channel::Candles(width) => FIRST_CANDLES + usize::from(width),
        Channel::Book(_) | Channel::Mids | Channel::Snapshot(_) | Channel::Top => return None,
    };
    Some((market.0 + 1) * CHANNELS_PER_MARKET + place)
}

/// The channel of a number.
pub(super) fn channel_of(number: usize) -> Option<(MarketIndex, Channel)> {
    let market = MarketIndex((number / CHANNELS_PER_MARKET).checked_sub(1)?);
    let candles = (0..INTERVALS.len()).filter_map(|width| u8::try_from(width).ok()).map(Channel::Candles);
    [Channel::Changes, Channel::Ticker, Channel::Trades]
        .into_iter()
        .chain(candles)
        .find(|channel| number_of(market, *channel) == Some(number))
        .map(|channel| (market, channel))
}

/// `ticker`, `candles`
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel) -> Option<String> {
    let (number, market) = (number_of(index, channel)?, exchange.market(index));
    let news: Value = match channel {
        Channel::Candles(width) => open_candle(market, INTERVALS, width).map(|(.., candle)| shapes::candle(&candle))?,
        Channel::Ticker => shapes::ticker(market).into_iter().collect(),
        Channel::Book(_) | Channel::Changes | Channel::Mids | Channel::Snapshot(_) | Channel::Top | Channel::Trades => return None,
    };
    Some(json!([number, news]).to_string())
}

/// The first message of `book`, `candles` and `trades`.
pub(super) fn snapshot(exchange: &Exchange, market: MarketIndex, channel: Channel) -> Option<String> {
    let number = number_of(market, channel)?;
    let rows: Vec<Value> = match channel {
        Channel::Changes => [Side::Buy, Side::Sell].into_iter().flat_map(|side| levels(exchange, market, side)).collect(),
        Channel::Candles(width) => {
            let (_, width) = *INTERVALS.get(usize::from(width))?;
            let candles = exchange.market(market).tape.candles(width, 0, u64::MAX, CANDLES_FIRST_MAX);
            candles.iter().rev().map(shapes::candle).collect()
        }
        Channel::Trades => exchange.market(market).tape.last_trades(TRADES_FIRST_MAX).rev().map(trade_row).collect(),
        Channel::Book(_) | Channel::Mids | Channel::Snapshot(_) | Channel::Ticker | Channel::Top => return None,
    };
    Some(json!([number, rows]).to_string())
}

fn levels(exchange: &Exchange, market: MarketIndex, side: Side) -> Vec<Value> {
    let counted = counted_levels(exchange, market, side, BOOK_LEVELS_PUBLISHED).into_iter();
    counted.map(|(price, size, count)| json!([number(price), count.max(1), shapes::signed(side, size)])).collect()
}

/// `book`: `[PRICE, COUNT, AMOUNT]`; a level that is gone has count 0, and an amount that tells its side.
pub(crate) fn changes_events(exchange: &Exchange, market: MarketIndex, difference: &BookDifference) -> Vec<String> {
    let Some(channel) = number_of(market, Channel::Changes) else {
        return Vec::new();
    };
    let rows = |side, changed| {
        let counted = counted_levels(exchange, market, side, BOOK_LEVELS_PUBLISHED).into_iter();
        let counts: HashMap<Fixed, usize> = counted.map(|(price, _, count)| (price, count.max(1))).collect();
        let row = move |(price, size): (Fixed, Fixed)| {
            let gone = size.is_zero();
            let count = if gone { 0 } else { counts.get(&price).copied().unwrap_or(1) };
            let amount = shapes::signed(side, if gone { Fixed::whole(1) } else { size });
            json!([channel, [number(price), count, amount]]).to_string()
        };
        changed_rows(exchange, market, changed).into_iter().map(row)
    };
    rows(Side::Buy, &difference.bids).chain(rows(Side::Sell, &difference.asks)).collect()
}

fn trade_row(trade: &PublicTrade) -> Value {
    json!([trade.id, trade.at_ms, shapes::signed(trade.taker(), trade.quantity), number(trade.price)])
}

/// `trades`
pub(crate) fn trade_event(market: MarketIndex, trade: &PublicTrade) -> String {
    json!([number_of(market, Channel::Trades), "te", trade_row(trade)]).to_string()
}

/// What somebody is told at once who logs in.
pub(super) fn own_snapshots(exchange: &Exchange, owner: AccountIndex) -> [String; 2] {
    let wallets = json!([0, "ws", trading::wallet_rows(exchange, owner)]);
    let orders = json!([0, "os", trading::open_rows(exchange, owner)]);
    [wallets.to_string(), orders.to_string()]
}

/// `wu`; `on`, `ou`, `oc`; `te`, `tu`.
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    match (channel, event) {
        (OwnChannel::Balances, Event::Balances { owner, .. }) => {
            trading::wallet_rows(exchange, *owner).into_iter().map(|row| json!([0, "wu", row]).to_string()).collect()
        }
        (OwnChannel::Fills, Event::Order { fill: Some(fill), .. }) => {
            let row = shapes::fill(exchange, fill);
            ["te", "tu"].map(|kind| json!([0, kind, row]).to_string()).into()
        }
        (OwnChannel::Orders, Event::Order { change, order, .. }) => {
            let kind = match change {
                OrderChange::Canceled | OrderChange::Expired => "oc",
                OrderChange::New => "on",
                OrderChange::Amended => "ou",
                OrderChange::Trade if order.status.is_open() => "ou",
                OrderChange::Trade => "oc",
            };
            vec![json!([0, kind, shapes::order(exchange, order)]).to_string()]
        }
        (
            OwnChannel::AddressBalances(_)
            | OwnChannel::AddressFills(_)
            | OwnChannel::Balances
            | OwnChannel::Fills
            | OwnChannel::Orders
            | OwnChannel::OrdersAnew
            | OwnChannel::Positions,
            _,
        ) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_found_by_its_number_and_nought_is_none() {
        for channel in [Channel::Changes, Channel::Ticker, Channel::Trades] {
            let number = number_of(MarketIndex(0), channel);
            assert_eq!(number.and_then(channel_of), Some((MarketIndex(0), channel)));
        }
        assert_eq!([0, 9, 10, 14].map(channel_of), [None; 4]);
    }
}
