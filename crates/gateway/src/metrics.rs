//! Prometheus metrics.
//!
//! What is here: every counter of the gateway with its fixed set of labels, and their text form. What is not: who may read them
//! (the operator port) and anything about a single client. Labels are names from closed lists (refusals, routes of the
//! configuration, TLS parameters); never a key, an account, an address or a path, so no client can make series.
//!
//! All series are made at set-up and kept in arrays, so the hot path is one relaxed atomic addition: no map, no lock.

mod cluster;
mod halts;
mod handshake;
mod histogram;
mod labels;
mod route;

use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::{Reject, Timestamp};
use countersign_pki::NegotiatedParameters;
use countersign_store::shared::{SharedStatus, Topic};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Series;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::halts::report::HaltStatus;
use crate::proxy_protocol::Closed;
use crate::routes::{Family, Routes};
use cluster::ClusterMetrics;
use halts::HaltMetrics;
use handshake::HandshakeMetrics;
use histogram::Histogram;
use labels::{DialectLabel, LoginLabel, ReasonLabel, StatusLabel};
use route::{RouteCounters, RouteSeries};

pub use labels::Carriage;

/// Start of every metric's name.
const PREFIX: &str = "countersign";
/// Status classes: 1xx to 5xx.
const STATUS_CLASSES: usize = 5;

/// All metrics. Shared by all workers; every method may be called from anywhere.
pub struct Metrics {
    registry: Registry,
    connections_accepted: Counter,
    connections_refused: Counter,
    proxy_closed: Vec<Counter>,
    connections_open: Gauge,
    handshakes: HandshakeMetrics,
    refusals: Vec<Counter>,
    logins: Vec<Counter>,
    answers: Vec<Counter>,
    routes: RouteSeries,
    by_route: ArcSwap<RouteCounters>,
    request_seconds: Histogram,
    verify_seconds: Vec<Histogram>,
    upstream_seconds: Histogram,
    upstream_failures: Vec<Counter>,
    replay_records: Gauge,
    fix_sessions_kept: Gauge,
    fix_wills_unreadable: Gauge,
    audit_waiting: Gauge,
    certificate_end: Gauge,
    audit_lost: Counter,
    halts: HaltMetrics,
    cluster: Option<ClusterMetrics>,
    websockets_open: Gauge,
    native_sessions_open: Gauge,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What an upstream can do wrong.
const UPSTREAM_FAILURES: [Reject; 2] = [Reject::UpstreamTimeout, Reject::UpstreamUnavailable];

impl Metrics {
    /// Makes all series, those of the routes among them.
    #[must_use]
    pub fn new(routes: &Routes) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register("build", "Version of the running gateway", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        let series = RouteSeries::register(&mut registry);
        Self {
            connections_accepted: counter(&mut registry, "connections_accepted", "Connections taken"),
            connections_refused: counter(&mut registry, "connections_refused", "Connections closed before TLS by a cap"),
            proxy_closed: proxy_closed(&mut registry),
            connections_open: gauge(&mut registry, "connections_open", "Connections open now"),
            handshakes: HandshakeMetrics::register(&mut registry),
            refusals: reasons(&mut registry, "refusals", "Requests, messages and connections refused, by precise reason", Reject::ALL),
            logins: logins(&mut registry),
            answers: answers(&mut registry),
            by_route: ArcSwap::from_pointee(series.counters(routes)),
            routes: series,
            request_seconds: seconds(&mut registry, "request", "From request head to the head of the answer"),
            verify_seconds: verify_seconds(&mut registry),
            upstream_seconds: seconds(&mut registry, "upstream", "From a forwarded request to the head of the upstream's answer"),
            upstream_failures: reasons(&mut registry, "upstream_failures", "Requests that an upstream did not answer", &UPSTREAM_FAILURES),
            fix_sessions_kept: gauge(
                &mut registry,
                "fix_sessions_kept",
                "FIX sessions that ended while the database was away, and wait for it or for their clients",
            ),
            fix_wills_unreadable: gauge(
                &mut registry,
                "fix_wills_unreadable",
                "Lost FIX sessions whose orders are to be cancelled, as of a will that cannot be read here",
            ),
            replay_records: gauge(&mut registry, "replay_records", "Signed requests remembered against replay"),
            audit_waiting: gauge(&mut registry, "audit_records_waiting", "Audit records not yet written"),
            certificate_end: gauge(
                &mut registry,
                "certificate_not_after_seconds",
                "When the certificate of the public port ends, Unix time; the first of several",
            ),
            audit_lost: counter(
                &mut registry,
                "audit_records_lost",
                "Records of refusals that were not written: the log was out of reach, or one connection was refused too often",
            ),
            halts: HaltMetrics::register(&mut registry),
            cluster: None,
            websockets_open: gauge(&mut registry, "websockets_open", "Relayed and dialect WebSockets open now"),
            native_sessions_open: gauge(&mut registry, "native_sessions_open", "Native sessions open now"),
            registry,
        }
    }

    /// Makes the series of routes that a reload brought. Series of routes that are gone stay: counters never go back.
    pub fn set_routes(&self, routes: &Routes) {
        self.by_route.store(std::sync::Arc::new(self.routes.counters(routes)));
    }

    /// A connection was taken.
    pub fn connection_opened(&self) {
        self.connections_accepted.inc();
        self.connections_open.inc();
    }

    /// A connection that was counted as opened has ended.
    pub fn connection_closed(&self) {
        self.connections_open.dec();
    }

    /// A connection was closed by a cap, before TLS.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// A connection was closed for what a load balancer said before TLS, or for not being one.
    pub fn proxy_closed(&self, why: Closed) {
        self.proxy_closed[why as usize].inc();
    }

    /// A TLS handshake is complete.
    pub fn handshake_done(&self, negotiated: &NegotiatedParameters) {
        self.handshakes.done(negotiated);
    }

    /// A TLS handshake failed or took too long.
    pub fn handshake_failed(&self) {
        self.handshakes.failed();
    }

    /// Something was refused.
    pub fn refused(&self, reject: Reject) {
        self.refusals[reject as usize].inc();
    }

    /// Somebody proved an identity; `elapsed` is the time of looking up and verifying.
    pub fn logged_in(&self, family: Family, carriage: Carriage, elapsed: Duration) {
        self.logins[family.index() * Carriage::ALL.len() + carriage as usize].inc();
        self.verify_seconds[family.index()].observe(elapsed);
    }

    /// A request or message was accepted; `None` where there is no route.
    pub fn accepted(&self, route_index: Option<usize>) {
        if let Some(route) = route_index {
            self.by_route.load().accepted(route);
        }
    }

    /// A request or message went to the upstream of the route with this name.
    pub fn forwarded(&self, route: &str) {
        self.by_route.load().forwarded(route);
    }

    /// A request on a route was answered with this status.
    pub fn route_answered(&self, route_index: usize, status: u16) {
        self.by_route.load().answered(route_index, status);
    }

    /// A request was answered with this status.
    pub fn request_done(&self, status: u16, elapsed: Duration) {
        self.answers[status_class(status)].inc();
        self.request_seconds.observe(elapsed);
    }

    /// An upstream answered.
    pub fn upstream_answered(&self, elapsed: Duration) {
        self.upstream_seconds.observe(elapsed);
    }

    /// An upstream did not answer; other reasons than its own are not counted.
    pub fn upstream_failed(&self, reject: Reject) {
        if let Some(index) = UPSTREAM_FAILURES.iter().position(|failure| *failure == reject) {
            self.upstream_failures[index].inc();
        }
    }

    /// How much the replay guard remembers; set before [`Metrics::encode`].
    pub fn set_replay_records(&self, records: usize) {
        self.replay_records.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// How many FIX sessions wait for the database; set before [`Metrics::encode`].
    pub fn set_fix_kept(&self, sessions: usize) {
        self.fix_sessions_kept.set(i64::try_from(sessions).unwrap_or(i64::MAX));
    }

    /// How many wills of lost FIX sessions could not be read when all were looked at last.
    pub fn set_fix_wills_unreadable(&self, wills: usize) {
        self.fix_wills_unreadable.set(i64::try_from(wills).unwrap_or(i64::MAX));
    }

    /// How many audit records wait; set before [`Metrics::encode`].
    pub fn set_audit_waiting(&self, records: usize) {
        self.audit_waiting.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// When the certificate of the public port ends, in Unix seconds; set before [`Metrics::encode`].
    pub fn set_certificate_end(&self, end: u64) {
        self.certificate_end.set(i64::try_from(end).unwrap_or(i64::MAX));
    }

    /// What is halted; set before [`Metrics::encode`].
    pub fn set_halts(&self, status: &HaltStatus, rehearsed: u64) {
        self.halts.set(status, rehearsed);
    }

    /// How the memory that nodes share is; set before [`Metrics::encode`].
    pub fn set_cluster(&self, status: &SharedStatus, nodes: u32, notices: impl Fn(Topic) -> [u64; 2]) {
        if let Some(cluster) = &self.cluster {
            cluster.set(status, nodes, notices);
        }
    }

    /// A refusal was not recorded: the log was out of reach, or one connection was refused too often.
    pub fn audit_lost(&self) {
        self.audit_lost.inc();
    }

    /// A WebSocket was opened.
    pub fn websocket_opened(&self) {
        self.websockets_open.inc();
    }

    /// A WebSocket has ended.
    pub fn websocket_closed(&self) {
        self.websockets_open.dec();
    }

    /// A native session was opened.
    pub fn native_session_opened(&self) {
        self.native_sessions_open.inc();
    }

    /// A native session has ended.
    pub fn native_session_closed(&self) {
        self.native_sessions_open.dec();
    }

    /// Connections open now.
    #[must_use]
    pub fn connections_open(&self) -> u64 {
        u64::try_from(self.connections_open.get()).unwrap_or(0)
    }

    /// Native sessions open now.
    #[must_use]
    pub fn native_sessions_open(&self) -> u64 {
        u64::try_from(self.native_sessions_open.get()).unwrap_or(0)
    }

    /// Everything in the OpenMetrics text format (`application/openmetrics-text; version=1.0.0; charset=utf-8`).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }

    /// Registers what a node among others has beside the rest.
    #[must_use]
    pub fn of_cluster(mut self) -> Self {
        self.cluster = Some(ClusterMetrics::register(&mut self.registry));
        self
    }

    /// Registers when the process started, once, for `time() - countersign_start_time_seconds`.
    #[must_use]
    pub fn started_at(mut self, now: Timestamp) -> Self {
        let started: Gauge = Gauge::default();
        started.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        self.registry.register_with_unit("start_time", "When the gateway started, Unix time", Unit::Seconds, started);
        self
    }
}

/// Index of a status in an array of classes; what is no status counts as a server error.
const fn status_class(status: u16) -> usize {
    match status {
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=499 => 3,
        _ => 4,
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn seconds(registry: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::default();
    registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

fn reasons(registry: &mut Registry, name: &str, help: &str, rejects: &[Reject]) -> Vec<Counter> {
    let series = Series::<ReasonLabel, Counter>::default();
    registry.register(name, help, series.clone());
    rejects.iter().map(|reject| series.get_or_create_owned(&ReasonLabel { reason: reject.label() })).collect()
}

fn proxy_closed(registry: &mut Registry) -> Vec<Counter> {
    let series = Series::<ReasonLabel, Counter>::default();
    registry.register("proxy_closed", "Connections closed before TLS for want of a PROXY protocol header that can be used", series.clone());
    Closed::ALL.iter().map(|why| series.get_or_create_owned(&ReasonLabel { reason: why.name() })).collect()
}

fn logins(registry: &mut Registry) -> Vec<Counter> {
    let series = Series::<LoginLabel, Counter>::default();
    registry.register("logins", "Proofs of identity accepted", series.clone());
    let labels = Family::all()
        .flat_map(|family| Carriage::ALL.iter().map(move |carriage| LoginLabel { dialect: family.name(), carriage: carriage.name() }));
    labels.map(|label| series.get_or_create_owned(&label)).collect()
}

fn verify_seconds(registry: &mut Registry) -> Vec<Histogram> {
    let series = Series::<DialectLabel, Histogram>::default();
    registry.register_with_unit("verify", "Looking a credential up and verifying a proof", Unit::Seconds, series.clone());
    Family::all().map(|family| series.get_or_create_owned(&DialectLabel { dialect: family.name() })).collect()
}

fn answers(registry: &mut Registry) -> Vec<Counter> {
    let series = Series::<StatusLabel, Counter>::default();
    registry.register("answers", "HTTP answers by status class", series.clone());
    labels::STATUS_CLASSES.iter().map(|class| series.get_or_create_owned(&StatusLabel { status: class })).collect()
}

#[cfg(test)]
mod tests;
