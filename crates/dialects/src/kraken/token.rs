//! The token that private WebSocket messages carry, and which goes no further than here.

use std::ops::Range;
use std::time::Duration;

use countersign_core::{Refusal, Reject, Token, TokenKind};

use crate::answer::{HttpAnswer, quoted};
use crate::dialect::LocalRequest;
use crate::fields::object;
use crate::login_socket::Op;
use crate::raw_object::{RawObject, is_alike};

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

/// A message with its tokens blank: who knows the gateway's token can use it, and the venue behind has no use for it. `inside` is the
/// member whose members may be tokens, too.
pub(super) fn without_tokens<'f>(op: Op<'f>, text: &str, frame: &RawObject<'_>, inside: &'static str) -> Op<'f> {
    match op {
        Op::Public(message) => match blanked(text, frame, inside) {
            Some(text) => Op::PublicAs(message, text),
            None => Op::Public(message),
        },
        Op::Token(token, kind, message, _) => Op::Token(token, kind, message, blanked(text, frame, inside)),
        op @ (Op::Answer(_)
        | Op::Login(_)
        | Op::LoginEither(..)
        | Op::Private(_)
        | Op::PublicAs(..)
        | Op::Signed(..)
        | Op::SignedEither(..)) => op,
    }
}

/// The text with `""` for every token, and nothing else rewritten; `None` without a token.
fn blanked(text: &str, frame: &RawObject<'_>, inside: &'static str) -> Option<String> {
    let inner = frame.only_member(inside).and_then(|inner| object(inner.get()).ok()).unwrap_or_default();
    let both = frame.members().chain(inner.members());
    let mut places: Vec<Range<usize>> =
        both.filter(|(name, _)| is_alike(name, "token")).map(|(_, value)| place(text, value.get())).collect();
    places.sort_unstable_by_key(|place| place.start);
    let (mut kept, mut from) = (String::with_capacity(text.len()), 0);
    for place in &places {
        kept.push_str(text.get(from..place.start)?);
        kept.push_str(r#""""#);
        from = place.end;
    }
    kept.push_str(text.get(from..)?);
    (!places.is_empty()).then_some(kept)
}

/// Where a part of a text stands in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start.saturating_add(part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_blank_and_nothing_else_is_rewritten() {
        let blank = |text: &str, inside| blanked(text, &object(text).expect("an object"), inside);
        for (text, inside, left) in [
            (
                r#" {"params": {"qty":1.0, "token" : "T","x":"T"},"req_id":1 }"#,
                "params",
                r#" {"params": {"qty":1.0, "token" : "","x":"T"},"req_id":1 }"#,
            ),
            (r#"{"tok\u0065n":"T\u0041","event":"addOrder"}"#, "subscription", r#"{"tok\u0065n":"","event":"addOrder"}"#),
            (r#"{"subscription":{"token":"T"},"Token":"T"}"#, "subscription", r#"{"subscription":{"token":""},"Token":""}"#),
            (r#"{"token":["T"],"params":{"a":{}}}"#, "params", r#"{"token":"","params":{"a":{}}}"#),
        ] {
            assert_eq!(blank(text, inside).as_deref(), Some(left), "{text}");
        }
        assert_eq!(blank(r#"{"params":{"channel":"token"}}"#, "params"), None);
    }
}
