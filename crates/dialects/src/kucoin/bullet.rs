//! Bullet tokens: what opens a WebSocket.

use std::time::Duration;

use countersign_core::{Refusal, Token, TokenKind};

use super::routes;
use crate::answer::{HttpAnswer, quoted};
use crate::dialect::{LocalRequest, RequestView};

/// How long a token may wait to be used: the venue's tokens live a day; a client connects within seconds.
const LIFETIME: Duration = Duration::from_secs(600);

/// Milliseconds between pings of the client, and how long it waits for a pong (venue's figures).
const PING_INTERVAL_MS: u32 = 18_000;
const PING_TIMEOUT_MS: u32 = 10_000;

/// Answers `bullet-private` and `bullet-public`.
pub(super) fn answer(request: &RequestView<'_>, local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
    let token = match local.identity.filter(|_| request.path() == routes::BULLET_PRIVATE.as_bytes()) {
        Some(identity) => {
            let token = Token {
                kind: TokenKind::Connect,
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
            local.desk.seal(&token)
        }
        None => routes::PUBLIC_TOKEN.to_owned(),
    };
    let endpoint = format!("wss://{}{}", local.desk.authority(), routes::SOCKET_PATH);
    let body = format!(
        concat!(
            r#"{{"code":"200000","data":{{"token":{},"instanceServers":[{{"endpoint":{},"encrypt":true,"protocol":"websocket","#,
            r#""pingInterval":{},"pingTimeout":{}}}]}}}}"#
        ),
        quoted(&token),
        quoted(&endpoint),
        PING_INTERVAL_MS,
        PING_TIMEOUT_MS
    );
    Ok(HttpAnswer::json(200, body))
}
