//! Decisions with a clock that stands still until it is told.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use countersign_tower::core::{
    AccountId, Algorithm, ApiKeyId, Binding, Credential, CredentialId, CredentialState, IpAllowList, Monotonic, Now, Purpose, Refusal,
    Reject, Scopes, Timestamp, Verifier,
};
use countersign_tower::dialects::by_name;
use countersign_tower::{ClientAddress, Clock, Credentials, Gate, MemoryCredentials, Refused, Registered, Rules, Verified};
use http::Request;
use http::request::Parts;

const SECRET: &[u8] = b"a secret of the tests";
const KEY: &str = "key-of-desk-1";
const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=1000";

/// Milliseconds since 1970; moves only when told.
#[derive(Default)]
struct Standing(AtomicU64);

impl Standing {
    fn at(millis: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(millis)))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Standing {
    fn now(&self) -> Now {
        let millis = self.0.load(Ordering::Relaxed);
        Now { wall: Timestamp::from_millis(millis), mono: Monotonic::from_micros(millis * 1_000) }
    }
}

fn credential() -> Credential {
    Credential {
        scopes: Scopes::parse("account:read order:write").unwrap(),
        min_bind: Binding::Exp,
        ..Credential::new(
            CredentialId::parse("first").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::Binance,
            ApiKeyId::parse(KEY).unwrap(),
            Verifier::hmac_sha256(SECRET),
        )
    }
}

const NOW: u64 = 1_795_222_310_484;

fn rules() -> Rules {
    Rules::new(by_name("binance").unwrap().rest_routes()).unwrap()
}

fn gate_of(credentials: Arc<dyn Credentials>, clock: Arc<Standing>) -> Gate {
    Gate::builder(by_name("binance").unwrap(), rules(), credentials).clock(clock).build()
}

fn gate() -> Gate {
    gate_of(Arc::new(MemoryCredentials::new([credential()])), Standing::at(NOW))
}

fn signed(method: &str, path: &str, parameters: &str) -> Parts {
    let text = format!("{parameters}{}timestamp={NOW}", if parameters.is_empty() { "" } else { "&" });
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    let target = format!("{path}?{text}&signature={}", hex::encode(tag));
    let request = Request::builder().method(method).uri(target).header("x-mbx-apikey", KEY);
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    head.extensions.insert(ClientAddress(IpAddr::from([192, 0, 2, 7])));
    head
}

fn account() -> Parts {
    signed("GET", "/api/v3/account", "")
}

fn order() -> Parts {
    signed("POST", "/api/v3/order", ORDER)
}

fn reject(outcome: Result<Verified, Box<Refused>>) -> (Reject, u16, String) {
    let Refused { refusal, answer } = *outcome.unwrap_err();
    (refusal.reject, answer.status, answer.body)
}

#[test]
fn a_signed_request_is_verified_and_named() {
    let verified = gate().judge(&account(), b"").unwrap();
    assert_eq!(verified.account().unwrap().as_str(), "desk-1");
    assert_eq!(verified.identity().unwrap().key_id().as_str(), KEY);
    assert_eq!(verified.permit().route(), "GET /api/v3/account");
}

#[test]
fn an_order_is_accepted_once_and_a_read_again() {
    let gate = gate();
    gate.judge(&order(), b"").unwrap();
    assert_eq!(reject(gate.judge(&order(), b"")).0, Reject::Replayed);
    gate.judge(&account(), b"").unwrap();
    gate.judge(&account(), b"").unwrap();
}

#[test]
fn a_bad_and_an_unknown_key_are_told_the_same() {
    let gate = gate();
    let mut unknown = account();
    unknown.headers.insert("x-mbx-apikey", "nobody".parse().unwrap());
    let mut forged = account();
    let target = forged.uri.to_string().replacen("signature=", "signature=0", 1);
    forged.uri = target[..target.len() - 1].parse().unwrap();
    let (unknown, forged) = (reject(gate.judge(&unknown, b"")), reject(gate.judge(&forged, b"")));
    assert_eq!((unknown.0, forged.0), (Reject::UnknownKey, Reject::BadSignature));
    assert_eq!((unknown.1, &unknown.2), (forged.1, &forged.2));
    assert!(forged.2.contains("-1022"), "{}", forged.2);
}

#[test]
fn the_body_is_part_of_what_is_signed() {
    let gate = gate();
    assert_eq!(reject(gate.judge(&order(), b"newClientOrderId=2")).0, Reject::BadSignature);
    gate.judge(&order(), b"").unwrap();
}

#[test]
fn the_window_is_that_of_the_clock() {
    let clock = Standing::at(NOW);
    let gate = gate_of(Arc::new(MemoryCredentials::new([credential()])), Arc::clone(&clock));
    clock.pass(Duration::from_millis(5_000));
    gate.judge(&account(), b"").unwrap();
    clock.pass(Duration::from_millis(1));
    assert_eq!(reject(gate.judge(&account(), b"")).0, Reject::TimestampStale);
}

#[test]
fn scope_address_and_state_of_the_key_hold() {
    let with = |change: fn(&mut Credential)| {
        let mut changed = credential();
        change(&mut changed);
        gate_of(Arc::new(MemoryCredentials::new([changed])), Standing::at(NOW))
    };
    let reader = with(|credential| credential.scopes = Scopes::parse("account:read").unwrap());
    assert_eq!(reject(reader.judge(&order(), b"")).0, Reject::ScopeMissing);
    let elsewhere = with(|credential| credential.ip_allow = IpAllowList::parse(["198.51.100.0/24"]).unwrap());
    assert_eq!(reject(elsewhere.judge(&account(), b"")).0, Reject::AddressNotAllowed);
    let revoked = with(|credential| credential.state = CredentialState::Revoked);
    assert_eq!(reject(revoked.judge(&account(), b"")).0, Reject::KeyRevoked);
    let slow = with(|credential| credential.rate.orders_per_10s = std::num::NonZeroU32::MIN);
    slow.judge(&order(), b"").unwrap();
    let (reject, status, _) = reject(slow.judge(&signed("POST", "/api/v3/order", &format!("{ORDER}&newClientOrderId=2")), b""));
    assert_eq!((reject, status), (Reject::RateLimited, 429));
}

/// It was charged as what its endpoint takes at most, and one of Hyperliquid, which says no such number, as one.
#[test]
fn a_batch_is_charged_as_the_orders_it_holds() {
    let dialect = by_name("gate").unwrap();
    let mut key = Credential { purpose: Purpose::Gate, verifier: Verifier::mac(Algorithm::HmacSha512, SECRET).unwrap(), ..credential() };
    key.rate.orders_per_10s = std::num::NonZeroU32::new(5).unwrap();
    let rules = Rules::new(dialect.rest_routes()).unwrap();
    let gate = Gate::builder(dialect, rules, Arc::new(MemoryCredentials::new([key]))).clock(Standing::at(NOW)).build();
    let batch = |orders: &str| {
        let (path, seconds) = ("/api/v4/spot/batch_orders", NOW / 1_000);
        let hash = hex::encode(digest::digest(&digest::SHA512, orders.as_bytes()));
        let text = format!("POST\n{path}\n\n{hash}\n{seconds}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, SECRET), text.as_bytes());
        let request = Request::post(path).header("key", KEY).header("sign", hex::encode(tag)).header("timestamp", seconds);
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        head.extensions.insert(ClientAddress(IpAddr::from([192, 0, 2, 7])));
        gate.judge(&head, orders.as_bytes())
    };
    batch("[{},{}]").unwrap();
    assert_eq!(reject(batch("[{},{},{},{}]")).0, Reject::RateLimited);
    batch("[{},{},{}]").unwrap();
}

#[test]
fn without_an_address_nothing_that_is_signed_passes() {
    let mut nowhere = account();
    nowhere.extensions.remove::<ClientAddress>();
    assert_eq!(reject(gate().judge(&nowhere, b"")).0, Reject::Internal);
    let public = Request::get("/api/v3/time").body(()).unwrap().into_parts().0;
    assert!(gate().judge(&public, b"").unwrap().identity().is_none());
}

#[test]
fn only_listed_hosts_are_served_where_there_is_a_list() {
    let credentials = Arc::new(MemoryCredentials::new([credential()]));
    let gate =
        Gate::builder(by_name("binance").unwrap(), rules(), credentials).clock(Standing::at(NOW)).authorities(["api.example"]).build();
    for (hosts, passes) in
        [(&["api.example"][..], true), (&["evil.example"], false), (&[], false), (&["api.example", "api.example"], false)]
    {
        let mut head = account();
        for host in hosts {
            head.headers.append("host", host.parse().unwrap());
        }
        assert_eq!(gate.judge(&head, b"").is_ok(), passes, "{hosts:?}");
    }
}

#[test]
fn a_store_that_is_out_of_reach_is_no_bad_key() {
    struct Gone;
    impl Credentials for Gone {
        fn find(&self, _: Purpose, _: &ApiKeyId) -> Result<Option<Registered>, Refusal> {
            Err(Reject::StoreUnavailable.into())
        }
    }
    let (reject, status, body) = reject(gate_of(Arc::new(Gone), Standing::at(NOW)).judge(&account(), b""));
    assert_eq!((reject, status), (Reject::StoreUnavailable, 503));
    assert!(!body.contains("-1022"), "{body}");
}

#[test]
fn what_has_no_rule_is_refused() {
    for path in ["/api/v3/nowhere", "//api/v3/account", "/api/v3/account/"] {
        assert_eq!(reject(gate().judge(&signed("GET", path, ""), b"")).0, Reject::RouteUnknown, "{path}");
    }
}

/// What is behind the layer may take its method from there, and the rule was found by that of the request.
#[test]
fn a_request_that_names_another_method_is_refused() {
    let gate = gate();
    for name in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X_HTTP_Method"] {
        let mut head = account();
        head.headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), "DELETE".parse().unwrap());
        assert_eq!(reject(gate.judge(&head, b"")).0, Reject::Malformed, "{name}");
    }
    assert_eq!(reject(gate.judge(&signed("POST", "/api/v3/order", &format!("{ORDER}&_method=DELETE")), b"")).0, Reject::Malformed);
    assert_eq!(reject(gate.judge(&order(), b"%5Fmethod=DELETE")).0, Reject::Malformed);
    let public = Request::get("/api/v3/time?_method=DELETE").body(()).unwrap().into_parts().0;
    assert_eq!(reject(gate.judge(&public, b"")).0, Reject::Malformed);
    gate.judge(&order(), b"").unwrap();
}

/// Who unpacks it finds other orders than those that were counted.
#[test]
fn a_body_that_is_packed_is_refused() {
    let in_body = |coding: Option<&str>| {
        let mut head = order();
        let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap().to_owned());
        head.uri = path.parse().unwrap();
        if let Some(coding) = coding {
            head.headers.insert("content-encoding", coding.parse().unwrap());
        }
        (head, query)
    };
    for (coding, passes) in
        [(None, true), (Some("identity"), true), (Some(""), true), (Some("gzip"), false), (Some("deflate, identity"), false)]
    {
        let (head, body) = in_body(coding);
        let outcome = gate().judge(&head, body.as_bytes());
        assert_eq!(outcome.as_ref().map_err(|refused| refused.refusal.reject).err(), (!passes).then_some(Reject::Malformed), "{coding:?}");
    }
    let (mut twice, body) = in_body(Some("identity"));
    twice.headers.append("content-encoding", "gzip".parse().unwrap());
    assert_eq!(reject(gate().judge(&twice, body.as_bytes())).0, Reject::Malformed);
    let mut bare = order();
    bare.headers.insert("content-encoding", "gzip".parse().unwrap());
    gate().judge(&bare, b"").unwrap();
}

/// A service that forwards takes off what `Connection` names, and one that makes variables of names reads the other.
#[test]
fn fields_that_the_service_would_read_otherwise_are_refused() {
    for (name, value) in [("connection", "x-mbx-apikey"), ("connection", "close, Content-Type"), ("content_type", "text/plain")] {
        let gate = gate();
        let mut head = signed("POST", "/api/v3/order", ORDER);
        head.headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let plain = head.clone();
        head.headers.append(name, value.parse().unwrap());
        assert_eq!(gate.judge(&head, b"").unwrap_err().answer.status, 400, "{name}: {value}");
        assert!(gate.judge(&plain, b"").is_ok());
    }
}
