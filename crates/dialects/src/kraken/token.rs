//! The token that private WebSocket messages carry.

use std::time::Duration;

use countersign_core::{Refusal, Reject, Token, TokenKind};

use crate::answer::{HttpAnswer, quoted};
use crate::dialect::LocalRequest;

/// Within which time a token must be used first, in seconds; the login that it makes lasts as long as the connection (as the venue).
const EXPIRES: u32 = 900;
const LIFETIME: Duration = Duration::from_secs(EXPIRES as u64);

/// Answers `GetWebSocketsToken`.
pub(super) fn answer(local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
    let identity = local.identity.ok_or(Reject::MissingCredentials)?;
    let token = Token {
        kind: TokenKind::Access,
        purpose: identity.purpose(),
        credential: identity.credential().id.clone(),
        key_id: identity.key_id().clone(),
        issued: local.now,
        expires: local.now.saturating_add(LIFETIME),
        scopes: None,
        channel: None,
        session: None,
        id: local.desk.random(),
    };
    let text = quoted(&local.desk.seal(&token));
    Ok(HttpAnswer::json(200, format!(r#"{{"error":[],"result":{{"token":{text},"expires":{EXPIRES}}}}}"#)))
}
