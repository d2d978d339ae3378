//! Native: the operations of a session and their twins over HTTP.

use countersign_core::{Access, Scope};

use super::{http, scoped};
use crate::halts::own::HALT_PATH;
use crate::routes::{Family, RouteKind, RouteSpec, RouteTarget, RouteWeight};

/// Where native sessions open their WebSocket.
const SESSION_PATH: &str = "/native/v1";

/// Method, path, scope.
const HTTP: &[(&str, &str, &str)] = &[
    ("GET", "/native/v1/markets", Scope::MD_READ),
    ("GET", "/native/v1/ticker", Scope::MD_READ),
    ("GET", "/native/v1/book", Scope::MD_READ),
    ("GET", "/native/v1/balance", Scope::ACCOUNT_READ),
    ("GET", "/native/v1/fills", Scope::ACCOUNT_READ),
    ("GET", "/native/v1/settlements", Scope::ACCOUNT_READ),
    ("GET", "/native/v1/orders", Scope::ORDER_READ),
    ("POST", "/native/v1/orders", Scope::ORDER_WRITE),
    ("DELETE", "/native/v1/orders", Scope::ORDER_WRITE),
    ("GET", "/native/v1/orders/{order}", Scope::ORDER_READ),
    ("DELETE", "/native/v1/orders/{order}", Scope::ORDER_WRITE),
];

/// Operation, scope.
const OPS: &[(&str, &str)] = &[
    ("markets", Scope::MD_READ),
    ("ticker", Scope::MD_READ),
    ("book", Scope::MD_READ),
    ("subscribe", Scope::MD_READ),
    ("unsubscribe", Scope::MD_READ),
    ("balance", Scope::ACCOUNT_READ),
    ("fills", Scope::ACCOUNT_READ),
    ("settlements", Scope::ACCOUNT_READ),
    ("order.status", Scope::ORDER_READ),
    ("order.list", Scope::ORDER_READ),
    ("order.place", Scope::ORDER_WRITE),
    ("order.cancel", Scope::ORDER_WRITE),
    ("order.cancel_all", Scope::ORDER_WRITE),
];

/// The native table; `prefix` starts the name of each route.
#[must_use]
pub fn native_routes(prefix: &str, upstream: usize) -> Vec<RouteSpec> {
    let route = |name: String, target, access, kind, is_order: bool| RouteSpec {
        name: format!("{prefix} {name}"),
        target,
        access,
        upstream,
        family: Family::NATIVE,
        kind,
        weight: RouteWeight::Fixed(1),
        orders: u32::from(is_order),
        yields: false,
    };
    let session = route("session".to_owned(), http("GET", SESSION_PATH), Access::Public, RouteKind::NativeSession, false);
    let requests = HTTP.iter().map(|(method, path, scope)| {
        route(format!("{method} {path}"), http(method, path), scoped(scope), RouteKind::Http, *method == "POST")
    });
    let messages = OPS.iter().map(|(op, scope)| {
        let target = RouteTarget::NativeOp((*op).to_owned());
        route(format!("op {op}"), target, scoped(scope), RouteKind::Http, *op == "order.place")
    });
    let halt = RouteSpec {
        family: Family::Any,
        ..route(format!("POST {HALT_PATH}"), http("POST", HALT_PATH), scoped(Scope::ORDER_WRITE), RouteKind::Halt, false)
    };
    std::iter::once(session).chain(requests).chain(messages).chain(std::iter::once(halt)).collect()
}
