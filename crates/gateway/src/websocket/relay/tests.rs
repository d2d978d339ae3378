#![allow(clippy::unwrap_used)]
use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio_websockets::{ClientBuilder, ServerBuilder, WebSocketStream};

use super::*;
use crate::testing::{Stage, on_stage};
use crate::websocket::limits::WRITE_DEADLINE;

/// Bytes that the transport between two parties holds.
const TRANSPORT_BYTES: usize = 1_024;

struct Story {
    client: WebSocketStream<DuplexStream>,
    upstream: WebSocketStream<DuplexStream>,
    pair: Pair<DuplexStream, DuplexStream>,
}

fn story() -> Story {
    let (client, gateway_client) = tokio::io::duplex(TRANSPORT_BYTES);
    let (upstream, gateway_upstream) = tokio::io::duplex(TRANSPORT_BYTES);
    Story {
        client: ClientBuilder::new().take_over(client),
        upstream: ServerBuilder::new().serve(upstream),
        pair: Pair {
            client: Socket::of_client(gateway_client, 64 * 1_024),
            upstream: Socket::of_upstream(gateway_upstream),
            to_client: Direction::default(),
            to_upstream: Direction::default(),
        },
    }
}

fn route(stage: &Stage) -> Arc<Route> {
    let routes = stage.worker.shared.routes.load_full();
    let crate::routes::RouteMatch::Found(route) = routes.find_http("GET", "/stream") else { panic!("a route") };
    Arc::clone(route)
}

async fn relayed(stage: &Stage, pair: &mut Pair<DuplexStream, DuplexStream>) -> Ended {
    let connection = stage.connection();
    drive(&stage.worker, &connection, &route(stage), pair, None).await
}

#[tokio::test]
async fn messages_pass_both_ways_as_they_are() {
    on_stage(|stage| async move {
        let Story { mut client, mut upstream, mut pair } = story();
        tokio::select! {
            ended = relayed(&stage, &mut pair) => panic!("{ended:?}"),
            () = async {
                for size in [0, 1, 125, 126, 5_000, 60_000] {
                    let text = "x".repeat(size);
                    let (sent, got) = tokio::join!(client.send(Message::text(text.clone())), upstream.next());
                    sent.unwrap();
                    assert_eq!(got.unwrap().unwrap().as_text(), Some(&*text));
                    let (sent, got) = tokio::join!(upstream.send(Message::binary(Bytes::from(text.clone()))), client.next());
                    sent.unwrap();
                    assert_eq!(&got.unwrap().unwrap().into_payload()[..], text.as_bytes());
                }
            } => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_upstream_back_and_is_then_closed() {
    on_stage(|stage| async move {
        tokio::time::pause();
        let Story { client, mut upstream, mut pair } = story();
        let began = Instant::now();
        let mut taken = 0;
        let ended = tokio::select! {
            ended = relayed(&stage, &mut pair) => ended,
            () = async {
                loop {
                    upstream.send(Message::text("x".repeat(512))).await.unwrap();
                    taken += 1;
                }
            } => unreachable!("the upstream is held back"),
        };
        assert_eq!(ended, Ended::Failed(End::Client, SocketError::Slow));
        assert_eq!(ended.codes(), (CloseCode::POLICY_VIOLATION, CloseCode::GOING_AWAY));
        assert!(began.elapsed() >= WRITE_DEADLINE && began.elapsed() < WRITE_DEADLINE * 2, "{:?}", began.elapsed());
        assert!(taken < 40, "what is in flight is bounded: {taken} messages of 512 bytes were taken");
        drop(client);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_reads_is_kept() {
    on_stage(|stage| async move {
        tokio::time::pause();
        let Story { mut client, mut upstream, mut pair } = story();
        tokio::select! {
            ended = relayed(&stage, &mut pair) => panic!("{ended:?}"),
            () = async {
                for _ in 0..200 {
                    upstream.send(Message::text("x".repeat(512))).await.unwrap();
                }
                std::future::pending::<()>().await;
            } => {}
            () = async {
                for _ in 0..200 {
                    tokio::time::sleep(WRITE_DEADLINE / 20).await;
                    while !client.next().await.unwrap().unwrap().is_text() {}
                }
            } => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_pings_without_reading_is_held_back() {
    on_stage(|stage| async move {
        tokio::time::pause();
        let Story { client, upstream, mut pair } = story();
        let mut raw = client.into_inner();
        let ended = tokio::select! {
            ended = relayed(&stage, &mut pair) => ended,
            () = async {
                loop {
                    // A masked ping of 100 bytes, mask zero.
                    raw.write_all(&[&[0x89, 0x80 | 100, 0, 0, 0, 0][..], &[7; 100]].concat()).await.unwrap();
                }
            } => unreachable!("the client is held back"),
        };
        assert_eq!(ended, Ended::Failed(End::Client, SocketError::Slow));
        drop(upstream);
    })
    .await;
}

#[tokio::test]
async fn a_message_above_the_limit_ends_it() {
    on_stage(|stage| async move {
        let Story { mut client, upstream, mut pair } = story();
        let (ended, _) = tokio::join!(relayed(&stage, &mut pair), async {
            drop(client.send(Message::text("x".repeat(64 * 1_024 + 1))).now_or_never());
        });
        assert_eq!(ended, Ended::Failed(End::Client, SocketError::TooLarge));
        drop(upstream);
    })
    .await;
}

#[tokio::test]
async fn close_codes_pass_on() {
    on_stage(|stage| async move {
        let Story { mut client, mut upstream, mut pair } = story();
        let code = CloseCode::try_from(4_001).unwrap();
        let (ended, _) = tokio::join!(relayed(&stage, &mut pair), upstream.send(Message::close(Some(code), "why")));
        assert_eq!(ended, Ended::Closed(code));
        let (told, _) = ended.codes();
        let (_, got) = tokio::join!(pair.client.close(Some(told), ended.reason()), async {
            let got = client.next().await.unwrap().unwrap().as_close().map(|(code, _)| code);
            drop(client.close().await);
            got
        });
        assert_eq!(got, Some(code));
    })
    .await;
}

#[tokio::test]
async fn silence_and_drain_end_it() {
    on_stage(|stage| async move {
        tokio::time::pause();
        let Story { client: _client, upstream: _upstream, mut pair } = story();
        let began = Instant::now();
        assert_eq!(relayed(&stage, &mut pair).await, Ended::Silent(End::Client));
        assert_eq!(began.elapsed().as_secs(), 60, "three pings without an answer");
        let Story { client: _client, upstream: _upstream, mut pair } = story();
        stage.worker.shared.drain.start();
        assert_eq!(relayed(&stage, &mut pair).await, Ended::Draining);
    })
    .await;
}

#[tokio::test]
async fn who_only_listens_has_nothing_passed_on() {
    on_stage(|stage| async move {
        let Story { mut client, mut upstream, mut pair } = story();
        pair.to_upstream.is_mute = true;
        tokio::select! {
            ended = relayed(&stage, &mut pair) => panic!("{ended:?}"),
            () = async {
                client.send(Message::text("{\"method\":\"order.place\"}")).await.unwrap();
                client.send(Message::ping("still there")).await.unwrap();
                upstream.send(Message::text("an event")).await.unwrap();
                let told = [client.next().await, client.next().await].map(|message| message.unwrap().unwrap());
                assert!(told.iter().any(|message| message.as_text() == Some("an event")) && told.iter().any(Message::is_pong));
                assert!(upstream.next().now_or_never().is_none(), "nothing of the client's went out");
            } => {}
        }
    })
    .await;
}
