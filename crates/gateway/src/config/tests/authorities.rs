//! Which names a request may call us by.

use super::*;

#[test]
fn a_request_names_the_host_of_its_hello_or_an_address() {
    assert_eq!(settings("").listen.sni, SniRule::Same);
    assert_eq!(settings("[listen]\nsni = \"any\"\n").listen.sni, SniRule::Any);
    for (rule, sni, host, admitted) in [
        (SniRule::Same, Some("api.example"), "API.Example", true),
        (SniRule::Same, Some("api.example"), "api.example.", true),
        (SniRule::Same, Some("api.example"), "192.0.2.1", true),
        (SniRule::Same, Some("api.example"), "[2001:db8::1]", true),
        (SniRule::Same, Some("api.example"), "fix.example", false),
        (SniRule::Same, Some("api.example"), "", false),
        (SniRule::Same, None, "fix.example", true),
        (SniRule::Known, Some("api.example"), "fix.example", true),
        (SniRule::Any, Some("api.example"), "fix.example", true),
    ] {
        assert_eq!(rule.admits(sni, host), admitted, "{rule:?} {sni:?} {host}");
    }
}

#[test]
fn what_is_no_port_belongs_to_the_name() {
    for (authority, host) in [
        ("h", "h"),
        ("h:443", "h"),
        ("h:", "h"),
        ("h:0", "h:0"),
        ("h:65536", "h:65536"),
        ("h:+1", "h:+1"),
        ("h:1:2", "h:1:2"),
        ("[::1]", "[::1]"),
        ("[::1]:443", "[::1]"),
        ("::1", "::1"),
    ] {
        assert_eq!(host_of(authority), host, "{authority}");
    }
}

#[test]
fn only_listed_authorities_are_admitted() {
    let open = load(&Sources::default()).unwrap();
    assert!(open.listen.admits_authority("anything:1"));
    let listed = settings("[listen]\nauthorities = [\"api.example\", \"127.0.0.1:8443\", \"[::1]\"]\n").listen;
    for admitted in ["api.example", "API.example:9", "127.0.0.1:8443", "[::1]", "[::1]:8443"] {
        assert!(listed.admits_authority(admitted), "{admitted}");
    }
    for refused in ["example", "127.0.0.1", "127.0.0.1:8444", "api.example.evil", "[::2]:8443", "", "api.example:x"] {
        assert!(!listed.admits_authority(refused), "{refused}");
    }
}
