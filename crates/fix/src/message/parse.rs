//! From bytes to fields.

use std::collections::BTreeSet;

use crate::limits;
use crate::message::{Field, FieldFault, Message, ParseError};
use crate::msg_type::AdminType;
use crate::reject_reason::SessionRejectReason;
use crate::tag::{self, Tag};
use crate::version::Version;

const SOH: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Header,
    Body,
    Trailer,
}

/// What the text before `=` is.
enum TagText {
    Tag(Tag),
    /// An integer that is no tag: 0, negative, leading zeros, too large.
    NoTag(Option<i64>),
    NoInteger,
}

struct Reader<'f> {
    message: Message<'f>,
    section: Section,
    fault: Option<FieldFault>,
    once: BTreeSet<Tag>,
    version: Option<Version>,
    admin: bool,
    entries: bool,
}

pub(super) fn parse(frame: &[u8]) -> Result<Message<'_>, ParseError<'_>> {
    let message = Message { frame, fields: Vec::with_capacity(24), body: 0, trailer: 0 };
    let (once, section) = (BTreeSet::new(), Section::Header);
    let mut reader = Reader { message, section, fault: None, once, version: None, admin: false, entries: false };
    let mut place = 0;
    while place < frame.len() {
        match reader.field(place) {
            Ok(Some(next)) => place = next,
            Ok(None) => break,
            Err(()) => return Err(ParseError::Garbled),
        }
    }
    reader.finish()
}

impl<'f> Reader<'f> {
    /// Reads the field at `place`: where the next one is, none if reading cannot go on, an error if it is not `tag=value`.
    fn field(&mut self, place: usize) -> Result<Option<usize>, ()> {
        let rest = &self.message.frame[place..];
        let equals = rest.iter().take(12).position(|byte| *byte == b'=').ok_or(())?;
        let value = &rest[equals + 1..];
        match tag_of(&rest[..equals]) {
            TagText::NoInteger => Err(()),
            TagText::NoTag(literal) => {
                self.note(FieldFault { reason: SessionRejectReason::InvalidTagNumber, tag: literal });
                let end = value.iter().position(|byte| *byte == SOH).ok_or(())?;
                Ok(Some(place + equals + end + 2))
            }
            TagText::Tag(tag) => {
                let length = match self.value_length(tag, value) {
                    Ok(length) => length,
                    Err(Some(fault)) => {
                        self.note(fault);
                        return Ok(None);
                    }
                    Err(None) => return Err(()),
                };
                self.take(Field { tag, value: &value[..length] });
                if self.message.fields.len() > limits::FIELDS_MAX {
                    return Err(());
                }
                Ok(Some(place + equals + length + 2))
            }
        }
    }

    /// How long the value is: by the length field before it, or up to SOH.
    fn value_length(&self, tag: Tag, value: &[u8]) -> Result<usize, Option<FieldFault>> {
        let announced = self.message.fields.last().and_then(|last| Some((last, tag::data_of(self.version?, last.tag)?)));
        let Some((length, data)) = announced else { return value.iter().position(|byte| *byte == SOH).ok_or(None) };
        if data != tag {
            return Err(Some(FieldFault::of(SessionRejectReason::TagOutOfOrder, length.tag)));
        }
        let lies = FieldFault::of(SessionRejectReason::ValueIncorrect, length.tag);
        let bytes = super::number(length.value).and_then(|bytes| usize::try_from(bytes).ok()).ok_or(Some(lies))?;
        if value.get(bytes) == Some(&SOH) { Ok(bytes) } else { Err(Some(lies)) }
    }

    fn take(&mut self, field: Field<'f>) {
        let Field { tag, value } = field;
        if value.is_empty() {
            self.note(FieldFault::of(SessionRejectReason::TagWithoutValue, tag));
        }
        let section = match (tag::is_header(tag), tag::is_trailer(tag)) {
            (true, _) => Section::Header,
            (_, true) => Section::Trailer,
            _ => Section::Body,
        };
        if section < self.section {
            self.note(FieldFault::of(SessionRejectReason::TagOutOfOrder, tag));
        }
        if section > self.section {
            self.section = section;
            let index = self.message.fields.len();
            if self.message.body == 0 {
                self.message.body = index;
            }
            if section == Section::Trailer {
                self.message.trailer = index;
            }
        }
        match tag {
            tag::BEGIN_STRING => self.version = Version::of(value),
            tag::MSG_TYPE => self.admin = AdminType::of(value).is_some(),
            _ => {}
        }
        if !self.admin && hides_a_frame(value) {
            self.note(FieldFault::of(SessionRejectReason::ValueIncorrect, tag));
        }
        self.entries |= tag == tag::NO_MSG_TYPES;
        let may_repeat = match section {
            Section::Header => tag::is_hop(tag),
            Section::Body => !self.admin || (self.entries && tag::is_msg_type_entry(tag)),
            Section::Trailer => false,
        };
        if !may_repeat && !self.once.insert(tag) {
            self.note(FieldFault::of(SessionRejectReason::TagRepeated, tag));
        }
        self.message.fields.push(field);
    }

    fn note(&mut self, fault: FieldFault) {
        self.fault.get_or_insert(fault);
    }

    fn finish(mut self) -> Result<Message<'f>, ParseError<'f>> {
        let count = self.message.fields.len();
        if self.message.body == 0 {
            self.message.body = count;
        }
        if self.message.trailer == 0 {
            self.message.trailer = count;
        }
        let first = self.message.fields.iter().take(3).map(|field| field.tag);
        if !first.eq([tag::BEGIN_STRING, tag::BODY_LENGTH, tag::MSG_TYPE]) {
            return Err(ParseError::Garbled);
        }
        if self.fault.is_none() && self.message.fields.last().map(|field| field.tag) != Some(tag::CHECK_SUM) {
            return Err(ParseError::Garbled);
        }
        match self.fault {
            None => Ok(self.message),
            Some(fault) => Err(ParseError::Faulty { readable: self.message, fault }),
        }
    }
}

/// Whether data has a field of header or trailer behind a SOH. A reader that ends it there takes the message for one of another type, or
/// for two; messages of the session layer go no further, and their data may be anything.
fn hides_a_frame(value: &[u8]) -> bool {
    value.split(|byte| *byte == SOH).skip(1).any(|field| {
        let digits = field.iter().take(12).position(|byte| *byte == b'=').map_or(&[][..], |equals| &field[..equals]);
        // As such a reader may take it: with zeros or blanks before the number.
        let number = super::number(digits.trim_ascii()).and_then(|number| Tag::try_from(number).ok());
        number.is_some_and(|tag| tag::is_header(tag) || tag::is_trailer(tag))
    })
}

fn tag_of(text: &[u8]) -> TagText {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return TagText::NoInteger;
    }
    let number = super::number(digits).and_then(|number| i64::try_from(number).ok());
    let tag = number.and_then(|number| Tag::try_from(number).ok()).filter(|tag| (1..=limits::TAG_MAX).contains(tag));
    match tag {
        Some(tag) if !negative && digits[0] != b'0' => TagText::Tag(tag),
        _ => TagText::NoTag(number.map(|number| if negative { -number } else { number })),
    }
}
