//! The open orders of one connection, for cancel on disconnect: the venue cancels only what came over the connection that ended.
//!
//! Read from the answers to trading calls, `{"id":…,"result":{"order":{"order_id":"…","order_state":"open"}}}`. With more than are
//! remembered, all of the account are cancelled: too many rather than too few.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use crate::limits;

/// The orders that an end of the connection cancels.
#[derive(Debug, Default)]
pub struct OpenOrders {
    ids: BTreeSet<String>,
    overflown: bool,
}

#[derive(Deserialize)]
struct Answer {
    result: Outcome,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Placed { order: Order },
    Cancelled(Order),
}

#[derive(Deserialize)]
struct Order {
    order_id: String,
    order_state: String,
}

impl OpenOrders {
    /// Looks at an answer of the venue.
    pub fn observe(&mut self, text: &str) {
        if !text.contains("\"order_state\"") || text.contains("\"subscription\"") {
            return;
        }
        let Ok(Answer { result: Outcome::Placed { order } | Outcome::Cancelled(order) }) = serde_json::from_str(text) else { return };
        if !matches!(order.order_state.as_str(), "open" | "untriggered") {
            self.ids.remove(&order.order_id);
        } else if self.ids.len() < limits::OPEN_ORDERS_MAX {
            self.ids.insert(order.order_id);
        } else {
            self.overflown = true;
        }
    }

    /// The calls that cancel them: method and frame.
    #[must_use]
    pub fn cancellations(&self) -> Vec<(&'static str, String)> {
        let call = |method: &'static str, params: serde_json::Value| {
            (method, json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).to_string())
        };
        if self.overflown {
            return vec![call("private/cancel_all", json!({}))];
        }
        self.ids.iter().map(|id| call("private/cancel", json!({"order_id": id}))).collect()
    }
}
