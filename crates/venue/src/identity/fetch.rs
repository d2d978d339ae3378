//! Fetching a JWKS over plain HTTP from the gateway, seldom and bounded.

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::keys::{IdentityKeys, KeySet, KeySetError};
use crate::limits::{JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT, JWKS_REFETCH_INTERVAL};

/// An address to fetch a key set from, and when that was last tried.
pub(super) struct JwksUrl {
    uri: Uri,
    authority: String,
    /// When it was last tried, and whether a key set came of it.
    last_try: Mutex<Option<(Instant, bool)>>,
}

impl JwksUrl {
    pub(super) fn parse(url: &str) -> Result<Self, KeySetError> {
        let uri: Uri = url.parse().map_err(|_| KeySetError::Url)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or(KeySetError::Url)?.clone();
        if uri.scheme_str() != Some("http") {
            return Err(KeySetError::Url);
        }
        let authority = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Ok(Self { uri, authority, last_try: Mutex::new(None) })
    }

    /// Puts the fetched key set into `keys`, unless it was asked for a moment ago or cannot
    /// be had; then the present ones stay. The lock is kept until the set is stored, so
    /// that many callers with an unknown key cost one fetch and all see its result.
    ///
    /// Answers whether the latest try brought a key set: if not, an unknown key id may well
    /// be a good one.
    pub(super) async fn refresh(&self, keys: &IdentityKeys) -> bool {
        let mut last_try = self.last_try.lock().await;
        if let Some((at, good)) = *last_try
            && at.elapsed() < JWKS_REFETCH_INTERVAL
        {
            return good;
        }
        let fetched = match tokio::time::timeout(JWKS_FETCH_TIMEOUT, self.request()).await {
            Ok(body) => body.and_then(|body| KeySet::from_jwks(&body).map_err(|error| error.to_string())),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let good = match fetched {
            Ok(set) => {
                keys.store(set);
                true
            }
            Err(error) => {
                tracing::warn!(error, "identity key set not fetched");
                false
            }
        };
        *last_try = Some((Instant::now(), good));
        good
    }

    async fn request(&self) -> Result<Bytes, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let socket = TcpStream::connect(&self.authority).await.map_err(|error| text(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
        let driver = tokio::spawn(connection);
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(header::HOST, &self.authority).body(Empty::<Bytes>::new()).map_err(|error| text(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| text(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("status {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await;
        driver.abort();
        body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
    }
}
