//! Binance: an Ed25519 signature over five header values; SendingTime is fresh within RecvWindow (25000).

use std::time::Duration;

use countersign_core::{Algorithm, Effect, Once, Presented, Purpose, Refusal, SignatureForm};

use super::fields::{credential, joined, key_id, malformed, optional, signature, whole, window};
use crate::limits;
use crate::message::Message;
use crate::tag::{self, Tag};

/// RecvWindow, in milliseconds with at most three decimals.
const RECV_WINDOW: Tag = 25_000;

/// MessageHandling: 1 lets the venue reorder a client's messages, 2 does not. Here they always stay in their order.
const MESSAGE_HANDLING: Tag = 25_035;

/// UUID, in the answer: of the server.
pub(super) const UUID: Tag = 25_037;

const SIGNED: &[Tag] = &[tag::MSG_TYPE, tag::SENDER_COMP_ID, tag::TARGET_COMP_ID, tag::MSG_SEQ_NUM, tag::SENDING_TIME];

pub(super) fn present<'f>(logon: &Message<'f>) -> Result<Presented<'f>, Refusal> {
    let key_id = key_id(logon, tag::USERNAME)?;
    // Ed25519 is the only algorithm that the venue takes here.
    let signature = signature(SignatureForm::Explicit(Algorithm::Ed25519), credential(logon, tag::RAW_DATA)?);
    let recv_window = match optional(logon, RECV_WINDOW)? {
        Some(text) => recv_window(text).ok_or_else(|| malformed(RECV_WINDOW))?,
        None => limits::BINANCE_RECV_WINDOW_DEFAULT,
    };
    Ok(Presented {
        purpose: Purpose::Binance,
        key_id,
        signature,
        signed: joined(logon, SIGNED)?,
        passphrase: None,
        freshness: window(logon, recv_window, limits::BINANCE_AHEAD_MAX)?,
        once: Once::SignedBytes,
        effect: Effect::Write,
    })
}

/// A MessageHandling that the venue does not know is told. Without the field the venue refuses a Logon; here both values come to the same, and
/// it may be left out.
pub(super) fn message_handling(logon: &Message<'_>) -> Result<(), Refusal> {
    match optional(logon, MESSAGE_HANDLING)? {
        None | Some(b"1" | b"2") => Ok(()),
        Some(_) => Err(malformed(MESSAGE_HANDLING)),
    }
}

fn recv_window(text: &[u8]) -> Option<Duration> {
    let (millis, micros) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], decimals(&text[point + 1..])?),
        None => (text, 0),
    };
    let window = Duration::from_millis(whole(millis)?).saturating_add(Duration::from_micros(micros));
    (window <= limits::BINANCE_RECV_WINDOW_MAX).then_some(window)
}

/// One to three decimals of a millisecond, in microseconds.
fn decimals(text: &[u8]) -> Option<u64> {
    let scale = match text.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    crate::message::number(text).map(|value| value * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_strictly() {
        for (text, micros) in [("0", 0), ("5000", 5_000_000), ("60000", 60_000_000), ("1.5", 1_500), ("6000.346", 6_000_346)] {
            assert_eq!(recv_window(text.as_bytes()), Some(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "-1", "05", "1.", ".5", "1.2345", "60000.001", "60001", "5e3", "1,5"] {
            assert_eq!(recv_window(text.as_bytes()), None, "{text}");
        }
    }
}
