//! Market data: books, trades, candles, tickers.

use std::fmt::Write as _;

use serde::Serialize;

use super::error::ApiError;
use super::params::Params;
use super::shapes::to_json;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, DayTicker, MINUTE_MS};
use crate::exchange::{Exchange, Market};
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX};

/// Candle widths, in the venue's names. Seconds, weeks and months are not served: history
/// here is a day of minutes.
pub(crate) const INTERVALS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("3m", 3 * MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("2h", 120 * MINUTE_MS),
    ("4h", 240 * MINUTE_MS),
    ("6h", 360 * MINUTE_MS),
    ("8h", 480 * MINUTE_MS),
    ("12h", 720 * MINUTE_MS),
    ("1d", 1_440 * MINUTE_MS),
];

/// Writes `[["price","quantity"],…]` of one side.
pub(crate) fn write_levels(text: &mut String, market: &Market, side: Side, limit: usize) {
    text.push('[');
    for (number, level) in market.book.levels(side).take(limit).enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let (price, quantity) = (market.instrument.price_of(level.ticks), market.instrument.quantity_of(level.lots));
        let _infallible = write!(text, r#"{comma}["{price}","{quantity}"]"#);
    }
    text.push(']');
}

/// `{"lastUpdateId":…,"bids":…,"asks":…}`
pub(super) fn depth_body(market: &Market, limit: usize) -> String {
    let mut text = format!(r#"{{"lastUpdateId":{},"bids":"#, market.book.update_id());
    write_levels(&mut text, market, Side::Buy, limit);
    text.push_str(r#","asks":"#);
    write_levels(&mut text, market, Side::Sell, limit);
    text.push('}');
    text
}

pub(super) fn depth(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = exchange.market(params.symbol(exchange)?);
    Ok(depth_body(market, params.limit(100, BOOK_LEVELS_MAX)?))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TradeShape {
    id: u64,
    price: Fixed,
    qty: Fixed,
    quote_qty: Fixed,
    time: u64,
    is_buyer_maker: bool,
    is_best_match: bool,
}

pub(super) fn trades(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = exchange.market(params.symbol(exchange)?);
    let limit = params.limit(500, ROWS_PER_ANSWER_MAX)?;
    let shape = |trade: &PublicTrade| TradeShape {
        id: trade.id,
        price: trade.price,
        qty: trade.quantity,
        quote_qty: trade.quote,
        time: trade.at_ms,
        is_buyer_maker: trade.buyer_is_maker,
        is_best_match: true,
    };
    let from = params.integer("fromId")?.unwrap_or(0);
    let rows: Vec<TradeShape> = if from > 0 {
        let later = market.tape.last_trades(ROWS_PER_ANSWER_MAX).filter(|trade| trade.id >= from);
        later.take(limit).map(shape).collect()
    } else {
        market.tape.last_trades(limit).map(shape).collect()
    };
    Ok(to_json(&rows))
}

/// Every trade is its own aggregate: one taker at one price.
#[derive(Serialize)]
struct AggTradeShape {
    a: u64,
    p: Fixed,
    q: Fixed,
    f: u64,
    l: u64,
    #[serde(rename = "T")]
    time: u64,
    m: bool,
    #[serde(rename = "M")]
    best: bool,
}

pub(super) fn agg_trades(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = exchange.market(params.symbol(exchange)?);
    let limit = params.limit(500, ROWS_PER_ANSWER_MAX)?;
    let from_id = params.integer("fromId")?;
    let start = params.integer("startTime")?;
    let end = params.integer("endTime")?.unwrap_or(u64::MAX);
    let wanted = |trade: &&PublicTrade| trade.id >= from_id.unwrap_or(0) && (start.unwrap_or(0)..=end).contains(&trade.at_ms);
    let trades: Vec<&PublicTrade> = market.tape.last_trades(ROWS_PER_ANSWER_MAX).filter(wanted).collect();
    let forward = from_id.is_some() || start.is_some();
    let skip = if forward { 0 } else { trades.len().saturating_sub(limit) };
    let rows = trades.into_iter().skip(skip).take(limit).map(|trade| AggTradeShape {
        a: trade.id,
        p: trade.price,
        q: trade.quantity,
        f: trade.id,
        l: trade.id,
        time: trade.at_ms,
        m: trade.buyer_is_maker,
        best: true,
    });
    Ok(to_json(&rows.collect::<Vec<_>>()))
}

pub(crate) fn write_candle(text: &mut String, candle: &Candle, width: u64) {
    let _infallible = write!(
        text,
        r#"[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
        candle.open_ms,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.open_ms + width - 1,
        candle.quote_volume,
        candle.trades,
        candle.taker_volume,
        candle.taker_quote_volume,
    );
}

pub(super) fn klines(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = exchange.market(params.symbol(exchange)?);
    let interval = params.need("interval")?;
    let known = INTERVALS.iter().find(|(name, _)| *name == interval);
    let (_, width) = known.ok_or_else(ApiError::bad_interval)?;
    let limit = params.limit(500, CANDLES_PER_ANSWER_MAX)?;
    let from = params.integer("startTime")?.unwrap_or(0);
    let to = params.integer("endTime")?.unwrap_or(u64::MAX);
    let mut text = String::from("[");
    for (number, candle) in market.tape.candles(*width, from, to, limit).iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        write_candle(&mut text, candle, *width);
    }
    text.push(']');
    Ok(text)
}

pub(super) fn avg_price(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = exchange.market(params.symbol(exchange)?);
    let recent = market.tape.candles(MINUTE_MS, 0, u64::MAX, 5);
    let volume: Fixed = recent.iter().map(|candle| candle.volume).sum();
    let quote: Fixed = recent.iter().map(|candle| candle.quote_volume).sum();
    let price = if volume.is_zero() { market.tape.last_price() } else { quote.div_down(volume) };
    Ok(format!(r#"{{"mins":5,"price":"{price}","closeTime":{}}}"#, market.tape.day().close_ms))
}

/// Renders one row, or a list of rows when no single symbol was named.
fn per_symbol(exchange: &Exchange, params: &Params, row: impl Fn(&Market) -> String) -> Result<String, ApiError> {
    if params.find("symbol").is_some() {
        return Ok(row(exchange.market(params.symbol(exchange)?)));
    }
    let named = params.symbols(exchange)?;
    let indices = named.unwrap_or_else(|| spot_markets(exchange));
    let rows: Vec<String> = indices.into_iter().map(|index| row(exchange.market(index))).collect();
    Ok(format!("[{}]", rows.join(",")))
}

/// The instruments this façade lists.
pub(super) fn spot_markets(exchange: &Exchange) -> Vec<MarketIndex> {
    let indices = (0..exchange.markets().len()).map(MarketIndex);
    indices.filter(|index| exchange.market(*index).instrument.kind.is_spot()).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MiniTickerShape<'a> {
    symbol: &'a str,
    open_price: Fixed,
    high_price: Fixed,
    low_price: Fixed,
    last_price: Fixed,
    volume: Fixed,
    quote_volume: Fixed,
    open_time: u64,
    close_time: u64,
    first_id: u64,
    last_id: u64,
    count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TickerShape<'a> {
    symbol: &'a str,
    price_change: Fixed,
    price_change_percent: String,
    weighted_avg_price: Fixed,
    prev_close_price: Fixed,
    last_price: Fixed,
    last_qty: Fixed,
    bid_price: Fixed,
    bid_qty: Fixed,
    ask_price: Fixed,
    ask_qty: Fixed,
    open_price: Fixed,
    high_price: Fixed,
    low_price: Fixed,
    volume: Fixed,
    quote_volume: Fixed,
    open_time: u64,
    close_time: u64,
    first_id: u64,
    last_id: u64,
    count: u64,
}

/// Percent with the venue's three places.
pub(crate) fn percent(value: Fixed) -> String {
    let text = value.to_string();
    text[..text.len() - 5].to_owned()
}

/// Best price and quantity of one side, nought when it is empty.
pub(super) fn top(market: &Market, side: Side) -> (Fixed, Fixed) {
    market
        .book
        .top(side)
        .map_or((Fixed::ZERO, Fixed::ZERO), |level| (market.instrument.price_of(level.ticks), market.instrument.quantity_of(level.lots)))
}

const DAY_MS: u64 = 86_400_000;

fn ticker_row(market: &Market) -> String {
    let ticker: &DayTicker = market.tape.day();
    let ((bid_price, bid_qty), (ask_price, ask_qty)) = (top(market, Side::Buy), top(market, Side::Sell));
    to_json(&TickerShape {
        symbol: &market.instrument.symbol,
        price_change: ticker.change(),
        price_change_percent: percent(ticker.change_percent()),
        weighted_avg_price: ticker.weighted_price(),
        prev_close_price: ticker.day.open,
        last_price: ticker.day.close,
        last_qty: ticker.last_quantity,
        bid_price,
        bid_qty,
        ask_price,
        ask_qty,
        open_price: ticker.day.open,
        high_price: ticker.day.high,
        low_price: ticker.day.low,
        volume: ticker.day.volume,
        quote_volume: ticker.day.quote_volume,
        open_time: ticker.close_ms.saturating_sub(DAY_MS),
        close_time: ticker.close_ms,
        first_id: ticker.first_id,
        last_id: ticker.last_id,
        count: ticker.day.trades,
    })
}

fn mini_ticker_row(market: &Market) -> String {
    let ticker = market.tape.day();
    to_json(&MiniTickerShape {
        symbol: &market.instrument.symbol,
        open_price: ticker.day.open,
        high_price: ticker.day.high,
        low_price: ticker.day.low,
        last_price: ticker.day.close,
        volume: ticker.day.volume,
        quote_volume: ticker.day.quote_volume,
        open_time: ticker.close_ms.saturating_sub(DAY_MS),
        close_time: ticker.close_ms,
        first_id: ticker.first_id,
        last_id: ticker.last_id,
        count: ticker.day.trades,
    })
}

pub(super) fn ticker_24h(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    match params.find("type") {
        None | Some("FULL") => per_symbol(exchange, params, ticker_row),
        Some("MINI") => per_symbol(exchange, params, mini_ticker_row),
        Some(_) => Err(ApiError::invalid("type")),
    }
}

pub(super) fn ticker_price(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    per_symbol(exchange, params, |market| format!(r#"{{"symbol":"{}","price":"{}"}}"#, market.instrument.symbol, market.tape.last_price()))
}

pub(super) fn ticker_book(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    per_symbol(exchange, params, |market| {
        let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
        let symbol = &market.instrument.symbol;
        format!(r#"{{"symbol":"{symbol}","bidPrice":"{bid}","bidQty":"{bids}","askPrice":"{ask}","askQty":"{asks}"}}"#)
    })
}
