//! `dialect`: how clients of exchanges log in.

use std::process::ExitCode;

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
            dialect.socket_routes().len().to_string(),
            dialect.message_routes().len().to_string(),
        ]);
    }
    output::print(&table)?;
    Ok(ExitCode::SUCCESS)
}

fn kinds(dialect: &dyn Dialect) -> Vec<&'static str> {
    dialect.purpose().algorithms().iter().map(|algorithm| algorithm.name()).collect()
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
        "websocket": dialect.socket_routes().iter().map(|route| route.path).collect::<Vec<_>>(),
        "messages": dialect.message_routes().iter().map(|route| json!({
            "name": route.name, "scope": route.scope, "orders": route.orders,
        })).collect::<Vec<_>>(),
    })
}
