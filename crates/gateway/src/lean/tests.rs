#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;

use super::*;
use crate::testing::{Stage, on_stage};
use crate::upstream::UpstreamConfig;

/// An upstream that answers each request with the next of its answers, and closes after one that says nothing of its length
/// in lower case.
struct Scripted {
    worker: Rc<Worker>,
    arrivals: Rc<RefCell<Vec<String>>>,
    connections: Rc<std::cell::Cell<usize>>,
}

impl Scripted {
    async fn new(stage: &Stage, answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = UpstreamConfig { authority: listener.local_addr().unwrap().to_string(), ..stage.worker.upstreams[0].config().clone() };
        let (arrivals, connections) = (Rc::<RefCell<Vec<String>>>::default(), Rc::<std::cell::Cell<usize>>::default());
        let answers = Rc::new(RefCell::new(answers.to_vec()));
        let (seen, made) = (Rc::clone(&arrivals), Rc::clone(&connections));
        tokio::task::spawn_local(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                made.set(made.get() + 1);
                let (answers, seen) = (Rc::clone(&answers), Rc::clone(&seen));
                tokio::task::spawn_local(async move {
                    let mut bytes = vec![0; 4_096];
                    loop {
                        let count = stream.read(&mut bytes).await.unwrap_or(0);
                        if count == 0 || answers.borrow().is_empty() {
                            return;
                        }
                        seen.borrow_mut().push(String::from_utf8(bytes[..count].to_vec()).unwrap());
                        let answer = answers.borrow_mut().remove(0);
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        if !answer.contains("ontent-length") && !answer.contains("chunked") {
                            return;
                        }
                    }
                });
            }
        });
        Self { worker: Worker::new(std::sync::Arc::clone(&stage.worker.shared), &[config]), arrivals, connections }
    }

    /// A connection served the short way, and the client's end of it.
    fn serve(&self, stage: &Stage) -> (DuplexStream, tokio::task::JoinHandle<(Leave, BytesMut)>) {
        let (client, mut server) = tokio::io::duplex(1 << 16);
        let (worker, connection) = (Rc::clone(&self.worker), stage.connection());
        let serving = tokio::task::spawn_local(async move {
            let mut read = BytesMut::new();
            let leave = serve(&worker, &connection, &mut server, &mut read).await;
            (leave, read)
        });
        (client, serving)
    }
}

const TIME: &str = "GET /api/v3/time HTTP/1.1\r\nHost: localhost:8443\r\nX-Forwarded-For: 6.6.6.6\r\nCookie: a=b\r\n";

/// Sends bytes and reads until the answer ends so.
async fn ask(client: &mut DuplexStream, request: &str, end: &str) -> String {
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let mut bytes = [0; 1_024];
        let count = client.read(&mut bytes).await.unwrap();
        assert!(count > 0, "closed behind {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_and_its_answer_pass_with_our_headers_on_one_connection() {
    on_stage(|stage| async move {
        let answers = [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nKeep-Alive: 5\r\n\r\nok",
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nto the end",
        ];
        let upstream = Scripted::new(&stage, &answers).await;
        let (mut client, serving) = upstream.serve(&stage);
        let request = format!("{TIME}\r\n");
        let first = ask(&mut client, &request, "\r\n\r\nok").await;
        assert!(first.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncountersign-correlation: "), "{first}");
        assert!(first.contains("\r\ndate: ") && !first.contains("keep-alive"), "{first}");
        let second = ask(&mut client, &request, "0\r\n\r\n").await;
        assert!(second.contains("\r\ntransfer-encoding: chunked\r\n") && second.ends_with("\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "{second}");
        let third = ask(&mut client, &request, "\r\n0\r\n\r\n").await;
        assert!(third.contains("a\r\nto the end\r\n"), "{third}");
        assert_eq!(upstream.connections.get(), 1, "one connection served all three");
        let arrived = upstream.arrivals.borrow()[0].clone();
        assert!(arrived.starts_with("GET /api/v3/time HTTP/1.1\r\nhost: localhost:8443\r\ncookie: a=b\r\n"), "{arrived}");
        assert!(arrived.contains("x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: https\r\n") && !arrived.contains("6.6.6.6"));
        drop(client);
        assert!(matches!(serving.await.unwrap().0, Leave::Closed));
    })
    .await;
}

#[tokio::test]
async fn two_requests_in_one_piece_have_two_answers() {
    on_stage(|stage| async move {
        let upstream =
            Scripted::new(&stage, &["HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2"])
                .await;
        let (mut client, _serving) = upstream.serve(&stage);
        let both = ask(&mut client, &format!("{TIME}\r\n{TIME}\r\n"), "\r\n\r\n2").await;
        assert!(both.contains("\r\n\r\n1HTTP/1.1 200 OK"), "{both}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_can_be_read_in_two_ways_is_no_answer() {
    on_stage(|stage| async move {
        let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let fine = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let excess = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n";
        let switched = "HTTP/1.1 101 Switching Protocols\r\ncontent-length: 0\r\n\r\n";
        let upstream = Scripted::new(&stage, &[smuggled, fine, excess, switched, ""]).await;
        let (mut client, _serving) = upstream.serve(&stage);
        let request = format!("{TIME}\r\n");
        for (end, status, connections) in [("}", 502, 1), ("\r\n\r\n", 200, 2), ("\r\n\r\n", 200, 2), ("}", 502, 3), ("}", 502, 4)] {
            let answer = ask(&mut client, &request, end).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert_eq!(upstream.connections.get(), connections, "a connection with something left on it is not used again");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_the_connection() {
    on_stage(|stage| async move {
        let upstream = Scripted::new(&stage, &["HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 9\r\n\r\nhalf"]).await;
        let (mut client, serving) = upstream.serve(&stage);
        client.write_all(format!("{TIME}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"half"), "and nothing that looks like an end");
        assert!(matches!(serving.await.unwrap().0, Leave::Broken));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_plain_is_handed_over_with_every_byte() {
    on_stage(|stage| async move {
        let upstream = Scripted::new(&stage, &[]).await;
        for request in [
            format!("{TIME}Expect: 100-continue\r\n\r\n"),
            format!("{TIME}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
            "GET /api/v3/time HTTP/1.1\r\nHo".to_owned(),
            "GET /ws-api/v3 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ] {
            let (mut client, serving) = upstream.serve(&stage);
            client.write_all(request.as_bytes()).await.unwrap();
            let (leave, read) = serving.await.unwrap();
            assert!(matches!(leave, Leave::HandedOver), "{leave:?}");
            assert_eq!(&read[..], request.as_bytes());
        }
        assert!(upstream.arrivals.borrow().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_answered_with_its_correlation_and_nothing_goes_upstream() {
    on_stage(|stage| async move {
        let upstream = Scripted::new(&stage, &[]).await;
        let (mut client, _serving) = upstream.serve(&stage);
        let unsigned = ask(&mut client, "GET /api/v3/account HTTP/1.1\r\nHost: localhost\r\n\r\n", "}").await;
        assert!(unsigned.starts_with("HTTP/1.1 4") && unsigned.contains("countersign-correlation: "), "{unsigned}");
        let unknown = ask(&mut client, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "}").await;
        assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
        let foreign = ask(&mut client, "GET /api/v3/time HTTP/1.1\r\nHost: evil.example\r\n\r\n", "}").await;
        assert!(foreign.contains("\r\nconnection: close\r\n"), "{foreign}");
        assert!(upstream.arrivals.borrow().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_body_in_pieces_goes_upstream_whole() {
    on_stage(|stage| async move {
        let upstream = Scripted::new(&stage, &["HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]).await;
        let (mut client, serving) = upstream.serve(&stage);
        client.write_all(format!("{TIME}Content-Length: 6\r\nConnection: close\r\n\r\nabc").as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        let answer = ask(&mut client, "def", "\r\n\r\n").await;
        assert!(answer.contains("\r\nconnection: close\r\n"), "the client asked for it: {answer}");
        assert!(upstream.arrivals.borrow()[0].ends_with("\r\n\r\nabcdef"));
        assert!(matches!(serving.await.unwrap().0, Leave::Closed));
    })
    .await;
}

#[tokio::test]
async fn a_waiting_connection_keeps_little() {
    on_stage(|stage| async move {
        let (_client, mut server) = tokio::io::duplex(64);
        let (worker, connection, mut read) = (Rc::clone(&stage.worker), stage.connection(), BytesMut::new());
        let waiting = serve(&worker, &connection, &mut server, &mut read);
        let bytes = std::mem::size_of_val(&waiting);
        assert!(bytes <= WAITING_BYTES_MAX, "{bytes}");
    })
    .await;
}

/// A tenth of what TLS keeps for a session.
const WAITING_BYTES_MAX: usize = 640;
