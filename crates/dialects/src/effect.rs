//! Whether acting on a message twice does harm: what replay guards ask, told from its route.
//!
//! ```text
//!   route ──▶ Cancel   takes orders away whatever its parameters are, and does nothing else
//!         ──▶ Read     a GET or HEAD that no scope of writing protects; a message that reads
//!         ──▶ Write    everything else
//! ```
//!
//! A cancel passes where the memory that nodes share cannot be asked, so the table is narrower than that of halts: a timer that cancels
//! later is no cancel here, because the same message with a zero takes the protection away, and neither is a cancel with an order in
//! its other half. What is in no table is a write.

use countersign_core::{Effect, Purpose, Risk};

use crate::risk::{self, Target, is_timer};
use crate::routes::RestRoute;

/// The effect of a request or message on a route.
#[must_use]
pub fn of_route(purpose: Option<Purpose>, target: Target<'_>, scope: Option<&str>) -> Effect {
    match risk::of_route(purpose, target, scope) {
        Risk::Cancel if !is_timer(purpose, target) => Effect::Cancel,
        Risk::Read if reads(target) => Effect::Read,
        Risk::Cancel | Risk::Increase | Risk::Read | Risk::Reduce => Effect::Write,
    }
}

/// The effect of a request by a dialect's table; of what is in no table, by its method alone.
#[must_use]
pub fn of_request(purpose: Purpose, routes: &[RestRoute], method: &str, path: &[u8]) -> Effect {
    let row = routes.iter().find(|route| route.matches(method, path));
    row.map_or_else(|| of_route(None, Target::Http(method, ""), None), |row| row.effect(purpose))
}

/// The effect of a message, by its name in the dialect's table.
#[must_use]
pub fn of_message(purpose: Purpose, name: &str, scope: Option<&str>) -> Effect {
    of_route(Some(purpose), Target::Message(name), scope)
}

fn reads(target: Target<'_>) -> bool {
    match target {
        Target::Http(method, _) => matches!(method, "GET" | "HEAD"),
        Target::Message(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use countersign_core::Scope;

    use super::*;
    use crate::registry::ALL;
    use crate::risk::{CANCEL_MESSAGES, CANCELS};

    fn rows(purpose: Purpose) -> &'static [RestRoute] {
        match purpose {
            Purpose::Binance => crate::binance::routes::REST,
            other => ALL.iter().find(|dialect| dialect.purpose() == other).map_or(&[][..], |dialect| dialect.rest_routes()),
        }
    }

    /// Whoever adds an endpoint decides here whether it passes without the memory that nodes share.
    #[test]
    fn what_counts_as_a_cancel_is_known_by_name() {
        let mut cancels = BTreeSet::new();
        for dialect in ALL {
            let purpose = dialect.purpose();
            for row in rows(purpose).iter().filter(|row| row.effect(purpose) == Effect::Cancel) {
                cancels.insert(format!("{} {} {}", dialect.name(), row.method, row.path));
            }
            let messages = dialect.message_routes().iter().map(|row| (row.name, row.scope));
            for (name, _) in messages.filter(|(name, scope)| of_message(purpose, name, *scope) == Effect::Cancel) {
                cancels.insert(format!("{} message {name}", dialect.name()));
            }
        }
        for method in crate::binance::routes::WS.iter().filter(|method| method.effect() == Effect::Cancel) {
            cancels.insert(format!("binance message {}", method.name));
        }
        insta::assert_debug_snapshot!(cancels);
    }

    #[test]
    fn nothing_that_places_or_changes_an_order_is_a_cancel() {
        let suspicious = ["replace", "amend", "edit", "modify", "place", "create", "new", "buy", "sell", "close", "after", "countdown"];
        for dialect in ALL {
            let purpose = dialect.purpose();
            for row in rows(purpose).iter().filter(|row| row.effect(purpose) == Effect::Cancel) {
                let path = row.path.to_ascii_lowercase();
                assert!(row.orders == 0 && row.scope == Some(Scope::ORDER_WRITE), "{purpose} {} {path}", row.method);
                assert!(row.method == "DELETE" || path.contains("cancel"), "{purpose} {} {path}", row.method);
                assert!(!suspicious.iter().any(|word| path.contains(word)), "{purpose} {} {path}", row.method);
            }
            for row in dialect.message_routes().iter().filter(|row| of_message(purpose, row.name, row.scope) == Effect::Cancel) {
                let name = row.name.to_ascii_lowercase();
                assert!(row.orders == 0 && name.contains("cancel"), "{purpose} {name}");
                assert!(!suspicious.iter().any(|word| name.contains(word)), "{purpose} {name}");
            }
        }
        for name in ["order.cancelReplace", "order.amend.keepPriority", "order.place"] {
            assert_eq!(
                crate::binance::routes::ws_method(name).map(super::super::binance::routes::WsMethod::effect),
                Some(Effect::Write),
                "{name}"
            );
        }
    }

    #[test]
    fn every_cancel_of_the_tables_is_one_or_a_timer() {
        let mut timers = BTreeSet::new();
        for (purpose, method, path) in CANCELS {
            match of_route(Some(*purpose), Target::Http(method, path), Some(Scope::ORDER_WRITE)) {
                Effect::Cancel => {}
                other @ (Effect::Read | Effect::Write) => {
                    assert_eq!(other, Effect::Write);
                    timers.insert(format!("{purpose} {method} {path}"));
                }
            }
        }
        for (purpose, name) in CANCEL_MESSAGES {
            if of_message(*purpose, name, Some(Scope::ORDER_WRITE)) != Effect::Cancel {
                timers.insert(format!("{purpose} message {name}"));
            }
        }
        insta::assert_debug_snapshot!(timers);
    }

    #[test]
    fn what_is_in_no_table_goes_by_its_method() {
        assert_eq!(of_request(Purpose::Okx, &[], "GET", b"/anything"), Effect::Read);
        assert_eq!(of_request(Purpose::Okx, &[], "DELETE", b"/anything"), Effect::Write);
        assert_eq!(of_request(Purpose::Okx, &[RestRoute::trade("GET", "/private/buy", 1)], "GET", b"/private/buy"), Effect::Write);
        assert_eq!(of_route(None, Target::Http("DELETE", "/api/v3/order"), Some(Scope::ORDER_WRITE)), Effect::Write);
    }
}
