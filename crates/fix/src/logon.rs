//! What a Logon says about its sender, venue by venue: from the literal fields to [`Presented`]. Nothing is verified here.
//!
//! ```text
//!   dialect           | key            | proof                                | signed bytes                          | used once by
//!   Binance           | 553            | 96, Ed25519, base64                  | 35 49 56 34 52, SOH between           | signed bytes, 52
//!   Coinbase Exchange | 553, else 49   | 96, HMAC-SHA-256, base64; 554 phrase | 52 35 34 49 56 554, SOH between       | signed bytes, 52
//!   Deribit           | 553            | 554, SHA-256 of 96 and the secret    | 96 = milliseconds.nonce               | 96, its time
//!   Kraken            | 553            | 554, HMAC-SHA-512, base64            | SHA-256 of 35= 34= 49= 56= 553= 5025  | 5025, increasing
//!   certificate       | 49 = a name in it | TLS                               | the handshake                         | the connection
//! ```
//!
//! Values are taken as they stand in the message, in the order of the rule and not of the message: clients write their headers in
//! different orders, and a verifier that writes a number or a time anew refuses good signatures.
//!
//! What is not here: verification (`countersign_core::verify`), the session's own view of a Logon ([`crate::PresentedLogon`]), and
//! market data sessions without credentials, which some venues allow.

mod binance;
mod cancelling;
pub mod certificate;
mod coinbase_exchange;
mod deribit;
mod fields;
mod kraken;

use countersign_core::{Presented, Purpose, Refusal, Reject};

pub use cancelling::{CancelOnLoss, CancelTerms};

use crate::message::Message;
use crate::tag::Tag;

/// A venue's rule for the proof in a Logon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogonDialect {
    /// Binance (FIX API documentation, "Logon"; captured 2026-07-21).
    Binance,
    /// Coinbase Exchange, FIX 4.2 and 5.0 SP2 (captured 2026-11).
    CoinbaseExchange,
    /// Deribit (FIX API documentation, "Logon"; captured 2026-11).
    Deribit,
    /// Kraken spot (FIX API documentation, "Logon"; captured 2026-11).
    Kraken,
}

impl LogonDialect {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Binance, Self::CoinbaseExchange, Self::Deribit, Self::Kraken];

    /// What a key that logs on this way is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Binance => Purpose::Binance,
            Self::CoinbaseExchange => Purpose::CoinbaseExchange,
            Self::Deribit => Purpose::Deribit,
            Self::Kraken => Purpose::Kraken,
        }
    }

    /// Whether a Logon must have EncryptMethod (98), as the standard says: the fields of Deribit's have none.
    #[must_use]
    pub const fn needs_encrypt_method(self) -> bool {
        !matches!(self, Self::Deribit)
    }

    /// What the venue demands of a Logon beside the proof. Ask it of a Logon that was verified: only then is it told what is wrong.
    ///
    /// # Errors
    /// [`Reject::Malformed`] for a value that the venue does not know.
    pub fn demands(self, logon: &Message<'_>) -> Result<(), Refusal> {
        match self {
            Self::Binance => binance::message_handling(logon),
            Self::CoinbaseExchange | Self::Deribit | Self::Kraken => Ok(()),
        }
    }

    /// The field in which the answer to a Logon names the server, where the venue's does.
    #[must_use]
    pub const fn server_field(self) -> Option<Tag> {
        match self {
            Self::Binance => Some(binance::UUID),
            Self::CoinbaseExchange | Self::Deribit | Self::Kraken => None,
        }
    }

    /// Finds key, proof, signed bytes and freshness in a Logon.
    ///
    /// # Errors
    /// [`Reject::UnexpectedMessage`] for any other message, [`Reject::MissingCredentials`] without key or proof,
    /// [`Reject::MissingParameter`] without another field that the rule needs, [`Reject::Malformed`] when one of them is no such value.
    pub fn present<'f>(self, logon: &Message<'f>) -> Result<Presented<'f>, Refusal> {
        if logon.msg_type() != b"A" {
            return Err(Reject::UnexpectedMessage.into());
        }
        match self {
            Self::Binance => binance::present(logon),
            Self::CoinbaseExchange => coinbase_exchange::present(logon),
            Self::Deribit => deribit::present(logon),
            Self::Kraken => kraken::present(logon),
        }
    }
}

#[cfg(test)]
mod tests;
