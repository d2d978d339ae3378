//! What replies of the two WebSocket APIs have in common: their form, and the weight that a connection has used.

use super::error::ApiError;
use super::lists::WEIGHT_PER_MINUTE;
use crate::clock::now_ms;

/// The weight of one connection in the present minute.
#[derive(Debug, Default)]
pub(crate) struct MinuteWeight {
    minute: u64,
    weight: u32,
}

impl MinuteWeight {
    /// One more frame.
    pub(crate) fn count(&mut self) {
        let minute = now_ms() / 60_000;
        if self.minute != minute {
            (self.minute, self.weight) = (minute, 0);
        }
        self.weight = self.weight.saturating_add(1);
    }

    /// `{id, status, result|error, rateLimits}`; `id` as it was written.
    pub(crate) fn reply(&self, id: &str, result: Result<String, ApiError>) -> String {
        let (status, name, body) = match result {
            Ok(body) => (200, "result", body),
            Err(error) => (error.status.as_u16(), "error", error.json()),
        };
        let weight = self.weight;
        format!(
            r#"{{"id":{id},"status":{status},"{name}":{body},"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{WEIGHT_PER_MINUTE},"count":{weight}}}]}}"#
        )
    }
}
