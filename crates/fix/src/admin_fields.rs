//! Which fields the standard gives to each session message: the one dictionary a session owns.
//!
//! Logon is not here: venues add fields of their own to it, and the dialect that verifies it reads them.

use crate::message::{FieldFault, Message};
use crate::msg_type::AdminType;
use crate::reject_reason::SessionRejectReason;
use crate::tag::Tag;
use crate::version::Version;

/// Body fields of a session message, over all versions (FIX 4.2 to FIXT 1.1).
const fn body(kind: AdminType) -> Option<&'static [Tag]> {
    match kind {
        AdminType::Heartbeat | AdminType::TestRequest => Some(&[112]),
        AdminType::ResendRequest => Some(&[7, 16]),
        AdminType::Reject => Some(&[45, 58, 354, 355, 371, 372, 373, 1130, 1131, 1406]),
        AdminType::SequenceReset => Some(&[36, 123]),
        AdminType::Logout => Some(&[58, 354, 355, 1409]),
        AdminType::Logon => None,
    }
}

/// Refuses a body field that the message does not have.
///
/// # Errors
/// Tag and reason: not defined for this message, or not at all in this version.
pub(crate) fn check(version: Version, kind: AdminType, message: &Message<'_>) -> Result<(), FieldFault> {
    let Some(known) = body(kind) else { return Ok(()) };
    match message.body().iter().find(|field| !known.contains(&field.tag)) {
        None => Ok(()),
        Some(field) if field.tag > version.highest_tag() => Err(FieldFault::of(SessionRejectReason::InvalidTagNumber, field.tag)),
        Some(field) => Err(FieldFault::of(SessionRejectReason::TagNotDefinedForMsgType, field.tag)),
    }
}
