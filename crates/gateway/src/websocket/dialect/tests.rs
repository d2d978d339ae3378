#![allow(clippy::unwrap_used)]
use futures_util::SinkExt as _;

use super::*;
use crate::testing::{Stage, on_stage, upgrade_request};
use crate::websocket::tests::{connect_client, connect_client_by, next_text};

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

#[tokio::test]
async fn who_never_logs_in_may_subscribe_to_a_whole_market_at_once() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/ws/v5/public").await;
        let args: Vec<String> = (100..700).map(|pair| format!(r#"{{"channel":"tickers","instId":"C{pair}-USDT"}}"#)).collect();
        let all = format!(r#"{{"op":"subscribe","args":[{}]}}"#, args.join(","));
        assert!(all.len() > 24 * 1_024);
        client.send(Message::text(all.clone())).await.unwrap();
        arrived(&stage).await;
        assert_eq!(stage.upstream.texts(), [all]);
    })
    .await;
}

#[tokio::test]
async fn what_the_machine_reads_of_a_handshake_is_asked_of_nobody_else() {
    on_stage(|stage| async move {
        // Without the key this is no proof; an upstream might find one in it all the same.
        let mut parts = upgrade_request("/realtime?subscribe=trade:later");
        for name in ["api-expires", "api-signature"] {
            parts.headers.insert(name, HeaderValue::from_static("1"));
        }
        let _client = connect_client_by(&stage, &parts).await;
        arrived(&stage).await;
        assert_eq!(stage.upstream.texts(), [r#"{"args":["trade:later"],"op":"subscribe"}"#]);
        let upgrades = stage.upstream.upgrades.borrow();
        assert_eq!(upgrades[0].target, "/realtime");
        assert!(!upgrades[0].headers.iter().any(|name| name.starts_with("api-")), "{:?}", upgrades[0].headers);
    })
    .await;
}
