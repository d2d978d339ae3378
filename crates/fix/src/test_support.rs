//! Messages for tests, with `|` for SOH.

use crate::framer::check_sum;

/// Bytes with SOH for `|`.
pub(crate) fn fix(text: &str) -> Vec<u8> {
    text.replace('|', "\u{1}").into_bytes()
}

/// A whole message around a body that begins with MsgType.
pub(crate) fn sealed(begin_string: &str, body: &str) -> Vec<u8> {
    let body = fix(body);
    let mut message = fix(&format!("8={begin_string}|9={}|", body.len()));
    message.extend_from_slice(&body);
    let sum = check_sum(&message);
    message.extend_from_slice(&fix(&format!("10={sum:03}|")));
    message
}
