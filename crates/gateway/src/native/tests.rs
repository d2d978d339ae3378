#![allow(clippy::unwrap_used)]
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use countersign_core::{Binding, CredentialState, Detail, Scopes};
use countersign_handshake::contract::Quantity;
use countersign_handshake::{
    AwaitWelcome, Channel, ClientConfig, ClientHandshake, ClientSession, ClientStep, HandshakeError, Need, Offer, Signer as _, Want,
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use super::*;
use crate::clock;
use crate::entropy::SystemEntropy;
use crate::native::sessions::KilledBy;
use crate::testing::{CERTIFICATE, EXPORTER, Stage, native_key, on_stage};

mod coming_back;
mod halted;
mod in_fix_logon;
mod open_session;
mod over_http;
mod over_websocket;
mod renewal;

const HOST: &str = "localhost:8443";

/// A client of raw TLS, below the TLS.
struct Peer {
    stream: BufReader<DuplexStream>,
    number: u64,
}

impl Peer {
    /// Connects; the gateway's end is served.
    fn connect(stage: &Stage) -> Self {
        Self::connect_over(stage, TlsVersion::Tls13)
    }

    fn connect_over(stage: &Stage, version: TlsVersion) -> Self {
        Self::connect_on(stage, stage.connection_over(version))
    }

    fn connect_on(stage: &Stage, connection: Rc<Connection>) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::task::spawn_local(serve_raw(Rc::clone(&stage.worker), connection, Rewind::new(theirs, BytesMut::new())));
        Self { stream: BufReader::new(ours), number: 0 }
    }

    async fn send(&mut self, frame: &str) {
        self.stream.write_all(format!("{frame}\n").as_bytes()).await.unwrap();
    }

    /// The next frame, or `end`.
    async fn next(&mut self) -> Value {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) | Err(_) => Value::from("end"),
            Ok(_) => serde_json::from_str(&line).unwrap(),
        }
    }

    async fn next_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.unwrap();
        line.pop();
        line
    }

    /// The nonce that comes unasked.
    async fn nonce(&mut self) -> String {
        self.next().await["nonce"].as_str().unwrap().to_owned()
    }

    /// Shakes hands with a hello.
    async fn open(&mut self, stage: &Stage, offer: Offer) -> Result<ClientSession, HandshakeError> {
        let nonce = self.nonce().await;
        let waiting = client(stage, offer, false).hello(Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
        self.send(&waiting.hello_frame()).await;
        self.welcome(waiting).await
    }

    async fn welcome(&mut self, waiting: AwaitWelcome) -> Result<ClientSession, HandshakeError> {
        let line = self.next_line().await;
        match waiting.receive_frame(&line, clock::now())? {
            ClientStep::Open(session) => Ok(*session),
            ClientStep::Retry(..) | ClientStep::Wait(_) => panic!("a welcome"),
        }
    }

    /// Sends an application message.
    async fn message(&mut self, body: &str) {
        self.number += 1;
        let number = self.number;
        self.send(&format!("{{\"s\":{number},\"d\":{body}}}")).await;
    }

    async fn ask(&mut self, body: &str) -> Value {
        self.message(body).await;
        self.next().await
    }
}

/// A session that is open, its contract confirmed.
async fn opened(stage: &Stage) -> Peer {
    let mut peer = Peer::connect(stage);
    let session = peer.open(stage, offer("md:read order:write")).await.unwrap();
    peer.send(&session.ready_frame()).await;
    peer
}

fn offer(scopes: &str) -> Offer {
    let want = Want { scopes: Scopes::parse(scopes).unwrap(), ..Want::default() };
    Offer { bind: Binding::Exp, want, need: Need::default() }
}

fn client(stage: &Stage, offer: Offer, pipe: bool) -> ClientHandshake {
    client_on(stage, offer, pipe, EXPORTER)
}

fn client_on(stage: &Stage, offer: Offer, pipe: bool, exporter: [u8; 32]) -> ClientHandshake {
    client_of(stage, HOST, offer, pipe, exporter)
}

fn client_of(stage: &Stage, host: &str, offer: Offer, pipe: bool, exporter: [u8; 32]) -> ClientHandshake {
    let key = native_key();
    let config = ClientConfig {
        algorithms: vec![key.algorithm()],
        key: Arc::new(key),
        pins: vec![stage.gateway_root.clone()],
        host: host.to_owned(),
        offer,
        pipe,
    };
    let channel = Channel { exporter: Some(exporter), server_certificate_sha256: CERTIFICATE, authority: None };
    ClientHandshake::new(Arc::new(config), channel, clock::now()).unwrap()
}

#[tokio::test]
async fn a_hello_for_another_name_than_ours_is_refused() {
    // HS-36
    on_stage(|stage| async move {
        for (host, refused) in [
            ("127.0.0.1:1", None),
            ("[::1]:8443", None),
            ("evil:8443", Some("auth.failed")),
            ("localhost.evil:8443", Some("auth.failed")),
            ("::1:8443", Some("proto.malformed")),
        ] {
            let mut peer = Peer::connect(&stage);
            let nonce = peer.nonce().await;
            let offer = Offer { bind: Binding::Sep, ..offer("md:read") };
            let ours = client_of(&stage, host, offer, false, EXPORTER);
            let waiting = ours.hello(Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
            peer.send(&waiting.hello_frame()).await;
            match peer.welcome(waiting).await {
                Ok(_) => assert_eq!(refused, None, "{host}"),
                Err(HandshakeError::Refused(error)) => assert_eq!(refused, Some(&*error.code_text), "{host}"),
                Err(error) => panic!("{host}: {error}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_opens_trades_and_ends() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let session = peer.open(&stage, offer("md:read order:write account:read")).await.unwrap();
        assert_eq!(session.contract.scopes.to_string(), "account:read md:read order:write");
        assert_eq!(stage.worker.shared.sessions.list(9)[0].sid, session.sid.to_string());
        peer.send(&session.ready_frame()).await;
        let body = r#"{"op":"order.place","id":7, "sym":"BTCUSDT", "px":1.50}"#;
        let answer = peer.ask(body).await;
        assert_eq!(answer, serde_json::json!({ "s": 1, "a": 2, "d": { "re": 7, "ok": true } }));
        assert_eq!(stage.upstream.texts(), [body], "the body as received");
        let identity = stage.upstream.upgrades.borrow()[0].clone();
        assert_eq!(identity.target, "/native/v1");
        let claims = identity.identity.unwrap();
        assert_eq!(claims["sid"], session.sid.to_string());
        assert_eq!(claims["ch"], session.ch.text());
        assert_eq!(claims["scope"], "account:read md:read order:write");
        peer.send(r#"{"bye":{"code":"done"}}"#).await;
        assert_eq!(peer.next().await["bye"], serde_json::json!({ "code": "done", "last": 1 }));
        assert_eq!(peer.next().await, "end");
        assert!(stage.worker.shared.sessions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn mode_sep_uses_the_nonce_that_came_unasked() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let session = peer.open(&stage, Offer { bind: Binding::Sep, ..offer("md:read") }).await.unwrap();
        assert_eq!(session.contract.bind, Binding::Sep);
        peer.send(&session.ready_frame()).await;
        assert_eq!(peer.ask(r#"{"op":"book"}"#).await["d"]["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn messages_behind_the_hello_wait_for_the_proof() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let _ = peer.nonce().await;
        let waiting = client(&stage, offer("order:write"), true).hello(None, &mut SystemEntropy, clock::now()).unwrap();
        let frames = format!("{}\n{{\"s\":1,\"d\":{{\"op\":\"order.place\",\"id\":1}}}}", waiting.hello_frame());
        peer.send(&frames).await;
        let _ = peer.welcome(waiting).await.unwrap();
        assert_eq!(peer.next().await["d"]["ok"], true);
        // The same, signed for another channel: nothing of it arrives.
        let mut peer = Peer::connect(&stage);
        let _ = peer.nonce().await;
        let waiting = client_on(&stage, offer("order:write"), true, [9; 32]).hello(None, &mut SystemEntropy, clock::now()).unwrap();
        peer.send(&format!("{}\n{{\"s\":1,\"d\":{{\"op\":\"order.place\",\"id\":2}}}}", waiting.hello_frame())).await;
        assert_eq!(peer.next().await["err"]["code"], "auth.failed");
        assert_eq!(peer.next().await, "end");
        assert_eq!(stage.upstream.texts().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn messages_that_were_not_announced_are_refused() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let _ = peer.nonce().await;
        let waiting = client(&stage, offer("order:write"), false).hello(None, &mut SystemEntropy, clock::now()).unwrap();
        peer.send(&format!("{}\n{{\"s\":1,\"d\":{{\"op\":\"order.place\"}}}}", waiting.hello_frame())).await;
        assert_eq!(peer.next().await["err"]["code"], "proto.order");
        let mut peer = Peer::connect(&stage);
        let _ = peer.open(&stage, offer("order:write")).await.unwrap();
        peer.message(r#"{"op":"order.place"}"#).await;
        assert_eq!(peer.next().await["err"]["code"], "proto.order", "the contract is not confirmed");
        assert!(stage.upstream.texts().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_hello_ends_the_connection() {
    on_stage(|stage| async move {
        for (frame, code) in [
            (r#"{"s":1,"d":{"op":"book"}}"#.to_owned(), "proto.order"),
            (r#"{"ready":"x"}"#.to_owned(), "proto.order"),
            ("GET / HTTP/1.1".to_owned(), "proto.malformed"),
            (r#"{"hello":"cs1h.e30.AA"}"#.to_owned(), "proto.malformed"),
            (r#"{"hello":"cs1w.e30.AA"}"#.to_owned(), "proto.order"),
            ("x".repeat(20_000), "proto.size"),
        ] {
            let mut peer = Peer::connect(&stage);
            let _ = peer.nonce().await;
            peer.send(&frame).await;
            let err = peer.next().await;
            assert_eq!(err["err"]["code"], code, "{frame:.40}");
            assert_eq!(err["err"]["id"].as_str().unwrap().len(), 22, "the name of the record");
            assert_eq!(peer.next().await, "end", "{frame:.40}");
        }
        assert!(stage.upstream.upgrades.borrow().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_stale_nonce_is_answered_with_a_new_one_once() {
    on_stage(|stage| async move {
        let foreign = Peer::connect(&stage).nonce().await;
        let sep = || Offer { bind: Binding::Sep, ..offer("md:read") };
        let mut peer = Peer::connect(&stage);
        let _ = peer.nonce().await;
        let waiting = client(&stage, sep(), false).hello(Some(&foreign), &mut SystemEntropy, clock::now()).unwrap();
        peer.send(&waiting.hello_frame()).await;
        let line = peer.next_line().await;
        let ClientStep::Retry(again, nonce) = waiting.receive_frame(&line, clock::now()).unwrap() else { panic!("a new nonce") };
        let waiting = again.hello(Some(&nonce), &mut SystemEntropy, clock::now()).unwrap();
        peer.send(&waiting.hello_frame()).await;
        let _ = peer.welcome(waiting).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_need_that_cannot_be_met_is_named_after_the_proof() {
    on_stage(|stage| async move {
        let mut offer = offer("md:read");
        offer.need.scopes = Scopes::parse("funds:withdraw").unwrap();
        offer.need.quantities.insert(Quantity::ResumeS, 6_000..=9_000);
        let mut peer = Peer::connect(&stage);
        let error = peer.open(&stage, offer).await.unwrap_err();
        let HandshakeError::Refused(error) = error else { panic!("{error}") };
        assert_eq!(error.code_text, "need.unmet");
        assert_eq!(error.names, ["resume_s", "scopes"]);
        assert!(stage.worker.shared.sessions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn unknown_and_revoked_keys_look_alike() {
    on_stage(|stage| async move {
        let mut seen = Vec::new();
        for state in [CredentialState::Revoked, CredentialState::Active] {
            stage.change_credentials(|credential| {
                credential.state = state;
                if state == CredentialState::Active && credential.id.as_str() == "native" {
                    credential.key_id = countersign_core::ApiKeyId::parse("another").unwrap();
                }
            });
            let mut peer = Peer::connect(&stage);
            let HandshakeError::Refused(error) = peer.open(&stage, offer("md:read")).await.unwrap_err() else { panic!("refused") };
            seen.push(error.code_text);
        }
        assert_eq!(seen, ["auth.failed", "auth.failed"]);
        assert!(stage.refused("key_revoked") && stage.refused("unknown_key"));
        assert_eq!(stage.audited("unknown_key")["key_id"], native_key().kid().as_str(), "the operator sees which key it was");
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect(&stage);
        let _ = peer.nonce().await;
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        assert_eq!(peer.next().await["err"]["code"], "busy");
        assert_eq!(peer.next().await, "end");
        // The connection is a moment older than the stopped clock.
        assert!((2_000..=3_100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn native_sessions_need_tls_1_3() {
    on_stage(|stage| async move {
        let mut peer = Peer::connect_over(&stage, TlsVersion::Tls12);
        assert_eq!(peer.next().await["err"]["code"], "bind.required");
        assert_eq!(peer.next().await, "end");
    })
    .await;
}

#[tokio::test]
async fn nothing_begins_that_cannot_be_recorded() {
    on_stage(|stage| async move {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        stage.worker.shared.sessions.set_recorder(sender);
        drop(receiver);
        let mut peer = Peer::connect(&stage);
        let HandshakeError::Refused(error) = peer.open(&stage, offer("md:read")).await.unwrap_err() else { panic!("refused") };
        assert_eq!(error.code_text, "internal", "never a bad key");
    })
    .await;
}
