#![allow(clippy::unwrap_used)]

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

/// Both are base64url, so one in 64 begins with a hyphen.
#[test]
fn ids_may_begin_with_a_hyphen() {
    for line in [
        "audit --correlation -A-kmw88fFEAAAAAAAAAEA --json",
        "audit --json --key -hV_json3hQ4",
        "audit prove --revoked -hV_json3hQ4 --before -A-kmw88fFEAAAAAAAAAEA",
        "audit export --key -hV_json3hQ4",
        "key show -A-kmw88fFEAAAAAAAAAEA --json",
        "key show --state /tmp/x -hV_json3hQ4",
        "key revoke -A-kmw88fFEAAAAAAAAAEA",
        "key rotate -A-kmw88fFEAAAAAAAAAEA --overlap 0s",
        "key set -A-kmw88fFEAAAAAAAAAEA --ip any",
        "session kill -A-kmw88fFEAAAAAAAAAEA",
        "session show -A-kmw88fFEAAAAAAAAAEA --json",
        "token revoke -A-kmw88fFEAAAAAAAAAEA",
        "token revoke --key -hV_json3hQ4",
    ] {
        let parsed = Cli::try_parse_from(std::iter::once("countersign").chain(line.split(' ')));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
}

#[test]
fn a_proof_is_of_one_thing() {
    let parse = |line: &str| Cli::try_parse_from(std::iter::once("countersign").chain(line.split(' ')));
    for line in ["audit prove", "audit prove --revoked k1", "audit prove --record 1 --decision a", "audit verify --proof f --head h"] {
        assert!(parse(line).is_err_and(|error| error.exit_code() == 2), "{line}");
    }
    assert!(parse("audit prove --record 1").is_ok());
}

#[test]
fn what_follows_an_id_is_still_an_option() {
    let error = Cli::try_parse_from(["countersign", "key", "show", "abc", "--jsn"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(Cli::try_parse_from(["countersign", "key", "show", "--help"]).is_err_and(|error| error.exit_code() == 0));
}
