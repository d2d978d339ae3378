//! What a client takes of a re-grant, and what it comes back with afterwards.

use std::time::Duration;

use countersign_core::{Algorithm, Binding, MemoryNonceGuard, MemoryReplayGuard, SessionId, VerifyContext, verify};
use countersign_handshake::{
    Continuation, Delegation, Entitlements, HandshakeError, Kind, Need, Regrant, Renewed, Resumption, SecretText, Signer as _, SigningKey,
    Terms, Token, Transcript, label,
};

use crate::pair::{Gateway, client, gateway_key, root_key, scopes};
use crate::renewal::{asks, judge, mint, opened, takes, token, written};
use crate::resumption::{come_back, goes_on, lasting};

/// A re-grant with other content, signed by a key: a gateway that cheats, or somebody who has its place.
fn forged(renewed: &Renewed, link: Transcript, key: &SigningKey, change: impl FnOnce(&mut Regrant)) -> (String, SecretText) {
    let (token, sec) = written(renewed);
    let mut regrant = Regrant::read(&Token::parse_kind(&token, Kind::Regrant).unwrap().payload).unwrap();
    change(&mut regrant);
    let payload = regrant.write();
    let proof = key.sign(&link.proof_input(&label::REGRANT, payload.as_bytes())).unwrap();
    (Token::write(Kind::Regrant, payload.as_bytes(), &proof), sec)
}

type Change = fn(&mut Regrant);

#[test]
fn what_a_gateway_may_not_change_in_a_regrant_is_noticed() {
    // HS-123 HS-124 HS-128
    let impostor = SigningKey::ed25519_from_seed(&[0xee; 32]);
    let foreign: Change = |regrant| {
        let (key, start) = (SigningKey::ed25519_from_seed(&[0xee; 32]), regrant.time);
        regrant.gkc = Delegation::sign(&key, &key, start, start.saturating_add(Duration::from_secs(60))).unwrap();
        regrant.gk = key.kid().to_string();
    };
    let cases: [(&str, Change, HandshakeError); 6] = [
        ("sid", |regrant| regrant.sid = SessionId::from_bytes([7; 16]), HandshakeError::Continuity("sid")),
        ("scopes", |regrant| regrant.grant.scopes = scopes("md:read funds:withdraw"), HandshakeError::Continuity("grant")),
        ("bind", |regrant| regrant.grant.bind = Binding::Sep, HandshakeError::Continuity("grant")),
        ("sec", |regrant| regrant.sec = [0; 32], HandshakeError::Secrets),
        ("gk", |regrant| regrant.gk = root_key().kid().to_string(), HandshakeError::GatewayKeyMismatch),
        ("gkc", foreign, HandshakeError::PinMismatch { presented: impostor.kid().to_string() }),
    ];
    for (member, change, error) in cases {
        for (answers, wish) in [(true, None), (true, Some("md:read")), (false, None)] {
            let (mut gateway, mut session, mut established) = opened(&lasting(Binding::Exp));
            let before = Transcript::of_channel(*session.ch.as_bytes());
            let asked = asks(&mut gateway, &mut established, &session, wish);
            let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
            let payload = Token::parse_kind(&token(&asked.frame()), Kind::Reauth).unwrap().payload;
            let link = if answers { before.then(&payload) } else { before };
            let key = if member == "gkc" { &impostor } else { &gateway_key() };
            let (token, sec) = forged(&renewed, link, key, |regrant| {
                regrant.re = regrant.re.filter(|_| answers);
                change(regrant);
            });
            let pins = (root_key().kid().to_string(), Need::default());
            let verdict = session.regranted(answers.then_some(&asked), (&token, &sec), (&pins.0, &pins.1), gateway.now);
            assert_eq!(verdict.unwrap_err(), error, "{member} {answers} {wish:?}");
            assert_eq!(session.ch.as_bytes(), before.as_bytes(), "nothing has changed");
        }
    }
}

#[test]
fn nobody_but_the_client_makes_a_life_longer() {
    // HS-124
    for (later, answers) in [(true, false), (true, true), (false, false)] {
        let (mut gateway, mut session, mut established) = opened(&lasting(Binding::Exp));
        let before = Transcript::of_channel(*session.ch.as_bytes());
        let asked = asks(&mut gateway, &mut established, &session, None);
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        let payload = Token::parse_kind(&token(&asked.frame()), Kind::Reauth).unwrap().payload;
        let link = if answers { before.then(&payload) } else { before };
        let hour = Duration::from_secs(3_600);
        let (token, sec) = forged(&renewed, link, &gateway_key(), |regrant| {
            regrant.re = regrant.re.filter(|_| answers);
            regrant.ends = if later { regrant.ends.saturating_add(hour) } else { regrant.ends.saturating_sub(hour) };
        });
        let left = session.ends.saturating_since(gateway.now.mono);
        let pin = root_key().kid().to_string();
        session.regranted(answers.then_some(&asked), (&token, &sec), (&pin, &Need::default()), gateway.now).unwrap();
        let expected = match (later, answers) {
            (true, true) => left + hour,
            (true, false) => left,
            (false, _) => left - hour,
        };
        let ends = gateway.now.mono.saturating_add(expected);
        assert_eq!(session.ends, ends, "{later} {answers}");
        assert_eq!(session.resumption.unwrap().ends, ends, "{later} {answers}");
    }
}

#[test]
fn a_session_comes_back_with_scopes_that_were_asked_for_since_it_began() {
    // HS-59 HS-126
    const WIDER: &str = "md:read order:write funds:withdraw";
    for answered in [true, false] {
        let config = lasting(Binding::Exp);
        let (mut gateway, mut session, mut established) = opened(&config);
        let asked = asks(&mut gateway, &mut established, &session, Some(WIDER));
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        let mut resumption = session.resumption.clone().unwrap();
        if answered {
            assert!(takes(&gateway, &mut session, Some(&asked), &renewed, &Need::default()).unwrap());
            resumption = session.resumption.clone().unwrap();
        }
        let goes_on = Continuation { contract: renewed.contract.clone(), until: renewed.until, ..goes_on(&established, &resumption) };
        let attempt = |gateway: &mut Gateway, resumption: &Resumption| come_back(gateway, &config, resumption, goes_on.clone()).unwrap();
        if !answered {
            let unasked = attempt(&mut gateway, &resumption).unwrap_err();
            assert_eq!(unasked, HandshakeError::Continuity("grant"), "more than it knows to have asked for");
            resumption.asked = asked.scopes().cloned();
        }
        let again = attempt(&mut gateway, &resumption).unwrap();
        assert_eq!(again.contract.scopes, scopes(WIDER), "{answered}");
        assert_eq!(again.resumption.unwrap().contract, renewed.contract);
    }
}

#[test]
fn a_later_token_names_the_link_that_the_regrant_is_signed_over() {
    // HS-57 HS-122
    let (mut gateway, session, mut established) = opened(&client(Algorithm::Ed25519, Binding::Exp));
    let asked = asks(&mut gateway, &mut established, &session, None);
    let text = token(&asked.frame());
    let link = Transcript::of_channel(*session.ch.as_bytes()).then(&Token::parse_kind(&text, Kind::Reauth).unwrap().payload);
    let awaiting = established.renewable.receive(&text, gateway.now).unwrap();
    let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
    let context = VerifyContext { now: gateway.now, remote: None, replay: &replay, nonces: &nonces };
    let identity = verify(awaiting.presented(), gateway.records.get(&awaiting.presented().key_id), &context).unwrap();
    let entitlements = Entitlements::of(identity.credential(), gateway.now.wall);
    let terms = Terms { contract: &established.contract, until: established.until, generation: 1 };
    let mut named = None;
    let minting = |context: &countersign_handshake::TokenContext<'_>| {
        named = Some((context.sid, *context.t1));
        mint()
    };
    let renewed = established.renewable.renew(awaiting, &identity, terms, &entitlements, minting, &mut gateway.entropy, gateway.now);
    assert!(renewed.is_ok());
    assert_eq!(named, Some((established.sid, link)));
}
