//! What the venue asks for again and does not get ([`resends`](crate::fix::resends)): its client is told.

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

impl<T: AsyncRead + AsyncWrite + Unpin> Bridge<T> {
    /// What the venue asks for again is asked about by this login, as it stands.
    pub(super) fn look_at_resends(&mut self) {
        self.upstream.resends.look(Owner {
            worker: self.worker.clone(),
            connection: self.connection.clone(),
            login: self.login.again(),
            session: Some(self.listed.session().holder().sid),
            fallen: self.fallen,
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
