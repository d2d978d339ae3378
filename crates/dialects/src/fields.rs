//! Reading single fields: what is missing, what is there twice, what cannot be read in two ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::civil::Date;
use countersign_core::{Algorithm, ApiKeyId, Detail, PresentedSignature, Refusal, Reject, SignatureForm, Timestamp};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::dialect::{Header, Headers};
use crate::limits;
use crate::raw_object::{Ambiguous, RawObject, literal};

/// A field that is not there, or is empty.
pub(crate) fn missing(name: &'static str) -> Refusal {
    Refusal::with(Reject::MissingCredentials, Detail::Parameter(name))
}

/// A field that cannot be what it should be.
pub(crate) fn malformed(name: &'static str) -> Refusal {
    Refusal::with(Reject::Malformed, Detail::Parameter(name))
}

/// A header that must be there once; `name` is in lower case.
pub(crate) fn header<'h>(headers: &'h dyn Headers, name: &'static str) -> Result<&'h str, Refusal> {
    optional_header(headers, name)?.ok_or_else(|| missing(name))
}

/// A header that may be there once. An empty one is none.
pub(crate) fn optional_header<'h>(headers: &'h dyn Headers, name: &'static str) -> Result<Option<&'h str>, Refusal> {
    match headers.find(name) {
        Header::Absent | Header::Once([]) => Ok(None),
        Header::Once(value) => str::from_utf8(value).map(Some).map_err(|_| malformed(name)),
        Header::Repeated => Err(malformed(name)),
    }
}

/// The name of a key.
pub(crate) fn key_id(text: &str, name: &'static str) -> Result<ApiKeyId, Refusal> {
    if text.is_empty() {
        return Err(missing(name));
    }
    ApiKeyId::parse(text).map_err(|_| malformed(name))
}

/// A plain whole number: digits only, so that what is signed beside it cannot be cut in two ways.
pub(crate) fn digits(text: &str, name: &'static str) -> Result<u64, Refusal> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().ok_or_else(|| malformed(name))
}

/// A whole number in its one form: digits, and no zero before the first. What is signed right before it cannot lend it a digit that
/// changes nothing.
pub(crate) fn decimal(text: &str, name: &'static str) -> Result<u64, Refusal> {
    if text.len() > 1 && text.starts_with('0') { Err(malformed(name)) } else { digits(text, name) }
}

/// Milliseconds since the epoch.
pub(crate) fn millis(text: &str, name: &'static str) -> Result<Timestamp, Refusal> {
    digits(text, name).map(Timestamp::from_millis)
}

/// Seconds since the epoch, with up to nine decimals.
pub(crate) fn decimal_seconds(text: &str, name: &'static str) -> Result<Timestamp, Refusal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed(name));
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let whole = digits(whole, name)?.checked_mul(1_000_000).ok_or_else(|| malformed(name))?;
    Ok(Timestamp::from_micros(whole.saturating_add(digits(&micros, name)?)))
}

/// `2026-11-21T00:51:51.840Z`, exactly so: the text is signed right before the method, and only a fixed form has one end.
pub(crate) fn iso_millis(text: &str, name: &'static str) -> Result<Timestamp, Refusal> {
    let bytes = text.as_bytes();
    let punctuation = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if bytes.len() != 24 || punctuation.iter().any(|(place, mark)| bytes[*place] != *mark) {
        return Err(malformed(name));
    }
    let number = |from: usize, to: usize| digits(text.get(from..to).unwrap_or_default(), name);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, milli) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    let date = Date::new(year, month, day).filter(|_| hour <= 23 && minute <= 59 && second <= 59).ok_or_else(|| malformed(name))?;
    Ok(Timestamp::from_millis((((date.days() * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milli))
}

/// A MAC in hexadecimal digits of any case.
pub(crate) fn hex_mac(algorithm: Algorithm, text: &str) -> PresentedSignature {
    let bytes = (text.len() <= limits::SIGNATURE_TEXT_BYTES_MAX).then(|| hex::decode(text).ok()).flatten();
    PresentedSignature { form: SignatureForm::Implied(algorithm), bytes: bytes.map(SmallVec::from_vec) }
}

/// A MAC in base64.
pub(crate) fn base64_mac(algorithm: Algorithm, text: &str) -> PresentedSignature {
    PresentedSignature { form: SignatureForm::Implied(algorithm), bytes: base64(text) }
}

/// The bytes of a base64 text, if it is one.
pub(crate) fn base64(text: &str) -> Option<SmallVec<[u8; 64]>> {
    (text.len() <= limits::SIGNATURE_TEXT_BYTES_MAX).then(|| STANDARD.decode(text).ok()).flatten().map(SmallVec::from_vec)
}

/// A JSON object of a frame, no name twice.
pub(crate) fn object(text: &str) -> Result<RawObject<'_>, Refusal> {
    if text.len() > limits::FRAME_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    serde_json::from_str(text).map_err(|_| malformed("frame"))
}

/// A member that may be missing. What a reader may take for it, beside it or in its place, is another reading of the whole.
pub(crate) fn member<'f>(object: &RawObject<'f>, name: &'static str) -> Result<Option<&'f RawValue>, Refusal> {
    object.optional_member(name).map_err(|Ambiguous| malformed(name))
}

/// The text of a member that is a string, and the only one that can be meant.
pub(crate) fn string(object: &RawObject<'_>, name: &str) -> Option<String> {
    object.only_member(name).filter(|value| value.get().starts_with('"')).and_then(literal).map(std::borrow::Cow::into_owned)
}

/// The text of a member that is a string or a number, and the only one that can be meant.
pub(crate) fn text(object: &RawObject<'_>, name: &str) -> Option<String> {
    let scalar = |value: &&RawValue| value.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
    object.only_member(name).filter(scalar).and_then(literal).map(std::borrow::Cow::into_owned)
}

/// The members of a JSON array, as they stand.
pub(crate) fn array<'v>(value: &'v RawValue, most: usize, name: &'static str) -> Result<Vec<&'v RawValue>, Refusal> {
    let items: Vec<&'v RawValue> = serde_json::from_str(value.get()).map_err(|_| malformed(name))?;
    if items.len() > most { Err(malformed(name)) } else { Ok(items) }
}

/// Name and value of a pair of a query or form; one without a `=` is a name.
pub(crate) fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

/// A query as it was before it was percent-encoded: some venues' clients sign that text. What is no encoding stays as it is.
///
/// `None` for an encoded delimiter: `symbol%3DX` and `symbol=X` would be the same signed text, and the one filters where the other
/// does not.
pub(crate) fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                let byte = high * 16 + low;
                if b"#%&+=".contains(&byte) {
                    return None;
                }
                decoded.push(byte);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_have_one_form() {
        assert_eq!(iso_millis("2026-11-21T00:51:51.840Z", "t"), Ok(Timestamp::from_millis(1_795_222_311_840)));
        assert_eq!(iso_millis("1970-01-01T00:00:00.000Z", "t"), Ok(Timestamp::from_millis(0)));
        assert_eq!(iso_millis("2024-02-29T23:59:59.999Z", "t"), Ok(Timestamp::from_millis(1_709_251_199_999)));
        for text in [
            "",
            "1795222311840",
            "2026-11-21T00:51:51Z",
            "2026-11-21T00:51:51.840+00:00",
            "2026-13-21T00:51:51.840Z",
            "2023-02-29T00:00:00.000Z",
            "2026-11-21T24:00:00.000Z",
            "2026-11-21t00:51:51.840Z",
            "2026-11-2 T00:51:51.840Z",
        ] {
            assert!(iso_millis(text, "t").is_err(), "{text}");
        }
        assert_eq!(decimal_seconds("1795223012.876184", "t"), Ok(Timestamp::from_micros(1_795_223_012_876_184)));
        assert_eq!(decimal_seconds("1795223012", "t"), Ok(Timestamp::from_secs(1_795_223_012)));
        for text in ["", ".", "1.", ".5", "1.0000000001", "-1", "1e9", " 1", "+1", "1.2.3"] {
            assert!(decimal_seconds(text, "t").is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(digits("0012", "n"), Ok(12));
        for text in ["", "-1", "+1", "1.0", "1e3", " 1", "18446744073709551616", "\u{0661}"] {
            assert!(digits(text, "n").is_err(), "{text}");
        }
        assert_eq!((decimal("0", "n"), decimal("12", "n")), (Ok(0), Ok(12)));
        for text in ["", "00", "012", "+1"] {
            assert!(decimal(text, "n").is_err(), "{text}");
        }
    }

    #[test]
    fn percent_signs_that_encode_nothing_stay() {
        assert_eq!(percent_decoded(b"a=1%2C2&b=%zz%4").unwrap(), b"a=1,2&b=%zz%4");
    }

    #[test]
    fn encoded_delimiters_have_no_text_of_their_own() {
        for text in ["a=x%26b=1", "a%3D1", "a=1%23", "a=%2541", "a=1%2B1"] {
            assert_eq!(percent_decoded(text.as_bytes()), None, "{text}");
        }
    }
}
