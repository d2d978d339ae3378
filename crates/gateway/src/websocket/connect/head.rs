//! What an upstream is asked for: the request as the client made it, our headers in place of its claims.

use countersign_core::CorrelationId;
use countersign_dialects::Dialect;
use countersign_oauth::dpop::DPOP_HEADER;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::connection::Connection;
use crate::forward::{self, IDENTITY_HEADER};
use crate::respond::{self, CORRELATION_HEADER};
use crate::tokens::bearer;
use crate::worker::Worker;

/// What the upstream is asked for, without who asks.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamHead {
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

impl UpstreamHead {
    /// From the client's own upgrade request: path and query as received.
    pub(crate) fn of_request(
        worker: &Worker,
        connection: &Connection,
        parts: &Parts,
        authority: &HeaderValue,
        correlation: CorrelationId,
    ) -> Self {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut headers = parts.headers.clone();
        // Ours is the handshake with the upstream: nothing of the client's own takes part in it.
        let handshake: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("sec-websocket-")).cloned().collect();
        for name in handshake.iter().chain([&CONTENT_LENGTH]) {
            headers.remove(name);
        }
        let native = headers.get(http::header::AUTHORIZATION).is_some_and(|value| is_native_scheme(value.as_bytes()));
        if native || bearer::shown(&headers).is_some() || bearer::is_sealed_among(worker, &headers) {
            headers.remove(http::header::AUTHORIZATION);
            headers.remove(DPOP_HEADER);
        }
        forward::rewrite_headers(&mut headers, connection, authority, None);
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target, headers }
    }

    /// Without what a machine of this dialect reads of the handshake: headers, and of the query all that the venue is not to be told.
    pub(crate) fn without_what_is_read(mut self, dialect: &dyn Dialect) -> Self {
        if let Some(told) = dialect.handshake_query()
            && let Some((path, query)) = self.target.split_once('?')
        {
            let told = |pair: &&str| pair.split_once('=').is_some_and(|(name, _)| told.contains(&name));
            let kept: Vec<&str> = query.split('&').filter(told).collect();
            self.target = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
        }
        for name in dialect.handshake_headers() {
            self.headers.remove(*name);
        }
        self
    }

    /// For a session that did not come over HTTP.
    pub(crate) fn of_path(connection: &Connection, path: &str, authority: &HeaderValue, correlation: CorrelationId) -> Self {
        let mut headers = HeaderMap::new();
        forward::rewrite_headers(&mut headers, connection, authority, None);
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target: path.to_owned(), headers }
    }

    /// For a question of the gateway's own.
    pub(crate) fn own(path: &str, authority: &HeaderValue, correlation: CorrelationId) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, authority.clone());
        headers.insert(CORRELATION_HEADER, respond::correlation_value(correlation));
        Self { target: path.to_owned(), headers }
    }

    pub(super) fn write(&self, key: &str, identity: Option<&HeaderValue>) -> Vec<u8> {
        let mut request = Vec::with_capacity(1_024);
        let mut line = |name: &[u8], value: &[u8]| {
            request.extend_from_slice(name);
            request.extend_from_slice(value);
            request.extend_from_slice(b"\r\n");
        };
        // Neither targets nor header values can hold a line end: the types that carried them here do not admit it.
        line(b"GET ", format!("{} HTTP/1.1", self.target).as_bytes());
        for (name, value) in &self.headers {
            line(format!("{name}: ").as_bytes(), value.as_bytes());
        }
        if let Some(identity) = identity {
            line(format!("{IDENTITY_HEADER}: ").as_bytes(), identity.as_bytes());
        }
        line(b"upgrade: ", b"websocket");
        line(b"connection: ", b"Upgrade");
        line(b"sec-websocket-version: ", b"13");
        line(b"sec-websocket-key: ", key.as_bytes());
        line(b"", b"");
        request
    }
}

fn is_native_scheme(value: &[u8]) -> bool {
    value.get(..11).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"countersign"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_machine_reads_of_a_handshake_goes_no_further() {
        let mut headers = HeaderMap::new();
        for name in ["api-key", "api-expires", "api-signature", "user-agent"] {
            headers.append(name, HeaderValue::from_static("x"));
        }
        headers.append("api-key", HeaderValue::from_static("y"));
        let head = UpstreamHead { target: "/realtime?subscribe=trade&%73ubscribe=order?".to_owned(), headers };
        let dialect = |name| countersign_dialects::by_name(name).unwrap();
        let same = head.clone().without_what_is_read(dialect("okx"));
        assert_eq!((&same.target, &same.headers), (&head.target, &head.headers), "this one reads nothing there");
        let rest = head.without_what_is_read(dialect("bitmex"));
        assert_eq!(rest.target, "/realtime");
        assert_eq!(rest.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["user-agent"]);
        let kucoin = |query: &str| {
            let head = UpstreamHead { target: format!("/kucoin/ws{query}"), headers: HeaderMap::new() };
            head.without_what_is_read(dialect("kucoin")).target
        };
        assert_eq!(kucoin("?token=secret&connectId=c1"), "/kucoin/ws?connectId=c1", "a token of ours is for nobody behind");
        assert_eq!(kucoin("?%74oken=secret&token=secret"), "/kucoin/ws");
        assert_eq!(kucoin("?connectId=c1&token=secret?token=secret&token"), "/kucoin/ws?connectId=c1");
    }
}
