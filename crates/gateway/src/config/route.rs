//! `[[route]]`: what may be forwarded, read and checked for contradictions.
//!
//! One entry is exactly one of: a built-in table (`builtin`), HTTP requests (`path`), messages on Binance WebSocket API
//! connections (`ws_method`), messages on native sessions (`native_op`), FIX messages
//! (`fix_message`). It says exactly one of `scope` and `public = true`,
//! except a WebSocket that carries messages with routes of their own, which says neither.

mod written;

use std::collections::HashMap;

use countersign_core::{Access, Purpose, Scope};
use countersign_dialects::registry::ALL;

use self::written::{Match, Table, Written, builtins, families, parse_message_name, parse_method, parse_name};
use super::raw::{Origin, RawRoute};
use super::reader::{Reader, Report, boolean, choice, count, list, text};
use super::settings::Upstream;
use crate::routes::{
    Family, PathPattern, RouteConflict, RouteKind, RouteSpec, RouteTarget, Routes, binance_routes, dialect_routes, fix_routes,
    native_routes,
};

const ABOUT: &str = "What may be forwarded: match, upstream, demand, credentials.";
/// Heaviest request: the whole minute of a key with the venue's default limit.
const WEIGHT_MAX: u32 = 6_000;

/// Conflicts told per route.
const CONFLICTS_TOLD: usize = 3;

/// Which families of credentials are switched on.
#[derive(Clone, Copy)]
pub(super) struct Families {
    pub(super) native: bool,
    pub(super) binance: bool,
    pub(super) fix: bool,
}

/// Reads all routes; both built-in tables if there is none. `None` when the report has errors about routes.
pub(super) fn read(raw: Vec<RawRoute>, upstreams: &[Upstream], families: Families, report: &mut Report) -> Option<Routes> {
    let errors_before = report.errors.len();
    let mut origins = HashMap::new();
    let mut specs = Vec::new();
    if raw.is_empty() {
        specs = default_routes(upstreams, families, report);
    }
    for (index, route) in raw.into_iter().enumerate() {
        let line = route.line;
        for spec in (RouteReader { upstreams, families }).read(route, index, report) {
            origins.entry(spec.name.clone()).or_insert(Origin::File { line });
            specs.push(spec);
        }
    }
    if report.errors.len() > errors_before {
        return None;
    }
    let specs = without_yielding(specs);
    show(&specs, &origins, upstreams, report);
    match Routes::new(specs) {
        Ok(routes) => Some(routes),
        Err(conflicts) => {
            tell_conflicts(&conflicts, &origins, report);
            None
        }
    }
}

/// Tells the first conflicts of each route: a pattern over a built-in table has dozens.
fn tell_conflicts(conflicts: &[RouteConflict], origins: &HashMap<String, Origin>, report: &mut Report) {
    for of_one_route in conflicts.chunk_by(|one, two| one.route() == two.route()) {
        let origin = of_one_route[0].route().and_then(|name| origins.get(name)).cloned().unwrap_or(Origin::Default);
        for conflict in of_one_route.iter().take(CONFLICTS_TOLD) {
            report.problem(&origin, "route", conflict.to_string());
        }
        if of_one_route.len() > CONFLICTS_TOLD {
            report.problem(&origin, "route", format!("… and {} more like this", of_one_route.len() - CONFLICTS_TOLD));
        }
    }
}

fn default_routes(upstreams: &[Upstream], families: Families, report: &mut Report) -> Vec<RouteSpec> {
    if upstreams.len() > 1 {
        report.problem(
            &Origin::Default,
            "route",
            "there are several upstreams, so each needs its own [[route]]: nothing is forwarded by guess",
        );
        return Vec::new();
    }
    let native = families.native.then(|| native_routes("native", 0));
    let binance = families.binance.then(|| binance_routes("binance", 0));
    let others =
        ALL.iter().filter(|dialect| dialect.purpose() != Purpose::Binance).map(|dialect| dialect_routes(*dialect, dialect.name(), 0));
    let fix = families.fix.then(|| fix_routes("fix", 0));
    without_overlaps(without_yielding(native.into_iter().chain(binance).chain(others).chain(fix).flatten().collect()))
}

/// All dialects on one port: a few venues have the same path (`/` for WebSockets, `/v2/ticker/{symbol}`). There the first
/// table keeps it; whoever wants the other one writes its own `[[route]]`.
fn without_overlaps(specs: Vec<RouteSpec>) -> Vec<RouteSpec> {
    let mut kept: Vec<RouteSpec> = Vec::new();
    for spec in specs {
        if !kept.iter().any(|other| other.target.overlaps(&spec.target)) {
            kept.push(spec);
        }
    }
    kept
}

/// What a built-in table has at a path of its own, too, gives way to any other route that matches the same; so does Binance's `/ws` to
/// Hyperliquid's, which takes frames of both.
fn without_yielding(specs: Vec<RouteSpec>) -> Vec<RouteSpec> {
    let is_taken = |spec: &RouteSpec| specs.iter().any(|other| !other.yields && other.target.overlaps(&spec.target));
    let stays: Vec<bool> = specs.iter().map(|spec| !spec.yields || !is_taken(spec)).collect();
    specs.into_iter().zip(stays).filter_map(|(spec, stays)| stays.then_some(spec)).collect()
}

fn show(specs: &[RouteSpec], origins: &HashMap<String, Origin>, upstreams: &[Upstream], report: &mut Report) {
    for spec in specs {
        let access = match &spec.access {
            Access::Public => "public",
            Access::Scoped(scope) => scope.as_str(),
        };
        let value =
            format!("{} -> {} ({access}, {}, {})", spec.target, upstreams[spec.upstream].name, spec.family.name(), spec.kind.name());
        let origin = origins.get(&spec.name).cloned().unwrap_or(Origin::Default);
        report.shown.push(super::settings::Shown {
            key: format!("route.{}", spec.name),
            value,
            origin,
            default: String::new(),
            about: ABOUT,
        });
    }
}

struct RouteReader<'u> {
    upstreams: &'u [Upstream],
    families: Families,
}

impl RouteReader<'_> {
    fn read(&self, mut route: RawRoute, index: usize, report: &mut Report) -> Vec<RouteSpec> {
        let place = format!("route[{index}].");
        let origin = Origin::File { line: route.line };
        let known_before = report.known.len();
        let specs = self.entry(Reader::route(&mut route.keys, report, &place), &place, &origin);
        report.unknown_keys(&route.keys, &place);
        report.known.truncate(known_before);
        specs
    }

    fn entry(&self, mut keys: Reader<'_>, place: &str, origin: &Origin) -> Vec<RouteSpec> {
        let written = Written {
            name: keys.optional("name", |raw| text(raw).and_then(|text| parse_name(&text))).map(|(name, _)| name),
            upstream: self.upstream(&mut keys, place, origin),
            matched: self.matched(&mut keys, place, origin),
            kind: keys.optional("websocket", |raw| choice(raw, WEBSOCKETS)).map(|((_, kind), _)| kind),
            family: keys.optional("dialect", |raw| choice(raw, &families())).map(|((_, family), _)| family),
            scope: keys.optional("scope", |raw| Scope::parse(&text(raw)?).map_err(|error| error.to_string())).map(|(scope, _)| scope),
            public: keys.optional("public", boolean).is_some_and(|(public, _)| public),
            weight: keys.optional("weight", |raw| count(raw, &(0..=WEIGHT_MAX))).map(|(weight, _)| weight),
            counts_as_order: keys.optional("counts_as_order", boolean).map(|(counts, _)| counts),
        };
        written.into_specs().unwrap_or_else(|complaints| {
            for complaint in complaints {
                keys.report().problem(origin, place.trim_end_matches('.'), complaint);
            }
            Vec::new()
        })
    }

    fn upstream(&self, keys: &mut Reader<'_>, place: &str, origin: &Origin) -> Option<usize> {
        let names = || self.upstreams.iter().map(|upstream| format!("\"{}\"", upstream.name)).collect::<Vec<_>>().join(", ");
        let written = keys.origin_of("upstream").is_some();
        let found = keys.optional("upstream", |raw| {
            let name = text(raw)?;
            let index = self.upstreams.iter().position(|upstream| upstream.name == name);
            index.ok_or_else(|| format!("there is no upstream \"{}\"; there is {}", name.escape_debug(), names()))
        });
        match (found, written) {
            (Some((index, _)), _) => Some(index),
            (None, true) => None,
            (None, false) if self.upstreams.len() == 1 => Some(0),
            (None, false) => {
                keys.report().problem(origin, &format!("{place}upstream"), format!("is missing; there is {}", names()));
                None
            }
        }
    }

    fn matched(&self, keys: &mut Reader<'_>, place: &str, origin: &Origin) -> Option<Match> {
        let errors_before = keys.report().errors.len();
        let methods = keys.optional("methods", |raw| list(raw)?.iter().map(|method| parse_method(method)).collect::<Result<Vec<_>, _>>());
        let path = keys.optional("path", |raw| PathPattern::parse(&text(raw)?).map_err(|error| error.to_string()));
        let builtin = keys.optional("builtin", |raw| choice(raw, &builtins()));
        let ws_method = keys.optional("ws_method", |raw| text(raw).and_then(|text| parse_message_name(&text)));
        let fix_message = keys.optional("fix_message", |raw| text(raw).and_then(|text| parse_message_name(&text)));
        let native_op = keys.optional("native_op", |raw| text(raw).and_then(|text| parse_message_name(&text)));
        if keys.report().errors.len() > errors_before {
            return None;
        }
        let has_methods = methods.is_some();
        let mut matches: Vec<Match> = Vec::new();
        if let Some((path, _)) = path {
            let methods = methods.map_or_else(|| vec!["GET".to_owned()], |(methods, _)| methods);
            matches.push(Match::Target(RouteTarget::Http { methods, path }));
        }
        matches.extend(builtin.map(|((_, table), _)| Match::Builtin(table)));
        matches.extend(fix_message.map(|(msg_type, _)| Match::Target(RouteTarget::FixMessage(msg_type))));
        matches.extend(ws_method.map(|(method, _)| Match::Target(RouteTarget::WsMethod(method))));
        matches.extend(native_op.map(|(op, _)| Match::Target(RouteTarget::NativeOp(op))));
        let mut complain = |message: String| keys.report().problem(origin, place.trim_end_matches('.'), message);
        let (Some(matched), true) = (matches.pop(), matches.is_empty()) else {
            complain("needs exactly one of builtin, path, ws_method, native_op and fix_message".to_owned());
            return None;
        };
        if has_methods && !matches!(matched, Match::Target(RouteTarget::Http { .. })) {
            complain("methods belongs to a route with path".to_owned());
        }
        let off = match matched {
            Match::Builtin(Table::Fix) | Match::Target(RouteTarget::FixMessage(_)) => (!self.families.fix).then_some("fix"),
            Match::Builtin(Table::Of(Family::NATIVE)) | Match::Target(RouteTarget::NativeOp(_)) => {
                (!self.families.native).then_some("native")
            }
            Match::Builtin(Table::Of(Family::BINANCE)) | Match::Target(RouteTarget::WsMethod(_)) => {
                (!self.families.binance).then_some("binance")
            }
            Match::Builtin(Table::Of(Family::Any | Family::Of(_)))
            | Match::Target(RouteTarget::DialectMessage(..) | RouteTarget::Http { .. }) => None,
        };
        if let Some(section) = off {
            complain(format!("needs {section}.enabled = true"));
        }
        Some(matched)
    }
}

const WEBSOCKETS: &[(&str, RouteKind)] = &[
    ("relay", RouteKind::WebSocketRelay),
    ("binance-ws-api", RouteKind::BinanceWsApi),
    ("dialect", RouteKind::DialectSocket),
    ("native", RouteKind::NativeSession),
];
