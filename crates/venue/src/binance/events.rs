//! Events in the venue's form: market streams and the user data stream.

use serde::Serialize;
use serde_json::json;

use super::market_data::{INTERVALS, percent, spot_markets, top, write_levels};
use super::shapes::{STP, to_json};
use super::streams::name_of;
use crate::binance_futures::{contracts, mark_price_event, symbol as symbol_of};
use crate::exchange::book::Level;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::exchange::order::{Fill, Order, Side};
use crate::exchange::{Exchange, Market};
use crate::facade::BookDifference;
use crate::hub::{Feed, Topic};

/// Wraps a message for `/stream`.
pub(crate) fn combined(exchange: &Exchange, topic: Topic, data: &str) -> String {
    format!(r#"{{"stream":"{}","data":{data}}}"#, name_of(exchange, topic))
}

/// `@trade` or `@aggTrade`
pub(crate) fn trade_event(exchange: &Exchange, topic: Topic, trade: &PublicTrade) -> String {
    let symbol = symbol_of(&exchange.market(topic.market).instrument);
    let PublicTrade { id, price, quantity, buyer_is_maker, at_ms, .. } = trade;
    if topic.feed == Feed::AggTrade {
        return format!(
            r#"{{"e":"aggTrade","E":{at_ms},"s":"{symbol}","a":{id},"p":"{price}","q":"{quantity}","f":{id},"l":{id},"T":{at_ms},"m":{buyer_is_maker},"M":true}}"#
        );
    }
    format!(
        r#"{{"e":"trade","E":{at_ms},"s":"{symbol}","t":{id},"p":"{price}","q":"{quantity}","T":{at_ms},"m":{buyer_is_maker},"M":true}}"#
    )
}

/// `@depth`: what changed since the last one.
pub(crate) fn depth_event(exchange: &Exchange, market: MarketIndex, difference: &BookDifference, at_ms: u64) -> String {
    let terms = &exchange.market(market).instrument;
    let future = is_future(exchange.market(market));
    let rows = |levels: &[Level]| {
        let row = |level: &Level| (terms.price_of(level.ticks), terms.quantity_of(level.lots));
        levels.iter().map(row).collect::<Vec<_>>()
    };
    #[derive(Serialize)]
    struct Shape<'a> {
        e: &'static str,
        #[serde(rename = "E")]
        at: u64,
        s: &'a str,
        #[serde(rename = "U")]
        first: u64,
        u: u64,
        /// Futures: the last change of the message before.
        #[serde(skip_serializing_if = "Option::is_none")]
        pu: Option<u64>,
        /// Futures: when the book changed.
        #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
        changed: Option<u64>,
        b: Vec<(Fixed, Fixed)>,
        a: Vec<(Fixed, Fixed)>,
    }
    to_json(&Shape {
        e: "depthUpdate",
        at: at_ms,
        s: symbol_of(terms),
        first: difference.first_id,
        u: difference.last_id,
        pu: future.then(|| difference.first_id.saturating_sub(1)),
        changed: future.then_some(at_ms),
        b: rows(&difference.bids),
        a: rows(&difference.asks),
    })
}

/// The streams of which only the newest message matters.
pub(crate) fn state_event(exchange: &Exchange, topic: Topic, at_ms: u64) -> String {
    let market = exchange.market(topic.market);
    let all = |row: fn(&Market, u64) -> String| {
        // The market of the topic tells whether all of spot are meant, or all contracts.
        let indexes = if is_future(market) { contracts(exchange).map(|(index, _)| index).collect() } else { spot_markets(exchange) };
        let rows = indexes.into_iter().map(|index| row(exchange.market(index), at_ms));
        format!("[{}]", rows.collect::<Vec<_>>().join(","))
    };
    match topic.feed {
        Feed::BookTicker => book_ticker(market, at_ms),
        Feed::DepthTop(levels, _) => depth_top(market, usize::from(levels), at_ms),
        Feed::Kline(index) => kline(market, usize::from(index), at_ms),
        Feed::MarkPrice(_) => mark_price_event(exchange, market, at_ms),
        Feed::MarkPrices(_) => {
            let rows = contracts(exchange).map(|(_, market)| mark_price_event(exchange, market, at_ms));
            format!("[{}]", rows.collect::<Vec<_>>().join(","))
        }
        Feed::MiniTicker => mini_ticker(market, at_ms),
        Feed::MiniTickers => all(mini_ticker),
        Feed::Ticker => ticker(market, at_ms),
        Feed::Tickers => all(ticker),
        Feed::AggTrade
        | Feed::Depth(_)
        | Feed::Dialect(..)
        | Feed::Facade(_)
        | Feed::NativeBook
        | Feed::NativeTicker
        | Feed::NativeTrade
        | Feed::Trade => String::from("{}"),
    }
}

/// Futures have messages of their own form for books and tickers.
const fn is_future(market: &Market) -> bool {
    market.instrument.kind.is_linear_future()
}

fn book_ticker(market: &Market, at_ms: u64) -> String {
    let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
    let (id, symbol) = (market.book.update_id(), symbol_of(&market.instrument));
    if is_future(market) {
        return format!(
            r#"{{"e":"bookTicker","u":{id},"E":{at_ms},"T":{at_ms},"s":"{symbol}","b":"{bid}","B":"{bids}","a":"{ask}","A":"{asks}"}}"#
        );
    }
    format!(r#"{{"u":{id},"s":"{symbol}","b":"{bid}","B":"{bids}","a":"{ask}","A":"{asks}"}}"#)
}

fn depth_top(market: &Market, levels: usize, at_ms: u64) -> String {
    if is_future(market) {
        let (id, symbol) = (market.book.update_id(), symbol_of(&market.instrument));
        let mut text =
            format!(r#"{{"e":"depthUpdate","E":{at_ms},"T":{at_ms},"s":"{symbol}","U":{id},"u":{id},"pu":{},"b":"#, id.saturating_sub(1));
        write_levels(&mut text, market, Side::Buy, levels);
        text.push_str(r#","a":"#);
        write_levels(&mut text, market, Side::Sell, levels);
        text.push('}');
        return text;
    }
    let mut text = format!(r#"{{"lastUpdateId":{},"bids":"#, market.book.update_id());
    write_levels(&mut text, market, Side::Buy, levels);
    text.push_str(r#","asks":"#);
    write_levels(&mut text, market, Side::Sell, levels);
    text.push('}');
    text
}

fn kline(market: &Market, index: usize, at_ms: u64) -> String {
    let (name, width) = INTERVALS[index];
    let candle = market.tape.candles(width, 0, u64::MAX, 1).pop().unwrap_or_default();
    let (symbol, end) = (symbol_of(&market.instrument), candle.open_ms + width - 1);
    let last_id = market.tape.day().last_id;
    let first_id = last_id.saturating_sub(candle.trades.saturating_sub(1));
    json!({
        "e": "kline", "E": at_ms, "s": symbol,
        "k": {
            "t": candle.open_ms, "T": end, "s": symbol, "i": name, "f": first_id, "L": last_id,
            "o": candle.open, "c": candle.close, "h": candle.high, "l": candle.low,
            "v": candle.volume, "n": candle.trades, "x": at_ms >= end, "q": candle.quote_volume,
            "V": candle.taker_volume, "Q": candle.taker_quote_volume, "B": "0",
        },
    })
    .to_string()
}

fn mini_ticker(market: &Market, at_ms: u64) -> String {
    let (symbol, day) = (symbol_of(&market.instrument), market.tape.day().day);
    format!(
        r#"{{"e":"24hrMiniTicker","E":{at_ms},"s":"{symbol}","c":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}"}}"#,
        day.close, day.open, day.high, day.low, day.volume, day.quote_volume,
    )
}

fn ticker(market: &Market, at_ms: u64) -> String {
    let day = market.tape.day();
    let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
    let mut ticker = json!({
        "e": "24hrTicker", "E": at_ms, "s": symbol_of(&market.instrument),
        "p": day.change(), "P": percent(day.change_percent()), "w": day.weighted_price(),
        "x": day.day.open, "c": day.day.close, "Q": day.last_quantity,
        "b": bid, "B": bids, "a": ask, "A": asks,
        "o": day.day.open, "h": day.day.high, "l": day.day.low,
        "v": day.day.volume, "q": day.day.quote_volume,
        "O": day.close_ms.saturating_sub(86_400_000), "C": day.close_ms,
        "F": day.first_id, "L": day.last_id, "n": day.day.trades,
    });
    if is_future(market) {
        // Futures tell neither the close before nor the best prices here.
        for name in ["x", "b", "B", "a", "A"] {
            ticker.as_object_mut().and_then(|members| members.remove(name));
        }
    }
    ticker.to_string()
}

/// `{"subscriptionId":n,"event":…}`; `None` for what the spot façade does not know.
pub(crate) fn own_event(exchange: &Exchange, event: &Event, subscription: u64) -> Option<String> {
    let event = match event {
        Event::Balances { owner, at_ms } => {
            let account = exchange.account_state(*owner);
            let balances = account
                .balances
                .iter()
                .map(|(asset, balance)| format!(r#"{{"a":"{asset}","f":"{}","l":"{}"}}"#, balance.free(), balance.held));
            let balances: Vec<String> = balances.collect();
            format!(r#"{{"e":"outboundAccountPosition","E":{at_ms},"u":{at_ms},"B":[{}]}}"#, balances.join(","))
        }
        Event::Order { change, order, fill, execution, at_ms } => {
            let spot = matches!(exchange.market(order.market).instrument.kind, InstrumentKind::Spot);
            if !spot {
                return None;
            }
            execution_report(exchange, *change, order, fill.as_deref(), *execution, *at_ms)
        }
        Event::Ticked { .. } | Event::Trade { .. } => return None,
    };
    Some(format!(r#"{{"subscriptionId":{subscription},"event":{event}}}"#))
}

/// The letters of an `executionReport` (vendor document `user-data-stream.md`).
#[derive(Serialize)]
#[allow(non_snake_case, reason = "the venue's letters differ by case")]
struct ExecutionReport<'a> {
    e: &'static str,
    E: u64,
    s: &'a str,
    c: &'a str,
    S: &'static str,
    o: &'static str,
    f: &'static str,
    q: Fixed,
    p: Fixed,
    P: Fixed,
    F: Fixed,
    g: i64,
    C: &'a str,
    x: &'static str,
    X: &'static str,
    r: &'static str,
    i: u64,
    l: Fixed,
    z: Fixed,
    L: Fixed,
    n: Fixed,
    N: Option<&'a str>,
    T: u64,
    t: i64,
    I: u64,
    w: bool,
    m: bool,
    M: bool,
    O: u64,
    Z: Fixed,
    Y: Fixed,
    Q: Fixed,
    W: u64,
    V: &'static str,
}

fn execution_report(exchange: &Exchange, change: OrderChange, order: &Order, fill: Option<&Fill>, execution: u64, at_ms: u64) -> String {
    let cancel_id = format!("cancel-{}", order.id);
    let canceled = change == OrderChange::Canceled;
    to_json(&ExecutionReport {
        e: "executionReport",
        E: at_ms,
        s: &exchange.market(order.market).instrument.symbol,
        c: if canceled { &cancel_id } else { &order.client_id },
        S: order.side.upper(),
        o: order.kind.upper(),
        f: order.time_in_force.upper(),
        q: order.quantity,
        p: order.price,
        P: Fixed::ZERO,
        F: Fixed::ZERO,
        g: -1,
        C: if canceled { &order.client_id } else { "" },
        x: match change {
            OrderChange::Amended => "REPLACED",
            OrderChange::Canceled => "CANCELED",
            OrderChange::Expired => "EXPIRED",
            OrderChange::New => "NEW",
            OrderChange::Trade => "TRADE",
        },
        X: order.status.upper(),
        r: "NONE",
        i: order.id,
        l: fill.map_or(Fixed::ZERO, |fill| fill.quantity),
        z: order.filled,
        L: fill.map_or(Fixed::ZERO, |fill| fill.price),
        n: fill.map_or(Fixed::ZERO, |fill| fill.commission),
        N: fill.map(|fill| &*fill.commission_asset),
        T: at_ms,
        t: fill.map_or(-1, |fill| i64::try_from(fill.trade_id).unwrap_or(i64::MAX)),
        I: execution,
        w: order.status.is_open(),
        m: fill.is_some_and(|fill| fill.is_maker),
        M: false,
        O: order.created_ms,
        Z: order.filled_quote,
        Y: fill.map_or(Fixed::ZERO, |fill| fill.quote),
        Q: order.quote_quantity,
        W: order.created_ms,
        V: STP,
    })
}
