//! What trading costs: one schedule, of one tier.

use serde_json::json;

use super::error::FuturesError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::facade::{Fields, number};
use crate::operations::Owner;

/// The one schedule, which every contract names.
pub(super) const SCHEDULE: &str = "paper";

/// Fees are told in per cent.
pub(super) fn schedules(exchange: &Exchange, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let rate = number(Fixed::whole(100).basis_points(exchange.commission_points));
    let tier = json!({"makerFee": rate, "takerFee": rate, "usdVolume": 0});
    Ok(shapes::success("feeSchedules", json!([{"uid": SCHEDULE, "name": SCHEDULE, "tiers": [tier]}]), now_ms))
}

/// What the account has traded, as far as it is remembered.
pub(super) fn volumes(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let fills = exchange.account_state(owner.index).fills.iter();
    let listed = fills.filter(|fill| names::contracts(exchange).any(|(index, _)| index == fill.market));
    let volume: Fixed = listed.map(|fill| fill.quote).sum();
    Ok(shapes::success("volumesByFeeSchedule", json!({SCHEDULE: number(volume)}), now_ms))
}
