//! What clients of the token endpoints are told, in the words of the standards.
//!
//! The precise reason stays a [`Refusal`] for the operator. One rule turns it into a code: blame says which, and where the proof
//! stood (client or grant) says which of two. Infrastructure failure is never a bad client.

use std::fmt;
use std::time::Duration;

use countersign_core::{AlertCode, Blame, Detail, Refusal, Reject};

macro_rules! oauth_errors {
    ($( $variant:ident $name:literal $status:literal $doc:literal; )*) => {
        /// The `error` of an answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum OAuthError { $( #[doc = $doc] $variant, )* }

        impl OAuthError {
            /// All of them, in alphabetical order.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The text on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )* } }

            /// The usual HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $( Self::$variant => $status, )* } }

            /// The `error_description`: constant per code, so that it tells nothing about a credential.
            #[must_use]
            pub const fn description(self) -> &'static str { match self { $( Self::$variant => $doc, )* } }
        }
    };
}

oauth_errors! {
    InvalidClient "invalid_client" 401 "Client authentication failed.";
    InvalidDpopProof "invalid_dpop_proof" 400 "The DPoP proof is missing, not valid for this request, or was used before.";
    InvalidGrant "invalid_grant" 400 "The grant is not valid, expired, revoked, or belongs to another client.";
    InvalidRequest "invalid_request" 400 "The request lacks a parameter, repeats one, or breaks a rule.";
    InvalidScope "invalid_scope" 400 "A scope is unknown, or more than the grant has.";
    InvalidTarget "invalid_target" 400 "The audience or resource is not one of this server.";
    InvalidToken "invalid_token" 401 "The access token is expired, revoked, malformed, or bound to another key or channel.";
    ServerError "server_error" 500 "The server failed and refuses to guess.";
    TemporarilyUnavailable "temporarily_unavailable" 503 "The server cannot answer now; try again later.";
    UnauthorizedClient "unauthorized_client" 400 "This client may not do this.";
    UnsupportedGrantType "unsupported_grant_type" 400 "The grant type is not offered.";
    UnsupportedTokenType "unsupported_token_type" 400 "Tokens of this type cannot be revoked here.";
    UseDpopNonce "use_dpop_nonce" 400 "The DPoP proof needs the nonce of the header DPoP-Nonce.";
}

/// What of a request a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who asks (RFC 6749, 5.2: `invalid_client`).
    Client,
    /// The DPoP proof (RFC 9449, 5: `invalid_dpop_proof`).
    Dpop,
    /// What is shown for a token: assertion, refresh token, subject token (`invalid_grant`).
    Grant,
}

/// A refusal with what the client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthRefusal {
    /// The code on the wire.
    pub error: OAuthError,
    /// The precise reason, for the operator.
    pub refusal: Refusal,
}

impl OAuthRefusal {
    /// A refusal of a request that breaks a rule; the sentence is ours and goes to the operator.
    #[must_use]
    pub fn request(sentence: &'static str) -> Self {
        Self::with(OAuthError::InvalidRequest, Reject::Malformed, sentence)
    }

    /// A refusal with its code, its reason, and a sentence for the operator.
    #[must_use]
    pub fn with(error: OAuthError, reject: Reject, sentence: &'static str) -> Self {
        Self { error, refusal: Refusal::operator(reject, sentence) }
    }

    /// What a refusal of one part of a request means to its client.
    #[must_use]
    pub fn of(refusal: Refusal, part: Part) -> Self {
        let error = match refusal.reject.blame() {
            // RFC 9449, 8
            _ if refusal.reject == Reject::NonceInvalid && part == Part::Dpop => OAuthError::UseDpopNonce,
            Blame::Credential => proof_error(part),
            Blame::Infrastructure if refusal.reject == Reject::Internal => OAuthError::ServerError,
            Blame::Infrastructure | Blame::Limit => OAuthError::TemporarilyUnavailable,
            Blame::Message if is_about_proof(refusal.reject) || part == Part::Dpop => proof_error(part),
            Blame::Message => OAuthError::InvalidRequest,
            Blame::Permission if refusal.reject == Reject::ScopeMissing => OAuthError::InvalidScope,
            Blame::Permission => OAuthError::UnauthorizedClient,
        };
        Self { error, refusal }
    }

    /// The HTTP status: too many requests are told apart from a failure of ours.
    #[must_use]
    pub fn status(&self) -> u16 {
        match (self.error, self.refusal.reject.blame()) {
            (OAuthError::TemporarilyUnavailable, Blame::Limit) => self.refusal.reject.http_status(),
            (error, _) => error.status(),
        }
    }

    /// How long to wait, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        if let Detail::RetryAfter(wait) = &self.refusal.detail { Some(*wait) } else { None }
    }

    /// The body (RFC 6749, 5.2).
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::json!({ "error": self.error.name(), "error_description": self.error.description() }).to_string()
    }
}

impl fmt::Display for OAuthRefusal {
    /// The operator's line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error.name(), self.refusal)
    }
}

const fn proof_error(part: Part) -> OAuthError {
    match part {
        Part::Client => OAuthError::InvalidClient,
        Part::Dpop => OAuthError::InvalidDpopProof,
        Part::Grant => OAuthError::InvalidGrant,
    }
}

/// Reasons with the blame of a message that are about the proof in it: there is none, it is too old, or it was used.
fn is_about_proof(reject: Reject) -> bool {
    reject == Reject::MissingCredentials
        || matches!(reject.alert(), AlertCode::TimeStale | AlertCode::TimeAhead | AlertCode::ReplayDetected | AlertCode::NonceStale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infrastructure_failure_is_never_a_bad_client_grant_or_proof() {
        for reject in Reject::ALL.iter().filter(|reject| reject.blame() == Blame::Infrastructure) {
            for part in [Part::Client, Part::Dpop, Part::Grant] {
                let told = OAuthRefusal::of((*reject).into(), part);
                assert!(told.status() >= 500, "{reject}");
                assert!(matches!(told.error, OAuthError::TemporarilyUnavailable | OAuthError::ServerError), "{reject}");
            }
        }
    }

    #[test]
    fn what_depends_on_a_credential_looks_alike() {
        for (part, error) in [(Part::Client, OAuthError::InvalidClient), (Part::Grant, OAuthError::InvalidGrant)] {
            for reject in Reject::ALL.iter().filter(|reject| reject.alert() == AlertCode::AuthFailed) {
                let told = OAuthRefusal::of(Refusal::operator(*reject, "for the operator only"), part);
                assert_eq!((told.error, told.status()), (error, error.status()), "{reject}");
                assert!(!told.body().contains("operator only"));
            }
        }
    }

    #[test]
    fn a_limit_says_so_and_for_how_long() {
        let told = OAuthRefusal::of(Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_secs(7))), Part::Client);
        assert_eq!((told.status(), told.retry_after()), (429, Some(Duration::from_secs(7))));
        assert_eq!(OAuthRefusal::of(Reject::ScopeMissing.into(), Part::Grant).error, OAuthError::InvalidScope);
        assert_eq!(OAuthRefusal::of(Reject::KeySuspended.into(), Part::Client).error, OAuthError::UnauthorizedClient);
        let told = OAuthRefusal::of(Reject::NonceInvalid.into(), Part::Dpop);
        assert_eq!((told.error, told.status()), (OAuthError::UseDpopNonce, 400));
        assert_eq!(OAuthRefusal::of(Reject::Replayed.into(), Part::Dpop).error, OAuthError::InvalidDpopProof);
    }
}
