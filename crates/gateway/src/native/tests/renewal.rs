#![allow(clippy::unwrap_used)]
use countersign_handshake::{AwaitRegrant, SecretText};
use serde_json::json;

use super::*;

const LIFE_S: u64 = 60;

fn short() -> Offer {
    let mut offer = offer("md:read order:write");
    offer.want.quantities.insert(Quantity::LifeS, LIFE_S);
    offer
}

async fn begun(stage: &Stage, offer: Offer) -> (Peer, ClientSession) {
    let mut peer = Peer::connect(stage);
    let session = peer.open(stage, offer).await.unwrap();
    peer.send(&session.ready_frame()).await;
    (peer, session)
}

async fn prove(peer: &mut Peer, session: &ClientSession, scopes: Option<&str>) -> AwaitRegrant {
    peer.send(r#"{"nonce":""}"#).await;
    let nonce = peer.nonce().await;
    let asked = session.reauth(&native_key(), scopes.map(|scopes| Scopes::parse(scopes).unwrap()), None, &nonce).unwrap();
    peer.send(&asked.frame()).await;
    asked
}

/// Takes a re-grant as a client does; whether it was asked for.
fn take(stage: &Stage, session: &mut ClientSession, asked: Option<&AwaitRegrant>, frame: &Value) -> bool {
    let (token, sec) = (frame["regrant"].as_str().unwrap(), SecretText::new(frame["sec"].as_str().unwrap().to_owned()));
    session.regranted(asked, (token, &sec), (&stage.gateway_root, &Need::default()), clock::now()).unwrap()
}

#[tokio::test]
async fn a_session_whose_client_proves_itself_again_lives_on_under_a_new_contract() {
    // HS-120 HS-123 HS-125
    on_stage(|stage| async move {
        let (mut peer, mut session) = begun(&stage, short()).await;
        let shown = stage.worker.shared.sessions.list(1).remove(0);
        let asked = prove(&mut peer, &session, Some("md:read")).await;
        let frame = peer.next().await;
        assert!(take(&stage, &mut session, Some(&asked), &frame), "{frame}");
        let later = stage.worker.shared.sessions.list(1).remove(0);
        assert_eq!((&later.sid, later.scopes.as_str()), (&shown.sid, "md:read"));
        assert!(later.until_ms >= shown.until_ms, "the life begins again");
        let record = stage.recorded("session_regrant").remove(0);
        assert_eq!((&record["account"], &record["session"]), (&"desk".into(), &json!(shown.sid)), "{record}");
        assert_eq!(peer.ask(r#"{"op":"order.place","id":1}"#).await["err"]["code"], "scope.denied", "narrowed, as asked");
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
        let asked = prove(&mut peer, &session, Some("md:read order:write")).await;
        assert!(take(&stage, &mut session, Some(&asked), &peer.next().await));
        assert_eq!(peer.ask(r#"{"op":"order.place","id":3}"#).await["d"]["ok"], true, "and widened, with a proof");
        peer.send(&session.ready_frame()).await;
        assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["ok"], true, "the present contract may be named");
    })
    .await;
}

#[tokio::test]
async fn a_reauthentication_without_a_fresh_nonce_changes_nothing() {
    // HS-121
    on_stage(|stage| async move {
        let (mut peer, session) = begun(&stage, short()).await;
        peer.send(r#"{"nonce":""}"#).await;
        let nonce = peer.nonce().await;
        let once = session.reauth(&native_key(), None, None, &nonce).unwrap();
        peer.send(&once.frame()).await;
        assert!(peer.next().await["regrant"].is_string());
        peer.send(&once.frame()).await;
        let err = peer.next().await;
        assert_eq!((&err["err"]["code"], &err["err"]["re"]), (&json!("nonce.stale"), &json!("reauth")), "{err}");
        assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["ok"], true, "and the session goes on");
    })
    .await;
}

#[tokio::test]
async fn a_proof_of_another_session_ends_this_one() {
    // HS-120
    on_stage(|stage| async move {
        let (mut peer, _) = begun(&stage, short()).await;
        let (_other, stranger) = begun(&stage, short()).await;
        let _asked = prove(&mut peer, &stranger, None).await;
        assert_eq!(peer.next().await["err"]["code"], "auth.failed");
        assert_eq!(peer.next().await["bye"]["code"], "auth.failed");
        assert_eq!(stage.worker.shared.sessions.len(), 1, "the other one is untouched");
    })
    .await;
}

#[tokio::test]
async fn nobody_proves_himself_all_the_time() {
    // HS-129
    on_stage(|stage| async move {
        let (mut peer, mut session) = begun(&stage, short()).await;
        let mut refused = None;
        // The window may turn once meanwhile.
        for _ in 0..=2 * super::super::limits::REAUTHS_PER_MINUTE_MAX {
            let asked = prove(&mut peer, &session, None).await;
            let frame = peer.next().await;
            if frame["regrant"].is_null() {
                refused = Some(frame);
                break;
            }
            take(&stage, &mut session, Some(&asked), &frame);
        }
        let refused = refused.unwrap();
        assert_eq!((&refused["err"]["code"], &refused["err"]["re"]), (&json!("rate.limited"), &json!("reauth")));
        assert!(refused["err"]["retry_ms"].is_u64());
        assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn scopes_that_a_key_loses_are_lost_to_its_open_sessions_at_once() {
    // HS-124 HS-125
    on_stage(|stage| async move {
        let (mut peer, mut session) = begun(&stage, short()).await;
        assert_eq!(peer.ask(r#"{"op":"order.place","id":1}"#).await["d"]["ok"], true);
        stage.change_credentials(|credential| credential.scopes = Scopes::parse("md:read").unwrap());
        peer.message(r#"{"op":"order.place","id":2}"#).await;
        let (mut told, mut refused) = (false, false);
        for frame in [peer.next().await, peer.next().await] {
            match frame["regrant"].is_string() {
                true => told = !take(&stage, &mut session, None, &frame),
                false => refused = frame["err"]["code"] == "scope.denied",
            }
        }
        assert!(told && refused, "refused at once, and told within a second");
        assert_eq!(session.contract.scopes, Scopes::parse("md:read").unwrap());
        assert_eq!(stage.worker.shared.sessions.list(1)[0].scopes, "md:read");
        assert_eq!(peer.ask(r#"{"op":"book","id":4}"#).await["d"]["ok"], true);
        assert_eq!(stage.recorded("session_regrant")[0]["account"], "desk");
    })
    .await;
}
