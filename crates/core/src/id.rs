//! Names of things: each its own type, each with a parsing constructor.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::entropy::Entropy;

/// Why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// A character outside the allowed set.
    Alphabet,
    /// Empty or longer than allowed.
    Length,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphabet => "it has a character that is not allowed",
            Self::Length => "it is empty or too long",
        })
    }
}

impl std::error::Error for IdError {}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The longest text accepted, in bytes.
            pub const BYTES_MAX: usize = $max;

            /// Reads a name.
            ///
            /// # Errors
            /// [`IdError`] when the text is empty, too long or has a character that is not allowed.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > Self::BYTES_MAX {
                    return Err(IdError::Length);
                }
                // Without an early end, so that it is done many bytes at a time.
                if text.bytes().fold(false, |found, byte| found | !allowed(byte)) {
                    return Err(IdError::Alphabet);
                }
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

text_id! {
    /// Whose orders and balances: the unit of ownership. `a-z A-Z 0-9 . _ -`, at most 64 bytes.
    AccountId, 64, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

text_id! {
    /// The public name of a key as a client sends it (never a secret): an exchange API key, a native `kid`, a certificate's
    /// SPKI hash. Visible ASCII, at most 128 bytes (the longest seen at a venue is 95).
    ApiKeyId, 128, |byte| byte.is_ascii_graphic()
}

text_id! {
    /// Our own name of a credential record, stable when its key rotates. `a-z A-Z 0-9 . _ -`, at most 64 bytes.
    CredentialId, 64, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A fresh random name.
            pub fn random(entropy: &mut impl Entropy) -> Self {
                Self(entropy.array())
            }

            /// From its 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The 22-character base64url form.
            #[must_use]
            pub fn to_text(&self) -> [u8; 22] {
                let mut text = [0; 22];
                URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).expect("16 bytes are 22 base64url characters");
                text
            }

            /// Reads the 22-character base64url form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.to_text()).expect("base64 is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

random_id! {
    /// A session: the life of one login, across connections.
    SessionId
}

random_id! {
    /// Ties together what the client was told, the audit record and the log lines of one decision.
    CorrelationId
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn names_are_bounded_and_plain() {
        assert!(AccountId::parse("desk-1.main").is_ok());
        assert_eq!(AccountId::parse(""), Err(IdError::Length));
        assert_eq!(AccountId::parse(&"a".repeat(65)), Err(IdError::Length));
        assert_eq!(AccountId::parse("a/b"), Err(IdError::Alphabet));
        assert_eq!(ApiKeyId::parse("a key"), Err(IdError::Alphabet));
        assert_eq!(ApiKeyId::parse("k\u{e9}y"), Err(IdError::Alphabet));
        assert!(ApiKeyId::parse("organizations/1/apiKeys/2").is_ok());
    }

    #[test]
    fn random_names_round_trip() {
        let id = SessionId::random(&mut SeededEntropy::new_dangerous_for_tests(7));
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        assert_eq!(SessionId::parse("short"), None);
    }
}
