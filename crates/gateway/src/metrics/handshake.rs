//! TLS handshakes by what they agreed on.

use countersign_pki::{HandshakeMode, NegotiatedParameters, TlsVersion};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Series;
use prometheus_client::registry::Registry;

use super::labels::{HandshakeLabel, NameLabel};

/// Cipher suites that our TLS stack can agree on, and the word for any other.
const SUITES: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    OTHER,
];
/// Groups, none (a resumed TLS 1.2 session exchanges no keys), and the word for any other.
const GROUPS: &[&str] = &["X25519MLKEM768", "X25519", "secp256r1", "secp384r1", NONE, OTHER];
const NONE: &str = "none";
const OTHER: &str = "other";

const VERSIONS: [&str; 2] = ["1.2", "1.3"];
const MODES: [&str; 3] = ["full", "full-with-hello-retry-request", "resumed"];

pub(super) struct HandshakeMetrics {
    done: Vec<Counter>,
    suites: Vec<Counter>,
    groups: Vec<Counter>,
    failed: Counter,
}

impl HandshakeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let series = Series::<HandshakeLabel, Counter>::default();
        registry.register("tls_handshakes", "TLS handshakes completed", series.clone());
        let labels = VERSIONS.iter().flat_map(|version| MODES.iter().map(move |mode| HandshakeLabel { version, mode }));
        let done = labels.map(|label| series.get_or_create_owned(&label)).collect();
        Self {
            done,
            suites: named(registry, "tls_suites", "TLS handshakes completed, by cipher suite", SUITES),
            groups: named(registry, "tls_groups", "TLS handshakes completed, by key exchange group", GROUPS),
            failed: super::counter(registry, "tls_handshakes_failed", "TLS handshakes that failed or took too long"),
        }
    }

    pub(super) fn done(&self, negotiated: &NegotiatedParameters) {
        let version = match negotiated.version {
            TlsVersion::Tls12 => 0,
            TlsVersion::Tls13 => 1,
        };
        let mode = match negotiated.handshake {
            HandshakeMode::Full => 0,
            HandshakeMode::FullWithHelloRetryRequest => 1,
            HandshakeMode::Resumed => 2,
        };
        self.done[version * MODES.len() + mode].inc();
        self.suites[index_of(SUITES, &negotiated.suite)].inc();
        self.groups[index_of(GROUPS, negotiated.group.as_deref().unwrap_or(NONE))].inc();
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }
}

fn named(registry: &mut Registry, name: &str, help: &str, values: &[&'static str]) -> Vec<Counter> {
    let series = Series::<NameLabel, Counter>::default();
    registry.register(name, help, series.clone());
    values.iter().map(|name| series.get_or_create_owned(&NameLabel { name })).collect()
}

/// The place of a name; the last one, other, for a name that is not in the list.
fn index_of(names: &[&str], name: &str) -> usize {
    names.iter().position(|known| *known == name).unwrap_or(names.len() - 1)
}
