//! Whom a halt covers.

use std::fmt;

use countersign_core::{AccountId, ApiKeyId, Purpose, SessionId};

use crate::error::HaltError;
use crate::limits::NAME_BYTES_MAX;

/// Whom a halt covers. A request is stopped when any halt covers any of its coordinates; lifting one never lifts another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HaltScope {
    /// All keys of an account.
    Account(AccountId),
    /// Everybody who logs in by one family of credentials.
    Dialect(Purpose),
    /// One instrument, by the venue's name of it. A request whose instrument cannot be told counts as being of it.
    Instrument(Box<str>),
    /// One key, by the name that its client sends: where an operator says it, that of every venue; where a client does, that of its
    /// account ([`RaisedBy::client`](crate::RaisedBy::client)).
    Key(ApiKeyId),
    /// One gateway node.
    Node(Box<str>),
    /// One native session.
    Session(SessionId),
    /// Everybody.
    Venue,
}

impl HaltScope {
    /// Reads `venue` or `KIND:NAME`.
    ///
    /// # Errors
    /// [`HaltError::Scope`].
    pub fn parse(text: &str) -> Result<Self, HaltError> {
        let wrong = || HaltError::Scope(text.chars().take(NAME_BYTES_MAX).collect());
        if text == "venue" {
            return Ok(Self::Venue);
        }
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        let plain = || {
            let fine = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| byte.is_ascii_graphic());
            fine.then(|| Box::from(name))
        };
        match kind {
            "account" => AccountId::parse(name).ok().map(Self::Account),
            "dialect" => Purpose::parse(name).map(Self::Dialect),
            "instrument" => plain().map(Self::Instrument),
            "key" => ApiKeyId::parse(name).ok().map(Self::Key),
            "node" => plain().map(Self::Node),
            "session" => SessionId::parse(name).map(Self::Session),
            _ => None,
        }
        .ok_or_else(wrong)
    }

    /// The kind, for metrics: a closed list.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Dialect(_) => "dialect",
            Self::Instrument(_) => "instrument",
            Self::Key(_) => "key",
            Self::Node(_) => "node",
            Self::Session(_) => "session",
            Self::Venue => "venue",
        }
    }

    /// Whether one operator may lift it: what concerns one key or session concerns nobody else's money.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        match self {
            Self::Key(_) | Self::Session(_) => true,
            Self::Account(_) | Self::Dialect(_) | Self::Instrument(_) | Self::Node(_) | Self::Venue => false,
        }
    }
}

impl fmt::Display for HaltScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account:{name}"),
            Self::Dialect(purpose) => write!(f, "dialect:{purpose}"),
            Self::Instrument(name) => write!(f, "instrument:{name}"),
            Self::Key(name) => write!(f, "key:{name}"),
            Self::Node(name) => write!(f, "node:{name}"),
            Self::Session(sid) => write!(f, "session:{sid}"),
            Self::Venue => f.write_str("venue"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scopes_read_back_and_other_texts_do_not_read() {
        let session = SessionId::from_bytes([7; 16]);
        for text in
            ["venue", "dialect:okx", "instrument:BTC-PERPETUAL", "account:4711", "key:ab:c/d", "node:n1", &format!("session:{session}")]
        {
            assert_eq!(HaltScope::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "Venue", "venue:", "dialect:nowhere", "instrument:", "account:a b", "market:x", "session:short"] {
            assert_eq!(HaltScope::parse(text), Err(HaltError::Scope(text.to_owned())), "{text}");
        }
    }
}
