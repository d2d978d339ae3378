//! Which request is stopped by what: the whole table.

use countersign_core::{AccountId, ApiKeyId, Purpose, Risk, SessionId};
use countersign_halt::{Action, HaltSet, HaltView, Subject};

use crate::support::{by_client, halt};

const RISKS: [Risk; 4] = [Risk::Read, Risk::Cancel, Risk::Reduce, Risk::Increase];

fn view(halts: &[(&str, Action)]) -> HaltView {
    let mut set = HaltSet::default();
    for (name, (scope, action)) in (1..).zip(halts) {
        set.raise(halt(name, scope, *action), 1);
    }
    HaltView::compile(&set, "n1")
}

#[test]
fn every_scope_covers_its_own_and_nobody_else() {
    let (account, other) = (AccountId::parse("4711").unwrap(), AccountId::parse("4712").unwrap());
    let (key, other_key) = (ApiKeyId::parse("k").unwrap(), ApiKeyId::parse("l").unwrap());
    let sid = SessionId::from_bytes([7; 16]);
    let mine =
        Subject { purpose: Some(Purpose::Okx), account: Some(&account), key: Some(&key), session: Some(sid), instrument: Some("BTC") };
    let theirs = Subject {
        purpose: Some(Purpose::Bybit),
        account: Some(&other),
        key: Some(&other_key),
        session: Some(SessionId::from_bytes([8; 16])),
        instrument: Some("ETH"),
    };
    for scope in ["account:4711", "dialect:okx", "instrument:BTC", "key:k", &format!("session:{sid}")] {
        for action in Action::ALL.into_iter().filter(|action| !(scope.starts_with("instrument") && *action == Action::Disconnect)) {
            let view = view(&[(scope, action)]);
            for risk in RISKS {
                assert_eq!(view.decide(&mine, risk).is_some(), action.stops(risk), "{scope} {action} {risk}");
                assert_eq!(view.decide(&theirs, risk), None, "{scope} {action} {risk}");
            }
        }
    }
    for scope in ["venue", "node:n1"] {
        let view = view(&[(scope, Action::CancelOnly)]);
        assert!(view.decide(&Subject::default(), Risk::Increase).is_some(), "{scope} covers those who are not known, too");
        assert!(view.decide(&mine, Risk::Cancel).is_none());
    }
    assert!(view(&[("node:n2", Action::Disconnect)]).is_empty(), "another node's halt is not ours");
}

/// Names of keys are unique for a venue only: a client may have one that another firm has elsewhere.
#[test]
fn what_a_client_stops_is_a_key_of_its_own_account() {
    let (mine, others, key) = (AccountId::parse("desk").unwrap(), AccountId::parse("4712").unwrap(), ApiKeyId::parse("k").unwrap());
    let subject = |account, purpose| Subject { purpose: Some(purpose), account: Some(account), key: Some(&key), ..Subject::default() };
    for action in Action::ALL {
        let halt = halt(1, "key:k", action);
        let view = |halt| {
            let mut set = HaltSet::default();
            set.raise(halt, 1);
            HaltView::compile(&set, "n1")
        };
        let (by_client, by_operator) = (view(by_client(halt.clone())), view(halt));
        assert_eq!((by_client.is_empty(), by_client.cuts_somebody()), (false, action == Action::Disconnect));
        for risk in RISKS {
            let stops = action.stops(risk);
            assert_eq!(by_client.decide(&subject(&mine, Purpose::Bybit), risk).is_some(), stops, "{action} {risk}");
            assert_eq!(by_client.decide(&subject(&others, Purpose::Binance), risk), None, "{action} {risk}");
            assert_eq!(by_operator.decide(&subject(&others, Purpose::Binance), risk).is_some(), stops, "{action} {risk}");
        }
    }
}

#[test]
fn the_strongest_of_several_halts_counts_and_is_named() {
    let account = AccountId::parse("4711").unwrap();
    let subject = Subject { account: Some(&account), instrument: Some("BTC"), ..Subject::default() };
    let view = view(&[("venue", Action::CancelOnly), ("account:4711", Action::Freeze), ("account:4711", Action::DenyNew)]);
    assert_eq!(view.decide(&subject, Risk::Cancel).map(|hit| hit.action), Some(Action::Freeze));
    assert_eq!(view.decide(&Subject::default(), Risk::Increase).map(|hit| hit.action), Some(Action::CancelOnly));
    assert!(!view.cuts_somebody());
}

#[test]
fn an_order_whose_instrument_cannot_be_told_is_of_every_instrument() {
    let view = view(&[("instrument:BTC", Action::CancelOnly)]);
    let of = |instrument| Subject { instrument, ..Subject::default() };
    assert!(view.decide(&of(Some("BTC")), Risk::Increase).is_some());
    assert!(view.decide(&of(Some("btc")), Risk::Increase).is_some(), "some venues take a name in any case");
    assert!(view.decide(&of(Some("ETH")), Risk::Increase).is_none());
    assert!(view.decide(&of(None), Risk::Increase).is_some());
    assert!(view.decide(&of(None), Risk::Read).is_none());
}
