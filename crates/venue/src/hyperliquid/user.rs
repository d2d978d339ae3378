//! `POST /info` about a user: balances, orders, fills.

use serde_json::{Value, json};

use super::address::Address;
use super::error::HyperliquidError;
use super::info::{need, tokens};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::Order;
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::{self, spot_markets};
use crate::shell::{Caller, Shell};

/// The account that an address means: the one an identity has used it for, or that of a key that
/// is registered; when there is none, the asker's own. `None` when nobody says.
pub(super) fn account(
    shell: &Shell,
    exchange: &mut Exchange,
    caller: &Caller,
    address: Address,
) -> Result<Option<AccountIndex>, HyperliquidError> {
    let own = match caller {
        Some(identity) if identity.scopes.reads() => {
            let owner = operations::owner(exchange, identity)?;
            shell.addresses.remember(identity, owner.index);
            Some(owner.index)
        }
        Some(_) | None => None,
    };
    if let Some(used) = shell.addresses.find(address) {
        return Ok(Some(used));
    }
    let registered = shell.addresses.owner(address).and_then(|name| exchange.account(&name).ok());
    Ok(registered.or(own))
}

/// Answers one question about a user. A user nobody has heard of has nothing.
pub(super) fn ask(
    shell: &Shell,
    exchange: &mut Exchange,
    caller: &Caller,
    kind: &str,
    body: &Value,
    now_ms: u64,
) -> Result<Value, HyperliquidError> {
    let address = Address::parse(need(body, "user")?).ok_or(HyperliquidError::Malformed)?;
    let account = account(shell, exchange, caller, address)?;
    match kind {
        "clearinghouseState" => Ok(no_perpetuals(now_ms)),
        "frontendOpenOrders" | "openOrders" => Ok(open_orders(exchange, account)),
        "historicalOrders" => Ok(orders(exchange, account).into_iter().map(|order| shapes::told_order(exchange, order)).collect()),
        "orderStatus" => Ok(order_status(exchange, account, &body["oid"])),
        "spotClearinghouseState" => Ok(balances(exchange, account)),
        // Balances of all kinds of instruments are one here.
        "userAbstraction" => Ok(json!("unifiedAccount")),
        // Nothing was ever paid in or out, nor paid for a position.
        "userFunding" | "userNonFundingLedgerUpdates" => Ok(json!([])),
        "userFees" => {
            let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
            Ok(json!({"userCrossRate": rate, "userAddRate": rate, "userSpotCrossRate": rate, "userSpotAddRate": rate}))
        }
        "userFills" => Ok(fills(exchange, account, 0, u64::MAX)),
        "userFillsByTime" => {
            let (from, to) = (body["startTime"].as_u64().unwrap_or(0), body["endTime"].as_u64().unwrap_or(u64::MAX));
            Ok(fills(exchange, account, from, to))
        }
        _ => Err(HyperliquidError::Malformed),
    }
}

/// The state of a user without perpetuals; there are none to have.
fn no_perpetuals(now_ms: u64) -> Value {
    let nothing = json!({"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"});
    json!({
        "assetPositions": [], "marginSummary": nothing, "crossMarginSummary": nothing, "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "0.0", "time": now_ms,
    })
}

/// Spot orders, newest first.
fn orders(exchange: &Exchange, account: Option<AccountIndex>) -> Vec<&Order> {
    let all = account.map_or_else(Vec::new, |account| exchange.all_orders(account));
    all.into_iter().rev().filter(|order| spot_markets(exchange).any(|(index, _)| index == order.market)).collect()
}

fn open_orders(exchange: &Exchange, account: Option<AccountIndex>) -> Value {
    let open = orders(exchange, account).into_iter().filter(|order| order.status.is_open());
    open.map(|order| shapes::order(exchange, order)).collect()
}

/// By number or by `cloid`.
fn order_status(exchange: &Exchange, account: Option<AccountIndex>, wanted: &Value) -> Value {
    let same = |order: &&&Order| wanted.as_u64() == Some(order.id) || wanted.as_str() == Some(order.client_id.as_str());
    let orders = orders(exchange, account);
    let found = orders.iter().find(same).map(|order| shapes::told_order(exchange, order));
    found.map_or_else(|| json!({"status": "unknownOid"}), |order| json!({"status": "order", "order": order}))
}

pub(super) fn balances(exchange: &Exchange, account: Option<AccountIndex>) -> Value {
    let names = tokens(exchange);
    let balances = account.into_iter().flat_map(|account| &exchange.account_state(account).balances);
    let rows = balances.map(|(asset, balance)| {
        let token = names.iter().position(|name| *name == &**asset);
        json!({"coin": **asset, "token": token, "total": balance.total.short(), "hold": balance.held.short()})
    });
    json!({"balances": rows.collect::<Vec<_>>()})
}

/// Spot fills between two times, newest first.
pub(super) fn fills(exchange: &Exchange, account: Option<AccountIndex>, from: u64, to: u64) -> Value {
    let fills = account.into_iter().flat_map(|account| exchange.account_state(account).fills.iter().rev());
    let spot = fills.filter(|fill| spot_markets(exchange).any(|(index, _)| index == fill.market));
    let wanted = spot.filter(|fill| (from..=to).contains(&fill.at_ms)).take(ROWS_PER_ANSWER_MAX);
    wanted.map(|fill| shapes::fill(exchange, fill)).collect()
}
