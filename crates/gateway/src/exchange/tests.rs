#![allow(clippy::unwrap_used)]
use countersign_core::{AccountId, permit_public};
use http::header::HOST;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;
use crate::testing::{Stage, TRADER, on_stage};
use crate::upstream::UpstreamConfig;

/// Sends one request through a connection of its own in memory; status and body of the answer.
async fn ask(stage: &Stage, connection: &Rc<Connection>, request: http::request::Builder, body: Vec<u8>) -> (u16, String) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let (worker, connection) = (Rc::clone(&stage.worker), Rc::clone(connection));
    let service = service_fn(move |request| exchange(Rc::clone(&worker), Rc::clone(&connection), request));
    tokio::task::spawn_local(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
    tokio::task::spawn_local(driver);
    let request = request.header(HOST, "localhost:8443").body(Full::new(Bytes::from(body))).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn order() -> http::request::Builder {
    Request::post("/api/v3/order").header("x-mbx-apikey", TRADER).header(CONTENT_TYPE, "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn a_stranger_sends_no_large_body_to_a_route_that_needs_a_login() {
    on_stage(|stage| async move {
        let bytes_max = stage.worker.shared.settings.limits.unauthenticated_bytes_max;
        let connection = stage.connection();
        let (status, _) = ask(&stage, &connection, order(), vec![b'a'; bytes_max + 1]).await;
        assert_eq!(status, 413);
        let routes = stage.worker.shared.routes.load();
        let limits = &stage.worker.shared.settings.limits;
        let RouteMatch::Found(route) = routes.find_http("POST", "/api/v3/order") else { panic!("no such route") };
        assert_eq!(body_bytes_max(limits, &connection, route), bytes_max);
        connection.note_authenticated(&AccountId::parse("demo").unwrap());
        assert_eq!(body_bytes_max(limits, &connection, route), limits.body_bytes_max, "somebody proved an identity here");
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_the_upstream_is_timed_and_counted_for_its_route() {
    on_stage(|stage| async move {
        // The stub speaks WebSocket only, and answers anything else so.
        let (status, _) = ask(&stage, &stage.connection(), Request::get("/api/v3/time"), Vec::new()).await;
        assert_eq!(status, 400);
        let metrics = stage.worker.shared.metrics.encode();
        assert!(metrics.contains("countersign_upstream_seconds_count 1"), "{metrics}");
        let answered = |line: &&str| line.starts_with("countersign_route_answers") && line.contains("4xx") && line.ends_with(" 1");
        assert_eq!(metrics.lines().filter(answered).count(), 1, "{metrics}");
    })
    .await;
}

/// The head of the next request that arrives, answered with 204.
async fn arrived(listener: &tokio::net::TcpListener) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_token_that_was_sealed_here_goes_no_further() {
    use countersign_core::{ApiKeyId, CredentialId, Purpose, Timestamp, Token, TokenKind};
    on_stage(|mut stage| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = UpstreamConfig { authority: listener.local_addr().unwrap().to_string(), ..stage.worker.upstreams[0].config().clone() };
        stage.worker = Worker::new(Arc::clone(&stage.worker.shared), &[config]);
        let token = Token {
            kind: TokenKind::Access,
            purpose: Purpose::Deribit,
            credential: CredentialId::parse("cred-1").unwrap(),
            key_id: ApiKeyId::parse("key-1").unwrap(),
            issued: Timestamp::from_secs(1),
            expires: Timestamp::from_secs(2),
            scopes: None,
            channel: None,
            session: None,
            id: [1; 16],
        };
        let sealed = stage.worker.shared.tokens.seal(&token, &mut crate::entropy::SystemEntropy);
        let others = "Bearer of-others".to_owned();
        for (authorization, passes) in [
            (vec![format!("Bearer {sealed}")], false),
            (vec![format!("bEARER  {sealed}")], false),
            (vec![format!("Bearer\t{sealed}")], false),
            (vec![sealed.clone()], false),
            (vec![format!("Basic a, Bearer {sealed}")], false),
            (vec![others.clone(), format!("Bearer {sealed}")], false),
            (vec![format!("Bearer {sealed}"), others.clone()], false),
            (vec![others], true),
        ] {
            let connection = stage.connection();
            let mut request = Request::get("/api/v2/public/test");
            for value in &authorization {
                request = request.header("authorization", value);
            }
            let (answer, head) = tokio::join!(ask(&stage, &connection, request, Vec::new()), arrived(&listener));
            assert_eq!((answer.0, head.contains("authorization")), (204, passes), "{head}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_counted_and_never_called_a_bad_key() {
    on_stage(|stage| async move {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = UpstreamConfig { authority: gone.to_string(), ..stage.worker.upstreams[0].config().clone() };
        let worker = Worker::new(Arc::clone(&stage.worker.shared), &[config]);
        let routes = worker.shared.routes.load_full();
        let RouteMatch::Found(route) = routes.find_http("GET", "/api/v3/time") else { panic!("a route") };
        let permit = permit_public(&route.requirement).unwrap();
        let permit = worker.shared.halts.gate().clear(&worker, permit, crate::halts::Asked::of(route, None, None)).unwrap();
        let request = Request::get("/api/v3/time").body(RequestBody::default()).unwrap();
        let outcome = forward::forward(&worker, permit, request, Freshness::Channel).await;
        assert_eq!(outcome.err().map(|refusal| refusal.reject), Some(Reject::UpstreamUnavailable));
        assert!(stage.refused("upstream_unavailable"), "counted as a failure of the upstream");
    })
    .await;
}
