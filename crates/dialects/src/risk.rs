//! What a request can do to a position, told from its route and, where a venue has the words for it, from its signed bytes.
//!
//! ```text
//!   route ──▶ Read      market data, own data
//!         ──▶ Cancel    the tables here: surely takes orders away and does nothing else
//!         ──▶ Reduce    closes a position
//!         ──▶ Increase  everything else that writes ── refine(signed bytes) ──▶ Cancel | Reduce | Increase
//! ```
//!
//! The tables name what halts let pass; what is not in them is stopped. So a new endpoint is stopped until somebody writes it down.

mod instrument;
mod refine;
mod signed_text;
mod tables;

use countersign_core::{Purpose, Risk, Scope};

pub use instrument::{InstrumentPlace, instrument, instrument_place};
pub use refine::{Carriage, refine};
pub use signed_text::SignedText;
pub use tables::{CANCEL_MESSAGES, CANCELS, FIX_CANCELS};
use tables::{REDUCTIONS, REFINED, TIMERS};

/// What a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'t> {
    /// An HTTP request, its path as in the table.
    Http(&'t str, &'t str),
    /// A message by its name.
    Message(&'t str),
}

/// The risk of a route.
#[must_use]
pub fn of_route(purpose: Option<Purpose>, target: Target<'_>, scope: Option<&str>) -> Risk {
    if !scope.is_some_and(writes) {
        return Risk::Read;
    }
    let Some(purpose) = purpose else { return Risk::Increase };
    let name = match target {
        Target::Http(method, path) => {
            if CANCELS.contains(&(purpose, method, path)) {
                return Risk::Cancel;
            }
            path.strip_prefix("/api/v2/").filter(|_| purpose == Purpose::Deribit).unwrap_or(path)
        }
        Target::Message(name) => name,
    };
    let http_twin = matches!(target, Target::Message(_)) || purpose == Purpose::Deribit;
    if http_twin && CANCEL_MESSAGES.contains(&(purpose, name)) {
        Risk::Cancel
    } else if REDUCTIONS.contains(&(purpose, name)) {
        Risk::Reduce
    } else {
        Risk::Increase
    }
}

/// The risk of a FIX message by its MsgType. A cancel-replace is an increase: it is an order too.
#[must_use]
pub fn of_fix(msg_type: &str, scope: Option<&str>) -> Risk {
    match scope.is_some_and(writes) {
        false => Risk::Read,
        true if FIX_CANCELS.contains(&msg_type) => Risk::Cancel,
        true => Risk::Increase,
    }
}

/// Whether [`refine`] is to be asked about requests on a route.
#[must_use]
pub fn is_refined(purpose: Option<Purpose>, target: Target<'_>) -> bool {
    let name = match target {
        Target::Http(_, path) => path.strip_prefix("/api/v2/").filter(|_| purpose == Some(Purpose::Deribit)).unwrap_or(path),
        Target::Message(name) => name,
    };
    purpose.is_some_and(|purpose| REFINED.contains(&(purpose, name)))
}

/// Whether a request or message sets a timer that cancels later, or stops it.
#[must_use]
pub fn is_timer(purpose: Option<Purpose>, target: Target<'_>) -> bool {
    let (Target::Http(_, name) | Target::Message(name)) = target;
    purpose.is_some_and(|purpose| TIMERS.contains(&(purpose, name)))
}

/// Scopes of what changes something.
fn writes(scope: &str) -> bool {
    scope.ends_with(":write") || scope == Scope::FUNDS_WITHDRAW || !scope.ends_with(":read")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry::ALL;
    use Purpose::{Binance, Bybit, KrakenFutures, Native, Okx};

    #[test]
    fn every_row_is_a_route_that_trades() {
        for (purpose, method, path) in CANCELS.iter().filter(|(purpose, ..)| *purpose != Native) {
            let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose);
            let rows =
                if *purpose == Binance { crate::binance::routes::REST } else { dialect.map_or(&[][..], |dialect| dialect.rest_routes()) };
            let row = rows.iter().find(|row| row.method == *method && row.path == *path);
            assert!(row.is_some_and(|row| row.scope == Some(Scope::ORDER_WRITE) && row.orders == 0), "{purpose} {method} {path}");
        }
        for (purpose, name) in CANCEL_MESSAGES.iter().filter(|(purpose, _)| *purpose != Native) {
            let known = if *purpose == Binance {
                crate::binance::routes::ws_method(name).is_some_and(|row| row.writes && row.orders == 0)
            } else {
                let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose);
                let rows = dialect.map_or(&[][..], |dialect| dialect.message_routes());
                rows.iter().any(|row| row.name == *name && row.orders_or_cancels() && row.orders == 0)
            };
            assert!(known, "{purpose} {name}");
        }
    }

    /// Whoever adds an endpoint that counts no order decides here whether halts let it pass.
    #[test]
    fn what_counts_no_order_and_is_no_cancel_is_known_by_name() {
        let mut others = BTreeSet::new();
        for dialect in ALL {
            let rows = if dialect.purpose() == Binance { crate::binance::routes::REST } else { dialect.rest_routes() };
            for row in rows.iter().filter(|row| row.scope == Some(Scope::ORDER_WRITE) && row.orders == 0) {
                if of_route(Some(dialect.purpose()), Target::Http(row.method, row.path), row.scope) == Risk::Increase {
                    others.insert(format!("{} {} {}", dialect.name(), row.method, row.path));
                }
            }
        }
        insta::assert_debug_snapshot!(others);
    }

    #[test]
    fn a_message_is_not_mistaken_for_an_endpoint() {
        assert_eq!(of_route(Some(Okx), Target::Http("POST", "cancel-order"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(Some(Okx), Target::Message("cancel-order"), Some("order:write")), Risk::Cancel);
        assert_eq!(of_route(Some(Bybit), Target::Message("cancel-order"), Some("order:write")), Risk::Increase, "of another venue");
        assert_eq!(of_route(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/cancel"), Some("order:write")), Risk::Cancel);
        assert_eq!(of_route(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/buy"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(None, Target::Message("anything"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(Some(Native), Target::Message("withdraw"), Some(Scope::FUNDS_WITHDRAW)), Risk::Increase);
        assert_eq!(of_route(Some(Native), Target::Message("balance"), Some("account:read")), Risk::Read);
        assert_eq!(of_route(Some(Native), Target::Message("x"), Some("house:rules")), Risk::Increase, "a scope nobody knows may write");
    }

    #[test]
    fn only_plain_new_orders_are_looked_into() {
        assert!(is_refined(Some(Bybit), Target::Http("POST", "/v5/order/create")));
        assert!(is_refined(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/buy")));
        for path in ["/v5/order/amend", "/v5/order/create-batch", "/v5/position/trading-stop"] {
            assert!(!is_refined(Some(Bybit), Target::Http("POST", path)), "{path}");
        }
        assert!(!is_refined(Some(Purpose::Deribit), Target::Message("private/edit")));
        assert!(!is_refined(Some(KrakenFutures), Target::Http("POST", "/derivatives/api/v3/batchorder")));
    }
}
