//! Binance: REST, WebSocket API and public streams. The endpoints come from the dialect's own tables.

use countersign_core::Access;
use countersign_dialects::binance::routes::{REST, WS, WsHandling, WsMethod};
use countersign_dialects::binance::sockets::{SHARED_STREAM, STREAMS, WS_APIS};
use countersign_dialects::routes::{Handling, RestRoute};

use super::{http, scoped};
use crate::routes::{Family, RouteKind, RouteSpec, RouteTarget, RouteWeight};

/// The Binance table; `prefix` starts the name of each route.
#[must_use]
pub fn binance_routes(prefix: &str, upstream: usize) -> Vec<RouteSpec> {
    let open = |name: String, path: &str, kind| RouteSpec {
        name: format!("{prefix} {name}"),
        target: http("GET", path),
        access: Access::Public,
        upstream,
        family: Family::BINANCE,
        kind,
        weight: RouteWeight::Fixed(1),
        orders: 0,
        yields: false,
    };
    let api = WS_APIS.iter().map(|(name, path)| open((*name).to_owned(), path, RouteKind::BinanceWsApi));
    let streams = STREAMS
        .iter()
        .map(|path| RouteSpec { yields: *path == SHARED_STREAM, ..open(format!("stream {path}"), path, RouteKind::WebSocketRelay) });
    let requests = REST.iter().map(|row| request(row, prefix, upstream));
    let messages = WS.iter().filter(|row| reaches_venue(row)).map(|row| message(row, prefix, upstream));
    api.chain(streams).chain(requests).chain(messages).collect()
}

fn request(row: &RestRoute, prefix: &str, upstream: usize) -> RouteSpec {
    RouteSpec {
        name: format!("{prefix} {} {}", row.method, row.path),
        target: http(row.method, row.path),
        access: row.scope.map_or(Access::Public, scoped),
        upstream,
        family: Family::BINANCE,
        kind: match row.handling {
            Handling::Forward => RouteKind::Http,
            Handling::InBody => RouteKind::InBody,
            Handling::Local => RouteKind::Local,
        },
        weight: RouteWeight::Venue(row.weight),
        orders: row.orders,
        yields: false,
    }
}

fn message(row: &WsMethod, prefix: &str, upstream: usize) -> RouteSpec {
    RouteSpec {
        name: format!("{prefix} ws {}", row.name),
        target: RouteTarget::WsMethod(row.name.to_owned()),
        access: row.scope.map_or(Access::Public, scoped),
        upstream,
        family: Family::BINANCE,
        kind: RouteKind::Http,
        weight: RouteWeight::Venue(row.weight),
        orders: row.orders,
        yields: false,
    }
}

/// Logon, logout, status and listen keys are answered by the gateway itself: they have no route because they are never forwarded.
const fn reaches_venue(row: &WsMethod) -> bool {
    match row.handling {
        WsHandling::Forward | WsHandling::ForwardInSession => true,
        WsHandling::ListenKey | WsHandling::Logon | WsHandling::Logout | WsHandling::Status => false,
    }
}
