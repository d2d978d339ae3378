//! Sessions that nobody comes back to.

use super::*;

#[tokio::test]
async fn a_clean_end_is_the_end() {
    // HS-91 HS-95
    on_stage(|stage| async move {
        let offer = lasting("session", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        peer.send(r#"{"bye":{"code":"done"}}"#).await;
        assert_eq!(peer.next().await["bye"]["code"], "done");
        assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "session.unknown");
        assert!(cancelled(&stage).is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    // HS-91
    on_stage(|stage| async move {
        let mut offer = lasting("none", 0);
        offer.want.quantities.insert(Quantity::ResumeS, 1);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "session.unknown");
    })
    .await;
}

#[tokio::test]
async fn an_operator_ends_a_session_that_is_away() {
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        assert!(stage.worker.shared.sessions.kill(resumption.sid, KilledBy::Operator));
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert_eq!(cancelled(&stage).len(), 1);
        assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "session.unknown");
    })
    .await;
}

#[tokio::test]
async fn a_session_without_resume_ends_with_its_connection() {
    // HS-91
    on_stage(|stage| async move {
        let mut peer = opened(&stage).await;
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
        drop(peer);
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert!(cancelled(&stage).is_empty());
    })
    .await;
}
