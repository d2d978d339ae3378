//! Cancel on disconnect: what the upstream is asked, when, and how often.

use super::*;

#[tokio::test]
async fn a_clean_end_cancels_where_the_contract_says_so() {
    // HS-95
    on_stage(|stage| async move {
        let mut offer = lasting("account", 0);
        offer.want.choices.insert(Choice::CodOnLogout, vec!["true".to_owned()]);
        let (mut peer, _) = begun(&stage, &offer).await;
        peer.send(r#"{"bye":{"code":"done"}}"#).await;
        assert_eq!(peer.next().await["bye"]["code"], "done");
        assert_eq!(cancelled(&stage), [json!({"op": "order.cancel_all", "id": "countersign.cod", "scope": "account"})]);
    })
    .await;
}

#[tokio::test]
async fn the_class_of_the_contract_is_what_the_upstream_is_asked_to_cancel() {
    // HS-130
    for (class, asked) in [
        ("day", json!({"op": "order.cancel_all", "id": "countersign.cod", "scope": "session", "class": "day"})),
        ("opening", json!({"op": "order.cancel_all", "id": "countersign.cod", "scope": "session", "class": "opening"})),
        ("all", json!({"op": "order.cancel_all", "id": "countersign.cod", "scope": "session"})),
    ] {
        on_stage(|stage| async move {
            let mut offer = lasting("session", 0);
            offer.want.choices.insert(Choice::CodClass, vec![class.to_owned()]);
            let (peer, resumption) = begun(&stage, &offer).await;
            assert_eq!(resumption.contract.choice(Choice::CodClass), class);
            gone(&stage, peer).await;
            until(|| !cancelled(&stage).is_empty()).await;
            assert_eq!(cancelled(&stage), [asked]);
            until(|| !stage.recorded("cancel_on_disconnect").is_empty()).await;
            let record = stage.recorded("cancel_on_disconnect").remove(0);
            // All of them is what everybody expects, and goes without saying.
            assert_eq!(record.to_string().contains(&format!("class {class}")), class != "all", "{record}");
        })
        .await;
    }
}

#[tokio::test]
async fn orders_are_cancelled_when_the_grace_is_over_and_once() {
    // HS-96
    on_stage(|stage| async move {
        let offer = lasting("session", 2_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        assert!(cancelled(&stage).is_empty(), "a client that returns in time keeps them");
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        until(|| cancelled(&stage).len() == 1).await;
        assert_eq!(cancelled(&stage)[0]["scope"], "session");
        let identity = stage.upstream.upgrades.borrow().last().unwrap().identity.clone().unwrap();
        assert_eq!(identity["sid"], resumption.sid.to_string(), "in the name of the session");
        let (mut peer, _) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
        assert_eq!(cancelled(&stage).len(), 1);
        let record = stage.recorded("cancel_on_disconnect");
        assert_eq!(record.len(), 1, "one event with its count: {record:?}");
        assert!(record[0]["detail"].as_str().unwrap().starts_with("3 orders cancelled, scope session"), "{record:?}");
        assert_eq!(stage.recorded("session_resume").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_returns_within_the_grace_keeps_its_orders() {
    // HS-96 HS-97
    on_stage(|stage| async move {
        let offer = lasting("session", 3_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        let (peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        tokio::time::sleep(Duration::from_millis(3_200)).await;
        assert!(cancelled(&stage).is_empty());
        let again = Resumption { numbers: resumption.numbers, ..session.resumption.unwrap() };
        gone(&stage, peer).await;
        until(|| cancelled(&stage).len() == 1).await;
        assert!(come_back(&stage, &offer, &again).await.is_ok(), "armed again, fired, and still resumable");
    })
    .await;
}

#[tokio::test]
async fn whoever_cannot_come_back_leaves_no_orders() {
    // HS-96
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, _) = begun(&stage, &offer).await;
        assert_eq!(peer.ask(r#"{"op":"book","id":1}"#).await["d"]["ok"], true);
        stage.change_credentials(|credential| credential.state = CredentialState::Revoked);
        assert_eq!(peer.next().await["err"]["code"], "auth.failed");
        until(|| cancelled(&stage).len() == 1).await;
        until(|| stage.worker.shared.sessions.is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn a_leaving_node_cancels_for_sessions_that_are_away() {
    // HS-96
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        stage.worker.shared.drain.start();
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert_eq!(cancelled(&stage).len(), 1);
    })
    .await;
}
