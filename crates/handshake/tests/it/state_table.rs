//! Every state × every message, as one table that a reviewer reads.

use std::fmt::Write as _;
use std::sync::Arc;

use countersign_core::{Algorithm, Binding, CorrelationId, Reject};
use countersign_handshake::{
    ClientConfig, ClientHandshake, ClientStep, Declined, ErrorContext, HandshakeError, Kind, ServerHandshake, Token, frame,
};

use crate::pair::{Gateway, channel, client};

const CONNECTION: u8 = 1;

fn good_hello(gateway: &mut Gateway, theirs: &mut ServerHandshake, bind: Binding) -> String {
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, bind)), channel(CONNECTION), gateway.now).unwrap();
    ours.hello(Some(&nonce), &mut gateway.entropy, gateway.now).unwrap().hello_frame()
}

fn told(refused: &Declined) -> String {
    let again = if refused.retry.is_some() { ", may try once more" } else { "" };
    format!("refused {} ({}){again}", refused.refusal.reject, refused.refusal.reject.alert().as_str())
}

#[test]
fn of_the_gateway() {
    let mut table = String::new();
    let mut row = |state: &str, message: &str, outcome: &str| writeln!(table, "{state:<18} | {message:<22} | {outcome}").unwrap();
    // HS-30 HS-33
    let mut messages: Vec<(String, String)> = Kind::ALL
        .iter()
        .filter(|kind| **kind != Kind::Hello)
        .map(|kind| (format!("hello: a {kind:?}"), frame::hello(&Token::write(*kind, b"{}", b"proof"))))
        .collect();
    for (name, text) in [
        ("hello: not a token", r#"{"hello":"x"}"#),
        ("hello: version 2", r#"{"hello":"cs2h.AA.AA"}"#),
        ("ready", r#"{"ready":"x"}"#),
        ("application", r#"{"s":1,"d":{}}"#),
        ("heartbeat", r#"{"hb":{"s":1,"a":1,"t":1,"e":null}}"#),
        ("resume", r#"{"resume":"cs1r.AA.AA"}"#),
        ("refresh", r#"{"refresh":"x"}"#),
        ("reauth", r#"{"reauth":"x"}"#),
        ("not a frame", "nonsense"),
    ] {
        messages.push((name.to_owned(), text.to_owned()));
    }
    for (name, text) in &messages {
        let gateway = Gateway::new();
        let outcome = gateway.accept(channel(CONNECTION)).receive_frame(text.as_bytes(), gateway.now);
        row("ServerHandshake", name, &told(&outcome.unwrap_err()));
    }
    for bind in Binding::ALL {
        let mut gateway = Gateway::new();
        let mut theirs = gateway.accept(channel(CONNECTION));
        let hello = good_hello(&mut gateway, &mut theirs, bind);
        assert!(theirs.receive_frame(hello.as_bytes(), gateway.now).is_ok());
        row("ServerHandshake", &format!("hello: {bind}"), "AwaitVerification");
    }
    for pipe in [false, true] {
        let state = if pipe { "AwaitVerification+" } else { "AwaitVerification" };
        for (name, bytes) in [("any frame", 100), ("64 KiB of frames", 65_537)] {
            let mut gateway = Gateway::new();
            let config = Arc::new(ClientConfig { pipe, ..client(Algorithm::Ed25519, Binding::Exp) });
            let ours = ClientHandshake::new(config, channel(CONNECTION), gateway.now).unwrap();
            let awaiting = ours.hello(None, &mut gateway.entropy, gateway.now).unwrap();
            let mut received = gateway.accept(channel(CONNECTION)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
            let outcome = received.hold(bytes).map_or_else(|refusal| format!("refused {refusal}"), |()| "held".to_owned());
            row(state, name, &outcome);
        }
        let mut gateway = Gateway::new();
        let config = ClientConfig { pipe, ..client(Algorithm::Ed25519, Binding::Exp) };
        let state = if pipe { "AwaitReady+" } else { "AwaitReady" };
        let (session, established) = crate::pair::shake(&mut gateway, &config).unwrap();
        let outcome =
            established.await_ready.application().map_or_else(|refusal| format!("refused {refusal}"), |()| "AwaitReady".to_owned());
        row(state, "application", &outcome);
        assert!(established.await_ready.ready(&session.ch.text()).is_ok());
        row(state, "ready, right", "Open");
        let (_, established) = crate::pair::shake(&mut gateway, &config).unwrap();
        row(state, "ready, wrong", &format!("refused {}", established.await_ready.ready("x").unwrap_err().reject));
    }
    insta::assert_snapshot!("gateway", table);
}

#[test]
fn of_the_client() {
    let mut table = String::new();
    // HS-61 HS-62
    let mut messages: Vec<(String, String)> = Reject::ALL
        .iter()
        .map(|reject| {
            let context = ErrorContext { nonce: Some("cs1n.AA.AA"), min_bind: None };
            (format!("err {reject}"), frame::error(&(*reject).into(), CorrelationId::from_bytes([0; 16]), context))
        })
        .collect();
    for (name, text) in [
        ("nonce", r#"{"nonce":"cs1n.AA.AA"}"#),
        ("welcome: not a token", r#"{"welcome":"x","sec":"{}"}"#),
        ("welcome: no secrets", r#"{"welcome":"cs1w.AA.AA"}"#),
        ("application", r#"{"s":1,"d":{}}"#),
        ("not a frame", "nonsense"),
    ] {
        messages.push((name.to_owned(), text.to_owned()));
    }
    for kind in Kind::ALL {
        messages.push((
            format!("welcome: a {kind:?}"),
            format!("{{\"welcome\":\"{}\",\"sec\":\"{{}}\"}}", Token::write(*kind, b"{}", b"proof")),
        ));
    }
    for bind in [Binding::Exp, Binding::Sep] {
        for (name, text) in &messages {
            let mut gateway = Gateway::new();
            let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, bind)), channel(CONNECTION), gateway.now).unwrap();
            let awaiting = ours.hello(Some("cs1n.AA.AA"), &mut gateway.entropy, gateway.now).unwrap();
            let outcome = match awaiting.receive_frame(text.as_bytes(), gateway.now) {
                Ok(ClientStep::Open(_)) => "Open".to_owned(),
                Ok(ClientStep::Retry(..)) => "ClientHandshake, once".to_owned(),
                Ok(ClientStep::Wait(_)) => "AwaitWelcome".to_owned(),
                Err(HandshakeError::Refused(error)) => format!("failed: refused with {}", error.code_text),
                Err(error) => format!("failed: {error}"),
            };
            writeln!(table, "AwaitWelcome {bind} | {name:<28} | {outcome}").unwrap();
        }
    }
    insta::assert_snapshot!("client", table);
}
