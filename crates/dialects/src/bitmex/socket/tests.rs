#![allow(clippy::unwrap_used)]
use countersign_core::Now;
use countersign_core::verify::check_window;

use super::super::Bitmex;
use super::*;
use crate::dialect::Dialect as _;
use crate::every_dialect::TestDesk;
use crate::socket::Step;

/// The first step of a connection that was opened so.
fn opened(target: &str, headers: &dyn Headers) -> Step<'static> {
    let opening = Opening { target, now: Now::default(), issued_challenge: None };
    let mut socket = Bitmex.open_socket_with(&opening, headers).unwrap();
    socket.greet(Timestamp::from_secs(1_795_222_400), &mut TestDesk::new())
}

#[test]
fn a_handshake_proves_itself_in_its_headers_and_subscribes_in_its_query() {
    let none = http::HeaderMap::new();
    let signed = [(KEY, "k"), (EXPIRES, "1795226000"), (SIGNATURE, "00")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let Step::Verify(presented) = opened("/realtime?subscribe=order:XBTUSD,margin", &signed) else { panic!("a proof to verify") };
    assert_eq!(presented.signed.contiguous().as_ref(), &b"GET/realtime1795226000"[..]);
    let Step::Forward(forward) = opened("/realtime?subscribe=trade:XBTUSD,quote%3AXBTUSD", &none) else { panic!("public") };
    assert_eq!((forward.message, forward.identity.is_none()), (PUBLIC, true));
    assert_eq!(forward.text.as_deref(), Some(r#"{"args":["trade:XBTUSD","quote:XBTUSD"],"op":"subscribe"}"#));
    let refused = |target: &str, headers: &dyn Headers| {
        let Step::Refuse { refusal, close, .. } = opened(target, headers) else { panic!("a refusal") };
        (refusal.reject, close)
    };
    assert_eq!(refused("/realtime?subscribe=trade,order", &none), (Reject::MissingCredentials, true));
    assert_eq!(refused("/realtime?%73ubscribe=order", &none), (Reject::MissingCredentials, true));
    for twice in ["subscribe=trade&subscribe=order", "subscribe=trade&%73ubscribe=order", "subscribe&subscribe=trade"] {
        assert_eq!(refused(&format!("/realtime?{twice}"), &none), (Reject::Malformed, true), "{twice}");
    }
    assert_eq!(refused("/realtime", &signed[..2].to_vec()), (Reject::MissingCredentials, true));
    assert!(matches!(opened("/realtime", &none), Step::Reply(replies) if replies.is_empty()));
}

/// Whether the step is a frame that goes to the venue under the login, with its kind.
fn forwarded(step: &Step<'_>) -> (&'static str, bool) {
    let Step::Forward(forward) = step else { panic!("{step:?}") };
    (forward.message, forward.identity.is_some())
}

#[test]
fn what_the_handshake_subscribed_to_under_its_login_is_unsubscribed_there() {
    let signed = [(KEY, "k"), (EXPIRES, "1795226000"), (SIGNATURE, "00")].to_vec();
    let target = "/realtime?subscribe=trade:XBTUSD,order";
    let opening = Opening { target, now: Now::default(), issued_challenge: None };
    let (mut socket, mut desk) = (Bitmex.open_socket_with(&opening, &signed).unwrap(), TestDesk::new());
    let now = Timestamp::from_secs(1_795_222_400);
    assert!(matches!(socket.greet(now, &mut desk), Step::Verify(_)));
    let step = socket.conclude(Ok(somebody()), now, &mut desk);
    assert_eq!(forwarded(&step), (PRIVATE, true));
    let mut about = |op: &str, topics: &str| {
        let frame = format!(r#"{{"op":"{op}","args":[{topics}]}}"#);
        forwarded(&socket.handle_text(&frame, now, &mut desk))
    };
    assert_eq!(about("subscribe", r#""quote:XBTUSD""#), (PUBLIC, false));
    assert_eq!(about("unsubscribe", r#""trade:XBTUSD""#), (PUBLIC, true), "where the venue knows of it");
    assert_eq!(about("unsubscribe", r#""quote:XBTUSD""#), (PUBLIC, false));
    assert_eq!(about("subscribe", r#""trade:XBTUSD""#), (PUBLIC, false), "it is public again");
    assert_eq!(about("subscribe", r#""trade:ETHUSD","position""#), (PRIVATE, true));
    assert_eq!(about("unsubscribe", r#""trade:ETHUSD""#), (PUBLIC, true));
    assert_eq!(about("subscribe", r#""trade:SOLUSD","order""#), (PRIVATE, true));
    assert_eq!(about("subscribe", r#""trade:SOLUSD","trade:XRPUSD""#), (PUBLIC, true), "with one that is there already");
    assert_eq!(about("unsubscribe", r#""trade:XRPUSD""#), (PUBLIC, true), "so that is where the other one is, too");
    assert_eq!(about("unsubscribe", r#""trade:SOLUSD","order""#), (PRIVATE, true));
    assert_eq!(about("subscribe", r#""trade:SOLUSD""#), (PUBLIC, false), "nothing of it is left there");
}

#[test]
fn nothing_is_kept_of_what_nobody_may_subscribe_to() {
    let opening = Opening { target: "/realtime", now: Now::default(), issued_challenge: None };
    let none = http::HeaderMap::new();
    let mut realtime = Realtime::opened(&opening, &none);
    let frame = r#"{"op":"subscribe","args":["order","trade:XBTUSD"]}"#;
    let mut desk = TestDesk::new();
    let read = |realtime: &mut Realtime, desk: &mut TestDesk| realtime.read(frame, Timestamp::from_secs(1), desk).map(drop).is_ok();
    assert!(read(&mut realtime, &mut desk) && realtime.under_login.is_empty(), "refused: nobody is logged in");
    assert_eq!(realtime.announcement(&somebody()), None);
    assert!(read(&mut realtime, &mut desk) && realtime.under_login.contains("trade:XBTUSD"));
    let long = format!(r#"{{"op":"subscribe","args":["order","{}"]}}"#, "x".repeat(limits::TOPIC_BYTES_MAX + 1));
    assert!(realtime.read(&long, Timestamp::from_secs(1), &mut desk).is_ok() && realtime.under_login.len() == 1);
}

fn somebody() -> VerifiedIdentity {
    let query = format!("timestamp={}", crate::test_support::NOW_MS);
    let target = format!("/api/v3/account?{query}&signature={}", crate::test_support::hmac_hex(query.as_bytes()));
    crate::test_support::Sent::new("GET", &target, "").verdict(&countersign_core::MemoryReplayGuard::default()).unwrap()
}

#[test]
fn a_handshake_proves_itself_in_its_query() {
    let none = http::HeaderMap::new();
    let proof = "api-expires=1795226000&api-key=k&api-signature=00";
    for target in
        [format!("/realtime?{proof}"), format!("/realtime?subscribe=order&{proof}"), "/realtime?".to_owned() + &proof.replace('-', "%2D")]
    {
        let Step::Verify(presented) = opened(&target, &none) else { panic!("a proof to verify in {target}") };
        assert_eq!((presented.key_id.as_str(), presented.signed.contiguous().as_ref()), ("k", &b"GET/realtime1795226000"[..]));
    }
    let refused = |target: &str, headers: &dyn Headers| {
        let Step::Refuse { refusal, close: true, .. } = opened(target, headers) else { panic!("a refusal of {target}") };
        refusal.reject
    };
    for part in proof.split('&') {
        let name = part.split('=').next().unwrap();
        let others = proof.replace(part, "a=b");
        assert_eq!(refused(&format!("/realtime?{others}"), &none), Reject::MissingCredentials, "without {name}");
        assert_eq!(refused(&format!("/realtime?{others}&{name}="), &none), Reject::MissingCredentials, "nothing in {name}");
        assert_eq!(refused(&format!("/realtime?{proof}&{part}"), &none), Reject::Malformed, "{name} twice");
    }
    let header = [(KEY.to_owned(), "k".to_owned())].to_vec();
    assert_eq!(refused(&format!("/realtime?{proof}"), &header), Reject::Malformed, "two proofs");
}

#[test]
fn every_header_that_the_machine_reads_is_kept_from_the_venue() {
    let read = std::cell::RefCell::new(Vec::new());
    let signed = [(KEY, "k"), (EXPIRES, "1795226000"), (SIGNATURE, "00")];
    let _step = opened("/realtime", &Noted(&read, &signed[..]));
    for name in read.into_inner() {
        assert!(Bitmex.handshake_headers().contains(&name.as_str()), "{name}");
    }
}

/// Headers that note which of them are looked up.
struct Noted<'n>(&'n std::cell::RefCell<Vec<String>>, &'n [(&'n str, &'n str)]);

impl Headers for Noted<'_> {
    fn find(&self, name: &str) -> Header<'_> {
        self.0.borrow_mut().push(name.to_owned());
        self.1.find(name)
    }
}

#[test]
fn a_login_ends_by_its_seconds_or_a_while_after_its_milliseconds() {
    let now = Timestamp::from_secs(1_795_222_400);
    for (expires, reject) in [
        ("1795222405", None),
        ("1795222400", Some(Reject::TimestampStale)),
        ("1795226001", None),
        ("1795226002", Some(Reject::TimestampAhead)),
        ("1795222400000", None),
        ("1795222399000", None),
        ("1795222280000", Some(Reject::TimestampStale)),
        ("1795222405123", None),
        ("1795222520000", None),
        ("1795222520001", Some(Reject::TimestampAhead)),
        ("9999999999999999", Some(Reject::TimestampAhead)),
    ] {
        let verdict = check_window(login_freshness(expires, now).unwrap(), now).err().map(|refusal| refusal.reject);
        assert_eq!(verdict, reject, "{expires}");
    }
    assert!(login_freshness("soon", now).is_err());
}
