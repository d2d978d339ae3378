//! Public answers: currencies, instruments, books, trades, candles, tickers.

use serde_json::{Value, json};

use super::error::RpcError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS};
use crate::facade::{Fields, number};
use crate::limits::{CANDLES_PER_ANSWER_MAX, DERIBIT_BOOK_LEVELS_MAX, ROWS_PER_ANSWER_MAX};

/// Rows when none are asked for (vendor: 10).
const ROWS: usize = 10;

/// The instrument named by `instrument_name`.
pub(super) fn market(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, RpcError> {
    names::find(exchange, fields.need("instrument_name")?).ok_or_else(RpcError::unknown_instrument)
}

/// Instruments by `currency` and `kind`; each may be `any` or absent.
pub(super) struct Group {
    currency: String,
    kind: String,
}

impl Group {
    pub(super) fn read(fields: &Fields) -> Result<Self, RpcError> {
        let kind = fields.find("kind").unwrap_or("any");
        if !matches!(kind, "any" | "future" | "future_combo" | "option" | "option_combo" | "spot") {
            return Err(RpcError::parameter("kind", "wrong format"));
        }
        Ok(Self { currency: fields.find("currency").unwrap_or("any").to_owned(), kind: kind.to_owned() })
    }

    /// The group of a channel name's parts.
    pub(super) fn of(kind: &str, currency: &str) -> Self {
        Self { currency: currency.to_owned(), kind: kind.to_owned() }
    }

    pub(super) fn holds(&self, terms: &Instrument) -> bool {
        names::is_of(terms, &self.currency) && (self.kind == "any" || self.kind == names::kind(terms))
    }
}

/// How many rows are asked for.
pub(super) fn count(fields: &Fields) -> Result<usize, RpcError> {
    Ok(fields.limit("count", ROWS, ROWS_PER_ANSWER_MAX)?)
}

/// `public/get_currencies`
pub(super) fn currencies(exchange: &Exchange) -> Value {
    let mut names: Vec<&str> = exchange.markets().iter().flat_map(|market| [&*market.instrument.base, &*market.instrument.quote]).collect();
    names.sort_unstable();
    names.dedup();
    let row = |name: &&str| {
        let long = match *name {
            "BTC" => "Bitcoin",
            "USDT" => "Tether USD",
            other => other,
        };
        json!({
            "currency": name, "currency_long": long, "coin_type": name, "min_confirmations": 1, "fee_precision": 8,
            "withdrawal_fee": 0, "min_withdrawal_fee": 0, "withdrawal_priorities": [], "in_cross_collateral_pool": false,
        })
    };
    names.iter().map(row).collect()
}

fn instrument_shape(exchange: &Exchange, index: MarketIndex) -> Value {
    let terms = &exchange.market(index).instrument;
    let commission = number(Fixed::whole(1).basis_points(exchange.commission_points));
    // The vendor's date for what never ends.
    const NEVER_MS: u64 = 32_503_708_800_000;
    let mut shape = json!({
        "instrument_name": names::instrument_name(terms), "instrument_id": index.0 + 1, "kind": names::kind(terms),
        "base_currency": *terms.base, "quote_currency": *terms.quote, "counter_currency": *terms.quote,
        "settlement_currency": *terms.quote, "instrument_type": "linear", "underlying_type": "crypto", "contract_size": 1, "is_active": !terms.expired,
        "tick_size": number(terms.tick), "tick_size_steps": [], "min_trade_amount": number(terms.lot),
        "maker_commission": commission, "taker_commission": commission, "rfq": false, "price_index": "btc_usdt",
        "creation_timestamp": 0, "expiration_timestamp": terms.kind.expiry_ms().unwrap_or(NEVER_MS),
        "block_trade_commission": commission, "block_trade_min_trade_amount": number(terms.lot),
        "block_trade_tick_size": number(terms.tick),
    });
    match terms.kind {
        InstrumentKind::Future { .. } | InstrumentKind::Perpetual => {
            let ends = terms.kind.expiry_ms().is_some();
            shape["future_type"] = json!("linear");
            shape["settlement_period"] = json!(if ends { "month" } else { "perpetual" });
            shape["max_leverage"] = json!(10_000 / terms.margin_points.max(1));
            shape["max_liquidation_commission"] = json!(0);
        }
        InstrumentKind::Option { strike, .. } => {
            shape["option_type"] = json!("call");
            shape["settlement_period"] = json!("month");
            shape["strike"] = number(strike);
        }
        InstrumentKind::Spot => {}
    }
    shape
}

/// `public/get_instrument`
pub(super) fn instrument(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    Ok(instrument_shape(exchange, market(exchange, fields)?))
}

/// `public/get_instruments`: those that are traded, or with `expired` those that are not.
pub(super) fn instruments(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    let expired = fields.find("expired").is_some_and(|value| value == "true" || value == "True");
    let markets = exchange.markets().iter().enumerate();
    let wanted = markets.filter(|(_, market)| market.instrument.expired == expired && group.holds(&market.instrument));
    Ok(wanted.map(|(index, _)| instrument_shape(exchange, MarketIndex(index))).collect())
}

/// `public/ticker`
pub(super) fn ticker(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    Ok(shapes::ticker(exchange, market(exchange, fields)?, now_ms))
}

/// `public/get_order_book`
pub(super) fn order_book(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let index = market(exchange, fields)?;
    let depth = fields.limit("depth", 5, DERIBIT_BOOK_LEVELS_MAX)?;
    let market = exchange.market(index);
    let terms = &market.instrument;
    let side = |side: Side| -> Value {
        let levels = market.book.levels(side).take(depth);
        levels.map(|level| json!([number(terms.price_of(level.ticks)), number(terms.quantity_of(level.lots))])).collect()
    };
    let mut book = shapes::ticker(exchange, index, now_ms);
    book["bids"] = side(Side::Buy);
    book["asks"] = side(Side::Sell);
    book["change_id"] = json!(market.book.update_id());
    Ok(book)
}

/// Newest first, with the sign that there are more.
fn trade_list<'a>(exchange: &Exchange, trades: impl Iterator<Item = (MarketIndex, &'a PublicTrade)>, count: usize) -> Value {
    let mut rows: Vec<(MarketIndex, &PublicTrade)> = trades.collect();
    rows.sort_by_key(|(_, trade)| std::cmp::Reverse((trade.at_ms, trade.id)));
    let has_more = rows.len() > count;
    rows.truncate(count);
    let rows: Value = rows.into_iter().map(|(index, trade)| shapes::trade(exchange, exchange.market(index), trade)).collect();
    json!({"trades": rows, "has_more": has_more})
}

fn trades_of(exchange: &Exchange, index: MarketIndex) -> impl Iterator<Item = (MarketIndex, &PublicTrade)> {
    exchange.market(index).tape.last_trades(ROWS_PER_ANSWER_MAX).map(move |trade| (index, trade))
}

/// Whether a trade was in the time that is asked for, all of it where none is named.
fn within(fields: &Fields) -> Result<impl Fn(&PublicTrade) -> bool + use<>, RpcError> {
    let from = fields.integer("start_timestamp")?.unwrap_or(0);
    let until = fields.integer("end_timestamp")?.unwrap_or(u64::MAX);
    Ok(move |trade: &PublicTrade| (from..=until).contains(&trade.at_ms))
}

/// `public/get_last_trades_by_instrument`, also `_and_time`
pub(super) fn trades_by_instrument(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    let index = market(exchange, fields)?;
    let from = fields.integer("start_seq")?.unwrap_or(0);
    let until = fields.integer("end_seq")?.unwrap_or(u64::MAX);
    let in_time = within(fields)?;
    let wanted = trades_of(exchange, index).filter(|(_, trade)| (from..=until).contains(&trade.id) && in_time(trade));
    Ok(trade_list(exchange, wanted, count(fields)?))
}

/// `public/get_last_trades_by_currency`, also `_and_time`
pub(super) fn trades_by_currency(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    let markets = (0..exchange.markets().len()).map(MarketIndex).filter(|index| group.holds(&exchange.market(*index).instrument));
    let in_time = within(fields)?;
    let wanted = markets.flat_map(|index| trades_of(exchange, index)).filter(|(_, trade)| in_time(trade));
    Ok(trade_list(exchange, wanted, count(fields)?))
}

fn summary(exchange: &Exchange, index: MarketIndex, now_ms: u64) -> Value {
    let market = exchange.market(index);
    let (terms, day) = (&market.instrument, market.tape.day());
    let tops = [Side::Buy, Side::Sell].map(|side| market.book.best(side).map_or(Fixed::ZERO, |ticks| terms.price_of(ticks)));
    let middle = (tops[0] + tops[1]).div_down(Fixed::whole(2));
    json!({
        "instrument_name": names::instrument_name(terms), "base_currency": *terms.base, "quote_currency": *terms.quote,
        "volume": number(day.day.volume), "volume_usd": number(day.day.quote_volume), "volume_notional": number(day.day.quote_volume),
        "open_interest": shapes::ticker(exchange, index, now_ms)["open_interest"], "bid_price": number(tops[0]),
        "ask_price": number(tops[1]), "mid_price": number(middle), "mark_price": number(day.day.close), "last": number(day.day.close),
        "low": number(day.day.low), "high": number(day.day.high), "price_change": number(day.change_percent()),
        "creation_timestamp": now_ms,
    })
}

/// `public/get_book_summary_by_instrument`
pub(super) fn book_summary(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    Ok(json!([summary(exchange, market(exchange, fields)?, now_ms)]))
}

/// `public/get_book_summary_by_currency`
pub(super) fn book_summaries(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    let markets = exchange.markets().iter().enumerate();
    let wanted = markets.filter(|(_, market)| !market.instrument.expired && group.holds(&market.instrument));
    Ok(wanted.map(|(index, _)| summary(exchange, MarketIndex(index), now_ms)).collect())
}

/// `public/get_index_price`
pub(super) fn index_price(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    if fields.need("index_name")? != "btc_usdt" {
        return Err(RpcError::parameter("index_name", "wrong format"));
    }
    let price = number(shapes::index(exchange));
    Ok(json!({"index_price": price, "estimated_delivery_price": price}))
}

/// Minutes of a `resolution`; the day is `1D`.
pub(super) fn resolution(text: &str) -> Option<u64> {
    match text {
        "1" | "3" | "5" | "10" | "15" | "30" | "60" | "120" | "180" | "360" | "720" => text.parse().ok(),
        "1D" => Some(1_440),
        _ => None,
    }
}

/// `public/get_tradingview_chart_data`
pub(super) fn chart(exchange: &Exchange, fields: &Fields) -> Result<Value, RpcError> {
    let index = market(exchange, fields)?;
    let wrong = || RpcError::parameter("resolution", "wrong format");
    let minutes = resolution(fields.need("resolution")?).ok_or_else(wrong)?;
    let from = fields.integer("start_timestamp")?.ok_or_else(|| RpcError::parameter("start_timestamp", "value required"))?;
    let until = fields.integer("end_timestamp")?.ok_or_else(|| RpcError::parameter("end_timestamp", "value required"))?;
    let candles = exchange.market(index).tape.candles(minutes * MINUTE_MS, from, until, CANDLES_PER_ANSWER_MAX);
    let column = |value: fn(&Candle) -> Fixed| -> Value { candles.iter().map(|candle| number(value(candle))).collect() };
    let ticks: Value = candles.iter().map(|candle| json!(candle.open_ms)).collect();
    let status = if candles.is_empty() { "no_data" } else { "ok" };
    Ok(json!({
        "status": status, "ticks": ticks, "open": column(|candle| candle.open), "high": column(|candle| candle.high),
        "low": column(|candle| candle.low), "close": column(|candle| candle.close), "volume": column(|candle| candle.volume),
        "cost": column(|candle| candle.quote_volume),
    }))
}
