//! What a gateway key's holder, or somebody in between, could change in a welcome, and which check of the client catches it.

use std::sync::Arc;

use countersign_core::{Algorithm, Binding};
use countersign_handshake::{
    AwaitWelcome, Choice, ClientHandshake, Established, HandshakeError, Kind, Quantity, SecretText, Signer as _, SigningKey, Token,
    Transcript, Welcome, label,
};

use crate::pair::{Gateway, channel, client, gateway_key, scopes};

/// Changes a welcome's content and signs it again with a key.
pub(crate) fn resign(token: &str, t1: &Transcript, key: &SigningKey, change: impl FnOnce(&mut Welcome)) -> String {
    let token = Token::parse_kind(token, Kind::Welcome).unwrap();
    let mut welcome = Welcome::read(&token.payload).unwrap();
    change(&mut welcome);
    let payload = welcome.write();
    let proof = key.sign(&t1.proof_input(&label::WELCOME, payload.as_bytes())).unwrap();
    Token::write(Kind::Welcome, payload.as_bytes(), &proof)
}

fn offered() -> (Gateway, AwaitWelcome, Established) {
    let mut gateway = Gateway::new();
    let mut config = client(Algorithm::Ed25519, Binding::Exp);
    config.offer.need.quantities.insert(Quantity::HbMs, 1_000..=20_000);
    config.offer.need.scopes = scopes("order:write");
    let awaiting = ClientHandshake::new(Arc::new(config), channel(1), gateway.now).unwrap();
    let awaiting = awaiting.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let received = gateway.accept(channel(1)).receive_hello(awaiting.hello_token(), gateway.now).unwrap();
    let established = gateway.judge(received).unwrap();
    (gateway, awaiting, established)
}

/// Signed by the right key: a gateway that cheats, or one that was talked into it.
fn check(change: impl FnOnce(&mut Welcome), expected: &HandshakeError) {
    let (gateway, awaiting, established) = offered();
    let forged = resign(&established.welcome, &established.t1, &gateway_key(), change);
    assert_eq!(&awaiting.receive_welcome(&forged, &established.sec, gateway.now).unwrap_err(), expected);
}

#[test]
fn a_lower_version_is_noticed() {
    // HS-42
    check(|welcome| welcome.v = 2, &HandshakeError::VersionDowngrade);
    check(|welcome| welcome.vers.clear(), &HandshakeError::VersionDowngrade);
}

#[test]
fn another_binding_is_noticed() {
    // HS-43
    let expected = HandshakeError::BindingChanged { offered: Binding::Exp, granted: Binding::Chl };
    check(|welcome| welcome.grant.bind = Binding::Chl, &expected);
}

#[test]
fn a_grant_outside_the_need_is_noticed() {
    // HS-59
    check(|welcome| welcome.grant.scopes = scopes("md:read"), &HandshakeError::NeedUnmet(vec!["scopes".to_owned()]));
    check(
        |welcome| welcome.grant.scopes = scopes("md:read order:write account:read"),
        &HandshakeError::ScopeNotAsked("account:read".to_owned()),
    );
}

#[test]
fn an_undelegated_key_is_noticed() {
    // HS-29
    check(|welcome| welcome.gk = "x".to_owned(), &HandshakeError::GatewayKeyMismatch);
    let (gateway, awaiting, established) = offered();
    let impostor = SigningKey::ed25519_from_seed(&[5; 32]);
    let forged = resign(&established.welcome, &established.t1, &impostor, |_| ());
    assert_eq!(awaiting.receive_welcome(&forged, &established.sec, gateway.now).unwrap_err(), HandshakeError::WelcomeSignature);
}

#[test]
fn other_secrets_are_noticed() {
    // HS-58
    check(|welcome| welcome.sec = [0; 32], &HandshakeError::Secrets);
    let (gateway, awaiting, established) = offered();
    let other = SecretText::new(established.sec.expose().replace("an.access", "my.access"));
    assert_eq!(awaiting.receive_welcome(&established.welcome, &other, gateway.now).unwrap_err(), HandshakeError::Secrets);
}

#[test]
fn a_welcome_for_another_offer_is_noticed() {
    // HS-17 HS-18
    let (gateway, awaiting, _) = offered();
    let mut other = Gateway::new();
    let (_, established) = crate::pair::shake(&mut other, &client(Algorithm::Ed25519, Binding::Exp)).unwrap();
    assert_eq!(
        awaiting.receive_welcome(&established.welcome, &established.sec, gateway.now).unwrap_err(),
        HandshakeError::WelcomeSignature
    );
}

#[test]
fn a_contract_names_each_parameter() {
    // HS-52 HS-134
    let (gateway, _, established) = offered();
    let token = Token::parse_kind(&established.welcome, Kind::Welcome).unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&token.payload).unwrap();
    for name in whole["grant"].as_object().unwrap().keys() {
        let mut partial = whole.clone();
        partial["grant"].as_object_mut().unwrap().remove(name);
        if Choice::parse(name).is_some_and(Choice::may_be_unsaid) {
            assert_eq!(Welcome::read(partial.to_string().as_bytes()).unwrap().grant.choice(Choice::parse(name).unwrap()), "");
            continue;
        }
        assert_eq!(Welcome::read(partial.to_string().as_bytes()).unwrap_err(), "grant", "{name}");
    }
    for name in ["v", "vers", "sid", "gk", "gkc", "time", "grant", "sec", "next_pins"] {
        let mut partial = whole.clone();
        partial.as_object_mut().unwrap().remove(name);
        let (_, awaiting, _) = offered();
        let forged = Token::write(Kind::Welcome, partial.to_string().as_bytes(), &token.proof);
        let error = awaiting.receive_welcome(&forged, &established.sec, gateway.now).unwrap_err();
        assert_eq!(error, HandshakeError::WelcomeMalformed(name));
    }
}
