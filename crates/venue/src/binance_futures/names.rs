//! Which instruments the façade lists: futures that have not expired, under their own symbols.

use super::error::FuturesError;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;

/// The contracts that are traded.
pub(super) fn contracts(exchange: &Exchange) -> impl Iterator<Item = (MarketIndex, &Market)> {
    let numbered = exchange.markets().iter().enumerate().map(|(number, market)| (MarketIndex(number), market));
    numbered.filter(|(_, market)| matches!(market.instrument.kind, InstrumentKind::Future { .. }) && !market.instrument.expired)
}

/// Whether an instrument is a contract of this façade, traded or expired.
pub(super) fn is_contract(exchange: &Exchange, market: MarketIndex) -> bool {
    matches!(exchange.market(market).instrument.kind, InstrumentKind::Future { .. })
}

/// The contract that `symbol` names.
pub(super) fn market_of(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, FuturesError> {
    let name = fields.need("symbol")?;
    let found = contracts(exchange).find(|(_, market)| market.instrument.symbol == name);
    found.map(|(index, _)| index).ok_or_else(FuturesError::unknown_symbol)
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
    fn the_future_is_listed_and_nothing_else() {
        let exchange = Exchange::open(&VenueConfig::default(), 1_795_219_200_000);
        let names: Vec<&str> = contracts(&exchange).map(|(_, market)| market.instrument.symbol.as_str()).collect();
        assert_eq!(names, ["BTCUSDT_261225"]);
        let named = |query: &str| market_of(&exchange, &Fields::from_query(query).unwrap()).map(|index| is_contract(&exchange, index));
        assert!(named("symbol=BTCUSDT_261225").unwrap());
        for query in ["symbol=BTCUSDT", "symbol=btcusdt_261225", "symbol=BTC-261225-100000-C"] {
            assert_eq!(named(query).unwrap_err(), FuturesError::unknown_symbol(), "{query}");
        }
    }
}
