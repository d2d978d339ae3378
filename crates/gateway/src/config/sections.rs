//! From raw to settings: all sections in the order of the reference.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_dialects::answer::UnknownKeyAnswer;
use countersign_halt::{HaltScope, Operator, OperatorSet};
use countersign_pki::{ClientAuth, ProtocolVersions};

use super::error::ConfigError;
use super::raw::{Origin, RawConfig, RawTable};
use super::reader::{Reader, Report, found};
use super::settings::{
    Authorities, BinanceSettings, CertificateSource, ClientTrust, DemoAccount, HaltSettings, ListenSettings, LogFormat, LogSettings,
    OperatorSettings, Settings, SniRule,
};
use super::{authz, cluster, fix, issuer, limits, native, proxy_protocol, route, tokens, upstream};

/// Where state is kept unless told otherwise: beside the one who starts it.
const STATE_DIR: &str = "countersign-state";
/// Name of the operator socket in the state folder.
const SOCKET_NAME: &str = "operator.sock";
/// Public port: loopback until somebody decides otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
/// Operator port: loopback until somebody decides otherwise.
const OPERATOR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9443);
/// Longest path of a Unix socket (sun_path has 108 bytes with its end).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Validates everything; the settings, or every problem.
pub(super) fn validate(raw: RawConfig) -> Result<Settings, Vec<ConfigError>> {
    let RawConfig { file, mut keys, routes } = raw;
    let mut report = Report { file, ..Report::default() };
    let (state_dir, workers, demo_account) = top_level(Reader::section(&mut keys, &mut report, ""));
    let listen = listen(Reader::section(&mut keys, &mut report, "listen"));
    let operator = operator(Reader::section(&mut keys, &mut report, "operator"), &state_dir);
    let authz = authz::read(Reader::section(&mut keys, &mut report, "authz"));
    let limits = limits::read(Reader::section(&mut keys, &mut report, "limits"));
    let native = native::read(Reader::section(&mut keys, &mut report, "native"));
    let binance_keys = Reader::section(&mut keys, &mut report, "binance");
    let listen_keys_from = binance_keys.origin_of("listen_keys").unwrap_or(Origin::Default);
    let binance = binance(binance_keys);
    let fix = fix::read(Reader::section(&mut keys, &mut report, "fix"));
    let cluster = cluster::read(Reader::section(&mut keys, &mut report, "cluster"));
    check_listen_keys(&listen_keys_from, &binance, &cluster, &mut report);
    let halt = halt(Reader::section(&mut keys, &mut report, "halt"), &cluster.node);
    let tokens = tokens::read(Reader::section(&mut keys, &mut report, "tokens"));
    let log = log(Reader::section(&mut keys, &mut report, "log"));
    let issuers = issuer::read(&mut keys, &mut report);
    let upstreams = upstream::read(&mut keys, &mut report);
    let families = route::Families { native: native.enabled, binance: binance.enabled, fix: fix.enabled };
    let routes = route::read(routes, &upstreams, families, &mut report);
    report.known.push("route".to_owned());
    report.unknown_keys(&keys, "");
    let Some(routes) = routes.filter(|_| report.errors.is_empty()) else { return Err(report.errors) };
    let routes = Arc::new(routes);
    Ok(Settings {
        state_dir,
        workers,
        demo_account,
        listen,
        operator,
        authz,
        limits,
        native,
        binance,
        fix,
        cluster,
        halt,
        tokens,
        log,
        issuers,
        upstreams,
        routes,
        shown: report.shown,
    })
}

fn top_level(mut keys: Reader<'_>) -> (PathBuf, usize, DemoAccount) {
    let state_dir = keys.path(
        "state_dir",
        "Folder of everything that lasts: private CA, keys, database, operator socket. Made on first start, for its owner only.",
        PathBuf::from(STATE_DIR),
    );
    let workers = keys.count("workers", "Runtimes, one per core; 0 for as many as the machine has cores.", 0, 0..=256);
    let demo_account = keys.choice(
        "demo_account",
        "Whether the first start makes the account demo with keys of each kind, in state_dir/demo, that may place orders: auto makes it where nothing but the paper venue is behind, on also before a real service. Never in a database that nodes share.",
        &[("auto", DemoAccount::Auto), ("on", DemoAccount::On), ("off", DemoAccount::Off)],
    );
    (state_dir, workers as usize, demo_account)
}

/// What `client_crl` is, at each port that has one.
pub(super) const CLIENT_CRL: &str = "PEM file of the revocation lists of those CAs, one of each CA in a chain, read anew with the certificates. A certificate that a list names, that no list is about, or whose list has ended, is refused; a new list is heeded on connections that are open.";

fn listen(mut keys: Reader<'_>) -> ListenSettings {
    let address = keys.address(
        "address",
        "Where clients connect: HTTP/1.1, HTTP/2, WebSocket and raw native, told apart by ALPN and first bytes.",
        LISTEN,
    );
    let tls = keys.choice(
        "tls",
        "TLS versions. \"1.2+\" is for clients of old venues, with the extended master secret (RFC 7627); native sessions are refused on TLS 1.2, whose channel has no binding.",
        &[("1.3", ProtocolVersions::Tls13Only), ("1.2+", ProtocolVersions::Tls12AndTls13)],
    );
    let client_auth = keys.choice(
        "client_auth",
        "Whether clients show a certificate. \"optional\" lets a certificate be a way to log in without asking for one.",
        &[("optional", ClientAuth::Optional), ("off", ClientAuth::Off), ("required", ClientAuth::Required)],
    );
    let client_ca = keys
        .path_or("client_ca", "PEM file of the CAs whose client certificates are believed.", "private CA")
        .map_or(ClientTrust::PrivateAuthority, ClientTrust::File);
    let crl_origin = keys.origin_of("client_crl").unwrap_or(Origin::Default);
    let client_crl = keys.path_or("client_crl", CLIENT_CRL, "revocation is not checked");
    if client_crl.is_some() && client_auth == ClientAuth::Off {
        keys.report().problem(&crl_origin, "listen.client_crl", "no client shows a certificate: client_auth is \"off\"");
    }
    let certificate = certificate(&mut keys);
    let authorities = keys
        .list_or(
            "authorities",
            "Host names, with or without port, that requests may name; others get 421. Unset, those of the certificate. With a port, only that port, in requests and in proofs.",
            "any",
            authority,
        )
        .map_or(Authorities::Any, Authorities::Listed);
    let sni = keys.choice(
        "sni",
        "What the host name in a TLS hello is held to. \"same\": it stands in the certificate or in authorities, else the alert unrecognized_name; and requests name the same host (or an address), else 421. \"known\": requests may name another host of ours, for a proxy in front that dials under one name. \"any\": every name gets the certificate, for clients that dial another name and do not check it. A hello without a name is served.",
        &[("same", SniRule::Same), ("known", SniRule::Known), ("any", SniRule::Any)],
    );
    let proxy_protocol = proxy_protocol::read(&mut keys);
    ListenSettings { address, tls, client_auth, client_ca, client_crl, certificate, authorities, sni, proxy_protocol }
}

fn certificate(keys: &mut Reader<'_>) -> CertificateSource {
    let written = keys.origin_of("certificate").or_else(|| keys.origin_of("key"));
    let certificate =
        keys.path_or("certificate", "PEM file of the server certificate chain, leaf first; with key.", "issued by the private CA");
    let key = keys.path_or("key", "PEM file of its private key, readable by its owner only; with certificate.", "issued by the private CA");
    match (certificate, key) {
        (Some(certificate), Some(key)) => CertificateSource::Files { certificate, key },
        (None, None) => CertificateSource::PrivateAuthority,
        (Some(_), None) | (None, Some(_)) => {
            let origin = written.unwrap_or(Origin::Default);
            keys.report().problem(&origin, "listen.certificate", "certificate and key come together: only one of them is set");
            CertificateSource::PrivateAuthority
        }
    }
}

/// A host name with or without port, lower case.
pub(super) fn authority(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let parsed: Result<http::uri::Authority, _> = lower.parse();
    match parsed {
        Ok(parsed) if !parsed.host().is_empty() && !lower.contains('@') && !lower.contains('*') => Ok(lower),
        Ok(_) | Err(_) => Err(format!("expected a host name with or without port, {}", found(text))),
    }
}

fn operator(mut keys: Reader<'_>, state_dir: &Path) -> OperatorSettings {
    let address = keys.address(
        "address",
        "Where operators connect with an operator certificate: metrics, health, status, reload, revocation.",
        OPERATOR,
    );
    let origin = keys.origin_of("socket").unwrap_or(Origin::Default);
    let socket = keys.path(
        "socket",
        "Unix socket with the same interface, for its owner only; it lies in state_dir unless set.",
        state_dir.join(SOCKET_NAME),
    );
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        let message = format!("the path of a Unix socket has at most {SOCKET_PATH_BYTES_MAX} bytes: choose a shorter state_dir or socket");
        keys.report().problem(&origin, "operator.socket", message);
    }
    let health = keys.address_or_off(
        "health",
        "A plain HTTP address for balancers and kubelets, which have no certificate: GET /healthz and /readyz, and nothing else. Keep it inside: whoever reaches it learns whether this node takes clients.",
    );
    OperatorSettings { address, socket, health }
}

fn binance(mut keys: Reader<'_>) -> BinanceSettings {
    let enabled = keys.boolean("enabled", "Whether clients may log in as at Binance.", true);
    let unknown_key = keys.choice(
        "unknown_key",
        "How an unknown key is answered: as a wrong signature, or with the venue's own code, which tells anybody whether a key exists.",
        &[("like-bad-signature", UnknownKeyAnswer::LikeBadSignature), ("as-venue", UnknownKeyAnswer::AsVenue)],
    );
    let listen_keys = keys.boolean(
        "listen_keys",
        "Whether a listen key of USD-M futures is handed out to whoever names a key, as the venue does: no signature, and it opens the stream of that account's events. Not with other nodes.",
        false,
    );
    BinanceSettings { enabled, unknown_key, listen_keys }
}

/// Listen keys are in the memory of one process: another node would not know them.
fn check_listen_keys(origin: &Origin, binance: &BinanceSettings, cluster: &super::settings::ClusterSettings, report: &mut Report) {
    if binance.listen_keys && (cluster.redis.is_some() || cluster.database.is_some()) {
        report.problem(
            origin,
            "binance.listen_keys",
            "listen keys are known to one node only; with cluster.redis or cluster.database there are more",
        );
    }
}

fn halt(mut keys: Reader<'_>, cluster_node: &str) -> HaltSettings {
    let node = keys
        .list_or("node", "The name of this node, for halts that stop one node only.", cluster_node, node_name)
        .and_then(|names| names.into_iter().next())
        .unwrap_or_else(|| cluster_node.to_owned());
    let origin = keys.origin_of("operators").or_else(|| keys.origin_of("quorum")).unwrap_or(Origin::Default);
    let quorum = keys.count(
        "quorum",
        "Operators who must sign to lift a halt of the venue, a dialect, an instrument, a node or an account. One person must not be able to restart trading.",
        2,
        1..=16,
    ) as usize;
    let operators = keys.list_or(
        "operators",
        "Who may lift: NAME:KEY, the Ed25519 public key that `countersign operator new` prints. Without any, what is halted stays halted.",
        "none",
        |text| {
            Operator::parse(text)
                .map(|operator| operator.to_string())
                .ok_or_else(|| "expected NAME:KEY, as countersign operator new prints it".to_owned())
        },
    );
    let operators: Vec<Operator> = operators.unwrap_or_default().iter().filter_map(|text| Operator::parse(text)).collect();
    if let Err(problem) = OperatorSet::new("", operators.clone(), quorum) {
        keys.report().problem(&origin, "halt.operators", problem);
    }
    HaltSettings { node, quorum, operators }
}

fn node_name(text: &str) -> Result<String, String> {
    match HaltScope::parse(&format!("node:{text}")) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("expected 1 to 64 visible ASCII characters".to_owned()),
    }
}

fn log(mut keys: Reader<'_>) -> LogSettings {
    let format = keys.choice(
        "format",
        "Form of log lines: for people or one JSON object per line.",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    let level = keys.choice(
        "level",
        "Quietest level that is written.",
        &[("info", "info"), ("error", "error"), ("warn", "warn"), ("debug", "debug"), ("trace", "trace")],
    );
    LogSettings { format, level }
}

/// Names of the upstreams that have keys: `upstream.NAME.…`.
pub(super) fn names_below(keys: &RawTable, section: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in keys.keys() {
        let name =
            key.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')).and_then(|rest| rest.split_once('.')).map(|(name, _)| name);
        if let Some(name) = name.filter(|name| !names.iter().any(|known| known == name)) {
            names.push(name.to_owned());
        }
    }
    names
}
