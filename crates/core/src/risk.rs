//! What a request can do to a position: the question that a halt asks.

use std::fmt;

/// What a request does at the venue, in the order in which halts of growing strength stop it.
///
/// # Security
/// Whoever classifies errs upwards: what is not surely a read, a cancel or a reduction is [`Risk::Increase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// Changes nothing: market data, balances, lists of orders.
    Read,
    /// Takes orders away, and does nothing else.
    Cancel,
    /// An order that can only make a position smaller, as its signed bytes say.
    Reduce,
    /// Everything else that writes: new orders, amendments, settings of an account, withdrawals.
    Increase,
}

impl Risk {
    /// The name in `config show`, metrics and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Cancel => "cancel",
            Self::Reduce => "reduce",
            Self::Increase => "increase",
        }
    }

    /// Whether it changes something at the venue.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
