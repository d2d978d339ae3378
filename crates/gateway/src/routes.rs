//! Routes: nothing is forwarded without one.
//!
//! What is here: the route table, the matching of paths, methods and message names, and the built-in tables. What is not:
//! authentication (a route only says what it demands) and forwarding.
//!
//! ```text
//!   GET /api/v3/order ──find_http──▶ Route ─ requirement ─▶ core::authorize ─▶ Permit
//!   "order.place"  ──find_ws_method─┤        (scope | public)
//!   "order.place"  ──find_native_op─┘
//! ```
//!
//! # Security
//! A path is compared exactly as received, byte for byte, and never decoded or normalised. Whatever the upstream would make of
//! `/api/v3/%6frder`, `/a/../b` or `//a`, here it is another path than the one in the table, and a pattern never matches it: the
//! answer is 404. So the gateway and the upstream can never disagree about which route a request took.
//!
//! Two routes never match the same request: an overlap is an error of the configuration, so no order of evaluation has to be
//! known to read a configuration. One rule is allowed: an exact path goes before a pattern that has it too
//! (`/ws/v1` before `/ws/*`).

mod builtin;
mod neighbours;
mod path;
mod spec;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use countersign_core::{Effect, Purpose, Requirement, Risk};
use countersign_dialects::risk::InstrumentPlace;
use countersign_dialects::routes::Weight;
use countersign_dialects::weight::Found;
use countersign_dialects::{Dialect, Headers, of_purpose};

use neighbours::Neighbours;

pub use builtin::{binance_routes, dialect_routes, fix_routes, native_routes};
pub use path::{PathError, PathPattern};
pub use spec::{RouteConflict, RouteSpec, RouteTarget};

/// Most routes in one table: all built-in tables have about 1000 together. Each route has its own metric series.
pub const ROUTES_MAX: usize = 2_048;

/// Which family of credentials may use a route, and in whose words it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Any verified identity; refusals are plain.
    Any,
    /// Credentials of one purpose; refusals in the words of its dialect, plain where it has none.
    Of(Purpose),
}

impl Family {
    /// Access tokens of issuers outside.
    pub const BEARER: Self = Self::Of(Purpose::Bearer);
    /// Signed as at Binance; refusals as at Binance.
    pub const BINANCE: Self = Self::Of(Purpose::Binance);
    /// A client certificate of mutual TLS.
    pub const CLIENT_CERTIFICATE: Self = Self::Of(Purpose::ClientCertificate);
    /// The native handshake.
    pub const NATIVE: Self = Self::Of(Purpose::Native);

    /// How many there are.
    pub const COUNT: usize = Purpose::ALL.len() + 1;

    /// All of them, in the order they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        Purpose::ALL.iter().copied().map(Self::Of).chain([Self::Any])
    }

    /// The name in configuration and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Of(purpose) => purpose.name(),
        }
    }

    /// Reads a name as [`Self::name`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|family| family.name() == name)
    }

    /// Position in [`Self::all`], for tables by family.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Any => Purpose::ALL.len(),
            Self::Of(purpose) => purpose.index(),
        }
    }

    /// The dialect whose credentials these are.
    #[must_use]
    pub fn dialect(self) -> Option<&'static dyn Dialect> {
        match self {
            Self::Any => None,
            Self::Of(purpose) => of_purpose(purpose),
        }
    }
}

/// What is done with a request on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// A WebSocket that speaks the Binance WebSocket API: each message has its own route, found by its method.
    BinanceWsApi,
    /// A WebSocket of another dialect: each message has its own route, found by the kind that the dialect names.
    DialectSocket,
    /// A client stops what is its own ([`crate::halts::own`]).
    Halt,
    /// An HTTP request, or a message on one of the two session kinds.
    Http,
    /// An HTTP request that is for another route, which its body names; the dialect reads it.
    InBody,
    /// An HTTP request that the gateway answers itself, through the dialect: what is about the login, not about the market.
    Local,
    /// A native session: each message has its own route, found by its operation.
    NativeSession,
    /// A WebSocket whose frames are passed on unread.
    WebSocketRelay,
}

impl RouteKind {
    /// The name in `config show`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BinanceWsApi => "binance-ws-api",
            Self::DialectSocket => "dialect",
            Self::Halt => "halt",
            Self::Http => "http",
            Self::InBody => "in-body",
            Self::Local => "local",
            Self::NativeSession => "native",
            Self::WebSocketRelay => "relay",
        }
    }
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Position in [`Routes::all`]: metrics and counters are arrays over it.
    pub index: usize,
    /// Its name, for audit and metrics.
    pub name: Arc<str>,
    /// What it demands. On the two session kinds this is [`Access::Public`](countersign_core::Access::Public): the upgrade is
    /// open to everybody because the login happens inside, and every message then has a route of its own.
    pub requirement: Requirement,
    /// Index into `Settings::upstreams`.
    pub upstream: usize,
    /// Whose credentials.
    pub family: Family,
    /// What is done.
    pub kind: RouteKind,
    /// Request weight charged to the key, for a request without parameters; see [`Route::weight_of_query`].
    pub weight: u32,
    /// Whether it is charged as an order too.
    pub counts_as_order: bool,
    /// How many orders it is charged as: an order list counts each of its legs.
    pub orders: u32,
    /// What a request can do to a position: what halts ask.
    pub risk: Risk,
    /// Whether its signed bytes may tell less.
    pub is_refined: bool,
    /// Where its signed bytes name the instrument; `None` where they may be about any.
    pub instrument: Option<InstrumentPlace>,
    /// Whether acting on a request twice does harm.
    pub effect: Effect,
    /// What it matches.
    pub target: RouteTarget,
    weight_rule: RouteWeight,
}

impl Route {
    /// The weight of one request; `parameter` finds a parameter.
    pub fn weight_of<'p>(&self, parameter: impl Fn(&str) -> Found<'p>) -> u32 {
        self.weight_rule.of(parameter)
    }

    /// The weight of one HTTP request by its raw query, without the question mark.
    #[must_use]
    pub fn weight_of_query(&self, query: &[u8]) -> u32 {
        self.weight_of(|name| Found::in_query(query, name))
    }
}

/// What a request weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteWeight {
    /// By the venue's rule, which may look at parameters.
    Venue(Weight),
    /// Always the same.
    Fixed(u32),
}

impl RouteWeight {
    fn of<'p>(self, parameter: impl Fn(&str) -> Found<'p>) -> u32 {
        match self {
            Self::Venue(weight) => weight.of(parameter),
            Self::Fixed(weight) => weight,
        }
    }
}

/// The answer for one HTTP request.
#[derive(Clone, Copy, Debug)]
pub enum RouteMatch<'r> {
    /// This route.
    Found(&'r Arc<Route>),
    /// The path has routes, but none for this method (405; see [`Routes::allowed_methods`]).
    MethodNotAllowed,
    /// No route (404).
    NotFound,
}

/// The route table. Immutable: a reload makes another one.
#[derive(Default)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    exact: HashMap<Box<str>, Vec<Arc<Route>>>,
    patterns: Vec<Arc<Route>>,
    ws_methods: HashMap<Box<str>, Arc<Route>>,
    native_ops: HashMap<Box<str>, Arc<Route>>,
    dialect_messages: HashMap<(Purpose, Box<str>), Arc<Route>>,
    fix_messages: HashMap<Box<str>, Arc<Route>>,
    neighbours: Neighbours,
}

impl Routes {
    /// Builds the table.
    ///
    /// # Errors
    /// Every pair of routes that have the same name or could match the same request; too many routes.
    pub fn new(specs: Vec<RouteSpec>) -> Result<Self, Vec<RouteConflict>> {
        spec::check(&specs)?;
        let mut routes = Self::default();
        for (index, spec) in specs.into_iter().enumerate() {
            routes.add(Arc::new(spec.into_route(index)));
        }
        Ok(routes)
    }

    fn add(&mut self, route: Arc<Route>) {
        self.neighbours.add(&route);
        match &route.target {
            RouteTarget::Http { path, .. } if path.is_exact() => {
                self.exact.entry(path.as_str().into()).or_default().push(Arc::clone(&route));
            }
            RouteTarget::Http { .. } => self.patterns.push(Arc::clone(&route)),
            RouteTarget::DialectMessage(purpose, name) => {
                self.dialect_messages.insert((*purpose, name.as_str().into()), Arc::clone(&route));
            }
            RouteTarget::FixMessage(msg_type) => {
                self.fix_messages.insert(msg_type.as_str().into(), Arc::clone(&route));
            }
            RouteTarget::NativeOp(op) => {
                self.native_ops.insert(op.as_str().into(), Arc::clone(&route));
            }
            RouteTarget::WsMethod(method) => {
                self.ws_methods.insert(method.as_str().into(), Arc::clone(&route));
            }
        }
        self.all.push(route);
    }

    /// The route of an HTTP request. `path` is the path part of the request target exactly as received, without the query.
    #[must_use]
    pub fn find_http(&self, method: &str, path: &str) -> RouteMatch<'_> {
        let mut path_known = false;
        for route in self.on_path(path) {
            if route.target.has_method(method) {
                return RouteMatch::Found(route);
            }
            path_known = true;
        }
        if path_known { RouteMatch::MethodNotAllowed } else { RouteMatch::NotFound }
    }

    /// In whose words a request without a route is refused: the family whose headers it has, or else the one that all routes of its
    /// neighbourhood share.
    #[must_use]
    pub fn family_near(&self, path: &str, headers: &dyn Headers) -> Family {
        self.neighbours.family(path, headers)
    }

    /// The only family that recognizes these headers, `Authorization` apart, and has a route here.
    #[must_use]
    pub fn family_of(&self, headers: &dyn Headers) -> Option<Family> {
        self.neighbours.recognized(headers)
    }

    /// The methods that have a route on this path, for the `Allow` header of a 405 (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn allowed_methods(&self, path: &str) -> Vec<&str> {
        let mut methods: Vec<&str> = self.on_path(path).flat_map(|route| route.target.methods()).map(String::as_str).collect();
        methods.sort_unstable();
        methods
    }

    fn on_path(&self, path: &str) -> impl Iterator<Item = &Arc<Route>> {
        let exact = self.exact.get(path).map_or(&[][..], Vec::as_slice);
        let patterns = if path::is_plain(path) { self.patterns.as_slice() } else { &[] };
        exact.iter().chain(patterns.iter().filter(move |route| route.target.matches_path(path)))
    }

    /// The route of a message on a Binance WebSocket API connection.
    #[must_use]
    pub fn find_ws_method(&self, method: &str) -> Option<&Arc<Route>> {
        self.ws_methods.get(method)
    }

    /// The route of a message on a native session.
    #[must_use]
    pub fn find_native_op(&self, op: &str) -> Option<&Arc<Route>> {
        self.native_ops.get(op)
    }

    /// The routes of messages on a native session.
    pub fn native_ops(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.native_ops.values()
    }

    /// The route of a message on a WebSocket of a dialect.
    #[must_use]
    pub fn find_dialect_message(&self, purpose: Purpose, name: &str) -> Option<&Arc<Route>> {
        self.dialect_messages.get(&(purpose, Box::from(name)))
    }

    /// The route of a FIX message, by its MsgType.
    #[must_use]
    pub fn find_fix_message(&self, msg_type: &str) -> Option<&Arc<Route>> {
        self.fix_messages.get(msg_type)
    }

    /// All routes, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Arc<Route>] {
        &self.all
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|route| &route.name)).finish()
    }
}

#[cfg(test)]
mod tests;
