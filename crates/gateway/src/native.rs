//! The native protocol `countersign/1` on its carriages. The machines of `countersign-handshake` and `countersign-session` say
//! what happens; this moves the bytes, looks keys up, records and forwards.
//!
//! ```text
//!   raw TLS (a frame per line) ─┐
//!   WebSocket (a frame per text)┼─▶ [`opening`] ─▶ [`grant`] ─▶ [`session`] ─▶ one upstream WebSocket, identity = contract
//!   Authorization: Countersign ─┘       │   └─▶ [`comeback`] ─▶ the session that was left ([`line`])
//!   HTTP requests ──────────────────────┴─▶ [`http`]: hello on the first request, access token on the others
//!   [`mirror`]: what other nodes need to go on with a session; the sessions of nodes that are gone
//! ```
//!
//! | carriage | state | frame | next |
//! |---|---|---|---|
//! | raw, WebSocket | nonce sent | hello, good | welcome sent, session open |
//! | | | resume, good | welcome sent, older connection fenced, what was missed follows |
//! | | | stale nonce | told so, one more try |
//! | | | anything else, 3 s over | err, closed |
//! | | open | application message | route, scope, rate, record, upstream; or err, and the session goes on |
//! | | | heartbeat missed twice, connection lost | session waits for its client, as the contract says |
//! | HTTP | unproven | hello, good | session; welcome in the headers |
//! | | proven | access token of this session | passes, the key checked again |
//!
//! Decision about records: the opening and end of a session, refusals, and messages whose route asks for more than reading
//! (a scope that does not end in `:read`) are audit records. Messages that read are counted only: a subscriber would otherwise
//! write more audit than the market writes prices.

pub(crate) mod cancel_question;
mod carriage;
mod comeback;
pub(crate) mod door;
mod early;
mod fix;
mod grant;
pub mod http;
mod limits;
mod line;
mod message;
mod mirror;
mod opening;
mod session;
pub mod sessions;
pub(crate) mod websocket;

pub(crate) use fix::{FixSession, open_fix};
pub(crate) use mirror::{keep_mirror, take_in};

use std::rc::Rc;

use ::http::HeaderValue;
use bytes::Bytes;
use countersign_core::{Refusal, Reject};
use countersign_pki::TlsVersion;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::audit;
use crate::connection::Connection;
use crate::rewind::Rewind;
use crate::routes::{RouteKind, RouteTarget};
use crate::websocket::UpstreamHead;
use crate::worker::Worker;

use carriage::{Carriage as _, LineCarriage};
use opening::Opened;
use sessions::CarriageKind;

/// Serves `countersign/1` frames, one per line, until the connection ends.
pub async fn serve_raw<S>(worker: Rc<Worker>, connection: Rc<Connection>, stream: Rewind<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut carriage = LineCarriage::new(stream);
    let head = check_offered(&worker, &connection).and_then(|()| raw_head(&worker, &connection));
    let head = if worker.shared.drain.is_started() { Err(Reject::Draining.into()) } else { head };
    let head = match head {
        Ok(head) => head,
        Err(refusal) => {
            let correlation = worker.correlation.next();
            audit::refused(&worker, &connection, &audit::Subject::none(), &refusal, correlation);
            opening::tell(&mut carriage, &refusal, correlation, countersign_handshake::frame::ErrorContext::default()).await;
            return carriage.close(None, "").await;
        }
    };
    match opening::open(&worker, &connection, &mut carriage, CarriageKind::RawTls).await {
        Some(Opened::Back(line)) => line::pump(carriage, line).await,
        Some(Opened::New(granted)) => session::drive(&worker, connection, carriage, *granted, head).await,
        None => carriage.close(None, "").await,
    }
}

/// Whether this connection may have a native session at all.
///
/// # Errors
/// [`Reject::Unsupported`] when they are switched off, [`Reject::BindingTooWeak`] below TLS 1.3.
fn check_offered(worker: &Worker, connection: &Connection) -> Result<(), Refusal> {
    if !worker.shared.settings.native.enabled {
        return Err(Refusal::operator(Reject::Unsupported, "native sessions are switched off"));
    }
    if connection.negotiated.version != TlsVersion::Tls13 {
        return Err(Refusal::operator(Reject::BindingTooWeak, "native sessions need TLS 1.3"));
    }
    Ok(())
}

/// A session over raw TLS goes where the first native session route goes.
fn raw_head(worker: &Worker, connection: &Connection) -> Result<UpstreamHead, Refusal> {
    let routes = worker.shared.routes.load();
    let route = routes.all().iter().find(|route| route.kind == RouteKind::NativeSession);
    let unknown = || Refusal::operator(Reject::RouteUnknown, "no route is for native sessions");
    let route = route.ok_or_else(unknown)?;
    let RouteTarget::Http { path, .. } = &route.target else { return Err(unknown()) };
    let authority = &worker.upstreams[route.upstream].config().authority;
    let authority = HeaderValue::from_maybe_shared(Bytes::from(authority.clone())).map_err(|_| unknown())?;
    Ok(UpstreamHead::of_path(connection, path.as_str(), &authority, worker.correlation.next()))
}

#[cfg(test)]
mod tests;
