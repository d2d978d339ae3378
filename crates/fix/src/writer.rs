//! Writes messages: BodyLength and CheckSum are computed, values are checked for what would break the framing.

use crate::framer::check_sum;
use crate::limits;
use crate::message::Field;
use crate::tag::{self, Tag};
use crate::version::Version;

const SOH: u8 = 1;

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A value contains SOH and is no data field behind its length.
    #[error("the value of tag {0} contains the field delimiter")]
    Delimiter(Tag),
    /// A value is empty.
    #[error("tag {0} has no value")]
    Empty(Tag),
    /// BeginString, BodyLength, MsgType and CheckSum are written by the writer.
    #[error("tag {0} is written by the writer")]
    Reserved(Tag),
    /// The message is longer than [`limits::MESSAGE_BYTES_MAX`].
    #[error("the message has {0} bytes, more than allowed")]
    TooLong(usize),
}

/// A message being written. The first mistake is told by [`Self::finish`].
#[derive(Clone, Debug)]
pub struct MessageWriter {
    begin_string: &'static str,
    body: Vec<u8>,
    announced: Option<(Tag, usize)>,
    error: Option<WriteError>,
}

impl MessageWriter {
    /// Starts a message; `begin_string` is [`crate::Version::begin_string`].
    #[must_use]
    pub fn new(begin_string: &'static str, msg_type: &[u8]) -> Self {
        let mut writer = Self { begin_string, body: Vec::with_capacity(256), announced: None, error: None };
        writer.put(tag::MSG_TYPE, msg_type);
        writer
    }

    /// Adds a field. A value may contain SOH only directly behind the length field that announces it.
    pub fn field(&mut self, tag: Tag, value: &[u8]) -> &mut Self {
        if matches!(tag, tag::BEGIN_STRING | tag::BODY_LENGTH | tag::MSG_TYPE | tag::CHECK_SUM) {
            self.error.get_or_insert(WriteError::Reserved(tag));
        }
        self.put(tag, value);
        self
    }

    fn put(&mut self, tag: Tag, value: &[u8]) {
        let announced = self.announced.take();
        if value.is_empty() {
            self.error.get_or_insert(WriteError::Empty(tag));
        }
        if value.contains(&SOH) && announced != Some((tag, value.len())) {
            self.error.get_or_insert(WriteError::Delimiter(tag));
        }
        self.announced = self.data_of(tag).zip(crate::message::number(value).and_then(|length| usize::try_from(length).ok()));
        self.body.extend_from_slice(tag.to_string().as_bytes());
        self.body.push(b'=');
        self.body.extend_from_slice(value);
        self.body.push(SOH);
    }

    fn data_of(&self, length: Tag) -> Option<Tag> {
        tag::data_of(Version::of(self.begin_string.as_bytes())?, length)
    }

    /// Adds a number.
    pub fn number(&mut self, tag: Tag, value: u64) -> &mut Self {
        self.field(tag, value.to_string().as_bytes())
    }

    /// Adds a field of text.
    pub fn text(&mut self, tag: Tag, value: &str) -> &mut Self {
        self.field(tag, value.as_bytes())
    }

    /// Adds a length field and its data field.
    pub fn data(&mut self, length: Tag, value: &[u8]) -> &mut Self {
        self.number(length, value.len() as u64);
        let data = self.data_of(length).unwrap_or(length);
        self.field(data, value)
    }

    /// Adds fields as they are.
    pub fn fields(&mut self, fields: &[Field<'_>]) -> &mut Self {
        for field in fields {
            self.field(field.tag, field.value);
        }
        self
    }

    /// The whole message, from BeginString to CheckSum.
    ///
    /// # Errors
    /// The first mistake in the fields, or [`WriteError::TooLong`].
    pub fn finish(self) -> Result<Vec<u8>, WriteError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut message = format!("8={}\u{1}9={}\u{1}", self.begin_string, self.body.len()).into_bytes();
        message.reserve(self.body.len() + 7);
        message.extend_from_slice(&self.body);
        let sum = check_sum(&message);
        message.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
        if message.len() > limits::MESSAGE_BYTES_MAX { Err(WriteError::TooLong(message.len())) } else { Ok(message) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::framer::{Framed, Framer};
    use crate::message::Message;
    use crate::test_support::sealed;

    #[test]
    fn length_and_checksum_are_right() {
        let mut writer = MessageWriter::new("FIX.4.4", b"0");
        writer.number(34, 1).text(49, "A").data(95, b"x\x01y");
        let message = writer.finish().unwrap();
        assert_eq!(message, sealed("FIX.4.4", "35=0|34=1|49=A|95=3|96=x|y|"));
        let mut framer = Framer::new(1_000);
        framer.push(&message);
        let Some(Framed::Frame(frame)) = framer.next_frame() else { panic!() };
        assert_eq!(Message::parse(frame).unwrap().first(96), Some(b"x\x01y".as_slice()));
    }

    #[test]
    fn what_would_break_the_framing_is_not_written() {
        let mistake = |tag, value: &[u8]| {
            let mut writer = MessageWriter::new("FIX.4.4", b"0");
            writer.field(tag, value);
            writer.finish().unwrap_err()
        };
        assert_eq!(mistake(58, b"a\x0110=000"), WriteError::Delimiter(58));
        assert_eq!(mistake(96, b"a\x01b"), WriteError::Delimiter(96));
        assert_eq!(mistake(58, b""), WriteError::Empty(58));
        assert_eq!(mistake(10, b"000"), WriteError::Reserved(10));
        assert!(matches!(mistake(58, &[b'x'; limits::MESSAGE_BYTES_MAX]), WriteError::TooLong(_)));
        let mut writer = MessageWriter::new("FIX.4.4", b"0");
        writer.number(95, 2).field(96, b"a\x01b");
        assert_eq!(writer.finish(), Err(WriteError::Delimiter(96)));
    }
}
