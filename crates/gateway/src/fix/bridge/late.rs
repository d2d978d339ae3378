//! What was admitted and comes late to the venue: halts are asked again, right before it is sent.
//!
//! | what is late | a halt holds now, or is not known |
//! |---|---|
//! | an order whose copy took its time | the session ends before it is sent; its number makes the venue ask for it, at the next Logon |
//! | an order that the venue asks for again ([`resends`](crate::fix::resends)) | a gap fill in its place; the client is told |

use std::time::Duration;

use countersign_core::Reject;
use countersign_fix::answer::MessageAnswer;
use countersign_fix::msg_type::BUSINESS_MESSAGE_REJECT;
use countersign_fix::session::{Outgoing, SendError};
use countersign_fix::{BusinessRejectReason, Field, Message, tag};
use tokio::io::{AsyncRead, AsyncWrite};

use super::cancelling::CL_ORD_ID;
use super::{Bridge, End};
use crate::fix::logon;
use crate::fix::resends::Owner;
use crate::{clock, exchange};

/// How long an order waits for the lease of halts when that ended before its copy was made: both come from the same database, which is
/// there again. Twelve reads of it, as many as fit into the wait for the copy; with that it is within the lease of the session.
const LEASE_WAIT_MAX: Duration = Duration::from_secs(3);

/// How often it is looked for meanwhile: one comes every 250 ms.
const LEASE_LOOK: Duration = Duration::from_millis(20);

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// Asks once more for what was admitted: its copy may have taken longer than the lease of halts lives. What is stopped now ends the
    /// session, for it has its number at the venue already.
    pub(super) async fn confirm_under_way(&mut self) -> Result<(), End> {
        let until = clock::mono().saturating_add(LEASE_WAIT_MAX);
        loop {
            let gate = self.worker.shared.halts.gate();
            let Err(refusal) = self.under_way.iter().try_for_each(|cleared| gate.confirm(cleared)) else { return Ok(()) };
            if refusal.reject != Reject::HaltUnknown || clock::mono() >= until {
                return Err(End::Store(refusal));
            }
            tokio::time::sleep(LEASE_LOOK).await;
        }
    }

    /// What the venue asks for again is asked about by this login.
    pub(super) fn look_at_resends(&mut self) {
        self.upstream.resends.look(Owner {
            worker: self.worker.clone(),
            connection: self.connection.clone(),
            login: self.login.again(),
            session: Some(self.listed.session().holder().sid),
            correlation: self.correlation,
        });
    }

    /// Tells the client of a message that the venue asked for again and did not get, in the words of a refusal. Its number there is the
    /// client's to know only where this connection forwarded it.
    pub(super) fn tell_withheld(&mut self, seq: u64, frame: &[u8]) -> Result<(), End> {
        let (Some(refusal), Ok(message)) = (self.upstream.resends.take_refused(), Message::parse(frame)) else { return Ok(()) };
        let words = exchange::words(&self.worker, self.profile.venue.family());
        let (reason, text, fields) = match logon::refuse_message(self.profile.venue, &words, &refusal) {
            MessageAnswer::Business { reason, text } => (reason, text, Vec::new()),
            MessageAnswer::Logout { text } => (BusinessRejectReason::Other, text, Vec::new()),
            MessageAnswer::Reject { text, fields, .. } => (BusinessRejectReason::Other, text, fields),
        };
        let (source, reason) = (self.source_of(seq).map(|seq| seq.to_string()), reason.number().to_string());
        let mut body = Vec::new();
        body.extend(source.as_ref().map(|seq| Field::new(tag::REF_SEQ_NUM, seq.as_bytes())));
        body.push(Field::new(tag::REF_MSG_TYPE, message.msg_type()));
        body.extend(message.first(CL_ORD_ID).map(|name| Field::new(tag::BUSINESS_REJECT_REF_ID, name)));
        body.extend([Field::new(tag::BUSINESS_REJECT_REASON, reason.as_bytes()), Field::new(tag::TEXT, text.as_bytes())]);
        body.extend(fields.iter().map(|(tag, value)| Field::new(*tag, value.as_bytes())));
        let outgoing = Outgoing { msg_type: BUSINESS_MESSAGE_REJECT, header: &[], body: &body };
        match self.client.session.send_application(clock::now(), outgoing) {
            Ok(_) => {}
            Err(error @ SendError::Store(_)) => return self.told(Err(error)),
            // It is on record as refused.
            Err(error) => tracing::warn!(correlation = %self.correlation, %error, "a withheld FIX message could not be told"),
        }
        Ok(())
    }
}
