//! Runs of the protocol, honest and not, under a virtual clock.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, CorrelationId, CredentialState, Reject, Timestamp};
use countersign_handshake::{
    Authorities, Channel, ClientHandshake, ClientStep, Delegation, DelegationError, ErrorContext, GatewayIdentity, HandshakeError,
    Signer as _, SigningKey, frame, limits,
};

use crate::pair::{
    ALGORITHMS, Failure, Gateway, channel, client, client_key, gateway_identity, gateway_key, hello, root_key, shake, shake_over,
};

#[test]
fn an_honest_run_ends_in_one_contract_for_every_key_and_binding() {
    // HS-14 HS-16 HS-17 HS-18 HS-38
    for algorithm in ALGORITHMS {
        for bind in Binding::ALL {
            let (session, established) = shake(&mut Gateway::new(), &client(algorithm, bind)).unwrap();
            assert_eq!(session.ch, established.ch, "{algorithm} {bind}");
            assert_eq!((session.sid, &session.contract), (established.sid, &established.contract));
            assert_eq!(established.contract.bind, bind);
            assert_eq!(session.access_token.expose(), "an.access.token");
            let open = established.await_ready.ready(&session.ch.text()).unwrap();
            assert_eq!(open.ch(), &session.ch);
        }
    }
}

#[test]
fn a_gateway_may_sign_with_ml_dsa() {
    // HS-3
    let root = SigningKey::ml_dsa_65_from_seed(&[3; 32]);
    let mut gateway = Gateway::with(|config| config.gateway = gateway_identity(&root, SigningKey::ml_dsa_65_from_seed(&[4; 32])));
    let mut client = client(Algorithm::MlDsa65, Binding::Exp);
    client.pins = vec![root.kid().to_string()];
    let (session, established) = shake(&mut gateway, &client).unwrap();
    assert_eq!(session.ch, established.ch);
    assert!(established.welcome_frame().expose().len() <= limits::WELCOME_FRAME_BYTES_MAX);
}

#[test]
fn an_offer_relayed_onto_another_channel_is_refused() {
    // HS-20 HS-21
    for algorithm in ALGORITHMS {
        let other_connection = channel(2);
        let failure = shake_over(&mut Gateway::new(), &client(algorithm, Binding::Exp), channel(1), other_connection).unwrap_err();
        assert_eq!(failure.reject(), Reject::BadSignature);
        let other_certificate = Channel { server_certificate_sha256: [9; 32], ..channel(1) };
        let failure = shake_over(&mut Gateway::new(), &client(algorithm, Binding::Sep), other_certificate, channel(1)).unwrap_err();
        assert_eq!(failure.reject(), Reject::BadSignature);
    }
}

#[test]
fn the_weaker_modes_do_not_see_what_they_do_not_bind() {
    // HS-21 HS-22: honest about the limits.
    let relayed = Channel { exporter: Some([9; 32]), ..channel(1) };
    assert!(shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Sep), relayed.clone(), channel(1)).is_ok());
    let forged = Channel { server_certificate_sha256: [9; 32], ..relayed };
    assert!(shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Chl), forged, channel(1)).is_ok());
}

#[test]
fn a_hello_for_another_name_is_refused() {
    // HS-22 HS-36
    for bind in Binding::ALL {
        let mut elsewhere = client(Algorithm::Ed25519, bind);
        elsewhere.host = "evil.example:8443".to_owned();
        assert_eq!(shake(&mut Gateway::new(), &elsewhere).unwrap_err().reject(), Reject::WrongGateway);
        let carried = Channel { authority: Some("other:1".to_owned()), ..channel(1) };
        let failure = shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, bind), channel(1), carried).unwrap_err();
        assert_eq!(failure.reject(), Reject::WrongGateway);
    }
}

#[test]
fn a_name_without_a_port_is_ours_at_any_port_but_where_it_is_all_that_is_bound() {
    // HS-36
    for bind in Binding::ALL {
        let listed = |name: &str| Gateway::with(|config| config.authorities = Authorities::Listed([name.to_owned()].into()));
        let shaken = shake(&mut listed("127.0.0.1"), &client(Algorithm::Ed25519, bind));
        assert_eq!(shaken.is_ok(), bind != Binding::Chl, "{bind}");
        for other in ["127.0.0.1:1", "127.0.0", ""] {
            assert_eq!(shake(&mut listed(other), &client(Algorithm::Ed25519, bind)).unwrap_err().reject(), Reject::WrongGateway, "{other}");
        }
    }
}

#[test]
fn mode_chl_needs_a_gateway_that_knows_its_names() {
    // HS-24
    let mut gateway = Gateway::with(|config| config.authorities = Authorities::Any);
    assert_eq!(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Chl)).unwrap_err().reject(), Reject::BindingTooWeak);
    assert!(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Sep)).is_ok());
}

#[test]
fn a_client_without_exporter_sends_nothing() {
    // HS-23
    let blind = Channel { exporter: None, ..channel(1) };
    let failure = shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Exp), blind.clone(), channel(1)).unwrap_err();
    assert_eq!(failure, Failure::Client(HandshakeError::BindingUnavailable(Binding::Exp)));
    let failure = shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Exp), channel(1), blind).unwrap_err();
    assert_eq!(failure.reject(), Reject::BindingTooWeak, "and a gateway without one accepts nothing");
}

#[test]
fn a_hello_is_good_once() {
    // HS-33
    for bind in Binding::ALL {
        let mut gateway = Gateway::new();
        let mut first = gateway.accept(channel(1));
        let nonce = first.nonce(&mut gateway.entropy, gateway.now);
        let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, bind)), channel(1), gateway.now).unwrap();
        let awaiting = ours.hello(Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
        let received = first.receive_hello(awaiting.hello_token(), gateway.now).unwrap();
        assert!(gateway.judge(received).is_ok());
        // The same bytes on another connection: same server certificate, same name, nonce still young.
        let mut other = gateway.accept(channel(2));
        let _ = other.nonce(&mut gateway.entropy, gateway.now);
        let verdict = match other.receive_hello(awaiting.hello_token(), gateway.now) {
            Ok(received) => gateway.judge(received).unwrap_err().reject,
            Err(declined) => declined.refusal.reject,
        };
        let expected = if bind == Binding::Exp { Reject::BadSignature } else { Reject::NonceInvalid };
        assert_eq!(verdict, expected, "{bind}");
    }
}

#[test]
fn a_stale_nonce_may_be_answered_by_a_new_hello_once() {
    // HS-32 HS-35 HS-62
    let mut gateway = Gateway::new();
    let mut theirs = gateway.accept(channel(1));
    let stale = theirs.nonce(&mut gateway.entropy, gateway.now);
    gateway.now.wall = gateway.now.wall.saturating_add(limits::NONCE_LIFE);
    let config = Arc::new(client(Algorithm::Ed25519, Binding::Sep));
    let ours = ClientHandshake::new(config, channel(1), gateway.now).unwrap();
    let awaiting = ours.hello(Some(&stale), &mut gateway.entropy, gateway.now).unwrap();
    let declined = theirs.receive_frame(awaiting.hello_frame().as_bytes(), gateway.now).unwrap_err();
    assert_eq!(declined.refusal.reject, Reject::NonceInvalid);
    let mut theirs = declined.retry.unwrap();
    let fresh = theirs.nonce(&mut gateway.entropy, gateway.now);
    let context = ErrorContext { nonce: Some(&fresh), min_bind: None };
    let error = frame::error(&declined.refusal, CorrelationId::from_bytes([1; 16]), context);
    let ClientStep::Retry(again, nonce) = awaiting.receive_frame(error.as_bytes(), gateway.now).unwrap() else { panic!() };
    let awaiting = again.hello(Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
    let received = hello(theirs.receive_frame(awaiting.hello_frame().as_bytes(), gateway.now).unwrap());
    let established = gateway.judge(received).unwrap();
    // A second "stale" is final for the client.
    let HandshakeError::Refused(refused) = awaiting.receive_frame(error.as_bytes(), gateway.now).unwrap_err() else { panic!() };
    assert_eq!(refused.code, Some(Reject::NonceInvalid.alert()));
    assert!(established.await_ready.application().is_err());
}

#[test]
fn a_second_stale_nonce_ends_the_connection() {
    // HS-35
    let mut gateway = Gateway::new();
    let mut theirs = Box::new(gateway.accept(channel(1)));
    for attempt in 0..2 {
        let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Sep)), channel(1), gateway.now).unwrap();
        let awaiting = ours.hello(Some("cs1n.AA.AA"), &mut gateway.entropy, gateway.now).unwrap();
        let declined = theirs.receive_frame(awaiting.hello_frame().as_bytes(), gateway.now).unwrap_err();
        assert_eq!(declined.retry.is_some(), attempt == 0);
        match declined.retry {
            Some(retry) => theirs = retry,
            None => return,
        }
    }
}

#[test]
fn where_no_session_comes_back_a_hello_may_follow_a_resume() {
    // HS-9 HS-35
    let mut gateway = Gateway::with(|config| config.policy.resume_s_max = 0);
    let theirs = gateway.accept(channel(1));
    let declined = theirs.receive_frame(br#"{"resume":"cs1r.AA.AA"}"#, gateway.now).unwrap_err();
    assert_eq!(declined.refusal.reject, Reject::Unsupported);
    let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), gateway.now).unwrap();
    let awaiting = ours.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let received = hello(declined.retry.unwrap().receive_frame(awaiting.hello_frame().as_bytes(), gateway.now).unwrap());
    assert!(gateway.judge(received).is_ok());
    let declined = Gateway::new().accept(channel(1)).receive_hello("cs1r.AA.AA", gateway.now).unwrap_err();
    assert_eq!((declined.refusal.reject, declined.retry.is_some()), (Reject::Unsupported, true), "HTTP headers carry no resume");
}

#[test]
fn keys_that_are_unknown_revoked_or_wrong_look_alike() {
    // HS-60
    let mut refusals = Vec::new();
    let mut gateway = Gateway::new();
    gateway.records.clear();
    refusals.push(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap_err());
    let mut gateway = Gateway::new();
    gateway.change_record(Algorithm::Ed25519, |record| record.state = CredentialState::Revoked);
    refusals.push(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap_err());
    refusals.push(shake_over(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Exp), channel(1), channel(2)).unwrap_err());
    let mut elsewhere = client(Algorithm::Ed25519, Binding::Exp);
    elsewhere.pins = vec![client_key(Algorithm::Ed25519).kid().to_string()];
    refusals.push(shake(&mut Gateway::new(), &elsewhere).unwrap_err());
    let rejects: Vec<Reject> = refusals.iter().map(Failure::reject).collect();
    assert_eq!(rejects, [Reject::UnknownKey, Reject::KeyRevoked, Reject::BadSignature, Reject::WrongGateway]);
    let id = CorrelationId::from_bytes([0; 16]);
    let told: std::collections::BTreeSet<String> =
        refusals.iter().map(|failure| frame::error(&failure.reject().into(), id, ErrorContext::default())).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn the_host_says_its_minimum_before_and_the_key_after_the_proof() {
    // HS-24 HS-28
    let mut strict = Gateway::with(|config| config.policy.min_bind = Binding::Exp);
    strict.records.clear();
    assert_eq!(shake(&mut strict, &client(Algorithm::Ed25519, Binding::Sep)).unwrap_err().reject(), Reject::BindingTooWeak);
    let mut gateway = Gateway::new();
    gateway.change_record(Algorithm::Ed25519, |record| record.min_bind = Binding::Exp);
    assert_eq!(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Sep)).unwrap_err().reject(), Reject::BindingTooWeak);
    let failure = shake_over(
        &mut gateway,
        &client(Algorithm::Ed25519, Binding::Sep),
        Channel { server_certificate_sha256: [9; 32], ..channel(1) },
        channel(1),
    );
    assert_eq!(failure.unwrap_err().reject(), Reject::BadSignature, "strangers learn nothing of the key");
    assert!(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).is_ok());
}

#[test]
fn a_root_that_is_not_pinned_is_refused_by_the_client() {
    // HS-26
    let impostor = SigningKey::ed25519_from_seed(&[0xee; 32]);
    let mut gateway = Gateway::new();
    let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), gateway.now).unwrap();
    let awaiting = ours.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
    let established = gateway.judge(received).unwrap();
    // Somebody replaces the delegation and signs with a key of theirs.
    let foreign =
        Delegation::sign(&impostor, &impostor, gateway.now.wall, gateway.now.wall.saturating_add(Duration::from_secs(60))).unwrap();
    let forged = crate::tampered::resign(&established.welcome, &established.t1, &impostor, |welcome| {
        welcome.gkc.clone_from(&foreign);
        welcome.gk = impostor.kid().to_string();
    });
    let error = awaiting.receive_welcome(&forged, &established.sec, gateway.now).unwrap_err();
    assert_eq!(error, HandshakeError::PinMismatch { presented: impostor.kid().to_string() });
}

#[test]
fn an_expired_delegation_is_refused_by_the_client() {
    // HS-27
    let mut gateway = Gateway::new();
    gateway.pass(Duration::from_secs(7 * 86_400) + limits::CLOCK_LEEWAY);
    let failure = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap_err();
    assert_eq!(failure.error(), &HandshakeError::Delegation(DelegationError::Expired));
    let mut gateway = Gateway::new();
    gateway.now.wall = Timestamp::from_secs(1_700_000_000);
    let failure = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap_err();
    assert_eq!(failure.error(), &HandshakeError::Delegation(DelegationError::NotYetValid));
}

#[test]
fn roots_rotate_by_serving_both() {
    // HS-26
    let (old, new) = (root_key(), SigningKey::ed25519_from_seed(&[0xb1; 32]));
    let mut gateway = Gateway::with(|config| {
        let end = Timestamp::from_secs(1_800_600_000);
        let delegations =
            [&old, &new].map(|root| Delegation::sign(root, &gateway_key(), Timestamp::from_secs(1_799_999_000), end).unwrap());
        config.gateway = GatewayIdentity::new(gateway_key(), &delegations, &[new.kid().to_string()]).unwrap();
    });
    let (session, _) = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap();
    assert_eq!(session.next_pins, [new.kid().to_string()]);
    let mut rotated = client(Algorithm::Ed25519, Binding::Exp);
    rotated.pins = session.next_pins;
    assert!(shake(&mut gateway, &rotated).is_ok());
}
