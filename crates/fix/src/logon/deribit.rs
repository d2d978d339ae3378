//! Deribit: RawData is a time and a random nonce; Password is SHA-256 over RawData and the secret.
//!
//! Neither header nor CompIDs are covered: what ties the proof to one logon is that RawData is accepted once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Effect, Freshness, Once, Presented, Purpose, Refusal, SignatureForm, SignedBytes};
use smallvec::SmallVec;

use super::fields::{credential, key_id, malformed, millis, signature};
use crate::limits;
use crate::message::Message;
use crate::tag;

pub(super) fn present<'f>(logon: &Message<'f>) -> Result<Presented<'f>, Refusal> {
    let key_id = key_id(logon, tag::USERNAME)?;
    let raw_data = credential(logon, tag::RAW_DATA)?;
    let signature = signature(SignatureForm::SecretDigest, credential(logon, tag::PASSWORD)?);
    Ok(Presented {
        purpose: Purpose::Deribit,
        key_id,
        signature,
        signed: SignedBytes::from_piece(raw_data),
        passphrase: None,
        freshness: freshness(raw_data)?,
        // The nonces of requests and of logons by JSON-RPC are remembered beside these.
        once: Once::Nonce(SmallVec::from_vec([b"fix\n".as_slice(), raw_data].concat())),
        effect: Effect::Write,
    })
}

/// Reads `<milliseconds>.<nonce in base64>`.
fn freshness(raw_data: &[u8]) -> Result<Freshness, Refusal> {
    let fault = || malformed(tag::RAW_DATA);
    let point = raw_data.iter().position(|byte| *byte == b'.').ok_or_else(fault)?;
    let nonce = &raw_data[point + 1..];
    if nonce.len() > limits::DERIBIT_NONCE_TEXT_BYTES_MAX {
        return Err(fault());
    }
    let nonce = STANDARD.decode(nonce).map_err(|_| fault())?;
    if nonce.len() < limits::DERIBIT_NONCE_BYTES_MIN {
        return Err(fault());
    }
    Ok(Freshness::Window {
        timestamp: millis(&raw_data[..point], tag::RAW_DATA)?,
        recv_window: limits::DERIBIT_WINDOW,
        ahead_max: limits::DERIBIT_WINDOW,
    })
}
