//! Kraken: a MAC over the hash of five fields as they stand on the wire and of a nonce (5025) that is a time and increases.

use aws_lc_rs::digest;
use countersign_core::{Algorithm, Effect, Freshness, NonceClock, Once, Presented, Purpose, Refusal, SignatureForm, SignedBytes};

use super::fields::{credential, key_id, malformed, parameter, signature, whole};
use crate::limits;
use crate::message::Message;
use crate::tag::{self, Tag};

/// The nonce of a Logon, in milliseconds since 1970.
const NONCE: Tag = 5_025;

const SIGNED: &[Tag] = &[tag::MSG_TYPE, tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::USERNAME];

pub(super) fn present<'f>(logon: &Message<'f>) -> Result<Presented<'f>, Refusal> {
    let key_id = key_id(logon, tag::USERNAME)?;
    // The scheme names the MAC.
    let signature = signature(SignatureForm::Explicit(Algorithm::HmacSha512), credential(logon, tag::PASSWORD)?);
    let nonce = parameter(logon, NONCE)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    for tag in SIGNED {
        hash.update(format!("{tag}=").as_bytes());
        hash.update(parameter(logon, *tag)?);
        hash.update(b"\x01");
    }
    hash.update(nonce);
    Ok(Presented {
        purpose: Purpose::Kraken,
        key_id,
        signature,
        signed: SignedBytes::from_piece(hash.finish().as_ref().to_vec()),
        passphrase: None,
        freshness: Freshness::Nonce {
            nonce: whole(nonce).ok_or_else(|| malformed(NONCE))?,
            window_min: 0,
            clock: Some(NonceClock { behind_max: limits::KRAKEN_WINDOW, ahead_max: limits::KRAKEN_WINDOW }),
        },
        once: Once::Freshness,
        effect: Effect::Write,
    })
}
