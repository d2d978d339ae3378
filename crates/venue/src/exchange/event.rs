//! What the outside is told, in the order it happened.

use super::account::AccountIndex;
use super::fixed::Fixed;
use super::instrument::MarketIndex;
use super::order::{Fill, Order, Side};

/// What happened to an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderChange {
    /// Changed by its owner while it rests.
    Amended,
    /// Withdrawn by its owner.
    Canceled,
    /// Ended by the venue.
    Expired,
    /// Accepted.
    New,
    /// Filled, wholly or in part.
    Trade,
}

/// One public trade.
#[derive(Clone, Copy, Debug)]
pub struct PublicTrade {
    /// Number, rising per instrument.
    pub id: u64,
    /// At.
    pub price: Fixed,
    /// How much base.
    pub quantity: Fixed,
    /// How much quote.
    pub quote: Fixed,
    /// The buyer was resting.
    pub buyer_is_maker: bool,
    /// When, Unix milliseconds.
    pub at_ms: u64,
}

impl PublicTrade {
    /// The side of the one who took.
    #[must_use]
    pub const fn taker(&self) -> Side {
        if self.buyer_is_maker { Side::Sell } else { Side::Buy }
    }
}

/// Something that happened. Market events go to everyone, the others to one account.
#[derive(Clone, Debug)]
pub enum Event {
    /// Balances of one account changed.
    Balances {
        /// Whose.
        owner: AccountIndex,
        /// When, Unix milliseconds.
        at_ms: u64,
    },
    /// An order changed.
    Order {
        /// What happened.
        change: OrderChange,
        /// The order after the change.
        order: Box<Order>,
        /// The fill, for [`OrderChange::Trade`].
        fill: Option<Box<Fill>>,
        /// Number of this report, rising over the venue's life.
        execution: u64,
        /// When, Unix milliseconds.
        at_ms: u64,
    },
    /// The market moved: publish books and tickers.
    Ticked {
        /// When, Unix milliseconds.
        at_ms: u64,
    },
    /// Two orders met.
    Trade {
        /// Where.
        market: MarketIndex,
        /// The trade.
        trade: PublicTrade,
    },
}
