//! The seeded market maker: a random walk, quotes around it, and a little flow against them.
//!
//! Every tick: move the spot mid → withdraw all own quotes → quote anew on every instrument
//! → send a few small takers. Its new quotes meet resting client orders they cross, so a
//! client order fills either at once (through the spread) or when the market comes to it.
//!
//! The derivative prices are plausible, not a model: the perpetual is worth its underlying, the future carries 5 % a year, the call
//! is worth its intrinsic value plus a time value that shrinks with √time and with distance
//! from the strike.

use std::sync::Arc;

use super::event::Event;
use super::fixed::Fixed;
use super::instrument::{Instrument, InstrumentKind, MarketIndex, START_PRICE};
use super::order::{DAY_MS, Order, OrderId, OrderKind, OrderStatus, Side, TimeInForce};
use super::tape::{Candle, MINUTE_MS};
use super::{Exchange, HOUSE};

/// Levels per side on spot and on contracts; 20 is the deepest partial-depth stream.
const SPOT_LEVELS: u64 = 20;
const CONTRACT_LEVELS: u64 = 10;
/// Largest step of the spot mid per tick, in spot ticks (0.01 USDT).
const STEP_TICKS_MAX: u64 = 800;
/// The walk is pushed back beyond this distance from the start, in USDT.
const RANGE: i64 = 30_000;
/// History written when a venue opens.
const HISTORY_MINUTES: u64 = 1_440;

/// SplitMix64: the public-domain generator of Steele, Lea and Flood (2014). Statistical
/// quality is all a synthetic market needs; nothing secret depends on it.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`.
    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// State of the market maker.
#[derive(Clone, Debug)]
pub struct Maker {
    random: SplitMix,
    spot: Fixed,
    quotes: Vec<OrderId>,
}

impl Maker {
    /// A maker that has not quoted yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: SplitMix(seed), spot: Fixed::whole(START_PRICE), quotes: Vec::new() }
    }

    /// The mid of the spot market: the price of the underlying for settlements.
    #[must_use]
    pub const fn spot(&self) -> Fixed {
        self.spot
    }

    fn step(&mut self) {
        let size = i128::from(self.random.below(STEP_TICKS_MAX + 1)) * 1_000_000;
        let from_start = self.spot - Fixed::whole(START_PRICE);
        let up = if from_start.abs() > Fixed::whole(RANGE) { !from_start.is_positive() } else { self.random.below(2) == 0 };
        self.spot += Fixed::from_units(if up { size } else { -size });
    }
}

/// What an instrument is worth when the underlying is at `spot`.
#[must_use]
pub fn fair_price(instrument: &Instrument, spot: Fixed, now_ms: u64) -> Fixed {
    let days = |expiry_ms: u64| i64::try_from(expiry_ms.saturating_sub(now_ms) / DAY_MS).unwrap_or(0);
    match instrument.kind {
        InstrumentKind::Perpetual | InstrumentKind::Spot => spot,
        InstrumentKind::Future { expiry_ms } => spot + spot.scale_down(Fixed::whole(5 * days(expiry_ms)), Fixed::whole(36_500)),
        InstrumentKind::Option { expiry_ms, strike } => {
            let intrinsic = (spot - strike).max(Fixed::ZERO);
            let root = i64::try_from((days(expiry_ms).unsigned_abs() * 100).isqrt()).unwrap_or(0);
            // 1.26 % of spot per √day at the money: 0.4 × 60 % volatility ÷ √365.
            let at_the_money = spot.scale_down(Fixed::whole(126 * root), Fixed::whole(100_000));
            let distance = (spot - strike).abs().scale_down(Fixed::whole(2), Fixed::whole(1)).min(spot);
            intrinsic + at_the_money.scale_down(spot - distance, spot)
        }
    }
}

impl Exchange {
    /// Moves the market: expiries, prices, quotes, flow. Called by the shell at every tick.
    pub fn tick(&mut self, now_ms: u64) {
        self.maker.step();
        self.expire_contracts(now_ms);
        self.fire_countdowns(now_ms);
        self.fire_protections(now_ms);
        if self.day != now_ms / DAY_MS {
            self.day = now_ms / DAY_MS;
            self.expire_day_orders(now_ms);
        }
        for id in std::mem::take(&mut self.maker.quotes) {
            self.end_order(id, OrderStatus::Canceled, now_ms);
        }
        for market in (0..self.markets.len()).map(MarketIndex) {
            if self.markets[market.0].instrument.expired {
                continue;
            }
            self.quote(market, now_ms);
            self.flow(market, now_ms);
            let price = fair_price(&self.markets[market.0].instrument, self.maker.spot, now_ms);
            let tape = &mut self.markets[market.0].tape;
            tape.roll(now_ms, price);
            tape.refresh_day(now_ms);
        }
        self.events.push(Event::Ticked { at_ms: now_ms });
    }

    fn quote(&mut self, market: MarketIndex, now_ms: u64) {
        let terms = &self.markets[market.0].instrument;
        let spot = matches!(terms.kind, InstrumentKind::Spot);
        let mid = terms.ticks(fair_price(terms, self.maker.spot, now_ms)).max(2);
        let lots = if spot { 1_000 } else { 20 };
        let (levels, spacing) = if spot { (SPOT_LEVELS, 50) } else { (CONTRACT_LEVELS, 5) };
        for level in 0..levels {
            for side in [Side::Buy, Side::Sell] {
                let distance = u128::from(1 + level * spacing + self.maker.random.below(spacing));
                let ticks = match side {
                    Side::Buy => mid.saturating_sub(distance),
                    Side::Sell => mid + distance,
                };
                let lots = lots * (level + 1) + self.maker.random.below(lots * 10);
                if ticks > 0 {
                    self.place_house(market, side, ticks, lots, now_ms);
                }
            }
        }
    }

    /// One or two small takers, so that there are trades to see.
    fn flow(&mut self, market: MarketIndex, now_ms: u64) {
        if self.maker.random.below(4) == 0 {
            return;
        }
        let side = if self.maker.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let lots = 1 + self.maker.random.below(200);
        let Some(top) = self.markets[market.0].book.top(side.opposite()) else {
            return;
        };
        self.place_house(market, side, top.ticks, lots.min(top.lots), now_ms);
    }

    /// Places an order of the house: no admission, no hold, no events of its own.
    fn place_house(&mut self, market: MarketIndex, side: Side, ticks: u128, lots: u64, now_ms: u64) {
        let id = self.next_order;
        self.next_order += 1;
        let terms = &self.markets[market.0].instrument;
        let order = Order {
            id,
            owner: HOUSE,
            market,
            side,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::GoodTillCanceled,
            price: terms.price_of(ticks),
            quantity: terms.quantity_of(lots),
            quote_quantity: Fixed::ZERO,
            filled: Fixed::ZERO,
            filled_quote: Fixed::ZERO,
            held: Fixed::ZERO,
            status: OrderStatus::New,
            client_id: String::new(),
            key: Arc::clone(&self.accounts[HOUSE.0].name),
            tag: Arc::from(""),
            session: None,
            day: false,
            reduce: false,
            amended: false,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        self.orders.insert(id, order);
        self.match_order(id, ticks, lots, now_ms);
        if self.orders.contains_key(&id) {
            self.maker.quotes.push(id);
        }
    }

    /// Writes a day of minute candles that ends at the opening price.
    pub(crate) fn write_history(&mut self, now_ms: u64) {
        let now_minute = now_ms - now_ms % MINUTE_MS;
        let mut walk = self.maker.clone();
        let mut spots = vec![walk.spot];
        for _ in 0..HISTORY_MINUTES {
            walk.step();
            spots.push(walk.spot);
        }
        // The walk leaves the opening price backwards in time.
        spots.reverse();
        for (minute, pair) in (0..HISTORY_MINUTES).zip(spots.windows(2)) {
            let open_ms = now_minute.saturating_sub((HISTORY_MINUTES - minute) * MINUTE_MS);
            let lots = 100 + walk.random.below(10_000);
            for market in &mut self.markets {
                let terms = &market.instrument;
                let on_tick = |price: Fixed| price.floor_to(terms.tick).max(terms.tick);
                let open = on_tick(fair_price(terms, pair[0], open_ms));
                let close = on_tick(fair_price(terms, pair[1], open_ms));
                let volume = terms.quantity_of(lots);
                let quote_volume = volume.mul_down(close);
                let half = |value: Fixed| value.basis_points(5_000);
                market.tape.push(Candle {
                    open_ms,
                    open,
                    high: open.max(close) + terms.tick,
                    low: (open.min(close) - terms.tick).max(terms.tick),
                    close,
                    volume,
                    quote_volume,
                    trades: 0,
                    taker_volume: half(volume),
                    taker_quote_volume: half(quote_volume),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VenueConfig;
    use crate::exchange::instrument::listing;

    #[test]
    fn a_call_is_worth_more_than_its_exercise_until_it_expires() {
        let listed = listing(&VenueConfig::default(), 0);
        let call = &listed[2];
        let expiry = call.kind.expiry_ms().unwrap_or(0);
        let spot = Fixed::whole(110_000);
        assert!(fair_price(call, spot, expiry - 30 * DAY_MS) > Fixed::whole(10_000));
        assert_eq!(fair_price(call, spot, expiry), Fixed::whole(10_000));
        assert_eq!(fair_price(call, Fixed::whole(90_000), expiry), Fixed::ZERO);
    }

    #[test]
    fn the_same_seed_gives_the_same_market() {
        let run = |seed| {
            let config = VenueConfig { seed, ..VenueConfig::default() };
            let mut exchange = Exchange::open(&config, 1_000_000_000);
            for tick in 1..50 {
                exchange.tick(1_000_000_000 + tick * 250);
            }
            format!("{:?}", exchange.markets().iter().map(|one| *one.tape.day()).collect::<Vec<_>>())
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
