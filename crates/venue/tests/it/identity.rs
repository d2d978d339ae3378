//! Whom the venue refuses, and how keys change under it.

use std::io::Write as _;

use aws_lc_rs::hmac;
use countersign_venue::{Arrivals, IdentityVerifier, KeySetError};
use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{ALL_SCOPES, Bench, Client, Signer, claims, now, start};

const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";

async fn assert_refused(client: &Client) {
    let (status, body) = client.get("/api/v3/account").await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!(-2015)));
    let (status, body) = client.send(Method::POST, "/api/v3/order", ORDER).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!(-2015)));
    let (status, body) = client.get("/native/v1/balance").await;
    assert_eq!((status, &body["err"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
}

#[tokio::test]
async fn without_an_identity_only_market_data_is_served() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    assert_eq!(stranger.get("/api/v3/ping").await.0, StatusCode::OK);
    assert_eq!(stranger.get("/api/v3/depth?symbol=BTCUSDT").await.0, StatusCode::OK);
    assert_refused(&stranger).await;
    let expected = Arrivals { public: 2, private: 0, refused: 3, orders_placed: 0 };
    assert_eq!(bench.venue.arrivals(), expected);
    bench.venue.shutdown().await;
}

#[tokio::test]
async fn a_token_must_be_right_in_every_claim() {
    let bench = Bench::start().await;
    let good = claims("alice", ALL_SCOPES);
    for (claim, value) in [
        ("aud", json!("another-venue")),
        ("iss", json!("somebody")),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 61)),
        ("iat", json!(now() + 3_600)),
        ("sub", json!("")),
        ("sub", json!("house:market-maker")),
    ] {
        let mut bad = good.clone();
        bad[claim] = value.clone();
        assert_refused(&bench.client(Some(bench.signer.sign(&bad)))).await;
    }
    for claim in ["aud", "iss", "exp", "iat", "sub"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(claim);
        assert_refused(&bench.client(Some(bench.signer.sign(&bad)))).await;
    }
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
    let (status, _) = bench.client(Some(bench.signer.sign(&good))).get("/api/v3/account").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn only_the_right_algorithm_and_key_count() {
    let bench = Bench::start().await;
    let good = claims("alice", ALL_SCOPES);
    let public = bench.signer.public();
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &public);
    let signer = &bench.signer;
    let tokens = [
        signer.sign_with(&json!({"alg": "none", "kid": "k1"}), &good, |_| Vec::new()),
        signer.sign_with(&json!({"alg": "HS256", "kid": "k1"}), &good, |text| hmac::sign(&mac, text).as_ref().to_vec()),
        signer.sign_with(&json!({"alg": "EdDSA", "kid": "k1"}), &good, |_| vec![0; 64]),
        Signer::new("k1").sign(&good),
        Signer::new("k2").sign(&good),
        "not.a.token".to_owned(),
        String::new(),
        "x".repeat(5_000),
    ];
    for token in tokens {
        assert_refused(&bench.client(Some(token))).await;
    }
    assert_eq!(bench.venue.arrivals().private, 0);
}

#[tokio::test]
async fn a_token_that_does_not_verify_is_refused_even_for_market_data() {
    let bench = Bench::start().await;
    let client = bench.client(Some(Signer::new("k1").token("alice", ALL_SCOPES)));
    assert_eq!(client.get("/api/v3/ping").await.0, StatusCode::UNAUTHORIZED);
    assert!(client.connect("/ws-api/v3").await.is_err());
    assert!(client.connect("/native/v1").await.is_err());
    assert!(client.connect("/ws/btcusdt@ticker").await.is_err());
}

#[tokio::test]
async fn scopes_are_insisted_on() {
    let bench = Bench::start().await;
    let reader = bench.client(Some(bench.signer.token("alice", "account:read order:read")));
    assert_eq!(reader.get("/api/v3/account").await.0, StatusCode::OK);
    assert_eq!(reader.send(Method::POST, "/api/v3/order", ORDER).await.0, StatusCode::UNAUTHORIZED);
    let (status, body) = reader.send(Method::DELETE, "/native/v1/orders", "").await;
    assert_eq!((status, &body["err"]["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
    let watcher = bench.client(Some(bench.signer.token("alice", "md:read")));
    assert_eq!(watcher.get("/api/v3/account").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn replaced_keys_take_effect_at_once_also_for_remembered_tokens() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    assert_eq!(alice.get("/api/v3/account").await.0, StatusCode::OK);
    let next = Signer::new("k2");
    bench.keys.replace([(next.kid.clone(), next.public())]);
    assert_refused(&alice).await;
    let renewed = bench.client(Some(next.token("alice", ALL_SCOPES)));
    assert_eq!(renewed.get("/api/v3/account").await.0, StatusCode::OK);
}

#[tokio::test]
async fn keys_come_from_a_file() {
    let signer = Signer::new("file");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(signer.jwks().as_bytes()).unwrap();
    let venue = start(IdentityVerifier::from_jwks_file(file.path()).unwrap()).await;
    let address = venue.local_addr().to_string();
    let client = Client { address, token: Some(signer.token("alice", ALL_SCOPES)) };
    assert_eq!(client.get("/api/v3/account").await.0, StatusCode::OK);
    let mut rubbish = tempfile::NamedTempFile::new().unwrap();
    rubbish.write_all(b"{\"keys\":[]}").unwrap();
    assert_eq!(IdentityVerifier::from_jwks_file(rubbish.path()).unwrap_err(), KeySetError::Malformed);
}

#[tokio::test]
async fn keys_come_from_an_address_and_unknown_ids_do_not_hammer_it() {
    let signer = Signer::new("url");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().unwrap());
    let (asked, mut asks) = tokio::sync::mpsc::unbounded_channel();
    let jwks = signer.jwks();
    let server = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (asked, jwks) = (asked.clone(), jwks.clone());
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                asked.send(request.uri().path().to_owned()).unwrap();
                let body = Full::new(bytes::Bytes::from(jwks.clone()));
                async move { Ok::<_, std::convert::Infallible>(http::Response::new(body)) }
            });
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            tokio::spawn(serving);
        }
    });
    let venue = start(IdentityVerifier::from_jwks_url(&url).unwrap()).await;
    let address = venue.local_addr().to_string();
    let client = Client { address: address.clone(), token: Some(signer.token("alice", ALL_SCOPES)) };
    assert_eq!(client.get("/api/v3/account").await.0, StatusCode::OK);
    for kid in ["a", "b", "c"] {
        let token = Some(Signer::new(kid).token("alice", ALL_SCOPES));
        assert_refused(&Client { address: address.clone(), token }).await;
    }
    assert_eq!(asks.recv().await.unwrap(), "/.well-known/jwks.json");
    assert!(asks.try_recv().is_err());
    server.abort();
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_not_called_a_bad_token() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", nobody.local_addr().unwrap());
    drop(nobody);
    let venue = start(IdentityVerifier::from_jwks_url(&url).unwrap()).await;
    let address = venue.local_addr().to_string();
    let client = Client { address, token: Some(Signer::new("k").token("alice", ALL_SCOPES)) };
    let (status, body) = client.get("/api/v3/account").await;
    assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(-1008)));
    let (status, body) = client.get("/native/v1/balance").await;
    assert_eq!((status, &body["err"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert_eq!(venue.arrivals().private, 0);
}

#[test]
fn a_key_set_address_is_plain_http() {
    for url in ["https://127.0.0.1/jwks", "ftp://x/", "/jwks", "", "http://user@host/"] {
        assert_eq!(IdentityVerifier::from_jwks_url(url).unwrap_err(), KeySetError::Url, "{url}");
    }
}
