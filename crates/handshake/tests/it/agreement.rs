//! What is agreed: needs, scopes, what a mode of binding may carry, the token.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, Detail, Reject, Timestamp};
use countersign_handshake::{Choice, ClientHandshake, Quantity, SecretText, limits};

use crate::pair::{Failure, Gateway, channel, client, scopes, shake, shake_over};

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
fn a_contract_says_all_of_the_policy_for_a_lost_connection() {
    // HS-134
    let said = |cod: &str| {
        let mut wishing = client(Algorithm::Ed25519, Binding::Exp);
        wishing.offer.want.choices.insert(Choice::Cod, vec![cod.to_owned()]);
        let (session, _) = shake(&mut Gateway::new(), &wishing).unwrap();
        [Choice::CodOn, Choice::CodShutdown, Choice::CodRearm].map(|parameter| session.contract.choice(parameter).to_owned())
    };
    assert_eq!(said("none"), ["none"; 3]);
    assert_eq!(said("session"), ["lost-or-ended", "unless-handed-over", "on-return"]);
    assert_eq!(said("account"), said("session"));
    let mut demanding = client(Algorithm::Ed25519, Binding::Exp);
    demanding.offer.need.choices.insert(Choice::CodShutdown, ["never".to_owned()].into());
    let Failure::Gateway(refusal) = shake(&mut Gateway::new(), &demanding).unwrap_err() else { panic!() };
    assert_eq!(refusal.detail, Detail::Names(vec!["cod_shutdown".to_owned()]));
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

/// A received and the identity that its proof verified to.
pub(crate) fn verified(
    gateway: &mut Gateway,
    bind: Binding,
) -> (countersign_handshake::AwaitVerification, countersign_core::VerifiedIdentity) {
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
