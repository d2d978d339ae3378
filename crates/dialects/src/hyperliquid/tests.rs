//! What an action needs, over HTTP and over the WebSocket.
#![allow(clippy::unwrap_used)]

use countersign_core::{MemoryReplayGuard, Now};

use super::*;
use crate::every_dialect::TestDesk;
use crate::socket::Step;
use crate::test_support::{HMAC_KEY, NOW_MS, Sent, hmac_hex, now};

const SEND: &str =
    r#"{"type":"usdSend","signatureChainId":"0x66eee","hyperliquidChain":"Testnet","destination":"0x1","amount":"1","time":1}"#;
const CANCEL: &str = r#"{"type":"cancel","cancels":[{"a":0,"o":1}]}"#;

/// A body whose signature is somebody's.
fn body(action: &str) -> String {
    let word = format!("0x{}", "11".repeat(32));
    format!(r#"{{"action":{action},"nonce":1,"signature":{{"r":"{word}","s":"{word}","v":27}}}}"#)
}

fn scope(body: &str) -> Result<Option<&'static str>, Reject> {
    Sent::new("POST", "/exchange", body).with(|request| Hyperliquid.scope(request)).map_err(|refusal| refusal.reject)
}

#[test]
fn what_moves_funds_or_gives_rights_needs_more_than_trading() {
    assert_eq!(scope(&body(CANCEL)), Ok(None));
    assert_eq!(scope(&body(SEND)), Ok(Some(Scope::FUNDS_WITHDRAW)));
    for unknown in ["multiSig", "vaultTransfer", "subAccountTransfer", "createSubAccount", "UsdSend", ""] {
        assert_eq!(scope(&body(&format!(r#"{{"type":"{unknown}"}}"#))), Err(Reject::Unsupported), "{unknown}");
    }
    // Two readings of which action it is.
    let twice = SEND.replace(r#"{"type":"usdSend""#, r#"{"type":"order","type":"usdSend""#);
    assert_eq!(scope(&body(&twice)), Err(Reject::Malformed));
    assert_eq!(scope(&body(SEND).replace(r#"{"action""#, &format!(r#"{{"action":{CANCEL},"action""#))), Err(Reject::Malformed));
}

#[test]
fn what_a_user_signs_has_one_reading_and_is_no_cancel() {
    let other = |body: &str| Sent::new("POST", "/exchange", body).with(|request| Hyperliquid.present_otherwise(request).is_some());
    assert!(other(&body(CANCEL)) && !other(&body(SEND)));
    let effect = |action: &str| present_payload(&object(&body(action)).unwrap(), Source::Elsewhere).unwrap().effect;
    assert_eq!((effect(CANCEL), effect(SEND)), (Effect::Cancel, Effect::Write));
}

#[test]
fn what_stands_beside_an_action_is_signed_or_refused_however_it_is_spelled() {
    let presented = |text: &str| present_payload(&object(text).unwrap(), Source::Elsewhere).map(|_| ()).map_err(|refusal| refusal.reject);
    let vault = format!("\"0x{}\"", "22".repeat(20));
    let beside = |name: &str, value: &str| body(CANCEL).replace(r#""nonce""#, &format!(r#""{name}":{value},"nonce""#));
    assert_eq!(presented(&beside("vaultAddress", &vault)), Ok(()));
    assert_eq!(presented(&beside("expiresAfter", "null")), Ok(()));
    for (name, value) in [("VaultAddress", &*vault), ("vaultaddress", &vault), ("ExpiresAfter", "2"), ("Action", CANCEL), ("Nonce", "2")] {
        assert_eq!(presented(&beside(name, value)), Err(Reject::Malformed), "{name}");
    }
    let orders = r#"{"type":"order","orders":[{}],"Orders":[{},{}]}"#;
    assert_eq!(presented(&body(orders)), Err(Reject::Malformed));
}

/// The message that an action over the WebSocket becomes once its signature is good.
fn message(action: &str) -> &'static str {
    let target = format!("/api/v3/account?timestamp={NOW_MS}&signature={}", hmac_hex(format!("timestamp={NOW_MS}").as_bytes()));
    let identity = Sent::new("GET", &target, "").verdict(&MemoryReplayGuard::default()).unwrap();
    assert_eq!(identity.key_id().as_str(), HMAC_KEY);
    let opening = Opening { target: "/ws", now: Now::default(), issued_challenge: None };
    let (mut socket, mut desk) = (Hyperliquid.open_socket(&opening).unwrap(), TestDesk::new());
    let frame = format!(r#"{{"method":"post","id":1,"request":{{"type":"action","payload":{}}}}}"#, body(action));
    assert!(matches!(socket.handle_text(&frame, now(), &mut desk), Step::Verify(_)));
    assert_eq!(socket.take_other_reading().is_some(), action == CANCEL);
    let step = socket.conclude(Ok(identity), now(), &mut desk);
    let Step::Forward(forward) = step else { panic!("{step:?}") };
    forward.message
}

#[test]
fn over_the_websocket_it_is_a_message_of_its_own() {
    assert_eq!(message(CANCEL), ACTION);
    assert_eq!(message(SEND), USER_SIGNED);
    let row = MESSAGES.iter().find(|row| row.name == USER_SIGNED).unwrap();
    assert_eq!((row.scope, row.orders), (Some(Scope::FUNDS_WITHDRAW), 0));
}

#[test]
fn a_client_of_binance_at_the_same_path_asks_for_its_streams() {
    let opening = Opening { target: "/ws", now: Now::default(), issued_challenge: None };
    let mut socket = Hyperliquid.open_socket(&opening).unwrap();
    for method in ["GET_PROPERTY", "LIST_SUBSCRIPTIONS", "SUBSCRIBE", "UNSUBSCRIBE"] {
        let frame = format!(r#"{{"method":"{method}","params":["btcusdt@ticker"],"id":3}}"#);
        let step = socket.handle_text(&frame, now(), &mut TestDesk::new());
        let Step::Forward(forward) = step else { panic!("{method}: {step:?}") };
        assert_eq!((forward.message, forward.identity.is_none()), (PUBLIC, true), "{method}");
    }
    for text in [r#"{"method":"order.place","params":{},"id":3}"#, r#"{"method":"SUBSCRIBE","Method":"post","params":[]}"#] {
        assert!(matches!(socket.handle_text(text, now(), &mut TestDesk::new()), Step::Refuse { .. }), "{text}");
    }
}
