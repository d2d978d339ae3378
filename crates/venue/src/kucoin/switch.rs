//! The dead man's switch: everything is cancelled unless it is set anew in time.

use serde_json::json;

use super::error::KucoinError;
use super::market_data::named;
use super::shapes::data;
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{FieldError, Fields};
use crate::limits::KUCOIN_COUNTDOWN_SECONDS_MAX;
use crate::operations::Owner;

/// The pair that the switch is for; all of them when none is named.
fn market(exchange: &Exchange, fields: &Fields) -> Result<Option<MarketIndex>, KucoinError> {
    // Only one pair is listed, so a list of pairs is one name.
    fields.find("symbols").map(|name| named(exchange, name)).transpose()
}

/// `timeout` seconds from now; -1 takes the switch back.
pub(super) fn set(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let seconds = match fields.need("timeout")? {
        "-1" => 0,
        text => text
            .parse()
            .ok()
            .filter(|seconds| (5..=KUCOIN_COUNTDOWN_SECONDS_MAX).contains(seconds))
            .ok_or(FieldError::Malformed("timeout"))?,
    };
    let market = market(exchange, fields)?;
    let trigger = exchange.cancel_all_after(owner.index, market, seconds * 1_000, now_ms);
    Ok(data(&json!({"currentTime": now_ms / 1_000, "triggerTime": trigger.map_or(0, |at_ms| at_ms / 1_000)})))
}

/// The switch as it is set; nothing when it is not.
pub(super) fn query(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, KucoinError> {
    let Some((market, at_ms)) = exchange.countdown_of(owner.index) else {
        return Ok(data(&json!(null)));
    };
    let symbols = market.map(|market| super::market_data::name_of(exchange.market(market)));
    Ok(data(&json!({
        "timeout": at_ms.saturating_sub(now_ms) / 1_000, "symbols": symbols.unwrap_or_default(), "currentTime": now_ms / 1_000,
        "triggerTime": at_ms / 1_000,
    })))
}
