//! What the token endpoints offer (RFC 8414).

use countersign_core::Scope;
use countersign_dialects::HttpAnswer;
use countersign_oauth::dpop::DPOP_ALGORITHMS;
use countersign_oauth::request::{GRANT_TYPES, OFFLINE_ACCESS};
use serde_json::json;

use super::{INTROSPECT_PATH, REVOKE_PATH, TOKEN_PATH, issuer};
use crate::exchange::JWKS_PATH;
use crate::identity::TokenAlgorithm;
use crate::worker::Worker;

/// Algorithms of client assertions: those of native keys.
const ASSERTION_ALGORITHMS: [&str; 5] = ["EdDSA", "Ed25519", "ES256", "PS256", "ML-DSA-65"];

/// `GET /.well-known/oauth-authorization-server`.
pub(super) fn answer(worker: &Worker, authority: &str) -> HttpAnswer {
    let issuer = issuer(worker, authority);
    let scopes: Vec<&str> = Scope::KNOWN.into_iter().chain([OFFLINE_ACCESS]).collect();
    // The one in use first. The other one too: tokens outlive a change of the setting, and this document is cached.
    let mut signing = TokenAlgorithm::ALL.map(TokenAlgorithm::name);
    signing.sort_by_key(|name| *name != worker.shared.settings.tokens.algorithm.name());
    let methods = ["private_key_jwt", "tls_client_auth"];
    let body = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}{TOKEN_PATH}"),
        "introspection_endpoint": format!("{issuer}{INTROSPECT_PATH}"),
        "revocation_endpoint": format!("{issuer}{REVOKE_PATH}"),
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "scopes_supported": scopes,
        "response_types_supported": [],
        "grant_types_supported": GRANT_TYPES,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "access_token_signing_alg_values_supported": signing,
        "dpop_signing_alg_values_supported": DPOP_ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": true,
    });
    HttpAnswer::json(200, body.to_string())
}
