//! Gets a key set: one GET over TLS, to an address from the configuration. No redirects, no proxies, bounded in bytes and time.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::KeySet;
use countersign_core::limits::JWKS_BYTES_MAX;
use countersign_pki::{ClientTls, ProtocolVersions, TrustBundle};
use http::header::{ACCEPT, HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::KeySource;

/// Time for all of it: a client waits for the answer. Longer than three round trips and a slow key server.
const DEADLINE: Duration = Duration::from_secs(3);

/// The keys as they are published now; else a sentence for the operator.
pub(super) async fn keys(source: &KeySource) -> Result<KeySet, String> {
    let bytes = match source {
        KeySource::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string())?,
        KeySource::Url { url, ca } => {
            tokio::time::timeout(DEADLINE, get(url, ca.as_deref())).await.map_err(|_| "no answer in time".to_owned())??
        }
    };
    KeySet::parse(&bytes).map_err(|error| error.to_string())
}

async fn get(url: &str, ca: Option<&Path>) -> Result<Vec<u8>, String> {
    let uri: http::Uri = url.parse().map_err(|_| "not an address".to_owned())?;
    let host = uri.host().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tls = ClientTls::new(trust(ca)?).with_versions(ProtocolVersions::Tls12AndTls13).build().map_err(|error| error.to_string())?;
    let server = ServerName::try_from(name.clone()).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect((name.as_str(), uri.port_u16().unwrap_or(443))).await.map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(tls).connect(server, stream).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let request = http::Request::get(target).header(HOST, authority).header(ACCEPT, "application/jwk-set+json, application/json");
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("the key server answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), JWKS_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes().to_vec())
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended.map_err(|error| error.to_string())?;
            exchange.await
        }
    }
}

/// The CAs of a file, or those of the system.
fn trust(ca: Option<&Path>) -> Result<TrustBundle, String> {
    match ca {
        Some(file) => TrustBundle::from_files(&[file]).map_err(|error| error.to_string()),
        None => TrustBundle::from_certificates(rustls_native_certs::load_native_certs().certs).map_err(|error| error.to_string()),
    }
}
