//! `probe`: our own gateway, and servers that are none.

use serde_json::Value;

use crate::harness::{State, USAGE, run};

fn steps(said: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(said).unwrap()["steps"].as_array().unwrap().clone()
}

fn step(steps: &[Value], name: &str) -> Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}")).clone()
}

#[test]
fn shows_what_a_gateway_offers() {
    let state = State::absent();
    let server = state.serve();
    let said = run(&["probe", &server.ready, "--ca", &state.text("ca.pem"), "--json"]).succeeded();
    let steps = steps(&said);
    assert!(steps.iter().all(|step| step["result"] != "failed"), "{said}");
    assert_eq!(step(&steps, "TLS 1.3")["findings"]["group"], "X25519MLKEM768");
    assert_eq!(step(&steps, "ALPN")["findings"]["countersign/1"], "agreed");
    assert_eq!(step(&steps, "ALPN")["findings"]["unknown/0"], "refused");
    assert_eq!(step(&steps, "resumption")["findings"]["resumed"], true);
    assert_eq!(step(&steps, "early data")["outcome"], "not offered");
    assert!(step(&steps, "hello of a stranger")["outcome"].as_str().unwrap().contains("auth.failed"));
    assert_eq!(step(&steps, "weakest binding")["findings"]["min_bind"], "sep");
    let read = run(&["probe", &server.ready, "--ca", &state.text("ca.pem")]).succeeded();
    assert!(read.contains("✓ TLS 1.3") && read.contains("X25519MLKEM768"), "{read}");
}

#[test]
fn a_chain_that_does_not_verify_is_shown_with_the_reason() {
    let state = State::absent();
    let server = state.serve();
    let unrelated = State::made();
    let done = run(&["probe", &server.ready, "--ca", &unrelated.text("ca.pem"), "--json"]);
    assert_eq!(done.code, 1);
    let shown = steps(&done.stdout);
    assert_eq!(step(&shown, "trust")["result"], "failed");
    assert!(step(&shown, "certificate")["outcome"].as_str().unwrap().contains("localhost"));
    let done = run(&["probe", &server.ready, "--ca", &state.text("ca.pem"), "--server-name", "other.example", "--json"]);
    assert_eq!(done.code, 1);
    let outcome = step(&steps(&done.stdout), "TLS 1.3")["outcome"].as_str().unwrap().to_owned();
    assert!(outcome.contains("does not know the name \"other.example\""), "{}", done.stdout);
}

#[test]
fn the_step_that_fails_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Somebody who accepts and hangs up at once: no TLS there.
    let hangs_up = std::thread::spawn(move || listener.incoming().take(3).for_each(drop));
    let done = run(&["probe", &address]);
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("✓ TCP") && done.stdout.contains("✗ TLS 1.3"), "{}", done.stdout);
    hangs_up.join().unwrap();
    let done = run(&["probe", &address]);
    assert!(done.code == 1 && done.stdout.contains("✗ TCP") && done.stdout.contains("refused"), "{}", done.stdout);
}

#[test]
fn a_target_that_is_none_is_a_usage_error() {
    for target in ["http://127.0.0.1:1", "127.0.0.1:port", ""] {
        run(&["probe", target]).failed(USAGE);
    }
}
