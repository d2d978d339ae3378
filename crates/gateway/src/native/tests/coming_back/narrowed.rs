//! A key loses scopes while its client is away, or on its way back.

use super::*;

#[tokio::test]
async fn who_comes_back_holds_what_its_key_has_left() {
    // HS-126
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (peer, resumption) = begun(&stage, &offer).await;
        gone(&stage, peer).await;
        stage.change_credentials(|credential| credential.scopes = Scopes::parse("md:read").unwrap());
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(session.contract.scopes, Scopes::parse("md:read").unwrap());
        assert_eq!(stage.worker.shared.sessions.list(1)[0].scopes, "md:read");
        assert_eq!(peer.ask(r#"{"op":"order.place","id":1}"#).await["err"]["code"], "scope.denied");
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn a_return_that_is_refused_takes_nothing_away_unsaid() {
    // HS-87 HS-124
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        stage.change_credentials(|credential| credential.scopes = Scopes::parse("md:read").unwrap());
        let lying = Resumption { numbers: Numbers { rx: 99, tx: 2 }, ..resumption };
        assert_eq!(come_back(&stage, &offer, &lying).await.err().unwrap(), "seq.range");
        let told = peer.next().await;
        assert!(told["regrant"].is_string(), "the connection that goes on is told what it lost: {told}");
    })
    .await;
}
