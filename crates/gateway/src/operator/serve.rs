//! Serves one operator's connection: HTTP/1.1 behind the head guard, a request read whole before anybody works on it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use countersign_core::Refusal;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::OperatorIdentity;
use super::places::Place;
use super::router::Refused;
use crate::head_guard::{Bounds, HeadGuard, RefusalSink, limits};

/// Time for a request head, and for the first of them to begin.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Time for a request body of a few kilobytes.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Time between requests: what collects metrics comes once a minute.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Longest request body: a lift that names as many halts as it may.
const BODY_BYTES_MAX: usize = 8 * 1_024;

const BOUNDS: Bounds = Bounds { head_bytes_max: limits::HEAD_BYTES_MAX, head: HEAD_DEADLINE, body: BODY_DEADLINE, idle: IDLE_MAX };

/// Says why a head is refused, in the form of all refusals here.
struct Raw;

impl RefusalSink for Raw {
    fn refused(&self, refusal: &Refusal) -> Vec<u8> {
        tracing::info!(%refusal, "operator request refused");
        let status = StatusCode::from_u16(refusal.reject.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
        let body = Refused::new(status, "http", refusal.to_string()).to_json().to_string();
        let reason = status.canonical_reason().unwrap_or("Refused");
        format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            status.as_u16(),
            body.len()
        )
        .into_bytes()
    }
}

/// Serves until the connection ends, somebody else gets its place, or `stop`. Without an operator everything is refused.
pub(super) async fn serve<S>(stream: S, router: Router, operator: Option<(OperatorIdentity, Arc<Place>)>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (router, place) = match operator {
        Some((identity, place)) => (router.layer(Extension(identity)), Some(place)),
        None => (router, None),
    };
    let service = {
        let place = place.clone();
        service_fn(move |request| answer(router.clone(), place.clone(), request))
    };
    let guard = HeadGuard::new(stream, b"", BOUNDS, Raw);
    let server = http1::Builder::new()
        .header_read_timeout(None)
        // Whoever has said everything still waits for the answer.
        .half_close(true)
        .max_headers(limits::HEADER_FIELDS_MAX)
        .serve_connection(TokioIo::new(guard), service);
    let mut connection = std::pin::pin!(server);
    let displaced = async {
        match &place {
            Some(place) => place.displaced().await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        // First: an answer that is there is written before a newcomer gets the place.
        biased;
        ended = connection.as_mut() => ended,
        () = displaced => return tracing::info!("operator connection closed: another one needs its place"),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "operator connection ended");
    }
}

/// Answers one request. Once it is read it is worked on to its end, whether or not anybody waits for the answer: an operator whose
/// connection breaks has halted all the same, and what the halt entails is done.
async fn answer(router: Router, place: Option<Arc<Place>>, request: Request<Incoming>) -> Result<Response, io::Error> {
    let (head, body) = request.into_parts();
    let body = match whole(body).await {
        Ok(body) => Body::from(body),
        Err(refused) => return Ok(refused.into_response()),
    };
    let at_work = place.as_ref().map(|place| place.begin().ok_or(io::ErrorKind::ConnectionAborted)).transpose()?;
    let work = tokio::spawn(async move {
        let answered = TowerToHyperService::new(router).call(Request::from_parts(head, body)).await;
        drop(at_work);
        answered
    });
    Ok(match work.await {
        Ok(answered) => answered.unwrap_or_else(|never: Infallible| match never {}),
        Err(error) => {
            tracing::error!(%error, "an operator's request failed");
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the gateway failed; its log has more").into_response()
        }
    })
}

/// The body as a whole; the head guard ends one that does not arrive in time.
async fn whole(body: Incoming) -> Result<Bytes, Refused> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "body", format!("a request has at most {BODY_BYTES_MAX} bytes")))
        }
        Err(_) => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "body", "the body did not arrive")),
    }
}
