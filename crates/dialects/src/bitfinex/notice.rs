//! What a refused frame is answered: as the venue answers frames of its kind.
//!
//! ```text
//!   {"event":"auth",…}          ──▶ {"event":"auth","status":"FAILED","chanId":0,"code":…,"msg":…}
//!   [0,"on",null,{…}]           ──▶ [0,"n",[MTS,"on-req",null,null,ORDER,CODE,"ERROR",TEXT]]
//!   {"event":"subscribe",…}, …  ──▶ {"event":"error","msg":…,"code":…}
//! ```
//!
//! Clients take a failed login for the end of all they do, and wait for the notice to an input by the order's `id` or `cid`.
//!
//! Source: the venue's "Notifications", "Account Info" and "Info Messages"; bitfinex-api-py reads 32 elements of an order whatever the
//! status is.

use serde_json::value::RawValue;

use crate::answer::quoted;
use crate::fields::object;

/// Elements of an order (vendor, "Order").
const ORDER_ELEMENTS: usize = 32;

/// Which of them an input names.
const NAMED: [(usize, &str); 8] =
    [(0, "id"), (1, "gid"), (2, "cid"), (3, "symbol"), (6, "amount"), (7, "amount"), (8, "type"), (16, "price")];

/// The longest value that is repeated: symbols, types and decimals are shorter.
const VALUE_BYTES_MAX: usize = 64;

/// What the notice to a refused input repeats: `"on-req",null,null,ORDER`. Nothing for what the venue has no notice for.
pub(super) fn of_input(kind: &str, details: &RawValue) -> Option<String> {
    match kind {
        "on" | "ou" | "oc" => Some(format!(r#""{kind}-req",null,null,[{}]"#, order(details))),
        "oc_multi" | "ox_multi" => Some(format!(r#""{kind}-req",null,null,null"#)),
        _ => None,
    }
}

/// An order, as far as the input names it.
fn order(details: &RawValue) -> String {
    let details = object(details.get()).ok();
    let told = |name| details.as_ref().and_then(|details| details.member(name)).map(RawValue::get).filter(|value| is_plain(value));
    let mut elements = ["null"; ORDER_ELEMENTS];
    for (index, name) in NAMED {
        elements[index] = told(name).unwrap_or("null");
    }
    elements.join(",")
}

/// A number or a short text: what an order has.
fn is_plain(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX && !value.starts_with(['{', '['])
}

/// The answer to an input, with what [`of_input`] says of it, and the number at its end where answers are numbered.
pub(super) fn refused_input(now_ms: u64, repeated: &str, (code, text): (u32, &str), number: Option<u64>) -> String {
    let number = number.map(|number| format!(",{number}")).unwrap_or_default();
    format!(r#"[0,"n",[{now_ms},{repeated},{code},"ERROR",{}]{number}]"#, quoted(text))
}

/// The answer to a login.
pub(super) fn refused_login(code: u32, text: &str) -> String {
    format!(r#"{{"event":"auth","status":"FAILED","chanId":0,"code":{code},"msg":{}}}"#, quoted(text))
}

/// The answer to any other frame.
pub(super) fn refused_event(code: u32, text: &str) -> String {
    format!(r#"{{"event":"error","msg":{},"code":{code}}}"#, quoted(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn repeated(kind: &str, details: &str) -> Option<String> {
        of_input(kind, serde_json::from_str(details).unwrap())
    }

    #[test]
    fn a_notice_has_every_element_of_an_order() {
        for details in [r#"{"cid":7,"symbol":"tBTCUSD","amount":"-1","price":"5","meta":{"aff_code":"x"}}"#, "{}", "[]", "null", "7"] {
            let notice = format!("[{}]", repeated("on", details).unwrap());
            let elements: Vec<serde_json::Value> = serde_json::from_str(&notice).unwrap();
            assert_eq!((&elements[0], elements[3].as_array().unwrap().len()), (&"on-req".into(), ORDER_ELEMENTS), "{details}");
        }
    }

    #[test]
    fn a_notice_repeats_what_tells_the_order_and_nothing_long() {
        let details = format!(r#"{{"id":[1],"cid":7,"symbol":"{}"}}"#, "t".repeat(VALUE_BYTES_MAX));
        assert!(repeated("on", &details).unwrap().starts_with(r#""on-req",null,null,[null,null,7,null,"#));
        assert!(repeated("oc", r#"{"id":12,"cid":"a\"b"}"#).unwrap().starts_with(r#""oc-req",null,null,[12,null,"a\"b",null,"#));
        assert_eq!(repeated("ox_multi", "[]").unwrap(), r#""ox_multi-req",null,null,null"#);
        assert_eq!(repeated("calc", "[]"), None);
    }
}
