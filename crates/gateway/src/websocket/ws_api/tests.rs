#![allow(clippy::unwrap_used)]

use countersign_core::CredentialState;
use futures_util::SinkExt as _;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio_websockets::WebSocketStream;

use super::*;
use crate::testing::{READER, Stage, TRADER, frame, on_stage, signed_frame, within_a_second};
use crate::websocket::limits::REFUSALS_PER_MINUTE_MAX;
use crate::websocket::tests::{connect_client, next_text};

type Client = WebSocketStream<DuplexStream>;

async fn ask(client: &mut Client, text: String) -> Value {
    client.send(Message::text(text)).await.unwrap();
    let answer = next_text(client).await;
    serde_json::from_str(&answer).unwrap_or(Value::String(answer))
}

async fn connected(stage: &Stage) -> Client {
    connect_client(stage, "/ws-api/v3").await
}

fn timestamp() -> String {
    clock::wall().as_millis().to_string()
}

#[tokio::test]
async fn public_methods_need_no_key_and_the_counters_are_ours() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let text = frame(1, "depth", &[("symbol", "BTCUSDT")]);
        let answer = ask(&mut client, text.clone()).await;
        assert_eq!((&answer["id"], &answer["status"]), (&Value::from(1), &Value::from(200)));
        assert_eq!(answer["rateLimits"][0]["count"], 5, "what the connection used here, not what the upstream says");
        assert_eq!(stage.upstream.texts(), [text], "as received");
        assert_eq!(stage.upstream.identities(), [None]);
    })
    .await;
}

#[tokio::test]
async fn a_logon_opens_the_session_and_a_logout_closes_it() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let place = frame(7, "order.place", &[("symbol", "BTCUSDT"), ("timestamp", &timestamp())]);
        let refused = ask(&mut client, place.clone()).await;
        assert_eq!(refused["error"]["code"], -1102, "{refused}");
        let logon = ask(&mut client, signed_frame(2, "session.logon", TRADER, &[])).await;
        assert_eq!((&logon["status"], &logon["result"]["apiKey"]), (&Value::from(200), &Value::from(TRADER)), "{logon}");
        assert!(stage.upstream.texts().is_empty(), "logons end here");
        let placed = ask(&mut client, place.clone()).await;
        assert_eq!(placed["status"], 200, "{placed}");
        assert_eq!(placed["rateLimits"][0]["rateLimitType"], "ORDERS");
        assert_eq!(ask(&mut client, frame(3, "session.status", &[])).await["result"]["apiKey"], TRADER);
        assert_eq!(ask(&mut client, frame(4, "session.logout", &[])).await["result"]["apiKey"], Value::Null);
        assert_eq!(ask(&mut client, place.clone()).await["error"]["code"], -1102);
        assert_eq!(stage.upstream.texts(), [place]);
        assert_eq!(stage.upstream.identities(), [Some(TRADER.to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_signed_message_passes_under_its_own_key_and_each_key_has_its_link() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        ask(&mut client, signed_frame(1, "session.logon", TRADER, &[])).await;
        assert_eq!(ask(&mut client, signed_frame(2, "account.status", READER, &[])).await["status"], 200);
        assert_eq!(ask(&mut client, frame(3, "account.status", &[("timestamp", &timestamp())])).await["status"], 200);
        assert_eq!(ask(&mut client, frame(4, "ping", &[])).await["status"], 200);
        assert_eq!(ask(&mut client, signed_frame(5, "account.status", READER, &[])).await["status"], 200);
        let identities = stage.upstream.identities();
        assert_eq!(identities, [Some(READER.to_owned()), Some(TRADER.to_owned()), None]);
        let connections: Vec<_> = stage.upstream.arrivals.borrow().iter().map(|arrival| arrival.connection).collect();
        assert_eq!(connections, [0, 1, 2, 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_allowed_never_arrives() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let placed = signed_frame(1, "order.place", TRADER, &[("symbol", "BTCUSDT")]);
        for (frame, code) in [
            (signed_frame(2, "order.place", READER, &[("symbol", "BTCUSDT")]), -2015),
            (placed.replace("BTCUSDT", "ETHUSDT"), -1022),
            (placed.replace(TRADER, READER), -1022),
            (placed.replace(TRADER, "nobody"), -1022),
            (frame(3, "order.fly", &[]), -1020),
            ("{".to_owned(), -1135),
        ] {
            let answer = ask(&mut client, frame.clone()).await;
            assert_eq!(answer["error"]["code"], code, "{frame}: {answer}");
        }
        assert!(stage.upstream.upgrades.borrow().is_empty(), "nothing arrives without a permit");
        assert_eq!(ask(&mut client, placed.clone()).await["status"], 200);
        assert_eq!(ask(&mut client, placed.clone()).await["error"]["code"], -1021, "a write passes once");
        assert_eq!(stage.upstream.texts(), [placed]);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_is_told_so_on_its_next_message() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        ask(&mut client, signed_frame(1, "session.logon", TRADER, &[])).await;
        stage.change_credentials(|credential| credential.state = CredentialState::Revoked);
        let answer = ask(&mut client, frame(2, "account.status", &[("timestamp", &timestamp())])).await;
        assert_eq!((&answer["id"], &answer["status"], &answer["error"]["code"]), (&Value::Null, &Value::from(401), &Value::from(-2015)));
        assert_eq!(ask(&mut client, frame(3, "session.status", &[])).await["result"]["apiKey"], Value::Null, "logged out");
        assert_eq!(ask(&mut client, frame(4, "ping", &[])).await["status"], 200, "the connection is still good for anybody");
        assert!(stage.upstream.identities().iter().all(Option::is_none));
    })
    .await;
}

#[tokio::test]
async fn a_user_data_stream_of_a_revoked_key_is_cut() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let subscribed = ask(&mut client, signed_frame(1, "userDataStream.subscribe.signature", READER, &[])).await;
        assert_eq!(subscribed["status"], 200, "{subscribed}");
        assert_eq!(ask(&mut client, frame(2, "session.status", &[])).await["result"]["userDataStream"], true);
        stage.change_credentials(|credential| credential.state = CredentialState::Suspended);
        let cut = tokio::time::timeout(within_a_second(), next_text(&mut client)).await;
        assert_eq!(cut.unwrap(), "close 1008", "within a second");
    })
    .await;
}

#[tokio::test]
async fn an_upstream_that_is_lost_is_not_a_bad_key() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let answer = ask(&mut client, frame(9, "depth", &[("symbol", "die")])).await;
        assert_eq!((&answer["id"], &answer["status"], &answer["error"]["code"]), (&Value::from(9), &Value::from(502), &Value::from(-1006)));
        assert_eq!(ask(&mut client, frame(10, "ping", &[])).await["status"], 200, "the next message opens a new link");
        ask(&mut client, signed_frame(1, "userDataStream.subscribe.signature", READER, &[])).await;
        let lost = signed_frame(2, "account.status", READER, &[("symbol", "die")]);
        assert_eq!(ask(&mut client, lost).await["error"]["code"], -1006);
        assert_eq!(next_text(&mut client).await, "close 1012", "events may be missing: connect again");
    })
    .await;
}

#[tokio::test]
async fn messages_are_bounded_until_somebody_proved_a_key() {
    on_stage(|stage| async move {
        let long = "x".repeat(UNPROVED_MESSAGE_BYTES_MAX);
        let mut client = connected(&stage).await;
        client.send(Message::text(frame(1, "depth", &[("symbol", &long)]))).await.unwrap();
        assert_eq!(next_text(&mut client).await, "close 1009");
        let mut client = connected(&stage).await;
        ask(&mut client, signed_frame(1, "session.logon", TRADER, &[])).await;
        assert_eq!(ask(&mut client, frame(2, "depth", &[("symbol", &long)])).await["status"], 200);
    })
    .await;
}

#[tokio::test]
async fn a_draining_node_says_so_as_the_venue_does() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        assert_eq!(ask(&mut client, frame(1, "ping", &[])).await["status"], 200);
        stage.worker.shared.drain.start();
        let event: Value = serde_json::from_str(&next_text(&mut client).await).unwrap();
        assert_eq!(event["event"]["e"], "serverShutdown");
        assert_eq!(next_text(&mut client).await, "close 1001");
    })
    .await;
}

#[tokio::test]
async fn binary_frames_are_not_spoken() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        client.send(Message::binary(&b"{}"[..])).await.unwrap();
        assert_eq!(next_text(&mut client).await, "close 1003");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_refused_all_the_time_is_closed() {
    on_stage(|stage| async move {
        let mut client = connected(&stage).await;
        let mut last = Value::Null;
        for _ in 0..2 * REFUSALS_PER_MINUTE_MAX + 1 {
            last = ask(&mut client, "{".to_owned()).await;
            if last.is_string() {
                break;
            }
        }
        assert_eq!(last, "close 1008", "at most two windows of refusals");
    })
    .await;
}

#[tokio::test]
async fn the_rate_of_a_key_is_its_own() {
    on_stage(|stage| async move {
        let few = std::num::NonZeroU32::new(50).unwrap();
        stage.change_credentials(|credential| credential.rate.weight_per_minute = few);
        let mut client = connected(&stage).await;
        let mut last = Value::Null;
        // Two minutes may have a part in it, each with room for two.
        for id in 0..7 {
            last = ask(&mut client, signed_frame(id, "account.status", READER, &[("omitZeroBalances", &id.to_string())])).await;
            if last["status"] == 429 {
                break;
            }
        }
        assert_eq!((&last["status"], &last["error"]["code"]), (&Value::from(429), &Value::from(-1003)), "{last}");
        assert!(last["error"]["data"]["retryAfter"].is_number());
        assert!(stage.upstream.texts().len() <= 4);
        assert!(stage.refused("rate_limited"));
    })
    .await;
}
