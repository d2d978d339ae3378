//! Counters by route.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Series;
use prometheus_client::registry::Registry;

use super::labels::{RouteLabel, RouteStatusLabel, STATUS_CLASSES};
use super::status_class;
use crate::routes::Routes;

/// The families; counters of the current routes are taken out of them at set-up.
pub(super) struct RouteSeries {
    accepted: Series<RouteLabel, Counter>,
    forwarded: Series<RouteLabel, Counter>,
    answered: Series<RouteStatusLabel, Counter>,
}

impl RouteSeries {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let series = Self { accepted: Series::default(), forwarded: Series::default(), answered: Series::default() };
        registry.register("route_accepted", "Requests and messages accepted, by route", series.accepted.clone());
        registry.register("route_forwarded", "Requests and messages sent to an upstream, by route", series.forwarded.clone());
        registry.register("route_answers", "HTTP answers by route and status class", series.answered.clone());
        series
    }

    /// The counters of a route table, in its order.
    pub(super) fn counters(&self, routes: &Routes) -> RouteCounters {
        let of = |name: &Arc<str>| {
            let label = RouteLabel { route: name.to_string() };
            let answered =
                STATUS_CLASSES.map(|status| self.answered.get_or_create_owned(&RouteStatusLabel { route: name.to_string(), status }));
            RouteCounter {
                accepted: self.accepted.get_or_create_owned(&label),
                forwarded: self.forwarded.get_or_create_owned(&label),
                answered,
            }
        };
        let names = routes.all().iter().map(|route| Arc::clone(&route.name));
        RouteCounters {
            index: names.enumerate().map(|(index, name)| (name, index)).collect(),
            counters: routes.all().iter().map(|route| of(&route.name)).collect(),
        }
    }
}

struct RouteCounter {
    accepted: Counter,
    forwarded: Counter,
    answered: [Counter; super::STATUS_CLASSES],
}

/// Counters of the routes of one table. An index of another table (a request that began before a reload) counts nowhere rather
/// than wrongly when it is out of range; names are exact.
pub(super) struct RouteCounters {
    index: HashMap<Arc<str>, usize>,
    counters: Vec<RouteCounter>,
}

impl RouteCounters {
    pub(super) fn accepted(&self, route: usize) {
        if let Some(counter) = self.counters.get(route) {
            counter.accepted.inc();
        }
    }

    pub(super) fn forwarded(&self, route: &str) {
        if let Some(counter) = self.index.get(route).and_then(|index| self.counters.get(*index)) {
            counter.forwarded.inc();
        }
    }

    pub(super) fn answered(&self, route: usize, status: u16) {
        if let Some(counter) = self.counters.get(route) {
            counter.answered[status_class(status)].inc();
        }
    }
}
