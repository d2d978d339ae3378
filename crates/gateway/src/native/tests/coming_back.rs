#![allow(clippy::unwrap_used)]
use countersign_handshake::{Choice, Gap, GapHow, Numbers, Resumption};
use countersign_pki::ClientAuth;
use futures_util::SinkExt as _;
use serde_json::json;
use tokio_websockets::Message;

use super::*;
use crate::config::Settings;
use crate::testing::on_stage_with;
use crate::websocket::tests::{connect_client, next_text};

mod cancels;
mod ended;
mod given_up;
mod halted;
mod handing_over;
mod missed;
mod narrowed;

/// An offer for a session that outlives its connection.
fn lasting(cod: &str, grace_ms: u64) -> Offer {
    let mut offer = offer("md:read order:write");
    offer.want.quantities.insert(Quantity::ResumeS, 60);
    offer.want.quantities.insert(Quantity::CodGraceMs, grace_ms);
    offer.want.choices.insert(Choice::Rx, vec!["recoverable".to_owned()]);
    offer.want.choices.insert(Choice::Cod, vec![cod.to_owned()]);
    offer
}

/// Opens a session and confirms it.
async fn begun(stage: &Stage, offer: &Offer) -> (Peer, Resumption) {
    let mut peer = Peer::connect(stage);
    let session = peer.open(stage, offer.clone()).await.unwrap();
    peer.send(&session.ready_frame()).await;
    (peer, session.resumption.unwrap())
}

/// Asks for something and gets the answer, so that numbers move.
async fn asked(peer: &mut Peer, numbers: &mut Numbers) {
    assert_eq!(peer.ask(r#"{"op":"book","id":1}"#).await["d"]["ok"], true);
    *numbers = Numbers { rx: numbers.rx + 1, tx: numbers.tx + 1 };
}

/// Resumes, up to the welcome.
async fn resume(peer: &mut Peer, stage: &Stage, offer: &Offer, resumption: &Resumption) -> Result<ClientSession, HandshakeError> {
    let nonce = peer.nonce().await;
    let ours = client(stage, offer.clone(), false);
    let waiting = ours.resume(resumption, Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
    peer.send(waiting.first_frame().expose()).await;
    peer.number = resumption.numbers.tx - 1;
    peer.welcome(waiting).await
}

async fn come_back(stage: &Stage, offer: &Offer, resumption: &Resumption) -> Result<(Peer, ClientSession), String> {
    let mut peer = Peer::connect(stage);
    match resume(&mut peer, stage, offer, resumption).await {
        Ok(session) => {
            peer.number = session.seq.rx - 1;
            peer.send(&session.ready_frame()).await;
            Ok((peer, session))
        }
        Err(HandshakeError::Refused(error)) => Err(error.code_text),
        Err(error) => panic!("{error}"),
    }
}

/// Lets the session see that its client is gone.
async fn gone(stage: &Stage, peer: Peer) {
    drop(peer);
    until(|| stage.worker.shared.sessions.away() == 1).await;
}

async fn until(holds: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never came about");
}

/// What the upstream was told about cancelling.
fn cancelled(stage: &Stage) -> Vec<Value> {
    let texts = stage.upstream.texts();
    texts.iter().filter(|text| text.contains("cancel_all")).map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[tokio::test]
async fn the_newer_connection_fences_the_older() {
    // HS-85
    on_stage(|stage| async move {
        let offer = lasting("session", 0);
        let (mut older, mut resumption) = begun(&stage, &offer).await;
        asked(&mut older, &mut resumption.numbers).await;
        let (mut newer, _) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(older.next().await["bye"]["code"], "session.taken_over");
        assert_eq!(older.next().await, "end");
        // The carriage is closed: whether the bytes are taken or not, nobody reads them.
        let _ = older.stream.write_all(b"{\"s\":2,\"d\":{\"op\":\"order.place\",\"id\":8}}\n").await;
        assert_eq!(newer.ask(r#"{"op":"order.place","id":9}"#).await["d"]["re"], 9);
        assert_eq!(stage.upstream.texts().len(), 2, "nothing of the older one is forwarded");
        assert!(cancelled(&stage).is_empty(), "make before break cancels nothing");
    })
    .await;
}

#[tokio::test]
async fn a_spent_ticket_ends_the_session_for_both() {
    // HS-84
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        let (mut thief, _) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(thief.ask(r#"{"op":"book","id":5}"#).await["d"]["re"], 5);
        assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "session.reuse");
        assert_eq!(thief.next().await["err"]["code"], "session.reuse");
        assert_eq!(thief.next().await["bye"]["code"], "session.reuse");
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert_eq!(cancelled(&stage).len(), 1, "orders of a session that two parties held are not left");
        assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "session.unknown");
        assert!(stage.refused("session_reuse"));
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_is_forgiven() {
    // HS-84
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        for _ in 0..3 {
            let mut peer = Peer::connect(&stage);
            let _lost = resume(&mut peer, &stage, &offer, &resumption).await.unwrap();
        }
        let (mut peer, session) = come_back(&stage, &offer, &resumption).await.unwrap();
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true);
        let next = Resumption { numbers: Numbers { rx: 3, tx: 3 }, ..session.resumption.unwrap() };
        assert!(come_back(&stage, &offer, &next).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_has_the_certificate_that_everybody_needs() {
    let needed = |settings: &mut Settings| settings.listen.client_auth = ClientAuth::Required;
    on_stage_with(needed, |stage| async move {
        let offer = lasting("none", 0);
        let (peer, resumption) = begun(&stage, &offer).await;
        gone(&stage, peer).await;
        let mut expired = Peer::connect_on(&stage, stage.connection_showing(1));
        let refused = resume(&mut expired, &stage, &offer, &resumption).await.err();
        assert!(matches!(&refused, Some(HandshakeError::Refused(error)) if error.code_text == "auth.failed"), "{refused:?}");
        assert!(come_back(&stage, &offer, &resumption).await.is_ok(), "the ticket was not spent");
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_no_login() {
    // HS-82
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (_peer, resumption) = begun(&stage, &offer).await;
        let thief = Resumption { secret: countersign_core::Secret::new(vec![7; 32]), ..resumption.clone() };
        assert_eq!(come_back(&stage, &offer, &thief).await.err().unwrap(), "auth.failed");
        let torn = countersign_handshake::SecretText::new(format!("{}A", &resumption.ticket.expose()[1..]));
        assert_eq!(come_back(&stage, &offer, &Resumption { ticket: torn, ..resumption.clone() }).await.err().unwrap(), "auth.failed");
        assert!(stage.refused("bad_signature") && stage.refused("ticket_invalid"));
        // The key was revoked, or another has its name now: the session does not come back.
        for change in [
            |credential: &mut countersign_core::Credential| credential.state = CredentialState::Revoked,
            |credential: &mut countersign_core::Credential| credential.id = countersign_core::CredentialId::parse("another").unwrap(),
        ] {
            stage.change_credentials(change);
            assert_eq!(come_back(&stage, &offer, &resumption).await.err().unwrap(), "auth.failed");
        }
        assert_eq!(stage.audited("key_revoked")["key_id"], native_key().kid().as_str());
    })
    .await;
}

#[tokio::test]
async fn numbers_that_cannot_be_are_refused_and_change_nothing() {
    // HS-87
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        for numbers in [Numbers { rx: 99, tx: 2 }, Numbers { rx: 2, tx: 1 }, Numbers { rx: (1 << 53) - 1, tx: (1 << 53) - 1 }] {
            let lying = Resumption { numbers, ..resumption.clone() };
            assert_eq!(come_back(&stage, &offer, &lying).await.err().unwrap(), "seq.range", "{numbers:?}");
        }
        assert_eq!(peer.ask(r#"{"op":"book","id":2}"#).await["d"]["ok"], true, "the connection it has is not fenced");
    })
    .await;
}

#[tokio::test]
async fn a_ready_that_arrives_after_a_refused_return_spends_no_ticket_but_its_own() {
    // HS-84 HS-87
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let mut peer = Peer::connect(&stage);
        let session = peer.open(&stage, offer.clone()).await.unwrap();
        let mut resumption = session.resumption.clone().unwrap();
        let lying = Resumption { numbers: Numbers { rx: 99, tx: 2 }, ..resumption.clone() };
        assert_eq!(come_back(&stage, &offer, &lying).await.err().unwrap(), "seq.range");
        peer.send(&session.ready_frame()).await;
        asked(&mut peer, &mut resumption.numbers).await;
        assert!(come_back(&stage, &offer, &resumption).await.is_ok(), "the ticket it was given is still the last one");
    })
    .await;
}

#[tokio::test]
async fn a_session_changes_its_carriage() {
    // HS-85
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        let mut socket = connect_client(&stage, "/native/v1").await;
        assert!(next_text(&mut socket).await.starts_with("{\"nonce\":"));
        let waiting = client(&stage, offer.clone(), false).resume(&resumption, None, &mut SystemEntropy, clock::now()).unwrap();
        socket.send(Message::text(waiting.first_frame().expose().to_owned())).await.unwrap();
        let welcome = next_text(&mut socket).await;
        let ClientStep::Open(session) = waiting.receive_frame(welcome.as_bytes(), clock::now()).unwrap() else { panic!("open") };
        socket.send(Message::text(session.ready_frame())).await.unwrap();
        socket.send(Message::text(r#"{"s":2,"d":{"op":"book","id":7}}"#)).await.unwrap();
        assert_eq!(next_text(&mut socket).await, "{\"s\":2,\"a\":3,\"d\":{\"re\":7,  \"ok\":true}}");
        socket.send(Message::text(r#"{"bye":{"code":"done"}}"#)).await.unwrap();
        assert_eq!(next_text(&mut socket).await, r#"{"bye":{"code":"done","last":2}}"#);
        assert_eq!(next_text(&mut socket).await, "close 1000");
    })
    .await;
}

#[tokio::test]
async fn a_key_keeps_a_bounded_number_of_sessions_waiting() {
    // HS-91
    on_stage(|stage| async move {
        let offer = lasting("none", 0);
        let most = super::super::limits::AWAY_PER_KEY_MAX;
        let mut peers = Vec::new();
        for _ in 0..=most {
            peers.push(begun(&stage, &offer).await.0);
        }
        drop(peers);
        until(|| stage.worker.shared.sessions.len() == most).await;
        assert_eq!(stage.worker.shared.sessions.away(), most);
    })
    .await;
}
