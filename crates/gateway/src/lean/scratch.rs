//! What a worker lends to the request under way.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use bytes::BytesMut;
use countersign_core::Timestamp;

use super::limits::{BUFFER_BYTES, BUFFERS_KEPT_MAX};

/// Buffers, and the date of this second.
#[derive(Debug, Default)]
pub struct Scratch {
    free: RefCell<Vec<BytesMut>>,
    date: RefCell<(u64, String)>,
}

impl Scratch {
    /// An empty buffer.
    pub(super) fn take(&self) -> BytesMut {
        self.free.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(BUFFER_BYTES))
    }

    /// Takes a buffer back; its content is forgotten. One that has grown is not worth keeping.
    pub(super) fn give(&self, mut buffer: BytesMut) {
        let mut free = self.free.borrow_mut();
        buffer.clear();
        if buffer.try_reclaim(BUFFER_BYTES) && buffer.capacity() == BUFFER_BYTES && free.len() < BUFFERS_KEPT_MAX {
            free.push(buffer);
        }
    }

    /// Writes the time as HTTP has it (RFC 9110, 5.6.7). It is made once a second.
    pub(super) fn write_date(&self, now: Timestamp, out: &mut BytesMut) {
        let mut date = self.date.borrow_mut();
        if date.0 != now.as_secs() || date.1.is_empty() {
            *date = (now.as_secs(), httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now.as_secs())));
        }
        out.extend_from_slice(date.1.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_a_grown_one_does_not() {
        let scratch = Scratch::default();
        let mut buffer = scratch.take();
        buffer.extend_from_slice(b"secret");
        scratch.give(buffer);
        assert!(scratch.take().is_empty());
        let mut grown = scratch.take();
        grown.extend_from_slice(&[0; BUFFER_BYTES + 1]);
        scratch.give(grown);
        assert_eq!(scratch.free.borrow().len(), 0);
    }

    #[test]
    fn the_date_follows_the_second() {
        let scratch = Scratch::default();
        for (second, text) in [(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT")] {
            let mut out = BytesMut::new();
            scratch.write_date(Timestamp::from_secs(second), &mut out);
            assert_eq!(&out[..], text.as_bytes());
        }
    }
}
