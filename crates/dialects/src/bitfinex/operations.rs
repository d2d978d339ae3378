//! Operations at once: `ox_multi` over WebSocket, and over HTTP in the member `ops` of a body.

use countersign_core::{Refusal, Reject};
use serde_json::value::RawValue;

use crate::fields::{array, malformed, member, object};
use crate::limits;

/// Where they are sent over HTTP.
pub(super) const PATH: &str = "/v2/auth/w/order/multi";

/// Operations at once are those of orders: of funding among them no trading scope would be asked.
///
/// # Errors
/// [`Reject::RouteUnknown`] for any other; [`Reject::Malformed`], with the name of what they are in.
pub(super) fn only_of_orders(operations: &RawValue, name: &'static str) -> Result<(), Refusal> {
    for operation in array(operations, limits::FRAME_LIST_MAX, name)? {
        let pair = array(operation, 2, name)?;
        let kind: String = pair.first().and_then(|kind| serde_json::from_str(kind.get()).ok()).ok_or_else(|| malformed(name))?;
        if !matches!(kind.as_str(), "oc" | "oc_multi" | "on" | "ou") {
            return Err(Reject::RouteUnknown.into());
        }
    }
    Ok(())
}

/// As [`only_of_orders`], of a body.
///
/// # Errors
/// As there; [`Reject::Malformed`] where no list of operations is in it.
pub(super) fn only_of_orders_in(body: &[u8]) -> Result<(), Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("ops"))?;
    let body = object(text)?;
    only_of_orders(member(&body, "ops")?.ok_or_else(|| malformed("ops"))?, "ops")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Option<Reject> {
        only_of_orders_in(body.as_bytes()).err().map(|refusal| refusal.reject)
    }

    #[test]
    fn operations_of_orders_pass() {
        assert_eq!(refused(r#"{"ops":[["on",{}],["oc",{"id":1}],["oc_multi",{"id":[1]}],["ou",{}]]}"#), None);
        assert_eq!(refused(r#"{"ops":[]}"#), None);
    }

    #[test]
    fn funding_among_them_does_not() {
        for funding in ["fon", "foc", "fcc", "FON", ""] {
            assert_eq!(refused(&format!(r#"{{"ops":[["on",{{}}],["{funding}",{{}}]]}}"#)), Some(Reject::RouteUnknown), "{funding}");
        }
    }

    #[test]
    fn what_can_be_read_otherwise_is_refused() {
        for body in
            [r#"{"ops":[["on",{}]],"ops":[["fon",{}]]}"#, r#"{"ops":[["on",{}]],"Ops":[["fon",{}]]}"#, "{}", "[]", "", r#"{"ops":{}}"#]
        {
            assert_eq!(refused(body), Some(Reject::Malformed), "{body}");
        }
    }
}
