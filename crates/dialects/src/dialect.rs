//! The dialect trait: a view of the request goes in, one of three answers comes out.

use countersign_core::{Presented, Purpose, Refusal, Timestamp, TokenKind, VerifiedIdentity};

use crate::answer::{AnswerContext, Charged, HttpAnswer, RateHeaders};
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{Desk, DialectSocket, Opening};

/// What a route asks of a request, in the dialect's own terms. The route table of the dialect or the configuration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// A key must be named, a signature may be missing.
    ApiKey,
    /// Anybody.
    None,
    /// Key, signature and timestamp.
    Signed,
}

/// What a dialect makes of a message.
#[derive(Debug)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "made once per request and taken apart at once; a box would cost an allocation")]
pub enum Answer<'m> {
    /// It is of this dialect and wrong: refuse it, try no other dialect.
    Malformed(Refusal),
    /// It carries no proof of this dialect and need not.
    NotMine,
    /// It says who it is; verify that.
    Presented(Presented<'m>),
    /// It shows a token of ours.
    Token {
        /// The token's text.
        text: &'m str,
        /// What it must be for.
        kind: TokenKind,
    },
}

impl<'m> From<Result<Presented<'m>, Refusal>> for Answer<'m> {
    fn from(result: Result<Presented<'m>, Refusal>) -> Self {
        match result {
            Ok(presented) => Self::Presented(presented),
            Err(refusal) => Self::Malformed(refusal),
        }
    }
}

/// How often a header is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'m> {
    /// Not at all.
    Absent,
    /// Once, with this value.
    Once(&'m [u8]),
    /// More than once: two readings are possible.
    Repeated,
}

impl<'m> Header<'m> {
    fn collect(mut values: impl Iterator<Item = &'m [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::Once(value),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}

/// The headers of a request, as its HTTP parser keeps them.
pub trait Headers {
    /// Looks a header up; `name` is in lower case, the look-up ignores case.
    fn find(&self, name: &str) -> Header<'_>;
}

impl Headers for http::HeaderMap {
    fn find(&self, name: &str) -> Header<'_> {
        Header::collect(self.get_all(name).iter().map(http::HeaderValue::as_bytes))
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {
    fn find(&self, name: &str) -> Header<'_> {
        Header::collect(self.iter().filter(|(each, _)| each.as_ref().eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref()))
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {
    fn find(&self, name: &str) -> Header<'_> {
        self.as_slice().find(name)
    }
}

/// A request as it stands on the wire. Nothing in it is decoded.
#[derive(Clone, Copy)]
pub struct RequestView<'m> {
    /// The method, as sent.
    pub method: &'m str,
    /// Path and query, as sent.
    pub target: &'m [u8],
    /// The headers.
    pub headers: &'m dyn Headers,
    /// The whole body. A shell that has not buffered it must not ask a dialect that signs it.
    pub body: &'m [u8],
    /// The authority the request was made to (`Host` or `:authority`), for dialects that sign it.
    pub host: Option<&'m str>,
}

impl<'m> RequestView<'m> {
    /// The target up to the first `?`.
    #[must_use]
    pub fn path(&self) -> &'m [u8] {
        self.split().0
    }

    /// The target after the first `?`; empty without one.
    #[must_use]
    pub fn query(&self) -> &'m [u8] {
        self.split().1
    }

    fn split(&self) -> (&'m [u8], &'m [u8]) {
        match self.target.iter().position(|byte| *byte == b'?') {
            Some(mark) => (&self.target[..mark], &self.target[mark + 1..]),
            None => (self.target, &[]),
        }
    }
}

/// How the clients of one exchange authenticate, and what they are told.
///
/// A dialect is stateless; what a WebSocket connection remembers is in the [`DialectSocket`] that it opens.
pub trait Dialect: Send + Sync {
    /// Its name in the configuration, in audit records and on metrics.
    fn name(&self) -> &'static str {
        self.purpose().name()
    }

    /// Which family of credentials answers for it.
    fn purpose(&self) -> Purpose;

    /// The headers that a proof may be in: all that [`Self::present`], and a machine in the handshake, read for one. In lower case.
    ///
    /// # Security
    /// `Connection` may not take these off ([`head_fields`](crate::head_fields)): whoever stands behind would see another request than
    /// the one that was judged.
    fn proof_headers(&self) -> &'static [&'static str];

    /// Whether a request carries something of this dialect: only asked on routes that take any dialect, to choose one.
    fn recognizes(&self, headers: &dyn Headers) -> bool;

    /// Finds identity, signature, signed bytes and freshness. Does not allocate for more than what must be decoded.
    ///
    /// # Security
    /// Nothing in the answer is verified. [`Answer::NotMine`] is no permission: only a route that the configuration calls public
    /// passes without identity.
    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m>;

    /// Another reading of the same request, asked for when no credential has the name that [`Self::present`] found: for a venue
    /// whose requests do not say in which of two ways they were signed.
    fn present_otherwise<'m>(&self, _request: &RequestView<'m>) -> Option<Presented<'m>> {
        None
    }

    /// A refusal in the venue's words: an unmodified client raises what it raises at the venue.
    ///
    /// # Security
    /// Before proof of possession all refusals that depend on the credential are the same bytes (unless
    /// [`AnswerContext::unknown_key`] says otherwise); a failure of ours is never a bad key.
    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer;

    /// The path of the endpoint that the body of a request names, on a route of [`Handling::InBody`](crate::routes::Handling::InBody).
    ///
    /// # Security
    /// What is read here decides about scope, orders and halts, and the venue reads the same body: one that could name two endpoints
    /// names none.
    ///
    /// # Errors
    /// The refusal of a body that names none.
    fn named_in_body(&self, _request: &RequestView<'_>) -> Result<&'static str, Refusal> {
        Err(countersign_core::Reject::RouteUnknown.into())
    }

    /// Whether clients may show a token of ours in the body of a request.
    fn shows_token_in_body(&self) -> bool {
        false
    }

    /// The body that the venue behind is told, where the one that came shows a token of ours: whoever reads that may use it.
    fn body_without_token(&self, _request: &RequestView<'_>) -> Option<String> {
        None
    }

    /// Refuses a request that has its parameters in a place where this venue's clients have none: no signature covers them there, and
    /// the venue may read those; and what no scope covers among what one does. Asked however somebody logged in, a token included.
    ///
    /// # Errors
    /// [`Reject::Malformed`](countersign_core::Reject::Malformed), or [`Reject::RouteUnknown`](countersign_core::Reject::RouteUnknown).
    fn check_places(&self, _request: &RequestView<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// The scope that a request needs beside that of its endpoint, or in place of trading: where one endpoint takes what trades and
    /// what moves funds. Asked however somebody logged in, a token included.
    ///
    /// # Errors
    /// The refusal of what no scope covers.
    fn scope(&self, _request: &RequestView<'_>) -> Result<Option<&'static str>, Refusal> {
        Ok(None)
    }

    /// What of a request its refusal repeats.
    fn echo(&self, _request: &RequestView<'_>) -> Option<String> {
        None
    }

    /// How the venue tells what a key has used.
    fn rate_headers(&self, _charged: &Charged, _context: &AnswerContext) -> RateHeaders {
        RateHeaders::new()
    }

    /// How paths of the venue begin that have no route: what it served before, and its clients of then still ask for, or serves and no
    /// table has. They are refused in its words.
    fn unrouted_paths(&self) -> &'static [&'static str] {
        &[]
    }

    /// The REST endpoints.
    fn rest_routes(&self) -> &'static [RestRoute];

    /// The WebSockets.
    fn socket_routes(&self) -> &'static [SocketRoute] {
        &[]
    }

    /// The messages on its WebSockets.
    fn message_routes(&self) -> &'static [MessageRoute] {
        &[]
    }

    /// The machine of one WebSocket connection; `None` where the dialect has none at this path.
    fn open_socket(&self, _opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        None
    }

    /// The same, where the headers of the handshake may prove who opens it.
    fn open_socket_with(&self, opening: &Opening<'_>, _headers: &dyn Headers) -> Option<Box<dyn DialectSocket>> {
        self.open_socket(opening)
    }

    /// The headers of a handshake that a machine of this dialect reads.
    ///
    /// # Security
    /// What a machine reads is not for the venue behind it: one that honours it would let somebody in, or subscribe to something,
    /// that nobody has judged. The shell asks the venue without these headers.
    fn handshake_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// The parameters of a handshake's query that the venue behind is told, where a machine of this dialect reads the query; `None`
    /// where it does not, and the venue is told all of it.
    ///
    /// # Security
    /// As at [`Self::handshake_headers`]: a token of ours is nobody's business behind the gateway. What is not named here is not told,
    /// however it is spelled.
    fn handshake_query(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// Answers a request to an endpoint of [`Handling::Local`](crate::routes::Handling::Local).
    ///
    /// # Errors
    /// The refusal.
    fn answer(&self, _request: &RequestView<'_>, _local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
        Err(countersign_core::Reject::RouteUnknown.into())
    }
}

/// What an answer of the gateway itself is made from.
pub struct LocalRequest<'r> {
    /// Who asked; `None` on a public endpoint.
    pub identity: Option<&'r VerifiedIdentity>,
    /// Makes tokens.
    pub desk: &'r mut dyn Desk,
    /// The time.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn headers_are_found_in_any_case_and_counted() {
        let pairs = vec![("X-MBX-APIKEY", "a"), ("x-other", "b"), ("X-OTHER", "b")];
        assert_eq!(pairs.find("x-mbx-apikey"), Header::Once(b"a"));
        assert_eq!(pairs.find("x-other"), Header::Repeated);
        assert_eq!(pairs.find("host"), Header::Absent);
        let mut map = http::HeaderMap::new();
        map.insert("X-MBX-APIKEY", "a".parse().unwrap());
        assert_eq!(map.find("x-mbx-apikey"), Header::Once(b"a"));
        map.append("x-mbx-apikey", "a".parse().unwrap());
        assert_eq!(map.find("x-mbx-apikey"), Header::Repeated);
    }

    #[test]
    fn the_first_question_mark_starts_the_query() {
        let headers: Vec<(&str, &str)> = Vec::new();
        let view = |target| RequestView { method: "GET", target, headers: &headers, body: b"", host: None };
        assert_eq!(view(b"/a/b?c=d?e").path(), b"/a/b");
        assert_eq!(view(b"/a/b?c=d?e").query(), b"c=d?e");
        assert_eq!(view(b"/a/b").query(), b"");
    }
}
