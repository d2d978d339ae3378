//! Market data for whoever logs on without credentials, where the venue has that and the operator wants it: nobody, and so nothing but
//! public permits.
//!
//! ```text
//!   Logon for fix.public_market_data, no 553, 554, 5025 ─▶ a session of numbers only ─▶ upstream Logon as PUBLIC-n, no identity
//!   V, c, e, x  ─▶ permit_public ─▶ halts ─▶ upstream          everything else: BusinessMessageReject, as without credentials
//! ```
//!
//! # Security
//! There is no [`Login`](crate::authenticate::Login) here and nothing that makes one, so no permit of a scoped route can be made: an order
//! does not compile, let alone pass. Strangers cost memory and an upstream session: both are bounded ([`VISITORS_MAX`],
//! [`VISITORS_PER_SOURCE_MAX`], [`MESSAGES_PER_MINUTE_MAX`]), nothing is written to the disk ([`numbers`]), and no name of a client's session is used, so nobody is
//! locked out by them.

mod numbers;

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_core::rate::WindowCounter;
use countersign_core::{Access, CorrelationId, Permit, Refusal, Reject, Requirement, Timestamp, permit_public};
use countersign_fix::session::{ApplicationMessage, HeartBtIntRange, Outgoing, Peer, ResendPolicy, Routing};
use countersign_fix::{CompId, Event, LogonDialect, Message, Session, SessionConfig, tag};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::FixVenue;
use super::bridge::{header, record_garbled, said_why};
use super::line::{Line, Lost};
use super::logon;
use super::profile::Profile;
use super::upstream::HEART_BT_INT;
use crate::audit::{self, Subject};
use crate::authenticate::{check_required, required_end};
use crate::clock;
use crate::config::FixSettings;
use crate::connection::{Connection, SourcePrefix};
use crate::exchange;
use crate::halts::{Asked, Cleared};
use crate::routes::Route;
use crate::shared::Shared;
use crate::websocket::standing::Standing;
use crate::worker::Worker;
use numbers::Numbers;

/// Visitors of one node: each is a session at the upstream, of which venues have hundreds and not thousands.
const VISITORS_MAX: usize = 256;

/// Visitors from one source (an IPv4 /24, an IPv6 /48, as for connections): an office with a screen on every desk, and far from all places.
const VISITORS_PER_SOURCE_MAX: usize = 32;

/// Requests of one visitor in a minute: subscribing to every book of a venue, once.
const MESSAGES_PER_MINUTE_MAX: u32 = 120;

/// MsgTypes that a visitor may send: MarketDataRequest, SecurityDefinitionRequest, SecurityStatusRequest, SecurityListRequest.
const PUBLIC: [&[u8]; 4] = [b"V", b"c", b"e", b"x"];

/// Nonce of Kraken's Logon: with one of these fields, somebody says who they are.
const NONCE: tag::Tag = 5_025;

/// Whether a first message is the Logon of a visitor. Whoever names a key is judged by it, wherever they log on.
pub(super) fn is_one(settings: &FixSettings, profile: &Profile, first: &Message<'_>) -> bool {
    let names_nobody = [tag::USERNAME, tag::PASSWORD, tag::RAW_DATA, NONCE].into_iter().all(|tag| first.first(tag).is_none());
    profile.venue == FixVenue::Dialect(LogonDialect::Kraken)
        && settings.public_market_data.iter().any(|name| name == profile.comp_id.as_str())
        && first.msg_type() == b"A"
        && names_nobody
}

/// Counts the visitors of a node.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    /// By where they come from; no source is there with none.
    present: Mutex<HashMap<SourcePrefix, usize>>,
    /// Names of sessions at upstreams, none of them twice in a run.
    named: AtomicUsize,
}

impl Visitors {
    /// Takes a place for somebody from `source`, if there is one.
    fn enter(&self, source: SourcePrefix) -> bool {
        let mut present = self.present.lock();
        if present.values().sum::<usize>() >= VISITORS_MAX || present.get(&source).is_some_and(|count| *count >= VISITORS_PER_SOURCE_MAX) {
            return false;
        }
        *present.entry(source).or_default() += 1;
        true
    }

    fn leave(&self, source: SourcePrefix) {
        let mut present = self.present.lock();
        if let Some(count) = present.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                present.remove(&source);
            }
        }
    }
}

/// A visitor's place.
struct Place {
    shared: Arc<Shared>,
    source: SourcePrefix,
}

impl Place {
    fn take(shared: &Arc<Shared>, address: IpAddr) -> Result<Self, Refusal> {
        let source = SourcePrefix::of(address);
        if !shared.fix_sessions.visitors().enter(source) {
            return Err(Refusal::operator(Reject::Busy, "there are as many FIX visitors as can be, from this source or in all"));
        }
        Ok(Self { shared: Arc::clone(shared), source })
    }

    /// A name for the session at the upstream.
    fn name(&self) -> usize {
        self.shared.fix_sessions.visitors().named.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.fix_sessions.visitors().leave(self.source);
    }
}

/// Serves a visitor until either side ends it.
pub(super) async fn serve<T>(
    worker: &Rc<Worker>,
    connection: &Connection,
    stream: T,
    profile: Profile,
    bytes: &[u8],
    correlation: CorrelationId,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let config = SessionConfig { resend: ResendPolicy::GapFill, ..profile.acceptor(&worker.shared.settings.fix) };
    let mut client = Line::new(Session::acceptor(config, clock::now()), stream);
    client.session.handle_input(clock::now(), bytes);
    let presented = std::iter::from_fn(|| client.session.poll_event()).any(|event| matches!(event, Event::LogonPresented(_)));
    if presented {
        match open(worker, connection, &profile).await {
            Ok((upstream, place)) => {
                if client.session.accept_logon(clock::now(), Numbers::default(), &[]).is_ok() {
                    tracing::info!(%correlation, remote = %connection.remote, "FIX market data without credentials");
                    let requests = WindowCounter::new(Duration::from_secs(60));
                    let visit = Visit { worker, connection, client, upstream, profile, requests, correlation, _place: place };
                    return visit.run().await;
                }
            }
            Err(refusal) => {
                audit::refused(worker, connection, &Subject::none(), &refusal, correlation);
                let answer = logon::refuse_stranger(worker, profile.venue, &refusal);
                let _answered = client.session.refuse_logon(clock::now(), &answer);
            }
        }
    }
    let _told = client.transmit().await;
    client.close().await;
}

/// The requirement of a message of visitors: that of its route, with the operator's word that it is public.
fn requirement(route: &Route) -> Requirement {
    Requirement { access: Access::Public, ..route.requirement.clone() }
}

/// What a message of visitors is permitted by; none for all others.
fn permit(worker: &Worker, connection: &Connection, message: &Message<'_>) -> Result<Cleared, Refusal> {
    if !PUBLIC.contains(&message.msg_type()) {
        return Err(Reject::MissingCredentials.into());
    }
    let msg_type = std::str::from_utf8(message.msg_type()).unwrap_or_default();
    let route = worker.shared.routes.load().find_fix_message(msg_type).cloned().ok_or(Reject::RouteUnknown)?;
    let permit = permit_public(&requirement(&route))?;
    worker.shared.halts.gate().clear(worker, connection, permit, Asked::of(&route, None, None))
}

/// The session at the upstream of market data.
async fn open(worker: &Rc<Worker>, connection: &Connection, profile: &Profile) -> Result<(Line<TcpStream, Numbers>, Place), Refusal> {
    worker.shared.halts.gate().admit_presence(None, profile.venue.family(), None)?;
    let place = Place::take(&worker.shared, connection.remote.ip())?;
    let route = worker.shared.routes.load().find_fix_message("V").cloned().ok_or(Reject::RouteUnknown)?;
    let permit = permit_public(&requirement(&route))?;
    let upstream = worker.upstream(&permit);
    let stream = upstream.connect_fix(&permit).await.inspect_err(|refusal| worker.shared.metrics.upstream_failed(refusal.reject))?;
    let mut session = Session::initiator(config(worker, profile, &permit, &place)?, Numbers::default(), clock::now());
    let sent = session.logon(clock::now(), true, |_| Vec::new());
    sent.map_err(|error| Refusal::operator(Reject::UpstreamUnavailable, error.to_string()))?;
    let mut line = Line::new(session, stream);
    let answered = tokio::time::timeout(upstream.config().response_timeout, answer(&mut line)).await;
    answered.unwrap_or_else(|_| Err(Reject::UpstreamTimeout.into()))?;
    Ok((line, place))
}

fn config(worker: &Worker, profile: &Profile, permit: &Permit, place: &Place) -> Result<SessionConfig, Refusal> {
    let configured = &worker.shared.settings.upstreams[permit.upstream()];
    let comp_id = |text: &str| CompId::parse(text.as_bytes()).map_err(|error| Refusal::operator(Reject::Internal, error.to_string()));
    let target = configured.fix_target.as_deref().map_or_else(|| Ok(profile.comp_id.clone()), comp_id)?;
    let default = SessionConfig::new(profile.version, comp_id(&format!("PUBLIC-{}", place.name()))?, Peer::Is(target));
    Ok(SessionConfig {
        heart_bt_int: HeartBtIntRange { min: 1, max: HEART_BT_INT, zero: false },
        routing: Routing::Allow,
        next_expected: false,
        appl_ver_ids: profile.appl_ver_id.map_or_else(|| default.appl_ver_ids.clone(), |version| vec![version]),
        ..default
    })
}

async fn answer(line: &mut Line<TcpStream, Numbers>) -> Result<(), Refusal> {
    loop {
        line.transmit().await?;
        while let Some(event) = line.session.poll_event() {
            if matches!(event, Event::LoggedOn(_)) {
                return Ok(());
            }
            if matches!(event, Event::Disconnect(_)) {
                return Err(Refusal::operator(Reject::UpstreamUnavailable, "the upstream gives no market data without an identity"));
            }
        }
        line.receive().await?;
        line.take();
    }
}

/// An open session of a visitor.
struct Visit<'w, T> {
    worker: &'w Rc<Worker>,
    connection: &'w Connection,
    client: Line<T, Numbers>,
    upstream: Line<TcpStream, Numbers>,
    profile: Profile,
    requests: WindowCounter,
    correlation: CorrelationId,
    _place: Place,
}

/// Either side ended; what the client is told.
struct Over(&'static str);

impl From<Lost> for Over {
    fn from(_: Lost) -> Self {
        Self("the connection is gone")
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Visit<'_, T> {
    async fn run(mut self) {
        let Err(Over(text)) = self.drive().await;
        let _said = (self.client.session.logout(clock::now(), Some(text)), self.upstream.session.logout(clock::now(), None));
        let _told = (self.client.transmit().await, self.upstream.transmit().await);
        tokio::join!(self.client.close(), self.upstream.close());
    }

    async fn drive(&mut self) -> Result<std::convert::Infallible, Over> {
        let mut standing = Standing::subscribe(self.worker);
        let mut draining = self.worker.shared.drain.subscribe();
        // What changed while the upstream was asked is not told any more.
        let mut ends = self.recheck()?;
        loop {
            self.take_from_client()?;
            self.take_from_upstream()?;
            self.upstream.transmit().await?;
            self.client.transmit().await?;
            let (client_due, upstream_due) = (self.client.session.poll_timeout(), self.upstream.session.poll_timeout());
            tokio::select! {
                read = self.client.receive() => {
                    read?;
                    self.client.take();
                }
                read = self.upstream.receive() => {
                    read.map_err(|Lost| Over("the venue's FIX connection is gone"))?;
                    self.upstream.take();
                }
                () = clock::until(client_due) => self.client.session.handle_timeout(clock::now()),
                () = clock::until(upstream_due) => self.upstream.session.handle_timeout(clock::now()),
                () = standing.changed_or(ends) => ends = self.recheck()?,
                () = draining.wait() => return Err(Over("this node is leaving")),
            }
        }
    }

    /// Whether a visitor may stay, and when that is to be asked again though nothing changes.
    fn recheck(&self) -> Result<Option<Timestamp>, Over> {
        let gate = self.worker.shared.halts.gate();
        let stays =
            check_required(self.worker, self.connection).and_then(|()| gate.admit_presence(None, self.profile.venue.family(), None));
        stays.map_err(|refusal| {
            audit::refused(self.worker, self.connection, &Subject::none(), &refusal, self.correlation);
            Over(refusal.reject.alert().text())
        })?;
        Ok(required_end(self.worker, self.connection))
    }

    fn take_from_client(&mut self) -> Result<(), Over> {
        while let Some(event) = self.client.session.poll_event() {
            if let Event::Application(message) = event {
                self.forward(&message);
            } else if let Event::Disconnect(reason) = event {
                record_garbled(&reason, self.worker, self.connection, &Subject::none(), self.correlation);
                return Err(Over("the session is over"));
            } else if matches!(event, Event::LogonPresented(_)) {
                return Err(Over("a session without credentials is not reset within"));
            }
        }
        Ok(())
    }

    fn take_from_upstream(&mut self) -> Result<(), Over> {
        while let Some(event) = self.upstream.session.poll_event() {
            if let Event::Application(received) = event {
                let message = received.message();
                let outgoing = Outgoing { msg_type: message.msg_type(), header: &header(&message), body: message.body() };
                self.client.session.send_application(clock::now(), outgoing).map_err(|_| Over("slow consumer"))?;
            } else if let Event::Disconnect(reason) = event {
                return Err(Over(said_why(&reason)));
            }
        }
        Ok(())
    }

    fn forward(&mut self, received: &ApplicationMessage) {
        let message = received.message();
        let charged = self.requests.charge(1, MESSAGES_PER_MINUTE_MAX, clock::wall());
        let sent = charged.and_then(|_| permit(self.worker, self.connection, &message)).and_then(|cleared| {
            let outgoing = Outgoing { msg_type: message.msg_type(), header: &header(&message), body: message.body() };
            let sent = self.upstream.session.send_application(clock::now(), outgoing);
            self.worker.shared.metrics.forwarded(cleared.route());
            sent.map_err(|error| Refusal::operator(Reject::UpstreamUnavailable, error.to_string()))
        });
        if let Err(refusal) = sent {
            audit::refused(self.worker, self.connection, &Subject::none(), &refusal, self.correlation);
            let answer = logon::refuse_message(self.profile.venue, &exchange::words(self.worker, self.profile.venue.family()), &refusal);
            let _told = self.client.session.refuse_message(clock::now(), received, &answer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_source_does_not_take_the_places_of_all() {
        let visitors = Visitors::default();
        let source = |text: &str| SourcePrefix::of(text.parse().unwrap());
        let taken = (0..VISITORS_MAX).filter(|number| visitors.enter(source(&format!("192.0.2.{}", number % 256)))).count();
        assert_eq!(taken, VISITORS_PER_SOURCE_MAX);
        assert!(!visitors.enter(source("::ffff:192.0.2.9")), "the same in the other notation");
        let others = (0..VISITORS_MAX).filter(|number| visitors.enter(source(&format!("2001:db8:{number:x}::1")))).count();
        assert_eq!(taken + others, VISITORS_MAX);
        visitors.leave(source("192.0.2.7"));
        assert!(visitors.enter(source("2001:db8:ffff::1")));
        assert!(!visitors.enter(source("198.51.100.1")), "all places are taken");
    }
}
