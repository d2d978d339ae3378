//! The tables behind `builtin = "native"`, `builtin = "binance"` and those of the other dialects.

mod binance;
mod dialect;
mod fix;
mod native;

use countersign_core::{Access, Scope};

use super::path::PathPattern;
use super::spec::RouteTarget;

pub use binance::binance_routes;
pub use dialect::dialect_routes;
pub use fix::fix_routes;
pub use native::native_routes;

fn scoped(scope: &str) -> Access {
    Access::Scoped(Scope::parse(scope).expect("the built-in tables name valid scopes"))
}

fn http(method: &str, path: &str) -> RouteTarget {
    let path = PathPattern::parse(path).expect("the built-in tables have valid paths");
    RouteTarget::Http { methods: vec![method.to_owned()], path }
}
