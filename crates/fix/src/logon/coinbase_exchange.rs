//! Coinbase Exchange: the key is SenderCompID (FIX 4.2), or Username where it is there (FIX 5.0 SP2); a MAC over six values, one of them the passphrase, which is sent beside it.

use countersign_core::{Algorithm, Effect, Once, Presented, PresentedPassphrase, Purpose, Refusal, Secret, SignatureForm};

use super::fields::{credential, joined, key_id, optional, signature, window};
use crate::limits;
use crate::message::Message;
use crate::tag::{self, Tag};

const SIGNED: &[Tag] = &[tag::SENDING_TIME, tag::MSG_TYPE, tag::MSG_SEQ_NUM, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::PASSWORD];

pub(super) fn present<'f>(logon: &Message<'f>) -> Result<Presented<'f>, Refusal> {
    let names_key = if optional(logon, tag::USERNAME)?.is_some() { tag::USERNAME } else { tag::SENDER_COMP_ID };
    let key_id = key_id(logon, names_key)?;
    // The scheme names the MAC.
    let signature = signature(SignatureForm::Explicit(Algorithm::HmacSha256), credential(logon, tag::RAW_DATA)?);
    let passphrase = Secret::new(credential(logon, tag::PASSWORD)?.to_vec());
    Ok(Presented {
        purpose: Purpose::CoinbaseExchange,
        key_id,
        signature,
        signed: joined(logon, SIGNED)?,
        passphrase: Some(PresentedPassphrase::Clear(passphrase)),
        freshness: window(logon, limits::COINBASE_EXCHANGE_WINDOW, limits::COINBASE_EXCHANGE_WINDOW)?,
        once: Once::SignedBytes,
        effect: Effect::Write,
    })
}
