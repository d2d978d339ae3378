#![allow(clippy::unwrap_used)]
use countersign_pki::{HandshakeMode, TlsVersion};

use super::*;
use crate::routes::native_routes;

fn metrics() -> Metrics {
    Metrics::new(&Routes::new(native_routes("native", 0)).unwrap())
}

/// The value of one series.
fn value(text: &str, series: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(&format!("countersign_{series} ")))?;
    rest.parse().ok()
}

fn negotiated(version: TlsVersion, handshake: HandshakeMode, suite: &str, group: Option<&str>) -> NegotiatedParameters {
    NegotiatedParameters {
        version,
        suite: suite.to_owned(),
        group: group.map(str::to_owned),
        alpn: None,
        sni: None,
        handshake,
        peer_certificate: None,
    }
}

#[test]
fn every_event_moves_its_own_series() {
    let metrics = metrics();
    metrics.connection_opened();
    metrics.connection_opened();
    metrics.connection_closed();
    metrics.connection_refused();
    metrics.handshake_failed();
    metrics.audit_lost();
    metrics.set_audit_waiting(7);
    metrics.set_replay_records(8);
    metrics.set_certificate_end(11);
    metrics.set_fix_kept(9);
    metrics.set_fix_wills_unreadable(10);
    metrics.websocket_opened();
    metrics.native_session_opened();
    metrics.request_done(404, Duration::from_millis(3));
    metrics.upstream_failed(Reject::UpstreamTimeout);
    metrics.upstream_failed(Reject::BadSignature);
    metrics.upstream_answered(Duration::from_micros(40));
    metrics.logged_in(Family::NATIVE, Carriage::WebSocket, Duration::from_micros(90));
    let text = metrics.encode();
    for (series, expected) in [
        ("connections_accepted_total", 2.0),
        ("connections_open", 1.0),
        ("connections_refused_total", 1.0),
        ("tls_handshakes_failed_total", 1.0),
        ("audit_records_lost_total", 1.0),
        ("audit_records_waiting", 7.0),
        ("replay_records", 8.0),
        ("certificate_not_after_seconds", 11.0),
        ("fix_sessions_kept", 9.0),
        ("fix_wills_unreadable", 10.0),
        ("websockets_open", 1.0),
        ("native_sessions_open", 1.0),
        ("answers_total{status=\"4xx\"}", 1.0),
        ("request_seconds_count", 1.0),
        ("request_seconds_bucket{le=\"0.005\"}", 1.0),
        ("request_seconds_bucket{le=\"0.0025\"}", 0.0),
        ("upstream_failures_total{reason=\"upstream_timeout\"}", 1.0),
        ("upstream_failures_total{reason=\"upstream_unavailable\"}", 0.0),
        ("upstream_seconds_count", 1.0),
        ("logins_total{dialect=\"native\",carriage=\"websocket\"}", 1.0),
        ("verify_seconds_count{dialect=\"native\"}", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
}

#[test]
fn each_refusal_has_its_label() {
    let metrics = metrics();
    for (count, reject) in Reject::ALL.iter().enumerate() {
        (0..count).for_each(|_| metrics.refused(*reject));
    }
    let text = metrics.encode();
    for (count, reject) in (0_u32..).zip(Reject::ALL) {
        assert_eq!(value(&text, &format!("refusals_total{{reason=\"{reject}\"}}")), Some(f64::from(count)), "{reject}");
    }
}

#[test]
fn each_login_has_its_labels() {
    let metrics = metrics();
    for family in Family::all() {
        for carriage in Carriage::ALL {
            metrics.logged_in(family, carriage, Duration::ZERO);
            let series = format!("logins_total{{dialect=\"{}\",carriage=\"{}\"}}", family.name(), carriage.name());
            assert_eq!(value(&metrics.encode(), &series), Some(1.0), "{series}");
        }
    }
}

#[test]
fn handshakes_are_counted_by_what_was_agreed() {
    let metrics = metrics();
    metrics.handshake_done(&negotiated(TlsVersion::Tls13, HandshakeMode::Resumed, "TLS_AES_256_GCM_SHA384", Some("X25519MLKEM768")));
    metrics.handshake_done(&negotiated(TlsVersion::Tls12, HandshakeMode::Full, "TLS_INVENTED", None));
    let text = metrics.encode();
    for series in [
        "tls_handshakes_total{version=\"1.3\",mode=\"resumed\"}",
        "tls_handshakes_total{version=\"1.2\",mode=\"full\"}",
        "tls_suites_total{name=\"TLS_AES_256_GCM_SHA384\"}",
        "tls_suites_total{name=\"other\"}",
        "tls_groups_total{name=\"X25519MLKEM768\"}",
        "tls_groups_total{name=\"none\"}",
    ] {
        assert_eq!(value(&text, series), Some(1.0), "{series}\n{text}");
    }
    assert!(!text.contains("INVENTED"));
}

/// The names of suites and groups are those that the TLS stack reports.
#[test]
fn every_suite_and_group_of_the_tls_stack_has_its_label() {
    let metrics = metrics();
    let before = metrics.encode();
    let provider = countersign_pki::crypto_provider();
    for suite in &provider.cipher_suites {
        let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
        assert!(before.contains(&format!("{{name=\"{name}\"}}")), "{name}");
    }
    for group in &provider.kx_groups {
        let name = format!("{:?}", group.name());
        assert!(before.contains(&format!("{{name=\"{name}\"}}")), "{name}");
    }
}

#[test]
fn routes_count_by_index_and_by_name_and_survive_a_reload() {
    let metrics = metrics();
    metrics.accepted(Some(1));
    metrics.accepted(Some(9_999));
    metrics.accepted(None);
    metrics.forwarded("native GET /native/v1/markets");
    metrics.forwarded("no such route");
    metrics.route_answered(1, 200);
    metrics.set_routes(&Routes::new(native_routes("other", 0)).unwrap());
    metrics.accepted(Some(1));
    let text = metrics.encode();
    for series in [
        "route_accepted_total{route=\"native GET /native/v1/markets\"}",
        "route_forwarded_total{route=\"native GET /native/v1/markets\"}",
        "route_answers_total{route=\"native GET /native/v1/markets\",status=\"2xx\"}",
        "route_accepted_total{route=\"other GET /native/v1/markets\"}",
    ] {
        assert_eq!(value(&text, series), Some(1.0), "{series}\n{text}");
    }
}

#[test]
fn the_text_ends_as_the_format_demands() {
    let text = metrics().started_at(Timestamp::from_secs(5)).encode();
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(value(&text, "start_time_seconds"), Some(5.0));
    assert!(text.contains(&format!("countersign_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))));
}
