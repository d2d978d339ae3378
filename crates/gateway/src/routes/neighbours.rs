//! In whose words a request without a route is refused.
//!
//! A client of a venue reads the venue's errors and nothing else: told in other words that there is no such endpoint, it raises
//! whatever its parser makes of them. So the refusal borrows the words of the routes that share most leading segments with the path:
//!
//! ```text
//!   headers of one venue alone                                ──▶ in its words: the path may be near another's by chance
//!   /sapi/v1/asset/dust  ──▶ "/sapi/v1/asset": only Binance  ──▶ in Binance's words
//!   /api/v1/nowhere      ──▶ "/api/v1": two venues           ──▶ plain
//!   /user/v3/private     ──▶ "/user/v3": what Bybit served once ──▶ in Bybit's words
//!   /nowhere             ──▶ "": one venue's listener, or many ──▶ its words, or plain
//! ```
//!
//! # Security
//! Only words are chosen here. There is no route, and nothing is forwarded.

use std::collections::HashMap;

use countersign_dialects::{Header, Headers};

use super::{Family, Route, RouteTarget};

/// The family of every leading part of the paths of a table.
#[derive(Default)]
pub(super) struct Neighbours {
    families: HashMap<Box<str>, Family>,
    /// Each family that has a route and words of its own.
    dialects: Vec<Family>,
}

impl Neighbours {
    /// Takes a route into account; one whose family has no words of its own changes nothing.
    pub(super) fn add(&mut self, route: &Route) {
        let RouteTarget::Http { path, .. } = &route.target else { return };
        if route.family.dialect().is_none() {
            return;
        }
        if !self.dialects.contains(&route.family) {
            self.dialects.push(route.family);
            let unrouted = route.family.dialect().map_or(&[][..], |dialect| dialect.unrouted_paths());
            unrouted.iter().for_each(|path| self.add_parts(path, route.family));
        }
        self.add_parts(path.as_str().split(['{', '*']).next().unwrap_or_default(), route.family);
    }

    fn add_parts(&mut self, literal: &str, own: Family) {
        for part in parts(literal) {
            let family = self.families.entry(part.into()).or_insert(own);
            if *family != own {
                *family = Family::Any;
            }
        }
    }

    /// The only family that recognizes these headers, `Authorization` apart, and has a route; or else the family around the path: of
    /// the longest leading part that any route has. [`Family::Any`] where no one family is told.
    pub(super) fn family(&self, path: &str, headers: &dyn Headers) -> Family {
        let around = || parts(path).find_map(|part| self.families.get(part).copied());
        self.recognized(headers).or_else(around).unwrap_or(Family::Any)
    }

    /// The only family that recognizes these headers, `Authorization` apart, and has a route.
    pub(super) fn recognized(&self, headers: &dyn Headers) -> Option<Family> {
        let headers = &WithoutAuthorization(headers);
        let mut found = self.dialects.iter().filter(|family| family.dialect().is_some_and(|dialect| dialect.recognizes(headers)));
        found.next().copied().filter(|_| found.next().is_none())
    }
}

/// Headers of which nobody sees `Authorization`: a bearer's token tells of no venue, and two of them take any, one where it has a dot
/// and the other where it has none.
struct WithoutAuthorization<'h>(&'h dyn Headers);

impl Headers for WithoutAuthorization<'_> {
    fn find(&self, name: &str) -> Header<'_> {
        if name.eq_ignore_ascii_case("authorization") { Header::Absent } else { self.0.find(name) }
    }
}

/// The leading parts that end before a slash, the longest first, and the whole path before them.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let whole = path.trim_end_matches('/');
    std::iter::successors(Some(whole), |part| part.rfind('/').map(|end| &part[..end]))
}
