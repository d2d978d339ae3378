//! A message to send: its type and its body, in the form in which it waits in an outbox.

use bytes::Bytes;
use countersign_fix::tag::Tag;

const SOH: char = '\u{1}';

/// A message that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Out(String);

impl Out {
    pub(super) fn new(msg_type: &str) -> Self {
        Self(msg_type.to_owned())
    }

    /// Adds a field; one without a value is left out. A value cannot end its field early.
    pub(super) fn field(mut self, tag: Tag, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        if !value.is_empty() {
            let value = value.replace(SOH, " ");
            self.0.push_str(&format!("{SOH}{tag}={value}"));
        }
        self
    }

    /// Adds a field if there is a value.
    pub(super) fn maybe(self, tag: Tag, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.field(tag, value),
            None => self,
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from(self.0)
    }
}

/// Type and body of a message that waited.
pub(super) fn read(bytes: &Bytes) -> Option<(&str, Vec<(Tag, &str)>)> {
    let mut parts = std::str::from_utf8(bytes).ok()?.split(SOH);
    let msg_type = parts.next()?;
    let fields = parts.map(|part| part.split_once('=').and_then(|(tag, value)| Some((tag.parse().ok()?, value)))).collect::<Option<_>>()?;
    Some((msg_type, fields))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn is_read_back_and_keeps_its_fields() {
        let bytes = Out::new("8").field(37, 5).field(58, "a\u{1}10=000").maybe(41, None::<u8>).field(11, "").into_bytes();
        assert_eq!(read(&bytes).unwrap(), ("8", vec![(37, "5"), (58, "a 10=000")]));
    }
}
