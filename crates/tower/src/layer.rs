//! The layer: judges before the inner service sees anything.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_core::{Access, Refusal, Reject};
use countersign_dialects::HttpAnswer;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tower_layer::Layer;
use tower_service::Service;

use crate::gate::{Gate, Passed, Refused};

/// Puts a [`Gate`] in front of a service.
#[derive(Clone)]
pub struct CountersignLayer(Gate);

impl CountersignLayer {
    /// A layer of this gate.
    #[must_use]
    pub const fn new(gate: Gate) -> Self {
        Self(gate)
    }
}

impl<S> Layer<S> for CountersignLayer {
    type Service = Countersign<S>;

    fn layer(&self, inner: S) -> Countersign<S> {
        Countersign { gate: self.0.clone(), inner }
    }
}

/// A service behind a [`Gate`]: each request that arrives has a [`Verified`](crate::Verified) among its extensions.
///
/// The body of a signed request is read whole, up to the gate's bound, and given on as it came; that of a public one is not touched.
/// Reading has no deadline here: a timeout layer around this one sets it.
#[derive(Clone)]
pub struct Countersign<S> {
    gate: Gate,
    inner: S,
}

type Answering<E, B> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl<S, B, A> Service<Request<B>> for Countersign<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    A: From<Bytes>,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Answering<S::Error, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was asked whether it is ready is the one that is called.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let gate = self.gate.clone();
        Box::pin(async move {
            match pass(&gate, request).await {
                Ok((request, passed)) => {
                    let mut response = inner.call(request).await?;
                    for (name, value) in passed.headers {
                        add(response.headers_mut(), name, &value);
                    }
                    Ok(response)
                }
                Err(refused) => Ok(refusal(refused.answer)),
            }
        })
    }
}

async fn pass<B>(gate: &Gate, request: Request<B>) -> Result<(Request<B>, Passed), Box<Refused>>
where
    B: Body<Data = Bytes> + From<Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut head, body) = request.into_parts();
    let rule = gate.rule(&head).map_err(|refusal| gate.refused(refusal, None))?;
    let (passed, body) = if rule.requirement().access == Access::Public {
        (gate.judge_by(rule, &head, &[])?, body)
    } else {
        let whole = whole(body, gate.body_bytes_max()).await.map_err(|refusal| gate.refused(refusal, None))?;
        (gate.judge_by(rule, &head, &whole)?, B::from(whole))
    };
    head.extensions.insert(passed.verified.clone());
    Ok((with_body(head, body), passed))
}

fn with_body<B>(head: Parts, body: B) -> Request<B> {
    Request::from_parts(head, body)
}

async fn whole<B>(body: B, bytes_max: usize) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Reject::TooLarge.into()),
        Err(_) => Err(Refusal::operator(Reject::FramingAmbiguous, "the body broke off")),
    }
}

fn refusal<A: From<Bytes>>(answer: HttpAnswer) -> Response<A> {
    let retry_after = answer.retry_after_secs();
    let mut response = Response::new(A::from(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        add(headers, name, &value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The words are ours, but may repeat what a client sent: what cannot stand in a header is left out.
fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(HeaderName::from_static(name), value);
    }
}
