//! `connect` against `serve`.

use serde_json::Value;

use crate::harness::{State, USAGE, run, run_with};

const ORDER: &str = r#"{"op":"order.place","sym":"BTCUSDT","side":"buy","type":"limit","qty":"0.01","px":"1000","id":1}"#;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_program_sends_messages_and_reads_bodies_on_every_carriage_and_binding() {
    let state = State::absent();
    let server = state.serve();
    for carriage in ["raw", "websocket", "http"] {
        for (bind, kind) in [("exp", "ed25519"), ("sep", "es256"), ("exp", "ml-dsa-65"), ("sep", "ps256")] {
            let credential = state.text(&format!("demo/native-{kind}.json"));
            let arguments = ["connect", &server.ready, "--credential", &credential, "--carriage", carriage, "--bind", bind, "--json"];
            let said = run_with(&arguments, &format!("{ORDER}\n\n{{\"op\":\"order.list\",\"id\":2}}\n")).succeeded();
            let answers = lines(&said);
            assert_eq!(answers.len(), 2, "{carriage} {bind}: {said}");
            assert!(answers.iter().all(|answer| answer["ok"] == true), "{said}");
            assert_eq!(answers[0]["order"]["state"], "open");
        }
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_person_sees_steps_contract_and_tables() {
    let state = State::absent();
    let server = state.serve();
    let credential = state.text("demo/native-ed25519.json");
    let words = "ticker btcusdt\nbuy BTCUSDT 0.01 1000\norders\nfly\nhelp\nquit\n";
    let said = run_with(&["connect", &server.ready, "--credential", &credential], words).succeeded();
    for word in ["X25519MLKEM768", "welcome", "hb_ms", "clock skew", "order:write", "LAST", "open", "fly: not understood", "unsub SYM"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn the_check_that_failed_is_named() {
    let state = State::absent();
    let server = state.serve();
    let path = state.text("demo/native-ed25519.json");
    let mut credential: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let connect = |arguments: &[&str]| {
        let mut all = vec!["connect", &server.ready, "--credential", &path, "--json"];
        all.extend(arguments);
        run_with(&all, ORDER).failed(1)
    };
    assert!(connect(&["--bind", "chl"]).contains("bind.required"));
    assert!(connect(&["--bind", "chl", "--carriage", "http"]).contains("bind.required"));
    let unrelated = State::made();
    let said = connect(&["--ca", &unrelated.text("ca.pem")]);
    assert!(said.contains("TLS handshake") && said.contains("certificate"), "{said}");
    credential["gateway_pins"] = serde_json::json!(["A".repeat(43)]);
    let wrong = state.inside("demo/native-es256.json");
    std::fs::write(&wrong, credential.to_string()).unwrap();
    let said = run_with(&["connect", &server.ready, "--credential", wrong.to_str().unwrap()], "").failed(1);
    assert!(said.contains("auth.failed") || said.contains("not pinned"), "{said}");
}

#[test]
fn a_scope_that_was_not_asked_for_is_not_there() {
    let state = State::absent();
    let server = state.serve();
    let credential = state.text("demo/native-ed25519.json");
    let said = run_with(&["connect", &server.ready, "--credential", &credential, "--want", "md:read", "--json"], ORDER).succeeded();
    assert_eq!(lines(&said)[0]["err"]["code"], "scope.denied");
}

#[test]
fn arguments_that_cannot_be_used_are_usage_errors() {
    let state = State::made();
    let credential = state.text("demo/native-ed25519.json");
    run(&["connect", "http://127.0.0.1:1", "--credential", &credential]).failed(USAGE);
    run(&["connect", "--credential", &credential, "--want", "everything"]).failed(USAGE);
    run(&["connect", "--credential", &credential, "--ca", "/nowhere.pem"]).failed(USAGE);
    run(&["connect", "--credential", &state.text("demo/binance-hmac.json")]).failed(USAGE);
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = run(&["connect", &format!("https://{unused}"), "--credential", &credential]).failed(1);
    assert!(said.contains("TCP connect"), "{said}");
}
