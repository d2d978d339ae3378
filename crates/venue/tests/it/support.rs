//! A running venue, tokens for it, and small HTTP and WebSocket clients.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_venue::{IDENTITY_HEADER, IdentityKeys, IdentityVerifier, Venue, VenueConfig, VenueHandle};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

pub(crate) const ALL_SCOPES: &str = "md:read account:read order:read order:write";
/// Nothing in these tests takes this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "tokens carry the real time")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A throwaway signing key.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Ed25519KeyPair::generate().unwrap() }
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap()
    }

    pub(crate) fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.public());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x, "alg": "EdDSA", "use": "sig"}]}).to_string()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid});
        self.sign_with(&header, claims, |text| self.pair.sign(text).as_ref().to_vec())
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
        format!("{text}.{signature}")
    }

    pub(crate) fn token(&self, account: &str, scope: &str) -> String {
        self.sign(&claims(account, scope))
    }
}

pub(crate) fn claims(account: &str, scope: &str) -> Value {
    json!({
        "iss": "countersign", "aud": "venue", "sub": account, "client_id": "key-1", "scope": scope,
        "sid": "s", "ch": "c", "iat": now(), "exp": now() + 60, "jti": "j",
    })
}

/// A venue and the key that signs for it.
pub(crate) struct Bench {
    pub(crate) venue: VenueHandle,
    pub(crate) signer: Signer,
    pub(crate) keys: IdentityKeys,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let signer = Signer::new("k1");
        let keys = IdentityKeys::new([(signer.kid.clone(), signer.public())]);
        let venue = start(IdentityVerifier::from_keys(keys.clone())).await;
        Self { venue, signer, keys }
    }

    pub(crate) fn alice(&self) -> Client {
        self.client(Some(self.signer.token("alice", ALL_SCOPES)))
    }

    pub(crate) fn stranger(&self) -> Client {
        self.client(None)
    }

    pub(crate) fn client(&self, token: Option<String>) -> Client {
        Client { address: self.venue.local_addr().to_string(), token }
    }
}

pub(crate) async fn start(verifier: IdentityVerifier) -> VenueHandle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = VenueConfig { tick_interval: Duration::from_millis(20), lists_perpetual: true, ..VenueConfig::default() };
    Venue::start(config, verifier, listener)
}

/// A caller with or without a token.
pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) token: Option<String>,
}

impl Client {
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let socket = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if let Some(token) = &self.token {
            request = request.header(IDENTITY_HEADER, token);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        driver.abort();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn connect(&self, path: &str) -> Result<Socket, tokio_websockets::Error> {
        let uri = format!("ws://{}{path}", self.address);
        let mut builder = ClientBuilder::new().uri(&uri).unwrap();
        if let Some(token) = &self.token {
            let name = HeaderName::from_static(IDENTITY_HEADER);
            builder = builder.add_header(name, HeaderValue::from_str(token).unwrap()).unwrap();
        }
        builder.connect().await.map(|(stream, _)| Socket { stream })
    }
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub(crate) async fn send(&mut self, frame: Value) {
        self.stream.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: &'static str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next text frame; `None` when the venue has closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.unwrap()?.ok()?;
            if let Some(text) = message.as_text() {
                return Some(serde_json::from_str(text).unwrap());
            }
        }
    }

    /// The next text frame for which the question is answered with yes.
    pub(crate) async fn until(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await.unwrap();
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Sends a request and waits for its answer, passing over events.
    pub(crate) async fn ask(&mut self, key: &str, frame: Value) -> Value {
        let id = frame["id"].clone();
        self.send(frame).await;
        self.until(|answer| answer[key] == id).await
    }
}
