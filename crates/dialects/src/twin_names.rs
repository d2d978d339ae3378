//! A member that decides what a frame is has no twin: readers of JSON in Go do not mind the case, and would take the other one.
#![allow(clippy::unwrap_used)]

use countersign_core::Now;

use crate::every_dialect::TestDesk;
use crate::registry::by_name;
use crate::socket::{Opening, Step};
use crate::test_support::now;

/// Whether a frame is passed over in words of refusal.
fn is_refused(dialect: &str, path: &str, text: &str) -> bool {
    let opening = Opening { target: path, now: Now::default(), issued_challenge: None };
    let mut socket = by_name(dialect).unwrap().open_socket(&opening).unwrap();
    match socket.handle_text(text, now(), &mut TestDesk::new()) {
        Step::Refuse { .. } => true,
        Step::Close { .. } | Step::Forward(_) | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_) => false,
    }
}

/// Frames that need no login, and the names in them that decide.
const FRAMES: &[(&str, &str, &str, &[&str])] = &[
    ("bitfinex", "/ws/2", r#"{"event":"subscribe","channel":"ticker","symbol":"tBTCUSD"}"#, &["event"]),
    ("bitfinex", "/ws/2", r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"]}"#, &["method"]),
    ("bitmex", "/realtime", r#"{"op":"subscribe","args":["trade:XBTUSD"]}"#, &["op", "args"]),
    ("bybit", "/v5/public/spot", r#"{"op":"subscribe","args":["tickers.BTCUSDT"]}"#, &["op", "args"]),
    ("coinbase", "/", r#"{"type":"subscribe","channel":"ticker","product_ids":["BTC-USD"]}"#, &["type", "channel", "jwt"]),
    ("coinbase-exchange", "/", r#"{"type":"subscribe","channels":[{"name":"ticker"}]}"#, &["type", "channels", "name"]),
    (
        "deribit",
        "/ws/api/v2",
        r#"{"id":1,"method":"public/subscribe","params":{"channels":["trades.BTC-PERPETUAL.100ms"]}}"#,
        &["method", "params", "channels"],
    ),
    (
        "gate",
        "/ws/v4/",
        r#"{"time":1,"channel":"spot.tickers","event":"subscribe","payload":["BTC_USDT"]}"#,
        &["channel", "event", "payload", "auth"],
    ),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"allMids"}}"#, &["method"]),
    (
        "hyperliquid",
        "/ws",
        r#"{"method":"post","id":1,"request":{"type":"info","payload":{"type":"meta"}}}"#,
        &["method", "request", "type"],
    ),
    (
        "kraken",
        "/",
        r#"{"event":"subscribe","subscription":{"name":"ticker"},"pair":["XBT/USD"]}"#,
        &["event", "subscription", "name", "method"],
    ),
    (
        "kraken",
        "/v2",
        r#"{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}"#,
        &["method", "params", "channel", "event"],
    ),
    ("kraken-futures", "/ws/v1", r#"{"event":"subscribe","feed":"ticker","product_ids":["PI_XBTUSD"]}"#, &["event", "feed"]),
    (
        "kucoin",
        "/kucoin/ws?token=public",
        r#"{"id":"1","type":"subscribe","topic":"/market/ticker:BTC-USDT","privateChannel":false}"#,
        &["type", "topic", "privateChannel"],
    ),
    ("okx", "/ws/v5/public", r#"{"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}"#, &["op", "args", "channel"]),
];

/// A name that a reader in another language takes for the same.
fn twins(name: &str) -> [String; 3] {
    let upper = name[..1].to_uppercase() + &name[1..];
    [upper, name.to_uppercase(), format!(" {name}")]
}

/// The frame with another member beside the first of this name, or at the end of it.
fn beside(frame: &str, name: &str, twin: &str) -> String {
    let (member, other) = (format!(r#""{name}":"#), format!(r#""{twin}":"addOrder""#));
    match frame.split_once(&member) {
        Some((before, after)) => format!("{before}{other},{member}{after}"),
        None => format!("{},{other}}}", frame.strip_suffix('}').unwrap()),
    }
}

#[test]
fn a_name_that_decides_what_a_frame_is_has_no_twin() {
    for (dialect, path, frame, names) in FRAMES {
        assert!(!is_refused(dialect, path, frame), "{dialect}: {frame}");
        for name in *names {
            for twin in twins(name) {
                let text = beside(frame, name, &twin);
                assert!(is_refused(dialect, path, &text), "{dialect}: {text}");
            }
        }
    }
}

#[test]
fn a_subscription_of_kraken_is_no_order_of_another_reader_or_version() {
    let order = r#""type":"buy","token":"T","subscription":{"name":"ticker"}"#;
    for twin in ["Event", "EVENT", "method", "Method"] {
        let text = format!(r#"{{"event":"subscribe","{twin}":"addOrder","pair":"XBT/USD",{order}}}"#);
        assert!(is_refused("kraken", "/", &text), "{text}");
    }
    let text = r#"{"method":"ping","event":"addOrder","params":{}}"#;
    assert!(is_refused("kraken", "/v2", text), "{text}");
}

/// What proves goes no further, also under a name that only another reader takes for it.
#[test]
fn a_proof_under_another_spelling_does_not_go_on() {
    let sent = |dialect: &str, path: &str, text: &str| {
        let opening = Opening { target: path, now: Now::default(), issued_challenge: None };
        let mut socket = by_name(dialect).unwrap().open_socket(&opening).unwrap();
        match socket.handle_text(text, now(), &mut TestDesk::new()) {
            Step::Forward(forward) => forward.text.unwrap_or_else(|| text.to_owned()),
            Step::Refuse { .. } => String::new(),
            Step::Close { .. } | Step::Reply(_) | Step::Verify(_) | Step::VerifyToken(_) => panic!("{text}"),
        }
    };
    for name in ["signed_challenge", "Signed_Challenge", "signedChallenge", "api_key", "API_KEY"] {
        let text = format!(r#"{{"event":"subscribe","feed":"ticker","product_ids":["PI_XBTUSD"],"{name}":"PROOF"}}"#);
        let went_on = sent("kraken-futures", "/ws/v1", &text);
        assert!(went_on.contains("ticker") && !went_on.contains("PROOF"), "{went_on}");
    }
    for name in ["signature", "Signature", "SIGNATURE", "passphrase", "Passphrase", " key"] {
        let text = format!(r#"{{"type":"subscribe","channels":["ticker"],"{name}":"PROOF"}}"#);
        assert_eq!(sent("coinbase-exchange", "/", &text), "", "{text}");
    }
}
