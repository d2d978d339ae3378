//! The text as a whole: a line break at its end, a hash before the signature, other letters.

use super::Variations;
use crate::catalogue::Mistake;
use crate::draft::{Hash, Name, Part, Text, Whole};

/// Writes a text in other letters.
type Letters = fn(&[u8]) -> Vec<u8>;

pub(super) fn vary(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    for (end, detail) in [("\n", "a line feed"), ("\r\n", "carriage return and line feed")] {
        let mut text = base.clone();
        text.parts.push(Part::plain(Name::Literal, end));
        variations.add(Mistake::TextNewline, format!("{detail} at the end of the text"), text);
    }
    for hash in [Hash::Sha256, Hash::Sha512] {
        let name = hash.name();
        let wholes = [(Whole::HexDigest(hash), format!("{name} in hexadecimal")), (Whole::Digest(hash), format!("{name} as bytes"))];
        for (whole, detail) in wholes {
            variations.add(Mistake::TextHashed, detail, Text { whole, ..base.clone() });
        }
    }
    if let Some(plain) = variations.draft.around.payload_plain.clone() {
        variations.add_bytes(Mistake::PayloadPlain, "", Name::Payload, plain);
    } else {
        variations.add(Mistake::TextHashed, "base64 of the text", Text { whole: Whole::Base64, ..base.clone() });
    }
    let letters: [(Letters, &str); 2] =
        [(<[u8]>::to_ascii_lowercase, "all in lower case"), (<[u8]>::to_ascii_uppercase, "all in upper case")];
    for (change, detail) in letters {
        let mut text = base.clone();
        text.parts.iter_mut().for_each(|part| part.bytes = change(&part.bytes));
        variations.add(Mistake::LettersChanged, detail, text);
    }
}
