//! What identity tokens say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{SessionId, Timestamp};
use serde::Serialize;

use super::{Fence, ISSUER, Occasion, Subject};

/// Claims of an identity token.
#[derive(Serialize)]
pub(super) struct IdentityClaims<'c> {
    iss: &'static str,
    aud: &'c str,
    sub: &'c str,
    client_id: &'c str,
    scope: String,
    /// How the identity was proved: the credential's purpose.
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// Contract hash of the native session.
    #[serde(skip_serializing_if = "Option::is_none")]
    ch: Option<String>,
    fence: Fence<'c>,
    iat: u64,
    exp: u64,
    jti: String,
}

impl<'c> IdentityClaims<'c> {
    pub(super) fn new(subject: Subject<'c>, session: Option<(SessionId, &[u8; 32])>, occasion: Occasion<'c>, expires: Timestamp) -> Self {
        Self {
            iss: ISSUER,
            aud: occasion.audience,
            sub: subject.account.as_str(),
            client_id: subject.key_id.as_str(),
            scope: subject.scopes.to_string(),
            method: subject.purpose.name(),
            sid: session.map(|(sid, _)| sid.to_string()),
            ch: session.map(|(_, ch)| URL_SAFE_NO_PAD.encode(ch)),
            fence: occasion.fence,
            iat: occasion.now.as_secs(),
            exp: expires.as_secs(),
            jti: random_id(),
        }
    }
}

/// A name for one token.
pub(crate) fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes())
}
