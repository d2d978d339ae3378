//! What is listed, and the clock.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names;
use crate::binance::{WEIGHT_PER_MINUTE, percent};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind};
use crate::facade::Fields;
use crate::limits::OPEN_ORDERS_PER_ACCOUNT_MAX;
use crate::operations::places;

pub(super) fn ping(_: &Exchange, _: &Fields, _: u64) -> Result<String, FuturesError> {
    Ok("{}".to_owned())
}

pub(super) fn time(_: &Exchange, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(json!({"serverTime": now_ms}).to_string())
}

fn filters(terms: &Instrument) -> Value {
    let (lot, most) = (terms.lot.short(), terms.quantity_max.short());
    json!([
        {"filterType": "PRICE_FILTER", "minPrice": terms.tick.short(), "maxPrice": terms.price_max.short(), "tickSize": terms.tick.short()},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": OPEN_ORDERS_PER_ACCOUNT_MAX},
        {"filterType": "MIN_NOTIONAL", "notional": terms.notional_min.short()},
    ])
}

/// When the vendor delivers what is never delivered: 2100-12-25T08:00:00Z.
const NEVER_MS: u64 = 4_133_404_800_000;

const fn contract_type(terms: &Instrument) -> &'static str {
    match terms.kind {
        InstrumentKind::Perpetual => "PERPETUAL",
        InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Spot => "CURRENT_QUARTER",
    }
}

fn symbol(terms: &Instrument) -> Value {
    let margin = percent(Fixed::whole(100).basis_points(terms.margin_points));
    json!({
        "symbol": names::symbol(terms), "pair": format!("{}{}", terms.base, terms.quote), "contractType": contract_type(terms),
        "deliveryDate": terms.kind.expiry_ms().unwrap_or(NEVER_MS), "onboardDate": 0, "status": "TRADING", "maintMarginPercent": margin,
        "requiredMarginPercent": margin, "baseAsset": &*terms.base, "quoteAsset": &*terms.quote, "marginAsset": &*terms.quote,
        "pricePrecision": places(terms.tick), "quantityPrecision": places(terms.lot), "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [], "triggerProtect": "0", "liquidationFee": "0", "marketTakeBound": "0",
        "maxMoveOrderLimit": 10_000, "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": filters(terms),
    })
}

pub(super) fn exchange_info(exchange: &Exchange, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let symbols: Vec<Value> = names::listed(exchange).map(|(_, market)| symbol(&market.instrument)).collect();
    let info = json!({
        "timezone": "UTC", "serverTime": now_ms, "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_PER_MINUTE},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": true, "autoAssetExchange": "0"}],
        "symbols": symbols,
    });
    Ok(info.to_string())
}
