//! What the route table of a dialect says: endpoints, sockets, messages.
//!
//! Scopes of venues map to ours: trading is `order:write`; reading orders and fills `order:read`; balances, positions and key
//! information `account:read`; moving funds out `funds:withdraw`. Endpoints that move funds in other ways, or change keys and
//! sub-accounts, are in no table: what is not in a table has no route.

use countersign_core::{Effect, Purpose};

use crate::dialect::Security;
use crate::effect;
use crate::risk::Target;
use crate::weight::Found;
pub use crate::weight::Weight;

/// Who answers a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// The venue behind the gateway.
    #[default]
    Forward,
    /// Whoever answers the endpoint that the body names, which [`Dialect::named_in_body`](crate::Dialect::named_in_body) reads. It asks
    /// for what that endpoint asks for.
    InBody,
    /// The gateway itself, by [`Dialect::answer`](crate::Dialect::answer): what is about the login, not about the market.
    Local,
}

/// One REST endpoint.
#[derive(Clone, Copy, Debug)]
pub struct RestRoute {
    /// The HTTP method.
    pub method: &'static str,
    /// The path: exact, or with whole segments `{name}`, or `/*` at the end.
    pub path: &'static str,
    /// What a request must carry.
    pub security: Security,
    /// What the key must be allowed; `None` for anybody.
    pub scope: Option<&'static str>,
    /// What a request weighs.
    pub weight: Weight,
    /// How many orders it adds to the order count.
    pub orders: u32,
    /// Who answers.
    pub handling: Handling,
}

impl RestRoute {
    /// A public endpoint.
    #[must_use]
    pub const fn public(method: &'static str, path: &'static str) -> Self {
        Self { method, path, security: Security::None, scope: None, weight: Weight::Fixed(1), orders: 0, handling: Handling::Forward }
    }

    /// A signed endpoint that needs a scope.
    #[must_use]
    pub const fn signed(method: &'static str, path: &'static str, scope: &'static str) -> Self {
        Self { security: Security::Signed, scope: Some(scope), ..Self::public(method, path) }
    }

    /// A signed endpoint that places or changes so many orders.
    #[must_use]
    pub const fn trade(method: &'static str, path: &'static str, orders: u32) -> Self {
        Self { orders, ..Self::signed(method, path, countersign_core::Scope::ORDER_WRITE) }
    }

    /// The same endpoint, answered by the gateway itself.
    #[must_use]
    pub const fn local(self) -> Self {
        Self { handling: Handling::Local, ..self }
    }

    /// An endpoint that stands for those which bodies name.
    #[must_use]
    pub const fn in_body(method: &'static str, path: &'static str) -> Self {
        Self { handling: Handling::InBody, ..Self::public(method, path) }
    }

    /// The same endpoint with another weight.
    #[must_use]
    pub const fn weighing(self, weight: u32) -> Self {
        Self { weight: Weight::Fixed(weight), ..self }
    }

    /// The weight of a request with this raw query.
    #[must_use]
    pub fn weight_of(&self, query: &[u8]) -> u32 {
        self.weight.of(|name| Found::in_query(query, name))
    }

    /// Whether acting on a request twice does harm, at this venue: see [`crate::effect`].
    #[must_use]
    pub fn effect(&self, purpose: Purpose) -> Effect {
        match self.handling {
            Handling::Forward => effect::of_route(Some(purpose), Target::Http(self.method, self.path), self.scope),
            Handling::InBody | Handling::Local => Effect::Write,
        }
    }

    /// Whether a path as received is one of this endpoint's.
    #[must_use]
    pub fn matches(&self, method: &str, path: &[u8]) -> bool {
        self.method == method && path_matches(self.path, path)
    }
}

pub(crate) fn path_matches(pattern: &str, path: &[u8]) -> bool {
    let mut received = path.split(|byte| *byte == b'/');
    for segment in pattern.split('/') {
        if segment == "*" {
            return received.next().is_some();
        }
        let Some(text) = received.next() else { return false };
        let any = segment.starts_with('{') && segment.ends_with('}');
        let matches = if any { !text.is_empty() } else { segment.as_bytes() == text };
        if !matches {
            return false;
        }
    }
    received.next().is_none()
}

/// A WebSocket of the venue.
#[derive(Clone, Copy, Debug)]
pub struct SocketRoute {
    /// The path of its handshake; as for [`RestRoute::path`].
    pub path: &'static str,
    /// What is done with it.
    pub kind: SocketKind,
    /// Whether it gives way where another table has the same path: the dialect has this socket at a path of its own, too.
    pub yields: bool,
}

/// What is done with a WebSocket of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Each frame goes through [`Dialect::open_socket`](crate::Dialect::open_socket): logins happen inside.
    Dialect,
    /// Public data only: frames are passed on unread, without identity.
    Relay,
    /// The headers of the handshake prove who it is, and that key needs this scope; frames are passed on unread, under its identity.
    SignedRelay(&'static str),
}

/// A kind of message on a WebSocket of the venue, as [`crate::socket::Forward::message`] names it.
#[derive(Clone, Copy, Debug)]
pub struct MessageRoute {
    /// Its name, unique in the dialect.
    pub name: &'static str,
    /// What the key must be allowed; `None` for anybody.
    pub scope: Option<&'static str>,
    /// What a message weighs.
    pub weight: u32,
    /// How many orders it adds to the order count.
    pub orders: u32,
}

impl MessageRoute {
    /// A public message.
    #[must_use]
    pub const fn public(name: &'static str) -> Self {
        Self { name, scope: None, weight: 1, orders: 0 }
    }

    /// Whether it is about orders of one's own.
    #[must_use]
    pub fn orders_or_cancels(&self) -> bool {
        self.scope == Some(countersign_core::Scope::ORDER_WRITE)
    }

    /// A message that needs a scope.
    #[must_use]
    pub const fn scoped(name: &'static str, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..Self::public(name) }
    }

    /// A message that places or changes so many orders.
    #[must_use]
    pub const fn trade(name: &'static str, orders: u32) -> Self {
        Self { orders, ..Self::scoped(name, countersign_core::Scope::ORDER_WRITE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_whole_segments() {
        for (pattern, path, matched) in [
            ("/v5/order/create", "/v5/order/create", true),
            ("/v5/order/create", "/v5/order/creat", false),
            ("/v5/order", "/v5/order/create", false),
            ("/spot/orders/{id}", "/spot/orders/1", true),
            ("/spot/orders/{id}", "/spot/orders/", false),
            ("/spot/orders/{id}", "/spot/orders/1/2", false),
            ("/ws/*", "/ws/a/b", true),
            ("/ws/*", "/ws", false),
        ] {
            assert_eq!(path_matches(pattern, path.as_bytes()), matched, "{pattern} {path}");
        }
    }

    #[test]
    fn a_get_that_trades_is_a_write() {
        let effect = |row: RestRoute| row.effect(Purpose::Deribit);
        assert_eq!(effect(RestRoute::trade("GET", "/private/buy", 1)), Effect::Write);
        assert_eq!(effect(RestRoute::signed("GET", "/orders", "order:read")), Effect::Read);
        assert_eq!(effect(RestRoute::signed("POST", "/balances", "account:read")), Effect::Cancel, "once, but never in the way");
        assert_eq!(effect(RestRoute::signed("POST", "/token", "account:read").local()), Effect::Write);
    }
}
