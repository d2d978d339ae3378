//! Public REST answers: assets, pairs, books, trades, candles, tickers.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::account::seconds;
use super::error::KrakenError;
use super::names;
use crate::exchange::Exchange;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS};
use crate::facade::Fields;
use crate::limits::{KRAKEN_BOOK_LEVELS_MAX, KRAKEN_CANDLES_MAX, ROWS_PER_ANSWER_MAX};

/// Candle widths the vendor has and a day of minutes can give, in minutes.
pub(super) const INTERVALS: [u64; 7] = [1, 5, 15, 30, 60, 240, 1_440];
const DAY_MS: u64 = 1_440 * MINUTE_MS;

/// The date as HTTP writes it, in UTC.
pub(super) fn rfc1123(at_ms: u64) -> String {
    let stamp = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    stamp.to_zoned(TimeZone::UTC).strftime("%a, %d %b %y %H:%M:%S +0000").to_string()
}

/// The assets of all pairs, each once.
pub(super) fn asset_names(exchange: &Exchange) -> Vec<String> {
    let mut names: Vec<String> = names::pairs(exchange).flat_map(|(_, terms)| [terms.base.to_string(), terms.quote.to_string()]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// `Assets`
pub(super) fn assets(exchange: &Exchange, fields: &Fields) -> Result<Value, KrakenError> {
    let all = asset_names(exchange);
    let is = |asset: &str, name: &str| name == asset || name == names::asset_id(asset) || name == names::asset_altname(asset);
    let wanted: Vec<&String> = match fields.find("asset") {
        None => all.iter().collect(),
        Some(names) => names
            .split(',')
            .map(|name| all.iter().find(|asset| is(asset, name)).ok_or_else(KrakenError::unknown_asset))
            .collect::<Result<_, _>>()?,
    };
    let row = |asset: &str| {
        json!({
            "aclass": "currency", "altname": names::asset_altname(asset), "decimals": 8, "display_decimals": 5,
            "status": "enabled",
        })
    };
    Ok(wanted.into_iter().map(|asset| (names::asset_id(asset).to_owned(), row(asset))).collect::<Map<_, _>>().into())
}

/// The pairs named by `pair`, or all of them. A pair that was asked for as `BTC/USDT` is
/// answered under that name, as the vendor does.
fn wanted(exchange: &Exchange, fields: &Fields) -> Result<Vec<(String, MarketIndex)>, KrakenError> {
    let Some(text) = fields.find("pair") else {
        return Ok(names::pairs(exchange).map(|(index, terms)| (names::pair(terms), index)).collect());
    };
    let named = |name: &str| {
        let index = names::find_pair(exchange, name).ok_or_else(KrakenError::unknown_pair)?;
        let shown = if name.contains('/') { name.to_owned() } else { names::pair(&exchange.market(index).instrument) };
        Ok((shown, index))
    };
    text.split(',').map(named).collect()
}

fn one(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, KrakenError> {
    names::find_pair(exchange, fields.need("pair")?).ok_or_else(KrakenError::unknown_pair)
}

/// Commission in percent, as a fee schedule of one step.
fn fees(exchange: &Exchange) -> Value {
    let percent = Fixed::whole(100).basis_points(exchange.commission_points);
    json!([[0, crate::facade::number(percent)]])
}

/// `AssetPairs`
pub(super) fn asset_pairs(exchange: &Exchange, fields: &Fields) -> Result<Value, KrakenError> {
    let row = |terms: &Instrument| {
        json!({
            "altname": names::pair(terms), "wsname": names::old_ws_name(terms),
            "aclass_base": "currency", "base": names::asset_id(&terms.base),
            "aclass_quote": "currency", "quote": names::asset_id(&terms.quote), "lot": "unit",
            "cost_decimals": 8, "pair_decimals": names::places(terms.tick), "lot_decimals": names::places(terms.lot),
            "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": fees(exchange), "fees_maker": fees(exchange),
            "fee_volume_currency": names::asset_id(&terms.quote), "margin_call": 80, "margin_stop": 40,
            "ordermin": terms.lot.short(), "costmin": terms.notional_min.short(), "tick_size": terms.tick.short(),
            "status": "online",
        })
    };
    let rows = wanted(exchange, fields)?.into_iter().map(|(name, index)| (name, row(&exchange.market(index).instrument)));
    Ok(rows.collect::<Map<_, _>>().into())
}

/// `Ticker`: lists of today's and the last 24 hours' figure, prices first, then volumes.
pub(super) fn ticker(exchange: &Exchange, fields: &Fields) -> Result<Value, KrakenError> {
    let rows = wanted(exchange, fields)?.into_iter().map(|(name, index)| {
        let market = exchange.market(index);
        let (terms, day) = (&market.instrument, market.tape.day());
        let today = market.tape.candles(DAY_MS, 0, u64::MAX, 1).pop().unwrap_or(day.day);
        let price = |value: Fixed| names::with_places(value, names::places(terms.tick));
        let top = |side: Side| {
            let (ticks, lots) = market.book.top(side).map_or((0, 0), |level| (level.ticks, level.lots));
            let volume = terms.quantity_of(lots);
            json!([price(terms.price_of(ticks)), volume.floor_to(Fixed::whole(1)).short(), volume])
        };
        let shape = json!({
            "a": top(Side::Sell), "b": top(Side::Buy), "c": [price(day.day.close), day.last_quantity],
            "v": [today.volume, day.day.volume], "p": [price(average(&today)), price(average(&day.day))],
            "t": [today.trades, day.day.trades], "l": [price(today.low), price(day.day.low)],
            "h": [price(today.high), price(day.day.high)], "o": price(today.open),
        });
        (name, shape)
    });
    Ok(rows.collect::<Map<_, _>>().into())
}

/// Volume-weighted price of a candle.
pub(super) fn average(candle: &Candle) -> Fixed {
    if candle.volume.is_zero() { candle.close } else { candle.quote_volume.div_down(candle.volume) }
}

/// `Depth`
pub(super) fn depth(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Value, KrakenError> {
    let index = one(exchange, fields)?;
    let count = fields.limit("count", 100, KRAKEN_BOOK_LEVELS_MAX)?;
    let market = exchange.market(index);
    let terms = &market.instrument;
    let places = names::places(terms.tick);
    let side = |side: Side| -> Value {
        let levels = market.book.levels(side).take(count);
        levels
            .map(|level| json!([names::with_places(terms.price_of(level.ticks), places), terms.quantity_of(level.lots), now_ms / 1_000]))
            .collect()
    };
    Ok(json!({names::pair(terms): {"asks": side(Side::Sell), "bids": side(Side::Buy)}}))
}

/// `Trades`: oldest first; `since` is a time in seconds, milliseconds or nanoseconds.
pub(super) fn trades(exchange: &Exchange, fields: &Fields) -> Result<Value, KrakenError> {
    let index = one(exchange, fields)?;
    let count = fields.limit("count", ROWS_PER_ANSWER_MAX, ROWS_PER_ANSWER_MAX)?;
    let since_ms = match fields.integer("since")?.unwrap_or(0) {
        seconds @ 0..100_000_000_000 => seconds * 1_000,
        millis @ 100_000_000_000..100_000_000_000_000 => millis,
        nanos => nanos / 1_000_000,
    };
    let market = exchange.market(index);
    let places = names::places(market.instrument.tick);
    let trades: Vec<&PublicTrade> = market.tape.last_trades(ROWS_PER_ANSWER_MAX).filter(|trade| trade.at_ms >= since_ms).collect();
    // From a start on the oldest are told, otherwise the newest.
    let skip = if since_ms > 0 { 0 } else { trades.len().saturating_sub(count) };
    let shown: Vec<&PublicTrade> = trades.into_iter().skip(skip).take(count).collect();
    let last = shown.last().map_or(since_ms, |trade| trade.at_ms) * 1_000_000;
    let row = |trade: &&PublicTrade| {
        let side = if trade.taker() == Side::Buy { "b" } else { "s" };
        json!([names::with_places(trade.price, places), trade.quantity, seconds(trade.at_ms), side, "m", "", trade.id])
    };
    let rows: Value = shown.iter().map(row).collect();
    Ok(json!({names::pair(&market.instrument): rows, "last": last.to_string()}))
}

/// `OHLC`
pub(super) fn ohlc(exchange: &Exchange, fields: &Fields) -> Result<Value, KrakenError> {
    let index = one(exchange, fields)?;
    let interval = fields.integer("interval")?.unwrap_or(1);
    if !INTERVALS.contains(&interval) {
        return Err(KrakenError::argument("interval"));
    }
    let since_ms = fields.integer("since")?.unwrap_or(0).saturating_mul(1_000);
    let market = exchange.market(index);
    let places = names::places(market.instrument.tick);
    let price = |value: Fixed| names::with_places(value, places);
    let candles = market.tape.candles(interval * MINUTE_MS, since_ms, u64::MAX, KRAKEN_CANDLES_MAX);
    let last = candles.last().map_or(0, |candle| candle.open_ms / 1_000);
    let row = |candle: &Candle| {
        json!([
            candle.open_ms / 1_000,
            price(candle.open),
            price(candle.high),
            price(candle.low),
            price(candle.close),
            price(average(candle)),
            candle.volume,
            candle.trades,
        ])
    };
    let rows: Value = candles.iter().map(row).collect();
    Ok(json!({names::pair(&market.instrument): rows, "last": last}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_written_as_the_venue_writes_it() {
        assert_eq!(rfc1123(1_795_219_200_000), "Sat, 21 Nov 26 00:00:00 +0000");
    }
}
