//! OKX v5: REST and WebSocket. The signature rule is that of [`crate::header_family`].
//!
//! Source: requests recorded from ccxt and python-okx on 2026-11-21, the venue's v5 documentation. See `docs/dialects/okx.md`.

mod reject_body;
mod routes;
mod socket;

use std::time::Duration;

use countersign_core::{Purpose, Refusal};

use crate::answer::{AnswerContext, HttpAnswer};
use crate::dialect::{Answer, Dialect, Headers, RequestView, Security};
use crate::fields::iso_millis;
use crate::header_family::Family;
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

/// How far a signed time may be from ours: the venue lets a request expire after 30 s.
const WINDOW: Duration = Duration::from_secs(30);

const FAMILY: Family = Family {
    purpose: Purpose::Okx,
    key: "ok-access-key",
    sign: "ok-access-sign",
    timestamp: "ok-access-timestamp",
    passphrase: "ok-access-passphrase",
    version: None,
    read_time: iso_millis,
    window: WINDOW,
    decodes_query: false,
    routes: routes::REST,
};

const PROOF: &[&str] = &FAMILY.headers();

/// The dialect of OKX.
#[derive(Clone, Copy, Debug, Default)]
pub struct Okx;

impl Dialect for Okx {
    fn purpose(&self) -> Purpose {
        Purpose::Okx
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        PROOF
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        FAMILY.recognizes(headers)
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => FAMILY.present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
        reject_body::http(refusal, context)
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        routes::REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        routes::SOCKETS
    }

    fn message_routes(&self) -> &'static [MessageRoute] {
        routes::MESSAGES
    }

    fn open_socket(&self, opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        routes::SOCKETS.iter().any(|route| route.path == opening.path()).then(|| LoginSocket::boxed(socket::Okx::default()))
    }
}
