//! Market data: products, books, trades, candles, currencies.

use serde_json::{Map, Value, json};

use super::call::Input;
use super::error::CoinbaseError;
use super::names;
use crate::exchange::Exchange;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::tape::{Candle, MINUTE_MS};
use crate::facade::iso;
use crate::limits::{BOOK_LEVELS_PUBLISHED, COINBASE_CANDLES_MAX, ROWS_PER_ANSWER_MAX};

/// Best price and size of one side.
pub(super) fn top(exchange: &Exchange, index: MarketIndex, side: Side) -> (Fixed, Fixed) {
    let market = exchange.market(index);
    let terms = &market.instrument;
    market.book.top(side).map_or_else(Default::default, |level| (terms.price_of(level.ticks), terms.quantity_of(level.lots)))
}

/// A product as lists and single answers have it.
pub(super) fn product_shape(exchange: &Exchange, index: MarketIndex) -> Value {
    let market = exchange.market(index);
    let (terms, day) = (&market.instrument, market.tape.day());
    let middle = (top(exchange, index, Side::Buy).0 + top(exchange, index, Side::Sell).0).div_down(Fixed::whole(2));
    let id = names::product_id(terms);
    json!({
        "product_id": id, "price": day.day.close.short(), "price_percentage_change_24h": day.change_percent().short(),
        "volume_24h": day.day.volume.short(), "volume_percentage_change_24h": "0", "base_increment": terms.lot.short(),
        "quote_increment": terms.tick.short(), "price_increment": terms.tick.short(), "quote_min_size": terms.notional_min.short(),
        "quote_max_size": terms.quantity_max.mul_down(terms.price_max).short(), "base_min_size": terms.lot.short(),
        "base_max_size": terms.quantity_max.short(), "base_name": names::currency_name(&terms.base),
        "quote_name": names::currency_name(&terms.quote), "watched": false, "is_disabled": false, "new": false, "status": "online",
        "cancel_only": false, "limit_only": false, "post_only": false, "trading_disabled": terms.expired, "auction_mode": false,
        "product_type": "SPOT", "quote_currency_id": *terms.quote, "base_currency_id": *terms.base,
        "fcm_trading_session_details": null, "mid_market_price": middle.short(), "alias": "", "alias_to": [],
        "base_display_symbol": *terms.base, "quote_display_symbol": *terms.quote, "view_only": false, "display_name": id,
        "product_venue": "CBE", "approximate_quote_24h_volume": day.day.quote_volume.short(),
    })
}

/// `products`: SPOT ones; no others are listed.
pub(super) fn products(exchange: &Exchange, input: &Input) -> Result<Value, CoinbaseError> {
    let kind = input.find("product_type").unwrap_or("SPOT");
    let spot = matches!(kind, "SPOT" | "UNKNOWN_PRODUCT_TYPE");
    let wanted: Vec<&str> = input.all("product_ids").collect();
    let listed = names::products(exchange)
        .filter(|index| spot && (wanted.is_empty() || wanted.contains(&names::product_id(&exchange.market(*index).instrument).as_str())));
    let products: Vec<Value> = listed.map(|index| product_shape(exchange, index)).collect();
    Ok(json!({"products": products, "num_products": products.len()}))
}

/// `products/{product_id}`
pub(super) fn product(exchange: &Exchange, input: &Input) -> Result<Value, CoinbaseError> {
    Ok(product_shape(exchange, input.product(exchange)?))
}

fn price_book(exchange: &Exchange, index: MarketIndex, depth: usize, now_ms: u64) -> Value {
    let market = exchange.market(index);
    let terms = &market.instrument;
    let side = |side: Side| -> Value {
        let levels = market.book.levels(side).take(depth);
        levels.map(|level| json!({"price": terms.price_of(level.ticks).short(), "size": terms.quantity_of(level.lots).short()})).collect()
    };
    json!({"product_id": names::product_id(terms), "bids": side(Side::Buy), "asks": side(Side::Sell), "time": iso(now_ms)})
}

/// `product_book`
pub(super) fn product_book(exchange: &Exchange, input: &Input, now_ms: u64) -> Result<Value, CoinbaseError> {
    let id = input.find("product_id").ok_or_else(|| CoinbaseError::argument("product_id is required"))?;
    let index = names::find(exchange, id).ok_or_else(CoinbaseError::unknown_product)?;
    let depth = input.limit(BOOK_LEVELS_PUBLISHED, BOOK_LEVELS_PUBLISHED)?;
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| top(exchange, index, side).0);
    let (middle, spread) = ((bid + ask).div_down(Fixed::whole(2)), ask - bid);
    Ok(json!({
        "pricebook": price_book(exchange, index, depth, now_ms), "last": exchange.market(index).tape.last_price().short(),
        "mid_market": middle.short(), "spread_bps": spread.scale_down(Fixed::whole(10_000), middle).short(),
        "spread_absolute": spread.short(),
    }))
}

/// `best_bid_ask`
pub(super) fn best_bid_ask(exchange: &Exchange, input: &Input, now_ms: u64) -> Result<Value, CoinbaseError> {
    let wanted: Vec<&str> = input.all("product_ids").collect();
    let found: Vec<MarketIndex> = if wanted.is_empty() {
        names::products(exchange).collect()
    } else {
        let found = wanted.iter().map(|id| names::find(exchange, id).ok_or_else(CoinbaseError::unknown_product));
        found.collect::<Result<_, _>>()?
    };
    let books: Vec<Value> = found.into_iter().map(|index| price_book(exchange, index, 1, now_ms)).collect();
    Ok(json!({"pricebooks": books}))
}

/// One public trade; `side` is the taker's.
pub(super) fn trade_shape(product_id: &str, trade: &PublicTrade) -> Value {
    json!({
        "trade_id": trade.id.to_string(), "product_id": product_id, "price": trade.price.short(), "size": trade.quantity.short(),
        "time": iso(trade.at_ms), "side": trade.taker().upper(), "exchange": "CBE",
    })
}

/// `products/{product_id}/ticker`: the newest trades and the best prices.
pub(super) fn market_trades(exchange: &Exchange, input: &Input) -> Result<Value, CoinbaseError> {
    let index = input.product(exchange)?;
    let limit = input.limit(100, ROWS_PER_ANSWER_MAX)?;
    let from_ms = input.integer("start")?.unwrap_or(0).saturating_mul(1_000);
    let until_ms = input.integer("end")?.unwrap_or(u64::MAX).saturating_mul(1_000);
    let market = exchange.market(index);
    let id = names::product_id(&market.instrument);
    let recent = market.tape.last_trades(ROWS_PER_ANSWER_MAX).rev().filter(|trade| (from_ms..=until_ms).contains(&trade.at_ms));
    let trades: Value = recent.take(limit).map(|trade| trade_shape(&id, trade)).collect();
    let [bid, ask] = [Side::Buy, Side::Sell].map(|side| top(exchange, index, side).0);
    Ok(json!({"trades": trades, "best_bid": bid.short(), "best_ask": ask.short()}))
}

/// Minutes of a `granularity`.
fn minutes(granularity: &str) -> Option<u64> {
    Some(match granularity {
        "ONE_MINUTE" => 1,
        "FIVE_MINUTE" => 5,
        "FIFTEEN_MINUTE" => 15,
        "THIRTY_MINUTE" => 30,
        "ONE_HOUR" => 60,
        "TWO_HOUR" => 120,
        "FOUR_HOUR" => 240,
        "SIX_HOUR" => 360,
        "ONE_DAY" => 1_440,
        _ => return None,
    })
}

/// One candle; times are Unix seconds.
pub(super) fn candle_shape(candle: &Candle) -> Value {
    json!({
        "start": (candle.open_ms / 1_000).to_string(), "low": candle.low.short(), "high": candle.high.short(),
        "open": candle.open.short(), "close": candle.close.short(), "volume": candle.volume.short(),
    })
}

/// `products/{product_id}/candles`: newest first.
pub(super) fn candles(exchange: &Exchange, input: &Input) -> Result<Value, CoinbaseError> {
    let index = input.product(exchange)?;
    let wrong = || CoinbaseError::argument("granularity is not valid");
    let width_ms = input.find("granularity").and_then(minutes).ok_or_else(wrong)? * MINUTE_MS;
    let from_ms = input.integer("start")?.unwrap_or(0).saturating_mul(1_000);
    let until_ms = input.integer("end")?.unwrap_or(u64::MAX).saturating_mul(1_000);
    let candles =
        exchange.market(index).tape.candles(width_ms, from_ms, until_ms, input.limit(COINBASE_CANDLES_MAX, COINBASE_CANDLES_MAX)?);
    Ok(json!({"candles": candles.iter().rev().map(candle_shape).collect::<Value>()}))
}

/// Base and quote of every product, each once.
pub(super) fn currency_names(exchange: &Exchange) -> Vec<String> {
    let terms = names::products(exchange).map(|index| &exchange.market(index).instrument);
    let mut names: Vec<String> = terms.flat_map(|terms| [terms.base.to_string(), terms.quote.to_string()]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// `/v2/currencies/crypto`
pub(super) fn crypto_currencies(exchange: &Exchange) -> Value {
    let names = currency_names(exchange);
    let row = |(number, code): (usize, &String)| {
        json!({
            "asset_id": names::account_text(code), "code": code, "name": names::currency_name(code), "color": "#F7931A",
            "sort_index": 100 + number, "exponent": 8, "type": "crypto", "address_regex": "",
        })
    };
    json!({"data": names.iter().enumerate().map(row).collect::<Value>()})
}

/// `/v2/exchange-rates`: how much of each currency one unit of the quote is worth.
pub(super) fn exchange_rates(exchange: &Exchange) -> Value {
    let mut rates = Map::new();
    let mut quote = String::new();
    for index in names::products(exchange) {
        let market = exchange.market(index);
        let rate = Fixed::whole(1).div_down(market.tape.last_price());
        rates.insert(market.instrument.base.to_string(), json!(rate.short()));
        rates.insert(market.instrument.quote.to_string(), json!("1"));
        quote = market.instrument.quote.to_string();
    }
    json!({"data": {"currency": quote, "rates": rates}})
}
