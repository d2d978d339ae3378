//! A frame that is refused: told, counted, on record.

use countersign_core::{CorrelationId, Refusal};

use super::super::carriage::Carriage;
use super::Session;
use super::agreed::{ends_session, error_frame};
use super::ending::Ending;
use crate::audit::{self, Subject};
use crate::clock;
use crate::websocket::limits::REFUSALS_PER_MINUTE_MAX;

impl<C: Carriage + 'static> Session<C> {
    /// Refuses one frame. The session goes on unless the code is fatal.
    pub(super) async fn refuse(&mut self, refusal: &Refusal, s: Option<u64>, id: Option<&str>) -> Result<(), Ending> {
        let correlation = self.note_refused(refusal);
        let frame = error_frame(refusal, correlation, s, id);
        // HS-88
        self.machine.note_refusal(&frame, clock::now());
        self.mirror()?;
        self.line.feed(frame).await?;
        if ends_session(refusal, s) {
            return Err(Ending::Refused(refusal.clone()));
        }
        self.refusals.charge(1, REFUSALS_PER_MINUTE_MAX, clock::wall()).map(drop).map_err(Ending::Fatal)
    }

    pub(super) fn note_refused(&self, refusal: &Refusal) -> CorrelationId {
        let correlation = self.worker.correlation.next();
        audit::refused(&self.worker, &self.connection, &Subject::none().by(self.login.as_ref()), refusal, correlation);
        correlation
    }
}
