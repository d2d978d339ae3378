//! Accounts and keys from new to revoked, in a state folder whose gateway does not run, then in one whose gateway does.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{ENVIRONMENT, State, USAGE, run, run_with};

/// SubjectPublicKeyInfo of an Ed25519 key made for this test, in PEM.
const ED25519_PEM: &str =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn new_key(state: &State, arguments: &[&str]) -> Value {
    let mut all = vec!["key", "new", "--account", "demo"];
    all.extend(arguments);
    state.json(&all)
}

#[test]
fn accounts_are_made_listed_and_shown() {
    let state = State::made();
    state.run(&["account", "new", "desk-7", "--label", "options desk"]).succeeded();
    assert!(state.run(&["account", "list"]).succeeded().contains("desk-7"));
    assert_eq!(state.json(&["account", "show", "desk-7", "--json"])["label"], "options desk");
    assert!(state.run(&["account", "new", "desk-7"]).failed(1).contains("desk-7"));
    state.run(&["account", "new", "../etc"]).failed(USAGE);
    assert!(state.run(&["account", "show", "nobody"]).failed(1).contains("nobody"));
}

#[test]
fn a_secret_is_shown_once_and_never_again() {
    let state = State::made();
    let key = new_key(&state, &["--purpose", "binance", "--label", "robot"]);
    let (name, secret) = (key["api_key"].as_str().unwrap(), key["secret"].as_str().unwrap());
    assert_eq!((name.len(), secret.len()), (64, 64));
    for arguments in [&["key", "show", name][..], &["key", "show", name, "--json"], &["key", "list", "--json"], &["audit", "--json"]] {
        let said = state.run(arguments).succeeded();
        assert!(said.contains(name) && !said.contains(secret), "{arguments:?}");
    }
}

#[test]
fn every_policy_flag_is_kept() {
    let state = State::made();
    let key = new_key(
        &state,
        &[
            "--purpose",
            "native",
            "--kind",
            "ES256",
            "--scopes",
            "md:read,order:read",
            "--ip",
            "10.0.0.0/8",
            "--ip",
            "::1",
            "--weight-per-minute",
            "7",
            "--orders-per-10s",
            "3",
            "--min-bind",
            "exp",
            "--expires",
            "90d",
            "--label",
            "kept",
        ],
    );
    let shown = state.json(&["key", "show", key["kid"].as_str().unwrap(), "--json"]);
    assert_eq!(shown["algorithm"], "ES256");
    assert_eq!(shown["scopes"], serde_json::json!(["md:read", "order:read"]));
    assert_eq!(shown["ip_allow"].as_array().unwrap().len(), 2);
    assert_eq!((shown["weight_per_minute"].as_u64(), shown["orders_per_10s"].as_u64()), (Some(7), Some(3)));
    assert_eq!((&shown["min_bind"], &shown["label"]), (&"exp".into(), &"kept".into()));
    let life = shown["not_after_us"].as_u64().unwrap() - shown["created_us"].as_u64().unwrap();
    assert_eq!(life / 1_000_000 / 3_600, 90 * 24 - 1, "90 days from a moment before it was made");
}

#[test]
fn a_scope_that_no_route_has_is_told() {
    let state = State::made();
    let made = state.run(&["key", "new", "--account", "demo", "--scopes", "md:read,order:wrte"]);
    assert!(made.stderr.contains("needs order:wrte") && !made.stderr.contains("needs md:read"), "{}", made.stderr);
}

#[test]
fn what_makes_no_sense_is_a_usage_error_and_makes_no_key() {
    let state = State::made();
    let before = state.json(&["key", "list", "--all", "--json"]).as_array().unwrap().len();
    let cases: &[&[&str]] = &[
        &["--kind", "HS256"],
        &["--purpose", "binance", "--kind", "ML-DSA-65"],
        &["--scopes", "everything"],
        &["--ip", "nowhere"],
        &["--weight-per-minute", "0"],
        &["--expires", "2020-01-01"],
        &["--expires", "soon"],
        &["--expires", "-1d"],
        &["--nonce-window", "5"],
        &["--certificate", "x"],
        &["--public-key", "/nowhere/key.pub"],
        &["--purpose", "client-certificate", "--kind", "ES256"],
    ];
    for case in cases {
        let mut all = vec!["key", "new", "--account", "demo"];
        all.extend(*case);
        state.run(&all).failed(USAGE);
    }
    assert!(state.run(&["key", "new", "--account", "nobody"]).failed(1).contains("nobody"));
    assert_eq!(state.json(&["key", "list", "--all", "--json"]).as_array().unwrap().len(), before);
}

#[test]
fn a_file_is_private_and_never_overwritten() {
    let state = State::made();
    let out = state.file("key.json");
    let made = state.run(&["key", "new", "--account", "demo", "--out", &out]);
    assert!(made.stdout.is_empty() && made.code == 0, "{made:?}");
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&out).unwrap();
    let keys = state.json(&["key", "list", "--json"]);
    assert!(state.run(&["key", "new", "--account", "demo", "--out", &out]).failed(USAGE).contains("already"));
    assert_eq!(std::fs::read(&out).unwrap(), before);
    assert_eq!(state.json(&["key", "list", "--json"]), keys, "and no key was made");
    state.run(&["key", "new", "--account", "nobody", "--out", &state.file("other.json")]).failed(1);
    assert!(!std::path::Path::new(&state.file("other.json")).exists(), "a name that was reserved for nothing is free again");
}

#[test]
fn a_public_key_is_registered_once_for_one_purpose() {
    let state = State::made();
    let file = state.file("key.pub");
    std::fs::write(&file, ED25519_PEM).unwrap();
    let done = state.run(&["key", "new", "--account", "demo", "--purpose", "binance", "--public-key", &file]);
    assert!(done.stderr.contains("as PEM: Ed25519"), "{}", done.stderr);
    let key: Value = serde_json::from_str(&done.succeeded()).unwrap();
    assert_eq!(key["alg"], "Ed25519");
    assert!(key.get("secret").is_none() && key.get("private_key_pem").is_none());
    for purpose in ["binance", "native"] {
        let said = state.run(&["key", "new", "--account", "demo", "--purpose", purpose, "--public-key", &file]).failed(1);
        assert!(said.contains("registered already"), "{said}");
    }
    let path = state.path();
    let said = run_with(&["key", "new", "--account", "demo", "--public-key", "-", "--state", &path], "not a key").failed(USAGE);
    assert!(said.contains("not a public key"), "{said}");
}

#[test]
fn a_private_key_that_is_given_by_mistake_is_refused_and_not_repeated() {
    let state = State::made();
    let native: Value = serde_json::from_slice(&std::fs::read(state.inside("demo/native-ed25519.json")).unwrap()).unwrap();
    let pem = native["private_key_pem"].as_str().unwrap();
    let path = state.path();
    let said = run_with(&["key", "new", "--account", "demo", "--public-key", "-", "--state", &path], pem).failed(USAGE);
    assert!(said.contains("private key") && !said.contains(pem.lines().nth(1).unwrap()), "{said}");
}

#[test]
fn a_key_is_rotated_suspended_resumed_and_revoked() {
    let state = State::made();
    let old = new_key(&state, &["--purpose", "binance", "--scopes", "md:read"]);
    let old = old["api_key"].as_str().unwrap();
    let new = state.json(&["key", "rotate", old, "--overlap", "0s"]);
    let new = new["api_key"].as_str().unwrap();
    assert_eq!(state.json(&["key", "show", old, "--json"])["state"], "expired");
    let shown = state.json(&["key", "show", new, "--json"]);
    assert_eq!((shown["scopes"][0].as_str(), shown["history"][0]["change"].as_str()), (Some("md:read"), Some("rotated")));
    for (word, becomes) in [("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")] {
        state.run(&["key", word, new]).succeeded();
        assert_eq!(state.json(&["key", "show", new, "--json"])["state"], becomes);
    }
    assert!(state.run(&["key", "resume", new]).failed(1).contains("for ever"));
    assert!(state.run(&["key", "revoke", "no-such-key"]).failed(1).contains("no-such-key"));
    let recorded = state.run(&["audit", "--json", "--key", new]).succeeded();
    for event in ["key_rotate", "key_suspend", "key_resume", "key_revoke"] {
        assert!(recorded.contains(event), "{event} in {recorded}");
    }
}

#[test]
fn refused_logins_are_explained_where_an_operator_says_so() {
    let state = State::made();
    let key = new_key(&state, &["--purpose", "binance", "--explain"]);
    let key = key["api_key"].as_str().unwrap();
    let explained = |key: &str| state.json(&["key", "show", key, "--json"])["explain"].clone();
    assert_eq!(explained(key), true);
    let successor = state.json(&["key", "rotate", key]);
    let successor = successor["api_key"].as_str().unwrap();
    assert_eq!(explained(successor), true, "rotation keeps the policy");
    assert!(state.run(&["key", "explain", successor, "off"]).succeeded().contains("venue's words only now"));
    assert!(state.run(&["key", "explain", successor, "off"]).succeeded().contains("already"));
    assert_eq!((explained(successor), explained(key)), (Value::from(false), Value::from(true)));
    assert!(state.run(&["key", "explain", successor, "on"]).succeeded().contains("explained to whoever sends them now"));
    assert!(state.run(&["audit", "--json", "--key", successor]).succeeded().contains("key_policy"));
    let plain = new_key(&state, &["--purpose", "okx"]);
    assert_eq!(explained(plain["api_key"].as_str().unwrap()), false, "off by default");
    let native = new_key(&state, &[]);
    let said = state.run(&["key", "explain", native["kid"].as_str().unwrap(), "on"]).failed(1);
    assert!(said.contains("proves itself on its connection"), "{said}");
    let said = state.run(&["key", "new", "--account", "demo", "--purpose", "hyperliquid", "--explain"]).failed(1);
    assert!(said.contains("another key"), "{said}");
}

#[test]
fn a_client_certificate_is_issued_or_registered() {
    let state = State::made();
    let made = state.run(&["key", "new", "--account", "demo", "--purpose", "client-certificate"]).succeeded();
    assert!(made.contains("BEGIN PRIVATE KEY") && made.contains("BEGIN CERTIFICATE"));
    let named = new_key(&state, &["--purpose", "client-certificate", "--certificate", "desk.example"]);
    assert_eq!(named["key_id"], "desk.example");
    let said =
        state.run(&["key", "new", "--account", "demo", "--purpose", "client-certificate", "--certificate", "/no/file.pem"]).failed(USAGE);
    assert!(said.contains("/no/file.pem"));
    let certificate = state.text("operator.pem");
    let registered = new_key(&state, &["--purpose", "client-certificate", "--certificate", &certificate]);
    assert_eq!(registered["key_id"].as_str().unwrap().len(), 43);
}

#[test]
fn a_running_gateway_takes_a_change_at_once() {
    let state = State::absent();
    let server = state.serve();
    let out = state.file("key.json");
    state.run(&["key", "new", "--account", "demo", "--url", &server.ready, "--out", &out]).succeeded();
    let ticker = r#"{"op":"ticker","sym":"BTCUSDT","id":1}"#;
    let connect = ["connect", "--credential", &out, "--json"];
    assert!(run_with(&connect, ticker).succeeded().contains("BTCUSDT"));
    let key: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    state.run(&["key", "revoke", key["kid"].as_str().unwrap()]).succeeded();
    assert!(run_with(&connect, ticker).failed(1).contains("auth.failed"));
    assert_eq!(server.stop(), 0);
}

#[test]
fn without_a_state_folder_nothing_is_made() {
    let state = State::absent();
    let said = state.run(&["account", "new", "desk"]).failed(ENVIRONMENT);
    assert!(said.contains(&state.path()), "{said}");
    assert!(!std::path::Path::new(&state.path()).exists());
    run(&["key", "list", "--state", "/nowhere/at/all"]).failed(ENVIRONMENT);
}
