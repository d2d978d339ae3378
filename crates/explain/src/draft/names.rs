//! What the parts of a signed text are called.

use std::borrow::Cow;
use std::fmt;

/// The name of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Body,
    /// A field of FIX.
    Field(u32),
    Key,
    /// A text of the rule itself.
    Literal,
    Method,
    Nonce,
    Passphrase,
    Path,
    Payload,
    Query,
    /// What stands between parts.
    Separator,
    Time,
    Window,
}

impl Name {
    /// The bytes as they may be shown: as many stars for what is secret.
    pub(crate) fn shown(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Passphrase => Cow::Owned(vec![b'*'; bytes.len()]),
            Self::Body
            | Self::Field(_)
            | Self::Key
            | Self::Literal
            | Self::Method
            | Self::Nonce
            | Self::Path
            | Self::Payload
            | Self::Query
            | Self::Separator
            | Self::Time
            | Self::Window => Cow::Borrowed(bytes),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Field(tag) => write!(f, "field {tag}"),
            Self::Key => f.write_str("API key"),
            Self::Literal => f.write_str("constant"),
            Self::Method => f.write_str("method"),
            Self::Nonce => f.write_str("nonce"),
            Self::Passphrase => f.write_str("passphrase"),
            Self::Path => f.write_str("path"),
            Self::Payload => f.write_str("payload"),
            Self::Query => f.write_str("query"),
            Self::Separator => f.write_str("separator"),
            Self::Time => f.write_str("time"),
            Self::Window => f.write_str("receive window"),
        }
    }
}
