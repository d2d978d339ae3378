//! The emergency shutdown in numbers. Requests that it stops are counted with the other refusals, as `halted` and `halt_unknown`.

use countersign_halt::NodeState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::gauge;
use crate::halts::report::HaltStatus;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeLabels {
    state: &'static str,
}

/// Gauges that are set when somebody asks.
pub(super) struct HaltMetrics {
    epoch: Gauge,
    in_force: Gauge,
    known: Gauge,
    confirmed: Gauge,
    nodes: Family<NodeLabels, Gauge>,
    lease_ms: Gauge,
    rehearsed: Gauge,
    reviews_overdue: Gauge,
}

impl HaltMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let nodes = Family::<NodeLabels, Gauge>::default();
        registry.register("halt_nodes", "Nodes by whether they are past the latest change", nodes.clone());
        Self {
            epoch: gauge(registry, "halt_epoch", "Epoch of the halts that this node knows"),
            in_force: gauge(registry, "halts_in_force", "Halts in force"),
            known: gauge(registry, "halt_state_known", "1 while this node may rely on the halts it knows; 0: no new orders pass"),
            confirmed: gauge(registry, "halt_confirmed", "1 when no request of before the latest change is under way at any node"),
            nodes,
            lease_ms: gauge(registry, "halt_lease_milliseconds", "How long this node may still rely on what it last read"),
            rehearsed: gauge(registry, "halt_drill_would_refuse", "Requests that rehearsals would have refused, since the start"),
            reviews_overdue: gauge(registry, "halt_reviews_overdue", "Halts in force that somebody was to look at again by now"),
        }
    }

    pub(super) fn set(&self, status: &HaltStatus, rehearsed: u64) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.epoch.set(number(status.epoch));
        self.in_force.set(number(status.halts.len() as u64));
        self.known.set(i64::from(status.unknown.is_none()));
        self.confirmed.set(i64::from(status.confirmed));
        for state in NodeState::ALL.map(NodeState::name) {
            let count = status.nodes.iter().filter(|node| node.state == state).count() as u64;
            self.nodes.get_or_create(&NodeLabels { state }).set(number(count));
        }
        self.lease_ms.set(number(status.lease_ms));
        self.rehearsed.set(number(rehearsed));
        self.reviews_overdue.set(number(status.reviews_overdue as u64));
    }
}
