//! Whatever is changed is refused; whatever is granted was allowed and satisfies what was needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Algorithm, Binding, KeyRate, Reject, Scope, Scopes};
use countersign_handshake::{
    AwaitWelcome, Choice, ClientHandshake, Entitlements, Hello, HostPolicy, Kind, Need, Offer, Quantity, Token, Want, label, negotiate,
};
use proptest::prelude::*;

use crate::pair::{ALGORITHMS, Gateway, channel, client};

fn offered(algorithm: Algorithm, bind: Binding) -> (Gateway, countersign_handshake::ServerHandshake, AwaitWelcome) {
    let mut gateway = Gateway::new();
    let mut theirs = gateway.accept(channel(1));
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let ours = ClientHandshake::new(Arc::new(client(algorithm, bind)), channel(1), gateway.now).unwrap();
    let awaiting = ours.hello(Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
    (gateway, theirs, awaiting)
}

fn accepts(gateway: &mut Gateway, theirs: countersign_handshake::ServerHandshake, token: &str) -> Result<(), Reject> {
    let received = theirs.receive_hello(token, gateway.now).map_err(|declined| declined.refusal.reject)?;
    gateway.judge(received).map(|_| ()).map_err(|refusal| refusal.reject)
}

fn flip(token: &Token, bit: usize) -> Token {
    let mut changed = token.clone();
    let bit = bit % ((token.payload.len() + token.proof.len()) * 8);
    let (byte, mask) = (bit / 8, 1 << (bit % 8));
    if byte < token.payload.len() {
        changed.payload[byte] ^= mask;
    } else {
        changed.proof[byte - token.payload.len()] ^= mask;
    }
    changed
}

#[test]
fn every_flipped_bit_of_a_hello_is_refused() {
    // HS-13 HS-16
    let (mut gateway, _, awaiting) = offered(Algorithm::Ed25519, Binding::Exp);
    let token = Token::parse(awaiting.hello_token()).unwrap();
    for bit in 0..(token.payload.len() + token.proof.len()) * 8 {
        let theirs = gateway.accept(channel(1));
        assert!(accepts(&mut gateway, theirs, &flip(&token, bit).text()).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_of_a_hello_is_refused() {
    // HS-1
    for algorithm in ALGORITHMS {
        let (mut gateway, theirs, awaiting) = offered(algorithm, Binding::Exp);
        let text = awaiting.hello_token().to_owned();
        assert_eq!(accepts(&mut gateway, theirs, &text), Ok(()));
        for end in (0..text.len()).step_by(if text.len() > 2_000 { 97 } else { 1 }) {
            let (mut gateway, theirs, _) = offered(algorithm, Binding::Exp);
            assert!(accepts(&mut gateway, theirs, &text[..end]).is_err(), "{algorithm} cut at {end}");
        }
    }
}

#[test]
fn a_hello_under_another_letter_or_label_is_refused() {
    // HS-4 HS-12
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Hello) {
        let (mut gateway, theirs, awaiting) = offered(Algorithm::Ed25519, Binding::Exp);
        let token = Token { kind: *kind, ..Token::parse(awaiting.hello_token()).unwrap() };
        assert!(accepts(&mut gateway, theirs, &token.text()).is_err(), "{kind:?}");
    }
    for wrong in [label::WELCOME, label::DELEGATION, label::NONCE, label::CB_SEP] {
        let (mut gateway, theirs, awaiting) = offered(Algorithm::Ed25519, Binding::Exp);
        let token = Token::parse(awaiting.hello_token()).unwrap();
        let start = countersign_handshake::Transcript::of_channel([1; 32]);
        let key = crate::pair::client_key(Algorithm::Ed25519);
        let proof = countersign_handshake::Signer::sign(&key, &start.proof_input(&wrong, &token.payload)).unwrap();
        let forged = Token { proof, ..token };
        assert_eq!(accepts(&mut gateway, theirs, &forged.text()), Err(Reject::BadSignature));
    }
}

#[test]
fn the_order_of_members_means_nothing() {
    let one = Hello::read(br#"{"v":1,"vers":[1],"kid":"k","alg":"Ed25519","algs":["Ed25519"],"gw":"g","host":"h:1","n":"AAAAAAAAAAAAAAAAAAAAAA","bind":"exp","want":{"hb_ms":1,"cod":"none"},"need":{}}"#);
    let other = Hello::read(br#"{"need":{},"want":{"cod":"none","hb_ms":1},"bind":"exp","n":"AAAAAAAAAAAAAAAAAAAAAA","host":"h:1","gw":"g","algs":["Ed25519"],"alg":"Ed25519","kid":"k","vers":[1],"v":1}"#);
    assert_eq!(one.unwrap(), other.unwrap());
}

fn scopes() -> impl Strategy<Value = Scopes> {
    prop::sample::subsequence(Scope::KNOWN.to_vec(), 0..=Scope::KNOWN.len()).prop_map(|texts| Scopes::collect(texts).unwrap())
}

fn quantities<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = BTreeMap<Quantity, T>> {
    prop::collection::btree_map(prop::sample::select(Quantity::ALL.to_vec()), value, 0..4)
}

fn choices() -> impl Strategy<Value = BTreeMap<Choice, BTreeSet<String>>> {
    let words = prop::collection::btree_set(word(), 0..4);
    prop::collection::btree_map(prop::sample::select(Choice::ALL.to_vec()), words, 0..3).prop_map(|mut choices| {
        // A truth value has no other words.
        if let Some(words) = choices.get_mut(&Choice::CodOnLogout) {
            words.retain(|word| ["false", "true"].contains(&word.as_str()));
        }
        choices
    })
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["none", "session", "false", "true", "json", "sbe", "idempotent", "recoverable"]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..200_u64, 500..100_000_u64]
}

fn offer() -> impl Strategy<Value = Offer> {
    let bind = prop::sample::select(Binding::ALL.to_vec());
    let want = (scopes(), quantities(number()), choices());
    let need = (
        prop_oneof![3 => Just(Scopes::none()), 1 => scopes()],
        quantities((number(), number()).prop_map(|(one, other)| one.min(other)..=one.max(other))),
        choices(),
        prop::option::of(prop::sample::select(Binding::ALL.to_vec())),
    );
    (bind, want, need).prop_map(|(bind, want, need)| Offer {
        bind,
        want: Want {
            scopes: want.0,
            quantities: want.1,
            choices: want.2.into_iter().map(|(parameter, words)| (parameter, words.into_iter().collect())).collect(),
        },
        need: Need { scopes: need.0, quantities: need.1, choices: need.2, min_bind: need.3, unknown: BTreeSet::new() },
    })
}

fn policy() -> impl Strategy<Value = (Entitlements, HostPolicy)> {
    (scopes(), prop::option::of(0..200_000_u64), 100..5_000_u64, 1..100_000_u64, 1..400_u64, any::<bool>()).prop_map(
        |(scopes, life, hb_min, life_s_max, token, lasting)| {
            let entitlements =
                Entitlements { scopes, rate: KeyRate::default(), life: life.map(Duration::from_secs), lasting, cod_classes: lasting };
            let hb_ms = hb_min..=hb_min * 10;
            let policy = HostPolicy { hb_ms_default: hb_min * 2, hb_ms, life_s_max, token_s: token..=token + 100, ..HostPolicy::default() };
            (entitlements, policy)
        },
    )
}

proptest! {
    #[test]
    fn a_flipped_bit_of_any_hello_is_refused(algorithm in 0..4_usize, bind in 0..3_usize, bit in any::<usize>()) {
        let (mut gateway, theirs, awaiting) = offered(ALGORITHMS[algorithm], Binding::ALL[bind]);
        let token = Token::parse(awaiting.hello_token()).unwrap();
        prop_assert!(accepts(&mut gateway, theirs, &flip(&token, bit).text()).is_err());
    }

    #[test]
    fn a_flipped_bit_of_any_welcome_is_refused(bind in 0..3_usize, bit in any::<usize>()) {
        let (mut gateway, theirs, awaiting) = offered(Algorithm::Ed25519, Binding::ALL[bind]);
        let received = theirs.receive_hello(awaiting.hello_token(), gateway.now).unwrap();
        let established = gateway.judge(received).unwrap();
        let forged = flip(&Token::parse(&established.welcome).unwrap(), bit).text();
        prop_assert!(awaiting.receive_welcome(&forged, &established.sec, gateway.now).is_err());
    }

    #[test]
    fn what_is_granted_is_allowed_and_satisfies_the_need(offer in offer(), (entitlements, policy) in policy()) {
        // HS-50
        match negotiate(&offer, &entitlements, &policy) {
            Ok(contract) => {
                prop_assert_eq!(contract.unmet(&offer.need), Vec::<String>::new());
                prop_assert!(entitlements.scopes.contains_all(&contract.scopes));
                prop_assert!(contract.scopes.iter().all(|scope| offer.want.scopes.contains(scope) || offer.need.scopes.contains(scope)));
                prop_assert_eq!(contract.bind, offer.bind);
                prop_assert!(policy.hb_ms.contains(&contract.quantity(Quantity::HbMs)));
                prop_assert!(contract.quantity(Quantity::LifeS) <= policy.life_s_max);
                prop_assert!(entitlements.life.is_none_or(|life| contract.life() <= life));
                prop_assert!(offer.bind != Binding::Chl || contract.quantity(Quantity::TokenS) <= 60);
                prop_assert!(offer.bind == Binding::Exp || !contract.scopes.contains(&Scope::parse(Scope::FUNDS_WITHDRAW).unwrap()));
            }
            Err(unmet) => {
                prop_assert!(!unmet.names.is_empty());
                // Without the needs that were named, the rest can be granted: no name is missing, none is in vain.
                let mut rest = offer.clone();
                for name in &unmet.names {
                    rest.need.quantities.retain(|parameter, _| parameter.name() != name);
                    rest.need.choices.retain(|parameter, _| parameter.name() != name);
                    if name == "scopes" { rest.need.scopes = Scopes::none(); }
                    if name == "min_bind" { rest.need.min_bind = None; }
                }
                prop_assert!(negotiate(&rest, &entitlements, &policy).is_ok());
            }
        }
    }

    #[test]
    fn an_offer_survives_its_own_writing(offer in offer()) {
        let (_, _, awaiting) = offered(Algorithm::Ed25519, Binding::Exp);
        let hello = Hello::read(&Token::parse(awaiting.hello_token()).unwrap().payload).unwrap();
        let hello = Hello { offer, ..hello };
        prop_assert_eq!(Hello::read(hello.write().as_bytes()).unwrap(), hello);
    }

    #[test]
    fn a_gateway_never_panics_on_a_frame(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let gateway = Gateway::new();
        prop_assert!(gateway.accept(channel(1)).receive_frame(&bytes, gateway.now).is_err());
    }
}
