#![allow(clippy::unwrap_used)]
use countersign_halt::Action;

use super::*;
use crate::halts::tests::{halt, lift};

async fn trading(stage: &Stage) -> Peer {
    let mut peer = Peer::connect(stage);
    let session = peer.open(stage, offer("md:read order:write")).await.unwrap();
    peer.send(&session.ready_frame()).await;
    assert_eq!(peer.ask(r#"{"op":"order.place","id":0}"#).await["d"]["ok"], true);
    peer
}

#[tokio::test]
async fn a_session_is_told_of_a_halt_refused_by_it_and_told_when_it_is_over() {
    on_stage(|stage| async move {
        let mut peer = trading(&stage).await;
        let report = halt(&stage, "account:desk", Action::CancelOnly).await;
        let told = peer.next().await;
        assert_eq!(told, serde_json::json!({ "halt": { "id": report.id, "action": "cancel-only", "reason": "runaway" } }));
        let refused = peer.ask(r#"{"op":"order.place","id":1}"#).await;
        assert_eq!((&refused["err"]["code"], &refused["err"]["re"]), (&"halt.active".into(), &1.into()));
        assert_eq!(refused["err"]["fatal"], false);
        assert_eq!(peer.ask(r#"{"op":"order.cancel","id":2}"#).await["d"]["ok"], true);
        assert_eq!(peer.ask(r#"{"op":"book","id":3}"#).await["d"]["ok"], true);
        lift(&stage, &report.id, None, &["alice", "bob"]).await.unwrap();
        assert_eq!(peer.next().await, serde_json::json!({ "lift": {} }));
        assert_eq!(peer.ask(r#"{"op":"order.place","id":4}"#).await["d"]["ok"], true);
        assert_eq!(stage.upstream.texts().len(), 4, "the refused order is not among them");
    })
    .await;
}

#[tokio::test]
async fn a_client_stops_its_own_session_and_no_other() {
    on_stage(|stage| async move {
        let (mut peer, mut other) = (trading(&stage).await, trading(&stage).await);
        let wrong = peer.ask(r#"{"op":"halt","id":1,"scope":"venue"}"#).await;
        assert_eq!(wrong["err"]["re"], 1, "{wrong}");
        assert!(stage.worker.shared.halts.status().halts.is_empty());
        peer.number = 0;
        let mut peer = trading(&stage).await;
        let done = peer.ask(r#"{"op":"halt","id":7,"scope":"session","action":"deny-new"}"#).await;
        assert_eq!((&done["d"]["re"], &done["d"]["ok"], &done["d"]["result"]["confirmed"]), (&7.into(), &true.into(), &true.into()));
        assert_eq!(peer.next().await["halt"]["reason"], "client.request");
        assert_eq!(peer.ask(r#"{"op":"order.place","id":8}"#).await["err"]["code"], "halt.active");
        assert_eq!(other.ask(r#"{"op":"order.place","id":9}"#).await["d"]["ok"], true);
        let status = stage.worker.shared.halts.status();
        lift(&stage, &status.halts[0].id, None, &["carol"]).await.unwrap();
        assert_eq!(peer.next().await, serde_json::json!({ "lift": {} }));
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_ends_the_session_and_lets_no_new_one_begin() {
    on_stage(|stage| async move {
        let mut peer = trading(&stage).await;
        halt(&stage, "dialect:native", Action::Disconnect).await;
        assert_eq!(peer.next().await["err"]["code"], "halt.active");
        assert_eq!(peer.next().await["bye"]["code"], "halt.active");
        assert_eq!(peer.next().await, "end");
        let mut again = Peer::connect(&stage);
        assert!(again.open(&stage, offer("md:read")).await.is_err());
        assert!(stage.refused("halted"));
    })
    .await;
}

#[tokio::test]
async fn a_session_that_may_not_trade_may_not_stop_its_account() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let session = peer.open(&stage, offer("md:read")).await.unwrap();
        peer.send(&session.ready_frame()).await;
        assert_eq!(peer.ask(r#"{"op":"halt","id":1,"scope":"account"}"#).await["err"]["code"], "scope.denied");
        assert!(stage.worker.shared.halts.status().halts.is_empty());
    })
    .await;
}
