//! A plain HTTP/1.1 client over a TLS connection that is open already, for the probe and the demo: one connection, one request
//! after the other, every byte of the target as given.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Largest answer read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// One connection.
pub(super) struct Https {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    deadline: Duration,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON, or null.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Https {
    /// Speaks HTTP/1.1 over `stream`.
    pub(super) async fn over<S>(stream: S, authority: &str, deadline: Duration) -> anyhow::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its failure is the failure of the request under way, which tells it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, authority: authority.to_owned(), deadline })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(target).header(HOST, &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default())?;
        let exchange = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
            anyhow::Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() })
        };
        tokio::time::timeout(self.deadline, exchange).await.context("no answer in time")?
    }
}
