//! Text in an audit record that a client had a part in.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits;

/// Bounded, printable ASCII. What else the client sent is shown as `?`, and what is too long is cut and ends with `...`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditText(Box<str>);

impl AuditText {
    /// A name the client sent: a server name, a subject.
    #[must_use]
    pub fn name(text: &str) -> Self {
        const CUT: &str = "...";
        // Nearly every text: taken as it is.
        let strange = |found: bool, byte: u8| found | !(b' '..=b'~').contains(&byte);
        if text.len() <= limits::AUDIT_TEXT_BYTES_MAX && !text.bytes().fold(false, strange) {
            return Self(text.into());
        }
        let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        let mut kept: String = text.chars().take(limits::AUDIT_TEXT_BYTES_MAX + 1).map(printable).collect();
        if kept.len() > limits::AUDIT_TEXT_BYTES_MAX {
            kept.truncate(limits::AUDIT_TEXT_BYTES_MAX - CUT.len());
            kept.push_str(CUT);
        }
        Self(kept.into())
    }

    /// The path of a request target, without query and fragment: signatures and keys travel there.
    #[must_use]
    pub fn path(target: &str) -> Self {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        if path.starts_with('/') {
            return Self::name(path);
        }
        // An absolute-form target may carry a user and a password before its host.
        let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |slash| &rest[slash..]));
        Self::name(path)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuditText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for AuditText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_no_query_no_fragment_and_no_user() {
        for target in
            ["/api/v3/order?signature=abc", "/api/v3/order#secret", "https://user:secret@gate.example/api/v3/order?x=1", "/api/v3/order"]
        {
            assert_eq!(AuditText::path(target).as_str(), "/api/v3/order");
        }
        assert_eq!(AuditText::path("wss://user:secret@gate.example").as_str(), "/");
    }

    #[test]
    fn text_is_printable_and_bounded() {
        assert_eq!(AuditText::name("a\nb\u{1b}[1mc\u{e9}").as_str(), "a?b?[1mc?");
        let long = AuditText::name(&"x".repeat(10_000));
        assert_eq!(long.as_str().len(), limits::AUDIT_TEXT_BYTES_MAX);
        assert!(long.as_str().ends_with("x..."));
    }
}
