//! Order numbers in the form of a UUID, for the venues that name orders so.
//!
//! | here | there |
//! |---|---|
//! | order 7 | `00000000-0000-4000-8000-000000000007` |

use crate::exchange::order::OrderId;

const PREFIX: &str = "00000000-0000-4000-8000-";
/// Hexadecimal digits of a UUID's last group.
const LAST_GROUP_DIGITS: usize = 12;

/// The UUID of an order.
pub(crate) fn order_uuid(id: OrderId) -> String {
    format!("{PREFIX}{id:012x}")
}

/// Reads what [`order_uuid`] wrote.
pub(crate) fn read_order_uuid(text: &str) -> Option<OrderId> {
    let digits = text.strip_prefix(PREFIX)?;
    let hex = digits.len() == LAST_GROUP_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| hex)
}
