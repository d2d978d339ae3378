//! The handshake on a carriage that is a stream of frames: nonce unasked, then one hello or resume in time.

use std::rc::Rc;

use bytes::Bytes;
use countersign_core::{CorrelationId, Monotonic, Purpose, Refusal, Reject};
use countersign_handshake::frame::{self, ErrorContext};
use countersign_handshake::{AwaitVerification, Declined, FirstToken, SecretText, ServerHandshake};
use countersign_session::Entrant;

use super::carriage::{Carriage, CarriageError};
use super::comeback::{self, TakenUp};
use super::grant::{self, Granted};
use super::line::NearEnd;
use super::sessions::CarriageKind;
use crate::audit::{self, Subject};
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::worker::Worker;

/// What came of a handshake.
pub(super) enum Opened {
    /// A session comes back; the way to it.
    Back(NearEnd),
    /// A session begins.
    New(Box<Granted>),
}

/// Shakes hands. `None` when it came to nothing; the client was told then, and the carriage is to be closed.
pub(super) async fn open<C: Carriage>(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    carriage: &mut C,
    kind: CarriageKind,
) -> Option<Opened> {
    let now = clock::now();
    let mut machine = ServerHandshake::new(worker.shared.handshake.load_full(), grant::channel(connection), now);
    let own_deadline = now.mono.saturating_add(worker.shared.settings.limits.unauthenticated_deadline);
    let nonce = machine.nonce(&mut SystemEntropy, now);
    send(carriage, frame::nonce(&nonce)).await.ok()?;
    loop {
        let deadline = machine.poll_timeout().map_or(own_deadline, |deadline| deadline.min(own_deadline));
        let mut context = ErrorContext { nonce: None, min_bind: Some(machine.min_bind()) };
        let correlation = worker.correlation.next();
        let outcome = match receive(carriage, deadline).await {
            Ok(frame) => machine.receive_frame(&frame, clock::now()),
            Err(refusal) => Err(Declined { refusal: refusal?, retry: None }),
        };
        let mut subject = Subject::none();
        let Declined { refusal, retry } = match outcome {
            Ok(FirstToken::Hello(awaiting)) => {
                subject = subject.presenting(Purpose::Native, awaiting.presented().key_id.clone());
                match conclude(worker, connection, carriage, *awaiting, kind, correlation).await {
                    Ok(granted) => {
                        let welcome = granted.established.welcome_frame();
                        return welcomed(carriage, &welcome).await.map(|()| Opened::New(Box::new(granted)));
                    }
                    Err(refusal) => refusal.into(),
                }
            }
            Ok(FirstToken::Resume(awaiting)) => {
                subject = comeback::subject(&awaiting);
                match comeback::take_up(worker, connection, carriage, *awaiting, kind, correlation).await {
                    Ok(TakenUp { welcome, line }) => return welcomed(carriage, &welcome).await.map(|()| Opened::Back(line)),
                    Err(refusal) => refusal.into(),
                }
            }
            Err(declined) => declined,
        };
        audit::refused(worker, connection, &subject, &refusal, correlation);
        let mut next = retry;
        let nonce =
            next.as_mut().filter(|_| refusal.reject == Reject::NonceInvalid).map(|next| next.nonce(&mut SystemEntropy, clock::now()));
        context.nonce = nonce.as_deref();
        tell(carriage, &refusal, correlation, context).await;
        machine = *next?;
    }
}

/// A frame before the deadline; `Err(None)` when there is nobody to tell.
async fn receive<C: Carriage>(carriage: &mut C, deadline: Monotonic) -> Result<Bytes, Option<Refusal>> {
    let left = deadline.saturating_since(clock::mono());
    match tokio::time::timeout(left, carriage.receive()).await {
        Ok(Ok(frame)) => Ok(frame),
        Ok(Err(error)) => Err(error.refusal()),
        Err(_) => Err(Some(Reject::AuthDeadline.into())),
    }
}

async fn conclude<C: Carriage>(
    worker: &Rc<Worker>,
    connection: &Connection,
    carriage: &C,
    mut awaiting: AwaitVerification,
    kind: CarriageKind,
    correlation: CorrelationId,
) -> Result<Granted, Refusal> {
    // What is here already was sent before our answer. It stays where it is until the welcome is out.
    match carriage.buffered() {
        0 => {}
        held => awaiting.hold(held)?,
    }
    let _turn = worker.door.enter(Entrant::Hello).await?;
    grant::grant(worker, connection, awaiting, kind, correlation)
}

/// Sends the welcome: from now on the carriage carries a session.
async fn welcomed<C: Carriage>(carriage: &mut C, welcome: &SecretText) -> Option<()> {
    carriage.set_open();
    send(carriage, welcome.expose().to_owned()).await.ok()
}

async fn send<C: Carriage>(carriage: &mut C, frame: String) -> Result<(), CarriageError> {
    carriage.feed(frame).await?;
    carriage.flush().await
}

/// Sends an error frame. Whether the client takes it is not our concern any more.
pub(super) async fn tell<C: Carriage>(carriage: &mut C, refusal: &Refusal, correlation: CorrelationId, context: ErrorContext<'_>) {
    let _ = send(carriage, frame::error(refusal, correlation, context)).await;
}
