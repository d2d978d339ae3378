//! A route as it is declared, before it is part of a table.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use countersign_core::{Access, Effect, Purpose, Requirement, Risk};
use countersign_dialects::effect;
use countersign_dialects::risk::{self, InstrumentPlace, Target};
use countersign_dialects::weight::Found;

use super::path::PathPattern;
use super::{Family, ROUTES_MAX, Route, RouteKind, RouteWeight};

/// What a route matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// Messages of one kind on WebSockets of a dialect.
    DialectMessage(Purpose, String),
    /// Messages of one MsgType on FIX sessions; `A` is the Logon itself.
    FixMessage(String),
    /// HTTP requests, WebSocket upgrades among them.
    Http {
        /// Methods, upper case.
        methods: Vec<String>,
        /// Path.
        path: PathPattern,
    },
    /// Messages of one operation on native sessions.
    NativeOp(String),
    /// Messages of one method on Binance WebSocket API connections.
    WsMethod(String),
}

impl RouteTarget {
    pub(super) fn methods(&self) -> &[String] {
        match self {
            Self::Http { methods, .. } => methods,
            Self::DialectMessage(..) | Self::FixMessage(_) | Self::NativeOp(_) | Self::WsMethod(_) => &[],
        }
    }

    pub(super) fn has_method(&self, method: &str) -> bool {
        self.methods().iter().any(|own| own == method)
    }

    /// Whether it is the one of this method and path, as a table writes it.
    pub(crate) fn is_at(&self, method: &str, text: &str) -> bool {
        self.has_method(method) && matches!(self, Self::Http { path, .. } if path.as_str() == text)
    }

    pub(super) fn matches_path(&self, received: &str) -> bool {
        matches!(self, Self::Http { path, .. } if path.matches(received))
    }

    /// Whether some request or message would have both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http { methods, path }, Self::Http { path: other_path, .. }) => {
                // An exact path goes before a pattern: the two do not compete.
                let same_kind = path.is_exact() == other_path.is_exact();
                same_kind && methods.iter().any(|method| other.has_method(method)) && path.overlaps(other_path)
            }
            (Self::FixMessage(one), Self::FixMessage(two))
            | (Self::NativeOp(one), Self::NativeOp(two))
            | (Self::WsMethod(one), Self::WsMethod(two)) => one == two,
            (Self::DialectMessage(one, name), Self::DialectMessage(two, other)) => one == two && name == other,
            (Self::DialectMessage(..) | Self::FixMessage(_) | Self::Http { .. } | Self::NativeOp(_) | Self::WsMethod(_), _) => false,
        }
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { methods, path } => write!(f, "{} {path}", methods.join("|")),
            Self::DialectMessage(purpose, name) => write!(f, "{purpose} message {name}"),
            Self::FixMessage(msg_type) => write!(f, "FIX {msg_type}"),
            Self::NativeOp(op) => write!(f, "native op {op}"),
            Self::WsMethod(method) => write!(f, "ws method {method}"),
        }
    }
}

/// A declared route.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// Its name, unique in the table.
    pub name: String,
    /// What it matches.
    pub target: RouteTarget,
    /// Who may use it.
    pub access: Access,
    /// Index into `Settings::upstreams`.
    pub upstream: usize,
    /// Whose credentials.
    pub family: Family,
    /// What is done.
    pub kind: RouteKind,
    /// Request weight charged to the key.
    pub weight: RouteWeight,
    /// How many orders it is charged as.
    pub orders: u32,
    /// Whether it gives way where another route of the table matches the same: what it serves is at a path of its own, too.
    pub yields: bool,
}

impl RouteSpec {
    /// What a request can do to a position, and whether its signed bytes may tell less.
    fn risk(&self) -> (Risk, bool) {
        let (purpose, scope) = (self.purpose(), self.scope());
        let of = |target| (risk::of_route(purpose, target, scope), risk::is_refined(purpose, target));
        match (&self.target, self.kind) {
            // Whoever stops is never stopped.
            (_, RouteKind::Halt) => (Risk::Read, false),
            // Orders over FIX are what their scope is, and cancels are told by their type.
            (RouteTarget::FixMessage(msg_type), _) => (risk::of_fix(msg_type, scope), false),
            (RouteTarget::DialectMessage(_, name) | RouteTarget::NativeOp(name) | RouteTarget::WsMethod(name), _) => {
                of(Target::Message(name))
            }
            // A route for several methods is what the worst of them is.
            (RouteTarget::Http { methods, path }, _) => methods
                .iter()
                .map(|method| of(Target::Http(method, path.as_str())))
                .max_by_key(|(risk, _)| *risk)
                .unwrap_or((Risk::Increase, false)),
        }
    }

    /// Where its requests name their instrument. A route for several methods tells it only where all of them do, in one place.
    fn instrument(&self) -> Option<InstrumentPlace> {
        let of = |target| risk::instrument_place(self.purpose(), target);
        match &self.target {
            RouteTarget::FixMessage(_) => None,
            RouteTarget::DialectMessage(_, name) | RouteTarget::NativeOp(name) | RouteTarget::WsMethod(name) => of(Target::Message(name)),
            RouteTarget::Http { methods, path } => {
                let places = methods.iter().map(|method| of(Target::Http(method, path.as_str())));
                places.reduce(|one, two| if one == two { one } else { None }).flatten()
            }
        }
    }

    /// Whether acting on a request twice does harm. A route for several methods is what the worst of them is.
    fn effect(&self, purpose: Option<Purpose>, scope: Option<&str>) -> Effect {
        let of = |target| effect::of_route(purpose, target, scope);
        match (&self.target, self.kind) {
            // Stopping twice is stopping.
            (_, RouteKind::Halt) => Effect::Cancel,
            // It may hand out a token.
            (_, RouteKind::Local) => Effect::Write,
            // Another route is asked.
            (_, RouteKind::InBody) => Effect::Write,
            (RouteTarget::FixMessage(msg_type), _) => match risk::of_fix(msg_type, scope) {
                Risk::Cancel => Effect::Cancel,
                Risk::Read => Effect::Read,
                Risk::Increase | Risk::Reduce => Effect::Write,
            },
            (RouteTarget::DialectMessage(_, name) | RouteTarget::NativeOp(name) | RouteTarget::WsMethod(name), _) => {
                of(Target::Message(name))
            }
            (RouteTarget::Http { methods, path }, _) => {
                let effects = methods.iter().map(|method| of(Target::Http(method, path.as_str())));
                effects.reduce(|one, two| if one == two { one } else { Effect::Write }).unwrap_or(Effect::Write)
            }
        }
    }

    fn purpose(&self) -> Option<Purpose> {
        match self.family {
            Family::Any => None,
            Family::Of(purpose) => Some(purpose),
        }
    }

    fn scope(&self) -> Option<&str> {
        match &self.access {
            Access::Public => None,
            Access::Scoped(scope) => Some(scope.as_str()),
        }
    }

    /// The route of a table with nothing else in it, of this risk.
    #[cfg(test)]
    pub(crate) fn into_route_of_risk(self, risk: Risk) -> Route {
        Route { risk, ..self.into_route(0) }
    }

    pub(super) fn into_route(self, index: usize) -> Route {
        let (risk, is_refined) = self.risk();
        let instrument = self.instrument();
        let effect = self.effect(self.purpose(), self.scope());
        let name: Arc<str> = self.name.into();
        Route {
            index,
            requirement: Requirement { route: Arc::clone(&name), access: self.access, upstream: self.upstream },
            name,
            upstream: self.upstream,
            family: self.family,
            kind: self.kind,
            weight: self.weight.of(|_| Found::Absent),
            counts_as_order: self.orders > 0,
            orders: self.orders,
            weight_rule: self.weight,
            risk,
            is_refined,
            instrument,
            effect,
            target: self.target,
        }
    }
}

/// Why routes cannot be in one table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteConflict {
    /// Two routes with one name.
    #[error("there are two routes named \"{0}\"")]
    Name(String),
    /// Two routes that could match the same request.
    #[error("routes \"{first}\" ({first_target}) and \"{second}\" ({second_target}) match the same request")]
    Overlap {
        /// The earlier one.
        first: String,
        /// What it matches.
        first_target: String,
        /// The later one.
        second: String,
        /// What it matches.
        second_target: String,
    },
    /// More than [`ROUTES_MAX`].
    #[error("there are {0} routes; the most is {ROUTES_MAX}")]
    TooMany(usize),
}

impl RouteConflict {
    /// The route to look at: the later one of a pair.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Overlap { second, .. } => Some(second),
            Self::TooMany(_) => None,
        }
    }
}

/// Finds all conflicts. Compares every pair: at most half a million, once per load.
pub(super) fn check(specs: &[RouteSpec]) -> Result<(), Vec<RouteConflict>> {
    if specs.len() > ROUTES_MAX {
        return Err(vec![RouteConflict::TooMany(specs.len())]);
    }
    let mut conflicts = Vec::new();
    let mut names = HashMap::new();
    for (index, second) in specs.iter().enumerate() {
        if names.insert(&second.name, ()).is_some() {
            conflicts.push(RouteConflict::Name(second.name.clone()));
        }
        let overlapping = specs[..index].iter().filter(|first| first.target.overlaps(&second.target));
        conflicts.extend(overlapping.map(|first| RouteConflict::Overlap {
            first: first.name.clone(),
            first_target: first.target.to_string(),
            second: second.name.clone(),
            second_target: second.target.to_string(),
        }));
    }
    if conflicts.is_empty() { Ok(()) } else { Err(conflicts) }
}
