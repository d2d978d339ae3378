//! What is told of a wrong setting.

use super::*;

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    let environment = vec![variable("COUNTERSIGN_LISTEN__ADDRES", "x"), variable("COUNTERSIGN_WORKERS", "many")];
    let errors = load(&Sources { environment, ..Sources::default() }).unwrap_err();
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "environment COUNTERSIGN_LISTEN__ADDRES: listen.addres: unknown key; did you mean \"listen.address\"?",
            "environment COUNTERSIGN_WORKERS: workers: expected an integer, found \"many\"",
        ]
    );
}

#[test]
fn no_password_is_repeated() {
    let with_scheme =
        ["http://user:hush@venue:80", "https://user:hu//sh@venue", "http://hush@[::1]:80/", "//hush/@@venue", "http://u:hu/ sh@venue"];
    for url in with_scheme.into_iter().chain(["user:hush@venue:80", "http:/user:hush@venue", r#"http://user:hu\"sh@venue"#]) {
        let told = problems(&format!(
            "upstream.venue.url = \"{url}\"\nupstream.venue.fix = \"{url}\"\nlisten.authorities = [\"{url}\"]\ntokens.audiences = [\"a {url}\"]\n"
        ));
        assert!(told.contains("url: expected http://host:port or embedded, found \"") && told.lines().count() == 4, "{told}");
        assert!(!told.contains("hush") && !told.contains("hu/") && !told.contains("sh@"), "{told}");
    }
    let told = problems("upstream.venue.url = \"https://venue\"\n");
    assert!(told.ends_with("found \"https://venue\""), "{told}");
}
