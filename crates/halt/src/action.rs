//! How strong a halt is.

use std::fmt;

use countersign_core::Risk;

/// What a halt stops. A chain: each stops what the one before it stops, and more; so of two halts the stronger counts, and a
/// staged restart goes down the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// New exposure is refused; cancels and orders that surely reduce a position pass. The default.
    #[default]
    CancelOnly,
    /// No orders at all; cancels pass.
    DenyNew,
    /// Nothing that writes, not even cancels.
    Freeze,
    /// Nothing at all; logins are refused and open connections cut.
    Disconnect,
}

impl Action {
    /// All of them, weakest first.
    pub const ALL: [Self; 4] = [Self::CancelOnly, Self::DenyNew, Self::Freeze, Self::Disconnect];

    /// The name on the wire and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CancelOnly => "cancel-only",
            Self::DenyNew => "deny-new",
            Self::Freeze => "freeze",
            Self::Disconnect => "disconnect",
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The least risk that it stops.
    #[must_use]
    pub const fn stops_from(self) -> Risk {
        match self {
            Self::CancelOnly => Risk::Increase,
            Self::DenyNew => Risk::Reduce,
            Self::Freeze => Risk::Cancel,
            Self::Disconnect => Risk::Read,
        }
    }

    /// Whether it stops a request of this risk.
    #[must_use]
    pub fn stops(self, risk: Risk) -> bool {
        risk >= self.stops_from()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stops_one_kind_more_than_the_one_before() {
        let risks = [Risk::Increase, Risk::Reduce, Risk::Cancel, Risk::Read];
        for (index, action) in Action::ALL.into_iter().enumerate() {
            let stopped: Vec<Risk> = risks.into_iter().filter(|risk| action.stops(*risk)).collect();
            assert_eq!(stopped, risks[..=index], "{action}");
            assert_eq!(Action::parse(action.name()), Some(action));
        }
    }
}
