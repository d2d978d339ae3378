//! The exchange as a state machine: orders and a time go in, answers and events come out.
//!
//! Nothing below this module opens a socket, reads a clock or draws randomness: the shell
//! passes `now_ms`, the market maker's generator is seeded by the configuration. Two runs
//! with the same seed and the same inputs give the same trades.
//!
//! | module | idea |
//! |---|---|
//! | [`fixed`] | exact decimals |
//! | [`instrument`] | what is listed: ticks, lots, filters, expiries |
//! | [`order`] | an order, its life and the reasons to refuse it |
//! | [`book`] | price-time priority, by the order-book crate |
//! | [`account`] | balances, holds, positions |
//! | `admit` | what must hold before an order is taken |
//! | [`place`] | matching, cancellation |
//! | [`amend`] | changing a resting order |
//! | [`countdown`] | cancelling everything unless told otherwise in time |
//! | [`disconnect`] | cancelling what is open once the last connection that asked for that is lost |
//! | [`settle`] | what a trade and an expiry do to accounts |
//! | [`maker`] | the seeded market maker |
//! | [`tape`] | trades, candles, the 24-hour ticker |
//! | [`event`] | what the outside is told |
//!
//! Invariants (tested over random order flow):
//! 1. For every asset, the sum over all accounts of *balance − cost basis of open futures*
//!    never changes, except by the seeding of a new account.
//! 2. No account's free balance is negative.
//! 3. Holds equal what the open orders may still spend: an account without open orders
//!    holds nothing.

pub mod account;
mod admit;
pub mod amend;
pub mod book;
pub mod countdown;
pub mod disconnect;
pub mod event;
pub mod fixed;
pub mod instrument;
pub mod maker;
pub mod order;
pub mod place;
pub mod settle;
pub mod tape;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::VenueConfig;
use crate::limits::ACCOUNTS_MAX;
use account::{Account, AccountIndex};
use book::Book;
use event::Event;
use fixed::Fixed;
use instrument::{Instrument, InstrumentKind, MarketIndex};
use maker::Maker;
use order::{Order, OrderError, OrderId};
use tape::Tape;

/// The market maker's account: always the first, never reachable by an identity because no
/// token subject may contain a colon-separated house name.
pub const HOUSE: AccountIndex = AccountIndex(0);
/// Account id of the house.
pub const HOUSE_NAME: &str = "house:market-maker";

/// One listed instrument with its book and history.
#[derive(Debug)]
pub struct Market {
    /// Terms and filters.
    pub instrument: Instrument,
    /// Resting orders.
    pub book: Book,
    /// Trades, candles, ticker.
    pub tape: Tape,
}

/// The whole paper exchange.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) markets: Vec<Market>,
    pub(crate) accounts: Vec<Account>,
    names: HashMap<Arc<str>, AccountIndex>,
    pub(crate) orders: HashMap<OrderId, Order>,
    pub(crate) maker: Maker,
    pub(crate) events: Vec<Event>,
    pub(crate) countdowns: BTreeMap<countdown::CountdownKey, u64>,
    pub(crate) protections: BTreeMap<AccountIndex, disconnect::Protection>,
    pub(crate) next_order: u64,
    pub(crate) next_execution: u64,
    /// The day (UTC) that was last seen, counted from 1970.
    pub(crate) day: u64,
    pub(crate) commission_points: u32,
    pub(crate) lists_perpetual: bool,
    starting: Vec<(String, Fixed)>,
}

impl Exchange {
    /// Opens the exchange: lists the instruments, writes a day of history, quotes for the
    /// first time.
    #[must_use]
    pub fn open(config: &VenueConfig, now_ms: u64) -> Self {
        let mut exchange = Self {
            markets: Vec::new(),
            accounts: vec![Account::new(Arc::from(HOUSE_NAME))],
            names: HashMap::new(),
            orders: HashMap::new(),
            maker: Maker::new(config.seed),
            events: Vec::new(),
            countdowns: BTreeMap::new(),
            protections: BTreeMap::new(),
            next_order: 1,
            next_execution: 1,
            day: now_ms / order::DAY_MS,
            commission_points: config.commission_basis_points,
            lists_perpetual: config.lists_perpetual,
            starting: config.starting_balances.clone(),
        };
        let house = &mut exchange.accounts[HOUSE.0];
        house.credit("BTC", Fixed::whole(1_000_000));
        house.credit("USDT", Fixed::whole(100_000_000_000));
        for instrument in instrument::listing(config, now_ms) {
            exchange.list(instrument, now_ms);
        }
        exchange.write_history(now_ms);
        exchange.tick(now_ms);
        exchange.events.clear();
        exchange
    }

    pub(crate) fn list(&mut self, instrument: Instrument, now_ms: u64) {
        let book = Book::new(&instrument.symbol, now_ms);
        let tape = Tape::new();
        self.markets.push(Market { instrument, book, tape });
    }

    /// The account of this id; seeded with paper balances when seen for the first time.
    ///
    /// # Errors
    /// [`OrderError::TooManyAccounts`] when the venue holds its maximum already.
    pub fn account(&mut self, name: &str) -> Result<AccountIndex, OrderError> {
        if let Some(index) = self.names.get(name) {
            return Ok(*index);
        }
        if self.accounts.len() >= ACCOUNTS_MAX {
            return Err(OrderError::TooManyAccounts);
        }
        let index = AccountIndex(self.accounts.len());
        let name: Arc<str> = Arc::from(name);
        let mut account = Account::new(Arc::clone(&name));
        for (asset, amount) in &self.starting {
            account.credit(asset, *amount);
        }
        self.accounts.push(account);
        self.names.insert(name, index);
        Ok(index)
    }

    /// The state of one account.
    #[must_use]
    pub fn account_state(&self, index: AccountIndex) -> &Account {
        &self.accounts[index.0]
    }

    /// All listed instruments.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// The market of an index handed out by this exchange.
    #[must_use]
    pub fn market(&self, index: MarketIndex) -> &Market {
        &self.markets[index.0]
    }

    /// Finds a listed instrument by its exact symbol. Expired instruments are still found,
    /// so that their orders and fills can be read.
    #[must_use]
    pub fn find_market(&self, symbol: &str) -> Option<MarketIndex> {
        self.markets.iter().position(|market| market.instrument.symbol == symbol).map(MarketIndex)
    }

    /// Finds a spot instrument: the only kind the Binance spot façade lists.
    #[must_use]
    pub fn find_spot(&self, symbol: &str) -> Option<MarketIndex> {
        let index = self.find_market(symbol)?;
        matches!(self.market(index).instrument.kind, InstrumentKind::Spot).then_some(index)
    }

    /// Price of an asset in USDT, taken for US dollars: one for USDT, the last trade of its spot pair for another, nought when there is
    /// none.
    #[must_use]
    pub fn usd_price(&self, asset: &str) -> Fixed {
        if asset == "USDT" {
            return Fixed::whole(1);
        }
        let pair = self.find_spot(&format!("{asset}USDT"));
        pair.map_or(Fixed::ZERO, |index| self.market(index).tape.last_price())
    }

    /// All spot instruments.
    #[must_use]
    pub fn find_spot_markets(&self) -> Vec<MarketIndex> {
        let spot = |index: &MarketIndex| matches!(self.market(*index).instrument.kind, InstrumentKind::Spot);
        (0..self.markets.len()).map(MarketIndex).filter(spot).collect()
    }

    /// One order of one account, by either of its ids.
    #[must_use]
    pub fn order(&self, owner: AccountIndex, id: OrderId) -> Option<&Order> {
        self.orders.get(&id).filter(|order| order.owner == owner)
    }

    /// The newest order of one account with this client order id.
    #[must_use]
    pub fn order_by_client_id(&self, owner: AccountIndex, market: Option<MarketIndex>, client_id: &str) -> Option<&Order> {
        let account = &self.accounts[owner.0];
        let matches = |order: &&Order| order.client_id.as_str() == client_id && market.is_none_or(|index| order.market == index);
        let open = account.open.iter().filter_map(|id| self.orders.get(id)).find(matches);
        open.or_else(|| {
            let closed = account.closed.iter().rev();
            closed.filter_map(|id| self.orders.get(id)).find(matches)
        })
    }

    /// Open orders of one account, oldest first.
    pub fn open_orders(&self, owner: AccountIndex) -> impl Iterator<Item = &Order> {
        let open = self.accounts[owner.0].open.iter();
        open.filter_map(|id| self.orders.get(id))
    }

    /// All remembered orders of one account, oldest first.
    #[must_use]
    pub fn all_orders(&self, owner: AccountIndex) -> Vec<&Order> {
        let account = &self.accounts[owner.0];
        let ids = account.closed.iter().chain(&account.open);
        let mut orders: Vec<&Order> = ids.filter_map(|id| self.orders.get(id)).collect();
        orders.sort_unstable_by_key(|order| order.id);
        orders
    }

    /// Takes the events since the last call, in the order they happened.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
