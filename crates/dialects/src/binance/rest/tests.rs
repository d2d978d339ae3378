#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use countersign_core::{MemoryReplayGuard, Reject};
use proptest::prelude::*;

use super::*;
use crate::test_support::{NOW_MS, Sent, hmac_hex};

/// What is wrong with a request: its fault, else the reason.
fn trouble(sent: &Sent) -> String {
    match sent.verdict(&MemoryReplayGuard::default()) {
        Ok(_) => "accept".to_owned(),
        Err(refusal) => Fault::of(&refusal).map_or_else(|| refusal.reject.label().to_owned(), |fault| format!("{fault:?}")),
    }
}

/// A request whose query and body are signed as they are and get the signature at the end of one of them.
fn signed(method: &'static str, query: &str, body: &str) -> Sent {
    let signature = hmac_hex(format!("{query}{body}").as_bytes());
    if body.is_empty() {
        Sent::new(method, &format!("/api/v3/order?{query}&signature={signature}"), "")
    } else {
        Sent::new(method, &format!("/api/v3/order?{query}"), &format!("{body}&signature={signature}"))
    }
}

#[test]
fn accepts_parameters_in_query_body_or_both_with_any_method() {
    let timestamp = format!("timestamp={NOW_MS}");
    for method in ["GET", "POST", "PUT", "DELETE"] {
        assert_eq!(trouble(&signed(method, &format!("symbol=A&{timestamp}"), "")), "accept", "{method}");
        assert_eq!(trouble(&signed(method, "", &format!("symbol=A&{timestamp}"))), "accept", "{method}");
        assert_eq!(trouble(&signed(method, "symbol=A", &timestamp)), "accept", "{method}: no separator between them");
        assert_eq!(trouble(&signed(method, "symbol=A&", &timestamp)), "accept", "{method}");
    }
}

#[test]
fn the_signature_may_stand_anywhere() {
    let text = format!("symbol=A&side=BUY&timestamp={NOW_MS}");
    let signature = format!("signature={}", hmac_hex(text.as_bytes()));
    let parts: Vec<_> = text.split('&').collect();
    for place in 0..=parts.len() {
        let mut moved = parts.clone();
        moved.insert(place, &signature);
        let moved = moved.join("&");
        assert_eq!(trouble(&Sent::new("POST", &format!("/x?{moved}"), "")), "accept", "{moved}");
        assert_eq!(trouble(&Sent::new("POST", "/x", &moved)), "accept", "{moved}");
        assert_eq!(trouble(&Sent::new("POST", &format!("/x?{text}"), &signature)), "accept");
        assert_eq!(trouble(&Sent::new("POST", &format!("/x?{signature}"), &text)), "accept");
    }
}

#[test]
fn exactly_one_separator_goes_with_the_signature() {
    let timestamp = format!("timestamp={NOW_MS}");
    for (text, signed_text) in [
        (format!("{timestamp}&signature="), timestamp.clone()),
        (format!("{timestamp}&&signature="), format!("{timestamp}&")),
        (format!("&{timestamp}&signature="), format!("&{timestamp}")),
    ] {
        let sent = Sent::new("GET", &format!("/x?{text}{}", hmac_hex(signed_text.as_bytes())), "");
        assert_eq!(trouble(&sent), "accept", "{text}");
        let trailing = Sent::new("GET", &format!("/x?{text}{}&", hmac_hex(format!("{signed_text}&").as_bytes())), "");
        assert_eq!(trouble(&trailing), "accept", "{text}");
    }
}

#[test]
fn says_what_is_missing() {
    let timestamp = format!("timestamp={NOW_MS}");
    let good = signed("GET", &timestamp, "");
    let mut keyless = good.clone();
    keyless.headers.clear();
    assert_eq!(trouble(&keyless), "ApiKeyHeaderMissing");
    let mut empty = good;
    empty.headers[0].1.clear();
    assert_eq!(trouble(&empty), "ApiKeyHeaderMissing");
    for (query, expected) in [
        (timestamp.as_str(), "SignatureMissing"),
        ("", "SignatureMissing"),
        ("timestamp=1&signature=", "SignatureMissing"),
        ("Signature=00", "SignatureMissing"),
        ("signature=00", "TimestampMissing"),
        ("signature=00&timestamp=", "TimestampMissing"),
        ("signature=00&Timestamp=1", "TimestampMissing"),
    ] {
        assert_eq!(trouble(&Sent::new("GET", &format!("/x?{query}"), "")), expected, "{query}");
    }
}

#[test]
fn anything_that_can_be_read_in_two_ways_is_malformed() {
    let timestamp = format!("timestamp={NOW_MS}");
    let twice = |query: &str, body: &str| trouble(&signed("POST", query, body));
    assert_eq!(twice(&format!("{timestamp}&{timestamp}"), ""), "ParameterRepeated");
    assert_eq!(twice(&timestamp, &timestamp), "ParameterRepeated");
    assert_eq!(twice(&format!("symbol=A&{timestamp}&symbol=A"), ""), "ParameterRepeated");
    assert_eq!(twice("symbol=A", &format!("symbol=B&{timestamp}")), "ParameterRepeated");
    assert_eq!(twice(&format!("{timestamp}&recvWindow=1&recvWindow=1"), ""), "ParameterRepeated");
    assert_eq!(twice(&format!("{timestamp}&signature=00"), ""), "ParameterRepeated");
    assert_eq!(twice(&format!("{timestamp}&signature=00"), "a=b"), "ParameterRepeated");
    for name in ["%74imestamp", "time%73tamp", "%73ignature", "a+b", "a b", "", "a\u{e9}"] {
        assert_eq!(twice(&format!("{timestamp}&{name}=1"), ""), "ParameterNameIllegal", "{name}");
    }
    let mut two_keys = signed("GET", &timestamp, "");
    let header = two_keys.headers[0].clone();
    two_keys.headers.push(("x-mbx-apikey".to_owned(), header.1));
    assert_eq!(trouble(&two_keys), "ApiKeyRepeated");
    let mut ill_formed = signed("GET", &timestamp, "");
    for value in [&b"a key"[..], b"k\xe9y", b"k\0y"] {
        ill_formed.headers[0].1 = value.to_vec();
        assert_eq!(trouble(&ill_formed), "ApiKeyMalformed");
    }
}

#[test]
fn the_cut_between_query_and_body_cannot_change_a_parameter() {
    let text = format!("symbol=BTCUSDT&quantity=10&timestamp={NOW_MS}&price=25");
    let signature = hmac_hex(text.as_bytes());
    let whole: Vec<_> = text.split('&').collect();
    for cut in 0..=text.len() {
        let (query, body) = text.split_at(cut);
        let sent = Sent::new("POST", &format!("/x?{query}"), &format!("{body}&signature={signature}"));
        let parts: Vec<_> = query.split('&').chain(body.split('&')).filter(|part| !part.is_empty()).collect();
        let harmless = parts == whole;
        assert_eq!(trouble(&sent) == "accept", harmless, "{query} | {body}");
    }
}

#[test]
fn a_json_body_is_signed_and_holds_no_parameters() {
    let timestamp = format!("timestamp={NOW_MS}");
    for body in ["{}", r#"{"timestamp": 1, "signature": "&signature=00"}"#, " [1,2]\n"] {
        let signature = hmac_hex(format!("{timestamp}{body}").as_bytes());
        let query = format!("/x?{timestamp}&signature={signature}");
        assert_eq!(trouble(&Sent::new("POST", &query, body)), "accept", "{body}");
        assert_eq!(trouble(&Sent::new("POST", &query, &format!("{body} "))), "bad_signature", "{body}");
    }
    let broken = Sent::new("POST", &format!("/x?{timestamp}&signature=00"), "{&symbol=A");
    assert_eq!(trouble(&broken), "ParameterNameIllegal");
}

#[test]
fn bodies_and_parameter_counts_are_bounded() {
    let sent = Sent::new("POST", "/x", &"a".repeat(limits::BODY_BYTES_MAX + 1));
    assert_eq!(trouble(&sent), "BodyTooLarge");
    let many: Vec<_> = (0..=limits::PARAMETERS_MAX).map(|number| format!("p{number}=1")).collect();
    assert_eq!(trouble(&Sent::new("POST", "/x", &many.join("&"))), "ParametersTooMany");
}

#[test]
fn a_trailing_newline_in_the_body_is_part_of_it() {
    let text = format!("timestamp={NOW_MS}");
    let signature = hmac_hex(text.as_bytes());
    assert_eq!(trouble(&Sent::new("POST", "/x", &format!("{text}&signature={signature}\n"))), "bad_signature");
    assert_eq!(trouble(&Sent::new("POST", "/x", &format!("signature={signature}&{text}\n"))), "TimestampMalformed");
}

#[test]
fn the_window_is_the_venues() {
    let at = |timestamp: String, window: &str| trouble(&signed("GET", &format!("timestamp={timestamp}{window}"), ""));
    let ms = |offset: i64| (i64::try_from(NOW_MS).unwrap() + offset).to_string();
    assert_eq!(at(ms(-5_000), ""), "accept");
    assert_eq!(at(ms(-5_001), ""), "stale_timestamp");
    assert_eq!(at(ms(999), ""), "accept");
    assert_eq!(at(ms(1_000), ""), "future_timestamp");
    assert_eq!(at(ms(-60_000), "&recvWindow=60000"), "accept");
    assert_eq!(at(ms(-60_001), "&recvWindow=60000"), "stale_timestamp");
    assert_eq!(at(ms(0), "&recvWindow=0"), "accept");
    assert_eq!(at(ms(-1), "&recvWindow=0"), "stale_timestamp");
    assert_eq!(at(ms(0), "&recvWindow=60001"), "RecvWindowTooLong");
    let us = |offset: i64| (i64::try_from(NOW_MS * 1_000).unwrap() + offset).to_string();
    assert_eq!(at(us(-500), "&recvWindow=0.5"), "accept");
    assert_eq!(at(us(-501), "&recvWindow=0.5"), "stale_timestamp");
    assert_eq!(at((NOW_MS / 1_000).to_string(), ""), "stale_timestamp", "seconds");
    assert_eq!(at(format!("{NOW_MS}000000"), ""), "future_timestamp", "nanoseconds");
}

#[test]
fn a_write_is_accepted_once_whatever_its_spelling_and_a_read_repeats() {
    let replay = MemoryReplayGuard::default();
    let text = format!("symbol=A&timestamp={NOW_MS}");
    let signature = hmac_hex(text.as_bytes());
    let post = Sent::new("POST", &format!("/x?{text}&signature={signature}"), "");
    assert!(post.verdict(&replay).is_ok());
    let upper = Sent::new("POST", &format!("/x?{text}&signature={}", signature.to_uppercase()), "");
    let moved = Sent::new("DELETE", &format!("/y?signature={signature}"), &text);
    for again in [post, upper, moved] {
        assert_eq!(again.verdict(&replay).unwrap_err().reject, Reject::Replayed);
    }
    let get = signed("GET", &format!("timestamp={NOW_MS}"), "");
    assert!(get.verdict(&replay).is_ok() && get.verdict(&replay).is_ok());
    let as_write = Sent { method: "POST", ..get };
    assert_eq!(as_write.verdict(&replay).unwrap_err().reject, Reject::Replayed, "a signed read is no ticket for a write");
}

#[test]
fn unknown_key_and_bad_signature_are_told_apart_for_the_operator_only() {
    use crate::answer::AnswerContext;
    use crate::binance::reject_body::RejectBody;
    let mut unknown = signed("GET", &format!("timestamp={NOW_MS}"), "");
    unknown.headers[0].1 = b"nobody".to_vec();
    let wrong = Sent::new("GET", &format!("/x?timestamp={NOW_MS}&signature={}", "0".repeat(64)), "");
    let [unknown, wrong] = [unknown, wrong].map(|sent| sent.verdict(&MemoryReplayGuard::default()).unwrap_err());
    assert_eq!((unknown.reject, wrong.reject), (Reject::UnknownKey, Reject::BadSignature));
    assert_eq!(RejectBody::of(&unknown, &AnswerContext::default()), RejectBody::of(&wrong, &AnswerContext::default()));
}

#[test]
fn a_route_for_any_named_key_needs_no_signature_but_checks_one() {
    let ask = |sent: &Sent| {
        sent.with(|view| match BinanceRest.present(view, Security::ApiKey) {
            Answer::Malformed(refusal) => format!("{:?}", Fault::of(&refusal)),
            Answer::NotMine => "NotMine".to_owned(),
            Answer::Token { .. } => "Token".to_owned(),
            Answer::Presented(_) => "Presented".to_owned(),
        })
    };
    assert_eq!(ask(&Sent::new("GET", "/sapi/v1/margin/allPairs", "")), "NotMine");
    assert_eq!(ask(&signed("GET", &format!("timestamp={NOW_MS}"), "")), "Presented");
    let mut keyless = Sent::new("GET", "/sapi/v1/margin/allPairs", "");
    keyless.headers.clear();
    assert_eq!(ask(&keyless), "Some(ApiKeyHeaderMissing)");
    let public = Sent::new("GET", "/api/v3/time?signature=00&signature=00", "");
    assert!(public.with(|view| matches!(BinanceRest.present(view, Security::None), Answer::NotMine)));
}

#[test]
fn presenting_copies_nothing_of_the_message() {
    let sent = signed("POST", "symbol=A&", &format!("timestamp={NOW_MS}"));
    sent.with(|view| {
        let Answer::Presented(presented) = BinanceRest.present(view, Security::Signed) else { panic!("it is signed") };
        let inside = |piece: &[u8]| [view.target, view.body].iter().any(|text| text.as_ptr_range().contains(&piece.as_ptr()));
        assert_eq!(presented.signed.pieces().count(), 2);
        assert!(presented.signed.pieces().all(inside));
    });
}

fn order() -> Sent {
    signed("POST", "symbol=BTCUSDT&side=BUY", &format!("quantity=0.001&price=100&timestamp={NOW_MS}&recvWindow=10000"))
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(target: Vec<u8>, body: Vec<u8>, key: Vec<u8>, security in 0..3) {
        let security = [Security::ApiKey, Security::None, Security::Signed][usize::try_from(security).unwrap()];
        let sent = Sent { method: "POST", target, headers: vec![("x-mbx-apikey".to_owned(), key)], body };
        sent.with(|view| drop(BinanceRest.present(view, security)));
    }

    #[test]
    fn any_parameters_get_an_answer(query in "([a-c]{0,2}(=|&|%|\\+|signature|timestamp|recvWindow|[0-9]){0,3}){0,8}", body in "([a-c]?[=&%0-9]){0,12}") {
        let sent = Sent::new("POST", &format!("/?{query}"), &body);
        let refused = sent.verdict(&MemoryReplayGuard::default()).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn any_changed_byte_is_refused(place: prop::sample::Index, byte: u8) {
        let good = order();
        let mut changed = good.clone();
        let query = b"/api/v3/order?".len();
        let place = place.index(changed.target.len() - query + changed.body.len());
        let slot = match place.checked_sub(changed.target.len() - query) {
            Some(place) => &mut changed.body[place],
            None => &mut changed.target[query + place],
        };
        *slot = byte;
        if changed.verdict(&MemoryReplayGuard::default()).is_ok() {
            prop_assert_eq!(changed.signed(), good.signed(), "only another spelling of the same signature");
        }
    }

    #[test]
    fn any_inserted_or_removed_byte_is_refused(place: prop::sample::Index, byte: u8, insert: bool) {
        let good = order();
        let mut changed = good.clone();
        let place = place.index(changed.body.len());
        if insert {
            changed.body.insert(place, byte);
        } else {
            changed.body.remove(place);
        }
        if changed.verdict(&MemoryReplayGuard::default()).is_ok() {
            prop_assert_eq!(changed.signed(), good.signed());
        }
    }
}
