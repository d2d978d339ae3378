//! `examples/axum.rs`, over sockets.

#[path = "../../examples/axum.rs"]
mod axum_example;

use std::time::SystemTime;

use aws_lc_rs::hmac;
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct Asked {
    status: StatusCode,
    body: String,
}

/// Asks a new instance of the service; with `signed`, signed as OKX has it.
async fn ask(method: &str, target: &str, body: &str, signed: Option<&[u8]>) -> Asked {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = tokio::spawn(axum_example::serve(listener));
    let proof = signed.map(|secret| proof(secret, method, target, body)).unwrap_or_default();
    let length = body.len();
    let request = format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n{proof}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serving.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Asked { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body: body.to_owned() }
}

fn proof(secret: &[u8], method: &str, target: &str, body: &str) -> String {
    let timestamp = iso_now();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), format!("{timestamp}{method}{target}{body}").as_bytes());
    let sign = base64(tag.as_ref());
    format!(
        "ok-access-key: key-of-desk-1\r\nok-access-sign: {sign}\r\nok-access-timestamp: {timestamp}\r\nok-access-passphrase: passphrase\r\n"
    )
}

/// The time as OKX writes it.
#[expect(clippy::disallowed_methods, reason = "the client's own clock, in a test over sockets")]
fn iso_now() -> String {
    let millis = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let now = jiff::Timestamp::from_millisecond(millis).unwrap();
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn anybody_may_ask_what_is_public() {
    let asked = ask("GET", "/health", "", None).await;
    assert_eq!((asked.status, asked.body.as_str()), (StatusCode::OK, "well"));
}

#[tokio::test]
async fn a_handler_knows_who_signed() {
    let asked = ask("GET", "/api/v5/account/balance?ccy=BTC", "", Some(axum_example::SECRET)).await;
    assert_eq!((asked.status, asked.body.as_str()), (StatusCode::OK, "desk-1"));
}

#[tokio::test]
async fn a_signed_body_arrives_as_it_was_signed() {
    let order = r#"{"instId":"BTC-USDT","side":"buy"}"#;
    let asked = ask("POST", "/api/v5/trade/order", order, Some(axum_example::SECRET)).await;
    assert_eq!((asked.status, asked.body), (StatusCode::OK, format!("desk-1 {order}")));
}

#[tokio::test]
async fn refusals_are_in_the_venues_words() {
    for (method, target, signed, status, word) in [
        ("GET", "/api/v5/account/balance", None, 401, "50103"),
        ("GET", "/api/v5/account/balance", Some(&b"another secret"[..]), 401, "50113"),
        ("POST", "/api/v5/asset/withdrawal", Some(axum_example::SECRET), 401, "50114"),
        ("GET", "/api/v5/nowhere", Some(axum_example::SECRET), 404, "code"),
    ] {
        let asked = ask(method, target, "", signed).await;
        assert_eq!(asked.status.as_u16(), status, "{target}: {}", asked.body);
        assert!(asked.body.contains(word), "{target}: {}", asked.body);
    }
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused_before_it_is_read() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(countersign_tower::BODY_BYTES_MAX));
    assert_eq!(ask("POST", "/api/v5/trade/order", &long, Some(axum_example::SECRET)).await.status.as_u16(), 400);
}
