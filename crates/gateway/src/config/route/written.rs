//! One entry as it is written, and whether what it says fits together.

use countersign_core::{Access, Scope};

use super::super::reader::found;
use crate::routes::{Family, RouteKind, RouteSpec, RouteTarget, RouteWeight, binance_routes, dialect_routes, fix_routes, native_routes};

/// Longest name of a route: it is a metric label and part of each audit record.
const NAME_BYTES_MAX: usize = 64;

/// Longest method or operation name.
const MESSAGE_NAME_BYTES_MAX: usize = 64;

/// What an entry matches.
pub(super) enum Match {
    Builtin(Table),
    Target(RouteTarget),
}

/// One entry, each key understood on its own; what was wrong in itself is already told and missing here.
pub(super) struct Written {
    pub(super) name: Option<String>,
    pub(super) upstream: Option<usize>,
    pub(super) matched: Option<Match>,
    pub(super) kind: Option<RouteKind>,
    pub(super) family: Option<Family>,
    pub(super) scope: Option<Scope>,
    pub(super) public: bool,
    pub(super) weight: Option<u32>,
    pub(super) counts_as_order: Option<bool>,
}

pub(super) type Complaints = Vec<String>;

impl Written {
    /// The routes, if the keys fit together; what does not fit, else. No routes and no complaint when it was told before.
    pub(super) fn into_specs(mut self) -> Result<Vec<RouteSpec>, Complaints> {
        let (Some(matched), Some(upstream)) = (self.matched.take(), self.upstream) else { return Ok(Vec::new()) };
        match matched {
            Match::Builtin(table) => self.builtin(table, upstream),
            Match::Target(target) => self.single(target, upstream).map(|spec| vec![spec]),
        }
    }

    fn builtin(self, table: Table, upstream: usize) -> Result<Vec<RouteSpec>, Complaints> {
        let more = self.kind.is_some() || self.family.is_some() || self.scope.is_some() || self.public;
        if more || self.weight.is_some() || self.counts_as_order.is_some() {
            return Err(vec!["a builtin table has only name and upstream besides: the rest is in the table".to_owned()]);
        }
        Ok(builtin_table(table, self.name, upstream))
    }

    fn single(self, target: RouteTarget, upstream: usize) -> Result<RouteSpec, Complaints> {
        let kind = self.kind.unwrap_or(RouteKind::Http);
        let mut complaints = Complaints::new();
        if self.name.is_none() {
            complaints.push("name is missing: it is needed for audit and metrics".to_owned());
        }
        complaints.extend(websocket_misfit(&target, kind).map(str::to_owned));
        let access = self.access(kind).map_err(|complaint| complaints.push(complaint.to_owned()));
        let family = self.family_for(&target, kind).map_err(|complaint| complaints.push(complaint));
        let (Some(name), Ok(access), Ok(family), true) = (self.name, access, family, complaints.is_empty()) else {
            return Err(complaints);
        };
        let (weight, orders) = (RouteWeight::Fixed(self.weight.unwrap_or(1)), u32::from(self.counts_as_order == Some(true)));
        Ok(RouteSpec { name, target, access, upstream, family, kind, weight, orders, yields: false })
    }

    fn access(&self, kind: RouteKind) -> Result<Access, &'static str> {
        let session = matches!(kind, RouteKind::BinanceWsApi | RouteKind::DialectSocket | RouteKind::NativeSession);
        match (&self.scope, self.public, session) {
            (Some(scope), false, false) => Ok(Access::Scoped(scope.clone())),
            (None, true, false) | (None, false, true) => Ok(Access::Public),
            (None, false, false) => Err("says neither scope nor public = true: a route is open only by an explicit word"),
            (Some(_), true, false) => Err("says both scope and public = true"),
            (Some(_), _, true) | (None, true, true) => {
                Err("a session of this kind has no scope of its own: the login is inside, and each message has its own route")
            }
        }
    }

    fn family_for(&self, target: &RouteTarget, kind: RouteKind) -> Result<Family, String> {
        match (self.family, natural_family(target, kind)) {
            (Some(family), Some(natural)) if family != natural => Err(format!("dialect can only be \"{}\" here", natural.name())),
            (family, natural) => Ok(family.or(natural).unwrap_or(Family::Any)),
        }
    }
}

/// The families of credentials by name.
pub(super) fn families() -> Vec<(&'static str, Family)> {
    Family::all().map(|family| (family.name(), family)).collect()
}

/// A built-in table: that of a family, or of the messages of all FIX sessions.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Fix,
    Of(Family),
}

/// Those that there are.
pub(super) fn builtins() -> Vec<(&'static str, Table)> {
    let has_table = |family: &Family| family.dialect().is_some_and(|dialect| !dialect.rest_routes().is_empty());
    let with_routes = families().into_iter().filter(|(_, family)| *family == Family::NATIVE || has_table(family));
    with_routes.map(|(name, family)| (name, Table::Of(family))).chain([("fix", Table::Fix)]).collect()
}

pub(super) fn builtin_table(table: Table, name: Option<String>, upstream: usize) -> Vec<RouteSpec> {
    let Table::Of(family) = table else { return fix_routes(name.as_deref().unwrap_or("fix"), upstream) };
    let name = name.unwrap_or_else(|| family.name().to_owned());
    match family {
        Family::BINANCE => binance_routes(&name, upstream),
        Family::NATIVE => native_routes(&name, upstream),
        Family::Any | Family::Of(_) => family.dialect().map_or_else(Vec::new, |dialect| dialect_routes(dialect, &name, upstream)),
    }
}

/// The family that a match allows, where it allows only one.
fn natural_family(target: &RouteTarget, kind: RouteKind) -> Option<Family> {
    match (target, kind) {
        (RouteTarget::NativeOp(_), _) | (_, RouteKind::NativeSession) => Some(Family::NATIVE),
        (RouteTarget::WsMethod(_), _) | (_, RouteKind::BinanceWsApi) => Some(Family::BINANCE),
        (RouteTarget::DialectMessage(purpose, _), _) => Some(Family::Of(*purpose)),
        (RouteTarget::FixMessage(_), _) => Some(Family::Any),
        (
            RouteTarget::Http { .. },
            RouteKind::DialectSocket | RouteKind::Halt | RouteKind::Http | RouteKind::InBody | RouteKind::Local | RouteKind::WebSocketRelay,
        ) => None,
    }
}

/// Why a route of this target cannot be a WebSocket of this kind.
fn websocket_misfit(target: &RouteTarget, kind: RouteKind) -> Option<&'static str> {
    match (kind, target) {
        (RouteKind::Http, _) => None,
        (_, RouteTarget::Http { methods, .. }) => (*methods != ["GET"]).then_some("a WebSocket is opened by GET alone"),
        (_, RouteTarget::DialectMessage(..) | RouteTarget::FixMessage(_) | RouteTarget::NativeOp(_) | RouteTarget::WsMethod(_)) => {
            Some("websocket belongs to a route with path")
        }
    }
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let fine = !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() && byte != b'"');
    if fine { Ok(text.to_owned()) } else { Err(format!("a name has 1 to {NAME_BYTES_MAX} visible ASCII characters without \"")) }
}

pub(super) fn parse_message_name(text: &str) -> Result<String, String> {
    let fine = !text.is_empty()
        && text.len() <= MESSAGE_NAME_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fine { Ok(text.to_owned()) } else { Err(format!("expected a-z A-Z 0-9 . _ -, at most {MESSAGE_NAME_BYTES_MAX} of them")) }
}

/// Methods that make sense behind a gateway: CONNECT would be a tunnel, TRACE would echo our own headers.
pub(super) fn parse_method(text: &str) -> Result<String, String> {
    match text {
        "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PATCH" | "POST" | "PUT" => Ok(text.to_owned()),
        _ => Err(format!("expected DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT, {}", found(text))),
    }
}
