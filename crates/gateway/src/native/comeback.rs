//! A session comes back: the side of the new connection.
//!
//! ```text
//!   resume ─▶ turn at the door ─▶ proof, standing ─▶ registry: whose session, where ─▶ Return ─▶ the session's own task
//!   welcome ◀──────────────────── countersigned there, with the numbers of that moment ◀────────┘
//!   pump: frames to and from the session, which stays where it was opened
//! ```
//!
//! A client that waited too long comes again on another connection, where it may be answered first. So an attempt whose client has gone
//! is let go of, wherever it waits: served late, it would take the session from the connection that the client has.
//!
//! The session decides: which ticket may be used, what was applied, what is replayed, and that the older connection is fenced. So
//! there is one order of events for each session, whatever worker a connection came to.

use std::rc::Rc;

use countersign_core::{CorrelationId, Purpose, Refusal, Reject, VerifiedIdentity};
use countersign_handshake::limits::DECISION_DEADLINE;
use countersign_handshake::{AwaitResumption, SecretText};
use countersign_session::Entrant;
use tokio::sync::{mpsc, oneshot};

use super::carriage::Carriage;
use super::early::Early;
use super::grant;
use super::line::NearEnd;
use super::mirror;
use super::sessions::CarriageKind;
use crate::audit::Subject;
use crate::authenticate::{check_required, verify_resumed};
use crate::clock;
use crate::connection::{Connection, ConnectionFacts};
use crate::routes::Family;
use crate::worker::Worker;

/// What comes to the door of a session.
pub(super) enum AtDoor {
    /// The next process of this node wants it.
    Leave,
    /// Its client.
    Return(Box<Return>),
}

/// A client at the door of its session. The proof is verified.
pub(super) struct Return {
    pub(super) awaiting: AwaitResumption,
    pub(super) identity: VerifiedIdentity,
    pub(super) connection: ConnectionFacts,
    pub(super) correlation: CorrelationId,
    pub(super) answer: oneshot::Sender<Result<TakenUp, Refusal>>,
}

/// What the session answers.
pub(super) struct TakenUp {
    /// To be sent first.
    pub(super) welcome: SecretText,
    /// The way to the session.
    pub(super) line: NearEnd,
}

/// Judges a resume and asks the session.
///
/// # Errors
/// The refusal.
pub(super) async fn take_up<C: Carriage>(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    carriage: &mut C,
    mut awaiting: AwaitResumption,
    kind: CarriageKind,
    correlation: CorrelationId,
) -> Result<TakenUp, Refusal> {
    let started = clock::mono();
    // What is here already was sent before our answer. It stays where it is until the welcome is out.
    match carriage.buffered() {
        0 => {}
        held => awaiting.hold(held)?,
    }
    grant::check_host(worker, kind, awaiting.host())?;
    // Its ticket is one of ours: what comes now may be as long as what an open session says.
    carriage.set_open();
    let mut early = Early::default();
    let taken = tokio::select! {
        biased;
        () = early.until_gone(carriage) => Err(Refusal::operator(Reject::Busy, "the client had gone before it was answered")),
        taken = seek(worker, connection, awaiting, correlation) => taken,
    }?;
    worker.shared.metrics.logged_in(Family::NATIVE, kind.metric(), clock::mono().saturating_since(started));
    Ok(TakenUp { line: taken.line.after(early), ..taken })
}

/// From the proof to the session's answer. May be dropped at any point: a session that came here by then waits for its client.
async fn seek(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    awaiting: AwaitResumption,
    correlation: CorrelationId,
) -> Result<TakenUp, Refusal> {
    check_required(worker, connection)?;
    let identity = {
        let _turn = worker.door.enter(Entrant::Resume).await?;
        verify_resumed(worker, connection, awaiting.presented())?
    };
    awaiting.check_identity(&identity)?;
    connection.note_authenticated(identity.account());
    let session = mirror::find(worker, awaiting.sid()).await?;
    let door = session.door(&identity)?;
    let (answer, answered) = oneshot::channel();
    let returning = Return { awaiting, identity, connection: connection.facts(), correlation, answer };
    ask(door, returning, answered).await
}

async fn ask(
    door: &mpsc::Sender<AtDoor>,
    returning: Return,
    answered: oneshot::Receiver<Result<TakenUp, Refusal>>,
) -> Result<TakenUp, Refusal> {
    // Whatever held this thread until now may have outlasted the client: what has arrived since is looked at first.
    tokio::task::yield_now().await;
    door.try_send(AtDoor::Return(Box::new(returning))).map_err(|error| match error {
        mpsc::error::TrySendError::Closed(_) => Refusal::from(Reject::SessionUnknown),
        mpsc::error::TrySendError::Full(_) => Refusal::operator(Reject::Busy, "the session has more clients at its door than one"),
    })?;
    match tokio::time::timeout(DECISION_DEADLINE, answered).await {
        Ok(Ok(answer)) => answer,
        // It ended while we waited.
        Ok(Err(_)) => Err(Reject::SessionUnknown.into()),
        Err(_) => Err(Reject::Busy.into()),
    }
}

/// The subject of the record of a resume that is refused.
pub(super) fn subject(awaiting: &AwaitResumption) -> Subject {
    Subject::none().presenting(Purpose::Native, awaiting.presented().key_id.clone())
}
