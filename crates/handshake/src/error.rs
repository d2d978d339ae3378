//! What can go wrong on the client's side, one variant per check, so that the author of an integration knows which one failed.

use std::fmt;

use countersign_core::Binding;

use crate::delegation::DelegationError;
use crate::frame::ServerError;
use crate::signing_key::KeyError;
use crate::token::TokenError;

/// Why a client did not open a session. None of these may be answered by weaker settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The contract names another binding than the one proved with.
    BindingChanged {
        /// What was proved.
        offered: Binding,
        /// What was granted.
        granted: Binding,
    },
    /// The configured binding needs what the TLS library does not give (an exporter).
    BindingUnavailable(Binding),
    /// The configured binding is weaker than the configured `need.min_bind`.
    BindingTooWeak,
    /// The welcome does not go on where the session was left: the member at fault.
    Continuity(&'static str),
    /// The gateway did not answer in time.
    Deadline,
    /// The gateway key's delegation does not hold.
    Delegation(DelegationError),
    /// `welcome.gk` is not the key that the delegation names.
    GatewayKeyMismatch,
    /// Our own key could not sign.
    Key(KeyError),
    /// The contract leaves needs unmet that were signed as hard limits.
    NeedUnmet(Vec<String>),
    /// The mode needs a nonce, and none was given.
    NonceMissing,
    /// The delegation is by a root that is not pinned.
    PinMismatch {
        /// The kid of the root that signed it.
        presented: String,
    },
    /// No pin is configured, or more than a client may hold, or one is malformed.
    Pins,
    /// The gateway refused.
    Refused(ServerError),
    /// The contract grants a scope that was neither wished nor needed.
    ScopeNotAsked(String),
    /// The secrets text is not the one the welcome covers, or is malformed.
    Secrets,
    /// Not a welcome token.
    Token(TokenError),
    /// A frame that is none of the handshake.
    UnexpectedFrame,
    /// The gateway chose another version than the highest that both speak.
    VersionDowngrade,
    /// The welcome is not signed by the gateway key over this channel and this offer.
    WelcomeSignature,
    /// The welcome's payload is malformed: the member at fault.
    WelcomeMalformed(&'static str),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindingChanged { offered, granted } => {
                write!(f, "the contract says binding {granted}, the proof was made with {offered}")
            }
            Self::BindingUnavailable(binding) => {
                write!(f, "binding {binding} needs a TLS 1.3 exporter value, which this connection has not")
            }
            Self::BindingTooWeak => f.write_str("the configured binding is weaker than the configured minimum"),
            Self::Continuity(member) => write!(f, "the welcome does not go on where the session was left: {member}"),
            Self::Deadline => f.write_str("the gateway did not answer in time"),
            Self::Delegation(error) => write!(f, "{error}"),
            Self::GatewayKeyMismatch => f.write_str("the welcome names another gateway key than its delegation"),
            Self::Key(error) => write!(f, "{error}"),
            Self::NeedUnmet(names) => write!(f, "the contract leaves needs unmet: {}", names.join(", ")),
            Self::NonceMissing => f.write_str("the binding needs a nonce from the gateway"),
            Self::PinMismatch { presented } => write!(f, "the gateway's root {presented} is not pinned"),
            Self::Pins => f.write_str("there must be 1 to 4 gateway pins of 43 characters"),
            Self::Refused(error) => write!(f, "the gateway refused: {error}"),
            Self::ScopeNotAsked(scope) => write!(f, "the contract grants {scope}, which was not asked for"),
            Self::Secrets => f.write_str("the secrets beside the welcome are not the ones it covers"),
            Self::Token(error) => write!(f, "the welcome: {error}"),
            Self::UnexpectedFrame => f.write_str("a frame that is none of the handshake"),
            Self::VersionDowngrade => f.write_str("the gateway chose another version than the highest both speak"),
            Self::WelcomeSignature => f.write_str("the welcome is not signed for this channel and this offer by the gateway key"),
            Self::WelcomeMalformed(member) => write!(f, "the welcome's member {member} is missing or malformed"),
        }
    }
}

impl std::error::Error for HandshakeError {}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code_text)?;
        if let Some(code) = self.code {
            write!(f, ": {}", code.text())?;
        }
        if !self.names.is_empty() {
            write!(f, " ({})", self.names.join(", "))?;
        }
        match self.id {
            Some(id) => write!(f, " [{id}]"),
            None => Ok(()),
        }
    }
}
