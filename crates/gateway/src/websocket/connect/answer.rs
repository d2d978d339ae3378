//! What an upstream may answer to an upgrade. Anything but a 101 with the right `Sec-WebSocket-Accept` is no WebSocket.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use countersign_core::{Refusal, Reject};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Declined;
use crate::websocket::limits::{UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_HEADER_FIELDS_MAX};
use crate::websocket::request::{accept_value, has_token};

/// A complete answer to an upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// A proper 101 of this length.
    Switched(usize),
    /// A 4xx, with the lengths of its head and of the body that is read.
    Declined { head: usize, body: usize, declined: Declined },
}

/// The 4xx that are about what the client asked for. The others are about the way it was asked, which is ours.
const fn is_clients(status: u16) -> bool {
    matches!(status, 400..=406 | 409..=425 | 427..=499)
}

/// A 4xx without its body.
fn declined(status: u16, length: usize, headers: &HeaderMap) -> Option<Answered> {
    let status = StatusCode::from_u16(status).ok()?;
    let told = headers.get(CONTENT_LENGTH).and_then(|told| told.to_str().ok()).and_then(|told| told.parse().ok());
    let body = told.filter(|body| *body <= UPSTREAM_HEAD_BYTES_MAX && !headers.contains_key(TRANSFER_ENCODING)).unwrap_or(0);
    let content_type = headers.get(CONTENT_TYPE).filter(|_| body > 0).cloned();
    Some(Answered::Declined { head: length, body, declined: Declined { status, content_type, body: Bytes::new() } })
}

/// A complete and proper answer; `None` while it is not complete.
pub(super) fn check_answer(read: &[u8], key: &str) -> Result<Option<Answered>, Refusal> {
    let failed = |sentence: String| Refusal::operator(Reject::UpstreamUnavailable, sentence);
    let mut fields = [httparse::EMPTY_HEADER; UPSTREAM_HEADER_FIELDS_MAX];
    let mut answer = httparse::Response::new(&mut fields);
    let length = match answer.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(failed(format!("the upstream's answer to the upgrade is not HTTP: {error}"))),
    };
    let code = answer.code.unwrap_or_default();
    if (code != 101 && !is_clients(code)) || answer.version != Some(1) {
        return Err(failed(format!("the upstream answered {code} to the upgrade")));
    }
    let mut headers = HeaderMap::new();
    for field in answer.headers.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value)) else {
            return Err(failed("the upstream's answer has an impossible header".to_owned()));
        };
        headers.append(name, value);
    }
    if code != 101 {
        return Ok(declined(code, length, &headers));
    }
    let switches = has_token(&headers, &UPGRADE, "websocket") && has_token(&headers, &CONNECTION, "upgrade");
    let mut accepts = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
    let right =
        accepts.next().is_some_and(|accept| verify_slices_are_equal(accept.as_bytes(), accept_value(key.as_bytes()).as_bytes()).is_ok());
    if !switches || !right || accepts.next().is_some() {
        return Err(failed("the upstream's 101 does not answer our key".to_owned()));
    }
    // RFC 6455, 4.1: what was not asked for must not be answered.
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) || headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(failed("the upstream negotiates what was not asked for".to_owned()));
    }
    Ok(Some(Answered::Switched(length)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn answer(status: &str, fields: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{fields}\r\n")
    }

    #[test]
    fn only_a_101_that_answers_our_key_is_a_websocket() {
        let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        let whole = answer("101 Switching Protocols", good);
        assert_eq!(check_answer(whole.as_bytes(), KEY).unwrap(), Some(Answered::Switched(whole.len())));
        for cut in 0..whole.len() {
            assert_eq!(check_answer(&whole.as_bytes()[..cut], KEY).unwrap(), None, "{cut}");
        }
        for (status, fields) in [
            ("200 OK", good.to_owned()),
            ("408 Request Timeout", String::new()),
            ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n".to_owned()),
            ("101 Switching Protocols", String::new()),
            ("101 Switching Protocols", good.replace("websocket", "h2c")),
            ("101 Switching Protocols", good.replace("Connection: Upgrade", "Connection: close")),
            ("101 Switching Protocols", good.replace("s3pP", "S3pP")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Extensions: permessage-deflate\r\n")),
            ("101 Switching Protocols", format!("{good}Sec-WebSocket-Protocol: chat\r\n")),
        ] {
            let refusal = check_answer(answer(status, &fields).as_bytes(), KEY).unwrap_err();
            assert_eq!(refusal.reject, Reject::UpstreamUnavailable, "{status} {fields}");
        }
        assert!(check_answer(b"SSH-2.0-OpenSSH\r\n\r\n", KEY).is_err());
    }
}
