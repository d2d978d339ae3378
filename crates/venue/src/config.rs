//! What can be set, with defaults that trade at once.

use std::time::Duration;

use crate::exchange::fixed::Fixed;

/// Settings of a venue.
#[derive(Clone, Debug)]
pub struct VenueConfig {
    /// Seed of the market maker: the same seed gives the same market.
    pub seed: u64,
    /// How often the market moves.
    pub tick_interval: Duration,
    /// What an account finds when it is seen for the first time: asset and amount.
    pub starting_balances: Vec<(String, Fixed)>,
    /// The `aud` claim an identity must carry.
    pub audience: String,
    /// Commission on what a trade brings in, in basis points, paid to the house.
    pub commission_basis_points: u32,
    /// Expiry of the first future and option, Unix milliseconds; `None` takes the calendar's.
    pub first_expiry_ms: Option<u64>,
    /// Whether `exchangeInfo` of Binance's USD-M futures lists the perpetual. It trades as `BTCUSDT` in any case; but a client that
    /// knows of both `BTCUSDT`, spot's and this one, and tells their streams apart by the vendor's host names, takes the one for the
    /// other where both have one address (ccxt's class `binance`).
    pub lists_perpetual: bool,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            seed: 2_026,
            tick_interval: Duration::from_millis(250),
            starting_balances: vec![("BTC".to_owned(), Fixed::whole(10)), ("USDT".to_owned(), Fixed::whole(1_000_000))],
            audience: "venue".to_owned(),
            commission_basis_points: 10,
            first_expiry_ms: None,
            lists_perpetual: false,
        }
    }
}
