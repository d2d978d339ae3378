//! The strict reading of HTTP/1.1 framing (RFC 9112), byte by byte, without I/O.
//!
//! ```text
//!   Head ──complete, no body──────────────▶ Head
//!        ──Content-Length: n──▶ Body(n) ──▶ Head
//!        ──chunked──▶ ChunkSize ⇄ ChunkData ──0──▶ LastChunk ──▶ Head
//!        ──anything that could be read in two ways──▶ refused, and the connection ends
//! ```
//!
//! A message is refused when two readers could disagree about where it ends or what its fields are: both framings, a repeated
//! or decorated `Content-Length`, a `Transfer-Encoding` other than exactly `chunked`, bare CR or LF, NUL, folded lines, white
//! space around field names, chunk extensions and trailers (no client needs them), more than one `Host`.

mod head;

use countersign_core::{Refusal, Reject};

use self::head::{HeadScan, check_head, head_length};
use super::limits;

pub use self::head::{Framing, Head, read_head};

/// What the lexer found in the bytes it was fed.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes belong to complete heads and permitted bodies.
    Consumed,
    /// The bytes from this offset on are the beginning of a head that is not complete.
    PartialHead(usize),
    /// From this offset on the bytes are not permitted; nothing from there may be passed on.
    Refused(usize, Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    ChunkSize { digits: u8, size: u64 },
    ChunkSizeLf { size: u64 },
    ChunkData(u64),
    ChunkDataCr,
    ChunkDataLf,
    LastChunkCr,
    LastChunkLf,
}

/// Follows the framing of one connection.
#[derive(Debug)]
pub struct Lexer {
    state: State,
    scan: HeadScan,
    head_bytes_max: usize,
}

impl Default for Lexer {
    fn default() -> Self {
        Self::new(limits::HEAD_BYTES_MAX)
    }
}

impl Lexer {
    /// A lexer at the start of a connection; heads may have so many bytes.
    #[must_use]
    pub fn new(head_bytes_max: usize) -> Self {
        Self { state: State::Head, scan: HeadScan::default(), head_bytes_max }
    }

    /// Whether the next byte begins a head.
    #[must_use]
    pub fn expects_head(&self) -> bool {
        self.state == State::Head
    }

    /// Reads `bytes`. After [`Progress::PartialHead`] feed the same head again from its first byte, with more behind it.
    pub fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let step = match self.state {
                State::Head => match head_length(rest, &mut self.scan) {
                    Ok(None) if rest.len() > self.head_bytes_max => Err(Reject::TooLarge.into()),
                    Ok(None) => return Progress::PartialHead(at),
                    Ok(Some(length)) if length > self.head_bytes_max => Err(Reject::TooLarge.into()),
                    Ok(Some(length)) => check_head(&rest[..length], |_, _| {}).map(|head| (length, head.framing.first_state())),
                    Err(refusal) => Err(refusal),
                },
                State::Body(left) => Ok(take(rest, left, State::Head, State::Body)),
                State::ChunkData(left) => Ok(take(rest, left, State::ChunkDataCr, State::ChunkData)),
                State::ChunkSize { .. }
                | State::ChunkSizeLf { .. }
                | State::ChunkDataCr
                | State::ChunkDataLf
                | State::LastChunkCr
                | State::LastChunkLf => self.chunk_byte(rest[0]).map(|next| (1, next)),
            };
            match step {
                Ok((used, next)) => {
                    at += used;
                    self.state = next;
                }
                Err(refusal) => return Progress::Refused(at, refusal),
            }
        }
        Progress::Consumed
    }

    fn chunk_byte(&self, byte: u8) -> Result<State, Refusal> {
        let ambiguous = |why: &'static str| Err(ambiguous(why));
        match (self.state, byte) {
            (State::ChunkSize { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits == limits::CHUNK_SIZE_DIGITS_MAX {
                    return ambiguous("chunk size too long");
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Ok(State::ChunkSize { digits: digits + 1, size: size * 16 + u64::from(digit) })
            }
            (State::ChunkSize { digits: 1.., size }, b'\r') => Ok(State::ChunkSizeLf { size }),
            (State::ChunkSizeLf { size: 0 }, b'\n') => Ok(State::LastChunkCr),
            (State::ChunkSizeLf { size }, b'\n') => Ok(State::ChunkData(size)),
            (State::ChunkDataCr, b'\r') => Ok(State::ChunkDataLf),
            (State::ChunkDataLf, b'\n') => Ok(State::ChunkSize { digits: 0, size: 0 }),
            (State::LastChunkCr, b'\r') => Ok(State::LastChunkLf),
            (State::LastChunkLf, b'\n') => Ok(State::Head),
            (State::ChunkSize { .. }, _) => ambiguous("chunk size with an extension or a stray byte"),
            (State::LastChunkCr, _) => ambiguous("trailer section"),
            _ => ambiguous("chunk without its CRLF"),
        }
    }
}

fn take(rest: &[u8], left: u64, done: State, more: fn(u64) -> State) -> (usize, State) {
    let used = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
    let left = left - used as u64;
    (used, if left == 0 { done } else { more(left) })
}

fn ambiguous(why: &'static str) -> Refusal {
    Refusal::operator(Reject::FramingAmbiguous, why)
}

fn malformed(why: &'static str) -> Refusal {
    Refusal::operator(Reject::Malformed, why)
}

impl Framing {
    fn first_state(&self) -> State {
        match self {
            Self::None | Self::Length(0) => State::Head,
            Self::Length(length) => State::Body(*length),
            Self::Chunked => State::ChunkSize { digits: 0, size: 0 },
        }
    }
}

#[cfg(test)]
mod tests;
