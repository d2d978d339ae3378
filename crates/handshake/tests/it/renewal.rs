//! Contracts that are signed anew while the session is open.

use std::time::Duration;

use countersign_core::{Algorithm, Binding, CredentialState, MemoryNonceGuard, MemoryReplayGuard, Refusal, Reject, VerifyContext, verify};
use countersign_handshake::{
    AwaitRegrant, ClientConfig, ClientSession, Entitlements, Established, HandshakeError, Kind, Need, Quantity, Renewed, SecretText,
    Signer as _, Terms, Token,
};

use crate::pair::{Gateway, channel, client, client_key, root_key, scopes, shake};
use crate::resumption::{self, goes_on, lasting};

pub(crate) fn opened(config: &ClientConfig) -> (Gateway, ClientSession, Established) {
    let mut gateway = Gateway::new();
    let (session, established) = shake(&mut gateway, config).unwrap();
    (gateway, session, established)
}

pub(crate) fn mint() -> Result<SecretText, Refusal> {
    Ok(SecretText::new("a.later.token".to_owned()))
}

/// The token of a re-authentication, as a frame has it.
pub(crate) fn token(frame: &str) -> String {
    let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
    frame["reauth"].as_str().unwrap().to_owned()
}

/// What the shell does with one.
pub(crate) fn judge(gateway: &mut Gateway, established: &mut Established, token: &str) -> Result<Renewed, Refusal> {
    let awaiting = established.renewable.receive(token, gateway.now)?;
    let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
    let context = VerifyContext { now: gateway.now, remote: None, replay: &replay, nonces: &nonces };
    let identity = verify(awaiting.presented(), gateway.records.get(&awaiting.presented().key_id), &context)?;
    let entitlements = Entitlements::of(identity.credential(), gateway.now.wall);
    let terms = Terms { contract: &established.contract, until: established.until, generation: 1 };
    established.renewable.renew(awaiting, &identity, terms, &entitlements, |_| mint(), &mut gateway.entropy, gateway.now)
}

pub(crate) fn asks(gateway: &mut Gateway, established: &mut Established, session: &ClientSession, wish: Option<&str>) -> AwaitRegrant {
    let nonce = established.renewable.nonce(&mut gateway.entropy, gateway.now);
    session.reauth(&client_key(Algorithm::Ed25519), wish.map(scopes), None, &nonce).unwrap()
}

/// The token of a re-grant, and the secrets beside it.
pub(crate) fn written(renewed: &Renewed) -> (String, SecretText) {
    let frame: serde_json::Value = serde_json::from_str(renewed.frame.expose()).unwrap();
    let text = |name: &str| frame[name].as_str().unwrap().to_owned();
    (text("regrant"), SecretText::new(text("sec")))
}

pub(crate) fn takes(
    gateway: &Gateway,
    session: &mut ClientSession,
    waiting: Option<&AwaitRegrant>,
    renewed: &Renewed,
    need: &Need,
) -> Result<bool, HandshakeError> {
    let (token, sec) = written(renewed);
    session.regranted(waiting, (&token, &sec), (root_key().kid().as_str(), need), gateway.now)
}

#[test]
fn who_proves_himself_again_lives_on() {
    // HS-120 HS-122 HS-123 HS-127
    for bind in [Binding::Exp, Binding::Sep] {
        let (mut gateway, mut session, mut established) = opened(&lasting(bind));
        let (ends, former, ticket) = (session.ends, session.ch, session.resumption.clone().unwrap().ticket);
        gateway.pass(Duration::from_secs(80_000));
        let asked = asks(&mut gateway, &mut established, &session, None);
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        assert_eq!(renewed.until, gateway.now.wall.saturating_add(renewed.contract.life()));
        assert_eq!(renewed.contract, established.contract, "nothing else was asked for");
        assert!(takes(&gateway, &mut session, Some(&asked), &renewed, &Need::default()).unwrap());
        assert!(session.ends > ends);
        assert!(session.ch == renewed.ch && session.ch != former, "the contract has a new name");
        assert_eq!(session.access_token.expose(), "a.later.token");
        let resumption = session.resumption.unwrap();
        assert_ne!(resumption.ticket.expose(), ticket.expose());
        let opened = gateway.config.tickets.open(resumption.ticket.expose(), gateway.now.wall).unwrap();
        assert_eq!((opened.generation, opened.expires), (1, renewed.until), "one of two tickets is used, and this one lasts");
    }
}

#[test]
fn scopes_change_as_asked_as_far_as_the_key_has_them() {
    // HS-123 HS-53
    for (bind, wish, granted) in [
        (Binding::Exp, "md:read", "md:read"),
        (Binding::Exp, "md:read order:write funds:withdraw", "md:read order:write funds:withdraw"),
        (Binding::Sep, "md:read order:write funds:withdraw", "md:read order:write"),
    ] {
        let (mut gateway, mut session, mut established) = opened(&client(Algorithm::Ed25519, bind));
        let asked = asks(&mut gateway, &mut established, &session, Some(wish));
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        assert_eq!(renewed.contract.scopes, scopes(granted), "{bind:?} {wish}");
        assert!(takes(&gateway, &mut session, Some(&asked), &renewed, &Need::default()).unwrap());
        assert_eq!(session.contract.scopes, scopes(granted));
    }
}

#[test]
fn a_nonce_is_good_once_in_time_and_on_this_session() {
    // HS-121
    let (mut gateway, session, mut established) = opened(&client(Algorithm::Ed25519, Binding::Exp));
    let early = asks(&mut gateway, &mut established, &session, None);
    let first = asks(&mut gateway, &mut established, &session, None);
    let refused = |gateway: &mut Gateway, established: &mut Established, asked: &AwaitRegrant| {
        judge(gateway, established, &token(&asked.frame())).unwrap_err().reject
    };
    assert!(judge(&mut gateway, &mut established, &token(&first.frame())).is_ok());
    assert_eq!(refused(&mut gateway, &mut established, &first), Reject::NonceInvalid, "spent");
    assert_eq!(refused(&mut gateway, &mut established, &early), Reject::NonceInvalid, "void since the contract has another name");
    let late = asks(&mut gateway, &mut established, &session, None);
    gateway.pass(Duration::from_secs(31));
    assert_eq!(refused(&mut gateway, &mut established, &late), Reject::NonceInvalid, "too old");
    let shown = asks(&mut gateway, &mut established, &session, None);
    assert!(established.renewable.receive(&token(&shown.frame()), gateway.now).is_ok());
    let again = established.renewable.receive(&token(&shown.frame()), gateway.now).unwrap_err();
    assert_eq!(again.reject, Reject::NonceInvalid, "spent by being shown, whatever becomes of it");
    let (_, mut other) = shake(&mut gateway, &client(Algorithm::Ed25519, Binding::Exp)).unwrap();
    let elsewhere = asks(&mut gateway, &mut other, &session, None);
    assert_eq!(refused(&mut gateway, &mut established, &elsewhere), Reject::NonceInvalid, "of another session");
}

#[test]
fn a_proof_is_good_for_its_session_and_its_key_alone() {
    // HS-120
    let config = client(Algorithm::Ed25519, Binding::Exp);
    let (mut gateway, session, mut established) = opened(&config);
    let (stranger, _) = shake(&mut gateway, &config).unwrap();
    let nonce = established.renewable.nonce(&mut gateway.entropy, gateway.now);
    let moved = stranger.reauth(&client_key(Algorithm::Ed25519), None, None, &nonce).unwrap();
    assert_eq!(judge(&mut gateway, &mut established, &token(&moved.frame())).unwrap_err().reject, Reject::BadSignature);
    let nonce = established.renewable.nonce(&mut gateway.entropy, gateway.now);
    let other = session.reauth(&client_key(Algorithm::EcdsaP256Sha256), None, None, &nonce).unwrap();
    assert_eq!(judge(&mut gateway, &mut established, &token(&other.frame())).unwrap_err().reject, Reject::UnknownKey);
    gateway.change_record(Algorithm::Ed25519, |record| record.state = CredentialState::Revoked);
    let asked = asks(&mut gateway, &mut established, &session, None);
    assert_eq!(judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap_err().reject, Reject::KeyRevoked);
}

#[test]
fn the_gateway_takes_scopes_away_unasked_and_nothing_more() {
    // HS-124
    let (mut gateway, mut session, mut established) = opened(&lasting(Binding::Exp));
    gateway.pass(Duration::from_secs(100));
    let whole = established.identity.clone();
    let (contract, until) = (established.contract.clone(), established.until);
    let held = Terms { contract: &contract, until, generation: 1 };
    let unchanged = established.renewable.narrow(&whole, held, |_| mint(), &mut gateway.entropy, gateway.now);
    assert!(unchanged.unwrap().is_none());
    gateway.change_record(Algorithm::Ed25519, |record| record.scopes = scopes("md:read"));
    let record = gateway.records.get(whole.key_id());
    let cut = whole.recheck(record, None, gateway.now.wall).unwrap();
    let renewed = established.renewable.narrow(&cut, held, |_| mint(), &mut gateway.entropy, gateway.now).unwrap().unwrap();
    assert_eq!((&renewed.contract.scopes, renewed.until), (&scopes("md:read"), established.until));
    let ends = session.ends;
    assert!(!takes(&gateway, &mut session, None, &renewed, &Need::default()).unwrap());
    assert_eq!((&session.contract.scopes, session.ends, session.ch), (&scopes("md:read"), ends, renewed.ch));
}

#[test]
fn a_client_takes_no_regrant_that_is_not_its_own() {
    // HS-122 HS-123 HS-124 HS-128
    let config = client(Algorithm::Ed25519, Binding::Exp);
    let attempt = |wish: Option<&str>, remember: bool, need: &str| {
        let (mut gateway, mut session, mut established) = opened(&config);
        let asked = asks(&mut gateway, &mut established, &session, wish);
        let renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
        let need = Need { scopes: scopes(need), ..Need::default() };
        takes(&gateway, &mut session, remember.then_some(&asked), &renewed, &need)
    };
    assert_eq!(attempt(None, true, "md:read"), Ok(true));
    assert_eq!(attempt(None, false, "md:read"), Err(HandshakeError::Continuity("re")), "an answer to nothing");
    assert_eq!(attempt(Some("md:read"), true, "order:write"), Err(HandshakeError::NeedUnmet(vec!["scopes".to_owned()])));
    let (mut gateway, mut session, mut established) = opened(&config);
    let (mut stranger, _) = shake(&mut gateway, &config).unwrap();
    let asked = asks(&mut gateway, &mut established, &session, None);
    let mut renewed = judge(&mut gateway, &mut established, &token(&asked.frame())).unwrap();
    assert_eq!(
        takes(&gateway, &mut stranger, Some(&asked), &renewed, &Need::default()),
        Err(HandshakeError::WelcomeSignature),
        "of another session"
    );
    let frame: serde_json::Value = serde_json::from_str(renewed.frame.expose()).unwrap();
    let mut torn = Token::parse_kind(frame["regrant"].as_str().unwrap(), Kind::Regrant).unwrap();
    torn.proof[0] ^= 1;
    let torn = serde_json::json!({"regrant": torn.text(), "sec": frame["sec"]}).to_string();
    renewed.frame = SecretText::new(torn);
    assert_eq!(takes(&gateway, &mut session, Some(&asked), &renewed, &Need::default()), Err(HandshakeError::WelcomeSignature));
}

#[test]
fn a_contract_goes_on_with_fewer_scopes_and_with_what_was_asked_for_and_with_nothing_else() {
    // HS-123 HS-126
    let (_, session, _) = opened(&lasting(Binding::Exp));
    let former = session.contract;
    let fewer = former.narrowed(&scopes("md:read")).unwrap();
    assert!(fewer.continues(&former, None) && !former.continues(&fewer, None));
    assert!(former.continues(&fewer, Some(&scopes("order:write"))) && !former.continues(&fewer, Some(&scopes("funds:withdraw"))));
    let mut config = lasting(Binding::Exp);
    config.offer.want.quantities.insert(Quantity::LifeS, 60);
    let (_, shorter, _) = opened(&config);
    assert!(!shorter.contract.continues(&former, None) && shorter.contract.continues(&former, Some(&scopes(""))));
    config.offer.want.quantities.insert(Quantity::HbMs, 2_000);
    let (_, other, _) = opened(&config);
    assert!(!other.contract.continues(&former, Some(&former.scopes)), "nothing else changes");
}

#[test]
fn a_key_that_asks_for_a_stronger_binding_by_now_prolongs_no_weaker_session() {
    // HS-120 HS-28
    for (bind, good) in [(Binding::Sep, false), (Binding::Exp, true)] {
        let (mut gateway, session, mut established) = opened(&client(Algorithm::Ed25519, bind));
        gateway.change_record(Algorithm::Ed25519, |record| record.min_bind = Binding::Exp);
        let asked = asks(&mut gateway, &mut established, &session, None);
        let verdict = judge(&mut gateway, &mut established, &token(&asked.frame()));
        assert_eq!(verdict.map_err(|refusal| refusal.reject).err(), (!good).then_some(Reject::BindingTooWeak), "{bind}");
    }
}

#[test]
fn a_proof_moves_to_no_other_channel_of_its_session() {
    // HS-120
    let config = lasting(Binding::Exp);
    let (mut gateway, session, established) = opened(&config);
    let resumption = session.resumption.clone().unwrap();
    let awaiting = resumption::asks(&mut gateway, &config, &resumption, channel(2));
    let received = gateway.accept(channel(2)).receive_frame(awaiting.first_frame().expose().as_bytes(), gateway.now).unwrap();
    let mut again = gateway.judge_resume(resumption::resume(received), goes_on(&established, &resumption)).unwrap();
    let asked = asks(&mut gateway, &mut again, &session, None);
    assert_eq!(judge(&mut gateway, &mut again, &token(&asked.frame())).unwrap_err().reject, Reject::BadSignature);
}
