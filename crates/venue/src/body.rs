//! Reading a request body: bounded in size and time.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Limited};

use crate::limits::{BODY_BYTES_MAX, BODY_READ_TIMEOUT};

/// The body is longer than allowed, was cut off, or took too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BodyError;

/// The whole body of a request.
pub(crate) async fn read(body: Body) -> Result<Bytes, BodyError> {
    let collected = tokio::time::timeout(BODY_READ_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    collected.map_err(|_| BodyError)?.map(Collected::to_bytes).map_err(|_| BodyError)
}
