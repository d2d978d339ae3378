//! Cancel on disconnect, as a venue's Logon says it: whose orders go, when, and what the answer repeats.
//!
//! ```text
//!   venue             | field               | asked by             | unasked | a clean Logout
//!   Binance           | -                   | -                    | keeps   | keeps
//!   Coinbase Exchange | 8013 in the Logon   | Y account, S session | keeps   | keeps
//!   Deribit           | 9001 in the Logon   | Y session            | keeps   | cancels, unless it has 9003=Y
//!   Kraken            | 8674 in the Logon   | 0 session, 1 nothing | cancels | keeps
//! ```
//!
//! Captured 2026-11 from the venues' FIX documentation. What is not here: when a session counts as lost, and the cancelling itself.

use countersign_core::{Refusal, Reject};

use super::LogonDialect;
use super::fields::optional;
use crate::message::Message;
use crate::tag::Tag;

/// CancelOrdersOnDisconnect of Coinbase Exchange.
const COINBASE: Tag = 8_013;
/// CancelOnDisconnect of Deribit.
const DERIBIT: Tag = 9_001;
/// DontCancelOnDisconnect of Deribit, in a Logout.
const DERIBIT_KEEP: Tag = 9_003;
/// CancelOrdersOnDisconnect of Kraken.
const KRAKEN: Tag = 8_674;

/// Whose orders are cancelled when a session is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelOnLoss {
    /// All of the account.
    Account,
    /// None.
    Nothing,
    /// Those of the session.
    Session,
}

/// What a Logon agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelTerms {
    /// Whose orders.
    pub scope: CancelOnLoss,
    /// Whether a clean Logout cancels, too.
    pub on_logout: bool,
    /// The field of the answer that says so; none where nothing was asked for and nothing is cancelled.
    pub echo: Option<(Tag, &'static str)>,
}

impl CancelTerms {
    /// Orders stay, and nobody asked.
    pub const NONE: Self = Self { scope: CancelOnLoss::Nothing, on_logout: false, echo: None };
}

impl LogonDialect {
    /// What a Logon of this venue agrees on. Ask it of a Logon that was verified: no venue's proof covers these fields, TLS does.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a value that the venue does not know, and for a field that is there twice, which the session refuses
    /// before: guessing would be wrong for one half of the clients, with orders at stake.
    pub fn cancel_terms(self, logon: &Message<'_>) -> Result<CancelTerms, Refusal> {
        let terms = |scope, on_logout, tag, value| CancelTerms { scope, on_logout, echo: Some((tag, value)) };
        let (tag, found) = match self {
            Self::Binance => return Ok(CancelTerms::NONE),
            Self::CoinbaseExchange => (COINBASE, optional(logon, COINBASE)?),
            Self::Deribit => (DERIBIT, optional(logon, DERIBIT)?),
            Self::Kraken => (KRAKEN, optional(logon, KRAKEN)?),
        };
        match (self, found) {
            (Self::Kraken, None | Some(b"0")) => Ok(terms(CancelOnLoss::Session, false, tag, "0")),
            (Self::Kraken, Some(b"1")) => Ok(terms(CancelOnLoss::Nothing, false, tag, "1")),
            (Self::Deribit, Some(b"Y")) => Ok(terms(CancelOnLoss::Session, true, tag, "Y")),
            (Self::Deribit, Some(b"N")) => Ok(terms(CancelOnLoss::Nothing, false, tag, "N")),
            (Self::CoinbaseExchange, Some(b"Y")) => Ok(terms(CancelOnLoss::Account, false, tag, "Y")),
            (Self::CoinbaseExchange, Some(b"S")) => Ok(terms(CancelOnLoss::Session, false, tag, "S")),
            (Self::Binance | Self::CoinbaseExchange | Self::Deribit, None) => Ok(CancelTerms::NONE),
            (Self::Binance | Self::CoinbaseExchange | Self::Deribit | Self::Kraken, Some(_)) => {
                Err(Refusal::operator(Reject::Malformed, format!("field {tag} of the Logon")))
            }
        }
    }

    /// Whether a Logout asks that orders stay although they were to go with it.
    #[must_use]
    pub fn keeps_orders(self, logout: &Message<'_>) -> bool {
        match self {
            Self::Deribit => logout.unique(DERIBIT_KEEP) == Ok(Some(b"Y")),
            Self::Binance | Self::CoinbaseExchange | Self::Kraken => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_support::sealed;

    fn terms(dialect: LogonDialect, fields: &str) -> Result<CancelTerms, Refusal> {
        let bytes = sealed("FIX.4.4", &format!("35=A|34=1|49=FIRM|56=VENUE|98=0|108=30|{fields}"));
        let Ok(message) = Message::parse(&bytes) else { panic!("a whole message") };
        dialect.cancel_terms(&message)
    }

    #[test]
    fn each_venue_has_its_words_and_its_default() {
        let agreed = |dialect, fields| terms(dialect, fields).map(|terms| (terms.scope, terms.on_logout, terms.echo)).unwrap();
        use CancelOnLoss::{Account, Nothing, Session};
        assert_eq!(agreed(LogonDialect::Deribit, ""), (Nothing, false, None));
        assert_eq!(agreed(LogonDialect::Deribit, "9001=Y|"), (Session, true, Some((9_001, "Y"))));
        assert_eq!(agreed(LogonDialect::Deribit, "9001=N|"), (Nothing, false, Some((9_001, "N"))));
        assert_eq!(agreed(LogonDialect::CoinbaseExchange, ""), (Nothing, false, None));
        assert_eq!(agreed(LogonDialect::CoinbaseExchange, "8013=Y|"), (Account, false, Some((8_013, "Y"))));
        assert_eq!(agreed(LogonDialect::CoinbaseExchange, "8013=S|"), (Session, false, Some((8_013, "S"))));
        assert_eq!(agreed(LogonDialect::Kraken, ""), (Session, false, Some((8_674, "0"))));
        assert_eq!(agreed(LogonDialect::Kraken, "8674=1|"), (Nothing, false, Some((8_674, "1"))));
        assert_eq!(agreed(LogonDialect::Binance, "9001=Y|8013=Y|8674=0|"), (Nothing, false, None));
    }

    #[test]
    fn what_a_venue_does_not_know_is_refused() {
        let wrong = [
            (LogonDialect::Deribit, "9001=y|"),
            (LogonDialect::CoinbaseExchange, "8013=N|"),
            (LogonDialect::Kraken, "8674=2|"),
            (LogonDialect::Kraken, "8674=00|"),
        ];
        for (dialect, fields) in wrong {
            assert_eq!(terms(dialect, fields).unwrap_err().reject, Reject::Malformed, "{fields}");
        }
    }

    #[test]
    fn a_logout_may_keep_the_orders_at_deribit() {
        let logout = |fields: &str| sealed("FIX.4.4", &format!("35=5|34=2|49=FIRM|56=VENUE|{fields}"));
        let keeps = |dialect: LogonDialect, fields| dialect.keeps_orders(&Message::parse(&logout(fields)).unwrap());
        assert!(keeps(LogonDialect::Deribit, "9003=Y|"));
        assert!(!keeps(LogonDialect::Deribit, "9003=N|") && !keeps(LogonDialect::Deribit, ""));
        assert!(!keeps(LogonDialect::Kraken, "9003=Y|"));
    }
}
