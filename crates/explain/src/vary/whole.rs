//! The text as a whole: a line break at its end, a hash before the signature, other letters.

use super::Variations;
use crate::catalogue::Mistake;
use crate::draft::{Form, Hash, Name, Part, Text, Whole};

/// Writes a text in other letters.
type Letters = fn(&[u8]) -> Vec<u8>;

pub(super) fn vary(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    let around = [
        ("", "\n", "a line feed at the end of the text"),
        ("", "\r\n", "carriage return and line feed at the end of the text"),
        ("", " ", "a blank at the end of the text"),
        ("\n", "", "a line feed at the beginning of the text"),
        (" ", "", "a blank at the beginning of the text"),
    ];
    for (front, end, detail) in around {
        variations.add(Mistake::TextNewline, detail, enclosed(&base, front, end));
        if base.parts.iter().any(|part| part.form != Form::Plain) {
            variations.add(Mistake::TextNewline, format!("{detail}, outside of its hash"), outside(&base, front, end));
        }
    }
    variations.add(Mistake::TextCharset, "a byte order mark in front", enclosed(&base, "\u{feff}", ""));
    for (whole, mistake, detail) in [
        (Whole::Quoted, Mistake::TextQuoted, "as a JSON string"),
        (Whole::Printed, Mistake::TextQuoted, "as Python prints bytes"),
        (Whole::Utf16 { big: false }, Mistake::TextCharset, "in UTF-16"),
        (Whole::Utf16 { big: true }, Mistake::TextCharset, "in UTF-16, high bytes first"),
        (Whole::PercentEncoded, Mistake::EncodingAdded, "the whole text"),
    ] {
        variations.add(mistake, detail, Text { whole, ..base.clone() });
    }
    // Where all of it is a hash, this is that hash in hexadecimal or base64.
    if base.parts.iter().any(|part| part.form == Form::Plain) {
        variations.add(Mistake::TextHashed, "the text in hexadecimal", Text { whole: Whole::Hex, ..base.clone() });
        if variations.draft.around.payload_plain.is_none() {
            variations.add(Mistake::TextHashed, "base64 of the text", Text { whole: Whole::Base64, ..base.clone() });
        }
    }
    variations.add(Mistake::TextQuoted, "with double quotes", enclosed(&base, "\"", "\""));
    variations.add(Mistake::TextEmpty, "", Text::default());
    variations.add(Mistake::TextTwice, "", Text { whole: Whole::Twice, ..base.clone() });
    for hash in [Hash::Sha256, Hash::Sha512, Hash::Sha384] {
        let name = hash.name();
        let wholes = [(Whole::HexDigest(hash), format!("{name} in hexadecimal")), (Whole::Digest(hash), format!("{name} as bytes"))];
        for (whole, detail) in wholes {
            variations.add(Mistake::TextHashed, detail, Text { whole, ..base.clone() });
        }
    }
    let letters: [(Letters, &str); 2] =
        [(<[u8]>::to_ascii_lowercase, "all in lower case"), (<[u8]>::to_ascii_uppercase, "all in upper case")];
    for (change, detail) in letters {
        let mut text = base.clone();
        text.parts.iter_mut().for_each(|part| part.bytes = change(&part.bytes));
        variations.add(Mistake::LettersChanged, detail, text);
        for name in [Name::Path, Name::Query, Name::Body, Name::Payload] {
            let Some(bytes) = base.find(name).map(|part| change(&part.bytes)) else { continue };
            variations.add_bytes(Mistake::LettersChanged, format!("the {name}, {detail}"), name, bytes);
        }
    }
    if base.parts.iter().any(|part| matches!(part.form, Form::HexDigest(_))) {
        variations.add(Mistake::LettersChanged, "all in upper case, the hash, too", Text { whole: Whole::Upper, ..base });
    }
}

/// Without its last character: what that was may have a name of its own, so it comes last.
pub(super) fn cut(variations: &mut Variations<'_>) {
    let text = Text { whole: Whole::Cut, ..variations.base.clone() };
    variations.add_wide(Mistake::TextCut, "", text);
}

/// With something around it, outside of any hash.
fn outside(base: &Text, front: &str, end: &str) -> Text {
    let literal = |text: &str| (!text.is_empty()).then(|| Part::plain(Name::Literal, text));
    let parts = literal(front).into_iter().chain(base.parts.iter().cloned()).chain(literal(end)).collect();
    Text { parts, whole: base.whole }
}

/// With something around it, inside of a hash that is around it, too.
fn enclosed(base: &Text, front: &str, end: &str) -> Text {
    let literal = |text: &str, beside: Option<&Part>| {
        let form = beside.map_or(Form::Plain, |part| part.form);
        (!text.is_empty()).then(|| Part { form, ..Part::plain(Name::Literal, text) })
    };
    let (front, end) = (literal(front, base.parts.first()), literal(end, base.parts.last()));
    let parts = front.into_iter().chain(base.parts.iter().cloned()).chain(end).collect();
    Text { parts, whole: base.whole }
}
