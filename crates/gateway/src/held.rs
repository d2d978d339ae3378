//! A stream that keeps back what TLS says until there is something to say with it.
//!
//! A TLS 1.3 server ends its handshake with a session ticket that nobody waits for, and the next thing it sends is an answer. Two
//! writes are two system calls, two segments and two wake-ups of the client; on a connection that carries one small request that
//! is a twentieth of the whole.
//!
//! | state | written | the client's bytes have run out | flush |
//! |---|---|---|---|
//! | handshake | kept | sent: the client waits for it | nothing: it is the handshake's own |
//! | established | sent, with what was kept in front | what was kept is sent | what was kept is sent |
//!
//! So nothing is kept while we wait for the client, and nothing longer than until our next word.
//!
//! It also ends a client that does not come to the end of its hello, nor to that of the handshake: TLS keeps the beginning of a message
//! until the rest is there, and nobody has proved anything yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that are kept back: a flight with a chain of three certificates. What is longer goes out as it comes.
const HELD_BYTES_MAX: usize = 8 * 1_024;

/// Most bytes of a client's hello: the longest ticket that we give, which has the client's chain in it, a post-quantum key share, and what
/// else clients say. The TLS library would wait for more than twice as many, and keep them, on every connection.
const HELLO_BYTES_MAX: usize = 28 * 1_024;

/// Most bytes that a client says behind it until it is known: another hello, where we asked for one, and its longest chain.
const REST_BYTES_MAX: usize = HELLO_BYTES_MAX + 20 * 1_024;

/// See the module.
#[derive(Debug)]
pub(crate) struct HeldBack<S> {
    inner: S,
    held: Vec<u8>,
    established: bool,
    /// What the client may still say before it is known; `None` when it is.
    unproved_left: Option<usize>,
}

impl<S> HeldBack<S> {
    /// A stream whose TLS handshake is about to begin.
    pub(crate) const fn new(inner: S) -> Self {
        Self { inner, held: Vec::new(), established: false, unproved_left: Some(HELLO_BYTES_MAX) }
    }

    /// The hello is whole.
    pub(crate) const fn set_heard(&mut self) {
        self.unproved_left = Some(REST_BYTES_MAX);
    }

    /// The handshake is complete: from now on only what it left is still kept back, and goes with what is written next.
    pub(crate) const fn set_established(&mut self) {
        self.established = true;
        self.unproved_left = None;
    }
}

impl<S: AsyncWrite + Unpin> HeldBack<S> {
    /// Sends what is kept back.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held))?;
            self.take_sent(count)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is kept back and `bufs` behind it; how much of `bufs` was taken.
    fn poll_send_with(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while !self.held.is_empty() {
            let all: Vec<IoSlice<'_>> = std::iter::once(IoSlice::new(&self.held)).chain(bufs.iter().map(|buf| IoSlice::new(buf))).collect();
            let count = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, &all))?;
            let kept = self.held.len();
            self.take_sent(count.min(kept))?;
            if count > kept {
                return Poll::Ready(Ok(count - kept));
            }
        }
        match bufs {
            // Nearly always one record, which is cheaper to hand over than a list of them.
            [one] => Pin::new(&mut self.inner).poll_write(cx, one),
            _ => Pin::new(&mut self.inner).poll_write_vectored(cx, bufs),
        }
    }

    fn take_sent(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.held.drain(..count);
        if self.held.is_empty() {
            // Freed: a connection that waits keeps nothing.
            self.held = Vec::new();
        }
        Ok(())
    }

    /// Whether what is written now is kept back.
    const fn keeps(&self, length: usize) -> bool {
        !self.established && self.held.len() + length <= HELD_BYTES_MAX
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HeldBack<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(left) = self.unproved_left {
            let left = left.checked_sub(buf.filled().len() - before);
            self.unproved_left = Some(left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a handshake longer than any"))?);
        }
        if read.is_pending() && !self.held.is_empty() {
            // Now it is the client's turn, so it must have heard everything.
            ready!(self.poll_send(cx))?;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeldBack<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if !self.keeps(length) {
            return self.poll_send_with(cx, bufs);
        }
        self.held.reserve(length);
        for buf in bufs {
            self.held.extend_from_slice(buf);
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.established {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::VecDeque;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A wire that notes each write, takes at most so much of one, and gives what it was given to read.
    struct Wire {
        writes: Vec<Vec<u8>>,
        takes: usize,
        arriving: VecDeque<Vec<u8>>,
    }

    impl AsyncRead for Wire {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let Some(bytes) = self.arriving.pop_front() else { return Poll::Pending };
            buf.put_slice(&bytes);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(mut self: Pin<&mut Self>, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            let takes = self.takes;
            let taken: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(takes).collect();
            self.writes.push(taken.clone());
            Poll::Ready(Ok(taken.len()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.writes.push(b"FIN".to_vec());
            Poll::Ready(Ok(()))
        }
    }

    fn stream(takes: usize, arriving: &[&[u8]]) -> HeldBack<Wire> {
        HeldBack::new(Wire { writes: Vec::new(), takes, arriving: arriving.iter().map(|bytes| bytes.to_vec()).collect() })
    }

    /// Reads; `None` when nothing is there.
    async fn hears(stream: &mut HeldBack<Wire>) -> Option<usize> {
        let mut room = [0; 64];
        tokio::select! {
            biased;
            count = stream.read(&mut room) => Some(count.unwrap()),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn a_flight_goes_out_when_it_is_the_clients_turn() {
        let mut stream = stream(usize::MAX, &[b"client hello"]);
        assert_eq!(hears(&mut stream).await, Some(12));
        stream.write_all(b"server hello, ").await.unwrap();
        stream.write_all(b"certificate").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.inner.writes, Vec::<Vec<u8>>::new());
        assert_eq!(hears(&mut stream).await, None);
        assert_eq!(stream.inner.writes, [b"server hello, certificate".to_vec()]);
        assert_eq!(stream.held.capacity(), 0);
    }

    #[tokio::test]
    async fn a_ticket_goes_with_the_answer_in_one_write() {
        let mut stream = stream(usize::MAX, &[b"finished", b"request"]);
        assert_eq!(hears(&mut stream).await, Some(8));
        stream.write_all(b"ticket, ").await.unwrap();
        stream.flush().await.unwrap();
        stream.set_established();
        assert_eq!(hears(&mut stream).await, Some(7));
        stream.write_all(b"answer").await.unwrap();
        stream.write_all(b"more").await.unwrap();
        assert_eq!(stream.inner.writes, [b"ticket, answer".to_vec(), b"more".to_vec()]);
    }

    #[tokio::test]
    async fn a_ticket_is_not_kept_from_a_client_that_is_silent_or_flushed_or_shut_down() {
        for (how, expected) in
            [("silent", vec![b"ticket".to_vec()]), ("flush", vec![b"ticket".to_vec()]), ("end", vec![b"ticket".to_vec(), b"FIN".to_vec()])]
        {
            let mut stream = stream(usize::MAX, &[]);
            stream.write_all(b"ticket").await.unwrap();
            stream.set_established();
            match how {
                "silent" => assert_eq!(hears(&mut stream).await, None),
                "flush" => stream.flush().await.unwrap(),
                _ => stream.shutdown().await.unwrap(),
            }
            assert_eq!(stream.inner.writes, expected, "{how}");
        }
    }

    #[tokio::test]
    async fn a_wire_that_takes_little_gets_every_byte_once_and_in_order() {
        for takes in 1..12 {
            let mut stream = stream(takes, &[]);
            stream.write_all(b"ticket").await.unwrap();
            stream.set_established();
            stream.write_all(b"answer").await.unwrap();
            assert_eq!(stream.inner.writes.concat(), b"ticketanswer", "{takes}");
        }
    }

    #[tokio::test]
    async fn a_hello_comes_to_its_end() {
        let hello = vec![&[7; 64][..]; REST_BYTES_MAX / 64 + 1];
        let (mut room, mut endless) = ([0; 64], stream(usize::MAX, &hello));
        for _ in 0..HELLO_BYTES_MAX / 64 {
            assert_eq!(endless.read(&mut room).await.unwrap(), 64);
        }
        assert_eq!(endless.read(&mut room).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut heard = stream(usize::MAX, &hello);
        heard.set_heard();
        for _ in 1..hello.len() {
            assert_eq!(heard.read(&mut room).await.unwrap(), 64, "what follows a hello has its own bound");
        }
        assert_eq!(heard.read(&mut room).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut known = stream(usize::MAX, &hello);
        known.set_established();
        for _ in 0..hello.len() {
            assert_eq!(known.read(&mut room).await.unwrap(), 64);
        }
    }

    #[tokio::test]
    async fn what_is_longer_than_the_bound_is_not_kept() {
        let mut stream = stream(usize::MAX, &[]);
        stream.write_all(b"short").await.unwrap();
        stream.write_all(&[7; HELD_BYTES_MAX]).await.unwrap();
        assert_eq!(stream.inner.writes.len(), 1);
        assert_eq!(stream.inner.writes[0].len(), HELD_BYTES_MAX + 5);
    }
}
