//! Who waits for whom, and for how long, under a virtual clock.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, Reject};
use countersign_handshake::{ClientHandshake, ClientStep, HandshakeError, limits};

use crate::agreement::verified;
use crate::pair::{Gateway, channel, client, shake};

#[test]
fn a_connection_that_says_nothing_ends_after_three_seconds() {
    // HS-34
    let mut gateway = Gateway::new();
    let theirs = gateway.accept(channel(1));
    let deadline = theirs.poll_timeout().unwrap();
    assert_eq!(deadline.saturating_since(gateway.now.mono), Duration::from_secs(3));
    gateway.pass(Duration::from_millis(2_999));
    assert_eq!(theirs.handle_timeout(gateway.now), Ok(()));
    gateway.pass(Duration::from_millis(1));
    assert_eq!(theirs.handle_timeout(gateway.now).unwrap_err().reject, Reject::AuthDeadline);
    assert_eq!(theirs.receive_frame(b"{\"hello\":\"x\"}", gateway.now).unwrap_err().refusal.reject, Reject::AuthDeadline);
}

#[test]
fn a_contract_must_be_confirmed_in_time_and_exactly() {
    // HS-38 HS-39
    let mut gateway = Gateway::new();
    let (_, established) = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap();
    assert!(established.await_ready.application().is_err());
    assert_eq!(established.await_ready.poll_timeout().unwrap().saturating_since(gateway.now.mono), limits::READY_DEADLINE);
    gateway.pass(limits::READY_DEADLINE);
    assert_eq!(established.await_ready.handle_timeout(gateway.now).unwrap_err().reject, Reject::AuthDeadline);
    for wrong in ["", "AAAA", &"A".repeat(43)] {
        let (_, established) = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap();
        assert_eq!(established.await_ready.ready(wrong).unwrap_err().reject, Reject::UnexpectedMessage);
    }
}

#[test]
fn messages_before_the_welcome_are_held_only_if_announced() {
    // HS-37 HS-39
    for pipe in [false, true] {
        let mut gateway = Gateway::new();
        let config = Arc::new(countersign_handshake::ClientConfig { pipe, ..client(Algorithm::Ed25519, Binding::Exp) });
        let awaiting =
            ClientHandshake::new(config, channel(1), gateway.now).unwrap().hello(None, &mut gateway.entropy, gateway.now).unwrap();
        let mut received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
        if !pipe {
            assert_eq!(received.hold(10).unwrap_err().reject, Reject::UnexpectedMessage);
            continue;
        }
        assert_eq!(received.hold(limits::PIPELINED_BYTES_MAX), Ok(()));
        assert_eq!(received.hold(1).unwrap_err().reject, Reject::TooLarge);
        let established = gateway.judge(received).unwrap();
        assert!(established.pipe);
        assert_eq!((established.await_ready.application(), established.await_ready.poll_timeout()), (Ok(()), None));
    }
}

#[test]
fn a_client_waits_for_the_welcome_and_not_for_ever() {
    // HS-61
    let mut gateway = Gateway::new();
    let awaiting = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), gateway.now).unwrap();
    assert!(!awaiting.needs_nonce());
    let awaiting = awaiting.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let ClientStep::Wait(awaiting) = awaiting.receive_frame(b"{\"nonce\":\"cs1n.AA.AA\"}", gateway.now).unwrap() else { panic!() };
    gateway.pass(limits::WELCOME_DEADLINE);
    assert_eq!(awaiting.handle_timeout(gateway.now), Err(HandshakeError::Deadline));
    assert_eq!(awaiting.receive_frame(b"{\"s\":1,\"d\":{}}", gateway.now).unwrap_err(), HandshakeError::UnexpectedFrame);
    let mut weak = client(Algorithm::Ed25519, Binding::Sep);
    weak.offer.need.min_bind = Some(Binding::Exp);
    assert_eq!(ClientHandshake::new(Arc::new(weak), channel(1), gateway.now).unwrap_err(), HandshakeError::BindingTooWeak);
    let unpinned = countersign_handshake::ClientConfig { pins: Vec::new(), ..client(Algorithm::Ed25519, Binding::Exp) };
    assert_eq!(ClientHandshake::new(Arc::new(unpinned), channel(1), gateway.now).unwrap_err(), HandshakeError::Pins);
    let sep = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Sep)), channel(1), gateway.now).unwrap();
    assert!(sep.needs_nonce());
    assert_eq!(sep.hello(None, &mut gateway.entropy, gateway.now).unwrap_err(), HandshakeError::NonceMissing);
}

#[test]
fn a_decision_that_comes_too_late_is_none() {
    // HS-34
    let mut gateway = Gateway::new();
    let (received, identity) = verified(&mut gateway, Binding::Exp);
    let entitlements = countersign_handshake::Entitlements::of(identity.credential(), gateway.now.wall);
    gateway.pass(limits::DECISION_DEADLINE);
    assert_eq!(received.handle_timeout(gateway.now).unwrap_err().reject, Reject::Busy);
    let now = gateway.now;
    let refusal = received.conclude(identity, &entitlements, |_| panic!("nothing is minted"), &mut gateway.entropy, now).unwrap_err();
    assert_eq!(refusal.reject, Reject::Busy);
}

#[test]
fn the_client_learns_its_skew() {
    // HS-63
    let mut gateway = Gateway::new();
    let mut ours = gateway.now;
    ours.wall = ours.wall.saturating_sub(Duration::from_secs(2));
    let awaiting = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), ours).unwrap();
    let awaiting = awaiting.hello(None, &mut gateway.entropy, ours).unwrap();
    let received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
    gateway.pass(Duration::from_millis(30));
    let established = gateway.judge(received).unwrap();
    // 30 ms out, 30 ms back.
    ours.wall = ours.wall.saturating_add(Duration::from_millis(60));
    ours.mono = ours.mono.saturating_add(Duration::from_millis(60));
    let session = awaiting.receive_welcome(&established.welcome, &established.sec, ours).unwrap();
    assert_eq!(session.skew_us, 2_000_000);
}
