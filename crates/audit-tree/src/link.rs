//! The head of a line: its number and the hash of the line before.
//!
//! ```text
//!   {"n":17,"prev":"<64 hexadecimal digits>","at":1700000000000000,"event":"accept",...}
//! ```
//!
//! They come first and in this form only, so that they are read and written without a JSON parser on the path of every record.

use serde::de::IgnoredAny;

use crate::hash::Hash;
use crate::limits;

/// The place of a record in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 0.
    pub n: u64,
    /// The leaf hash of the record before; [`Hash::ZERO`] for the first.
    pub prev: Hash,
}

const NUMBER: &[u8] = b"{\"n\":";
const PREV: &[u8] = b",\"prev\":\"";

impl Link {
    /// Reads the link of a line; `None` for a line that has none or has it in another form.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        Self::split(line).map(|(link, _)| link)
    }

    /// The link, and what follows it from the next member on.
    fn split(line: &[u8]) -> Option<(Self, &[u8])> {
        let (n, rest) = number(line.strip_prefix(NUMBER)?)?;
        let (prev, rest) = rest.strip_prefix(PREV)?.split_at_checked(64)?;
        let members = rest.strip_prefix(b"\",")?;
        if n >= limits::RECORDS_MAX {
            return None;
        }
        members.starts_with(b"\"").then_some((Self { n, prev: Hash::parse(prev)? }, members))
    }

    /// Writes the line of `body`, a JSON object with at least one member, into `out`, without its end.
    ///
    /// # Panics
    /// When `body` is not an object: a caller's bug.
    pub fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        let members = body.strip_prefix(b"{").expect("a record is an object");
        out.extend_from_slice(NUMBER);
        out.extend_from_slice(self.n.to_string().as_bytes());
        out.extend_from_slice(PREV);
        self.prev.write_hex(out);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(members);
    }
}

/// The time of a record, in microseconds since 1970: the member `at`, which comes right behind the link, or first.
#[must_use]
pub fn time_of(line: &[u8]) -> Option<u64> {
    const AT: &[u8] = b"\"at\":";
    let members = Link::split(line).map_or_else(|| line.strip_prefix(b"{"), |(_, members)| Some(members))?;
    Some(number(members.strip_prefix(AT)?)?.0)
}

/// Whether a line is a JSON object and nothing else: what a crash tore is not.
#[must_use]
pub fn is_whole(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// A decimal number in its one spelling, and what follows.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at(length);
    if digits.len() > 1 && digits.first() == Some(&b'0') {
        return None;
    }
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_its_link_and_its_time() {
        let link = Link { n: 17, prev: Hash::from_bytes([0xab; 32]) };
        let mut line = Vec::new();
        link.write(br#"{"at":1700000000000001,"event":"accept"}"#, &mut line);
        assert!(line.starts_with(br#"{"n":17,"prev":"abababab"#) && line.ends_with(br#"ab","at":1700000000000001,"event":"accept"}"#));
        assert_eq!(Link::parse(&line), Some(link));
        assert_eq!(time_of(&line), Some(1_700_000_000_000_001));
        assert_eq!(time_of(br#"{"at":7,"event":"accept"}"#), Some(7));
    }

    #[test]
    fn another_spelling_is_no_link() {
        let digits = "ab".repeat(32);
        let fine = format!(r#"{{"n":1,"prev":"{digits}","at":1}}"#);
        assert!(Link::parse(fine.as_bytes()).is_some());
        for line in [
            fine.replace(":1,", ":01,"),
            fine.replace(":1,", ": 1,"),
            fine.replace(":1,", ":+1,"),
            fine.replace(":1,", ":18446744073709551616,"),
            fine.replace(":1,", &format!(":{},", limits::RECORDS_MAX)),
            fine.replace('a', "A"),
            fine.replace("prev", "Prev"),
            fine.replace("abab", "ab"),
            format!(r#"{{"n":1,"prev":"{digits}"}}"#),
            fine.get(..20).unwrap_or_default().to_owned(),
            r#"{"at":1}"#.to_owned(),
        ] {
            assert_eq!(Link::parse(line.as_bytes()), None, "{line}");
        }
    }
}
