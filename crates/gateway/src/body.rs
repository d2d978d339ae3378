//! Bodies on their way through: answers to the client, requests to the upstream.

pub mod budget;
pub mod unread;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_core::{Refusal, Reject};
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::upstream::Lease;

use budget::Held;

/// The body of an answer.
pub enum ResponseBody {
    /// Ours.
    Own(Option<Bytes>),
    /// The upstream's, passed on frame by frame without a copy; its connection goes back to the pool at the end.
    Upstream(Incoming, Option<Lease>),
}

impl ResponseBody {
    /// The upstream's body; a connection whose answer has none is free at once.
    #[must_use]
    pub fn from_upstream(incoming: Incoming, lease: Lease) -> Self {
        let mut lease = Some(lease);
        if incoming.is_end_stream() {
            finish(&mut lease, true);
        }
        Self::Upstream(incoming, lease)
    }

    /// The bytes, where they are ours.
    #[must_use]
    pub fn into_own(self) -> Option<Bytes> {
        match self {
            Self::Own(bytes) => bytes,
            Self::Upstream(..) => None,
        }
    }

    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self::Own(None)
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::Own((!bytes.is_empty()).then_some(bytes))
    }
}

impl From<String> for ResponseBody {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(incoming, lease) => {
                let frame = std::task::ready!(Pin::new(&mut *incoming).poll_frame(cx));
                if matches!(frame, None | Some(Err(_))) || incoming.is_end_stream() {
                    finish(lease, frame.as_ref().is_none_or(Result::is_ok));
                }
                // Trailers stop here, as on the short way: nobody has looked at their names.
                Poll::Ready(frame.filter(|frame| !frame.as_ref().is_ok_and(Frame::is_trailers)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Upstream(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Upstream(incoming, _) => incoming.size_hint(),
        }
    }
}

/// A body that was read to its end leaves its connection usable; a broken one does not.
fn finish(lease: &mut Option<Lease>, whole: bool) {
    if let Some(lease) = lease.take()
        && whole
    {
        lease.give_back();
    }
}

/// The body of a request to the upstream: the frames as they came, complete. A request goes to the upstream when its last byte is
/// here and no earlier, so that the upstream never sees a part of one that broke off, dripped or was refused half-way.
#[derive(Debug, Default)]
pub struct RequestBody {
    frames: VecDeque<Bytes>,
    length: u64,
    /// Until the upstream has taken it.
    held: Option<Held>,
}

/// Frames below this are copied together. Each frame costs its bookkeeping and may pin the buffer it was read into: a megabyte in
/// chunks of one byte would hold thirty.
const COPIED_FRAME_BYTES_MAX: usize = 4 * 1024;

impl RequestBody {
    /// Reads a body to its end; `held` counts what it holds.
    ///
    /// # Errors
    /// [`Reject::TooLarge`]; [`Reject::Busy`] when bodies hold all they may; [`Reject::FramingAmbiguous`] when it broke off or its
    /// framing is not permitted; [`Reject::AuthDeadline`] when it took too long.
    pub async fn read(mut incoming: Incoming, bytes_max: usize, deadline: Duration, mut held: Held) -> Result<Self, Refusal> {
        if incoming.is_end_stream() {
            return Ok(Self::default());
        }
        if incoming.size_hint().lower() > bytes_max as u64 {
            return Err(Reject::TooLarge.into());
        }
        let reading = async {
            let mut body = Self::default();
            let mut small = BytesMut::new();
            let mut waiting = None;
            loop {
                let next = match incoming.frame().now_or_never() {
                    Some(next) => next,
                    // Only now is it one that waits: most bodies are here with their heads.
                    None => {
                        if waiting.is_none() {
                            waiting = Some(held.wait()?);
                        }
                        incoming.frame().await
                    }
                };
                let Some(frame) = next else { break };
                let broken = |_| Refusal::operator(Reject::FramingAmbiguous, "the body broke off or its framing is not permitted");
                let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
                body.length += data.len() as u64;
                if body.length > bytes_max as u64 {
                    return Err(Reject::TooLarge.into());
                }
                held.grow(data.len())?;
                if data.len() < COPIED_FRAME_BYTES_MAX {
                    small.extend_from_slice(&data);
                } else {
                    body.push(small.split().freeze());
                    body.push(data);
                }
            }
            drop(waiting);
            body.push(small.freeze());
            body.held = Some(held);
            Ok(body)
        };
        tokio::time::timeout(deadline, reading).await.unwrap_or_else(|_| Err(Reject::AuthDeadline.into()))
    }

    fn push(&mut self, frame: Bytes) {
        if !frame.is_empty() {
            self.frames.push_back(frame);
        }
    }

    /// Another text in its place, which is no longer.
    #[must_use]
    pub fn replaced(self, text: String) -> Self {
        let frames: VecDeque<Bytes> = Some(Bytes::from(text)).into_iter().filter(|text| !text.is_empty()).collect();
        Self { length: frames.iter().map(|frame| frame.len() as u64).sum(), frames, held: self.held }
    }

    /// All of it in one piece, for a signature that covers it; copies only what came in several frames.
    pub fn contiguous(&mut self) -> Bytes {
        if self.frames.len() > 1 {
            let whole: Bytes = self.frames.iter().flat_map(|frame| frame.iter().copied()).collect();
            self.frames = VecDeque::from([whole]);
        }
        self.frames.front().cloned().unwrap_or_default()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.pop_front();
        self.length -= frame.as_ref().map_or(0, |frame| frame.len() as u64);
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
