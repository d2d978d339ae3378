//! `vectors`.

use crate::harness::{USAGE, run};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/binance.json");

fn changed(change: impl FnOnce(String) -> String) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.json");
    std::fs::write(&path, change(std::fs::read_to_string(RECORDED).unwrap())).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn recorded_requests_get_their_verdict() {
    let said = run(&["vectors", RECORDED]).succeeded();
    assert_eq!(said.lines().last(), Some("93 passed, 0 failed"));
    let verbose = run(&["vectors", RECORDED, "--verbose"]).succeeded();
    assert_eq!(verbose.lines().count(), 94);
    let few = run(&["vectors", RECORDED, "--only", "binance-ws", "--verbose"]).succeeded();
    assert!(few.lines().count() < 94 && few.ends_with(" passed, 0 failed\n"), "{few}");
}

#[test]
fn logons_of_fix_get_their_verdict() {
    let said = run(&["vectors", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/fix.json")]).succeeded();
    assert_eq!(said, "32 passed, 0 failed\n");
    let said = run(&["vectors", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/fix-logons.json")]).succeeded();
    assert_eq!(said, "84 passed, 0 failed\n");
}

#[test]
fn examples_of_the_standard_get_their_verdict() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/rfc9421.json");
    assert_eq!(run(&["vectors", file]).succeeded(), "110 passed, 0 failed\n");
    for section in ["b21", "b22", "b23", "b25", "b26"] {
        let said = run(&["vectors", file, "--only", &format!("rfc9421/{section}"), "--verbose"]).succeeded();
        assert!(said.contains(&format!("passed  rfc9421/{section}: accept\n")), "{said}");
    }
}

#[test]
fn a_mismatch_is_told_and_fails() {
    let (_folder, path) = changed(|text| text.replacen(r#""verdict": "accept""#, r#""verdict": "reject""#, 1));
    let done = run(&["vectors", &path]);
    assert_eq!((done.code, done.stdout.lines().last()), (1, Some("92 passed, 1 failed")));
    assert!(done.stdout.contains("expected reject, got accept"), "{}", done.stdout);
}

#[test]
fn a_dialect_that_is_not_implemented_is_named() {
    let (_folder, path) = changed(|text| text.replace(r#""binance-ws-api","#, r#""nowhere-rest","#));
    let said = run(&["vectors", &path]).succeeded();
    assert!(said.contains("dialect nowhere-rest is not implemented") && said.ends_with("76 passed, 0 failed\n"), "{said}");
}

/// Two clients of one Kraken key: one counts in milliseconds, the other in a finer unit; what they signed was recorded.
const NONCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/kraken-nonces.json");

#[test]
fn another_request_of_the_same_client_goes_before_where_the_named_one_is_not_in_the_file() {
    let said = run(&["vectors", NONCES]).succeeded();
    let lines: Vec<_> = said.lines().collect();
    let [finer, nobody, count] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(
        *finer,
        "passed  kraken-rest/millis/hmac/order#after-finer: replayed_nonce; kraken-rest/finer/hmac/balance is not in the file; \
         kraken-rest/finer/hmac/order of the same client goes before it"
    );
    assert_eq!(
        *nobody,
        "skipped kraken-rest/millis/hmac/order#after-nobody: it comes after kraken-rest/nobody/hmac/balance, which is not in the file"
    );
    assert_eq!(*count, "4 passed, 0 failed");
}

#[test]
fn what_was_refused_or_is_of_another_key_or_was_changed_leaves_no_nonce_behind() {
    let recorded: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(NONCES).unwrap()).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [Change; 3] = [
        |vector| vector["expect"] = serde_json::json!({"verdict": "reject", "reason": "bad_signature"}),
        |vector| vector["key"] = "another".into(),
        |vector| vector["id"] = "kraken-rest/finer/hmac/order#other".into(),
    ];
    for change in changes {
        let mut file = recorded.clone();
        file["keys"]["another"] = file["keys"]["kraken"].clone();
        let finer = file["vectors"].as_array_mut().unwrap().iter_mut().find(|vector| vector["id"] == "kraken-rest/finer/hmac/order");
        change(finer.unwrap());
        let (_folder, path) = changed(|_| file.to_string());
        let said = run(&["vectors", &path, "--only", "#after-finer"]).stdout;
        let skipped = "#after-finer: it comes after kraken-rest/finer/hmac/balance, which is not in the file\n0 passed, 0 failed\n";
        assert!(said.ends_with(skipped), "{said}");
    }
}

#[test]
fn to_check_nothing_is_no_success() {
    assert_eq!(run(&["vectors", RECORDED, "--only", "no such id"]).failed(1).lines().count(), 1);
    let (_folder, empty) = changed(|_| r#"{"keys":{},"vectors":[]}"#.to_owned());
    run(&["vectors", &empty]).failed(1);
    let (_folder, rubbish) = changed(|_| "not json".to_owned());
    run(&["vectors", &rubbish]).failed(USAGE);
    run(&["vectors", "/nowhere.json"]).failed(USAGE);
}
