//! The token grammar: `cs1<kind>.<base64url payload>.<base64url proof>`.
//!
//! A token carries the exact bytes that were signed; nothing here looks into a payload. One line of printable ASCII, so the
//! same token fits a header, a text frame, a line and a FIX field.

use std::fmt;

use countersign_core::{Refusal, Reject};

use crate::encoding;
use crate::limits;

macro_rules! kinds {
    ($( $variant:ident $letter:literal $max:ident $doc:literal; )*) => {
        /// What a token is, by its letter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $( #[doc = $doc] $variant, )* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The letter on the wire.
            #[must_use]
            pub const fn letter(self) -> char { match self { $( Self::$variant => $letter, )* } }

            /// Largest payload, in bytes.
            #[must_use]
            pub const fn payload_bytes_max(self) -> usize { match self { $( Self::$variant => limits::$max, )* } }
        }
    };
}

kinds! {
    Delegation 'd' GATEWAY_PAYLOAD_BYTES_MAX "A gateway root lends its name to a gateway key.";
    Halt 'k' GATEWAY_PAYLOAD_BYTES_MAX "Reserved: trading is halted.";
    Hello 'h' CLIENT_PAYLOAD_BYTES_MAX "The client's offer.";
    Lift 'l' GATEWAY_PAYLOAD_BYTES_MAX "Reserved: a halt is lifted.";
    Nonce 'n' CLIENT_PAYLOAD_BYTES_MAX "The gateway's nonce for modes `sep` and `chl`.";
    Order 'o' CLIENT_PAYLOAD_BYTES_MAX "Reserved: an order with its own signature.";
    Reauth 'a' CLIENT_PAYLOAD_BYTES_MAX "A client proves itself again in a session.";
    Regrant 'g' GATEWAY_PAYLOAD_BYTES_MAX "The gateway grants anew.";
    Request 'q' CLIENT_PAYLOAD_BYTES_MAX "Reserved: a request with its own MAC.";
    Resume 'r' CLIENT_PAYLOAD_BYTES_MAX "A session comes back.";
    Welcome 'w' WELCOME_PAYLOAD_BYTES_MAX "The gateway's contract.";
}

/// Why a text is not the token that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Payload or proof is not strict base64url, or empty.
    Encoding,
    /// Not three parts, or not `cs1` and a known letter in front.
    Grammar,
    /// A token of another kind.
    Kind(Kind),
    /// Payload or proof longer than its limit.
    Size,
    /// The version in front is not `cs1`.
    Version,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("payload or proof is not unpadded base64url"),
            Self::Grammar => f.write_str("not of the form cs1<kind>.<payload>.<proof>"),
            Self::Kind(kind) => write!(f, "a token of kind {kind:?} where another is expected"),
            Self::Size => f.write_str("payload or proof is longer than allowed"),
            Self::Version => f.write_str("a token of another protocol version"),
        }
    }
}

impl std::error::Error for TokenError {}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let reject = match error {
            TokenError::Encoding | TokenError::Grammar => Reject::Malformed,
            TokenError::Kind(_) => Reject::UnexpectedMessage,
            TokenError::Size => Reject::TooLarge,
            TokenError::Version => Reject::VersionUnsupported,
        };
        Self::operator(reject, error.to_string())
    }
}

/// A token, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The exact bytes that are signed.
    pub payload: Vec<u8>,
    /// Signature or MAC.
    pub proof: Vec<u8>,
}

impl Token {
    /// Reads a token of any kind.
    ///
    /// # Errors
    /// [`TokenError`]; sizes are judged before anything is decoded.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        // HS-1: exactly three parts, a known letter, nothing around them.
        let mut parts = text.split('.');
        let (Some(head), Some(payload), Some(proof), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Grammar);
        };
        let kind = read_head(head)?;
        // HS-3: limits come before work.
        if payload.len() > encoded_len(kind.payload_bytes_max()) || proof.len() > encoded_len(limits::PROOF_BYTES_MAX) {
            return Err(TokenError::Size);
        }
        let decode = |part: &str| encoding::decode(part).filter(|bytes| !bytes.is_empty()).ok_or(TokenError::Encoding);
        Ok(Self { kind, payload: decode(payload)?, proof: decode(proof)? })
    }

    /// Reads a token of one kind.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse_kind(text: &str, kind: Kind) -> Result<Self, TokenError> {
        // HS-4: the kind is part of what is expected, never found out.
        let token = Self::parse(text)?;
        if token.kind == kind { Ok(token) } else { Err(TokenError::Kind(token.kind)) }
    }

    /// Writes a token.
    #[must_use]
    pub fn write(kind: Kind, payload: &[u8], proof: &[u8]) -> String {
        format!("cs1{}.{}.{}", kind.letter(), encoding::encode(payload), encoding::encode(proof))
    }

    /// Writes this token.
    #[must_use]
    pub fn text(&self) -> String {
        Self::write(self.kind, &self.payload, &self.proof)
    }
}

fn read_head(head: &str) -> Result<Kind, TokenError> {
    let mut chars = head.chars();
    let (Some('c'), Some('s'), Some(version), Some(letter), None) = (chars.next(), chars.next(), chars.next(), chars.next(), chars.next())
    else {
        return Err(TokenError::Grammar);
    };
    match version {
        '1' => Kind::ALL.iter().copied().find(|kind| kind.letter() == letter).ok_or(TokenError::Grammar),
        '0'..='9' => Err(TokenError::Version),
        _ => Err(TokenError::Grammar),
    }
}

/// Characters of `bytes` bytes in unpadded base64url.
const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests;
