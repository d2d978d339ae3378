//! A halt, and its end, told to whoever was away.
#![allow(clippy::unwrap_used)]
use countersign_halt::Action;

use super::*;
use crate::halts::tests::{halt, lift};

#[tokio::test]
async fn a_halt_raised_while_a_session_is_away_is_told_when_it_is_back_and_once() {
    // HS-99
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        let report = halt(&stage, "account:desk", Action::CancelOnly).await;
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(peer.next().await["halt"]["id"], report.id.as_str());
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
        // It is heard of now: the next return says nothing of it.
        let again = Resumption { numbers: Numbers { rx: 3, tx: 3 }, ..session.resumption.unwrap() };
        gone(&stage, peer).await;
        let (mut peer, session) = come_back(&stage, &offer, &again).await.unwrap();
        assert_eq!(peer.ask(r#"{"op":"book","id":3}"#).await["d"]["re"], 3, "the next frame is the answer");
        // Lifted while away: that is told, too.
        let last = Resumption { numbers: Numbers { rx: 4, tx: 4 }, ..session.resumption.unwrap() };
        gone(&stage, peer).await;
        lift(&stage, &report.id, None, &["alice", "bob"]).await.unwrap();
        let (mut peer, _) = come_back(&stage, &offer, &last).await.unwrap();
        assert_eq!(peer.next().await, json!({ "lift": {} }));
    })
    .await;
}

#[tokio::test]
async fn a_halt_that_the_client_may_not_have_heard_of_is_told_again() {
    // HS-99
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        let report = halt(&stage, "account:desk", Action::CancelOnly).await;
        assert_eq!(peer.next().await["halt"]["id"], report.id.as_str());
        // Nothing was heard from it since: the frame may have been lost with the connection.
        gone(&stage, peer).await;
        let (mut peer, _) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(peer.next().await["halt"]["id"], report.id.as_str());
    })
    .await;
}
