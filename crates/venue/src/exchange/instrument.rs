//! What is listed: one spot pair, one perpetual, one dated future, one option; their filters and expiries.
//!
//! Future and option expire at 08:00 UTC on the last Friday of a quarter (the delivery
//! calendar of the large venues). When they expire they are settled and the next quarter
//! is listed, so that the venue always trades four instruments.

use std::sync::Arc;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use super::fixed::Fixed;
use crate::config::VenueConfig;

/// A freshly listed contract lives at least this long; otherwise the next quarter is listed.
const LISTED_DAYS_MIN: i64 = 7;
const DAY_MS: u64 = 86_400_000;
/// Spot price around which a new venue starts, in USDT.
pub const START_PRICE: i64 = 100_000;
/// Options are listed with a strike at the multiple of this nearest to the money, in USDT.
const STRIKE_STEP: i64 = 10_000;

/// What the name of a perpetual ends with here, where the pair's own name is spot's.
pub const PERPETUAL_SUFFIX: &str = "_PERP";

/// Index of a listed instrument.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MarketIndex(pub usize);

/// What kind of contract.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InstrumentKind {
    /// Linear future, margined and cash-settled in the quote asset.
    Future {
        /// Delivery, Unix milliseconds.
        expiry_ms: u64,
    },
    /// European call, premium paid at once, cash-settled in the quote asset.
    Option {
        /// Exercise, Unix milliseconds.
        expiry_ms: u64,
        /// Price above which the call pays.
        strike: Fixed,
    },
    /// Linear future without an end, margined and settled in the quote asset.
    Perpetual,
    /// Immediate exchange of base for quote.
    Spot,
}

impl InstrumentKind {
    /// One lower-case word for documents on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Future { .. } => "future",
            Self::Option { .. } => "option",
            Self::Perpetual => "perpetual",
            Self::Spot => "spot",
        }
    }

    /// Whether it is a linear future, with or without an end.
    #[must_use]
    pub const fn is_linear_future(self) -> bool {
        matches!(self, Self::Future { .. } | Self::Perpetual)
    }

    /// Whether it is a pair of two assets, and no contract.
    #[must_use]
    pub const fn is_spot(self) -> bool {
        matches!(self, Self::Spot)
    }

    /// Expiry in Unix milliseconds; `None` for what has none.
    #[must_use]
    pub const fn expiry_ms(self) -> Option<u64> {
        match self {
            Self::Future { expiry_ms } | Self::Option { expiry_ms, .. } => Some(expiry_ms),
            Self::Perpetual | Self::Spot => None,
        }
    }
}

/// Terms and filters of one instrument.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// Name on the wire, e.g. `BTCUSDT`.
    pub symbol: String,
    /// Asset bought and sold.
    pub base: Arc<str>,
    /// Asset paid with.
    pub quote: Arc<str>,
    /// Contract kind.
    pub kind: InstrumentKind,
    /// Price step.
    pub tick: Fixed,
    /// Quantity step and smallest quantity.
    pub lot: Fixed,
    /// Largest quantity of one order.
    pub quantity_max: Fixed,
    /// Largest price.
    pub price_max: Fixed,
    /// Smallest price × quantity of one order.
    pub notional_min: Fixed,
    /// Margin of a derivative position as basis points of its notional.
    pub margin_points: u32,
    /// No longer traded.
    pub expired: bool,
}

impl Instrument {
    /// Price in ticks, as the book counts.
    #[must_use]
    pub fn ticks(&self, price: Fixed) -> u128 {
        price.units().unsigned_abs() / self.tick.units().unsigned_abs()
    }

    /// Price of a number of ticks.
    #[must_use]
    pub fn price_of(&self, ticks: u128) -> Fixed {
        let ticks = i128::try_from(ticks).unwrap_or_else(|_| i128::MAX / self.tick.units());
        Fixed::from_units(ticks * self.tick.units())
    }

    /// Quantity in lots, as the book counts.
    #[must_use]
    pub fn lots(&self, quantity: Fixed) -> u64 {
        let lots = quantity.units().unsigned_abs() / self.lot.units().unsigned_abs();
        u64::try_from(lots).unwrap_or(u64::MAX)
    }

    /// Quantity of a number of lots.
    #[must_use]
    pub fn quantity_of(&self, lots: u64) -> Fixed {
        Fixed::from_units(i128::from(lots) * self.lot.units())
    }
}

/// The instruments of a new venue.
#[must_use]
pub fn listing(config: &VenueConfig, now_ms: u64) -> Vec<Instrument> {
    let expiry_ms = config.first_expiry_ms.unwrap_or_else(|| next_expiry(now_ms));
    let strike = Fixed::whole(START_PRICE);
    vec![spot(), future(expiry_ms), option(expiry_ms, strike), perpetual()]
}

/// The successor of an expired contract; `None` for what does not expire.
#[must_use]
pub fn successor(instrument: &Instrument, now_ms: u64, spot: Fixed) -> Option<Instrument> {
    let expiry_ms = next_expiry(now_ms);
    match instrument.kind {
        InstrumentKind::Future { .. } => Some(future(expiry_ms)),
        InstrumentKind::Option { .. } => {
            let half = Fixed::whole(STRIKE_STEP / 2);
            let strike = (spot + half).floor_to(Fixed::whole(STRIKE_STEP));
            Some(option(expiry_ms, strike.max(Fixed::whole(STRIKE_STEP))))
        }
        InstrumentKind::Perpetual | InstrumentKind::Spot => None,
    }
}

fn spot() -> Instrument {
    Instrument {
        symbol: "BTCUSDT".to_owned(),
        base: Arc::from("BTC"),
        quote: Arc::from("USDT"),
        kind: InstrumentKind::Spot,
        tick: Fixed::from_units(1_000_000),
        lot: Fixed::from_units(1_000),
        quantity_max: Fixed::whole(9_000),
        price_max: Fixed::whole(1_000_000),
        notional_min: Fixed::whole(5),
        margin_points: 0,
        expired: false,
    }
}

fn future(expiry_ms: u64) -> Instrument {
    let day = day_of(expiry_ms);
    Instrument {
        symbol: format!("BTCUSDT_{}", compact(day)),
        kind: InstrumentKind::Future { expiry_ms },
        tick: Fixed::from_units(10_000_000),
        lot: Fixed::from_units(100_000),
        quantity_max: Fixed::whole(1_000),
        margin_points: 1_000,
        ..spot()
    }
}

/// The terms of the future, without its end.
fn perpetual() -> Instrument {
    Instrument { symbol: format!("BTCUSDT{PERPETUAL_SUFFIX}"), kind: InstrumentKind::Perpetual, ..future(0) }
}

fn option(expiry_ms: u64, strike: Fixed) -> Instrument {
    let day = day_of(expiry_ms);
    Instrument {
        symbol: format!("BTC-{}-{}-C", compact(day), strike.short()),
        kind: InstrumentKind::Option { expiry_ms, strike },
        tick: Fixed::whole(5),
        lot: Fixed::from_units(1_000_000),
        quantity_max: Fixed::whole(500),
        margin_points: 1_500,
        ..spot()
    }
}

fn compact(day: Date) -> String {
    format!("{:02}{:02}{:02}", day.year().rem_euclid(100), day.month(), day.day())
}

fn day_of(at_ms: u64) -> Date {
    let millis = i64::try_from(at_ms).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    stamp.to_zoned(TimeZone::UTC).date()
}

/// The first quarterly expiry at least a week away.
#[must_use]
pub fn next_expiry(now_ms: u64) -> u64 {
    let earliest = now_ms + u64::try_from(LISTED_DAYS_MIN).unwrap_or(0) * DAY_MS;
    let year = day_of(now_ms).year();
    let quarters = (year..=year.saturating_add(1)).flat_map(|year| [3, 6, 9, 12].map(|month| (year, month)));
    quarters.map(|(year, month)| expiry_in(year, month)).find(|expiry| *expiry >= earliest).unwrap_or(earliest)
}

/// 08:00 UTC on the last Friday of a month, Unix milliseconds.
fn expiry_in(year: i16, month: i8) -> u64 {
    let first = date(year, month, 1);
    let friday = first.nth_weekday_of_month(-1, Weekday::Friday).unwrap_or(first);
    let stamp = friday.at(8, 0, 0, 0).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_millisecond());
    stamp.ok().and_then(|millis| u64::try_from(millis).ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// 2026-11-21T00:00:00Z.
    const NOVEMBER: u64 = 1_795_219_200_000;

    #[test]
    fn lists_the_last_friday_of_the_quarter() {
        let listed = listing(&VenueConfig::default(), NOVEMBER);
        let symbols: Vec<&str> = listed.iter().map(|one| one.symbol.as_str()).collect();
        assert_eq!(symbols, ["BTCUSDT", "BTCUSDT_261225", "BTC-261225-100000-C", "BTCUSDT_PERP"]);
        // 2026-12-25T08:00:00Z
        assert_eq!(listed[1].kind.expiry_ms(), Some(1_798_185_600_000));
    }

    #[test]
    fn skips_a_quarter_that_ends_within_the_week() {
        let late = 1_798_185_600_000 - 6 * DAY_MS;
        // 2027-03-26T08:00:00Z
        assert_eq!(next_expiry(late), 1_806_048_000_000);
    }

    #[test]
    fn the_next_option_is_struck_near_the_money() {
        let old = listing(&VenueConfig::default(), NOVEMBER).swap_remove(2);
        let next = successor(&old, NOVEMBER, Fixed::whole(126_000)).unwrap();
        assert_eq!(next.symbol, "BTC-261225-130000-C");
    }

    #[test]
    fn ticks_and_lots_are_exact() {
        let spot = spot();
        let price = Fixed::parse("100000.01").unwrap();
        assert_eq!(spot.ticks(price), 10_000_001);
        assert_eq!(spot.price_of(10_000_001), price);
        let quantity = Fixed::parse("0.00123").unwrap();
        assert_eq!((spot.lots(quantity), spot.quantity_of(123)), (123, quantity));
    }
}
