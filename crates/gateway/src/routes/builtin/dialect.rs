//! A dialect's own tables as routes: endpoints, WebSockets, messages.

use countersign_core::Access;
use countersign_dialects::Dialect;
use countersign_dialects::routes::{Handling, MessageRoute, RestRoute, SocketKind, SocketRoute};

use super::{http, scoped};
use crate::routes::{Family, RouteKind, RouteSpec, RouteTarget, RouteWeight};

/// The table of a dialect; `prefix` starts the name of each route.
#[must_use]
pub fn dialect_routes(dialect: &'static dyn Dialect, prefix: &str, upstream: usize) -> Vec<RouteSpec> {
    let family = Family::Of(dialect.purpose());
    let table = Table { prefix, family, upstream };
    let sockets = dialect.socket_routes().iter().map(|row| table.socket(row));
    let requests = dialect.rest_routes().iter().map(|row| table.request(row));
    let messages = dialect.message_routes().iter().map(|row| table.message(dialect, row));
    sockets.chain(requests).chain(messages).collect()
}

struct Table<'t> {
    prefix: &'t str,
    family: Family,
    upstream: usize,
}

impl Table<'_> {
    fn socket(&self, row: &SocketRoute) -> RouteSpec {
        RouteSpec {
            name: format!("{} ws {}", self.prefix, row.path),
            target: http("GET", row.path),
            access: match row.kind {
                // The login happens inside; each message has a route of its own.
                SocketKind::Dialect | SocketKind::Relay => Access::Public,
                SocketKind::SignedRelay(scope) => scoped(scope),
            },
            upstream: self.upstream,
            family: self.family,
            kind: match row.kind {
                SocketKind::Dialect => RouteKind::DialectSocket,
                SocketKind::Relay | SocketKind::SignedRelay(_) => RouteKind::WebSocketRelay,
            },
            weight: RouteWeight::Fixed(1),
            orders: 0,
            yields: row.yields,
        }
    }

    fn request(&self, row: &RestRoute) -> RouteSpec {
        RouteSpec {
            name: format!("{} {} {}", self.prefix, row.method, row.path),
            target: http(row.method, row.path),
            access: row.scope.map_or(Access::Public, scoped),
            upstream: self.upstream,
            family: self.family,
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

    fn message(&self, dialect: &dyn Dialect, row: &MessageRoute) -> RouteSpec {
        RouteSpec {
            name: format!("{} message {}", self.prefix, row.name),
            target: RouteTarget::DialectMessage(dialect.purpose(), row.name.to_owned()),
            access: row.scope.map_or(Access::Public, scoped),
            upstream: self.upstream,
            family: self.family,
            kind: RouteKind::Http,
            weight: RouteWeight::Fixed(row.weight),
            orders: row.orders,
            yields: false,
        }
    }
}
