//! Messages of the streams: `{"channel","data"}`.

use serde_json::{Value, json};

use super::address::Address;
use super::info::INTERVALS;
use super::{shapes, user};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::{Event, PublicTrade};
use crate::exchange::instrument::MarketIndex;
use crate::operations::{Channel, OwnChannel, open_candle};

pub(super) fn message(channel: &str, data: &Value) -> String {
    json!({"channel": channel, "data": data}).to_string()
}

/// Mids, tops, books, the day.
pub(crate) fn state_event(exchange: &Exchange, market: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    match channel {
        Channel::Book(levels) => Some(message("l2Book", &shapes::book(exchange, market, levels.into(), at_ms))),
        Channel::Candles(index) => {
            let market = exchange.market(market);
            let (interval, width, candle) = open_candle(market, INTERVALS, index)?;
            Some(message("candle", &shapes::candle(market, interval, width, &candle)))
        }
        Channel::Mids => Some(message("allMids", &json!({"mids": shapes::mids(exchange)}))),
        Channel::Ticker => {
            let market = exchange.market(market);
            let data = json!({"coin": shapes::coin_of(market), "ctx": shapes::context(market)});
            Some(message("activeSpotAssetCtx", &data))
        }
        Channel::Top => Some(message("bbo", &shapes::best(exchange, market, at_ms))),
        Channel::Changes | Channel::Snapshot(_) | Channel::Trades => None,
    }
}

/// `trades`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    message("trades", &json!([shapes::trade(exchange.market(market), trade)]))
}

/// `spotState`
pub(super) fn spot_state(exchange: &Exchange, address: Address, account: Option<AccountIndex>) -> String {
    message("spotState", &json!({"user": address.to_string(), "spotState": user::balances(exchange, account)}))
}

/// `orderUpdates`, `userFills`, `userEvents` and `spotState`
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    match (channel, event) {
        (OwnChannel::AddressBalances(address), Event::Balances { owner, .. }) => vec![spot_state(exchange, address, Some(*owner))],
        (OwnChannel::AddressFills(address), Event::Order { fill: Some(fill), .. }) => {
            vec![message("userFills", &json!({"user": address.to_string(), "fills": [shapes::fill(exchange, fill)]}))]
        }
        (OwnChannel::Fills, Event::Order { fill: Some(fill), .. }) => {
            vec![message("user", &json!({"fills": [shapes::fill(exchange, fill)]}))]
        }
        (OwnChannel::Orders, Event::Order { order, .. }) => vec![message("orderUpdates", &json!([shapes::told_order(exchange, order)]))],
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
