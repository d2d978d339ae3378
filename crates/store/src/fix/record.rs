//! One record of a session's journal.
//!
//! ```text
//!   kind (1) || payload length (4) || number (8) || check (8) || payload || check (8)      integers are big endian
//!   check = SHA-256 of all before it in the record, cut
//! ```
//!
//! The head has a check of its own: a length that is wrong must not make whole records look like a torn one.

use aws_lc_rs::digest;

const CHECK_BYTES: usize = 8;
const FIELDS_BYTES: usize = 1 + 4 + 8;

/// Bytes before the payload.
pub(super) const HEAD_BYTES: usize = FIELDS_BYTES + CHECK_BYTES;

/// Bytes of the number that a forwarded message came under.
pub(super) const SOURCE_BYTES: usize = 8;

/// Longest payload: a message, and where it came from.
pub(super) const PAYLOAD_BYTES_MAX: usize = countersign_fix::limits::MESSAGE_BYTES_MAX + SOURCE_BYTES;

/// What a record says of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The journal begins: the number is the next to send.
    Base,
    /// The number is used up by this message, which was received on another session: the payload begins with its number there.
    Forwarded,
    /// A message that was sent before the journal was written anew.
    Kept,
    /// The number is used up by this message.
    Message,
    /// The number is the generation that writes from here on, of a journal that nodes share: the payload is how often it was written
    /// anew.
    Owner,
    /// The highest number on the other session whose message was forwarded.
    Source,
    /// The number is expected from the peer.
    Target,
    /// The number is used up by what is not sent again.
    Used,
}

impl Kind {
    const ALL: [Self; 8] = [Self::Base, Self::Forwarded, Self::Kept, Self::Message, Self::Owner, Self::Source, Self::Target, Self::Used];

    const fn byte(self) -> u8 {
        match self {
            Self::Base => b'B',
            Self::Forwarded => b'F',
            Self::Kept => b'K',
            Self::Message => b'M',
            Self::Owner => b'O',
            Self::Source => b'S',
            Self::Target => b'T',
            Self::Used => b'U',
        }
    }
}

/// A record that was read.
pub(super) struct Record<'b> {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) payload: &'b [u8],
    /// Of the whole record.
    pub(super) length: usize,
}

/// A record's bytes. The payload has at most [`PAYLOAD_BYTES_MAX`].
pub(super) fn write(kind: Kind, number: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("callers keep to the bound, which fits");
    let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len() + CHECK_BYTES);
    bytes.push(kind.byte());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&check(&bytes));
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&check(&bytes));
    bytes
}

/// The first record, or none where the journal ends: also within a record that was not written to its end.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Record<'_>>, &'static str> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else { return Ok(None) };
    // A file may have grown before its bytes came, when the power failed.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let (fields, found) = head.split_at(FIELDS_BYTES);
    if check(fields) != found {
        return Err("the head of a record is wrong");
    }
    let (kind, fields) = fields.split_first().ok_or("a record without a kind")?;
    let kind = Kind::ALL.into_iter().find(|known| known.byte() == *kind).ok_or("a record of an unknown kind")?;
    let (payload_bytes, fields) = fields.split_first_chunk().ok_or("a record without a length")?;
    let (number, _) = fields.split_first_chunk().ok_or("a record without a number")?;
    let (payload_bytes, number) = (u32::from_be_bytes(*payload_bytes), u64::from_be_bytes(*number));
    let payload_bytes = usize::try_from(payload_bytes).map_err(|_| "a record is too long")?;
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err("a record is too long");
    }
    let Some((payload, rest)) = rest.split_at_checked(payload_bytes) else { return Ok(None) };
    let Some(found) = rest.get(..CHECK_BYTES) else { return Ok(None) };
    let whole = &bytes[..HEAD_BYTES + payload_bytes];
    if check(whole) != found {
        return if rest.len() == CHECK_BYTES { Ok(None) } else { Err("a record is wrong") };
    }
    Ok(Some(Record { kind, number, payload, length: whole.len() + CHECK_BYTES }))
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    digest::digest(&digest::SHA256, bytes).as_ref()[..CHECK_BYTES].try_into().expect("SHA-256 has 32 bytes")
}

/// Where a journal begins.
pub(super) struct Base<'n> {
    pub(super) next_sender: u64,
    pub(super) kept_from: u64,
    pub(super) next_target: u64,
    pub(super) name: &'n [u8],
}

impl<'n> Base<'n> {
    pub(super) fn record(&self) -> Vec<u8> {
        let payload = [&self.kept_from.to_be_bytes()[..], &self.next_target.to_be_bytes(), self.name].concat();
        write(Kind::Base, self.next_sender, &payload)
    }

    pub(super) fn read(record: &Record<'n>) -> Option<Self> {
        let (kept_from, rest) = record.payload.split_first_chunk()?;
        let (next_target, name) = rest.split_first_chunk()?;
        let (kept_from, next_target) = (u64::from_be_bytes(*kept_from), u64::from_be_bytes(*next_target));
        (record.number > 0).then_some(Self { next_sender: record.number, kept_from, next_target, name })
    }
}
