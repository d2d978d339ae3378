#![allow(clippy::unwrap_used)]
use futures_util::SinkExt as _;

use super::*;
use crate::testing::{Stage, on_stage};
use crate::websocket::tests::{connect_client, next_text};

const SUBSCRIBE: &str = r#"{"req_id":"later","op":"subscribe","args":["tickers.BTCUSDT"]}"#;

/// Waits until the upstream has a message that it does not answer yet.
async fn arrived(stage: &Stage) {
    while stage.upstream.texts().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_node_that_leaves_waits_for_the_answer_to_the_latest_message() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/v5/public/spot").await;
        client.send(Message::text(SUBSCRIBE)).await.unwrap();
        arrived(&stage).await;
        stage.worker.shared.drain.start();
        client.send(Message::text(SUBSCRIBE.replace("later", "next"))).await.unwrap();
        let refused = next_text(&mut client).await;
        assert!(refused.contains("next") && refused.contains("false"), "nothing more is taken: {refused}");
        stage.upstream.later.notify_one();
        let answer = next_text(&mut client).await;
        assert!(answer.contains(r#""ok":true"#), "{answer}");
        assert_eq!(next_text(&mut client).await, "close 1001");
        assert_eq!(stage.upstream.texts(), [SUBSCRIBE]);
    })
    .await;
}

#[tokio::test]
async fn a_node_that_leaves_closes_what_is_quiet_at_once() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/v5/public/spot").await;
        stage.worker.shared.drain.start();
        assert_eq!(next_text(&mut client).await, "close 1001");
    })
    .await;
}
