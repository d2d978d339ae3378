//! The vendor's names of assets, pairs, orders and trades.
//!
//! | here | REST | WebSocket v2 |
//! |---|---|---|
//! | BTC | `XXBT`, also `XBT` | `BTC` |
//! | BTCUSDT | `XBTUSDT`, also `XBT/USDT` | `BTC/USDT` |
//! | order 7 | `O00000-00000-000007` | the same |

use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::OrderId;

/// The REST id of an asset.
pub(super) fn asset_id(asset: &str) -> &str {
    if asset == "BTC" { "XXBT" } else { asset }
}

/// The REST short name of an asset.
pub(super) fn asset_altname(asset: &str) -> &str {
    if asset == "BTC" { "XBT" } else { asset }
}

/// The REST name of a pair.
pub(super) fn pair(instrument: &Instrument) -> String {
    format!("{}{}", asset_altname(&instrument.base), asset_altname(&instrument.quote))
}

/// The name of a pair on the first WebSocket API, which REST still tells.
pub(super) fn old_ws_name(instrument: &Instrument) -> String {
    format!("{}/{}", asset_altname(&instrument.base), asset_altname(&instrument.quote))
}

/// The name of a pair on WebSocket v2.
pub(super) fn symbol(instrument: &Instrument) -> String {
    format!("{}/{}", instrument.base, instrument.quote)
}

/// The listed pairs.
pub(super) fn pairs(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Instrument)> {
    let markets = exchange.markets().iter().enumerate();
    let spot = markets.filter(|(_, market)| matches!(market.instrument.kind, InstrumentKind::Spot));
    spot.map(|(index, market)| (MarketIndex(index), &market.instrument))
}

/// Finds a pair by any of its names.
pub(super) fn find_pair(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    let is = |instrument: &Instrument| name == pair(instrument) || name == old_ws_name(instrument) || name == symbol(instrument);
    pairs(exchange).find(|(_, instrument)| is(instrument)).map(|(index, _)| index)
}

fn number_text(letter: char, number: u64) -> String {
    format!("{letter}{:05}-{:05}-{:06}", number / 100_000_000_000, number / 1_000_000 % 100_000, number % 1_000_000)
}

/// The vendor's form of an amendment's number.
pub(super) fn amend_text(number: u64) -> String {
    number_text('A', number)
}

/// The vendor's form of an order number.
pub(super) fn order_text(id: OrderId) -> String {
    number_text('O', id)
}

/// The vendor's form of a trade number.
pub(super) fn trade_text(id: u64) -> String {
    number_text('T', id)
}

fn read(letter: char, text: &str) -> Option<u64> {
    let digits: String = text.strip_prefix(letter)?.split('-').collect();
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (number_text(letter, number) == text).then_some(number)
}

/// Reads an order number.
pub(super) fn read_order(text: &str) -> Option<OrderId> {
    read('O', text)
}

/// Reads a trade number.
pub(super) fn read_trade(text: &str) -> Option<u64> {
    read('T', text)
}

/// Decimal places of a step, as `pair_decimals` tells them.
pub(super) fn places(step: Fixed) -> usize {
    step.short().split_once('.').map_or(0, |(_, places)| places.len())
}

/// A decimal with exactly so many places (at most eight); further ones are cut off.
pub(super) fn with_places(value: Fixed, places: usize) -> String {
    let text = value.to_string();
    let end = text.len() - 8_usize.saturating_sub(places);
    text[..end].trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn order_numbers_read_back_and_nothing_else_does() {
        for id in [0, 7, 1_000_000, 123_456_789_012_345] {
            assert_eq!(read_order(&order_text(id)), Some(id));
        }
        for text in ["", "O", "7", "O00000-00000-00007", "T00000-00000-000007", "O00000-00000-00000x", "O0000000000000007"] {
            assert_eq!(read_order(text), None, "{text}");
        }
    }

    #[test]
    fn decimals_have_the_places_of_their_step() {
        assert_eq!(places(Fixed::parse("0.01").unwrap()), 2);
        assert_eq!(places(Fixed::whole(5)), 0);
        let value = Fixed::parse("50000.129").unwrap();
        assert_eq!((with_places(value, 2).as_str(), with_places(value, 0).as_str()), ("50000.12", "50000"));
    }
}
