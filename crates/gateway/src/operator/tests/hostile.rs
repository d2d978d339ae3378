//! What operators' doors are held against: connections that ask for nothing, and requests that can be read in two ways.

use std::time::Duration;

use super::*;
use crate::operator::{places::Places, router::router, serve::serve};

/// Longer than any answer takes; not waited for where all is well.
const PATIENCE: Duration = Duration::from_secs(8);
/// More than were let in at once.
const MANY: usize = 70;

fn halt_of(scope: &str) -> String {
    let body = format!(r#"{{"scope":"{scope}","action":"freeze","reason":"runaway","text":""}}"#);
    format!(
        "POST /v1/halts HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Whoever has the certificate of one operator opens connections and sends so much of a request on each.
async fn nobody_is_kept_from_a_halt(sent: &str) {
    let on_tls = OnTls::start().await;
    let alice = on_tls.client(Some("countersign:operator:alice"));
    let mut held = Vec::new();
    for _ in 0..MANY {
        let mut stream = on_tls.connect(&alice).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        held.push(stream);
    }
    for name in ["bob", "alice"] {
        let uri = format!("countersign:operator:{name}");
        let answer = tokio::time::timeout(PATIENCE, on_tls.ask(Some(&uri), &halt_of("venue"))).await;
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.as_ref().is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))),
            "{name} {answer:?}"
        );
    }
    assert_eq!(*on_tls.backend.changes.lock(), ["bob halt venue", "alice halt venue"]);
    drop(held);
}

#[tokio::test]
async fn silent_connections_of_one_operator_keep_nobody_from_a_halt() {
    nobody_is_kept_from_a_halt("").await;
}

#[tokio::test]
async fn half_a_head_on_each_keeps_nobody_from_a_halt() {
    nobody_is_kept_from_a_halt("GET /v1/status HTTP/1.1\r\nhost").await;
}

#[tokio::test]
async fn half_a_body_on_each_keeps_nobody_from_a_halt() {
    let whole = halt_of("account:never");
    nobody_is_kept_from_a_halt(&whole[..whole.len() - 1]).await;
}

#[tokio::test]
async fn a_preface_of_http2_on_each_keeps_nobody_from_a_halt() {
    nobody_is_kept_from_a_halt("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await;
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_read() {
    let on_socket = OnSocket::start();
    let lines = |fields: &str, body: &str| format!("POST /v1/reload HTTP/1.1\r\nconnection: close\r\n{fields}\r\n{body}");
    for request in [
        lines("content-length: 0\r\n", ""),
        lines("host: x\r\nhost: y\r\ncontent-length: 0\r\n", ""),
        lines("host: x\ncontent-length: 0\r\n", ""),
        lines("host: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
        lines("host: x\r\ncontent-length: 0\r\ncontent-length: 0\r\n", ""),
        lines("host: x\r\ntransfer-encoding: identity\r\n", ""),
        lines("host: x\r\nx-a : b\r\ncontent-length: 0\r\n", ""),
        lines("host: x\r\ncontent-length: 0\r\n", "").replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        let answer = on_socket.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("\"code\":\"http\""), "{request}{answer}");
    }
    assert!(on_socket.backend.changes.lock().is_empty());
    let refused = "sec-fetch-site: cross-site\r\nhost: x\r\n";
    assert!(on_socket.raw(&lines(refused, "0\r\n\r\n")).await.starts_with("HTTP/1.1 403"), "and what is behind it is not read");
    let long = format!("host: x\r\ncontent-length: {}\r\n", 9 << 10);
    assert!(on_socket.raw(&lines(&long, &"x".repeat(9 << 10))).await.starts_with("HTTP/1.1 413"), "longer than any request");
}

/// One connection to a server of its own, on a clock that goes on when nothing moves; how long until it ended.
async fn ended_after(sent: &str) -> Duration {
    let (mut client, server) = tokio::io::duplex(1 << 12);
    let place = Places::new(1, 1).take("alice").unwrap();
    let operator = (OperatorIdentity::of_socket_peer(0), place);
    let begun = tokio::time::Instant::now();
    tokio::spawn(serve(server, router(Arc::new(Notebook::default())), Some(operator), CancellationToken::new()));
    client.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_for_nothing_ends() {
    let half = halt_of("venue");
    for (sent, seconds) in
        [("", 10), ("GET /healthz HTTP/1.1\r\nhost", 10), (&half[..half.len() - 1], 10), ("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 75)]
    {
        let took = ended_after(sent).await;
        assert!((Duration::from_secs(seconds)..Duration::from_secs(seconds + 1)).contains(&took), "{sent:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_halt_whose_operator_is_gone_is_done_all_the_same() {
    let on_socket = OnSocket::start();
    let mut stream = UnixStream::connect(on_socket.path()).await.unwrap();
    stream.write_all(halt_of(SLOW).as_bytes()).await.unwrap();
    let noted = |count: usize| {
        let backend = Arc::clone(&on_socket.backend);
        let wait = async move {
            while backend.changes.lock().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait)
    };
    noted(1).await.expect("it began");
    drop(stream);
    // A connection behind it is answered, so the server has seen that the first is gone.
    assert!(on_socket.raw(&get("/healthz")).await.starts_with("HTTP/1.1 200 "));
    on_socket.backend.go_on.notify_one();
    noted(2).await.expect("it was finished");
    assert_eq!(on_socket.backend.changes.lock()[1], "done");
}
