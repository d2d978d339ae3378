#![allow(clippy::unwrap_used)]
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_core::{CorrelationId, CredentialState, SessionId};
use countersign_handshake::Signer as _;
use countersign_oauth::request::{ACCESS_TOKEN_TYPE, JWT_BEARER, TOKEN_EXCHANGE};
use countersign_oauth::{RevocationTarget, Thumbprint};
use countersign_pki::{CertificateIdentities, HandshakeMode, NegotiatedParameters, TlsVersion};
use countersign_store::Change;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::state::REVOCATIONS_STALE_MAX;
use super::*;
use crate::clock;
use crate::exchange::exchange;
use crate::testing::{CERTIFICATE, EXPORTER, Stage, native_key, on_stage, on_stage_with};

mod attacks;
mod grants;
mod lifecycle;
mod promises;

const HOST: &str = "localhost:8443";
const ISSUER: &str = "https://localhost:8443";
/// Seed of the native key of the stage.
const OWNER: u8 = 21;

/// An answer, read.
struct Told {
    status: u16,
    body: Value,
    headers: HeaderMap,
}

impl Told {
    fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    /// The stub behind the stage answers 400 without a body of ours: whatever it answers, the request reached it.
    fn was_forwarded(&self) -> bool {
        self.status == 400 && self.body.is_null()
    }

    fn code(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }
}

async fn send(stage: &Stage, connection: &Rc<Connection>, request: Request<Full<Bytes>>) -> Told {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (worker, connection) = (Rc::clone(&stage.worker), Rc::clone(connection));
    let service = service_fn(move |request| exchange(Rc::clone(&worker), Rc::clone(&connection), request));
    tokio::task::spawn_local(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::task::spawn_local(driver);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Told { status: head.status.as_u16(), body: serde_json::from_slice(&bytes).unwrap_or_default(), headers: head.headers }
}

fn request(method: &str, path: &str, headers: &[(&str, String)], body: String) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", HOST);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value));
    builder.body(Full::new(Bytes::from(body))).unwrap()
}

fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() || byte == b'_' { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

async fn post(stage: &Stage, connection: &Rc<Connection>, path: &str, pairs: &[(&str, &str)], dpop: Option<u8>) -> Told {
    let mut headers = vec![("content-type", FORM_TYPE.to_owned())];
    headers.extend(dpop.map(|seed| ("dpop", proof(seed, "POST", path, None))));
    send(stage, connection, request("POST", path, &headers, form(pairs))).await
}

thread_local!(static NAMES: Cell<u32> = const { Cell::new(0) });

fn fresh_name() -> String {
    NAMES.set(NAMES.get() + 1);
    format!("name-{}", NAMES.get())
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwt(seed: u8, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair(seed).sign(text.as_bytes())))
}

fn jwk(seed: u8) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref()) })
}

fn jkt(seed: u8) -> Thumbprint {
    let x = URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref());
    Thumbprint::of(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes())
}

/// A DPoP proof by the key of this seed.
fn proof(seed: u8, method: &str, path: &str, token: Option<&str>) -> String {
    let mut claims = json!({ "htm": method, "htu": format!("{ISSUER}{path}"), "iat": clock::wall().as_secs(), "jti": fresh_name() });
    if let Some(token) = token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
    }
    jwt(seed, &json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(seed) }), &claims)
}

/// A client assertion of the stage's native key, signed by the key of this seed.
fn assertion(seed: u8) -> String {
    let (name, now) = (native_key().kid().to_string(), clock::wall().as_secs());
    let claims = json!({ "iss": name, "sub": name, "aud": format!("{ISSUER}/token"), "iat": now, "exp": now + 60, "jti": fresh_name() });
    jwt(seed, &json!({ "alg": "EdDSA" }), &claims)
}

/// Tokens for the owner, bound to the key of a seed.
async fn tokens(stage: &Stage, connection: &Rc<Connection>, scope: &str, dpop: u8) -> Told {
    let assertion = assertion(OWNER);
    post(stage, connection, "/token", &[("grant_type", JWT_BEARER), ("assertion", &assertion), ("scope", scope)], Some(dpop)).await
}

/// A request on a native route with a DPoP-bound token.
async fn call(stage: &Stage, connection: &Rc<Connection>, method: &str, path: &str, token: &str, dpop: u8) -> Told {
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof(dpop, method, path, Some(token)))];
    send(stage, connection, request(method, path, &headers, String::new())).await
}

/// A connection that differs from others in its exporter value and its client certificate.
fn connection_with(stage: &Stage, exporter: [u8; 32], certificate: Option<u8>) -> Rc<Connection> {
    connection_until(stage, exporter, certificate, u64::MAX)
}

/// The same, with a certificate that ends then.
fn connection_until(stage: &Stage, exporter: [u8; 32], certificate: Option<u8>, not_after: u64) -> Rc<Connection> {
    let identities = |number: u8| CertificateIdentities {
        common_name: None,
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        uris: Vec::new(),
        emails: Vec::new(),
        issuer: "CN=ca".to_owned(),
        serial: "1".to_owned(),
        spki_sha256: "unregistered".to_owned(),
        certificate_sha256: Thumbprint::new([number; 32]).to_string(),
        not_before: 0,
        not_after,
    };
    let negotiated = NegotiatedParameters {
        version: TlsVersion::Tls13,
        suite: "TLS_AES_256_GCM_SHA384".to_owned(),
        group: None,
        alpn: None,
        sni: None,
        handshake: HandshakeMode::Full,
        peer_certificate: certificate.map(identities),
    };
    let slots = stage.worker.shared.connections.admit("127.0.0.1".parse().unwrap()).unwrap();
    let remote = "127.0.0.1:5001".parse().unwrap();
    Rc::new(Connection::new(CorrelationId::from_bytes([2; 16]), remote, clock::wall(), negotiated, (Some(exporter), CERTIFICATE), slots))
}

/// A body that the Binance key of the stage signed, as at Binance.
fn signed_by_trader(pairs: &[(&str, &str)]) -> String {
    // Two of one body in one millisecond are one, and the second a replay.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = clock::wall().as_millis();
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    let timestamp = if last >= now { LAST.fetch_add(1, Ordering::Relaxed) + 1 } else { now }.to_string();
    let signed = form(&[pairs, &[("recvWindow", "5000"), ("timestamp", &timestamp)]].concat());
    let key = pair(crate::testing::TRADER.as_bytes()[0]);
    let signature = base64::engine::general_purpose::STANDARD.encode(key.sign(signed.as_bytes()));
    format!("{signed}&{}", form(&[("signature", &signature)]))
}

/// Sends such a body.
async fn by_trader(stage: &Stage, connection: &Rc<Connection>, path: &str, pairs: &[(&str, &str)]) -> Told {
    let headers = [("content-type", FORM_TYPE.to_owned()), ("x-mbx-apikey", crate::testing::TRADER.to_owned())];
    send(stage, connection, request("POST", path, &headers, signed_by_trader(pairs))).await
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}
