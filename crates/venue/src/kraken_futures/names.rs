//! The vendor's names of contracts and currencies.
//!
//! | here | there |
//! |---|---|
//! | `BTCUSDT_261225` | `FF_XBTUSD_261225` |
//! | BTC, USDT | `XBT`, `USD` |

use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::{Exchange, Market};

/// A currency.
pub(super) fn currency(asset: &str) -> &str {
    match asset {
        "BTC" => "XBT",
        "USDT" => "USD",
        other => other,
    }
}

/// A contract.
pub(super) fn symbol(terms: &Instrument) -> String {
    let day = terms.symbol.rsplit('_').next().unwrap_or_default();
    format!("FF_{}{}_{day}", currency(&terms.base), currency(&terms.quote))
}

/// The contracts that are traded.
pub(super) fn contracts(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Market)> {
    let numbered = exchange.markets().iter().enumerate().map(|(number, market)| (MarketIndex(number), market));
    numbered.filter(|(_, market)| matches!(market.instrument.kind, InstrumentKind::Future { .. }) && !market.instrument.expired)
}

/// Finds a contract; the vendor takes its name in any case.
pub(super) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    contracts(exchange).find(|(_, market)| symbol(&market.instrument).eq_ignore_ascii_case(name)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::VenueConfig;

    #[test]
    fn the_future_is_listed_and_nothing_else() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        let names: Vec<String> = contracts(&exchange).map(|(_, market)| symbol(&market.instrument)).collect();
        let [name] = names.as_slice() else { panic!("{names:?}") };
        assert!(name.starts_with("FF_XBTUSD_2"), "{name}");
        let found = find(&exchange, &name.to_lowercase()).unwrap();
        assert!(matches!(exchange.market(found).instrument.kind, InstrumentKind::Future { .. }));
        assert_eq!(find(&exchange, "BTCUSDT"), None);
    }
}
