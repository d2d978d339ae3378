//! Percent-encoding (RFC 3986, 2.1; the WHATWG URL standard for forms): signed before or after, twice, in other letters.

use std::collections::BTreeSet;

use super::Variations;
use crate::catalogue::Mistake;
use crate::draft::Name;

/// Decodes `%XX`; what is no encoding stays, and so does `+`.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// Encodes all bytes but those to keep, digits in upper case.
pub(crate) fn percent_encode(text: &[u8], keeps: &dyn Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii() && keeps(*byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([*byte]));
        }
    }
    encoded
}

/// Whether an encoder leaves a byte as it is.
type Keeps = fn(u8) -> bool;

/// What RFC 3986 keeps (2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What JavaScript's `encodeURIComponent` keeps.
fn is_kept_by_javascript(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// What browsers keep in a form.
fn is_kept_by_forms(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte)
}

/// Other letters in the digits of encodings.
fn letters(text: &[u8], change: fn(&u8) -> u8) -> Vec<u8> {
    let mut text = text.to_vec();
    let mut at = 0;
    while let Some(percent) = text[at..].iter().position(|byte| *byte == b'%') {
        let start = at + percent;
        let end = (start + 3).min(text.len());
        for byte in &mut text[start + 1..end] {
            *byte = change(byte);
        }
        at = end;
    }
    text
}

/// Most encodings that are decoded one by one: a query has a few of them.
const ESCAPES_MAX: usize = 8;

/// The first encodings in a text, each once.
fn escapes(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let all = text.windows(3).filter(|three| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit));
    let mut found = BTreeSet::new();
    for escape in all {
        if found.len() < ESCAPES_MAX {
            found.insert(escape.to_vec());
        }
    }
    found
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with(from) {
            out.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            out.push(rest[0]);
            rest = &rest[1..];
        }
    }
    out
}

/// Encodes the values of `name=value` pairs, keeping what joins them.
fn values(text: &[u8], encode: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let pairs: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'&')
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => [&pair[..=equals], &encode(&pair[equals + 1..])].concat(),
            None => encode(pair),
        })
        .collect();
    pairs.join(&b'&')
}

pub(super) fn vary(variations: &mut Variations<'_>) {
    let raw = variations.draft.around.query.clone();
    let decoded = percent_decode(&raw);
    if raw != decoded && variations.base.find(Name::Query).is_some_and(|part| part.bytes == decoded) {
        // The rule of this venue decodes.
        variations.add_bytes(Mistake::EncodingSigned, "", Name::Query, raw);
    }
    for name in [Name::Query, Name::Body, Name::Path] {
        let Some(text) = variations.base.find(name).map(|part| part.bytes.clone()).filter(|text| !text.is_empty()) else { continue };
        let is_json = text.first().is_some_and(|byte| matches!(byte, b'{' | b'['));
        if !is_json {
            vary_part(variations, name, &text);
        }
    }
}

fn vary_part(variations: &mut Variations<'_>, name: Name, text: &[u8]) {
    let contains = |what: &[u8]| text.windows(what.len()).any(|window| window == what);
    let mut add = |mistake, detail: &str, bytes: Vec<u8>| variations.add_bytes(mistake, format!("in the {name}{detail}"), name, bytes);
    if contains(b"%25") {
        add(Mistake::DoubleEncoding, ": encoded once when signed, twice when sent", percent_decode(text));
    }
    if contains(b"%20") {
        add(Mistake::PlusForSpace, ": `+` signed, %20 sent", replaced(text, b"%20", b"+"));
    }
    if contains(b"+") {
        add(Mistake::PlusForSpace, ": %20 signed, `+` sent", replaced(text, b"+", b"%20"));
        add(Mistake::PlusForSpace, ": a blank signed, `+` sent", replaced(text, b"+", b" "));
        add(Mistake::EncodingNotSigned, ", `+` as a blank", percent_decode(&replaced(text, b"+", b" ")));
    }
    if contains(b"%") {
        add(Mistake::EncodingCase, ": in lower case", letters(text, u8::to_ascii_lowercase));
        add(Mistake::EncodingCase, ": in upper case", letters(text, u8::to_ascii_uppercase));
        add(Mistake::EncodingNotSigned, "", percent_decode(text));
        for escape in escapes(text) {
            let decoded = replaced(text, &escape, &percent_decode(&escape));
            add(Mistake::EncodingNotSigned, &format!(", only {}", escape.escape_ascii()), decoded);
        }
        add(Mistake::DoubleEncoding, ": twice when signed, once when sent", replaced(text, b"%", b"%25"));
    }
    if name == Name::Path {
        add(Mistake::EncodingAdded, ", with its slashes", percent_encode(text, &|byte| is_unreserved(byte) || byte == b'%').into_bytes());
        let kept = percent_encode(text, &|byte| is_unreserved(byte) || b"%/".contains(&byte));
        add(Mistake::EncodingAdded, " as RFC 3986", kept.into_bytes());
    } else {
        let keeps: [(Keeps, &str); 3] =
            [(is_unreserved, "as RFC 3986"), (is_kept_by_javascript, "as encodeURIComponent"), (is_kept_by_forms, "as a form")];
        for (keeps, how) in keeps {
            let encoded = values(text, &|value| percent_encode(value, &|byte| keeps(byte) || byte == b'%').into_bytes());
            add(Mistake::EncodingAdded, &format!(" {how}"), encoded.clone());
            add(Mistake::EncodingAdded, &format!(" {how}, blanks as +"), replaced(&encoded, b"%20", b"+"));
        }
        let whole = percent_encode(text, &is_unreserved).into_bytes();
        add(Mistake::EncodingAdded, ", with & and =", whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_encoding_stays() {
        assert_eq!(percent_decode(b"a%2Cb%zz%4+"), b"a,b%zz%4+");
        assert_eq!(percent_encode("ä b~/".as_bytes(), &is_unreserved), "%C3%A4%20b~%2F");
        assert_eq!(letters(b"a%2Fb%c3F", u8::to_ascii_lowercase), b"a%2fb%c3F");
        assert_eq!(values(b"a=x,y&b", &|value| percent_encode(value, &is_unreserved).into_bytes()), b"a=x%2Cy&b");
    }
}
