//! Fields of a Logon that a venue's rule names.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{ApiKeyId, Freshness, PresentedSignature, Refusal, Reject, SignatureForm, SignedBytes, Timestamp};
use smallvec::SmallVec;

use crate::limits;
use crate::message::Message;
use crate::tag::{self, Tag};
use crate::utc_timestamp::UtcTimestamp;

/// A field that is no such value.
pub(super) fn malformed(tag: Tag) -> Refusal {
    Refusal::operator(Reject::Malformed, format!("field {tag} of the Logon"))
}

/// A field that may be absent; twice is a refusal.
pub(super) fn optional<'f>(logon: &Message<'f>, tag: Tag) -> Result<Option<&'f [u8]>, Refusal> {
    logon.unique(tag).map_err(|_| malformed(tag))
}

/// A field that the rule needs.
pub(super) fn parameter<'f>(logon: &Message<'f>, tag: Tag) -> Result<&'f [u8], Refusal> {
    optional(logon, tag)?.ok_or_else(|| Refusal::operator(Reject::MissingParameter, format!("field {tag} of the Logon")))
}

/// A field with a key or a proof.
pub(super) fn credential<'f>(logon: &Message<'f>, tag: Tag) -> Result<&'f [u8], Refusal> {
    optional(logon, tag)?.ok_or_else(|| Refusal::operator(Reject::MissingCredentials, format!("field {tag} of the Logon")))
}

/// The key that a field names.
pub(super) fn key_id(logon: &Message<'_>, tag: Tag) -> Result<ApiKeyId, Refusal> {
    let text = str::from_utf8(credential(logon, tag)?).map_err(|_| malformed(tag))?;
    ApiKeyId::parse(text).map_err(|_| malformed(tag))
}

/// A proof in base64: the standard alphabet with its padding, so that one proof has one spelling.
pub(super) fn signature(form: SignatureForm, text: &[u8]) -> PresentedSignature {
    let bytes = (text.len() <= limits::PROOF_TEXT_BYTES_MAX).then(|| STANDARD.decode(text).ok()).flatten();
    PresentedSignature { form, bytes: bytes.map(SmallVec::from_vec) }
}

/// The literal values of these fields with SOH between them, and none at the end.
pub(super) fn joined<'f>(logon: &Message<'f>, tags: &[Tag]) -> Result<SignedBytes<'f>, Refusal> {
    let mut signed = SignedBytes::new();
    for (place, tag) in tags.iter().enumerate() {
        if place > 0 {
            signed.push(&b"\x01"[..]);
        }
        signed.push(parameter(logon, *tag)?);
    }
    Ok(signed)
}

/// SendingTime, which the proof covers, and how far it may be from our clock.
pub(super) fn window(logon: &Message<'_>, recv_window: Duration, ahead_max: Duration) -> Result<Freshness, Refusal> {
    let at = UtcTimestamp::parse(parameter(logon, tag::SENDING_TIME)?).map_err(|_| malformed(tag::SENDING_TIME))?;
    Ok(Freshness::Window { timestamp: at.timestamp(), recv_window, ahead_max })
}

/// A whole number without sign or leading zeros.
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.first() == Some(&b'0');
    if leading_zero { None } else { crate::message::number(text) }
}

/// A number of milliseconds since 1970.
pub(super) fn millis(text: &[u8], tag: Tag) -> Result<Timestamp, Refusal> {
    whole(text).map(Timestamp::from_millis).ok_or_else(|| malformed(tag))
}
