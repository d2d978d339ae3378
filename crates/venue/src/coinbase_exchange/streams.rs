//! Messages of the feed. Each has a `type`; there is no envelope.

use serde_json::{Value, json};

use super::market_data::name_of;
use super::shapes::{maker, moment};
use crate::exchange::Exchange;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Order, OrderKind, Side};
use crate::facade::BookDifference;
use crate::limits::BOOK_LEVELS_PUBLISHED;
use crate::operations::{Channel, OwnChannel, changed_rows, levels, top};

/// `ticker`, and `heartbeat`, which says what was the last of book and trades: clients find by it what they missed.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    match channel {
        Channel::Ticker => {
            let day = market.tape.day();
            let last = market.tape.last_trades(1).next();
            let taker = last.map_or("buy", |trade| trade.taker().lower());
            let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
            let message = json!({
                "type": "ticker", "sequence": market.book.update_id(), "product_id": name_of(market), "price": day.day.close.short(),
                "open_24h": day.day.open.short(), "volume_24h": day.day.volume.short(), "low_24h": day.day.low.short(),
                "high_24h": day.day.high.short(), "best_bid": bid.short(), "best_bid_size": bids.short(), "best_ask": ask.short(),
                "best_ask_size": asks.short(), "side": taker, "time": moment(at_ms), "trade_id": day.last_id,
                "last_size": day.last_quantity.short(),
            });
            Some(message.to_string())
        }
        Channel::Top => {
            let last_trade = market.tape.day().last_id;
            let message = json!({
                "type": "heartbeat", "sequence": market.book.update_id(), "last_trade_id": last_trade, "product_id": name_of(market),
                "time": moment(at_ms),
            });
            Some(message.to_string())
        }
        Channel::Candles(_) | Channel::Book(_) | Channel::Changes | Channel::Mids | Channel::Snapshot(_) | Channel::Trades => None,
    }
}

/// `snapshot`: the first message of `level2`.
pub(super) fn snapshot(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> String {
    let market = exchange.market(index);
    let side = |side| {
        let rows = levels(market, side, BOOK_LEVELS_PUBLISHED).into_iter();
        rows.map(|(price, size)| [price.short(), size.short()]).collect::<Vec<_>>()
    };
    let (asks, bids) = (side(Side::Sell), side(Side::Buy));
    json!({"type": "snapshot", "product_id": name_of(market), "asks": asks, "bids": bids, "time": moment(at_ms)}).to_string()
}

/// `l2update`
pub(crate) fn changes_event(exchange: &Exchange, market: MarketIndex, difference: &BookDifference, at_ms: u64) -> String {
    let rows = |side: &'static str, changed| {
        let row = move |(price, size): (Fixed, Fixed)| json!([side, price.short(), size.short()]);
        changed_rows(exchange, market, changed).into_iter().map(row)
    };
    let changes: Vec<Value> = rows("buy", &difference.bids).chain(rows("sell", &difference.asks)).collect();
    let name = name_of(exchange.market(market));
    json!({"type": "l2update", "product_id": name, "time": moment(at_ms), "changes": changes}).to_string()
}

/// Names of the maker's and the taker's order of a trade: whose they are is not told.
fn parties(trade_id: u64) -> [String; 2] {
    [format!("{trade_id}-maker"), format!("{trade_id}-taker")]
}

/// `match`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    let [maker_order, taker_order] = parties(trade.id);
    json!({
        "type": "match", "trade_id": trade.id, "sequence": trade.id, "maker_order_id": maker_order, "taker_order_id": taker_order, "time": moment(trade.at_ms),
        "product_id": name_of(exchange.market(market)), "size": trade.quantity.short(), "price": trade.price.short(), "side": maker(trade),
    })
    .to_string()
}

/// `user`: `received`, `open`, `match`, `done`.
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    let Event::Order { change, order, fill, execution, at_ms } = event else {
        return Vec::new();
    };
    if channel != OwnChannel::Orders {
        return Vec::new();
    }
    let note = Note { exchange, order, sequence: *execution, at_ms: *at_ms };
    match change {
        OrderChange::Amended => vec![note.changed()],
        OrderChange::Canceled | OrderChange::Expired => vec![note.done("canceled")],
        OrderChange::New => {
            // News is told when the placing is over, so the order's rest is known by now.
            let resting = exchange.order(order.owner, order.id).is_some_and(|order| order.status.is_open());
            let open = resting.then(|| note.open());
            std::iter::once(note.received()).chain(open).collect()
        }
        OrderChange::Trade => {
            let matched = fill.as_ref().map(|fill| note.matched(fill));
            let done = (!order.status.is_open()).then(|| note.done("filled"));
            matched.into_iter().chain(done).collect()
        }
    }
}

/// What all messages about one event have in common.
struct Note<'a> {
    exchange: &'a Exchange,
    order: &'a Order,
    sequence: u64,
    at_ms: u64,
}

impl Note<'_> {
    fn message(&self, kind: &str) -> Value {
        let owner = self.order.owner.0.to_string();
        json!({
            "type": kind, "time": moment(self.at_ms), "sequence": self.sequence, "side": self.order.side.lower(),
            "product_id": name_of(self.exchange.market(self.order.market)), "user_id": owner, "profile_id": owner,
        })
    }

    fn received(&self) -> String {
        let order = self.order;
        let mut message = self.message("received");
        message["order_id"] = json!(order.id.to_string());
        message["client_oid"] = json!(order.client_id);
        message["size"] = json!(order.quantity.short());
        if order.kind == OrderKind::Market {
            message["order_type"] = json!("market");
            message["funds"] = json!(order.quote_quantity.short());
        } else {
            message["order_type"] = json!("limit");
            message["price"] = json!(order.price.short());
        }
        message.to_string()
    }

    /// The terms as they are now; what they were is not told here.
    fn changed(&self) -> String {
        let mut message = self.message("change");
        message["reason"] = json!("modify_order");
        message["order_id"] = json!(self.order.id.to_string());
        message["new_size"] = json!(self.order.remaining().short());
        message["new_price"] = json!(self.order.price.short());
        message.to_string()
    }

    fn open(&self) -> String {
        let mut message = self.message("open");
        message["order_id"] = json!(self.order.id.to_string());
        message["price"] = json!(self.order.price.short());
        message["remaining_size"] = json!(self.order.remaining().short());
        message.to_string()
    }

    /// Names the own order in its role, the other one as everybody sees it; the side is the maker's.
    fn matched(&self, fill: &Fill) -> String {
        let rate = Fixed::whole(1).basis_points(self.exchange.commission_points).short();
        let (id_name, rate_name, side) = if fill.is_maker {
            ("maker_order_id", "maker_fee_rate", fill.side)
        } else {
            ("taker_order_id", "taker_fee_rate", fill.side.opposite())
        };
        let mut message = self.message("match");
        message["trade_id"] = json!(fill.trade_id);
        let [maker_order, taker_order] = parties(fill.trade_id);
        message["maker_order_id"] = json!(maker_order);
        message["taker_order_id"] = json!(taker_order);
        message[id_name] = json!(self.order.id.to_string());
        message[rate_name] = json!(rate);
        message["side"] = json!(side.lower());
        message["price"] = json!(fill.price.short());
        message["size"] = json!(fill.quantity.short());
        message.to_string()
    }

    fn done(&self, reason: &str) -> String {
        let mut message = self.message("done");
        message["order_id"] = json!(self.order.id.to_string());
        message["reason"] = json!(reason);
        message["price"] = json!(self.order.price.short());
        message["remaining_size"] = json!(self.order.remaining().short());
        message.to_string()
    }
}
