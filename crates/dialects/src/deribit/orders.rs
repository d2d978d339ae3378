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
    /// Of a call that places or changes an order.
    Placed { order: Order },
    /// Of a call that cancels or looks at one, which may have come over another connection.
    Told(Order),
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
        let Ok(Answer { result }) = serde_json::from_str(text) else { return };
        let (order, ours) = match result {
            Outcome::Placed { order } => (order, true),
            Outcome::Told(order) => (order, false),
        };
        if !matches!(order.order_state.as_str(), "open" | "untriggered") {
            self.ids.remove(&order.order_id);
        } else if ours && self.ids.len() < limits::OPEN_ORDERS_MAX {
            self.ids.insert(order.order_id);
        } else if ours && !self.ids.contains(&order.order_id) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(id: usize, state: &str) -> String {
        json!({"id": 1, "result": {"order": {"order_id": id.to_string(), "order_state": state}, "trades": []}}).to_string()
    }

    #[test]
    fn only_what_came_over_the_connection_is_cancelled() {
        let mut orders = OpenOrders::default();
        orders.observe(&placed(1, "open"));
        orders.observe(r#"{"id":2,"result":{"order_id":"2","order_state":"open"}}"#);
        orders.observe(r#"{"method":"subscription","params":{"data":{"order_id":"3","order_state":"open"}}}"#);
        orders.observe(r#"{"id":3,"result":[{"order_id":"4","order_state":"open"}]}"#);
        assert_eq!(orders.cancellations().len(), 1);
        orders.observe(r#"{"id":4,"result":{"order_id":"1","order_state":"cancelled"}}"#);
        assert!(orders.cancellations().is_empty());
    }

    #[test]
    fn more_than_are_remembered_cancels_all() {
        let mut orders = OpenOrders::default();
        for id in 0..limits::OPEN_ORDERS_MAX {
            orders.observe(&placed(id, "untriggered"));
        }
        orders.observe(&placed(0, "open"));
        assert_eq!(orders.cancellations().len(), limits::OPEN_ORDERS_MAX);
        orders.observe(&placed(limits::OPEN_ORDERS_MAX, "open"));
        let all = orders.cancellations();
        assert_eq!((all.len(), all[0].0), (1, "private/cancel_all"));
    }
}
