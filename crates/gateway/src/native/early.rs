//! What a client says behind its resume, before it is answered.
//!
//! It is for the session, once that has the client. Until then it is held here, so that the client's end is noticed behind it: whoever
//! goes away before the answer takes nothing from a newer connection, whatever it said last.

use std::collections::VecDeque;

use bytes::Bytes;
use countersign_handshake::limits::PIPELINED_BYTES_MAX;

use super::carriage::{Carriage, CarriageError};

/// What is held.
#[derive(Debug, Default)]
pub(super) struct Early {
    said: VecDeque<Result<Bytes, CarriageError>>,
    bytes: usize,
}

impl Early {
    /// Ends when the client has. May be dropped at any point without loss.
    ///
    /// Beyond [`PIPELINED_BYTES_MAX`] nothing more is read, and an end behind that is noticed by the session.
    pub(super) async fn until_gone<C: Carriage>(&mut self, carriage: &mut C) {
        while self.bytes < PIPELINED_BYTES_MAX {
            let said = carriage.receive().await;
            match &said {
                Err(CarriageError::Ended) => return,
                // What is not a frame is for the session to answer, and nothing comes after it.
                Err(_) => self.bytes = PIPELINED_BYTES_MAX,
                // Empty frames count, too.
                Ok(frame) => self.bytes += frame.len().max(size_of::<Bytes>()),
            }
            self.said.push_back(said);
        }
        std::future::pending::<()>().await;
    }

    /// The next thing that was said.
    pub(super) fn next(&mut self) -> Option<Result<Bytes, CarriageError>> {
        self.said.pop_front()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::BytesMut;
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::native::carriage::LineCarriage;
    use crate::rewind::Rewind;

    #[tokio::test]
    async fn the_end_is_noticed_behind_what_was_said_before_it() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut carriage, mut early) = (LineCarriage::new(Rewind::new(ours, BytesMut::new())), Early::default());
        theirs.write_all(b"one\n\ntwo\nhalf").await.unwrap();
        assert_eq!(early.until_gone(&mut carriage).now_or_never(), None);
        theirs.write_all(b" a frame\n").await.unwrap();
        drop(theirs);
        early.until_gone(&mut carriage).await;
        let said: Vec<_> = std::iter::from_fn(|| early.next()).map(Result::unwrap).collect();
        assert_eq!(said, ["one", "", "two", "half a frame"]);
    }

    #[tokio::test]
    async fn no_more_is_held_than_may_come_early() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut carriage, mut early) = (LineCarriage::new(Rewind::new(ours, BytesMut::new())), Early::default());
        theirs.write_all(&vec![b'\n'; PIPELINED_BYTES_MAX]).await.unwrap();
        drop(theirs);
        assert_eq!(early.until_gone(&mut carriage).now_or_never(), None, "it does not read up to the end");
        let held = std::iter::from_fn(|| early.next()).count();
        assert_eq!(held, PIPELINED_BYTES_MAX / size_of::<Bytes>());
        assert_eq!(carriage.receive().await.unwrap(), "", "the others are still there");
    }

    #[tokio::test]
    async fn what_is_no_frame_is_left_to_the_session() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut carriage, mut early) = (LineCarriage::new(Rewind::new(ours, BytesMut::new())), Early::default());
        theirs.write_all(&[b"one\n".to_vec(), vec![b'x'; PIPELINED_BYTES_MAX]].concat()).await.unwrap();
        drop(theirs);
        assert_eq!(early.until_gone(&mut carriage).now_or_never(), None);
        assert_eq!(early.next().unwrap().unwrap(), "one");
        assert_eq!(early.next(), Some(Err(CarriageError::TooLarge)));
        assert_eq!(early.next(), None);
    }
}
