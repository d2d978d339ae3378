//! Verdicts as HTTP answers, each in the form that its proxy can use.
//!
//! | proxy | permitted | refused |
//! |---|---|---|
//! | nginx | 204, identity headers | 401, 403 or 503: it knows no others. The refusal for the client is repeated in headers, because the body of a subrequest is dropped |
//! | Envoy | 200, identity headers, and the names of identity headers that the client must not bring | the venue's own status, headers and body |

use countersign_core::{Refusal, VerifiedIdentity};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::limits::REFUSAL_HEADER_BYTES_MAX;
use super::{Permitted, Verdict};
use crate::body::ResponseBody;
use crate::exchange::Answer;
use crate::forward::IDENTITY_HEADER;

/// Whose orders and balances.
pub(super) const ACCOUNT_HEADER: HeaderName = HeaderName::from_static("x-countersign-account");
/// The key that proved itself.
pub(super) const KEY_ID_HEADER: HeaderName = HeaderName::from_static("x-countersign-key-id");
/// What it may do, separated by spaces.
pub(super) const SCOPES_HEADER: HeaderName = HeaderName::from_static("x-countersign-scopes");
/// All headers that say who it is.
pub(super) const IDENTITY_HEADERS: [HeaderName; 4] = [IDENTITY_HEADER, ACCOUNT_HEADER, KEY_ID_HEADER, SCOPES_HEADER];

/// The refusal's body, its status and its type, for nginx.
const REFUSAL_HEADER: HeaderName = HeaderName::from_static("countersign-refusal");
const REFUSAL_STATUS_HEADER: HeaderName = HeaderName::from_static("countersign-refusal-status");
const REFUSAL_TYPE_HEADER: HeaderName = HeaderName::from_static("countersign-refusal-type");
/// What the client may know of the refusal, as the one code that it has in all dialects.
const REFUSAL_CODE_HEADER: HeaderName = HeaderName::from_static("countersign-refusal-code");
/// Headers that Envoy takes out of the request before it goes on.
const ENVOY_REMOVE_HEADER: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Says who it is in plain words, for upstreams that trust the network between the proxy and themselves. The assertion beside it is
/// for those that do not.
pub(super) fn name_identity(headers: &mut HeaderMap, identity: &VerifiedIdentity) {
    let mut say = |name, text: &str| {
        // Accounts, keys and scopes are checked names; what could not stand in a header was refused when it was stored.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    say(ACCOUNT_HEADER, identity.account().as_str());
    say(KEY_ID_HEADER, identity.key_id().as_str());
    say(SCOPES_HEADER, &identity.scopes().to_string());
}

/// Names the refusal beside the venue's words, for the proxy's own log and pages.
pub(super) fn with_code(mut answer: Answer, refusal: &Refusal) -> Answer {
    answer.headers_mut().insert(REFUSAL_CODE_HEADER, HeaderValue::from_static(refusal.reject.alert().as_str()));
    answer
}

/// The identity headers that a permitted request must not keep from the client, because we set none in their place.
pub(super) fn unset_identity_headers(permitted: &Permitted) -> impl Iterator<Item = HeaderName> + '_ {
    IDENTITY_HEADERS.into_iter().filter(|name| !permitted.upstream.contains_key(name))
}

/// The answer to nginx.
pub(super) fn for_nginx(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Permitted(permitted) => with_headers(StatusCode::NO_CONTENT, permitted),
        Verdict::Refused(answer) => {
            let (mut parts, body) = answer.into_parts();
            let body = body.into_own().unwrap_or_default();
            parts.headers.insert(REFUSAL_STATUS_HEADER, HeaderValue::from(parts.status.as_u16()));
            let repeated = (body.len() <= REFUSAL_HEADER_BYTES_MAX).then(|| HeaderValue::from_maybe_shared(body.clone()).ok()).flatten();
            if let Some(text) = repeated {
                parts.headers.insert(REFUSAL_HEADER, text);
            }
            if let Some(content_type) = parts.headers.get(CONTENT_TYPE).cloned() {
                parts.headers.insert(REFUSAL_TYPE_HEADER, content_type);
            }
            parts.status = nginx_status(parts.status);
            Response::from_parts(parts, body.into())
        }
    }
}

/// nginx takes 2xx, 401 and 403; everything else is an error of its own.
fn nginx_status(status: StatusCode) -> StatusCode {
    if status == StatusCode::UNAUTHORIZED {
        StatusCode::UNAUTHORIZED
    } else if status.is_server_error() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::FORBIDDEN
    }
}

/// The answer to Envoy's HTTP client.
pub(super) fn for_envoy(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Permitted(permitted) => {
            let names: Vec<_> = unset_identity_headers(&permitted).collect();
            let mut answer = with_headers(StatusCode::OK, permitted);
            let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(",");
            if let Ok(list) = HeaderValue::from_str(&list)
                && !names.is_empty()
            {
                answer.headers_mut().insert(ENVOY_REMOVE_HEADER, list);
            }
            answer
        }
        Verdict::Refused(answer) => answer,
    }
}

fn with_headers(status: StatusCode, permitted: Permitted) -> Answer {
    let mut answer = Response::new(ResponseBody::empty());
    *answer.status_mut() = status;
    *answer.headers_mut() = permitted.upstream;
    answer.headers_mut().extend(permitted.client);
    answer
}
