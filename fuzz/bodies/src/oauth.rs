//! Requests to the token endpoints, and the JWTs of clients.

use countersign_core::{Jwt, Timestamp};
use countersign_oauth::dpop::{self, Target};
use countersign_oauth::{Form, RefreshKey, TokenRequest, assertion, request};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const TARGET: Target<'static> = Target { method: "POST", authority: "127.0.0.1:8443", path: "/token", access_token: None };

/// A body of a request: what is read has one reading.
pub fn token_request(data: &[u8]) {
    let Ok(form) = Form::read(data) else { return };
    let _ = request::client_assertion(&form);
    let Ok(wanted) = TokenRequest::read(&form) else { return };
    assert_eq!(form.find("grant_type"), Some(wanted.grant.name()));
    assert_eq!(wanted.to_channel, form.find("bind").is_some());
    if let Some(scopes) = &wanted.scopes {
        let text = form.find("scope").unwrap_or_default();
        assert!(scopes.iter().all(|scope| text.split(' ').any(|word| word == scope.as_str())), "no scope that was not asked for");
    }
}

/// A JWT of a client: what is read has one spelling, and no signature in the corpus is one.
pub fn client_jwt(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(RefreshKey::new(&[7; 32]).read(text).is_none(), "nobody knows the key");
    let read = Jwt::read(text);
    if dpop::verify(text, &TARGET, None, NOW).is_ok() {
        assert!(read.as_ref().is_ok_and(|jwt| jwt.is_of_type("dpop+jwt")), "a JWT is good for one thing");
        assert!(assertion::present(text, &["https://127.0.0.1:8443/token"], NOW).is_err());
    }
    if let Ok(presented) = assertion::present(text, &["https://127.0.0.1:8443/token"], NOW) {
        let jwt = read.as_ref().expect("what can be presented can be read");
        assert_eq!(presented.signed.contiguous().as_ref(), jwt.signed.as_bytes());
    }
    if let Ok(jwt) = read {
        assert!(text.starts_with(jwt.signed) && text.as_bytes()[jwt.signed.len()] == b'.');
        assert!(!jwt.signed.starts_with("countersign/1 "), "no signed text of a native proof");
    }
}
