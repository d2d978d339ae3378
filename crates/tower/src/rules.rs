//! Which requests there are, and what each demands. What has no rule is refused.

use std::sync::Arc;

use countersign_core::{Access, Requirement, Scope};
use countersign_dialects::routes::{Handling, RestRoute};

use crate::limits::RULES_MAX;

/// One endpoint with its demand.
#[derive(Clone, Debug)]
pub struct Rule {
    route: RestRoute,
    requirement: Requirement,
}

impl Rule {
    /// What it demands.
    #[must_use]
    pub const fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// Its row: method, path, weight, orders.
    #[must_use]
    pub const fn route(&self) -> &RestRoute {
        &self.route
    }
}

/// Why there are no rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// A scope that cannot be one, with the path.
    Scope(&'static str, String),
    /// More than 2,048 rules.
    TooMany(usize),
    /// Two rules with the same method and path.
    Twice(&'static str, &'static str),
}

impl std::fmt::Display for RulesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scope(path, why) => write!(f, "the rule for {path} names no scope: {why}"),
            Self::TooMany(count) => write!(f, "{count} rules; the most is {RULES_MAX}"),
            Self::Twice(method, path) => write!(f, "there are two rules for {method} {path}"),
        }
    }
}

impl std::error::Error for RulesError {}

/// All rules. An exact path goes before a pattern that has it too.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<[Rule]>);

impl Rules {
    /// Rules from rows: those of a dialect (`dialect.rest_routes()`), some of them, or your own
    /// ([`RestRoute::signed`], [`RestRoute::trade`], [`RestRoute::public`]). A row without a scope is for anybody.
    ///
    /// Rows that a venue answers itself ([`Handling::Local`]: tokens for its WebSockets) are left out: a layer has no tokens to give. So
    /// are those whose body names another row ([`Handling::InBody`]).
    ///
    /// # Errors
    /// [`RulesError`].
    ///
    /// # Security
    /// Paths are compared byte for byte as received, never decoded: `/a/../b` or `/%61` is no other spelling of a path in a rule. The
    /// service behind must route by the same bytes.
    pub fn new<'r>(rows: impl IntoIterator<Item = &'r RestRoute>) -> Result<Self, RulesError> {
        let mut rules: Vec<Rule> = Vec::new();
        for row in rows.into_iter().filter(|row| row.handling == Handling::Forward) {
            if rules.iter().any(|rule| rule.route.method == row.method && rule.route.path == row.path) {
                return Err(RulesError::Twice(row.method, row.path));
            }
            rules.push(Rule { requirement: requirement(row)?, route: *row });
        }
        if rules.len() > RULES_MAX {
            return Err(RulesError::TooMany(rules.len()));
        }
        rules.sort_by_key(|rule| is_pattern(rule.route.path));
        Ok(Self(rules.into()))
    }

    /// The rule of a request.
    #[must_use]
    pub fn find(&self, method: &str, path: &[u8]) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.route.matches(method, path))
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }
}

fn requirement(row: &RestRoute) -> Result<Requirement, RulesError> {
    let access = match row.scope {
        None => Access::Public,
        Some(scope) => Access::Scoped(Scope::parse(scope).map_err(|error| RulesError::Scope(row.path, error.to_string()))?),
    };
    // There is one service behind a layer: number 0.
    Ok(Requirement { route: format!("{} {}", row.method, row.path).into(), access, upstream: 0 })
}

fn is_pattern(path: &str) -> bool {
    path.split('/').any(|segment| segment == "*" || segment.starts_with('{'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_dialects::registry::ALL;

    use super::*;

    #[test]
    fn the_table_of_every_dialect_is_a_set_of_rules() {
        for dialect in ALL {
            let rules = Rules::new(dialect.rest_routes()).unwrap_or_else(|error| panic!("{}: {error}", dialect.name()));
            // One without a table of its own is for routes of the operator.
            let private = rules.iter().any(|rule| rule.requirement().access != Access::Public);
            assert!(private || dialect.rest_routes().is_empty(), "{}", dialect.name());
        }
    }

    #[test]
    fn an_exact_path_goes_before_a_pattern_and_nothing_is_decoded() {
        let rows = [RestRoute::public("GET", "/orders/{id}"), RestRoute::signed("GET", "/orders/open", "order:read")];
        let rules = Rules::new(&rows).unwrap();
        let access = |path: &[u8]| rules.find("GET", path).map(|rule| rule.requirement().access.clone());
        assert!(matches!(access(b"/orders/open"), Some(Access::Scoped(_))));
        assert_eq!(access(b"/orders/1"), Some(Access::Public));
        for other in [&b"/orders"[..], b"/orders/", b"//orders/open", b"/orders/../orders/open", b"/Orders/open"] {
            assert_eq!(access(other), None, "{}", String::from_utf8_lossy(other));
        }
        assert!(rules.find("POST", b"/orders/open").is_none());
    }

    #[test]
    fn what_contradicts_itself_is_no_set_of_rules() {
        let twice = [RestRoute::public("GET", "/a"), RestRoute::signed("GET", "/a", "md:read")];
        assert_eq!(Rules::new(&twice).unwrap_err(), RulesError::Twice("GET", "/a"));
        assert!(matches!(Rules::new(&[RestRoute::signed("GET", "/a", "no scope")]), Err(RulesError::Scope("/a", _))));
    }
}
