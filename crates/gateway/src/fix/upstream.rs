//! Our session with a venue's FIX acceptor: connect, Logon with the identity assertion, wait for the answer.

use std::rc::Rc;

use countersign_core::{CorrelationId, Permit, Refusal, Reject};
use countersign_fix::session::{HeartBtIntRange, Peer, Routing};
use countersign_fix::{Event, Session, SessionConfig, SessionName, tag};
use countersign_store::{BridgeJournals, FixSide};
use tokio::net::TcpStream;

use super::bridge::commit;
use super::line::Line;
use super::profile::Profile;
use super::resends::Owner;
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::forward;
use crate::worker::Worker;

/// HeartBtInt towards upstreams, in seconds: the same network, where a dead peer is to be noticed within a minute.
pub(super) const HEART_BT_INT: u64 = 20;

/// What session is asked for.
pub(super) struct Asked<'a> {
    pub(super) name: &'a SessionName,
    pub(super) reset: bool,
    pub(super) profile: &'a Profile,
    pub(super) correlation: CorrelationId,
}

/// Logs on.
///
/// # Errors
/// [`Reject::UpstreamUnavailable`] and [`Reject::UpstreamTimeout`]; the store's.
pub(super) async fn log_on(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    permit: &Permit,
    login: &Login,
    asked: Asked<'_>,
    journals: &BridgeJournals,
) -> Result<Line<TcpStream>, Refusal> {
    let upstream = worker.upstream(permit);
    let stream = upstream.connect_fix(permit).await.inspect_err(|refusal| worker.shared.metrics.upstream_failed(refusal.reject))?;
    let mut session = Session::initiator(config(&asked), journals.upstream.clone(), clock::now());
    let identity = forward::identity_assertion(worker, connection, permit, login.session.as_ref(), permit.upstream());
    let identity = identity.map(|value| value.as_bytes().to_vec());
    let fields = move || {
        let token = identity?;
        Some(vec![(tag::RAW_DATA_LENGTH, token.len().to_string().into_bytes()), (tag::RAW_DATA, token)])
    };
    let sent = session.logon(clock::now(), asked.reset, |_| fields().unwrap_or_default());
    sent.map_err(|error| Refusal::operator(Reject::StoreUnavailable, format!("a Logon for the upstream: {error}")))?;
    let mut line = Line::new(session, stream);
    // Before its answer: it may ask for messages with that.
    line.resends.look(Owner {
        worker: Rc::clone(worker),
        connection: Rc::clone(connection),
        login: login.again(),
        session: login.session.as_ref().map(|session| session.sid),
        fallen: None,
        correlation: asked.correlation,
    });
    let timeout = upstream.config().response_timeout;
    let answered = tokio::time::timeout(timeout, answer(&mut line, journals)).await;
    answered.unwrap_or_else(|_| Err(Reject::UpstreamTimeout.into())).inspect_err(|refusal| {
        worker.shared.metrics.upstream_failed(refusal.reject);
    })?;
    Ok(line)
}

fn config(asked: &Asked<'_>) -> SessionConfig {
    let SessionName { version, comp_id, peer } = asked.name.clone();
    let default = SessionConfig::new(version, comp_id, Peer::Is(peer));
    SessionConfig {
        heart_bt_int: HeartBtIntRange { min: 1, max: HEART_BT_INT, zero: false },
        routing: Routing::Allow,
        // Acceptors that do not know NextExpectedMsgSeqNum refuse the Logon.
        next_expected: false,
        appl_ver_ids: asked.profile.appl_ver_id.map_or_else(|| default.appl_ver_ids.clone(), |version| vec![version]),
        ..default
    }
}

/// Waits until both sides are logged on. Events behind that stay for the bridge.
async fn answer(line: &mut Line<TcpStream>, journals: &BridgeJournals) -> Result<(), Refusal> {
    let mut told = None;
    loop {
        commit(journals, &[FixSide::Upstream], false).await?;
        line.transmit().await?;
        while let Some(event) = line.session.poll_event() {
            if let Event::LoggedOn(_) = event {
                return Ok(());
            }
            if let Event::LogoutReceived { text, .. } | Event::RejectReceived { text, .. } = event {
                told = text.or(told);
            } else if let Event::Disconnect(reason) = event {
                let text = told.unwrap_or_default();
                let sentence = format!("the upstream's FIX session did not open: {reason:?} {text}");
                return Err(Refusal::operator(Reject::UpstreamUnavailable, sentence));
            }
        }
        line.receive().await?;
        line.take();
    }
}
