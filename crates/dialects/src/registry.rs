//! Dialects by the name that the configuration uses, and by the purpose of their credentials.

use countersign_core::Purpose;

use crate::binance::rest::BinanceRest;
use crate::bitfinex::Bitfinex;
use crate::bitmex::Bitmex;
use crate::bybit::Bybit;
use crate::coinbase::rest::Coinbase;
use crate::coinbase_exchange::CoinbaseExchange;
use crate::deribit::http::Deribit;
use crate::dialect::Dialect;
use crate::gate::Gate;
use crate::gemini::Gemini;
use crate::http_signature::HttpSignature;
use crate::hyperliquid::Hyperliquid;
use crate::kraken::Kraken;
use crate::kraken_futures::KrakenFutures;
use crate::kucoin::Kucoin;
use crate::okx::Okx;

/// All HTTP dialects, in the order they are shown.
pub const ALL: [&dyn Dialect; 15] = [
    &BinanceRest,
    &Bitfinex,
    &Bitmex,
    &Bybit,
    &Coinbase,
    &CoinbaseExchange,
    &Deribit,
    &Gate,
    &Gemini,
    &HttpSignature,
    &Hyperliquid,
    &Kraken,
    &KrakenFutures,
    &Kucoin,
    &Okx,
];

/// The dialect of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    ALL.into_iter().find(|dialect| dialect.name() == name)
}

/// The dialect that the credentials of this purpose are for; `None` for the native handshake and client certificates.
#[must_use]
pub fn of_purpose(purpose: Purpose) -> Option<&'static dyn Dialect> {
    ALL.into_iter().find(|dialect| dialect.purpose() == purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_found_by_its_name() {
        for dialect in ALL {
            assert!(by_name(dialect.name()).is_some_and(|found| found.purpose() == dialect.purpose()));
            assert!(of_purpose(dialect.purpose()).is_some_and(|found| found.name() == dialect.name()));
        }
        assert!(by_name("nowhere").is_none());
    }
}
