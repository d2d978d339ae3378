//! What the venue lists: exchange information, coins, fees.

use serde_json::{Value, json};

use super::error::ApiError;
use super::market_data::spot_markets;
use super::params::Params;
use super::shapes::STP;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::Instrument;
use crate::limits::OPEN_ORDERS_PER_ACCOUNT_MAX;

/// Request weight a minute the listing states. The gateway enforces limits; the venue only
/// names the figures unmodified clients expect to find.
pub(crate) const WEIGHT_PER_MINUTE: u32 = 6_000;

fn rate_limits() -> Value {
    json!([
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_PER_MINUTE},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
    ])
}

fn filters(terms: &Instrument) -> Value {
    json!([
        {"filterType": "PRICE_FILTER", "minPrice": terms.tick, "maxPrice": terms.price_max, "tickSize": terms.tick},
        {"filterType": "LOT_SIZE", "minQty": terms.lot, "maxQty": terms.quantity_max, "stepSize": terms.lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": terms.lot, "maxQty": terms.quantity_max, "stepSize": terms.lot},
        {"filterType": "NOTIONAL", "minNotional": terms.notional_min, "applyMinToMarket": true,
         "maxNotional": "9000000.00000000", "applyMaxToMarket": false, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": OPEN_ORDERS_PER_ACCOUNT_MAX},
    ])
}

fn symbol(terms: &Instrument) -> Value {
    json!({
        "symbol": terms.symbol,
        "status": "TRADING",
        "baseAsset": &*terms.base,
        "baseAssetPrecision": 8,
        "quoteAsset": &*terms.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": false,
        "ocoAllowed": false,
        "otoAllowed": false,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": false,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "pegInstructionsAllowed": false,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters(terms),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": STP,
        "allowedSelfTradePreventionModes": [STP],
    })
}

pub(super) fn exchange_info(exchange: &Exchange, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    let indices = params.symbols(exchange)?.unwrap_or_else(|| spot_markets(exchange));
    let symbols: Vec<Value> = indices.into_iter().map(|index| symbol(&exchange.market(index).instrument)).collect();
    let info = json!({
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": rate_limits(),
        "exchangeFilters": [],
        "symbols": symbols,
    });
    Ok(info.to_string())
}

/// The venue of coin-margined contracts lists nothing here; clients that load all markets at once
/// ask it too.
pub(super) fn empty_contracts(now_ms: u64) -> String {
    json!({
        "timezone": "UTC",
        "serverTime": now_ms,
                "rateLimits": rate_limits(),
        "exchangeFilters": [],
        "assets": [],
        "symbols": [],
    })
    .to_string()
}

/// Paper coins: nothing goes in or out.
pub(super) fn capital_config(exchange: &Exchange, owner: AccountIndex) -> String {
    let account = exchange.account_state(owner);
    let coins = [("BTC", "Bitcoin", "BTC", false), ("USDT", "TetherUS", "ETH", false)];
    let coins = coins.map(|(coin, name, network, legal)| {
        let balance = account.balance(coin);
        json!({
            "coin": coin,
            "depositAllEnable": false,
            "free": balance.free(),
            "freeze": Fixed::ZERO,
            "ipoable": Fixed::ZERO,
            "ipoing": Fixed::ZERO,
            "isLegalMoney": legal,
            "locked": balance.held,
            "name": name,
            "networkList": [network_of(coin, network)],
            "storage": Fixed::ZERO,
            "trading": true,
            "withdrawAllEnable": false,
            "withdrawing": Fixed::ZERO,
        })
    });
    Value::from(coins.to_vec()).to_string()
}

fn network_of(coin: &str, network: &str) -> Value {
    json!({
        "addressRegex": "", "addressRule": "", "busy": false, "coin": coin, "contractAddress": "",
        "contractAddressUrl": "", "country": "", "denomination": 1, "depositDesc": "Paper venue",
        "depositDust": "0", "depositEnable": false, "estimatedArrivalTime": 0, "isDefault": true,
        "memoRegex": "", "minConfirm": 1, "name": network, "network": network,
        "resetAddressStatus": false, "sameAddress": false, "specialTips": "",
        "unLockConfirm": 0, "withdrawDesc": "Paper venue", "withdrawEnable": false,
        "withdrawFee": "0", "withdrawIntegerMultiple": "0.00000001",
        "withdrawInternalMin": "0", "withdrawMax": "0", "withdrawMin": "0", "withdrawTag": false,
    })
}

pub(super) fn trade_fee(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let indices = params.symbols(exchange)?.unwrap_or_else(|| spot_markets(exchange));
    let rows = indices
        .into_iter()
        .map(|index| json!({"symbol": exchange.market(index).instrument.symbol, "makerCommission": rate, "takerCommission": rate}));
    Ok(Value::from(rows.collect::<Vec<_>>()).to_string())
}

pub(super) fn commission(exchange: &Exchange, params: &Params) -> Result<String, ApiError> {
    let market = params.symbol(exchange)?;
    let rate = Fixed::whole(1).basis_points(exchange.commission_points);
    let zero = json!({"maker": Fixed::ZERO, "taker": Fixed::ZERO, "buyer": Fixed::ZERO, "seller": Fixed::ZERO});
    Ok(json!({
        "symbol": exchange.market(market).instrument.symbol,
        "standardCommission": {"maker": rate, "taker": rate, "buyer": Fixed::ZERO, "seller": Fixed::ZERO},
        "specialCommission": zero,
        "taxCommission": zero,
        "discount": {"enabledForAccount": false, "enabledForSymbol": false, "discountAsset": "BNB", "discount": Fixed::ZERO},
    })
    .to_string())
}

/// Order counts are kept by the gateway; here they are always nought.
pub(super) fn order_rate_limits() -> String {
    json!([
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100, "count": 0},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000, "count": 0},
    ])
    .to_string()
}
