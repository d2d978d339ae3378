//! The vendor's names, and amounts in its units.
//!
//! | here | there |
//! |---|---|
//! | `BTCUSDT` | `XBT_USDT` |
//! | 0.01 BTC | 1000000 `XBt` |
//! | 1.5 USDT | 1500000 `USDt` |

use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::operations::spot_markets;

/// An asset as it is quoted.
pub(super) fn asset(name: &str) -> &str {
    if name == "BTC" { "XBT" } else { name }
}

/// The unit in which an asset is counted.
pub(super) fn unit(name: &str) -> String {
    let name = asset(name);
    // The vendor writes the last letter of a unit small.
    let (head, tail) = name.split_at(name.len().saturating_sub(1));
    format!("{head}{}", tail.to_lowercase())
}

/// Decimal places of an asset's unit.
pub(super) fn scale(name: &str) -> u32 {
    if name == "USDT" { 6 } else { 8 }
}

/// Units of 10⁻⁸ in one unit of the asset.
fn step(name: &str) -> i128 {
    10_i128.pow(8 - scale(name))
}

/// An amount in whole units, rounded towards zero.
pub(super) fn units(name: &str, amount: Fixed) -> i64 {
    i64::try_from(amount.units() / step(name)).unwrap_or(i64::MAX)
}

/// The amount of so many units.
pub(super) fn amount(name: &str, units: u64) -> Fixed {
    Fixed::from_units(i128::from(units) * step(name))
}

/// A pair.
pub(super) fn symbol(terms: &Instrument) -> String {
    format!("{}_{}", asset(&terms.base), asset(&terms.quote))
}

/// Finds a pair.
pub(super) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    spot_markets(exchange).find(|(_, market)| symbol(&market.instrument) == name).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_are_whole_units_of_their_asset() {
        let third = Fixed::parse("0.33333333").unwrap();
        assert_eq!((units("BTC", third), units("USDT", third)), (33_333_333, 333_333));
        assert_eq!((amount("BTC", 1_000_000).short(), amount("USDT", 1_500_000).short()), ("0.01".to_owned(), "1.5".to_owned()));
        assert_eq!((unit("BTC").as_str(), unit("USDT").as_str()), ("XBt", "USDt"));
    }
}
