//! Runs of the protocol, honest and not, under a virtual clock.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, CorrelationId, CredentialState, Detail, Reject, Timestamp};
use countersign_handshake::{
    Authorities, Channel, Choice, ClientHandshake, ClientStep, Delegation, DelegationError, ErrorContext, GatewayIdentity, HandshakeError,
    Quantity, SecretText, Signer as _, SigningKey, frame, limits,
};

use crate::pair::{
    ALGORITHMS, Failure, Gateway, channel, client, client_key, gateway_identity, gateway_key, hello, root_key, scopes, shake, shake_over,
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

#[test]
fn an_unmet_need_is_named_after_the_proof() {
    // HS-50 HS-51
    let mut demanding = client(Algorithm::Ed25519, Binding::Exp);
    demanding.offer.need.scopes = scopes("order:write admin:all");
    demanding.offer.need.quantities.insert(Quantity::HbMs, 1..=10);
    demanding.offer.need.choices.insert(Choice::Enc, ["sbe".to_owned()].into());
    demanding.offer.need.unknown.insert("quorum".to_owned());
    let Failure::Gateway(refusal) = shake(&mut Gateway::new(), &demanding).unwrap_err() else { panic!() };
    let names = ["enc", "hb_ms", "quorum", "scopes"].map(str::to_owned).to_vec();
    assert_eq!((refusal.reject, refusal.detail), (Reject::NeedUnmet, Detail::Names(names)));
    let failure = shake_over(&mut Gateway::new(), &demanding, channel(1), channel(2)).unwrap_err();
    assert_eq!(failure.reject(), Reject::BadSignature, "strangers learn nothing of entitlements");
}

#[test]
fn money_leaves_only_over_an_exported_channel() {
    // HS-53
    for bind in Binding::ALL {
        let mut wishing = client(Algorithm::Ed25519, bind);
        wishing.offer.want.scopes = scopes("md:read funds:withdraw");
        let (session, _) = shake(&mut Gateway::new(), &wishing).unwrap();
        let expected = if bind == Binding::Exp { "funds:withdraw md:read" } else { "md:read" };
        assert_eq!(session.contract.scopes.to_string(), expected);
        wishing.offer.need.scopes = scopes("funds:withdraw");
        assert_eq!(shake(&mut Gateway::new(), &wishing).is_ok(), bind == Binding::Exp);
    }
}

#[test]
fn a_session_that_trusts_tls_alone_gets_little() {
    // HS-54 HS-56
    let (session, established) = shake(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Chl)).unwrap();
    assert!(session.contract.token_life() <= Duration::from_secs(60));
    assert!(session.session_secret.is_none() && established.session_secret.is_none());
    let (session, established) = shake(&mut Gateway::new(), &client(Algorithm::Ed25519, Binding::Sep)).unwrap();
    assert!(established.session_secret.unwrap().ct_eq(session.session_secret.unwrap().expose()));
}

#[test]
fn what_comes_later_is_granted_as_what_it_is_now() {
    // HS-55
    let mut wishing = client(Algorithm::Ed25519, Binding::Exp);
    wishing.offer.want.choices.insert(Choice::Enc, vec!["sbe".to_owned(), "json".to_owned()]);
    wishing.offer.want.choices.insert(Choice::Tx, vec!["recoverable".to_owned()]);
    wishing.offer.want.choices.insert(Choice::Zk, vec!["notional".to_owned()]);
    let (session, _) = shake(&mut Gateway::new(), &wishing).unwrap();
    let granted = [Choice::Enc, Choice::Tx, Choice::Zk].map(|parameter| session.contract.choice(parameter));
    assert_eq!(granted, ["json", "idempotent", "none"]);
}

#[test]
fn a_downgrade_shows_in_what_was_signed() {
    // HS-41
    let mut gateway = Gateway::with(|config| config.policy.preferred_algorithm = Some(Algorithm::MlDsa65));
    assert!(shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).is_ok(), "it could not have used the better one");
    let mut able = client(Algorithm::Ed25519, Binding::Exp);
    able.algorithms = vec![Algorithm::Ed25519, Algorithm::MlDsa65];
    assert_eq!(shake(&mut gateway, &able).unwrap_err().reject(), Reject::WrongAlgorithm);
    let mut gateway = Gateway::with(|config| config.policy.algorithms = vec![Algorithm::Ed25519]);
    assert_eq!(shake(&mut gateway, &client(Algorithm::RsaPssSha256, Binding::Exp)).unwrap_err().reject(), Reject::WrongAlgorithm);
}

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

#[test]
fn a_token_names_the_session_and_the_first_link_only() {
    // HS-57
    let mut gateway = Gateway::new();
    let (received, identity) = verified(&mut gateway, Binding::Exp);
    let entitlements = countersign_handshake::Entitlements::of(identity.credential(), gateway.now.wall);
    let now = gateway.now;
    let mut named = None;
    let established = received
        .conclude(
            identity,
            &entitlements,
            |context| {
                named = Some((context.sid, *context.t1, context.channel_hash));
                Ok(SecretText::new("t".to_owned()))
            },
            &mut gateway.entropy,
            now,
        )
        .unwrap();
    let channel_hash = countersign_handshake::transcript::sha256(&[&[1; 32]]);
    assert_eq!(named, Some((established.sid, established.t1, channel_hash)));
}

#[test]
fn another_identity_than_the_one_presented_is_our_own_fault() {
    let mut gateway = Gateway::new();
    let (_, other) = shake(&mut gateway, &client(Algorithm::RsaPssSha256, Binding::Exp)).unwrap();
    let awaiting = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), gateway.now).unwrap();
    let awaiting = awaiting.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
    let entitlements = countersign_handshake::Entitlements::of(other.identity.credential(), gateway.now.wall);
    let now = gateway.now;
    let refusal = received.conclude(other.identity, &entitlements, |_| panic!("nothing is minted"), &mut gateway.entropy, now).unwrap_err();
    assert_eq!(refusal.reject, Reject::Internal);
}

#[test]
fn nothing_is_minted_that_is_no_token() {
    for minted in ["", "a b", "a\"b", "a\\b", "\u{e9}", &"a".repeat(limits::ACCESS_TOKEN_BYTES_MAX + 1)] {
        let mut gateway = Gateway::new();
        let (received, identity) = verified(&mut gateway, Binding::Exp);
        let entitlements = countersign_handshake::Entitlements::of(identity.credential(), gateway.now.wall);
        let now = gateway.now;
        let refusal =
            received.conclude(identity, &entitlements, |_| Ok(SecretText::new(minted.to_owned())), &mut gateway.entropy, now).unwrap_err();
        assert_eq!(refusal.reject, Reject::Internal);
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

/// A received hello, and the identity that its proof verified to.
fn verified(gateway: &mut Gateway, bind: Binding) -> (countersign_handshake::AwaitVerification, countersign_core::VerifiedIdentity) {
    let awaiting = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, bind)), channel(1), gateway.now).unwrap();
    let awaiting = awaiting.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
    let record = gateway.records[&received.presented().key_id].clone();
    let replay = countersign_core::MemoryReplayGuard::default();
    let context = countersign_core::VerifyContext {
        now: gateway.now,
        remote: None,
        replay: &replay,
        nonces: &countersign_core::MemoryNonceGuard::default(),
    };
    let identity = countersign_core::verify(received.presented(), Some(&record), &context).unwrap();
    (received, identity)
}

#[test]
fn the_shell_can_narrow_what_a_key_has_and_not_widen_it() {
    // HS-50
    let mut gateway = Gateway::new();
    gateway.change_record(Algorithm::Ed25519, |record| {
        record.scopes = scopes("md:read");
        record.not_after = Some(Timestamp::from_secs(1_800_000_100));
    });
    let (received, identity) = verified(&mut gateway, Binding::Exp);
    let mut wide = countersign_handshake::Entitlements::of(identity.credential(), gateway.now.wall);
    wide.scopes = scopes("md:read order:write");
    wide.life = None;
    wide.rate.orders_per_10s = 5_u32.try_into().unwrap();
    let now = gateway.now;
    let contract = received.conclude(identity, &wide, |_| Ok(SecretText::new("t".to_owned())), &mut gateway.entropy, now).unwrap().contract;
    assert_eq!(contract.scopes, scopes("md:read"));
    assert_eq!((contract.quantity(Quantity::LifeS), contract.quantity(Quantity::Orders10s)), (100, 5));
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
