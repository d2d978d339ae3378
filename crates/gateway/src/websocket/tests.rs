#![allow(clippy::unwrap_used)]
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use countersign_core::{
    Access, AccountId, ApiKeyId, Binding, CertificateClaim, Credential, CredentialId, Freshness, Requirement, Scope, Scopes, Verifier,
    authorize, permit_public, verify_certificate,
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::request::Parts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use super::*;
use crate::routes::RouteMatch;
use crate::testing::{Stage, authority, on_stage, upgrade_request};
use countersign_dialects::answer::Charged;

fn cleared(worker: &Worker, connection: &Connection, route: &Route) -> crate::halts::Cleared {
    let asked = crate::halts::Asked::of(route, None, None);
    worker.shared.halts.gate().clear(worker, connection, permit_public(&route.requirement).unwrap(), asked).unwrap()
}

/// Begins as the HTTP server would; the client's end of the stream if there is a 101.
pub(crate) async fn begin_on(stage: &Stage, connection: &Rc<Connection>, parts: &Parts) -> Result<Response<ResponseBody>, Refusal> {
    let routes = stage.worker.shared.routes.load_full();
    let RouteMatch::Found(route) = routes.find_http("GET", parts.uri.path()) else { panic!("a route") };
    let admitted = Admitted { permit: cleared(&stage.worker, connection, route), login: None, usage: Charged::default() };
    begin(&stage.worker, connection, route, parts, (admitted, None), &authority()).await
}

/// A WebSocket client of the gateway whose upgrade succeeded.
pub(crate) async fn connect_client(stage: &Stage, target: &str) -> WebSocketStream<DuplexStream> {
    connect_client_by(stage, &upgrade_request(target)).await
}

/// The same, by a handshake that is already made.
pub(crate) async fn connect_client_by(stage: &Stage, parts: &Parts) -> WebSocketStream<DuplexStream> {
    let connection = stage.connection();
    connection.authority.replace(Some(authority()));
    let answer = begin_on(stage, &connection, parts).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgrade = connection.upgrade.take().unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let worker = Rc::clone(&stage.worker);
    tokio::task::spawn_local(async move { upgrade.run(&worker, &connection, Rewind::new(theirs, BytesMut::new())).await });
    ClientBuilder::new().take_over(ours)
}

/// The next text, or the close code as text.
pub(crate) async fn next_text(client: &mut WebSocketStream<DuplexStream>) -> String {
    loop {
        let Some(Ok(message)) = client.next().await else { return "end".to_owned() };
        if let Some((code, _)) = message.as_close() {
            return format!("close {}", u16::from(code));
        }
        if let Some(text) = message.as_text() {
            return text.to_owned();
        }
    }
}

#[tokio::test]
async fn a_relay_asks_the_upstream_for_what_the_client_asked_for() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/ws/btcusdt@trade?x=%20").await;
        client.send(Message::text("{\"hello\":1}")).await.unwrap();
        assert_eq!(next_text(&mut client).await, "{\"hello\":1}");
        let upgrades = stage.upstream.upgrades.borrow();
        assert_eq!(upgrades.len(), 1);
        assert_eq!(upgrades[0].target, "/ws/btcusdt@trade?x=%20");
        assert!(upgrades[0].identity.is_none(), "a forged identity does not pass");
        for gone in ["sec-websocket-extensions", "countersign-identity"] {
            assert!(!upgrades[0].headers.iter().any(|name| name == gone), "{gone}");
        }
        for there in ["user-agent", "countersign-correlation", "x-forwarded-for"] {
            assert!(upgrades[0].headers.iter().any(|name| name == there), "{there}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_passes_the_close_code_on() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/stream").await;
        client.send(Message::text("\"die\"")).await.unwrap();
        assert_eq!(next_text(&mut client).await, "close 1012", "an upstream that is gone without a word");
    })
    .await;
}

/// Answers one connection with these bytes after reading a head.
async fn rude_upstream(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = BytesMut::new();
        while !read.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut read).await.unwrap();
        }
        stream.write_all(answer).await.unwrap();
    });
    address
}

#[tokio::test]
async fn an_upstream_that_does_not_switch_is_a_502_and_no_tunnel() {
    on_stage(|stage| async move {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 426 Upgrade Required\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n",
            b"nonsense\r\n\r\n",
        ] {
            let mut config = stage.worker.upstreams[0].config().clone();
            config.authority = rude_upstream(answer).await.to_string();
            let worker = Worker::new(Arc::clone(&stage.worker.shared), &[config]);
            let connection = stage.connection();
            let routes = worker.shared.routes.load_full();
            let RouteMatch::Found(route) = routes.find_http("GET", "/stream") else { panic!("a route") };
            let admitted = Admitted { permit: cleared(&worker, &connection, route), login: None, usage: Charged::default() };
            let refusal =
                begin(&worker, &connection, route, &upgrade_request("/stream"), (admitted, None), &authority()).await.err().unwrap();
            assert_eq!(refusal.reject, Reject::UpstreamUnavailable);
            assert_eq!(refusal.reject.http_status(), 502);
            assert!(connection.upgrade.borrow().is_none(), "no tunnel");
        }
    })
    .await;
}

/// A symbol that the venue does not know is the client's mistake, and no outage.
#[tokio::test]
async fn what_the_upstream_declines_is_passed_on_and_no_failure() {
    on_stage(|stage| async move {
        for (answer, status, body) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\nno symbol"[..],
                400,
                &b"no symbol"[..],
            ),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
            (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 403, b""),
            (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 999999999\r\n\r\nx", 401, b""),
            (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nno", 400, b""),
        ] {
            let mut config = stage.worker.upstreams[0].config().clone();
            config.authority = rude_upstream(answer).await.to_string();
            let worker = Worker::new(Arc::clone(&stage.worker.shared), &[config]);
            let connection = stage.connection();
            let routes = worker.shared.routes.load_full();
            let RouteMatch::Found(route) = routes.find_http("GET", "/stream") else { panic!("a route") };
            let admitted = Admitted { permit: cleared(&worker, &connection, route), login: None, usage: Charged::default() };
            let told = begin(&worker, &connection, route, &upgrade_request("/stream"), (admitted, None), &authority()).await.unwrap();
            let ResponseBody::Own(bytes) = told.body() else { panic!("a body of ours") };
            assert_eq!((told.status().as_u16(), bytes.as_deref().unwrap_or_default()), (status, body));
            let names: Vec<_> = told.headers().keys().filter(|name| *name != CORRELATION_HEADER).collect();
            assert!(names.iter().all(|name| *name == CONTENT_TYPE), "{names:?}");
            assert!(connection.upgrade.borrow().is_none(), "no tunnel");
        }
        assert!(!stage.refused("upstream_unavailable"));
    })
    .await;
}

/// Admitted as somebody, with a header for the answer.
fn identified(worker: &Worker, connection: &Connection, route: &Route) -> Admitted {
    let credential = Credential {
        scopes: Scopes::parse(Scope::MD_READ).unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::ClientCertificate,
            ApiKeyId::parse("key-1").unwrap(),
            Verifier::Certificate,
        )
    };
    let claim = CertificateClaim { key_id: credential.key_id.clone() };
    let identity = verify_certificate(&claim, Some(&Arc::new(credential)), None, crate::clock::wall()).unwrap();
    let mut login = Login::new(identity, Freshness::Channel, Arc::default());
    login.answer_headers.push((http::HeaderName::from_static("countersign-contract"), HeaderValue::from_static("c")));
    let requirement = Requirement { access: Access::Scoped(Scope::parse(Scope::MD_READ).unwrap()), ..route.requirement.clone() };
    let permit = authorize(&login.identity, None, &requirement).unwrap();
    let asked = crate::halts::Asked::of(route, Some(&login), None);
    let permit = worker.shared.halts.gate().clear(worker, connection, permit, asked).unwrap();
    Admitted { permit, login: Some(login), usage: Charged::default() }
}

/// An upstream that does not take our assertion has a failure; no client has a bad key. What else it declines has the answer's headers.
#[tokio::test]
async fn an_upstream_that_refuses_our_assertion_is_a_failure_and_no_bad_key() {
    on_stage(|stage| async move {
        for (answer, status) in [
            (&b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"[..], None),
            (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", None),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Some(404)),
        ] {
            let mut config = stage.worker.upstreams[0].config().clone();
            config.authority = rude_upstream(answer).await.to_string();
            let worker = Worker::new(Arc::clone(&stage.worker.shared), &[config]);
            let routes = worker.shared.routes.load_full();
            let RouteMatch::Found(route) = routes.find_http("GET", "/stream") else { panic!("a route") };
            let (connection, parts) = (stage.connection(), upgrade_request("/stream"));
            let told = begin(&worker, &connection, route, &parts, (identified(&worker, &connection, route), None), &authority()).await;
            match (told, status) {
                (Err(refusal), None) => assert_eq!(refusal.reject, Reject::UpstreamUnavailable),
                (Ok(answer), Some(status)) => {
                    assert_eq!(
                        (answer.status().as_u16(), &answer.headers()["countersign-contract"]),
                        (status, &HeaderValue::from_static("c"))
                    );
                }
                (told, _) => panic!("{:?}", told.map(|answer| answer.status())),
            }
            assert!(connection.upgrade.borrow().is_none(), "no tunnel");
        }
    })
    .await;
}

#[tokio::test]
async fn a_declined_link_is_told_by_what_it_was_for() {
    let declined = |status| connect::NotSwitched::Declined(Declined { status, content_type: None, body: bytes::Bytes::new() });
    for (status, identified, reject) in [
        (StatusCode::UNAUTHORIZED, false, Reject::MissingCredentials),
        (StatusCode::FORBIDDEN, false, Reject::MissingCredentials),
        (StatusCode::UNAUTHORIZED, true, Reject::UpstreamUnavailable),
        (StatusCode::TOO_MANY_REQUESTS, true, Reject::UpstreamUnavailable),
        (StatusCode::NOT_FOUND, false, Reject::UpstreamUnavailable),
    ] {
        assert_eq!(declined(status).into_refusal(identified).reject, reject, "{status} {identified}");
    }
}

#[tokio::test]
async fn a_request_without_upgrade_is_told_426() {
    on_stage(|stage| async move {
        for target in ["/stream", "/ws-api/v3", "/native/v1"] {
            let mut parts = upgrade_request(target);
            parts.headers.remove(UPGRADE);
            let connection = stage.connection();
            let answer = begin_on(&stage, &connection, &parts).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED, "{target}");
            assert_eq!(answer.headers()[SEC_WEBSOCKET_VERSION], "13");
            assert_eq!(answer.headers()[UPGRADE], "websocket");
            assert!(connection.upgrade.borrow().is_none());
            assert_eq!(answer.headers().contains_key("countersign-nonce"), target == "/native/v1");
        }
        assert!(stage.upstream.upgrades.borrow().is_empty(), "nothing reached the upstream");
    })
    .await;
}

#[tokio::test]
async fn a_draining_node_begins_nothing() {
    on_stage(|stage| async move {
        stage.worker.shared.drain.start();
        let refusal = begin_on(&stage, &stage.connection(), &upgrade_request("/stream")).await.err().unwrap();
        assert_eq!(refusal.reject, Reject::Draining);
    })
    .await;
}
