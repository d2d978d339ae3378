//! From a stream of bytes to messages: BeginString, BodyLength, CheckSum, and what to do when they are wrong.
//!
//! ```text
//!   8=FIX.4.4|9=65|35=A|34=1|...|10=231|
//!   ╰──────────────╯╰─────65 bytes────╯╰────╯
//!   wrong here: skip to the next `8=FIX`   CheckSum wrong: skip this message as a whole
//! ```
//!
//! A garbled message is ignored and reported once (FIX session layer, "garbled message"); that no message comes any more, again. A
//! message whose length is consistent and whose CheckSum is not is skipped whole: what looks like a message inside one of its values
//! never becomes one. The stream resynchronises at the next `8=FIX` that is not the tail of a longer tag (`58=FIX...`).
//!
//! Memory: what was received and not yet returned, at most one longest message and one input. A length that is claimed allocates
//! nothing. Whatever way a stream is cut into inputs, the same frames and faults come out.

use zeroize::Zeroize;

use crate::limits;

const SOH: u8 = 1;
const START: &[u8] = b"8=FIX";
const TRAILER_BYTES: usize = 7;

/// What is wrong with a garbled message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Garble {
    /// What follows the last message is not `8=FIX`.
    BeginString,
    /// The second field is not a BodyLength, or no CheckSum stands where it points.
    BodyLength,
    /// The CheckSum does not match.
    CheckSum,
    /// The third field is not MsgType.
    MsgType,
    /// It is longer than allowed.
    TooLong,
    /// A part of it is not `tag=value`.
    Field,
    /// No message in so many bytes ([`limits::GARBLED_BYTES_MAX`]).
    NoMessage,
}

/// What was found in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'b> {
    /// A message from `8=` to the SOH after CheckSum; length and checksum are right.
    Frame(&'b [u8]),
    /// A garbled message; it is skipped.
    Garbled(Garble),
}

/// Cuts a stream into messages.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    start: usize,
    message_bytes_max: usize,
    /// The stream is out of step: everything up to the next `8=FIX` is skipped without another report.
    skipping: bool,
    /// Bytes skipped since the last message.
    skipped: usize,
    /// The last byte before `start`.
    previous: u8,
}

enum Step {
    Wait,
    Frame(usize),
    SkipWhole(usize, Garble),
    Resynchronise(Garble),
}

impl Framer {
    /// A framer at the start of a stream, for messages of at most so many bytes.
    #[must_use]
    pub const fn new(message_bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, message_bytes_max, skipping: false, skipped: 0, previous: SOH }
    }

    /// Allows messages of another length from now on.
    pub const fn limit(&mut self, message_bytes_max: usize) {
        self.message_bytes_max = message_bytes_max;
    }

    /// Takes bytes from the stream. Call [`Self::next_frame`] until there is none before the next input.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes received and not yet returned or skipped.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Wipes what was returned: after a Logon, which has passwords in it.
    pub fn wipe_returned(&mut self) {
        self.buffer[..self.start].zeroize();
    }

    /// The next message or fault; none when more bytes are needed.
    pub fn next_frame(&mut self) -> Option<Framed<'_>> {
        let found = !self.skipping || self.find_start();
        if self.skipped > limits::GARBLED_BYTES_MAX {
            self.skipped = 0;
            return Some(Framed::Garbled(Garble::NoMessage));
        }
        if !found {
            return None;
        }
        match self.step() {
            Step::Wait => None,
            Step::Frame(length) => {
                let begin = self.start;
                self.advance(length);
                self.skipped = 0;
                Some(Framed::Frame(&self.buffer[begin..begin + length]))
            }
            Step::SkipWhole(length, garble) => {
                self.skip(length);
                Some(Framed::Garbled(garble))
            }
            Step::Resynchronise(garble) => {
                self.skip(1);
                self.skipping = true;
                Some(Framed::Garbled(garble))
            }
        }
    }

    fn skip(&mut self, length: usize) {
        self.skipped = self.skipped.saturating_add(length);
        self.advance(length);
    }

    fn advance(&mut self, length: usize) {
        self.start += length;
        self.previous = self.buffer[self.start - 1];
    }

    /// Skips to the next `8=FIX`; whether it is there.
    fn find_start(&mut self) -> bool {
        while self.buffered() > 0 {
            let rest = &self.buffer[self.start..];
            let seen = rest.len().min(START.len());
            if rest[..seen] == START[..seen] && !self.previous.is_ascii_digit() {
                self.skipping = seen < START.len();
                return !self.skipping;
            }
            let next = rest[1..].iter().position(|byte| *byte == START[0]).map_or(rest.len(), |place| place + 1);
            self.skip(next);
        }
        false
    }

    fn step(&self) -> Step {
        let rest = &self.buffer[self.start..];
        let seen = rest.len().min(START.len());
        if rest[..seen] != START[..seen] {
            return Step::Resynchronise(Garble::BeginString);
        }
        let Some(begin_string) = field_end(rest, limits::BEGIN_STRING_BYTES_MAX + 2) else { return Step::Wait };
        let Ok(begin_string) = begin_string else { return Step::Resynchronise(Garble::BeginString) };
        let (body, length) = match body_length(&rest[begin_string..]) {
            Ok(Some((bytes, length))) => (begin_string + bytes, length),
            Ok(None) => return Step::Wait,
            Err(garble) => return Step::Resynchronise(garble),
        };
        let total = body + length + TRAILER_BYTES;
        if total > self.message_bytes_max {
            return Step::Resynchronise(Garble::TooLong);
        }
        let Some(frame) = rest.get(..total) else { return Step::Wait };
        whole(frame, body)
    }
}

/// Where the first field ends: none if it goes on, an error if it is longer than `max` bytes.
fn field_end(bytes: &[u8], max: usize) -> Option<Result<usize, ()>> {
    match bytes.iter().take(max + 1).position(|byte| *byte == SOH) {
        Some(place) => Some(Ok(place + 1)),
        None if bytes.len() > max => Some(Err(())),
        None => None,
    }
}

/// `9=<digits>|`: bytes of the field and its value.
fn body_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Garble> {
    for (place, expected) in b"9=".iter().enumerate() {
        match bytes.get(place) {
            None => return Ok(None),
            Some(byte) if byte == expected => {}
            Some(_) => return Err(Garble::BodyLength),
        }
    }
    let mut length = 0;
    for (count, byte) in bytes[2..].iter().enumerate() {
        match byte {
            b'0'..=b'9' if count < limits::BODY_LENGTH_DIGITS_MAX => length = length * 10 + usize::from(byte - b'0'),
            &SOH if count > 0 => return Ok(Some((count + 3, length))),
            _ => return Err(Garble::BodyLength),
        }
    }
    Ok(None)
}

/// Judges a message that is all there.
fn whole(frame: &[u8], body: usize) -> Step {
    let (covered, trailer) = frame.split_at(frame.len() - TRAILER_BYTES);
    let [b'1', b'0', b'=', hundreds @ b'0'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', SOH] = trailer else {
        return Step::Resynchronise(Garble::BodyLength);
    };
    if covered.last() != Some(&SOH) {
        return Step::Resynchronise(Garble::BodyLength);
    }
    let claimed = u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
    if claimed != u16::from(check_sum(covered)) {
        return Step::SkipWhole(frame.len(), Garble::CheckSum);
    }
    if !covered[body..].starts_with(b"35=") {
        return Step::SkipWhole(frame.len(), Garble::MsgType);
    }
    Step::Frame(frame.len())
}

/// The sum of all bytes, modulo 256.
#[must_use]
pub fn check_sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests;
