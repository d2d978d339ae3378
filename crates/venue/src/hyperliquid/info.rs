//! `POST /info`: the market, and (by [`super::user`]) users.

use serde_json::{Value, json};

use super::error::HyperliquidError;
use super::{shapes, user};
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::tape::MINUTE_MS;
use crate::limits::{CANDLES_PER_ANSWER_MAX, HYPERLIQUID_BOOK_LEVELS, HYPERLIQUID_TRADE_ROWS};
use crate::operations::{find_pair, pair_name, places, spot_markets};
use crate::shell::{Caller, Shell};

/// Spot assets are numbered from here (vendor: 10000 + index of the pair).
const SPOT_ASSETS_FROM: u32 = 10_000;

/// Candle widths in the venue's names.
pub(super) const INTERVALS: &[(&str, u64)] = &[
    ("1m", MINUTE_MS),
    ("3m", 3 * MINUTE_MS),
    ("5m", 5 * MINUTE_MS),
    ("15m", 15 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
    ("2h", 120 * MINUTE_MS),
    ("4h", 240 * MINUTE_MS),
    ("8h", 480 * MINUTE_MS),
    ("12h", 720 * MINUTE_MS),
    ("1d", 1_440 * MINUTE_MS),
];

/// The spot market of an asset number.
pub(super) fn market_of_asset(exchange: &Exchange, asset: u32) -> Option<MarketIndex> {
    let number = usize::try_from(asset.checked_sub(SPOT_ASSETS_FROM)?).ok()?;
    spot_markets(exchange).nth(number).map(|(index, _)| index)
}

/// The spot market of a coin: a pair's name, or `@` and its number.
pub(super) fn market_of_coin(exchange: &Exchange, coin: &str) -> Option<MarketIndex> {
    match coin.strip_prefix('@') {
        Some(number) => spot_markets(exchange).nth(number.parse().ok()?).map(|(index, _)| index),
        None => find_pair(exchange, coin, '/'),
    }
}

/// A text field that must be there.
pub(super) fn need<'a>(body: &'a Value, name: &str) -> Result<&'a str, HyperliquidError> {
    body[name].as_str().ok_or(HyperliquidError::Malformed)
}

fn coin(exchange: &Exchange, body: &Value) -> Result<MarketIndex, HyperliquidError> {
    market_of_coin(exchange, need(body, "coin")?).ok_or(HyperliquidError::Malformed)
}

/// Answers one question. An identity is not needed; one that is there is heard.
pub(super) fn ask(shell: &Shell, caller: &Caller, body: &Value) -> Result<Value, HyperliquidError> {
    shell.counters.count_public();
    shell.with(|exchange, now_ms| match need(body, "type")? {
        "allMids" => Ok(shapes::mids(exchange)),
        "candleSnapshot" => candles(exchange, &body["req"]),
        "exchangeStatus" => Ok(json!({"specialStatuses": null, "time": now_ms})),
        "l2Book" => Ok(shapes::book(exchange, coin(exchange, body)?, HYPERLIQUID_BOOK_LEVELS.into(), now_ms)),
        "meta" => Ok(perpetual_meta()),
        "metaAndAssetCtxs" => Ok(json!([perpetual_meta(), []])),
        // The first exchange has no name: it is the vendor's own.
        "perpDexs" => Ok(json!([null])),
        "recentTrades" => {
            let market = exchange.market(coin(exchange, body)?);
            Ok(market.tape.last_trades(HYPERLIQUID_TRADE_ROWS).rev().map(|trade| shapes::trade(market, trade)).collect())
        }
        "spotMeta" => Ok(spot_meta(exchange)),
        "spotMetaAndAssetCtxs" => {
            let contexts = spot_markets(exchange).map(|(_, market)| shapes::context(market));
            Ok(json!([spot_meta(exchange), contexts.collect::<Vec<_>>()]))
        }
        kind => user::ask(shell, exchange, caller, kind, body, now_ms),
    })
}

/// There are no perpetuals here.
fn perpetual_meta() -> Value {
    json!({"universe": [], "marginTables": [], "collateralToken": 0})
}

/// Assets of the spot pairs, quote assets first: their place is their token number.
pub(super) fn tokens(exchange: &Exchange) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let quotes = spot_markets(exchange).map(|(_, market)| &*market.instrument.quote);
    let bases = spot_markets(exchange).map(|(_, market)| &*market.instrument.base);
    for name in quotes.chain(bases) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn spot_meta(exchange: &Exchange) -> Value {
    let names = tokens(exchange);
    let number = |asset: &str| names.iter().position(|name| *name == asset);
    let size_places = |asset: &str| {
        let lots = spot_markets(exchange).find(|(_, market)| &*market.instrument.base == asset);
        lots.map_or(2, |(_, market)| places(market.instrument.lot))
    };
    let token = |(index, name): (usize, &&str)| {
        json!({
            "name": name, "szDecimals": size_places(name), "weiDecimals": 8, "index": index, "tokenId": format!("0x{index:032x}"),
            "isCanonical": true, "evmContract": null, "fullName": name,
        })
    };
    let pair = |(index, (_, market)): (usize, (MarketIndex, &crate::exchange::Market))| {
        let terms = &market.instrument;
        json!({"name": pair_name(terms, '/'), "tokens": [number(&terms.base), number(&terms.quote)], "index": index, "isCanonical": true})
    };
    json!({
        "tokens": names.iter().enumerate().map(token).collect::<Vec<_>>(),
        "universe": spot_markets(exchange).enumerate().map(pair).collect::<Vec<_>>(),
    })
}

fn candles(exchange: &Exchange, request: &Value) -> Result<Value, HyperliquidError> {
    let market = exchange.market(coin(exchange, request)?);
    let interval = need(request, "interval")?;
    let width = INTERVALS.iter().find(|(name, _)| *name == interval).map(|(_, width)| *width);
    let width = width.ok_or(HyperliquidError::Malformed)?;
    let (from, to) = (request["startTime"].as_u64().unwrap_or(0), request["endTime"].as_u64().unwrap_or(u64::MAX));
    let candles = market.tape.candles(width, from, to, CANDLES_PER_ANSWER_MAX);
    Ok(candles.iter().map(|candle| shapes::candle(market, interval, width, candle)).collect())
}
