#![allow(clippy::unwrap_used)]

use countersign_core::{KeyRate, MemoryReplayGuard};
use proptest::prelude::*;

use super::*;
use crate::answer::AnswerContext;
use crate::binance::rate::RateLimitView;
use crate::test_support::{ED25519_KEY, HMAC_KEY, NOW_MS, credential, ed25519_base64, hmac_hex, now, verified};

/// A signed frame; `extra` are parameters that sort after `apiKey` and before `timestamp`, as JSON and as signed text.
fn signed(method: &str, key: &str, timestamp: u64, extra: (&str, &str)) -> String {
    let text = format!("apiKey={key}{}&timestamp={timestamp}", extra.1);
    let signature = if key == HMAC_KEY { hmac_hex(text.as_bytes()) } else { ed25519_base64(text.as_bytes()) };
    let params = format!(r#""apiKey":"{key}"{},"timestamp":{timestamp},"signature":"{signature}""#, extra.0);
    format!(r#"{{"id":1,"method":"{method}","params":{{{params}}}}}"#)
}

fn unsigned(method: &str, params: &str) -> String {
    format!(r#"{{"id":1,"method":"{method}","params":{{{params}}}}}"#)
}

fn limits() -> RateLimitView {
    RateLimitView { limits: KeyRate::default(), used_weight: 1, order_count: None }
}

/// Takes a frame all the way, with verification in between, as a shell does.
fn take<'f>(session: &mut WsApiSession, replay: &MemoryReplayGuard, text: &'f str) -> Step<'f> {
    match session.handle_text(text, now()) {
        Step::Verify(pending) => {
            let result = verified(&pending.presented, replay);
            session.conclude(pending, result, now())
        }
        step @ (Step::Forward(..) | Step::ForwardAs(..) | Step::ForwardInSession(..) | Step::ListenKey(..) | Step::Reply(_)) => step,
    }
}

fn shown(step: &Step<'_>) -> String {
    match step {
        Step::Forward(..) => "forward without identity".to_owned(),
        Step::ForwardAs(_, _, identity) => format!("forward as {:.7}", identity.key_id().as_str()),
        Step::ForwardInSession(_, _, identity) => format!("forward in session as {:.7}", identity.key_id().as_str()),
        Step::Reply(reply) => match reply.refusal() {
            Some(refusal) => format!("refused: {refusal}"),
            None => "session result".to_owned(),
        },
        Step::ListenKey(_, action, key_id) => format!("listen key: {action:?} of {:.7}", key_id.as_str()),
        Step::Verify(_) => "verify".to_owned(),
    }
}

fn frames() -> Vec<(&'static str, String)> {
    let stale = NOW_MS - 5_001;
    vec![
        ("not JSON", "{".to_owned()),
        ("unknown method", unsigned("order.fly", "")),
        ("public", unsigned("depth", r#""symbol":"BTCUSDT""#)),
        ("logon, Ed25519", signed("session.logon", ED25519_KEY, NOW_MS, ("", ""))),
        ("logon, HMAC", signed("session.logon", HMAC_KEY, NOW_MS, ("", ""))),
        ("logon, stale", signed("session.logon", ED25519_KEY, stale, ("", ""))),
        ("logon, unknown key", signed("session.logon", "nobody", NOW_MS, ("", ""))),
        ("logon, unsigned", unsigned("session.logon", "")),
        ("status", unsigned("session.status", "")),
        ("logout", unsigned("session.logout", "")),
        ("subscriptions", unsigned("session.subscriptions", "")),
        ("order, HMAC", signed("order.place", HMAC_KEY, NOW_MS, (r#","price":1.0"#, "&price=1.0"))),
        ("order, bad signature", signed("order.place", HMAC_KEY, NOW_MS, (r#","price":1"#, "&price=1.0"))),
        ("order, key without signature", unsigned("order.place", &format!(r#""apiKey":"{HMAC_KEY}","timestamp":{NOW_MS}"#))),
        ("order, unsigned", unsigned("order.place", &format!(r#""timestamp":{NOW_MS}"#))),
        ("order, unsigned, stale", unsigned("order.place", &format!(r#""timestamp":{stale}"#))),
        ("order, unsigned, no timestamp", unsigned("order.place", "")),
        ("subscribe", unsigned("userDataStream.subscribe", "")),
        ("subscribe by signature", signed("userDataStream.subscribe.signature", HMAC_KEY, NOW_MS, ("", ""))),
        ("unsubscribe", unsigned("userDataStream.unsubscribe", "")),
        ("listen key of a key", unsigned("userDataStream.start", &format!(r#""apiKey":"{HMAC_KEY}""#))),
        ("listen key", unsigned("userDataStream.ping", "")),
        ("listen key of no key", unsigned("userDataStream.stop", r#""apiKey":"a b""#)),
    ]
}

fn logged_on() -> WsApiSession {
    let mut session = WsApiSession::new(now());
    let logon = signed("session.logon", ED25519_KEY, NOW_MS, (r#","recvWindow":60000"#, "&recvWindow=60000"));
    assert_eq!(shown(&take(&mut session, &MemoryReplayGuard::default(), &logon)), "session result");
    session
}

#[test]
fn every_state_has_an_answer_to_every_frame() {
    let mut table = String::new();
    for (state, make) in [("logged out", (|| WsApiSession::new(now())) as fn() -> WsApiSession), ("logged on", logged_on)] {
        for (name, text) in frames() {
            let mut session = make();
            let step = shown(&take(&mut session, &MemoryReplayGuard::default(), &text));
            let after = session.identity().map_or("logged out", |_| "logged on");
            table += &format!("{state} | {name} | {step} | {after}\n");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn results_and_refusals_are_written_as_the_venue_writes_them() {
    let mut session = WsApiSession::new(Timestamp::from_millis(NOW_MS - 1_000));
    let replay = MemoryReplayGuard::default();
    let mut table = String::new();
    let frames = frames();
    for wanted in
        ["status", "logon, Ed25519", "status", "logon, Ed25519", "order, unsigned, stale", "logout", "order, unsigned", "not JSON"]
    {
        let (name, text) = frames.iter().find(|(name, _)| *name == wanted).unwrap();
        let Step::Reply(reply) = take(&mut session, &replay, text) else { panic!("{name} is answered here") };
        let json = reply.text(&AnswerContext::default(), &limits());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(value["rateLimits"].is_array(), "every reply has them: {json}");
        table += &format!("{name}: {json}\n");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_logon_frame_works_once() {
    let replay = MemoryReplayGuard::default();
    let logon = signed("session.logon", ED25519_KEY, NOW_MS, ("", ""));
    assert_eq!(shown(&take(&mut WsApiSession::new(now()), &replay, &logon)), "session result");
    let mut other = WsApiSession::new(now());
    assert_eq!(shown(&take(&mut other, &replay, &logon)), "refused: replayed_nonce");
    assert!(other.identity().is_none());
}

#[test]
fn explicit_credentials_override_the_session_and_leave_it_alone() {
    let mut session = logged_on();
    let order = signed("order.place", HMAC_KEY, NOW_MS, ("", ""));
    let Step::ForwardAs(frame, method, identity) = take(&mut session, &MemoryReplayGuard::default(), &order) else {
        panic!("it is signed")
    };
    assert_eq!((frame.text, method.name, identity.key_id().as_str()), (order.as_str(), "order.place", HMAC_KEY));
    assert_eq!(session.identity().unwrap().key_id().as_str(), ED25519_KEY);
}

#[test]
fn a_revoked_key_ends_the_session_with_the_venues_answer() {
    let mut session = logged_on();
    let identity = session.identity().unwrap().clone();
    let refusal = identity.recheck(None, None, now()).unwrap_err();
    let reply = session.revoke(refusal, now());
    assert_eq!(
        reply.text(&AnswerContext::default(), &limits()),
        r#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}"#
    );
    assert!(session.identity().is_none());
    assert!(identity.recheck(Some(&credential(ED25519_KEY)), None, now()).is_ok());
}

#[test]
fn a_signed_read_is_no_ticket_for_an_order() {
    let replay = MemoryReplayGuard::default();
    let read = signed("order.status", HMAC_KEY, NOW_MS, ("", ""));
    let write = read.replace("order.status", "order.cancel");
    let mut session = WsApiSession::new(now());
    assert_eq!(shown(&take(&mut session, &replay, &read)), "forward as hmackey");
    assert_eq!(shown(&take(&mut session, &replay, &read)), "forward as hmackey");
    assert_eq!(shown(&take(&mut session, &replay, &write)), "refused: replayed_nonce");
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}") {
        let mut session = WsApiSession::new(now());
        let step = session.handle_text(&text, now());
        prop_assert!(matches!(step, Step::Reply(_)));
    }

    #[test]
    fn any_json_gets_an_answer(params in r#"(("[a-z]{0,3}"|"apiKey"|"signature"|"timestamp"):(1|"x"|null|\[1\]|"\\u00e9"),?){0,6}"#) {
        let mut session = WsApiSession::new(now());
        let text = unsigned("order.place", &params);
        let step = take(&mut session, &MemoryReplayGuard::default(), &text);
        prop_assert!(shown(&step).starts_with("refused"));
    }

    #[test]
    fn any_changed_character_is_refused(place: prop::sample::Index, with in "\\PC") {
        let good = signed("order.place", HMAC_KEY, NOW_MS, (r#","price":1.0"#, "&price=1.0"));
        let start = good.find(r#""params""#).unwrap();
        let place = start + place.index(good.len() - start);
        let changed = format!("{}{with}{}", &good[..place], &good[place + 1..]);
        let mut session = WsApiSession::new(now());
        if let Step::ForwardAs(frame, ..) = take(&mut session, &MemoryReplayGuard::default(), &changed) {
            let text = |frame: &Frame<'_>| match present(frame, Security::Signed, countersign_core::Effect::Write) {
                Answer::Presented(presented) => presented.signed.contiguous().into_owned(),
                Answer::Malformed(_) | Answer::NotMine | Answer::Token { .. } => panic!("it was verified"),
            };
            prop_assert_eq!(text(&frame), text(&Frame::read(&good).unwrap()), "only another spelling of the same request");
        }
    }
}
