//! The words of orders, as venues write them in their answers.

/// Buy or sell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Takes base, pays quote.
    Buy,
    /// Gives base, takes quote.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `BUY` or `SELL`.
    #[must_use]
    pub const fn upper(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// `Buy` or `Sell`.
    #[must_use]
    pub const fn capital(self) -> &'static str {
        match self {
            Self::Buy => "Buy",
            Self::Sell => "Sell",
        }
    }

    /// `buy` or `sell`.
    #[must_use]
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// How the price is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderKind {
    /// At the limit price or better.
    Limit,
    /// Like limit, but refused when it would trade at once.
    LimitMaker,
    /// At the best prices there are.
    Market,
}

impl OrderKind {
    /// The Binance name.
    #[must_use]
    pub const fn upper(self) -> &'static str {
        match self {
            Self::Limit => "LIMIT",
            Self::LimitMaker => "LIMIT_MAKER",
            Self::Market => "MARKET",
        }
    }
}

/// How long the order lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeInForce {
    /// Fill completely at once or not at all.
    FillOrKill,
    /// Rests until filled or cancelled.
    GoodTillCanceled,
    /// Fills what it can at once; the rest expires.
    ImmediateOrCancel,
}

impl TimeInForce {
    /// `FOK`, `GTC` or `IOC`.
    #[must_use]
    pub const fn upper(self) -> &'static str {
        match self {
            Self::FillOrKill => "FOK",
            Self::GoodTillCanceled => "GTC",
            Self::ImmediateOrCancel => "IOC",
        }
    }
}

/// Where an order is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderStatus {
    /// Withdrawn by its owner.
    Canceled,
    /// Ended by the venue.
    Expired,
    /// Done.
    Filled,
    /// Resting, nothing filled yet.
    New,
    /// Resting, partly filled.
    PartiallyFilled,
}

impl OrderStatus {
    /// The Binance name.
    #[must_use]
    pub const fn upper(self) -> &'static str {
        match self {
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
            Self::Filled => "FILLED",
            Self::New => "NEW",
            Self::PartiallyFilled => "PARTIALLY_FILLED",
        }
    }

    /// The native name.
    #[must_use]
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Filled => "filled",
            Self::New => "open",
            Self::PartiallyFilled => "partially_filled",
        }
    }

    /// Whether the order can still trade.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}
