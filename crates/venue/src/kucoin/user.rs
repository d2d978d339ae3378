//! Who asks: what clients read before they begin.

use serde_json::json;

use super::error::KucoinError;
use super::shapes::data;
use crate::exchange::Exchange;
use crate::facade::Fields;
use crate::operations::Owner;

/// Sub-accounts there are none.
pub(super) fn info(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({
        "level": 0, "subQuantity": 0, "spotSubQuantity": 0, "marginSubQuantity": 0, "futuresSubQuantity": 0, "optionSubQuantity": 0,
        "maxSubQuantity": 0, "maxDefaultSubQuantity": 0, "maxSpotSubQuantity": 0, "maxMarginSubQuantity": 0, "maxFuturesSubQuantity": 0,
        "maxOptionSubQuantity": 0,
    })))
}

/// The key that asked. What it may is for the gateway to know; whoever arrives here may read and trade spot.
pub(super) fn api_key(_: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, KucoinError> {
    Ok(data(&json!({
        "uid": owner.index.0, "apiKey": *owner.key, "apiVersion": 3, "remark": "", "permission": "General,Spot", "ipWhitelist": "",
        "isMaster": true, "createdAt": 0,
    })))
}
