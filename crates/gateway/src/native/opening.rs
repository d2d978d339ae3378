//! The handshake on a carriage that is a stream of frames: nonce unasked, then one hello in time.

use std::rc::Rc;

use bytes::Bytes;
use countersign_core::{CorrelationId, Monotonic, Refusal, Reject};
use countersign_handshake::frame::{self, ErrorContext};
use countersign_handshake::{AwaitVerification, Declined, ServerHandshake};

use super::carriage::{Carriage, CarriageError};
use super::grant::{self, Granted};
use super::sessions::CarriageKind;
use crate::audit::{self, Subject};
use crate::clock;
use crate::connection::Connection;
use crate::entropy::SystemEntropy;
use crate::worker::Worker;

/// Shakes hands. `None` when it came to nothing; the client was told then, and the carriage is to be closed.
pub(super) async fn open<C: Carriage>(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    carriage: &mut C,
    kind: CarriageKind,
) -> Option<Granted> {
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
        if let Ok(awaiting) = &outcome {
            subject = subject.presenting(awaiting.presented().key_id.clone());
        }
        let Declined { refusal, retry } = match outcome {
            Ok(awaiting) => match conclude(worker, connection, carriage, awaiting, kind, correlation) {
                Ok(granted) => return welcome(carriage, granted).await,
                Err(refusal) => refusal.into(),
            },
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

fn conclude<C: Carriage>(
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
    grant::grant(worker, connection, awaiting, kind, correlation)
}

async fn welcome<C: Carriage>(carriage: &mut C, granted: Granted) -> Option<Granted> {
    carriage.set_open();
    let frame = granted.established.welcome_frame();
    send(carriage, frame.expose().to_owned()).await.ok().map(|()| granted)
}

async fn send<C: Carriage>(carriage: &mut C, frame: String) -> Result<(), CarriageError> {
    carriage.feed(frame).await?;
    carriage.flush().await
}

/// Sends an error frame. Whether the client takes it is not our concern any more.
pub(super) async fn tell<C: Carriage>(carriage: &mut C, refusal: &Refusal, correlation: CorrelationId, context: ErrorContext<'_>) {
    let _ = send(carriage, frame::error(refusal, correlation, context)).await;
}
