//! A session over HTTP/1.1: the handshake rides on the first request, which may already be the order.

use std::time::Duration;

use bytes::Bytes;
use countersign_core::AlertCode;
use countersign_handshake::{ClientHandshake, ClientSession, HandshakeError, SecretText, ServerFrame, frame};
use countersign_pki::NegotiatedParameters;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::clock::{self, SystemEntropy};
use crate::dial::{Dialled, dial};
use crate::error::ClientError;
use crate::ladder::Ladder;
use crate::opening::handshake_config;
use crate::options::Options;

/// Largest answer body taken.
const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// The id to quote when asking the operator.
    pub correlation: Option<String>,
    /// The body.
    pub body: String,
}

/// One proven connection.
pub struct HttpSession {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    agreed: Box<ClientSession>,
    negotiated: NegotiatedParameters,
    deadline: Duration,
}

impl HttpSession {
    /// Connects and sends the first request with the offer in its header; returns the session and the request's answer.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of the handshake is [`ClientError::Http`] with the gateway's words.
    pub async fn connect(
        options: &Options,
        method: Method,
        path: &str,
        body: &str,
        ladder: &mut Ladder,
    ) -> Result<(Self, HttpAnswer), ClientError> {
        let dialled = dial(options, ladder).await?;
        let shaking = Self::shake(dialled, options, method, path, body, ladder);
        tokio::time::timeout(options.deadline, shaking).await.map_err(|_| ClientError::Deadline("native handshake"))?
    }

    async fn shake(
        dialled: Dialled,
        options: &Options,
        method: Method,
        path: &str,
        body: &str,
        ladder: &mut Ladder,
    ) -> Result<(Self, HttpAnswer), ClientError> {
        let Dialled { stream, channel, negotiated } = dialled;
        let authority = options.endpoint.authority();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http_error)?;
        tokio::spawn(async move { drop(connection.await) });
        let mut handshake = ClientHandshake::new(handshake_config(options)?, channel.clone(), clock::now())?;
        let mut nonce = None;
        if handshake.needs_nonce() {
            nonce = Some(fetch_nonce(&mut sender, &authority, path).await?);
            ladder.step("nonce", "from the gateway");
        }
        let mut retried = false;
        loop {
            let waiting = handshake.hello(nonce.as_deref(), &mut SystemEntropy, clock::now())?;
            let authorization = format!("Countersign {}", waiting.hello_token());
            ladder.step("hello", format!("{}, bound by {}", options.credential.alg, options.offer.bind));
            let response = send(&mut sender, &authority, method.clone(), path, &authorization, body).await?;
            let (welcome, secret) = (header(response.headers(), "countersign-welcome"), header(response.headers(), "countersign-secret"));
            let (Some(welcome), Some(secret)) = (welcome, secret) else {
                let fresh = header(response.headers(), "countersign-nonce");
                let answer = read(response).await?;
                let stale = answer.body.contains(AlertCode::NonceStale.as_str());
                if let (true, false, Some(fresh)) = (stale, retried, fresh) {
                    handshake = ClientHandshake::new(handshake_config(options)?, channel.clone(), clock::now())?;
                    (nonce, retried) = (Some(fresh), true);
                    continue;
                }
                return Err(refusal(&answer));
            };
            let secret: SecretText =
                frame::read_secret_header(&secret).ok_or_else(|| ClientError::Protocol("Countersign-Secret".to_owned()))?;
            let agreed = waiting.receive_welcome(&welcome, &secret, clock::now())?;
            ladder.step("welcome", format!("countersigned by {}, scopes {}", agreed.gateway, agreed.contract.scopes));
            let answer = read(response).await?;
            return Ok((Self { sender, authority, agreed: Box::new(agreed), negotiated, deadline: options.deadline }, answer));
        }
    }

    /// Sends a further request on the proven connection.
    ///
    /// # Errors
    /// [`ClientError::Http`], [`ClientError::Deadline`].
    pub async fn request(&mut self, method: Method, path: &str, body: &str) -> Result<HttpAnswer, ClientError> {
        let authorization = format!("Countersign-Token {}", self.agreed.access_token.expose());
        let exchange = async { read(send(&mut self.sender, &self.authority, method, path, &authorization, body).await?).await };
        tokio::time::timeout(self.deadline, exchange).await.map_err(|_| ClientError::Deadline("HTTP request"))?
    }

    /// What was agreed.
    pub fn agreed(&self) -> &ClientSession {
        &self.agreed
    }

    /// What TLS agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &NegotiatedParameters {
        &self.negotiated
    }
}

/// A refusal in the gateway's words; any other answer is an error of HTTP.
fn refusal(answer: &HttpAnswer) -> ClientError {
    #[derive(serde::Deserialize)]
    struct Body {
        error: serde_json::Value,
    }
    // The same members as in an error frame, but for the envelope: read by the same rules.
    let frame = serde_json::from_str(&answer.body).map(|body: Body| serde_json::json!({ "err": body.error }).to_string());
    match frame.ok().and_then(|frame| ServerFrame::read(frame.as_bytes())) {
        Some(ServerFrame::Error(error)) => HandshakeError::Refused(error).into(),
        Some(ServerFrame::Nonce(_) | ServerFrame::Welcome { .. }) | None => {
            let shown: String = answer.body.chars().take(BODY_CHARS_SHOWN).collect();
            ClientError::Http(format!("{}: {shown}", answer.status))
        }
    }
}

/// How much of an answer that was not understood is told.
const BODY_CHARS_SHOWN: usize = 300;

async fn fetch_nonce(sender: &mut SendRequest<Full<Bytes>>, authority: &str, path: &str) -> Result<String, ClientError> {
    let response = send(sender, authority, Method::GET, path, "", "").await?;
    let nonce = header(response.headers(), "countersign-nonce");
    drop(read(response).await?);
    nonce.ok_or_else(|| ClientError::Protocol("the gateway gave no nonce".to_owned()))
}

async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    authority: &str,
    method: Method,
    path: &str,
    authorization: &str,
    body: &str,
) -> Result<Response<Incoming>, ClientError> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    if !authorization.is_empty() {
        request = request.header(AUTHORIZATION, authorization);
    }
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).map_err(|error| ClientError::Http(error.to_string()))?;
    sender.ready().await.map_err(http_error)?;
    sender.send_request(request).await.map_err(http_error)
}

async fn read(response: Response<Incoming>) -> Result<HttpAnswer, ClientError> {
    let status = response.status().as_u16();
    let correlation = header(response.headers(), "countersign-correlation");
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await.map_err(|error| ClientError::Http(error.to_string()))?;
    Ok(HttpAnswer { status, correlation, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn http_error(error: hyper::Error) -> ClientError {
    ClientError::Http(error.to_string())
}
