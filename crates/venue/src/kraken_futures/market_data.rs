//! Market data: contracts, tickers, book, trades.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::facade::{Fields, iso, number};
use crate::limits::{KRAKEN_FUTURES_BOOK_LEVELS, ROWS_PER_ANSWER_MAX};
use crate::operations::places;

/// Trades of one answer (vendor: 100).
const TRADES: usize = 100;

/// The contract of `symbol`.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, FuturesError> {
    names::find(exchange, fields.need("symbol")?).ok_or_else(FuturesError::unknown_contract)
}

pub(super) fn instruments(exchange: &Exchange, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let shape = |(_, market): (MarketIndex, &crate::exchange::Market)| {
        let terms = &market.instrument;
        let margin = f64::from(terms.margin_points) / 10_000.0;
        json!({
            "symbol": names::symbol(terms), "type": "futures_vanilla", "underlying": "rr_xbtusd", "tickSize": number(terms.tick),
            "contractSize": 1, "tradeable": true, "impactMidSize": 1, "maxPositionSize": number(terms.quantity_max),
            "openingDate": iso(0), "lastTradingTime": terms.kind.expiry_ms().map(iso), "contractValueTradePrecision": places(terms.lot),
            "marginLevels": [{"contracts": 0, "initialMargin": margin, "maintenanceMargin": margin / 2.0}],
            "postOnly": false, "feeScheduleUid": super::fees::SCHEDULE, "retailMarginLevels": [], "category": "", "tags": [], "base": names::currency(&terms.base),
            "quote": names::currency(&terms.quote), "pair": format!("{}:{}", names::currency(&terms.base), names::currency(&terms.quote)),
        })
    };
    Ok(shapes::success("instruments", names::contracts(exchange).map(shape).collect(), now_ms))
}

pub(super) fn tickers(exchange: &Exchange, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let rows: Value = names::contracts(exchange).map(|(_, market)| shapes::ticker(market)).collect();
    Ok(shapes::success("tickers", rows, now_ms))
}

pub(super) fn ticker(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    Ok(shapes::success("ticker", shapes::ticker(market), now_ms))
}

pub(super) fn order_book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let side = |side| shapes::rows(market, side, KRAKEN_FUTURES_BOOK_LEVELS.into());
    Ok(shapes::success("orderBook", json!({"bids": side(Side::Buy), "asks": side(Side::Sell)}), now_ms))
}

pub(super) fn history(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let trades = market.tape.last_trades(TRADES.min(ROWS_PER_ANSWER_MAX)).rev().map(|trade| {
        json!({
            "time": iso(trade.at_ms), "trade_id": trade.id, "price": number(trade.price), "size": number(trade.quantity),
            "side": trade.taker().lower(), "type": "fill", "uid": trade.id.to_string(),
        })
    });
    Ok(shapes::success("history", trades.collect(), now_ms))
}
