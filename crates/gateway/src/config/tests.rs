#![allow(clippy::unwrap_used)]
use std::io::Write as _;

mod authorities;
mod cluster;
mod documented;
mod proxies;
mod tables;
mod told;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("countersign-").suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The problems of a file, one per line, without the file's name.
fn problems(text: &str) -> String {
    let file = file(text);
    let errors = check(file.path()).unwrap_err();
    let name = format!("{}:", file.path().display());
    errors.iter().map(|error| error.to_string().replace(&name, "")).collect::<Vec<_>>().join("\n")
}

fn settings(text: &str) -> Settings {
    check(file(text).path()).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_defaults_are_a_working_gateway() {
    let settings = load(&Sources::default()).unwrap();
    assert_eq!(settings.listen.address.to_string(), "127.0.0.1:8443");
    assert_eq!(settings.operator.socket, Path::new("countersign-state/operator.sock"));
    assert_eq!(
        settings.upstreams,
        [Upstream {
            name: "venue".to_owned(),
            target: UpstreamTarget::Embedded,
            audience: "venue".to_owned(),
            fix: None,
            fix_sender: FixSender::Client,
            fix_target: None,
            fix_reset: false,
            perpetual: false
        }]
    );
    assert!(settings.routes.find_native_op("order.place").is_some());
    assert!(settings.routes.find_ws_method("order.place").is_some());
    assert!(settings.show().iter().all(|(_, _, origin)| *origin == Origin::Default));
}

#[test]
fn each_source_overrides_the_weaker_ones_and_says_so() {
    let file = file("[listen]\naddress = \"127.0.0.1:1\"\ntls = \"1.2+\"\n[log]\nlevel = \"debug\"\n");
    let sources = Sources {
        file: Some(file.path().to_owned()),
        environment: vec![variable("COUNTERSIGN_LISTEN__ADDRESS", "127.0.0.1:2"), variable("COUNTERSIGN_LOG__LEVEL", "warn")],
        overrides: vec![Override { flag: "--listen".to_owned(), key: "listen.address".to_owned(), value: "127.0.0.1:3".to_owned() }],
    };
    let settings = load(&sources).unwrap();
    assert_eq!(settings.listen.address.port(), 3);
    assert_eq!(settings.log.level, "warn");
    assert_eq!(settings.origin("listen.address"), Some(&Origin::Flag("--listen".to_owned())));
    assert_eq!(settings.origin("log.level"), Some(&Origin::Environment("COUNTERSIGN_LOG__LEVEL".to_owned())));
    assert_eq!(settings.origin("listen.tls"), Some(&Origin::File { line: 3 }));
    assert_eq!(settings.origin("workers"), Some(&Origin::Default));
}

#[test]
fn text_sources_set_every_type() {
    let environment = [
        ("COUNTERSIGN_WORKERS", "2"),
        ("COUNTERSIGN_STATE_DIR", "/tmp/s"),
        ("COUNTERSIGN_NATIVE__ENABLED", "false"),
        ("COUNTERSIGN_LIMITS__BODY_BYTES_MAX", "64 KiB"),
        ("COUNTERSIGN_LIMITS__DRAIN_DEADLINE", "5s"),
        ("COUNTERSIGN_LISTEN__AUTHORITIES", "Api.Example, 127.0.0.1:8443"),
        ("COUNTERSIGN_UPSTREAM__VENUE__URL", "http://[::1]:9000/"),
        ("COUNTERSIGN_PORT", "tcp://10.0.0.1:8443"),
        ("OTHER", "x"),
    ];
    let environment = environment.map(|(name, value)| variable(name, value)).into();
    let settings = load(&Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(settings.workers, 2);
    assert_eq!(settings.operator.socket, Path::new("/tmp/s/operator.sock"));
    assert!(!settings.native.enabled && settings.routes.find_native_op("order.place").is_none());
    assert_eq!(settings.limits.body_bytes_max, 65_536);
    assert_eq!(settings.limits.drain_deadline.as_secs(), 5);
    assert_eq!(settings.listen.authorities, Authorities::Listed(vec!["api.example".to_owned(), "127.0.0.1:8443".to_owned()]));
    assert_eq!(settings.upstreams[0].target, UpstreamTarget::Http { host: "::1".to_owned(), port: 9000 });
}

#[test]
fn paths_in_a_file_are_relative_to_the_file() {
    let file = file("state_dir = \"s\"\n[listen]\nclient_ca = \"ca.pem\"\n");
    let folder = file.path().parent().unwrap();
    let settings = check(file.path()).unwrap();
    assert_eq!(settings.state_dir, folder.join("s"));
    assert_eq!(settings.listen.client_ca, ClientTrust::File(folder.join("ca.pem")));
}

#[test]
fn all_problems_are_told_at_once() {
    insta::assert_snapshot!(problems(
        r#"worker = 3
state_dir = ""

[listen]
adress = "127.0.0.1:8443"
tls = "1.1"
client_auth = true
certificate = "server.pem"
authorities = ["*.example"]

[limits]
head_bytes_max = "32 kb"
body_bytes_max = 1
drain_deadline = 10
h2_streams_max = 1.5

[native]
heartbeat_min = "50s"
heartbeat_max = "10s"

[upstream.engine]
uri = "http://127.0.0.1:1"

[upstream.Bad]
url = "https://127.0.0.1:1"
"#
    ));
}

#[test]
fn every_contradiction_of_a_route_is_told() {
    insta::assert_snapshot!(problems(
        r#"[upstream.one]
url = "http://127.0.0.1:1"
[upstream.two]
url = "embedded"

[[route]]
name = "nothing"
upstream = "one"

[[route]]
name = "open by silence"
path = "/a"
upstream = "one"

[[route]]
name = "both"
path = "/b"
scope = "order:write"
public = true
upstream = "one"

[[route]]
path = "/c"
public = true
upstream = "three"
methods = ["CONNECT"]

[[route]]
name = "no upstream"
path = "/d%20e"
scope = "write"

[[route]]
name = "session"
path = "/s"
websocket = "native"
dialect = "binance"
upstream = "one"

[[route]]
name = "scoped session"
path = "/t"
websocket = "binance-ws-api"
scope = "order:write"
upstream = "one"

[[route]]
builtin = "binance"
upstream = "one"
scope = "order:write"
pubic = true
"#
    ));
}

#[test]
fn overlapping_routes_are_told_with_the_line_of_the_later_one() {
    insta::assert_snapshot!(problems(
        r#"[[route]]
builtin = "binance"

[[route]]
name = "orders"
path = "/api/v3/order"
methods = ["GET", "POST"]
scope = "order:write"

[[route]]
name = "everything"
path = "/api/*"
public = true
"#
    ));
}

#[test]
fn routes_of_a_file_replace_the_default_ones() {
    let settings = settings(
        r#"[upstream.engine]
url = "http://127.0.0.1:7000"
audience = "engine-1"

[[route]]
name = "place"
path = "/v1/orders"
methods = ["POST"]
scope = "order:write"
dialect = "native"
weight = 5
counts_as_order = true

[[route]]
name = "feed"
path = "/feed/*"
websocket = "relay"
public = true

[[route]]
name = "op"
native_op = "order.place"
scope = "order:write"
"#,
    );
    let crate::routes::RouteMatch::Found(place) = settings.routes.find_http("POST", "/v1/orders") else { panic!("no route") };
    assert_eq!((place.weight, place.orders, place.upstream), (5, 1, 0));
    assert_eq!(settings.upstreams[0].audience, "engine-1");
    assert_eq!(settings.routes.all().len(), 3);
    let shown: Vec<_> = settings.show().into_iter().filter(|(key, _, _)| key.starts_with("route.")).collect();
    assert_eq!(
        shown[0],
        ("route.place".to_owned(), "POST /v1/orders -> engine (order:write, native, http)".to_owned(), Origin::File { line: 5 })
    );
}

#[test]
fn a_section_without_keys_is_fine_only_when_there_is_such_a_section() {
    settings("[limits]\n[listen]\n");
    assert_eq!(problems("[limit]\n"), "1: limit: unknown key");
    assert_eq!(problems("[upstream.engine]\n"), "1: upstream.engine: unknown key", "its address is not guessed");
    assert_eq!(problems("[[routes]]\nbuiltin = \"native\"\n"), "1: routes: unknown key; did you mean \"route\"?");
    assert_eq!(problems("route = [1]\n"), "1: route[0]: needs exactly one of builtin, path, ws_method, native_op and fix_message");
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line() {
    let told = problems("workers = \n[listen\n");
    assert!(told.starts_with("1: ") && told.contains("\n2: "), "{told}");
    let errors = check(Path::new("/nonexistent/countersign.toml")).unwrap_err();
    assert!(errors[0].to_string().starts_with("/nonexistent/countersign.toml: cannot be opened"), "{errors:?}");
}

#[test]
fn fix_heartbeats_that_no_logon_could_have_are_told() {
    let told = problems("[fix]\nheartbeat_min = \"30s\"\nheartbeat_max = \"10s\"\n");
    assert!(told.contains("is longer than fix.heartbeat_max"), "{told}");
    let told = problems("[fix]\nbinance = [\"A\"]\nkraken = [\"B\", \"A\"]\n");
    assert!(told.contains("\"A\" is the CompID of another venue's Logons"), "{told}");
    let told = problems("[fix]\npublic_market_data = [\"SPOT\"]\n");
    assert!(told.contains("\"SPOT\" is not in fix.kraken"), "{told}");
}

#[test]
fn a_reload_changes_routes_only() {
    let before = settings("[[route]]\nname = \"a\"\npath = \"/a\"\npublic = true\n");
    let other_routes = settings("[[route]]\nname = \"b\"\npath = \"/b\"\npublic = true\n");
    assert!(before.changes_needing_restart(&other_routes).is_empty());
    let other_port = settings("[listen]\naddress = \"127.0.0.1:1\"\n[upstream.engine]\nurl = \"embedded\"\n");
    let of_upstream = ["audience", "fix", "fix_reset", "fix_sender", "fix_target", "perpetual", "url"];
    let of_upstreams = ["engine", "venue"].map(|name| of_upstream.map(|key| format!("upstream.{name}.{key}")));
    let expected: Vec<String> = std::iter::once("listen.address".to_owned()).chain(of_upstreams.into_iter().flatten()).collect();
    assert_eq!(before.changes_needing_restart(&other_port), expected);
}

#[test]
fn proxies_may_ask_only_where_that_is_configured() {
    let off = load(&Sources::default()).unwrap().authz;
    assert_eq!((off.address, off.client_ca, off.bodies_passed_on), (None, None, false));
    assert!(off.peers.iter().all(|network| network.addr().is_loopback()), "{:?}", off.peers);
    let on = settings(
        "[authz]\naddress = \"127.0.0.1:8480\"\npeers = [\"10.1.0.0/16\", \"192.0.2.7\"]\nauthorities = [\"Api.Example\"]\nenvoy_bodies = \"passed-on\"\n",
    )
    .authz;
    assert_eq!(on.address.map(|address| address.port()), Some(8480));
    let peers: Vec<_> = on.peers.iter().map(ToString::to_string).collect();
    assert_eq!((peers.join(" ").as_str(), on.bodies_passed_on), ("10.1.0.0/16 192.0.2.7/32", true));
    assert!(on.authorities.admits("api.example:443") && !on.authorities.admits("evil.example"));
    for wrong in ["peers = []", "peers = [\"proxy.example\"]", "address = \"8480\"", "envoy_bodies = true"] {
        let told = problems(&format!("[authz]\n{wrong}\n"));
        assert!(told.contains("authz."), "{wrong}: {told}");
    }
}

#[test]
fn demo_keys_are_for_the_paper_venue_alone() {
    let makes = |text: &str| settings(text).makes_demo_account();
    let engine = "[upstream.engine]\nurl = \"http://127.0.0.1:1\"\n";
    assert!(makes("") && !makes("demo_account = \"off\"\n"));
    assert!(!makes(engine) && makes(&format!("demo_account = \"on\"\n{engine}")));
    assert!(!makes("[upstream.venue]\nfix = \"127.0.0.1:1\"\n"), "orders over FIX go to a real service there");
}
