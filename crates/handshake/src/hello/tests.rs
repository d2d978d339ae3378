#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;

use super::*;

fn good() -> Json {
    json!({
        "v": 1, "vers": [1], "kid": "k", "alg": "Ed25519", "algs": ["Ed25519"], "gw": "g", "host": "h:1",
        "n": "AAAAAAAAAAAAAAAAAAAAAA", "bind": "exp",
        "want": {"scopes": ["md:read"], "hb_ms": 5000, "cod": "none", "enc": ["sbe", "json"]},
        "need": {"scopes": ["md:read"], "hb_ms": [1000, 9000], "min_bind": "sep", "cod_on_logout": [false]},
        "later": {"anything": [1]},
    })
}

fn with(name: &str, value: Json) -> Json {
    let mut hello = good();
    hello[name] = value;
    hello
}

fn read(hello: &Json) -> Result<Hello, Refusal> {
    Hello::read(hello.to_string().as_bytes())
}

fn check(hello: &Json, expected: Reject) {
    assert_eq!(read(hello).unwrap_err().reject, expected, "{hello}");
}

#[test]
fn what_is_written_is_read_back() {
    let hello = read(&good()).unwrap();
    assert_eq!(Hello::read(hello.write().as_bytes()).unwrap(), hello);
}

#[test]
fn unknown_members_are_ignored_unless_they_must_be_understood() {
    // HS-8
    assert!(read(&good()).is_ok());
    assert!(read(&with("crit", json!(["want"]))).is_ok());
    for crit in [json!(["later"]), json!(["cookie2"]), json!(["nonce"])] {
        check(&with("crit", crit), Reject::Unsupported);
    }
    check(&with("crit", json!("want")), Reject::Malformed);
}

#[test]
fn reserved_members_are_refused_rather_than_dropped() {
    // HS-9
    for name in ["cookie", "rx", "sid", "tx"] {
        check(&with(name, json!(1)), Reject::Unsupported);
    }
    check(&with("bind", json!("fwd")), Reject::Unsupported);
}

#[test]
fn the_authority_that_was_dialled_has_a_port() {
    // HS-36
    for host in ["h", "h:", "h:0", "h:65536", "h:+1", "h:x", ":1", "::1", "[::1]", "a:b:1"] {
        check(&with("host", json!(host)), Reject::Malformed);
    }
    for host in ["h:1", "api.example:65535", "[::1]:8443"] {
        assert!(read(&with("host", json!(host))).is_ok(), "{host}");
    }
}

#[test]
fn refuses_other_versions_before_reading_on() {
    // HS-40
    check(&json!({"v": 2}), Reject::VersionUnsupported);
    check(&json!({"v": "1"}), Reject::Malformed);
    check(&with("vers", json!([2])), Reject::Malformed);
    check(&with("vers", json!([])), Reject::Malformed);
    assert!(read(&with("vers", json!([1, 2]))).is_ok());
}

#[test]
fn each_member_is_needed_and_typed() {
    for name in ["vers", "kid", "alg", "algs", "gw", "host", "n", "bind"] {
        let mut hello = good();
        hello.as_object_mut().unwrap().remove(name);
        check(&hello, Reject::Malformed);
        check(&with(name, json!({})), Reject::Malformed);
    }
    for (name, value) in [("want", json!([])), ("need", json!(1)), ("pipe", json!("yes")), ("ts", json!(-1)), ("n", json!("AAAA"))] {
        check(&with(name, value), Reject::Malformed);
    }
    check(&with("algs", json!(["ES256"])), Reject::Malformed);
}

#[test]
fn refuses_algorithms_that_are_not_native() {
    for alg in ["HS256", "RS256", "none", "EdDSA"] {
        let mut hello = with("alg", json!(alg));
        hello["algs"] = json!([alg]);
        check(&hello, Reject::WrongAlgorithm);
    }
}

#[test]
fn wishes_and_needs_are_typed() {
    for want in [
        json!({"hb_ms": "5"}),
        json!({"scopes": "md:read"}),
        json!({"scopes": ["x"]}),
        json!({"cod": 1}),
        json!({"cod_on_logout": "false"}),
    ] {
        check(&with("want", want), Reject::Malformed);
    }
    for need in [json!({"hb_ms": 5}), json!({"hb_ms": [1]}), json!({"min_bind": "best"}), json!({"enc": {}}), json!({"Bad Name": []})] {
        check(&with("need", need), Reject::Malformed);
    }
}

#[test]
fn an_unknown_need_is_kept_and_an_unknown_wish_is_not() {
    // HS-51
    let hello = read(&with("need", json!({"quorum": [2]}))).unwrap();
    assert_eq!(hello.offer.need.unknown.iter().map(String::as_str).collect::<Vec<_>>(), ["quorum"]);
    assert_eq!(read(&with("want", json!({"quorum": [2]}))).unwrap().offer.want, Want::default());
}
