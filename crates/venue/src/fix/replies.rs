//! Refusals, in the words of the standard.

use countersign_fix::message::Message;
use countersign_fix::{Version, tag};

use super::out::Out;
use super::report::utc;
use crate::exchange::order::OrderError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A field is missing.
    Missing(tag::Tag),
    /// A field has another value than can be.
    Wrong(tag::Tag),
    /// No instrument of this name.
    Symbol,
    /// The exchange says no.
    Order(OrderError),
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        Self::Order(error)
    }
}

impl Problem {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Missing(tag) => format!("tag {tag} is missing"),
            Self::Wrong(tag) => format!("tag {tag} has a wrong value"),
            Self::Symbol => "unknown symbol".to_owned(),
            Self::Order(error) => error.to_string(),
        }
    }

    /// OrdRejReason (103). FIX 4.2 has none for what is wrong in the request itself.
    const fn ord_rej_reason(&self, version: Version) -> u32 {
        match self {
            Self::Missing(_) | Self::Wrong(_) if matches!(version, Version::Fix42) => 0,
            Self::Symbol => 1,
            Self::Order(OrderError::MarketClosed) => 2,
            Self::Order(OrderError::InsufficientBalance | OrderError::TooManyOpenOrders | OrderError::TooManyAccounts) => 3,
            Self::Order(OrderError::UnknownOrder) => 5,
            Self::Order(OrderError::DuplicateClientId) => 6,
            Self::Missing(_) | Self::Wrong(_) => 11,
            Self::Order(
                OrderError::BookUnavailable
                | OrderError::MalformedClientId
                | OrderError::NoLiquidity
                | OrderError::NotionalTooSmall
                | OrderError::PriceFilter
                | OrderError::QuantityFilter
                | OrderError::WouldMatch,
            ) => 0,
        }
    }
}

/// The text of a field, if it has one.
pub(super) fn text<'m>(message: &Message<'m>, tag: tag::Tag) -> Option<&'m str> {
    message.first(tag).and_then(|value| std::str::from_utf8(value).ok())
}

/// An order that never was: ExecutionReport with OrdStatus Rejected.
pub(super) fn rejected(message: &Message<'_>, version: Version, problem: &Problem, exec_id: &str, now_ms: u64) -> Out {
    let echo = |tag| text(message, tag);
    Out::new("8")
        .field(37, "NONE")
        .maybe(11, echo(11))
        .field(17, exec_id)
        .maybe(20, (version == Version::Fix42).then_some(0))
        .field(150, 8)
        .field(39, 8)
        .field(103, problem.ord_rej_reason(version))
        .maybe(55, echo(55))
        .maybe(54, echo(54))
        .maybe(38, echo(38))
        .maybe(40, echo(40))
        .maybe(44, echo(44))
        .field(151, 0)
        .field(14, 0)
        .field(6, 0)
        .field(60, utc(now_ms))
        .field(58, problem.text())
}

/// OrderCancelReject, to a cancel or a replace.
pub(super) fn cancel_rejected(message: &Message<'_>, problem: &Problem) -> Out {
    let unknown = matches!(problem, Problem::Order(OrderError::UnknownOrder));
    Out::new("9")
        .field(37, text(message, 37).unwrap_or("NONE"))
        .maybe(11, text(message, 11))
        .maybe(41, text(message, 41))
        .field(39, 8)
        .field(434, if message.msg_type() == b"G" { 2 } else { 1 })
        .field(102, if unknown { 1 } else { 0 })
        .field(58, problem.text())
}

/// BusinessMessageReject.
pub(super) fn business(message: &Message<'_>, reason: u32, sentence: &str) -> Out {
    Out::new("j")
        .maybe(45, text(message, tag::MSG_SEQ_NUM))
        .maybe(372, text(message, tag::MSG_TYPE))
        .maybe(379, text(message, 11).or_else(|| text(message, 262)))
        .field(380, reason)
        .field(58, sentence)
}
