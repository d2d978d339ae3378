//! Messages of the streams: `{"time","time_ms","channel","event":"update","result"}`.

use serde_json::{Value, json};

use super::market_data::{INTERVALS, name_of};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::facade::BookDifference;
use crate::operations::{Channel, OwnChannel, changed_rows, levels, open_candle, top};

fn update(channel: &str, result: &Value, at_ms: u64) -> String {
    json!({"time": at_ms / 1_000, "time_ms": at_ms, "channel": channel, "event": "update", "result": result}).to_string()
}

/// Tickers and whole books.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    let (name, id) = (name_of(market), market.book.update_id());
    match channel {
        Channel::Book(depth) => {
            let (asks, bids) = (levels(market, Side::Sell, depth.into()), levels(market, Side::Buy, depth.into()));
            let result = json!({"t": at_ms, "full": true, "s": format!("ob.{name}.{depth}"), "u": id, "a": asks, "b": bids});
            Some(update("spot.obu", &result, at_ms))
        }
        Channel::Candles(index) => {
            let (interval, width, candle) = open_candle(market, INTERVALS, index)?;
            let result = json!({
                "t": (candle.open_ms / 1_000).to_string(), "v": candle.quote_volume, "c": candle.close, "h": candle.high, "l": candle.low,
                "o": candle.open, "n": format!("{interval}_{name}"), "a": candle.volume, "w": candle.open_ms + width <= at_ms,
            });
            Some(update("spot.candlesticks", &result, at_ms))
        }
        Channel::Snapshot(depth) => {
            let (asks, bids) = (levels(market, Side::Sell, depth.into()), levels(market, Side::Buy, depth.into()));
            let result = json!({"t": at_ms, "lastUpdateId": id, "s": name, "l": depth.to_string(), "asks": asks, "bids": bids});
            Some(update("spot.order_book", &result, at_ms))
        }
        Channel::Ticker => Some(update("spot.tickers", &shapes::ticker(market), at_ms)),
        Channel::Top => {
            let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
            let result = json!({"t": at_ms, "u": id, "s": name, "b": bid, "B": bids, "a": ask, "A": asks});
            Some(update("spot.book_ticker", &result, at_ms))
        }
        Channel::Changes | Channel::Mids | Channel::Trades => None,
    }
}

/// `spot.order_book_update`
pub(crate) fn changes_event(exchange: &Exchange, market: MarketIndex, difference: &BookDifference, at_ms: u64) -> String {
    let rows = |changed| changed_rows(exchange, market, changed);
    let result = json!({
        "t": at_ms, "e": "depthUpdate", "E": at_ms / 1_000, "s": name_of(exchange.market(market)),
        "U": difference.first_id, "u": difference.last_id, "b": rows(&difference.bids), "a": rows(&difference.asks),
    });
    update("spot.order_book_update", &result, at_ms)
}

/// `spot.trades`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    update("spot.trades", &shapes::streamed_trade(exchange.market(market), trade), trade.at_ms)
}

/// `spot.orders`, `spot.usertrades`, `spot.balances`
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    match (channel, event) {
        (OwnChannel::Balances, Event::Balances { owner, at_ms }) => {
            let rows = exchange.account_state(*owner).balances.iter().map(|(asset, balance)| {
                json!({
                    "timestamp": (at_ms / 1_000).to_string(), "timestamp_ms": at_ms.to_string(), "user": owner.0.to_string(),
                    "currency": **asset, "total": balance.total, "available": balance.free(), "freeze": balance.held,
                })
            });
            vec![update("spot.balances", &rows.collect(), *at_ms)]
        }
        (OwnChannel::Fills, Event::Order { order, fill: Some(fill), at_ms, .. }) => {
            let mut row = shapes::fill(exchange, fill);
            row["id"] = json!(fill.trade_id);
            row["user_id"] = json!(order.owner.0);
            vec![update("spot.usertrades", &json!([row]), *at_ms)]
        }
        (OwnChannel::Orders, Event::Order { change, order, at_ms, .. }) => {
            let mut row = shapes::order(exchange, order);
            let open = order.status.is_open();
            row["event"] = json!(match change {
                OrderChange::Canceled | OrderChange::Expired => "finish",
                OrderChange::New => "put",
                OrderChange::Amended => "update",
                OrderChange::Trade if open => "update",
                OrderChange::Trade => "finish",
            });
            row["user"] = json!(order.owner.0);
            row["create_time_ms"] = json!(order.created_ms.to_string());
            row["update_time_ms"] = json!(order.updated_ms.to_string());
            vec![update("spot.orders", &json!([row]), *at_ms)]
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
