//! The section `tokens`: what the token endpoint signs, for whom, and for how long.

use std::time::Duration;

use super::reader::{Reader, found};
use super::sections::authority;
use super::settings::TokenSettings;
use crate::identity::TokenAlgorithm;

/// Longest audience of a token: a URL that people write.
const AUDIENCE_BYTES_MAX: usize = 200;

/// Reads it.
pub(super) fn read(mut keys: Reader<'_>) -> TokenSettings {
    let seconds = Duration::from_secs;
    let enabled = keys.boolean("enabled", "Whether there is a token endpoint, and its tokens log in.", true);
    let issuer = keys.one_or(
        "issuer",
        "Issuer of tokens, https://HOST[:PORT]; set it when the gateway has several names. Unset, a token is of the name it was asked for by, and for no other.",
        "the authority of the request",
        issuer_url,
    );
    let audiences = keys.list_or(
        "audiences",
        "Audiences of services beside the gateway that tokens may be made for; those services verify them by the published keys.",
        "none",
        audience,
    );
    let algorithm = keys.choice(
        "algorithm",
        "What access tokens are signed with. ES256 is for services whose library knows no Ed25519. Keys of both kinds are always published, and after a change the tokens made before it hold until they end.",
        &TokenAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm)),
    );
    let access_life = keys.duration(
        "access_life",
        "Life of an access token: how long a verifier that asks nobody takes a revoked one.",
        seconds(300),
        countersign_oauth::limits::ACCESS_LIFE,
    );
    let session_life = keys.duration(
        "session_life",
        "Longest life of a family of refresh tokens; after it a key proves itself again.",
        seconds(7 * 86_400),
        seconds(60)..=seconds(90 * 86_400),
    );
    let dpop_nonce = keys.boolean(
        "dpop_nonce",
        "Whether DPoP proofs at the token endpoint need a nonce of this gateway (RFC 9449, 8), so that none is made in advance.",
        false,
    );
    TokenSettings { enabled, issuer, audiences: audiences.unwrap_or_default(), algorithm, dpop_nonce, access_life, session_life }
}

/// An origin: RFC 8414, 2 forbids query and fragment, and a path would need another well-known address.
fn issuer_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("https://").map(authority) {
        Some(Ok(authority)) => Ok(format!("https://{authority}")),
        Some(Err(_)) | None => Err(format!("expected https://HOST or https://HOST:PORT, {}", found(text))),
    }
}

fn audience(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && text.len() <= AUDIENCE_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(text.to_owned()) } else { Err(format!("expected a name or URL without spaces, {}", found(text))) }
}
