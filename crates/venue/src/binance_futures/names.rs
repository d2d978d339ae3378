//! Which instruments the façade lists: the perpetual under the name of its pair, and futures that have not expired under their own.

use super::error::FuturesError;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex, PERPETUAL_SUFFIX};
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;

/// The name of an instrument at the vendor, whose spot and futures are places of their own: both have a `BTCUSDT`.
pub(crate) fn symbol(terms: &Instrument) -> &str {
    terms.symbol.strip_suffix(PERPETUAL_SUFFIX).unwrap_or(&terms.symbol)
}

/// The contracts that are traded, the perpetual first.
pub(crate) fn contracts(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Market)> {
    traded(exchange, true).chain(traded(exchange, false))
}

/// Those that clients are told of when they ask what there is.
pub(super) fn listed(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Market)> {
    contracts(exchange).filter(|(_, market)| exchange.lists_perpetual || market.instrument.kind != InstrumentKind::Perpetual)
}

fn traded(exchange: &Exchange, perpetual: bool) -> impl Iterator<Item = (MarketIndex, &Market)> {
    let numbered = exchange.markets().iter().enumerate().map(|(number, market)| (MarketIndex(number), market));
    let open = numbered.filter(|(_, market)| market.instrument.kind.is_linear_future() && !market.instrument.expired);
    open.filter(move |(_, market)| (market.instrument.kind == InstrumentKind::Perpetual) == perpetual)
}

/// Whether an instrument is a contract of this façade, traded or expired.
pub(super) fn is_contract(exchange: &Exchange, market: MarketIndex) -> bool {
    exchange.market(market).instrument.kind.is_linear_future()
}

/// The contract that `symbol` names.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, FuturesError> {
    find(exchange, fields.need("symbol")?).ok_or_else(FuturesError::unknown_symbol)
}

/// The contract of this name.
pub(crate) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    contracts(exchange).find(|(_, market)| symbol(&market.instrument) == name).map(|(index, _)| index)
}

/// The contract that `symbol` names, if it is sent.
pub(super) fn market_if_named(exchange: &Exchange, fields: &Fields) -> Result<Option<MarketIndex>, FuturesError> {
    fields.find("symbol").map(|_| market_of(exchange, fields)).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::VenueConfig;

    #[test]
    fn perpetual_and_future_are_traded_and_nothing_else() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        assert_eq!(listed(&exchange).map(|(_, market)| symbol(&market.instrument)).collect::<Vec<_>>(), ["BTCUSDT_261225"]);
        let all = Exchange::open(&VenueConfig { lists_perpetual: true, ..VenueConfig::default() }, 1_795_219_200_000);
        assert!(listed(&all).map(|(index, _)| index).eq(contracts(&all).map(|(index, _)| index)));
        let names: Vec<&str> = contracts(&exchange).map(|(_, market)| symbol(&market.instrument)).collect();
        assert_eq!(names, ["BTCUSDT", "BTCUSDT_261225"]);
        let named = |query: &str| market_of(&exchange, &Fields::from_query(query).unwrap()).map(|index| is_contract(&exchange, index));
        assert!(named("symbol=BTCUSDT_261225").unwrap() && named("symbol=BTCUSDT").unwrap());
        for query in ["symbol=BTCUSDT_PERP", "symbol=btcusdt_261225", "symbol=BTC-261225-100000-C"] {
            assert_eq!(named(query).unwrap_err(), FuturesError::unknown_symbol(), "{query}");
        }
    }
}
