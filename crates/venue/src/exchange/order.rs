//! An order, its life, and the reasons to refuse one.
//!
//! ```text
//! place ──▶ New ──▶ PartiallyFilled ──▶ Filled
//!            │             │
//!            ├─────────────┴──▶ Canceled   by its owner
//!            └─────────────┴──▶ Expired    IOC/FOK/market remainder, instrument expiry
//! ```
//! A refused order never existed: it has no id, no hold and no event.

mod words;

use std::sync::Arc;

use super::account::AccountIndex;
use super::fixed::Fixed;
use super::instrument::MarketIndex;

pub use words::{OrderKind, OrderStatus, Side, TimeInForce};

/// The venue's number of an order, rising over the venue's life.
pub type OrderId = u64;

/// A day (UTC), in milliseconds: what day orders live by.
pub const DAY_MS: u64 = 86_400_000;

/// How much a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// This much of the base asset.
    Base(Fixed),
    /// Base worth this much of the quote asset (market orders only).
    Quote(Fixed),
}

/// What a client asks for, already parsed but not yet checked.
#[derive(Clone, Debug)]
pub struct OrderRequest {
    /// Which instrument.
    pub market: MarketIndex,
    /// Which way.
    pub side: Side,
    /// How priced.
    pub kind: OrderKind,
    /// How long.
    pub time_in_force: TimeInForce,
    /// How much.
    pub size: Size,
    /// Limit price; nought for market orders.
    pub price: Fixed,
    /// The client's name for it; the venue makes one when absent.
    pub client_id: Option<String>,
    /// Key that signed for it (the identity's `client_id`), kept for the audit of settlements.
    pub key: Arc<str>,
}

/// Which resting orders a mass cancel concerns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CancelClass {
    /// All of them.
    #[default]
    All,
    /// Those that end with the day anyway; what is good until cancelled stays.
    Day,
    /// Those that may open or enlarge a position; what only reduces one stays.
    Opening,
}

impl CancelClass {
    /// Whether an order is of the class.
    #[must_use]
    pub const fn covers(self, order: &Order) -> bool {
        match self {
            Self::All => true,
            Self::Day => order.day,
            Self::Opening => !order.reduce,
        }
    }
}

/// What an order is known by besides its own content.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The client's label for it; empty unless given.
    pub tag: Arc<str>,
    /// The session it is placed by, where there is one.
    pub session: Option<Arc<str>>,
    /// Whether it ends with the day (UTC).
    pub day: bool,
    /// Whether it only reduces a position.
    pub reduce: bool,
}

impl Marks {
    /// A label alone.
    #[must_use]
    pub const fn tag(tag: Arc<str>) -> Self {
        Self { tag, session: None, day: false, reduce: false }
    }

    /// A session alone.
    #[must_use]
    pub fn session(session: Option<Arc<str>>) -> Self {
        Self { session, ..Self::default() }
    }
}

/// One order as the venue keeps it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The venue's number.
    pub id: OrderId,
    /// Whose.
    pub owner: AccountIndex,
    /// Which instrument.
    pub market: MarketIndex,
    /// Which way.
    pub side: Side,
    /// How priced.
    pub kind: OrderKind,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Limit price; nought for market orders.
    pub price: Fixed,
    /// Ordered, in base.
    pub quantity: Fixed,
    /// Ordered, in quote; nought unless sized that way.
    pub quote_quantity: Fixed,
    /// Filled so far, in base.
    pub filled: Fixed,
    /// Filled so far, in quote.
    pub filled_quote: Fixed,
    /// Still held on the owner's balance, in the asset it spends.
    pub held: Fixed,
    /// Where in its life.
    pub status: OrderStatus,
    /// The client's name for it.
    pub client_id: String,
    /// Key that signed for it.
    pub key: Arc<str>,
    /// The client's label for it, which means nothing to the venue; empty unless given.
    pub tag: Arc<str>,
    /// The session it was placed by, where there is one.
    pub session: Option<Arc<str>>,
    /// Whether it ends with the day (UTC).
    pub day: bool,
    /// Whether it only reduces a position.
    pub reduce: bool,
    /// Whether its terms were changed while it rested.
    pub amended: bool,
    /// Accepted, Unix milliseconds.
    pub created_ms: u64,
    /// Last change, Unix milliseconds.
    pub updated_ms: u64,
}

impl Order {
    /// What is left to fill, in base.
    #[must_use]
    pub fn remaining(&self) -> Fixed {
        self.quantity - self.filled
    }

    /// The client's name for it; empty when the venue made one.
    #[must_use]
    pub fn given_client_id(&self) -> &str {
        let made = self.client_id.strip_prefix("v-").is_some_and(|number| number.parse() == Ok(self.id));
        if made { "" } else { &self.client_id }
    }
}

/// A fill of one order, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Fill {
    /// The public trade's number.
    pub trade_id: u64,
    /// The owner's order.
    pub order: OrderId,
    /// Which instrument.
    pub market: MarketIndex,
    /// The owner's side.
    pub side: Side,
    /// At.
    pub price: Fixed,
    /// How much base.
    pub quantity: Fixed,
    /// How much quote.
    pub quote: Fixed,
    /// What the house took.
    pub commission: Fixed,
    /// In which asset.
    pub commission_asset: Arc<str>,
    /// The owner's order was resting.
    pub is_maker: bool,
    /// When, Unix milliseconds.
    pub at_ms: u64,
}

/// Why an order or a cancel is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// The client order id is in use by an open order of the account.
    #[error("a live order has this client order id")]
    DuplicateClientId,
    /// The free balance does not cover the order.
    #[error("insufficient balance")]
    InsufficientBalance,
    /// Client order id too long or with other characters than letters, digits, `-`, `_`.
    #[error("malformed client order id")]
    MalformedClientId,
    /// The instrument has expired.
    #[error("market closed")]
    MarketClosed,
    /// A market order found nobody on the other side.
    #[error("no liquidity")]
    NoLiquidity,
    /// Price × quantity below the smallest allowed.
    #[error("notional too small")]
    NotionalTooSmall,
    /// Price nought, above the largest, or off tick.
    #[error("price outside the price filter")]
    PriceFilter,
    /// Quantity nought, above the largest, or off lot.
    #[error("quantity outside the lot size filter")]
    QuantityFilter,
    /// The venue holds its maximum of accounts.
    #[error("too many accounts")]
    TooManyAccounts,
    /// The account holds its maximum of open orders.
    #[error("too many open orders")]
    TooManyOpenOrders,
    /// A maker-only order would trade at once.
    #[error("order would immediately match")]
    WouldMatch,
    /// No such open order of this account.
    #[error("unknown order")]
    UnknownOrder,
    /// The book crate refused what it never should.
    #[error("order book unavailable")]
    BookUnavailable,
}
