#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;

#[derive(Default)]
struct Sink(RefCell<Vec<Reject>>);

impl RefusalSink for Sink {
    fn refused(&self, refusal: &Refusal) -> Vec<u8> {
        self.0.borrow_mut().push(refusal.reject);
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()
    }
}

const BOUNDS: Bounds =
    Bounds { head_bytes_max: 1 << 15, head: Duration::from_secs(10), body: Duration::from_secs(30), idle: Duration::from_secs(75) };

fn guarded() -> (DuplexStream, HeadGuard<DuplexStream>, Rc<Sink>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let sink = Rc::new(Sink::default());
    (client, HeadGuard::new(server, b"", BOUNDS, sink.clone() as Rc<dyn RefusalSink>), sink)
}

#[tokio::test]
async fn passes_whole_heads_only_however_the_bytes_arrive() {
    let (mut client, mut guard, _) = guarded();
    let request = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut buffer = [0; 256];
    for byte in &request[..request.len() - 1] {
        client.write_all(&[*byte]).await.unwrap();
        let read =
            tokio::select! { biased; count = guard.read(&mut buffer) => Some(count.unwrap()), () = tokio::task::yield_now() => None };
        assert_eq!(read, None, "a part of a head is not passed on");
    }
    client.write_all(&request[request.len() - 1..]).await.unwrap();
    let count = guard.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..count], request);
}

#[tokio::test]
async fn ends_before_a_refused_message_and_says_so_at_the_close() {
    let (mut client, mut guard, sink) = guarded();
    let good = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let bad = b"GET /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write_all(&[&good[..], bad].concat()).await.unwrap();
    let mut passed = Vec::new();
    guard.read_to_end(&mut passed).await.unwrap();
    assert_eq!(passed, good);
    assert_eq!(*sink.0.borrow(), [Reject::FramingAmbiguous]);
    guard.shutdown().await.unwrap();
    drop(guard);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"));
}

#[tokio::test(start_paused = true)]
async fn reaps_a_head_that_never_ends_and_a_body_that_drips() {
    let (mut client, mut guard, sink) = guarded();
    client.write_all(b"GET /a HT").await.unwrap();
    assert_eq!(guard.read(&mut [0; 64]).await.unwrap(), 0);
    assert_eq!(*sink.0.borrow(), [Reject::AuthDeadline]);

    let (mut client, mut guard, _) = guarded();
    client.write_all(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    let dripping = async {
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if client.write_all(b"x").await.is_err() {
                break;
            }
        }
    };
    let started = tokio::time::Instant::now();
    let reading = async {
        let mut all = Vec::new();
        guard.read_to_end(&mut all).await.unwrap();
        (started.elapsed(), all.len())
    };
    let (elapsed, _) = tokio::select! { done = reading => done, () = dripping => unreachable!("the body is reaped first") };
    assert!(elapsed >= BOUNDS.body && elapsed < BOUNDS.body + Duration::from_secs(3), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn reaps_silent_connections() {
    let (_client, mut guard, _) = guarded();
    let started = tokio::time::Instant::now();
    assert_eq!(guard.read(&mut [0; 64]).await.unwrap(), 0);
    assert_eq!(started.elapsed().as_secs(), BOUNDS.head.as_secs());
}
