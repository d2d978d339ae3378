//! `dialect`: how clients of exchanges log in.

use std::process::ExitCode;

use countersign_core::Purpose;
use countersign_dialects::binance::routes::WS;
use countersign_dialects::binance::sockets::{STREAMS, WS_APIS};
use countersign_dialects::dialect::Dialect;
use countersign_dialects::registry;
use serde_json::{Value, json};

use super::output;
use crate::cli::DialectCommand;

/// Runs one of the commands.
pub(super) fn run(command: &DialectCommand) -> anyhow::Result<ExitCode> {
    let DialectCommand::List { json } = command;
    if *json {
        output::json(&registry::ALL.map(to_json))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["DIALECT", "KINDS OF KEYS", "PASSPHRASE", "NONCE", "REST", "WEBSOCKET", "MESSAGES"]);
    for dialect in registry::ALL {
        let purpose = dialect.purpose();
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        table.add_row([
            dialect.name().to_owned(),
            kinds(dialect).join(", "),
            yes_no(purpose.has_passphrase()),
            yes_no(purpose.has_nonce()),
            dialect.rest_routes().len().to_string(),
            sockets(dialect).len().to_string(),
            messages(dialect).len().to_string(),
        ]);
    }
    output::print(&table)?;
    Ok(ExitCode::SUCCESS)
}

fn kinds(dialect: &dyn Dialect) -> Vec<&'static str> {
    dialect.purpose().algorithms().iter().map(|algorithm| algorithm.name()).collect()
}

/// Where WebSockets open. Binance's are in tables of their own: its connections have a machine of their own.
fn sockets(dialect: &dyn Dialect) -> Vec<&'static str> {
    let of_binance = WS_APIS.iter().map(|(_, path)| *path).chain(STREAMS.iter().copied());
    let of_binance = of_binance.filter(|_| dialect.purpose() == Purpose::Binance);
    dialect.socket_routes().iter().map(|route| route.path).chain(of_binance).collect()
}

/// What is sent there: its name, the scope that it needs, and how many orders it counts as.
fn messages(dialect: &dyn Dialect) -> Vec<(&'static str, Option<&'static str>, u32)> {
    let of_binance = WS.iter().filter(|_| dialect.purpose() == Purpose::Binance).map(|method| (method.name, method.scope, method.orders));
    dialect.message_routes().iter().map(|route| (route.name, route.scope, route.orders)).chain(of_binance).collect()
}

fn to_json(dialect: &dyn Dialect) -> Value {
    let purpose = dialect.purpose();
    json!({
        "dialect": dialect.name(),
        "kinds": kinds(dialect),
        "passphrase": purpose.has_passphrase(),
        "nonce": purpose.has_nonce(),
        "rest": dialect.rest_routes().iter().map(|route| json!({
            "method": route.method, "path": route.path, "scope": route.scope, "orders": route.orders,
        })).collect::<Vec<_>>(),
        "websocket": sockets(dialect),
        "messages": messages(dialect).iter().map(|(name, scope, orders)| json!({
            "name": name, "scope": scope, "orders": orders,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_dialect_is_listed_with_its_websockets_and_binance_with_its_messages() {
        for dialect in registry::ALL.into_iter().filter(|dialect| !dialect.rest_routes().is_empty()) {
            assert!(!sockets(dialect).is_empty(), "{}", dialect.name());
        }
        let binance = to_json(registry::ALL.into_iter().find(|dialect| dialect.purpose() == Purpose::Binance).unwrap());
        let names = |member: &str| binance[member].as_array().unwrap().clone();
        assert!(names("websocket").contains(&json!("/ws-api/v3")));
        assert!(names("messages").contains(&json!({"name": "order.place", "scope": "order:write", "orders": 1})));
    }
}
