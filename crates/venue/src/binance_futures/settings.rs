//! Leverage, kind of margin, kind of position, commission: what the contract's terms give, and what therefore cannot be changed.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names::{self, contracts, market_if_named, market_of};
use crate::exchange::fixed::Fixed;
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::operations::Owner;

const WHOLE_POINTS: u32 = 10_000;

/// The leverage that the contract's margin amounts to: 10 for a tenth.
pub(super) fn leverage_of(market: &Market) -> u64 {
    u64::from(WHOLE_POINTS.checked_div(market.instrument.margin_points).unwrap_or(1))
}

fn most_notional(market: &Market) -> Fixed {
    market.instrument.price_max.mul_down(market.instrument.quantity_max)
}

/// Only the leverage there is can be set.
pub(super) fn leverage(exchange: &mut Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let wanted = fields.integer("leverage")?.ok_or(crate::facade::FieldError::Missing("leverage"))?;
    if wanted != leverage_of(market) {
        return Err(FuturesError::bad_leverage(wanted));
    }
    Ok(json!({"leverage": wanted, "maxNotionalValue": most_notional(market).short(), "symbol": names::symbol(&market.instrument)})
        .to_string())
}

pub(super) fn leverage_bracket(exchange: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let row = |market: &Market| {
        let ratio = crate::facade::number(Fixed::whole(1).basis_points(market.instrument.margin_points));
        let cap = crate::facade::number(most_notional(market));
        let bracket = json!({
            "bracket": 1, "initialLeverage": leverage_of(market), "notionalCap": cap, "notionalFloor": 0, "maintMarginRatio": ratio, "cum": 0,
        });
        json!({"symbol": names::symbol(&market.instrument), "brackets": [bracket]})
    };
    let answer: Value = match market_if_named(exchange, fields)? {
        Some(index) => json!([row(exchange.market(index))]),
        None => contracts(exchange).map(|(_, market)| row(market)).collect(),
    };
    Ok(answer.to_string())
}

/// Margin is crossed, and stays so.
pub(super) fn margin_type(exchange: &mut Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    market_of(exchange, fields)?;
    match fields.need("marginType")? {
        "CROSSED" => Err(FuturesError::same_margin_type()),
        _ => Err(FuturesError::invalid("marginType")),
    }
}

pub(super) fn multi_assets(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, FuturesError> {
    Ok(json!({"multiAssetsMargin": false}).to_string())
}

pub(super) fn position_side(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, FuturesError> {
    Ok(json!({"dualSidePosition": false}).to_string())
}

/// Positions are net, and stay so.
pub(super) fn set_position_side(_: &mut Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    fields.need("dualSidePosition")?;
    Err(if fields.flag("dualSidePosition")? { FuturesError::invalid("dualSidePosition") } else { FuturesError::same_position_side() })
}

pub(super) fn symbol_config(exchange: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let named = market_if_named(exchange, fields)?;
    let listed = contracts(exchange).filter(|(index, _)| named.is_none_or(|named| named == *index));
    let rows = listed.map(|(_, market)| {
        json!({
            "symbol": names::symbol(&market.instrument), "marginType": "CROSSED", "isAutoAddMargin": false, "leverage": leverage_of(market),
            "maxNotionalValue": most_notional(market).short(),
        })
    });
    Ok(rows.collect::<Value>().to_string())
}

pub(super) fn commission_rate(exchange: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = exchange.market(market_of(exchange, fields)?);
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    Ok(json!({"symbol": names::symbol(&market.instrument), "makerCommissionRate": rate, "takerCommissionRate": rate}).to_string())
}
