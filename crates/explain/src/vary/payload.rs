//! JSON that travels in base64, and is signed so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Variations, json};
use crate::catalogue::Mistake;
use crate::draft::Name;

/// How far from the nonce in the payload a signed one is looked for: two calls of a clock in one client.
const NONCE_SHIFT_MAX: u64 = 100;

/// After so many characters Python's `encodebytes`, and MIME, break a line (RFC 2045, 6.8).
const LINE: usize = 76;

pub(super) fn vary(variations: &mut Variations<'_>) {
    let Some(plain) = variations.draft.around.payload_plain.clone() else { return };
    let text = String::from_utf8_lossy(&plain).into_owned();
    if variations.are_wide() {
        for (name, without) in json::without_each(&text) {
            let signed = variations.base.with_bytes(Name::Payload, STANDARD.encode(without));
            variations.add_wide(Mistake::ParameterLeftOut, format!("{} in the payload", name.escape_debug()), signed);
        }
        other_nonces(variations, &text);
        return;
    }
    variations.add_bytes(Mistake::PayloadPlain, "", Name::Payload, plain.as_slice());
    let encoded = STANDARD.encode(&plain);
    for (style, text) in json::styles(&text, false) {
        variations.add_bytes(Mistake::JsonReserialised, format!("signed {style}"), Name::Payload, STANDARD.encode(&text));
        variations.add_bytes(Mistake::PayloadPlain, format!("and {style}"), Name::Payload, text);
    }
    let lines: Vec<_> = encoded.as_bytes().chunks(LINE).map(|line| [line, b"\n"].concat()).collect();
    variations.add_bytes(Mistake::BodyNewline, "the base64 was signed with its line breaks", Name::Payload, lines.concat());
    variations.add_bytes(Mistake::BodyOtherForm, "the base64 was signed without its padding", Name::Payload, encoded.trim_end_matches('='));
    variations.add_bytes(Mistake::BodyOtherForm, "the payload was encoded twice", Name::Payload, STANDARD.encode(&encoded));
}

/// The nonce as another call of the clock would have it.
fn other_nonces(variations: &mut Variations<'_>, text: &str) {
    let Some(sent) = crate::draft::frame::member(text, "nonce") else { return };
    let Ok(number) = sent.parse::<u64>() else { return };
    for shift in 1..=NONCE_SHIFT_MAX {
        for other in [number.checked_sub(shift), number.checked_add(shift)].into_iter().flatten() {
            let payload = STANDARD.encode(text.replacen(&sent, &other.to_string(), 1));
            let signed = variations.base.with_bytes(Name::Payload, payload);
            variations.add_wide(Mistake::TimestampDiffers, format!("{other} was signed, {sent} was sent"), signed);
        }
    }
}
