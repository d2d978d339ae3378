//! The vendor's names of instruments, orders and trades.
//!
//! | here | there |
//! |---|---|
//! | `BTCUSDT` | `BTC_USDT` |
//! | `BTCUSDT_261225` | `BTC_USDT-25DEC26` |
//! | `BTCUSDT_PERP` | `BTC_USDT-PERPETUAL` |
//! | `BTC-261225-100000-C` | `BTC_USDT-25DEC26-100000-C` |
//! | order 7 | `USDT-7` |

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::exchange::Exchange;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};

/// The vendor prefixes numbers with the currency that settles; here it is one for all.
const NUMBER_PREFIX: &str = "USDT-";

/// Day, month, year, as `25DEC26`; the day has no leading nought.
fn date_of(expiry_ms: u64) -> String {
    let stamp = Timestamp::from_millisecond(i64::try_from(expiry_ms).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX);
    stamp.to_zoned(TimeZone::UTC).strftime("%-d%b%y").to_string().to_ascii_uppercase()
}

/// The `instrument_name`.
pub(super) fn instrument_name(terms: &Instrument) -> String {
    let pair = format!("{}_{}", terms.base, terms.quote);
    match terms.kind {
        InstrumentKind::Future { expiry_ms } => format!("{pair}-{}", date_of(expiry_ms)),
        InstrumentKind::Option { expiry_ms, strike } => format!("{pair}-{}-{}-C", date_of(expiry_ms), strike.short()),
        InstrumentKind::Perpetual => format!("{pair}-PERPETUAL"),
        InstrumentKind::Spot => pair,
    }
}

/// The `kind`: a perpetual is a future there.
pub(super) const fn kind(terms: &Instrument) -> &'static str {
    match terms.kind {
        InstrumentKind::Perpetual => "future",
        kind @ (InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Spot) => kind.word(),
    }
}

/// Finds an instrument by its `instrument_name`.
pub(super) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    exchange.markets().iter().position(|market| instrument_name(&market.instrument) == name).map(MarketIndex)
}

/// Whether an instrument belongs to a `currency`: its base or its quote, or any.
pub(super) fn is_of(terms: &Instrument, currency: &str) -> bool {
    currency == "any" || currency.eq_ignore_ascii_case(&terms.base) || currency.eq_ignore_ascii_case(&terms.quote)
}

/// The vendor's form of an order or trade number.
pub(super) fn number_text(id: u64) -> String {
    format!("{NUMBER_PREFIX}{id}")
}

/// Reads an order number.
pub(super) fn read_number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(NUMBER_PREFIX)?;
    digits.parse().ok().filter(|id: &u64| id.to_string() == digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::VenueConfig;

    #[test]
    fn instruments_have_the_names_of_linear_ones() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        let names: Vec<String> = exchange.markets().iter().map(|market| instrument_name(&market.instrument)).collect();
        assert_eq!(names, ["BTC_USDT", "BTC_USDT-25DEC26", "BTC_USDT-25DEC26-100000-C", "BTC_USDT-PERPETUAL"]);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(find(&exchange, name), Some(MarketIndex(index)));
        }
        assert_eq!(find(&exchange, "BTCUSDT"), None);
    }

    #[test]
    fn numbers_read_back_and_nothing_else_does() {
        assert_eq!(read_number(&number_text(7)), Some(7));
        for text in ["7", "USDT-", "USDT-07", "USDT-x", "BTC-7"] {
            assert_eq!(read_number(text), None, "{text}");
        }
    }
}
