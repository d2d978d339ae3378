//! What a token is bound to (`cnf`, RFC 7800), and what somebody who shows it holds.
//!
//! | member | bound to | shown by |
//! |---|---|---|
//! | `jkt` | a key of the client's (RFC 9449, 6.1) | a DPoP proof with each request |
//! | `x5t#S256` | a client certificate (RFC 8705, 3.1) | the TLS connection |
//! | `tls-exp` | one connection: SHA-256 of its exporter value (RFC 9266) | the TLS connection |
//!
//! There is no token without one of them: whoever finds a token cannot use it.

pub use countersign_core::confirmation::Thumbprint;
use countersign_core::{Refusal, Reject};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// What a token is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Thumbprint of the client's DPoP key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Thumbprint>,
    /// Hash of the client's certificate.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<Thumbprint>,
    /// Hash of the exporter value of one connection.
    #[serde(rename = "tls-exp", skip_serializing_if = "Option::is_none")]
    pub tls_exp: Option<Thumbprint>,
}

/// What whoever makes a request has proved to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The key of a DPoP proof that was verified for this request.
    pub key: Option<Thumbprint>,
    /// The certificate of this connection.
    pub certificate: Option<Thumbprint>,
    /// The exporter value of this connection.
    pub channel: Option<[u8; 32]>,
}

impl Held {
    fn channel_hash(&self) -> Option<Thumbprint> {
        self.channel.as_ref().map(|value| Thumbprint::of(value))
    }
}

impl Confirmation {
    /// Binds to all that is held; to the connection only where that is asked for.
    ///
    /// # Errors
    /// [`Reject::MissingCredentials`] when nothing is held; [`Reject::BindingTooWeak`] when the connection is asked for and has no
    /// exporter value (TLS 1.2).
    pub fn of(held: &Held, to_channel: bool) -> Result<Self, Refusal> {
        let tls_exp = held.channel_hash().filter(|_| to_channel);
        if to_channel && tls_exp.is_none() {
            return Err(Refusal::operator(Reject::BindingTooWeak, "a token for this connection, which has no exporter value"));
        }
        let bound = Self { jkt: held.key, x5t_s256: held.certificate, tls_exp };
        if bound == Self::default() {
            return Err(Refusal::operator(Reject::MissingCredentials, "a token that would be bound to nothing"));
        }
        Ok(bound)
    }

    /// Whether whoever shows the token holds all that it is bound to.
    ///
    /// # Errors
    /// [`Reject::TokenInvalid`], with a sentence that says which part does not hold.
    pub fn check(&self, held: &Held) -> Result<(), Refusal> {
        if *self == Self::default() {
            return Err(invalid("a token that is bound to nothing"));
        }
        let holds = |bound: Option<Thumbprint>, held: Option<Thumbprint>| match (bound, held) {
            (None, _) => true,
            (Some(bound), Some(held)) => bool::from(bound.as_bytes().ct_eq(held.as_bytes())),
            (Some(_), None) => false,
        };
        if !holds(self.jkt, held.key) {
            return Err(invalid("the token is bound to another DPoP key"));
        }
        if !holds(self.x5t_s256, held.certificate) {
            return Err(invalid("the token is bound to another client certificate"));
        }
        if !holds(self.tls_exp, held.channel_hash()) {
            return Err(invalid("the token is bound to another connection"));
        }
        Ok(())
    }

    /// `token_type` of tokens that are bound so (RFC 9449, 5; RFC 8705, 3).
    #[must_use]
    pub const fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

fn invalid(sentence: &'static str) -> Refusal {
    Refusal::operator(Reject::TokenInvalid, sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn held(key: u8, certificate: u8, channel: u8) -> Held {
        let some = |n: u8| (n > 0).then_some([n; 32]);
        Held { key: some(key).map(Thumbprint::new), certificate: some(certificate).map(Thumbprint::new), channel: some(channel) }
    }

    #[test]
    fn a_token_is_worth_nothing_without_what_it_is_bound_to() {
        let bound = Confirmation::of(&held(1, 2, 3), true).unwrap();
        bound.check(&held(1, 2, 3)).unwrap();
        for other in [held(9, 2, 3), held(1, 9, 3), held(1, 2, 9), held(0, 2, 3), held(1, 0, 3), held(1, 2, 0), Held::default()] {
            assert_eq!(bound.check(&other).unwrap_err().reject, Reject::TokenInvalid);
        }
    }

    #[test]
    fn nothing_is_bound_to_nothing() {
        assert_eq!(Confirmation::of(&held(0, 0, 3), false).unwrap_err().reject, Reject::MissingCredentials);
        assert_eq!(Confirmation::of(&held(1, 0, 0), true).unwrap_err().reject, Reject::BindingTooWeak);
        assert!(Confirmation::default().check(&held(1, 2, 3)).is_err());
    }

    #[test]
    fn reads_back_and_refuses_members_it_does_not_know() {
        let bound = Confirmation::of(&held(1, 2, 3), true).unwrap();
        let text = serde_json::to_string(&bound).unwrap();
        assert!(text.contains("x5t#S256") && text.contains("tls-exp"));
        assert_eq!(serde_json::from_str::<Confirmation>(&text).unwrap(), bound);
        assert!(serde_json::from_str::<Confirmation>(r#"{"kid":"x"}"#).is_err(), "a binding that would not be checked");
        assert_eq!((bound.token_type(), Confirmation::of(&held(0, 2, 0), false).unwrap().token_type()), ("DPoP", "Bearer"));
    }
}
