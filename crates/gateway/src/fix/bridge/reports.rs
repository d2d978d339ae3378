//! What a venue says to a question of ours: which of it is the answer, and what is for the client.

use countersign_core::{Refusal, Reject};
use countersign_fix::message::number;
use countersign_fix::msg_type::BUSINESS_MESSAGE_REJECT;
use countersign_fix::{Event, Message, tag};

use super::cancelling::{CL_ORD_ID, QUESTION};

/// OrderMassCancelReport.
pub(super) const REPORT: &[u8] = b"r";
const MASS_CANCEL_RESPONSE: tag::Tag = 531;
const TOTAL_AFFECTED_ORDERS: tag::Tag = 533;
const EXECUTION_REPORT: &[u8] = b"8";
const ORD_STATUS: tag::Tag = 39;
const CANCELED: &[u8] = b"4";

/// What came back.
pub(in crate::fix) struct Answered {
    pub(in crate::fix) orders: usize,
    /// Whether there are messages for the client among what came, which nobody may count as received.
    pub(super) for_client: bool,
}

impl Answered {
    pub(super) const NOTHING: Self = Self { orders: 0, for_client: false };
}

pub(super) fn refused(text: &str) -> Refusal {
    Refusal::operator(Reject::Unsupported, format!("the venue does not cancel: {text}"))
}

/// What came so far.
#[derive(Default)]
pub(super) struct Reports {
    canceled: usize,
    /// What an earlier question of ours did, whose answer nobody waited for any more.
    earlier: usize,
    pub(super) for_client: bool,
}

impl Reports {
    /// The answer, when this is it.
    pub(super) fn take(&mut self, event: &Event, name: &str, seq: u64) -> Option<Result<Answered, Refusal>> {
        match event {
            Event::Application(received) => {
                let message = received.message();
                let of_ours = message.first(CL_ORD_ID) == Some(name.as_bytes());
                if message.msg_type() == REPORT && of_ours {
                    return Some(self.answer(&message));
                }
                if message.msg_type() == REPORT && message.first(CL_ORD_ID).is_some_and(|name| name.starts_with(QUESTION.as_bytes())) {
                    self.earlier += told_by(&message).unwrap_or_default();
                    return None;
                }
                let rejected =
                    message.msg_type() == BUSINESS_MESSAGE_REJECT && message.first(tag::REF_SEQ_NUM).and_then(number) == Some(seq);
                if rejected {
                    return Some(Err(refused(&text_of(&message))));
                }
                self.for_client = true;
                let canceled = message.msg_type() == EXECUTION_REPORT && message.first(ORD_STATUS) == Some(CANCELED);
                self.canceled += usize::from(canceled);
                None
            }
            Event::RejectReceived { ref_seq, text, .. } if *ref_seq == seq => Some(Err(refused(text.as_deref().unwrap_or("rejected")))),
            Event::Disconnect(_) | Event::LogoutReceived { .. } => Some(Err(Reject::UpstreamUnavailable.into())),
            Event::Garbled(_)
            | Event::GapFound { .. }
            | Event::LoggedOn(_)
            | Event::LogonPresented(_)
            | Event::RejectReceived { .. }
            | Event::RejectSent { .. }
            | Event::ResendIncomplete { .. }
            | Event::ResendRequested { .. }
            | Event::ResendWithheld { .. }
            | Event::SequenceMoved { .. }
            | Event::SequencesReset => None,
        }
    }

    pub(super) fn answer(&self, report: &Message<'_>) -> Result<Answered, Refusal> {
        // 0: the request was rejected.
        if report.first(MASS_CANCEL_RESPONSE) == Some(b"0") {
            return Err(refused(&text_of(report)));
        }
        let told = told_by(report).map(|told| told + self.earlier);
        Ok(Answered { orders: told.unwrap_or(self.canceled), for_client: self.for_client })
    }
}

/// How many orders went, as a report says it.
fn told_by(report: &Message<'_>) -> Option<usize> {
    report.first(TOTAL_AFFECTED_ORDERS).and_then(number).and_then(|count| usize::try_from(count).ok())
}

pub(super) fn text_of(message: &Message<'_>) -> String {
    message.first(tag::TEXT).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}
