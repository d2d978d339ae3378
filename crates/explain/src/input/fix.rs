//! A FIX message as logs show it: SOH as itself, as `|`, as `^A` or as an escape.
//!
//! It is read without regard to its length and checksum; what is wrong with them is said, and a message in which they are right is made
//! for the dialect to look at.

use std::fmt;

use countersign_fix::framer::check_sum;
use countersign_fix::tag;

/// A message, field by field.
#[derive(Clone, PartialEq, Eq)]
pub struct FixLine {
    /// Tags and values, in their order.
    pub fields: Vec<(u32, Vec<u8>)>,
    /// How SOH was written.
    pub separator: &'static str,
    /// BodyLength as it would be right for the text as it stands.
    pub body_length: usize,
    /// CheckSum as it would be right.
    pub check_sum: u8,
}

impl fmt::Debug for FixLine {
    /// Without values: there are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(tag, _)| tag)).finish()
    }
}

/// A blank comes last: values may have one.
const SEPARATORS: [&str; 7] = ["\u{1}", "\\x01", "\\u0001", "<SOH>", "^A", "|", " "];

/// Reads a message, if it is one.
pub(super) fn read(bytes: &[u8]) -> Option<FixLine> {
    let starts = bytes.starts_with(b"8=FIX") || (bytes.first().is_some_and(u8::is_ascii_digit) && find(bytes, b"35=").is_some());
    if !starts {
        return None;
    }
    let separator = SEPARATORS.into_iter().find(|separator| find(bytes, separator.as_bytes()).is_some())?;
    let bytes = bytes.strip_suffix(b"\n").map_or(bytes, |bytes| bytes.strip_suffix(b"\r").unwrap_or(bytes));
    let mut fields = Vec::new();
    for part in split(bytes, separator.as_bytes()).into_iter().filter(|part| !part.is_empty()) {
        let equals = part.iter().position(|byte| *byte == b'=')?;
        let tag = str::from_utf8(&part[..equals]).ok()?.trim().parse().ok()?;
        fields.push((tag, part[equals + 1..].to_vec()));
    }
    let line = FixLine { fields, separator, body_length: 0, check_sum: 0 };
    let body = line.written(&[tag::BEGIN_STRING, tag::BODY_LENGTH, tag::CHECK_SUM]).len();
    let covered = line.written(&[tag::CHECK_SUM]);
    Some(FixLine { body_length: body, check_sum: check_sum(&covered), ..line })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn split<'b>(mut bytes: &'b [u8], separator: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(bytes, separator) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + separator.len()..];
    }
    parts.push(bytes);
    parts
}

impl FixLine {
    /// The first value of a tag.
    #[must_use]
    pub fn value(&self, tag: u32) -> Option<&[u8]> {
        self.fields.iter().find(|(each, _)| *each == tag).map(|(_, value)| value.as_slice())
    }

    /// The first value of a tag, if it is text.
    #[must_use]
    pub fn text(&self, tag: u32) -> Option<&str> {
        self.value(tag).and_then(|value| str::from_utf8(value).ok())
    }

    /// The fields on the wire, without some of them.
    fn written(&self, without: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, value) in self.fields.iter().filter(|(tag, _)| !without.contains(tag)) {
            bytes.extend_from_slice(format!("{tag}=").as_bytes());
            bytes.extend_from_slice(value);
            bytes.push(1);
        }
        bytes
    }

    /// A message with the same fields whose beginning, lengths and checksum are right.
    #[must_use]
    pub fn repaired(&self) -> Vec<u8> {
        let mut line = self.clone();
        let length = line.value(tag::RAW_DATA).map(|data| data.len().to_string().into_bytes());
        for (tag, value) in &mut line.fields {
            if let (tag::RAW_DATA_LENGTH, Some(length)) = (*tag, &length) {
                value.clone_from(length);
            }
        }
        let kind = line.value(tag::MSG_TYPE).unwrap_or_default().to_vec();
        let begin = line.value(tag::BEGIN_STRING).unwrap_or(b"FIX.4.4").to_vec();
        let rest = line.written(&[tag::BEGIN_STRING, tag::BODY_LENGTH, tag::MSG_TYPE, tag::CHECK_SUM]);
        let body = [b"35=", kind.as_slice(), b"\x01", &rest].concat();
        let mut message = [b"8=", begin.as_slice(), b"\x01", format!("9={}\u{1}", body.len()).as_bytes(), &body].concat();
        message.extend_from_slice(format!("10={:03}\u{1}", check_sum(&message)).as_bytes());
        message
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_way_to_show_soh_is_the_same_message() {
        let wire = "8=FIX.4.4\u{1}9=23\u{1}35=A\u{1}49=F\u{1}96=a=b\u{1}108=30\u{1}10=144\u{1}";
        let first = read(wire.as_bytes()).unwrap();
        assert_eq!((first.text(96), first.body_length), (Some("a=b"), 24));
        for separator in SEPARATORS {
            let shown = wire.replace('\u{1}', separator);
            let line = read(format!("{shown}\n").as_bytes()).unwrap();
            assert_eq!((line.separator, &line.fields), (separator, &first.fields));
        }
        let repaired = read(&first.repaired()).unwrap();
        assert_eq!(repaired.text(9), Some("24"));
        assert_eq!(repaired.text(10), Some(format!("{:03}", repaired.check_sum)).as_deref());
    }

    #[test]
    fn other_texts_are_no_fix() {
        assert_eq!(read(b"GET / HTTP/1.1"), None);
        assert_eq!(read(b"{\"a\":1}"), None);
        assert_eq!(read(b"8=FIX"), None);
    }
}
