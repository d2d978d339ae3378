//! How a session opens: one frame, a verdict, two journals, an upstream that answers; only then the client's Logon is accepted.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject, SessionId, authorize};
use countersign_dialects::answer::Charged;
use countersign_fix::answer::LogonAnswer;
use countersign_fix::live_sessions::LiveError;
use countersign_fix::{Event, Framed, Framer, Message, PresentedLogon, Session, SessionName, limits};
use countersign_session::Absence;
use countersign_store::{AuditEvent, AuditRecord, BridgeJournals, OpenError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::mpsc;

use super::bridge::{Bridge, Parts, give_back, keep_will};
use super::line::{Line, Lost};
use super::logon::{self, LoggedOn};
use super::names::{journals, resets, upstream_name};
use super::open::{CancelAsk, Holder, OpenFix};
use super::profile::Profile;
use super::sessions::{FixSessions, Listed, Taken, UpstreamName};
use super::{quota, upstream, visitor, will};
use crate::audit::{self, Subject};
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::exchange::Admitted;
use crate::halts::{Asked, Cleared};
use crate::metrics::Carriage;
use crate::native;
use crate::routes::Route;
use crate::worker::Worker;

/// From a presented Logon to its answer: journals are opened and the upstream is asked meanwhile.
pub(super) const VERIFICATION_TIMEOUT: Duration = Duration::from_secs(15);

/// MsgType of Logon: its route names the upstream.
const LOGON: &str = "A";

/// Opens a session; none when it came to nothing, and the client was told what it is told then.
pub(super) async fn open<T>(worker: &Rc<Worker>, connection: &Rc<Connection>, mut stream: T) -> Option<Bridge<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let correlation = worker.correlation.next();
    let deadline = worker.shared.settings.limits.unauthenticated_deadline;
    let first = tokio::time::timeout(deadline, first_bytes(worker, &mut stream)).await;
    let First { profile, bytes, is_visitor } = match first.unwrap_or_else(|_| Err(Reject::AuthDeadline.into())) {
        Ok(found) => found,
        Err(refusal) => {
            // Nothing is answered: whoever names no session of ours is told nothing.
            audit::refused(worker, connection, &Subject::none(), &refusal, correlation);
            return None;
        }
    };
    if is_visitor {
        Box::pin(visitor::serve(worker, connection, stream, profile, &bytes, correlation)).await;
        return None;
    }
    let settings = &worker.shared.settings.fix;
    let mut line = Line::new(Session::acceptor(profile.acceptor(settings), clock::now()), stream);
    line.session.handle_input(clock::now(), &bytes);
    let presented = presented(&mut line, worker, connection, correlation).await?;
    match begin(worker, connection, &profile, &presented, correlation).await {
        Ok(opening) => accept(worker, connection, line, profile, opening, correlation).await,
        Err(Stopped { refusal, answer }) => {
            let subject = subject(worker, &profile, &presented);
            audit::refused(worker, connection, &subject, &refusal, correlation);
            let answer = answer.unwrap_or_else(|| logon::refuse_logon(worker, connection, profile.venue, &presented, &refusal));
            let _answered = line.session.refuse_logon(clock::now(), &answer);
            let _told = line.transmit().await;
            line.close().await;
            None
        }
    }
}

fn subject(worker: &Worker, profile: &Profile, presented: &PresentedLogon) -> Subject {
    let subject = Subject::message(worker.shared.routes.load().find_fix_message(LOGON));
    let super::FixVenue::Dialect(dialect) = profile.venue else { return subject };
    match dialect.present(&presented.message()) {
        Ok(named) => subject.presenting(named.purpose, named.key_id),
        Err(_) => subject,
    }
}

/// What a connection begins with.
struct First {
    profile: Profile,
    bytes: Vec<u8>,
    /// Whether it is the Logon of nobody, for market data.
    is_visitor: bool,
}

/// Reads until the first frame is there, and finds the rules it is under.
async fn first_bytes<T: AsyncRead + Unpin>(worker: &Worker, stream: &mut T) -> Result<First, Refusal> {
    let mut framer = Framer::new(limits::LOGON_BYTES_MAX);
    let (mut all, mut chunk) = (Vec::new(), [0; 2_048]);
    loop {
        let count = stream.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            return Err(Refusal::operator(Reject::Malformed, "a FIX connection that ends before its Logon"));
        }
        all.extend_from_slice(&chunk[..count]);
        framer.push(&chunk[..count]);
        match framer.next_frame() {
            None => {}
            Some(Framed::Garbled(garble)) => return Err(Refusal::operator(Reject::Malformed, format!("not a Logon: {garble:?}"))),
            Some(Framed::Frame(frame)) => {
                let message = match Message::parse(frame) {
                    Ok(message) => message,
                    Err(countersign_fix::ParseError::Faulty { readable, .. }) => readable,
                    Err(countersign_fix::ParseError::Garbled) => return Err(Refusal::operator(Reject::Malformed, "not a Logon")),
                };
                let profile = Profile::of(&worker.shared.settings.fix, &message);
                let profile = profile.ok_or_else(|| Refusal::operator(Reject::RouteUnknown, "no FIX session has this target"))?;
                let is_visitor = visitor::is_one(&worker.shared.settings.fix, &profile, &message);
                return Ok(First { profile, bytes: all, is_visitor });
            }
        }
    }
}

/// The Logon; none when the session ended instead, which it has answered by itself.
async fn presented<T: AsyncRead + AsyncWrite + Unpin>(
    line: &mut Line<T>,
    worker: &Worker,
    connection: &Connection,
    correlation: CorrelationId,
) -> Option<PresentedLogon> {
    while let Some(event) = line.session.poll_event() {
        if let Event::LogonPresented(presented) = event {
            return Some(presented);
        }
        if let Event::Disconnect(reason) = event {
            let refusal = Refusal::operator(Reject::Malformed, format!("Logon: {reason:?}"));
            audit::refused(worker, connection, &Subject::none(), &refusal, correlation);
            break;
        }
    }
    let _told = line.transmit().await;
    None
}

/// Why there is no session: the refusal, and the answer where it is not the usual one.
struct Stopped {
    refusal: Refusal,
    answer: Option<LogonAnswer>,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, answer: None }
    }
}

impl From<Reject> for Stopped {
    fn from(reject: Reject) -> Self {
        Refusal::from(reject).into()
    }
}

/// A session that may open.
struct Opening {
    logged_on: LoggedOn,
    journals: BridgeJournals,
    upstream: Line<tokio::net::TcpStream>,
    taken: Taken,
    listed: Listed,
    asks: mpsc::Receiver<CancelAsk>,
}

async fn begin(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    profile: &Profile,
    presented: &PresentedLogon,
    correlation: CorrelationId,
) -> Result<Opening, Stopped> {
    let started = clock::mono();
    let route = worker.shared.routes.load().find_fix_message(LOGON).cloned().ok_or(Reject::RouteUnknown)?;
    let logged_on = logon::verify(worker, connection, profile.venue, &presented.message())?;
    connection.note_authenticated(logged_on.login.identity.account());
    let permit = admit(worker, connection, &route, &logged_on, correlation)?;
    worker.shared.metrics.logged_in(profile.venue.family(), Carriage::Fix, clock::mono().saturating_since(started));
    let account = logged_on.login.identity.account().clone();
    let client = SessionName { version: profile.version, comp_id: profile.comp_id.clone(), peer: presented.peer().clone() };
    let name = upstream_name(&worker.shared.settings, &permit, &client, &account)?;
    let taken = FixSessions::take(&worker.shared, account.clone(), client.clone(), name.clone()).await;
    let taken = taken.map_err(|error| already_logged_on(error, ""))?;
    // Looked at behind the name: whoever waits until no name is taken finds none of ours later.
    if worker.shared.drain.is_started() {
        let text = "this node is leaving".to_owned();
        return Err(Stopped { refusal: Reject::Draining.into(), answer: Some(LogonAnswer::Logout { text }) });
    }
    quota::admit(worker, &taken).await.map_err(|(refusal, answer)| Stopped { refusal, answer })?;
    let mut journals = journals(worker, account.as_str(), &client, &name).await.map_err(not_opened)?;
    if let Err(refusal) = will::settle(worker, &mut journals).await {
        keep_will(&journals).await;
        return Err(refusal.into());
    }
    let reset = resets(&worker.shared.settings, &permit, taken.first || journals.came_from_elsewhere());
    if let Err(refusal) = will::may_go_on(reset, &logged_on, &name, profile, &journals).await {
        give_back(&journals).await;
        return Err(refusal.into());
    }
    journals.note_logon(presented.seq());
    if presented.resets() {
        journals.end_doubt();
    }
    let asked = upstream::Asked { name: &name.name, reset, profile, correlation };
    let opened = match upstream::log_on(worker, connection, &permit, &logged_on.login, asked, &journals).await {
        Ok(upstream) => {
            let listed = list(worker, connection, profile, &logged_on, (&client, &name), &journals, correlation);
            match listed {
                Ok(listed) => {
                    let holder = listed.0.session().holder();
                    let facts = will::Facts { holder, login: &logged_on.login, client: &client, upstream: &name, profile };
                    will::leave(worker, holder.cancels, &facts, &journals).await.map(|()| (upstream, listed))
                }
                Err(refusal) => Err(refusal),
            }
        }
        Err(refusal) => Err(refusal),
    };
    match opened {
        Ok((upstream, (listed, asks))) => Ok(Opening { logged_on, journals, upstream, taken, listed, asks }),
        Err(refusal) => {
            give_back(&journals).await;
            Err(refusal.into())
        }
    }
}

/// Names the session, records that it opens, and enters it for operators.
fn list(
    worker: &Rc<Worker>,
    connection: &Connection,
    profile: &Profile,
    logged_on: &LoggedOn,
    (client, upstream): (&SessionName, &UpstreamName),
    journals: &BridgeJournals,
    correlation: CorrelationId,
) -> Result<(Listed, mpsc::Receiver<CancelAsk>), Refusal> {
    let LoggedOn { login, native, policy, .. } = logged_on;
    let identity = &login.identity;
    let holder = Holder {
        sid: native.as_ref().map_or_else(|| SessionId::random(&mut SystemEntropy), native::FixSession::sid),
        native: native.is_some(),
        account: identity.account().clone(),
        key_id: identity.key_id().clone(),
        credential: identity.credential().id.clone(),
        scopes: login.granted().unwrap_or_else(|| identity.scopes()).to_string(),
        proof: profile.venue.proof(),
        purpose: identity.purpose(),
        remote: connection.remote,
        since: clock::wall(),
        until: native.as_ref().map(native::FixSession::until),
        cancels: policy.scope,
    };
    // A native session is on record already.
    if !holder.native {
        let mut record = AuditRecord::new(holder.since, AuditEvent::SessionOpen).identity(identity);
        record.correlation = Some(correlation);
        record.session = Some(holder.sid);
        record.remote = Some(connection.remote.ip());
        worker.shared.audit.append(record).map_err(Refusal::from)?;
    }
    let name = worker.shared.settings.upstreams[upstream.upstream].name.clone();
    let (open, asks) = OpenFix::new(holder, client.clone(), (name, upstream.name.clone()), journals);
    Ok((FixSessions::enter(&worker.shared, open), asks))
}

fn admit(
    worker: &Worker,
    connection: &Connection,
    route: &Arc<Route>,
    logged_on: &LoggedOn,
    correlation: CorrelationId,
) -> Result<Cleared, Refusal> {
    let login = &logged_on.login;
    let permit = authorize(&login.identity, login.granted(), &route.requirement)?;
    let permit = worker.shared.halts.gate().clear(worker, connection, permit, Asked::of(route, Some(login), None))?;
    let admitted = Admitted { permit, login: Some(login.again()), usage: Charged::default() };
    audit::accepted(worker, connection, &Subject::message(Some(route)), &admitted, correlation)?;
    Ok(admitted.permit)
}

fn not_opened(error: OpenError) -> Stopped {
    match error {
        OpenError::OfAnother => Refusal::operator(Reject::ScopeMissing, error.to_string()).into(),
        OpenError::Served => already_logged_on(LiveError::AlreadyLoggedOn, "at another node"),
        OpenError::Owing(_) | OpenError::Sealed | OpenError::Store(_) => {
            Refusal::operator(Reject::StoreUnavailable, error.to_string()).into()
        }
    }
}

/// As FIX engines say it.
fn already_logged_on(error: LiveError, more: &str) -> Stopped {
    let text = error.to_string();
    let refusal = Refusal::operator(Reject::UnexpectedMessage, format!("{text} {more}").trim_end().to_owned());
    Stopped { refusal, answer: Some(LogonAnswer::Logout { text }) }
}

async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    mut line: Line<T>,
    profile: Profile,
    opening: Opening,
    correlation: CorrelationId,
) -> Option<Bridge<T>> {
    let Opening { logged_on, journals, upstream, taken, listed, asks } = opening;
    let fields: Vec<_> = logged_on.fields.iter().map(|(tag, value)| countersign_fix::Field::new(*tag, value)).collect();
    let accepted = line.session.accept_logon(clock::now(), journals.client.clone(), &fields);
    if let Err(error) = accepted {
        tracing::warn!(%correlation, %error, "a FIX Logon could not be answered");
    }
    let LoggedOn { login, native, policy, .. } = logged_on;
    // A session is taken up by another Logon, not resumed: there is no window.
    let absence = Absence::new(policy, Duration::ZERO);
    Some(Bridge::new(
        Rc::clone(worker),
        Rc::clone(connection),
        (line, upstream),
        Parts { journals, login, native, profile, correlation, taken, listed, asks, absence },
    ))
}

impl From<Lost> for Refusal {
    fn from(_: Lost) -> Self {
        Self::operator(Reject::UpstreamUnavailable, "the upstream's FIX connection is gone")
    }
}
