//! The venue's way to tell what was used of a rate limit.

use std::fmt::Write as _;

use countersign_core::KeyRate;
use smallvec::SmallVec;

/// Reply header: weight used in the current minute.
pub const USED_WEIGHT_HEADER: &str = "x-mbx-used-weight";
/// Reply header: the same, with its interval.
pub const USED_WEIGHT_1M_HEADER: &str = "x-mbx-used-weight-1m";
/// Reply header: orders placed in the current ten seconds.
pub const ORDER_COUNT_10S_HEADER: &str = "x-mbx-order-count-10s";

/// The rate headers of a reply: the used weight on each, the order count on replies to order requests.
#[must_use]
pub fn headers(used_weight: u32, order_count: Option<u32>) -> SmallVec<[(&'static str, u32); 3]> {
    let mut headers = SmallVec::from_slice(&[(USED_WEIGHT_HEADER, used_weight), (USED_WEIGHT_1M_HEADER, used_weight)]);
    headers.extend(order_count.map(|count| (ORDER_COUNT_10S_HEADER, count)));
    headers
}

/// What a reply of the WebSocket API says about rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitView {
    /// What the key (or, without one, the address) may use.
    pub limits: KeyRate,
    /// Weight used in the current minute.
    pub used_weight: u32,
    /// Orders placed in the current ten seconds; `None` on replies to other requests.
    pub order_count: Option<u32>,
}

impl RateLimitView {
    /// Writes the `rateLimits` array.
    pub(crate) fn write_array(&self, json: &mut String) {
        json.push('[');
        if let Some(count) = self.order_count {
            let limit = self.limits.orders_per_10s;
            write!(json, r#"{{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":{limit},"count":{count}}},"#)
                .expect("a String takes any text");
        }
        let (limit, count) = (self.limits.weight_per_minute, self.used_weight);
        write!(json, r#"{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{limit},"count":{count}}}]"#)
            .expect("a String takes any text");
    }

    /// The `rateLimits` array.
    #[must_use]
    pub fn array(&self) -> String {
        let mut json = String::with_capacity(256);
        self.write_array(&mut json);
        json
    }

    /// Puts the `rateLimits` array into a reply of the venue that has none. A frame that is no reply (an event, other text) stays
    /// as it is: `None`.
    #[must_use]
    pub fn add_to(&self, reply: &str) -> Option<String> {
        let object: crate::raw_object::RawObject<'_> = serde_json::from_str(reply).ok()?;
        let is_reply = object.member("id").is_some() && object.member("status").is_some();
        if !is_reply || object.member("rateLimits").is_some() {
            return None;
        }
        let body = reply.trim_end().strip_suffix('}')?;
        let mut json = String::with_capacity(body.len() + 256);
        json.push_str(body);
        json.push_str(r#","rateLimits":"#);
        self.write_array(&mut json);
        json.push('}');
        Some(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: RateLimitView = RateLimitView {
        limits: KeyRate {
            weight_per_minute: std::num::NonZeroU32::new(6_000).expect("not zero"),
            orders_per_10s: std::num::NonZeroU32::new(100).expect("not zero"),
        },
        used_weight: 70,
        order_count: None,
    };

    #[test]
    fn replies_get_an_array_and_events_do_not() {
        assert_eq!(
            VIEW.add_to(r#"{"id":1,"status":200,"result":{}} "#).as_deref(),
            Some(concat!(
                r#"{"id":1,"status":200,"result":{},"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","#,
                r#""intervalNum":1,"limit":6000,"count":70}]}"#
            ))
        );
        for other in [r#"{"subscriptionId":0,"event":{}}"#, r#"{"id":1,"status":200,"rateLimits":[]}"#, "[]", "", "{"] {
            assert_eq!(VIEW.add_to(other), None, "{other}");
        }
    }

    #[test]
    fn orders_come_first_as_at_the_venue() {
        let mut json = String::new();
        RateLimitView { order_count: Some(12), ..VIEW }.write_array(&mut json);
        assert_eq!(
            json,
            concat!(
                r#"[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100,"count":12},"#,
                r#"{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":70}]"#
            )
        );
        assert_eq!(headers(7, Some(2)).as_slice(), [(USED_WEIGHT_HEADER, 7), (USED_WEIGHT_1M_HEADER, 7), (ORDER_COUNT_10S_HEADER, 2)]);
        assert_eq!(headers(7, None).len(), 2);
    }
}
