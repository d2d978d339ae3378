//! The parameters of a private request.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;

/// Base64 of a JSON object.
const PAYLOAD: &str = "x-gemini-payload";

/// Puts the payload where the parameters of other venues are. The gateway has seen that a body says nothing else; a payload that cannot be
/// decoded is none.
pub(super) async fn as_body(request: Request<Body>) -> Request<Body> {
    let payload = request.headers().get(PAYLOAD).and_then(|payload| STANDARD.decode(payload.as_bytes()).ok());
    match payload {
        Some(json) => request.map(|_| Body::from(json)),
        None => request,
    }
}
