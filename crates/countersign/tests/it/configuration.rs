//! `config`.

use crate::harness::{USAGE, run};

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn effective_values_have_their_origin() {
    let (_folder, path) = file("[listen]\naddress = \"127.0.0.1:9000\"\n");
    let shown = run(&["config", "show", &path]).succeeded();
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("listen.address").contains("127.0.0.1:9000") && line("listen.address").contains("line 2"), "{shown}");
    assert!(line("limits.body_deadline").contains("default"));
    let json: serde_json::Value = serde_json::from_str(&run(&["config", "show", &path, "--json"]).succeeded()).unwrap();
    assert!(json.as_array().unwrap().iter().any(|each| each["key"] == "listen.address" && each["value"] == "127.0.0.1:9000"));
}

#[test]
fn a_file_is_checked_and_all_its_problems_are_told_at_once() {
    let (_folder, fine) = file("[listen]\naddress = \"127.0.0.1:9000\"\n");
    assert!(run(&["config", "check", &fine]).succeeded().contains("fine"));
    let (_folder, wrong) = file("[listen]\nadress = \"127.0.0.1:1\"\n[limits]\nconnections_max = \"many\"\n");
    let said = run(&["config", "check", &wrong]).failed(USAGE);
    for word in ["adress", "limits.connections_max", &wrong] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(run(&["config", "check", "/nowhere.toml"]).failed(USAGE).contains("/nowhere.toml"));
}

#[test]
fn the_reference_names_every_key() {
    let reference = run(&["config", "reference"]).succeeded();
    assert!(reference.contains("`[limits]`") && reference.contains("connections_max"));
}

#[test]
fn a_configuration_that_is_wrong_starts_nothing() {
    let (folder, wrong) = file("[listen]\nadress = 1\n");
    let state = folder.path().join("state");
    let said = run(&["serve", "--state", state.to_str().unwrap(), "--config", &wrong]).failed(USAGE);
    assert!(said.contains("adress") && !state.exists(), "{said}");
    run(&["serve", "--state", state.to_str().unwrap(), "--set", "nonsense"]).failed(USAGE);
    assert!(!state.exists());
}
