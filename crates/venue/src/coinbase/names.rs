//! The vendor's names: products, and the UUIDs it gives to orders and accounts.
//!
//! | here | there |
//! |---|---|
//! | `BTCUSDT` | `BTC-USDT` |
//! | order 7 | `00000000-0000-4000-8000-000000000007` |
//! | the BTC of an account | `00000000-0000-4000-9000-000000425443` |

use jiff::Timestamp;

use crate::exchange::Exchange;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
pub(super) use crate::facade::{order_uuid as order_text, read_order_uuid as read_order};

const ACCOUNT_PREFIX: &str = "00000000-0000-4000-9000-";
/// Hexadecimal digits of a UUID's last group.
const LAST_GROUP_DIGITS: usize = 12;

/// The `product_id`.
pub(super) fn product_id(terms: &Instrument) -> String {
    format!("{}-{}", terms.base, terms.quote)
}

/// The listed products.
pub(super) fn products(exchange: &Exchange) -> impl Iterator<Item = MarketIndex> + '_ {
    let markets = exchange.markets().iter().enumerate();
    markets.filter(|(_, market)| matches!(market.instrument.kind, InstrumentKind::Spot)).map(|(index, _)| MarketIndex(index))
}

/// Finds a product.
pub(super) fn find(exchange: &Exchange, id: &str) -> Option<MarketIndex> {
    products(exchange).find(|index| product_id(&exchange.market(*index).instrument) == id)
}

/// The UUID of one currency's account: its name, as bytes.
pub(super) fn account_text(currency: &str) -> String {
    let digits: String = currency.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{ACCOUNT_PREFIX}{digits:0>LAST_GROUP_DIGITS$}")
}

/// A person's name for a currency.
pub(super) fn currency_name(currency: &str) -> &str {
    match currency {
        "BTC" => "Bitcoin",
        "USDT" => "Tether",
        other => other,
    }
}

/// Unix milliseconds of an RFC 3339 time.
pub(super) fn read_time(text: &str) -> Option<u64> {
    let stamp: Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_read_back() {
        assert_eq!(order_text(7), "00000000-0000-4000-8000-000000000007");
        assert_eq!(account_text("BTC"), "00000000-0000-4000-9000-000000425443");
        for id in [0, 7, 0xFFFF_FFFF_FFFF] {
            assert_eq!(read_order(&order_text(id)), Some(id));
        }
        for text in ["", "7", "00000000-0000-4000-8000-7", "00000000-0000-4000-9000-000000000007", "00000000-0000-4000-8000-+00000000007"] {
            assert_eq!(read_order(text), None, "{text}");
        }
    }
}
