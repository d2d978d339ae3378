//! What was missed, on either side.

use super::*;

#[tokio::test]
async fn a_session_goes_on_with_what_its_client_missed() {
    // HS-85 HS-87 HS-88
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        peer.message(r#"{"op":"order.place","id":2}"#).await;
        peer.message(r#"{"op":"order.fly","id":3}"#).await;
        resumption.numbers.tx += 2;
        until(|| stage.upstream.texts().len() == 2).await;
        gone(&stage, peer).await;
        assert_eq!(stage.worker.shared.sessions.len(), 1);
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(session.sid, resumption.sid);
        assert_eq!(session.seq, Numbers { rx: 4, tx: 3 }, "all three were received");
        assert_eq!(session.gap, Some(Gap { from: 2, count: 1, how: GapHow::Replay }));
        let told = [peer.next().await, peer.next().await];
        assert!(told.contains(&json!({"s": 2, "a": 4, "dup": true, "d": {"re": 2, "ok": true}})), "{told:?}");
        assert!(told.iter().any(|frame| frame["err"]["re"] == 3), "the refusal is told, too: {told:?}");
        assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["re"], 4);
        assert_eq!(stage.upstream.texts().len(), 3, "nothing was forwarded twice");
        assert_eq!(stage.upstream.upgrades.borrow().len(), 1, "the link to the upstream is the same");
        assert_eq!(stage.worker.shared.sessions.away(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_feed_that_goes_on_while_nobody_is_there_pushes_no_fill_out() {
    // HS-89 HS-135
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        peer.message(r#"{"op":"subscribe","id":"flood later"}"#).await;
        resumption.numbers.tx += 1;
        until(|| stage.upstream.texts().len() == 2).await;
        gone(&stage, peer).await;
        stage.upstream.later.notify_one();
        until(|| stage.upstream.flooded.get()).await;
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(session.gap.map(|gap| gap.how), Some(GapHow::Replay), "nothing of it is lost");
        let mut told = Vec::new();
        while told.last().is_none_or(|body: &Value| body["re"].is_null()) {
            let frame = peer.next().await;
            assert_eq!(frame["s"], 2 + told.len() as u64, "there is no hole");
            told.push(frame["d"].clone());
        }
        assert_eq!((&told[0]["trade"], &told[told.len() - 2]["trade"]), (&json!(1), &json!(2)), "both fills, in their order");
        assert_eq!(told[told.len() - 3]["ev"], "countersign.left_out");
        assert!(told.len() < 100, "{}", told.len());
    })
    .await;
}

#[tokio::test]
async fn a_feed_that_nobody_acknowledged_pushes_no_fill_out_before_the_loss_is_known() {
    // HS-88 HS-90 HS-135
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        peer.message(r#"{"op":"subscribe","id":"flood"}"#).await;
        resumption.numbers.tx += 1;
        // What a cut cable does: the gateway sends it all, and nobody has it.
        while peer.next().await["d"]["re"].is_null() {}
        gone(&stage, peer).await;
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        let last = session.seq.tx - 1;
        assert_eq!((last, session.gap.map(|gap| gap.how)), (2_004, Some(GapHow::Replay)));
        let (mut next, mut fills) = (2, Vec::new());
        while next <= last {
            let frame = peer.next().await;
            let gone = frame["gap"]["count"].as_u64();
            assert_eq!(*if gone.is_some() { &frame["gap"]["from"] } else { &frame["s"] }, next, "each in its place: {frame}");
            next += gone.unwrap_or(1);
            fills.extend(frame["d"]["trade"].as_u64());
        }
        assert_eq!(fills, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn what_the_gateway_never_got_is_known_by_number() {
    // HS-87
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        // Sent into the void: two orders that never arrived.
        resumption.numbers.tx += 2;
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(session.seq.rx, 2, "the first of them is still expected");
        assert_eq!(peer.ask(r#"{"op":"order.place","id":9}"#).await["d"]["re"], 9);
        assert_eq!(stage.upstream.texts().len(), 2);
    })
    .await;
}
