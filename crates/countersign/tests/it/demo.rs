//! The tour.

use serde_json::Value;

use crate::harness::run;

#[test]
fn every_step_of_the_tour_holds() {
    let said = run(&["demo"]).succeeded();
    for word in ["──hello", "◀──welcome", "──ClientHello", "ticker", "order", "replay", "scope", "steps held"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!said.contains('✗') && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_machine_gets_one_object_per_step() {
    let said = run(&["demo", "--json"]).succeeded();
    let steps: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.len() >= 19 && steps.iter().all(|step| step["held"] == true), "{said}");
    let outcome = |name: &str| steps.iter().find(|step| step["step"] == name).unwrap()["outcome"].as_str().unwrap().to_owned();
    assert!(outcome("a wrong key").starts_with("auth.failed"));
    assert!(outcome("a missing scope").starts_with("scope.denied"));
    assert!(outcome("a replay of a signed order").contains("-1021"));
}
