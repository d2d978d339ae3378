//! The memory that nodes share, in numbers.

use countersign_store::shared::{SharedResult, SharedStatus, Topic};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Series;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::{AtomicU64, Ordering};

use super::gauge;

/// Numbers that are set when somebody asks.
pub(super) struct ClusterMetrics {
    available: Gauge,
    nodes: Gauge,
    clock_ahead: Gauge,
    machine_ahead: Gauge,
    results: Vec<Counter>,
    seconds: Counter<f64, AtomicU64>,
    said: Vec<Counter>,
    heard: Vec<Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabel {
    topic: &'static str,
}

impl ClusterMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let available = gauge(registry, "cluster_shared_available", "1 while the memory that nodes share answers; 0: no new orders pass");
        let nodes =
            gauge(registry, "cluster_nodes", "Nodes that are alive, as of the last look at the memory that they share; 0: not known");
        let help = "Milliseconds by which the clock of the memory that nodes share is ahead of ours";
        let clock_ahead = gauge(registry, "cluster_clock_ahead_milliseconds", help);
        let help = "Milliseconds by which the clock of this machine is ahead of the one in use: not 0 after it was set wrong";
        let machine_ahead = gauge(registry, "cluster_machine_clock_ahead_milliseconds", help);
        let results: Series<ResultLabel, Counter> = Series::default();
        let help = "Questions to the memory that nodes share, by what came of them; too_young: it came back empty, and cannot tell yet";
        registry.register("cluster_shared_questions", help, results.clone());
        let seconds = Counter::default();
        let help = "Time spent waiting for answers of the memory that nodes share";
        registry.register_with_unit("cluster_shared_waiting", help, Unit::Seconds, seconds.clone());
        let topics = |registry: &mut Registry, name: &str, help: &str| {
            let series: Series<TopicLabel, Counter> = Series::default();
            registry.register(name, help, series.clone());
            Topic::ALL.map(|topic| series.get_or_create(&TopicLabel { topic: topic.name() }).clone()).to_vec()
        };
        Self {
            available,
            nodes,
            clock_ahead,
            machine_ahead,
            results: SharedResult::ALL.map(|result| results.get_or_create(&ResultLabel { result: result.name() }).clone()).to_vec(),
            seconds,
            said: topics(registry, "cluster_notices_said", "Changes that other nodes were told of"),
            heard: topics(registry, "cluster_notices_heard", "Changes that other nodes told of"),
        }
    }

    pub(super) fn set(&self, status: &SharedStatus, nodes: u32, notices: impl Fn(Topic) -> [u64; 2]) {
        self.available.set(i64::from(status.available));
        self.nodes.set(i64::from(nodes));
        self.clock_ahead.set(status.clock_ahead_millis);
        self.machine_ahead.set(crate::clock::machine_ahead_millis());
        for (counter, result) in self.results.iter().zip(SharedResult::ALL) {
            counter.inner().store(status.results[result as usize], Ordering::Relaxed);
        }
        #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries")]
        let seconds = status.asked_micros as f64 / 1e6;
        self.seconds.inner().store(seconds.to_bits(), Ordering::Relaxed);
        for (index, topic) in Topic::ALL.into_iter().enumerate() {
            let [said, heard] = notices(topic);
            self.said[index].inner().store(said, Ordering::Relaxed);
            self.heard[index].inner().store(heard, Ordering::Relaxed);
        }
    }
}
