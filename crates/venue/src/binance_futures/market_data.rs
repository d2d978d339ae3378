//! Market data: books, trades, candles, tickers, marks.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names::{self, contracts, market_if_named, market_of};
use crate::binance::{INTERVALS, percent, write_candle, write_levels};
use crate::exchange::event::PublicTrade;
use crate::exchange::instrument::InstrumentKind;
use crate::exchange::order::Side;
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::limits::{BOOK_LEVELS_MAX, CANDLES_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::top;

const DAY_MS: u64 = 86_400_000;

pub(super) fn depth(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let limit = fields.limit("limit", 500, BOOK_LEVELS_MAX)?;
    let mut text = format!(r#"{{"lastUpdateId":{},"E":{now_ms},"T":{now_ms},"bids":"#, market.book.update_id());
    write_levels(&mut text, market, Side::Buy, limit);
    text.push_str(r#","asks":"#);
    write_levels(&mut text, market, Side::Sell, limit);
    text.push('}');
    Ok(text)
}

pub(super) fn trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let limit = fields.limit("limit", 500, ROWS_PER_ANSWER_MAX)?;
    let row = |trade: &PublicTrade| {
        json!({
            "id": trade.id, "price": trade.price.short(), "qty": trade.quantity.short(), "quoteQty": trade.quote.short(),
            "time": trade.at_ms, "isBuyerMaker": trade.buyer_is_maker,
        })
    };
    Ok(market.tape.last_trades(limit).map(row).collect::<Value>().to_string())
}

/// Every trade is its own aggregate: one taker at one price.
pub(super) fn agg_trades(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let limit = fields.limit("limit", 500, ROWS_PER_ANSWER_MAX)?;
    let (from_id, start) = (fields.integer("fromId")?, fields.integer("startTime")?);
    let end = fields.integer("endTime")?.unwrap_or(u64::MAX);
    let wanted = |trade: &&PublicTrade| trade.id >= from_id.unwrap_or(0) && (start.unwrap_or(0)..=end).contains(&trade.at_ms);
    let trades: Vec<&PublicTrade> = market.tape.last_trades(ROWS_PER_ANSWER_MAX).filter(wanted).collect();
    let forward = from_id.is_some() || start.is_some();
    let skip = if forward { 0 } else { trades.len().saturating_sub(limit) };
    let rows = trades.into_iter().skip(skip).take(limit).map(|trade| {
        json!({
            "a": trade.id, "p": trade.price.short(), "q": trade.quantity.short(), "f": trade.id, "l": trade.id, "T": trade.at_ms,
            "m": trade.buyer_is_maker,
        })
    });
    Ok(rows.collect::<Value>().to_string())
}

pub(super) fn klines(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let interval = fields.need("interval")?;
    let (_, width) = INTERVALS.iter().find(|(name, _)| *name == interval).ok_or_else(FuturesError::bad_interval)?;
    let limit = fields.limit("limit", 500, CANDLES_PER_ANSWER_MAX)?;
    let (from, to) = (fields.integer("startTime")?.unwrap_or(0), fields.integer("endTime")?.unwrap_or(u64::MAX));
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

/// One row, or a list of rows when no contract was named.
fn per_symbol(exchange: &Exchange, fields: &Fields, row: impl Fn(&Market) -> Value) -> Result<String, FuturesError> {
    Ok(match market_if_named(exchange, fields)? {
        Some(index) => row(exchange.market(index)),
        None => contracts(exchange).map(|(_, market)| row(market)).collect(),
    }
    .to_string())
}

fn ticker_row(market: &Market) -> Value {
    let ticker = market.tape.day();
    json!({
        "symbol": names::symbol(&market.instrument), "priceChange": ticker.change().short(), "priceChangePercent": percent(ticker.change_percent()),
        "weightedAvgPrice": ticker.weighted_price().short(), "lastPrice": ticker.day.close.short(), "lastQty": ticker.last_quantity.short(),
        "openPrice": ticker.day.open.short(), "highPrice": ticker.day.high.short(), "lowPrice": ticker.day.low.short(),
        "volume": ticker.day.volume.short(), "quoteVolume": ticker.day.quote_volume.short(),
        "openTime": ticker.close_ms.saturating_sub(DAY_MS), "closeTime": ticker.close_ms, "firstId": ticker.first_id,
        "lastId": ticker.last_id, "count": ticker.day.trades,
    })
}

pub(super) fn ticker_24h(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    per_symbol(exchange, fields, ticker_row)
}

pub(super) fn ticker_price(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    per_symbol(
        exchange,
        fields,
        |market| json!({"symbol": names::symbol(&market.instrument), "price": market.tape.last_price().short(), "time": now_ms}),
    )
}

pub(super) fn ticker_book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    per_symbol(exchange, fields, |market| {
        let ((bid, bids), (ask, asks)) = (top(market, Side::Buy), top(market, Side::Sell));
        json!({
            "lastUpdateId": market.book.update_id(), "symbol": names::symbol(&market.instrument), "bidPrice": bid.short(), "bidQty": bids.short(),
            "askPrice": ask.short(), "askQty": asks.short(), "time": now_ms,
        })
    })
}

/// How often a perpetual is funded.
const FUNDING_MS: u64 = 8 * 3_600_000;
/// The rate of a perpetual: it is kept at its index, so nobody pays.
const FUNDING_RATE: &str = "0.00000000";

/// Rate, interest and next time of the funding; a contract that is delivered has none, as at the vendor.
pub(super) fn funding(market: &Market, now_ms: u64) -> (&'static str, &'static str, u64) {
    match market.instrument.kind {
        InstrumentKind::Perpetual => (FUNDING_RATE, FUNDING_RATE, now_ms - now_ms % FUNDING_MS + FUNDING_MS),
        InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Spot => ("", "", 0),
    }
}

/// The mark is the last price, the index that of the underlying.
pub(super) fn premium_index(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    per_symbol(exchange, fields, |market| {
        let index = exchange.usd_price(&market.instrument.base).short();
        let (rate, interest, next) = funding(market, now_ms);
        json!({
            "symbol": names::symbol(&market.instrument), "markPrice": market.tape.last_price().short(), "indexPrice": index,
            "estimatedSettlePrice": index, "lastFundingRate": rate, "interestRate": interest, "nextFundingTime": next, "time": now_ms,
        })
    })
}

/// The fundings of perpetuals, oldest first, each with the price it was made at; what is delivered is not funded.
pub(super) fn funding_rate(exchange: &Exchange, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let named = market_if_named(exchange, fields)?;
    let limit = fields.limit("limit", 100, CANDLES_PER_ANSWER_MAX)?;
    let (from, to) = (fields.integer("startTime")?.unwrap_or(0), fields.integer("endTime")?.unwrap_or(u64::MAX));
    let funded = contracts(exchange)
        .filter(|(index, market)| market.instrument.kind == InstrumentKind::Perpetual && named.is_none_or(|named| named == *index));
    let rows = funded.flat_map(|(_, market)| {
        market.tape.candles(FUNDING_MS, from, to, limit).into_iter().map(|candle| {
            json!({
                "symbol": names::symbol(&market.instrument), "fundingTime": candle.open_ms, "fundingRate": FUNDING_RATE,
                "markPrice": candle.open.short(),
            })
        })
    });
    Ok(rows.collect::<Value>().to_string())
}

/// `@markPrice`: mark, index and funding.
pub(crate) fn mark_price_event(exchange: &Exchange, market: &Market, at_ms: u64) -> String {
    let index = exchange.usd_price(&market.instrument.base).short();
    let (rate, _, next) = funding(market, at_ms);
    let mark = market.tape.last_price().short();
    json!({
        "e": "markPriceUpdate", "E": at_ms, "s": names::symbol(&market.instrument), "p": mark, "ap": mark, "P": index, "i": index,
        "r": rate, "T": next,
    })
    .to_string()
}
