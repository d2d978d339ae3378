//! A message as a view over its bytes: fields in their order, values literally as they came.
//!
//! Signatures of FIX logons are over literal values (`52`, `34`, ...), so nothing is decoded and written again: [`Field::value`] is a
//! slice of the frame. Data fields (95/96, ...) are read by their length and may contain SOH; a data field without its length field
//! is read up to SOH, as some venues leave 95 out.
//!
//! What is checked without a dictionary, for every message: tags are positive integers without leading zeros, values are not empty,
//! header, body and trailer come in this order, no header field is repeated. In messages of the session layer no field at all is
//! repeated, outside the NoMsgTypes group of Logon. What is not: repeating groups and values of application fields.

mod parse;

use std::fmt;

use crate::reject_reason::SessionRejectReason;
use crate::tag::{self, Tag};

/// A field: its tag and its literal value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'f> {
    /// The tag.
    pub tag: Tag,
    /// The value, without the SOH that ends it.
    pub value: &'f [u8],
}

impl<'f> Field<'f> {
    /// A field.
    #[must_use]
    pub const fn new(tag: Tag, value: &'f [u8]) -> Self {
        Self { tag, value }
    }
}

impl fmt::Debug for Field<'_> {
    /// Without the value: it may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=<{} bytes>", self.tag, self.value.len())
    }
}

/// What a session refuses in a message: SessionRejectReason and the tag concerned, as it stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Why.
    pub reason: SessionRejectReason,
    /// RefTagID (371): an integer, but not always a tag.
    pub tag: Option<i64>,
}

impl FieldFault {
    /// A fault of a tag.
    #[must_use]
    pub fn of(reason: SessionRejectReason, tag: Tag) -> Self {
        Self { reason, tag: Some(i64::from(tag)) }
    }

    /// A fault of the message as a whole.
    #[must_use]
    pub const fn whole(reason: SessionRejectReason) -> Self {
        Self { reason, tag: None }
    }
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError<'f> {
    /// It is readable and must be rejected: the fields up to the fault, and the fault.
    Faulty {
        /// What could be read.
        readable: Message<'f>,
        /// The first fault.
        fault: FieldFault,
    },
    /// Not `tag=value` fields: to be ignored as a garbled message.
    Garbled,
}

/// A message: a view over its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'f> {
    frame: &'f [u8],
    fields: Vec<Field<'f>>,
    body: usize,
    trailer: usize,
}

impl<'f> Message<'f> {
    /// Reads a frame, as [`crate::Framer`] returns it.
    ///
    /// # Errors
    /// [`ParseError`]: whether to reject or to ignore it.
    pub fn parse(frame: &'f [u8]) -> Result<Self, ParseError<'f>> {
        parse::parse(frame)
    }

    /// All bytes.
    #[must_use]
    pub const fn frame(&self) -> &'f [u8] {
        self.frame
    }

    /// All fields, from BeginString to CheckSum, in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field<'f>] {
        &self.fields
    }

    /// Fields of the header, with the first three.
    #[must_use]
    pub fn header(&self) -> &[Field<'f>] {
        &self.fields[..self.body]
    }

    /// Fields of the body.
    #[must_use]
    pub fn body(&self) -> &[Field<'f>] {
        &self.fields[self.body..self.trailer]
    }

    /// The literal value of the first field with this tag.
    #[must_use]
    pub fn first(&self, tag: Tag) -> Option<&'f [u8]> {
        self.fields.iter().find(|field| field.tag == tag).map(|field| field.value)
    }

    /// The literal value of the only field with this tag.
    ///
    /// # Errors
    /// The fault if there are two: two readings of one message are a refusal.
    pub fn unique(&self, tag: Tag) -> Result<Option<&'f [u8]>, FieldFault> {
        let mut found = self.fields.iter().filter(|field| field.tag == tag);
        match (found.next(), found.next()) {
            (first, None) => Ok(first.map(|field| field.value)),
            (_, Some(_)) => Err(FieldFault::of(SessionRejectReason::TagRepeated, tag)),
        }
    }

    /// The literal value of a field that must be there.
    ///
    /// # Errors
    /// The fault if it is missing.
    pub fn required(&self, tag: Tag) -> Result<&'f [u8], FieldFault> {
        self.first(tag).ok_or_else(|| FieldFault::of(SessionRejectReason::RequiredTagMissing, tag))
    }

    /// MsgType; the framer made sure that it is there.
    #[must_use]
    pub fn msg_type(&self) -> &'f [u8] {
        self.first(tag::MSG_TYPE).unwrap_or_default()
    }

    /// BeginString; the framer made sure that it is there.
    #[must_use]
    pub fn begin_string(&self) -> &'f [u8] {
        self.first(tag::BEGIN_STRING).unwrap_or_default()
    }
}

impl fmt::Debug for Message<'_> {
    /// Without values: a Logon has passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("bytes", &self.frame.len()).field("fields", &self.fields).finish()
    }
}

/// A non-negative integer with at most 15 digits; leading zeros are allowed, as the standard's int allows them.
#[must_use]
pub fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 15 {
        return None;
    }
    value.iter().try_fold(0, |sum: u64, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

/// A Boolean: `Y` or `N`.
#[must_use]
pub const fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"Y" => Some(true),
        b"N" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
