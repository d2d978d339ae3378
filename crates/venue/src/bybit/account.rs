//! The account, its key and its coins.

use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{SPOT, symbol_if_any};
use super::shapes::wallet;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::facade::{FieldError, Fields};
use crate::identity::Identity;

/// `unifiedMarginStatus` of a unified trading account 2.0.
const UNIFIED_2: u32 = 5;

/// How long a connection may be away, in seconds (vendor document "Set Disconnect Cancel All").
const DISCONNECT_WINDOW_SECONDS: std::ops::RangeInclusive<u64> = 3..=300;

pub(super) fn info(exchange: &Exchange, owner: AccountIndex) -> Value {
    let window_ms = exchange.disconnect_window_ms(owner);
    json!({
        "unifiedMarginStatus": UNIFIED_2,
        "marginMode": "REGULAR_MARGIN",
        "isMasterTrader": false,
        "spotHedgingStatus": "OFF",
        "dcpStatus": if window_ms.is_some() { "ON" } else { "OFF" },
        "timeWindow": window_ms.unwrap_or_default() / 1_000,
        "smpGroup": 0,
        "updatedTime": exchange.account_state(owner).updated_ms.to_string(),
    })
}

/// Disconnect protection of the pairs that are listed; the one for options, which clients mean when they name no product, is not.
pub(super) fn set_disconnect_window(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, ApiError> {
    let seconds = fields.integer("timeWindow")?.ok_or(FieldError::Missing("timeWindow"))?;
    if !DISCONNECT_WINDOW_SECONDS.contains(&seconds) {
        return Err(ApiError::params("params error: timeWindow must be from 3 to 300"));
    }
    if fields.find("product").unwrap_or("OPTIONS") != "SPOT" {
        return Err(ApiError::params("params error: only the product SPOT is listed"));
    }
    exchange.set_disconnect_window(owner, seconds * 1_000);
    Ok(json!({}))
}

/// The protections that were asked for.
pub(super) fn disconnect_windows(exchange: &Exchange, owner: AccountIndex) -> Value {
    let set = exchange.disconnect_window_ms(owner);
    let row = |window_ms: u64| json!({"product": "SPOT", "dcpStatus": "ON", "timeWindow": (window_ms / 1_000).to_string()});
    json!({"dcpInfos": set.map(row).into_iter().collect::<Value>()})
}

/// What the identity says about its key, in the words of `query-api`.
pub(super) fn api_key(identity: &Identity, owner: AccountIndex) -> Value {
    let writes = identity.scopes.order_write;
    let spot: &[&str] = if writes { &["SpotTrade"] } else { &[] };
    json!({
        "id": owner.0.to_string(),
        "note": &*identity.account,
        "apiKey": &*identity.key,
        "readOnly": u8::from(!writes),
        "secret": "",
        "permissions": {
            "ContractTrade": [], "Spot": spot, "Wallet": [], "Options": [], "Derivatives": [],
            "CopyTrading": [], "BlockTrade": [], "Exchange": [], "NFT": [], "Affiliate": [], "Earn": [],
        },
        "ips": ["*"],
        "type": 1,
        "unified": 0,
        "uta": 1,
        "userID": owner.0,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": true,
        "parentUid": "0",
        "kycLevel": "",
        "kycRegion": "",
    })
}

pub(super) fn wallet_balance(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, ApiError> {
    match fields.need("accountType")? {
        "UNIFIED" => Ok(json!({"list": [wallet(exchange, owner, fields.find("coin"))]})),
        "CONTRACT" | "SPOT" => Err(ApiError::params("accountType only support UNIFIED.")),
        _ => Err(ApiError::params("Illegal accountType")),
    }
}

/// Coins of the listed instruments. Nothing goes in and nothing goes out, so no coin has a
/// chain.
pub(super) fn coins(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let terms = exchange.markets().iter().map(|market| &market.instrument);
    let mut names: Vec<&str> = terms.flat_map(|terms| [&*terms.base, &*terms.quote]).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| fields.find("coin").is_none_or(|coin| coin == *name));
    let rows: Vec<Value> = names.into_iter().map(|name| json!({"name": name, "coin": name, "remainAmount": "0", "chains": []})).collect();
    Ok(json!({"rows": rows}))
}

pub(super) fn fee_rate(exchange: &Exchange, fields: &Fields) -> Result<Value, ApiError> {
    let category = fields.find("category").unwrap_or(SPOT);
    let named = symbol_if_any(exchange, fields)?;
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let markets = exchange.markets().iter().enumerate().filter(|(number, market)| {
        let wanted = named.is_none_or(|index| index.0 == *number);
        category == SPOT && wanted && market.instrument.kind.is_spot()
    });
    let row = |symbol: &str| json!({"symbol": symbol, "baseCoin": "", "takerFeeRate": rate, "makerFeeRate": rate});
    let rows: Vec<Value> = markets.map(|(_, market)| row(&market.instrument.symbol)).collect();
    Ok(json!({"category": category, "list": rows}))
}
