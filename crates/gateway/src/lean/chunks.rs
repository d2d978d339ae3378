//! The chunked coding of an upstream's answer (RFC 9112, 7.1): taken off, and put on again for the client.
//!
//! ```text
//!   Size ──▶ Extension? ──▶ SizeLf ──▶ Data ──▶ DataCr ──▶ DataLf ──▶ Size
//!                               └─0──▶ Trailer ──empty line──▶ Done
//! ```
//!
//! Extensions and trailers are dropped: they are for one hop, or for a recipient who asked for them.

use std::fmt::Write as _;

use bytes::BytesMut;

use super::limits::CHUNK_OVERHEAD_LINE_MAX;
use crate::head_guard::limits::CHUNK_SIZE_DIGITS_MAX;

/// The upstream broke the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunked coding of an answer is broken")]
pub(super) struct BrokenChunkError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data(u64),
    DataCr,
    DataLf,
    Done,
    Extension(u64),
    Size { digits: u8, size: u64 },
    SizeLf(u64),
    Trailer { bytes: usize },
    TrailerLf { bytes: usize },
}

/// Follows one answer.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    overhead: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size { digits: 0, size: 0 }, overhead: 0 }
    }
}

impl Chunks {
    /// Whether the last chunk was read.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads `input`, adds the data to `data`; returns how much of it belongs to this answer.
    ///
    /// # Errors
    /// [`BrokenChunkError`]; nothing can be said about the rest.
    pub(super) fn decode(&mut self, input: &[u8], data: &mut BytesMut) -> Result<usize, BrokenChunkError> {
        let mut at = 0;
        while let Some(byte) = input.get(at).filter(|_| !self.is_done()) {
            if let State::Data(left) = self.state {
                let rest = &input[at..];
                let count = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                data.extend_from_slice(&rest[..count]);
                at += count;
                let left = left - count as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
                continue;
            }
            self.state = self.next(*byte)?;
            at += 1;
        }
        Ok(at)
    }

    fn next(&mut self, byte: u8) -> Result<State, BrokenChunkError> {
        match (self.state, byte) {
            (State::Size { digits, size }, _) if byte.is_ascii_hexdigit() && digits < CHUNK_SIZE_DIGITS_MAX => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Ok(State::Size { digits: digits + 1, size: size * 16 + u64::from(digit) })
            }
            (State::Size { digits: 1.., size } | State::Extension(size), b'\r') => Ok(State::SizeLf(size)),
            (State::Size { digits: 1.., size }, b';' | b' ' | b'\t') => Ok(State::Extension(size)),
            (State::Extension(size), 0x20.. | b'\t') => self.skipped(State::Extension(size)),
            (State::SizeLf(0), b'\n') => Ok(State::Trailer { bytes: 0 }),
            (State::SizeLf(size), b'\n') => Ok(State::Data(size)),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { digits: 0, size: 0 }),
            (State::Trailer { bytes }, b'\r') => Ok(State::TrailerLf { bytes }),
            (State::Trailer { bytes }, 0x20.. | b'\t') => self.skipped(State::Trailer { bytes: bytes + 1 }),
            (State::TrailerLf { bytes: 0 }, b'\n') => Ok(State::Done),
            (State::TrailerLf { .. }, b'\n') => Ok(State::Trailer { bytes: 0 }),
            _ => Err(BrokenChunkError),
        }
    }

    fn skipped(&mut self, next: State) -> Result<State, BrokenChunkError> {
        self.overhead += 1;
        if self.overhead > CHUNK_OVERHEAD_LINE_MAX { Err(BrokenChunkError) } else { Ok(next) }
    }
}

/// Adds data as one chunk; none for no data, because an empty chunk is the last one.
pub(super) fn write_chunk(data: &[u8], out: &mut BytesMut) {
    if !data.is_empty() {
        write!(out, "{:x}\r\n", data.len()).expect("a buffer grows");
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Adds the last chunk.
pub(super) fn write_last_chunk(out: &mut BytesMut) {
    out.extend_from_slice(b"0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANSWER: &[u8] = b"5\r\nhello\r\n1;name=\"v\"\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";

    #[test]
    fn the_data_is_the_same_in_whatever_pieces_it_comes() {
        for size in 1..=ANSWER.len() {
            let (mut chunks, mut data) = (Chunks::default(), BytesMut::new());
            for piece in ANSWER.chunks(size) {
                assert_eq!(chunks.decode(piece, &mut data), Ok(piece.len()));
            }
            assert!(chunks.is_done());
            assert_eq!(&data[..], b"hello!");
        }
    }

    #[test]
    fn what_follows_the_last_chunk_is_not_of_this_answer() {
        let (mut chunks, mut data) = (Chunks::default(), BytesMut::new());
        let with_more = [ANSWER, b"HTTP/1.1 200 OK"].concat();
        assert_eq!(chunks.decode(&with_more, &mut data), Ok(ANSWER.len()));
        assert!(chunks.is_done());
    }

    #[test]
    fn a_broken_coding_is_told() {
        let endless = [b"1;".to_vec(), vec![b'x'; CHUNK_OVERHEAD_LINE_MAX + 1]].concat();
        for bytes in [&b"g\r\n"[..], b"\r\n", b"-1\r\n", b"1\nx", b"1\r\nxy", b"1\r\nx\n", b"11111111\r\n", b"0\r\nA: b\n\n", &endless] {
            assert!(Chunks::default().decode(bytes, &mut BytesMut::new()).is_err(), "{:?}", bytes.get(..20));
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut out = BytesMut::new();
        write_chunk(b"", &mut out);
        write_chunk(&[b'a'; 300], &mut out);
        write_last_chunk(&mut out);
        let (mut chunks, mut data) = (Chunks::default(), BytesMut::new());
        assert_eq!(chunks.decode(&out, &mut data).unwrap(), out.len());
        assert!(chunks.is_done() && data[..] == [b'a'; 300]);
    }
}
