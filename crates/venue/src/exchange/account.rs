//! Accounts: balances with holds, positions, remembered orders and fills.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::fixed::Fixed;
use super::instrument::MarketIndex;
use super::order::{Fill, OrderError, OrderId};
use crate::limits::{FILLS_PER_ACCOUNT_MAX, LEDGER_PER_ACCOUNT_MAX, SETTLEMENTS_PER_ACCOUNT_MAX};

/// Index of an account inside one exchange.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountIndex(pub usize);

/// How much of one asset.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Balance {
    /// Everything owned.
    pub total: Fixed,
    /// The part reserved by open orders and as margin.
    pub held: Fixed,
}

impl Balance {
    /// What can be spent.
    #[must_use]
    pub fn free(self) -> Fixed {
        self.total - self.held
    }
}

/// An open derivative position.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// Contracts in base units; negative when sold.
    pub quantity: Fixed,
    /// What they cost in quote; negative when sold.
    pub cost: Fixed,
    /// Held for it in quote.
    pub margin: Fixed,
}

/// What the expiry of a contract did to one account: the paper for its tax records.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Number of the statement, unique per venue.
    pub id: u64,
    /// Contract.
    pub market: MarketIndex,
    /// When the contract ended, Unix milliseconds.
    pub expiry_ms: u64,
    /// When it was settled, Unix milliseconds.
    pub settled_ms: u64,
    /// Price of the underlying used.
    pub price: Fixed,
    /// Contracts held; negative when sold.
    pub quantity: Fixed,
    /// What they had cost; negative when sold.
    pub cost: Fixed,
    /// What they were worth; negative when owed.
    pub value: Fixed,
    /// Value − cost: the realised gain or loss.
    pub gain: Fixed,
    /// Key that last traded the contract for this account.
    pub key: Arc<str>,
}

/// Why funds moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Movement {
    /// The house carried what the account could not.
    Cover,
    /// Commission of a trade.
    Fee,
    /// A contract ended.
    Settlement,
    /// What a trade gave or took.
    Trade,
}

/// One movement of funds.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// Number of the entry, rising in the account.
    pub id: u64,
    /// Which asset.
    pub asset: Arc<str>,
    /// How much; negative when it went out.
    pub amount: Fixed,
    /// What was owned after it.
    pub balance: Fixed,
    /// Why.
    pub movement: Movement,
    /// The market whose trade or end it was.
    pub market: MarketIndex,
    /// When, Unix milliseconds.
    pub at_ms: u64,
}

/// One account.
#[derive(Debug)]
pub struct Account {
    /// The id the identity names.
    pub name: Arc<str>,
    /// Balances by asset.
    pub balances: BTreeMap<Arc<str>, Balance>,
    /// Positions by contract.
    pub positions: BTreeMap<MarketIndex, Position>,
    /// Open orders, oldest first.
    pub open: Vec<OrderId>,
    /// Finished orders, oldest first.
    pub closed: VecDeque<OrderId>,
    /// Fills, oldest first.
    pub fills: VecDeque<Fill>,
    /// Movements of funds, oldest first.
    pub ledger: VecDeque<LedgerEntry>,
    /// Settlement statements, oldest first.
    pub settlements: VecDeque<Settlement>,
    /// Last change of a balance, Unix milliseconds.
    pub updated_ms: u64,
}

impl Account {
    /// An empty account.
    #[must_use]
    pub fn new(name: Arc<str>) -> Self {
        Self {
            name,
            balances: BTreeMap::new(),
            positions: BTreeMap::new(),
            open: Vec::new(),
            closed: VecDeque::new(),
            fills: VecDeque::new(),
            ledger: VecDeque::new(),
            settlements: VecDeque::new(),
            updated_ms: 0,
        }
    }

    /// Balance of one asset; nought when never touched.
    #[must_use]
    pub fn balance(&self, asset: &str) -> Balance {
        self.balances.get(asset).copied().unwrap_or_default()
    }

    fn entry(&mut self, asset: &str) -> &mut Balance {
        if !self.balances.contains_key(asset) {
            self.balances.insert(Arc::from(asset), Balance::default());
        }
        self.balances.get_mut(asset).expect("inserted above")
    }

    /// Adds to (or, with a negative amount, takes from) what is owned.
    pub fn credit(&mut self, asset: &str, amount: Fixed) {
        self.entry(asset).total += amount;
    }

    /// The same, and remembers it.
    pub fn move_funds(&mut self, asset: &Arc<str>, amount: Fixed, movement: Movement, market: MarketIndex, at_ms: u64) {
        self.credit(asset, amount);
        if amount.is_zero() {
            return;
        }
        let id = self.ledger.back().map_or(1, |last| last.id + 1);
        if self.ledger.len() >= LEDGER_PER_ACCOUNT_MAX {
            self.ledger.pop_front();
        }
        let balance = self.balance(asset).total;
        self.ledger.push_back(LedgerEntry { id, asset: Arc::clone(asset), amount, balance, movement, market, at_ms });
    }

    /// Reserves part of the free balance.
    ///
    /// # Errors
    /// [`OrderError::InsufficientBalance`] when the free balance is smaller.
    pub fn hold(&mut self, asset: &str, amount: Fixed) -> Result<(), OrderError> {
        let balance = self.entry(asset);
        if balance.free() < amount {
            return Err(OrderError::InsufficientBalance);
        }
        balance.held += amount;
        Ok(())
    }

    /// Gives a reservation back.
    pub fn release(&mut self, asset: &str, amount: Fixed) {
        self.entry(asset).held -= amount;
    }

    /// Sets the margin of a position and moves the hold with it.
    pub fn set_margin(&mut self, market: MarketIndex, asset: &str, margin: Fixed) {
        let position = self.positions.entry(market).or_default();
        let before = std::mem::replace(&mut position.margin, margin);
        self.entry(asset).held += margin - before;
    }

    /// Position in one contract; empty when there is none.
    #[must_use]
    pub fn position(&self, market: MarketIndex) -> Position {
        self.positions.get(&market).copied().unwrap_or_default()
    }

    /// Remembers a fill.
    pub fn remember_fill(&mut self, fill: Fill) {
        if self.fills.len() >= FILLS_PER_ACCOUNT_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }

    /// Remembers a settlement statement.
    pub fn remember_settlement(&mut self, settlement: Settlement) {
        if self.settlements.len() >= SETTLEMENTS_PER_ACCOUNT_MAX {
            self.settlements.pop_front();
        }
        self.settlements.push_back(settlement);
    }
}
