//! The account, its configuration and its currencies.

use serde_json::{Value, json};

use super::call::Answer;
use super::error::ApiError;
use super::request::{SPOT, instrument_if_any};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::facade::Fields;
use crate::identity::Identity;

pub(super) fn balance(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Answer {
    Answer::row(shapes::balance(exchange, owner, fields.find("ccy")))
}

/// What the identity says about account and key. `acctLv` 1 is the spot mode.
pub(super) fn config(identity: &Identity, owner: AccountIndex) -> Answer {
    let permissions = if identity.scopes.order_write { "read_only,trade" } else { "read_only" };
    let user = owner.0.to_string();
    Answer::row(json!({
        "uid": user,
        "mainUid": user,
        "acctLv": "1",
        "posMode": "net_mode",
        "autoLoan": false,
        "greeksType": "PA",
        "level": "Lv1",
        "levelTmp": "",
        "ctIsoMode": "automatic",
        "mgnIsoMode": "automatic",
        "spotOffsetType": "",
        "roleType": "0",
        "traderInsts": [],
        "opAuth": "0",
        "kycLv": "",
        "label": &*identity.key,
        "ip": "",
        "perm": permissions,
        "enableSpotBorrow": false,
        "type": "0",
    }))
}

/// Currencies of the listed instruments. Nothing goes in and nothing goes out: each has one
/// chain, on which neither is possible.
pub(super) fn currencies(exchange: &Exchange, fields: &Fields) -> Answer {
    let terms = exchange.markets().iter().map(|market| &market.instrument);
    let mut names: Vec<&str> = terms.flat_map(|terms| [&*terms.base, &*terms.quote]).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| fields.find("ccy").is_none_or(|wanted| wanted.split(',').any(|wanted| wanted == *name)));
    let row = |name: &str| {
        json!({
            "ccy": name,
            "name": name,
            "chain": format!("{name}-Paper"),
            "canDep": false,
            "canWd": false,
            "canInternal": false,
            "fee": "0",
            "minFee": "0",
            "maxFee": "0",
            "minDep": "0",
            "minWd": "0",
            "maxWd": "0",
            "wdTickSz": "8",
            "mainNet": true,
        })
    };
    Answer::rows(names.into_iter().map(row).collect::<Vec<Value>>())
}

pub(super) fn trade_fee(exchange: &Exchange, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    let kind = fields.need("instType")?;
    instrument_if_any(exchange, fields)?;
    let rate = (-Fixed::whole(1).basis_points(exchange.commission_points)).short();
    let rate = if kind == SPOT { rate } else { String::new() };
    Ok(Answer::row(json!({"instType": kind, "level": "Lv1", "maker": rate, "taker": rate, "feeGroup": [], "ts": now_ms.to_string()})))
}
