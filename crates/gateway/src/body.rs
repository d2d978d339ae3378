//! Bodies on their way through: answers to the client, requests to the upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::upstream::Lease;

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
                Poll::Ready(frame)
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
    if let Some(lease) = lease.take() {
        if whole {
            lease.give_back();
        }
    }
}

/// The body of a request to the upstream.
pub enum RequestBody {
    /// Read whole, because its signature covers it.
    Whole(Option<Bytes>),
    /// Passed on frame by frame, up to so many bytes more.
    Streamed(Incoming, u64),
}

impl RequestBody {
    /// From bytes read whole.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

/// Why a request body broke off.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// The client's connection failed or its framing was not permitted.
    #[error("the client's body broke off")]
    Client(#[from] hyper::Error),
    /// It is larger than allowed.
    #[error("the body is larger than allowed")]
    TooLarge,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(incoming, left) => {
                let frame = std::task::ready!(Pin::new(incoming).poll_frame(cx));
                let Some(Ok(frame)) = frame else { return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))) };
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(rest) => {
                        *left = rest;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => Poll::Ready(Some(Err(RequestBodyError::TooLarge))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(incoming, _) => incoming.is_end_stream(),
            Self::Whole(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(incoming, _) => incoming.size_hint(),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}
