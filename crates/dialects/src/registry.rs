//! Dialects by the name that the configuration uses.

use crate::binance::rest::BinanceRest;
use crate::dialect::Dialect;

/// All HTTP dialects, in the order they are shown.
pub const ALL: [&dyn Dialect; 1] = [&BinanceRest];

/// The dialect of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    ALL.into_iter().find(|dialect| dialect.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_found_by_its_name() {
        for dialect in ALL {
            assert!(by_name(dialect.name()).is_some_and(|found| found.purpose() == dialect.purpose()));
        }
        assert!(by_name("nowhere").is_none());
    }
}
