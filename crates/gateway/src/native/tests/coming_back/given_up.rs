#![allow(clippy::unwrap_used)]
//! Attempts whose client has gone before it was answered.

use countersign_session::Entrant;

use super::*;

/// Sends a resume and goes away after so many turns of the others.
async fn try_and_give_up(stage: &Stage, offer: &Offer, resumption: &Resumption, turns: usize) {
    let mut peer = Peer::connect(stage);
    let nonce = peer.nonce().await;
    let ours = client(stage, offer.clone(), false);
    let waiting = ours.resume(resumption, Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
    peer.send(waiting.first_frame().expose()).await;
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_attempt_whose_client_has_gone_takes_nothing() {
    // HS-85
    on_stage(|stage| async move {
        let offer = lasting("session", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        try_and_give_up(&stage, &offer, &resumption, 0).await;
        // Far more than an attempt needs to be served.
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        asked(&mut peer, &mut resumption.numbers).await;
        assert_eq!(cancelled(&stage), Vec::<Value>::new());
        assert!(come_back(&stage, &offer, &resumption).await.is_ok(), "its ticket is as good as before");
    })
    .await;
}

#[tokio::test]
async fn whenever_a_client_gives_up_the_next_attempt_succeeds_and_nothing_comes_after_it() {
    // HS-84 HS-85
    on_stage(|stage| async move {
        let offer = lasting("session", 10_000);
        for turns in 0..24 {
            let (mut peer, mut resumption) = begun(&stage, &offer).await;
            asked(&mut peer, &mut resumption.numbers).await;
            try_and_give_up(&stage, &offer, &resumption, turns).await;
            let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
            for _ in 0..2 {
                assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["re"], 4, "after {turns} turns");
            }
            assert_eq!(session.sid, resumption.sid);
            peer.send(r#"{"bye":{"code":"done"}}"#).await;
            until(|| stage.worker.shared.sessions.is_empty()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_client_said_before_it_went_keeps_no_attempt_alive() {
    // HS-85
    on_stage(|stage| async move {
        let offer = lasting("session", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        let mut second = Peer::connect(&stage);
        let nonce = second.nonce().await;
        let waiting = client(&stage, offer.clone(), false).resume(&resumption, Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
        // Somebody else is judged meanwhile.
        let turn = stage.worker.door.enter(Entrant::Hello).await.unwrap();
        second.send(waiting.first_frame().expose()).await;
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        second.number = resumption.numbers.tx - 1;
        second.message(r#"{"op":"order.place","id":5}"#).await;
        drop(second);
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        drop(turn);
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        asked(&mut peer, &mut resumption.numbers).await;
        assert_eq!(stage.upstream.texts().iter().filter(|text| text.contains("order.place")).count(), 0);
        assert_eq!(cancelled(&stage), Vec::<Value>::new());
    })
    .await;
}
