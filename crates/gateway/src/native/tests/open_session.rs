#![allow(clippy::unwrap_used)]
use countersign_pki::ClientAuth;

use super::*;
use crate::config::Settings;
use crate::testing::{on_stage_with, within_a_second};

#[tokio::test]
async fn a_refused_message_does_not_end_the_session() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let session = peer.open(&stage, offer("md:read")).await.unwrap();
        peer.send(&session.ready_frame()).await;
        for (body, code, re) in [
            (r#"{"op":"order.place","id":"a"}"#, "scope.denied", Value::from("a")),
            (r#"{"op":"order.fly","id":1}"#, "route.unknown", Value::from(1)),
            (r#"{"op":"book","op":"order.place","id":1}"#, "route.unknown", Value::Null),
            ("[]", "route.unknown", Value::Null),
        ] {
            let err = peer.ask(body).await;
            assert_eq!((&err["err"]["code"], &err["err"]["re"]), (&Value::from(code), &re), "{body}");
            assert_eq!(err["err"]["s"], peer.number, "{body}");
        }
        assert!(stage.upstream.texts().is_empty(), "the key may place orders, this contract may not");
        let record = stage.audited("scope_missing");
        assert_eq!((&record["account"], &record["credential"]), (&"desk".into(), &"native".into()), "it is known to whom it was refused");
        assert!(record["session"].is_string(), "{record}");
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
        peer.number = 0;
        assert_eq!(peer.ask(r#"{"op":"book","id":3}"#).await["err"]["code"], "seq.conflict");
        assert_eq!(peer.next().await["bye"]["code"], "seq.conflict");
        assert_eq!(peer.next().await, "end");
        assert_eq!(stage.upstream.texts().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn another_contract_is_not_confirmed() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let _ = peer.open(&stage, offer("md:read")).await.unwrap();
        peer.send(r#"{"ready":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#).await;
        assert_eq!(peer.next().await["err"]["code"], "proto.order");
        assert_eq!(peer.next().await["bye"]["code"], "proto.order");
    })
    .await;
}

#[tokio::test]
async fn a_suspended_key_is_cut_within_a_second() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
        stage.change_credentials(|credential| credential.state = CredentialState::Suspended);
        let cut = tokio::time::timeout(within_a_second(), peer.next()).await.unwrap();
        assert_eq!(cut["err"]["code"], "auth.locked");
        assert_eq!(peer.next().await["bye"]["code"], "auth.locked");
        assert_eq!(peer.next().await, "end");
        assert!(stage.worker.shared.sessions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_change_that_leaves_the_key_alone_leaves_the_session_alone() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        stage.change_credentials(|_| {});
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn an_operator_ends_a_session() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        let sid = countersign_core::SessionId::parse(&stage.worker.shared.sessions.list(1)[0].sid).unwrap();
        assert!(stage.worker.shared.sessions.kill(sid, KilledBy::Operator));
        assert_eq!(peer.next().await["err"]["code"], "session.expired");
        assert_eq!(peer.next().await["bye"]["code"], "session.expired");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_revoked_at_another_node_ends() {
    for (by, reason) in [("operator bob", "ended by an operator"), ("its client", "revoked")] {
        on_stage(|stage| async move {
            let mut peer = opened(&stage).await;
            let shared = &stage.worker.shared;
            let sid = countersign_core::SessionId::parse(&shared.sessions.list(1)[0].sid).unwrap();
            let change = countersign_store::Change::new(clock::wall(), by);
            shared.store.revoke_tokens(countersign_oauth::RevocationTarget::Session(sid), &change).await.unwrap();
            assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true, "not heard of yet");
            crate::tokens::sync_revocations(shared).await.unwrap();
            assert_eq!(peer.next().await["err"]["code"], "session.expired");
            assert_eq!(peer.next().await["bye"]["code"], "session.expired");
            while !shared.sessions.is_empty() {
                tokio::task::yield_now().await;
            }
            let ended = stage.recorded("session_end");
            assert!(ended.iter().any(|record| record["detail"] == reason), "{ended:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_lost_upstream_ends_the_session_and_says_whose_fault_it_is() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        peer.message(r#"{"op":"book","id":"die"}"#).await;
        assert_eq!(peer.next().await["err"]["code"], "upstream.unavailable");
        assert_eq!(peer.next().await["bye"]["code"], "upstream.unavailable");
    })
    .await;
}

#[tokio::test]
async fn a_draining_node_gives_notice() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
        stage.worker.shared.drain.start();
        let by_ms = peer.next().await["drain"]["by_ms"].as_u64().unwrap();
        assert!(by_ms > 0);
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true, "until then it goes on");
        tokio::time::pause();
        loop {
            let frame = peer.next().await;
            if frame.get("hb").is_none() && frame.get("ping").is_none() {
                assert_eq!(frame["bye"]["code"], "drain");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_silent_client_is_given_up() {
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let mut seen = Vec::new();
        loop {
            let frame = peer.next().await;
            match frame.as_object() {
                Some(frame) => seen.extend(frame.keys().cloned()),
                None => break,
            }
        }
        assert_eq!(seen, ["hb", "ping"], "a heartbeat after 10 s, a ping after 15");
        // The last frame came a moment before the clock was stopped.
        assert!((19_000..=20_100).contains(&began.elapsed().as_millis()), "the end after two intervals: {:?}", began.elapsed());
        assert!(stage.worker.shared.sessions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_says_nothing_does_not_outlive_the_certificate_that_everybody_needs() {
    let needed = |settings: &mut Settings| settings.listen.client_auth = ClientAuth::Required;
    on_stage_with(needed, |stage| async move {
        let not_after = clock::wall().as_secs() + 3;
        let mut peer = Peer::connect_on(&stage, stage.connection_showing(not_after));
        let session = peer.open(&stage, offer("md:read")).await.unwrap();
        peer.send(&session.ready_frame()).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), peer.next()).await.expect("it is cut off");
        assert_eq!(ended["err"]["code"], "auth.failed", "{ended}");
        assert!(clock::wall().as_secs() > not_after, "not before");
    })
    .await;
}
