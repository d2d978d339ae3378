#![allow(clippy::unwrap_used)]
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::{
    Access, AccountId, Algorithm, ApiKeyId, Binding, Credential, CredentialId, Effect, Freshness, MemoryReplayGuard, Now, Presented,
    PresentedSignature, Purpose, Scope, Scopes, SignatureForm, SignedBytes, VerifiedIdentity, Verifier, VerifyContext, authorize,
    permit_public, verify,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn spec(name: &str, target: RouteTarget) -> RouteSpec {
    RouteSpec {
        name: name.to_owned(),
        target,
        access: Access::Public,
        upstream: 0,
        family: Family::Any,
        kind: RouteKind::Http,
        weight: RouteWeight::Fixed(1),
        orders: 0,
        yields: false,
    }
}

fn http(methods: &[&str], path: &str) -> RouteTarget {
    RouteTarget::Http { methods: methods.iter().map(ToString::to_string).collect(), path: PathPattern::parse(path).unwrap() }
}

fn builtin() -> Routes {
    Routes::new(native_routes("native", 0).into_iter().chain(binance_routes("binance", 0)).collect()).unwrap()
}

fn found<'r>(routes: &'r Routes, method: &str, path: &str) -> Option<&'r str> {
    match routes.find_http(method, path) {
        RouteMatch::Found(route) => Some(&route.name),
        RouteMatch::MethodNotAllowed | RouteMatch::NotFound => None,
    }
}

#[test]
fn finds_exact_paths_patterns_and_messages() {
    let routes = builtin();
    assert_eq!(found(&routes, "POST", "/api/v3/order"), Some("binance POST /api/v3/order"));
    assert_eq!(found(&routes, "GET", "/ws/btcusdt@trade"), Some("binance stream /ws/*"));
    assert_eq!(found(&routes, "GET", "/native/v1"), Some("native session"));
    assert!(routes.find_ws_method("order.place").unwrap().counts_as_order);
    assert!(routes.find_native_op("order.place").unwrap().counts_as_order);
    assert!(routes.find_ws_method("withdraw").is_none() && routes.find_native_op("").is_none());
    for (index, route) in routes.all().iter().enumerate() {
        assert_eq!(route.index, index);
    }
}

#[test]
fn tells_an_unknown_path_from_an_unknown_method() {
    let routes = builtin();
    assert!(matches!(routes.find_http("PUT", "/api/v3/order"), RouteMatch::MethodNotAllowed));
    assert!(matches!(routes.find_http("get", "/api/v3/order"), RouteMatch::MethodNotAllowed), "methods are case-sensitive");
    assert_eq!(routes.allowed_methods("/api/v3/order"), ["DELETE", "GET", "POST"]);
    assert!(matches!(routes.find_http("GET", "/api/v3/withdraw"), RouteMatch::NotFound));
    assert!(routes.allowed_methods("/nowhere").is_empty());
}

#[test]
fn an_odd_spelling_of_a_route_is_no_route() {
    let routes = builtin();
    for path in [
        "/api/v3/%6frder",
        "/api/v3//order",
        "//api/v3/order",
        "/api/./v3/order",
        "/api/x/../v3/order",
        "/api/v3/order/",
        "/api/v3/order;a=b",
        "/api/v3/ORDER",
        "/api\\v3\\order",
        "api/v3/order",
        "/api/v3/order?x=1",
        "/api/v3/order ",
        "/ws/%2e%2e/api/v3/order",
        "/ws/../api/v3/order",
        "/ws/..",
        "",
        "*",
        "http://host/api/v3/order",
    ] {
        assert!(matches!(routes.find_http("POST", path), RouteMatch::NotFound), "{path}");
        assert!(matches!(routes.find_http("GET", path), RouteMatch::NotFound), "{path}");
    }
}

#[test]
fn a_weight_follows_the_parameters_of_the_query() {
    let routes = builtin();
    let RouteMatch::Found(route) = routes.find_http("GET", "/api/v3/openOrders") else { panic!("no route") };
    let with_symbol = route.weight_of_query(b"symbol=BTCUSDT&timestamp=1");
    assert_eq!((route.weight, route.weight_of_query(b"symbols=x"), with_symbol), (80, 80, 6));
}

#[test]
fn two_routes_never_match_one_request() {
    let conflicts = Routes::new(vec![
        spec("all", http(&["GET", "POST"], "/a/*")),
        spec("one", http(&["GET"], "/a/{x}")),
        spec("write", http(&["PUT"], "/a/b")),
        spec("all", RouteTarget::NativeOp("op".to_owned())),
        spec("op", RouteTarget::NativeOp("op".to_owned())),
        spec("ws", RouteTarget::WsMethod("op".to_owned())),
    ])
    .unwrap_err();
    let texts: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "routes \"all\" (GET|POST /a/*) and \"one\" (GET /a/{x}) match the same request",
            "there are two routes named \"all\"",
            "routes \"all\" (native op op) and \"op\" (native op op) match the same request",
        ]
    );
}

#[test]
fn one_table_is_bounded() {
    let many = (0..=ROUTES_MAX).map(|number| spec(&format!("r{number}"), RouteTarget::NativeOp(format!("op{number}")))).collect();
    assert_eq!(Routes::new(many).unwrap_err(), [RouteConflict::TooMany(ROUTES_MAX + 1)]);
}

/// An identity with these scopes, verified as any other.
fn identity(scopes: &str) -> VerifiedIdentity {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret of the matrix");
    let credential = Arc::new(Credential {
        scopes: Scopes::parse(scopes).unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::Binance,
            ApiKeyId::parse("key-1").unwrap(),
            Verifier::hmac_sha256(b"secret of the matrix"),
        )
    });
    let presented = Presented {
        purpose: Purpose::Binance,
        key_id: credential.key_id.clone(),
        signature: PresentedSignature {
            form: SignatureForm::Implied(Algorithm::HmacSha256),
            bytes: Some(aws_lc_rs::hmac::sign(&key, b"signed").as_ref().into()),
        },
        signed: SignedBytes::from_piece(&b"signed"[..]),
        passphrase: None,
        freshness: Freshness::Channel,
        once: countersign_core::Once::Freshness,
        effect: Effect::Read,
    };
    let replay = MemoryReplayGuard::default();
    let context = VerifyContext {
        now: Now::default(),
        remote: Some(IpAddr::from([127, 0, 0, 1])),
        replay: &replay,
        nonces: &countersign_core::MemoryNonceGuard::default(),
    };
    verify(&presented, Some(&credential), &context).unwrap()
}

/// Every built-in route against every single scope: a new route, or one with another demand, has to show up here.
#[test]
fn policy_matrix_of_the_built_in_routes() {
    let routes = builtin();
    let holders: Vec<_> = ["", "md:read", "account:read", "order:read", "order:write", "funds:withdraw"].map(identity).into();
    let mut text =
        String::from("anonymous, no scope, md:read, account:read, order:read, order:write, funds:withdraw (+ permitted, - refused)\n\n");
    for route in routes.all() {
        let mut verdicts = String::from(if permit_public(&route.requirement).is_ok() { "+" } else { "-" });
        for holder in &holders {
            verdicts.push(if authorize(holder, None, &route.requirement).is_ok() { '+' } else { '-' });
        }
        let access = match &route.requirement.access {
            Access::Public => "public",
            Access::Scoped(scope) => scope.as_str(),
        };
        writeln!(
            text,
            "{verdicts}  {:<14} {:<14} weight {:<3} orders {}  {}  [{}]",
            access,
            route.kind.name(),
            route.weight,
            route.orders,
            route.target,
            route.name
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_scope_a_built_in_route_demands_is_a_known_one() {
    for route in builtin().all() {
        if let Access::Scoped(scope) = &route.requirement.access {
            assert!(Scope::KNOWN.contains(&scope.as_str()), "{}", route.name);
        }
    }
}

fn assert_a_bearer_tells_of_no_venue() {
    for (purpose, token) in [(Purpose::Coinbase, "Bearer a.b.c"), (Purpose::Deribit, "Bearer opaque")] {
        let dialect = Family::Of(purpose).dialect().unwrap();
        let mut specs = dialect_routes(dialect, purpose.name(), 0);
        specs.extend(dialect_routes(Family::Of(Purpose::Gate).dialect().unwrap(), "gate", 0));
        let bearer = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static(token))]);
        assert!(dialect.recognizes(&bearer), "{token}: on a route it may be the venue's");
        assert_eq!(Routes::new(specs).unwrap().family_near("/unheard", &bearer), Family::Any, "{token}");
    }
}

#[test]
fn what_has_no_route_is_refused_in_the_words_of_its_neighbours() {
    let mut specs = Vec::new();
    for purpose in [Purpose::Binance, Purpose::Bitmex, Purpose::Bybit, Purpose::Gate, Purpose::Kraken, Purpose::Kucoin] {
        specs.extend(dialect_routes(Family::Of(purpose).dialect().unwrap(), purpose.name(), 0));
    }
    let routes = Routes::new(specs).unwrap();
    for (path, family) in [
        ("/0/private/Unheard", Family::Of(Purpose::Kraken)),
        ("/api/v4/earn/uni/currencies", Family::Of(Purpose::Gate)),
        ("/api/v1/hf/unheard", Family::Of(Purpose::Kucoin)),
        ("/api/v1/hf/orders/", Family::Of(Purpose::Kucoin)),
        ("/user/v3/private/query-api", Family::Of(Purpose::Bybit)),
        ("/spot/v3/private/order", Family::Of(Purpose::Bybit)),
        ("/user/unheard", Family::Of(Purpose::Bybit)),
        ("/eapi/v1/ticker", Family::Of(Purpose::Binance)),
        ("/papi/v1/um/order", Family::Of(Purpose::Binance)),
        ("/api/v1/unheard", Family::Any),
        ("/unheard", Family::Any),
        ("", Family::Any),
    ] {
        assert_eq!(routes.family_near(path, &HeaderMap::new()), family, "{path}");
    }
    let of_kucoin = HeaderMap::from_iter([(HeaderName::from_static("kc-api-key"), HeaderValue::from_static("k"))]);
    assert_eq!(routes.family_near("/api/v1/unheard", &of_kucoin), Family::Of(Purpose::Kucoin), "the headers tell the client");
    for near in ["/0/private/Unheard", "/api/v1/execution/unheard"] {
        assert_eq!(routes.family_near(near, &of_kucoin), Family::Of(Purpose::Kucoin), "{near}: also where the path is near another's");
    }
    assert_eq!(routes.family_of(&of_kucoin), Some(Family::Of(Purpose::Kucoin)), "also where a path is another venue's");
    let mut of_two = of_kucoin;
    of_two.insert("api-sign", HeaderValue::from_static("s"));
    assert_eq!(routes.family_of(&of_two), None);
    assert_eq!(routes.family_near("/unheard", &of_two), Family::Any, "two venues' headers tell of none");
    let of_okx = HeaderMap::from_iter([(HeaderName::from_static("ok-access-key"), HeaderValue::from_static("k"))]);
    assert_eq!(routes.family_near("/unheard", &of_okx), Family::Any, "a venue without a route here has no words here");
    assert_a_bearer_tells_of_no_venue();
    let one = Routes::new(dialect_routes(Family::Of(Purpose::Kraken).dialect().unwrap(), "kraken", 0)).unwrap();
    assert_eq!(one.family_near("/unheard", &HeaderMap::new()), Family::Of(Purpose::Kraken), "a listener of one venue has no other words");
}
