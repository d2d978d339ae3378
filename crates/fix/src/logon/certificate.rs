//! A Logon whose proof is the client certificate of its connection: SenderCompID must be a name in the certificate.

use countersign_core::{ApiKeyId, CertificateClaim, Refusal, Reject};

use super::fields::key_id;
use crate::message::Message;
use crate::tag;

/// Ties a Logon to the certificate of its connection. `names` are the subject alternative names of a certificate that TLS verified on
/// this very connection; a certificate of one firm is no proof for the CompID of another.
///
/// # Errors
/// [`Reject::UnexpectedMessage`] for any other message, [`Reject::CertificateUnacceptable`] when no name is the SenderCompID, byte for
/// byte.
pub fn claim(logon: &Message<'_>, names: &[ApiKeyId]) -> Result<CertificateClaim, Refusal> {
    if logon.msg_type() != b"A" {
        return Err(Reject::UnexpectedMessage.into());
    }
    let comp_id = key_id(logon, tag::SENDER_COMP_ID)?;
    if names.contains(&comp_id) { Ok(CertificateClaim { key_id: comp_id }) } else { Err(Reject::CertificateUnacceptable.into()) }
}
