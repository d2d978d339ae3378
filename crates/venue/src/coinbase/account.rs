//! What belongs to an account: balances, orders, fills, fees.

use serde_json::{Value, json};

use super::call::Input;
use super::error::CoinbaseError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::{AccountIndex, Balance};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::InstrumentKind;
use crate::exchange::order::{Fill, Order};
use crate::facade::iso;
use crate::limits::ROWS_PER_ANSWER_MAX;

fn account_shape(currency: &str, balance: Balance, updated_ms: u64) -> Value {
    json!({
        "uuid": names::account_text(currency), "name": format!("{currency} Wallet"), "currency": currency,
        "available_balance": {"value": balance.free().short(), "currency": currency}, "default": true, "active": true,
        "created_at": iso(0), "updated_at": iso(updated_ms), "deleted_at": null, "type": "ACCOUNT_TYPE_CRYPTO", "ready": true,
        "hold": {"value": balance.held.short(), "currency": currency}, "retail_portfolio_id": "", "platform": "ACCOUNT_PLATFORM_CONSUMER",
    })
}

/// `accounts`: one for each currency, all on one page.
pub(super) fn accounts(exchange: &Exchange, owner: AccountIndex) -> Value {
    let account = exchange.account_state(owner);
    let rows: Vec<Value> =
        account.balances.iter().map(|(currency, balance)| account_shape(currency, *balance, account.updated_ms)).collect();
    json!({"accounts": rows, "has_next": false, "cursor": "", "size": rows.len()})
}

/// `accounts/{account_uuid}`
pub(super) fn account(exchange: &Exchange, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    let account = exchange.account_state(owner);
    let mut balances = account.balances.iter();
    let found = balances.find(|(currency, _)| names::account_text(currency) == input.id());
    let (currency, balance) = found.ok_or_else(CoinbaseError::unknown_account)?;
    Ok(json!({"account": account_shape(currency, *balance, account.updated_ms)}))
}

/// `/v2/accounts`: this older API tells the whole balance only.
pub(super) fn accounts_v2(exchange: &Exchange, owner: AccountIndex) -> Value {
    let account = exchange.account_state(owner);
    let row = |currency: &str, total: Fixed| {
        json!({
            "id": currency, "name": format!("{currency} Wallet"), "primary": true, "type": "wallet",
            "currency": {
                "code": currency, "name": names::currency_name(currency), "exponent": 8, "type": "crypto",
                "asset_id": names::account_text(currency),
            },
            "balance": {"amount": total.short(), "currency": currency}, "created_at": iso(0), "updated_at": iso(account.updated_ms),
            "resource": "account", "resource_path": format!("/v2/accounts/{currency}"), "allow_deposits": false,
            "allow_withdrawals": false,
        })
    };
    let rows: Vec<Value> = account.balances.iter().map(|(currency, balance)| row(currency, balance.total)).collect();
    json!({
        "pagination": {
            "ending_before": null, "starting_after": null, "previous_ending_before": null, "next_starting_after": null,
            "limit": rows.len(), "order": "desc", "previous_uri": null, "next_uri": null,
        },
        "data": rows,
    })
}

/// `transaction_summary`: the fee of everybody.
pub(super) fn transaction_summary(exchange: &Exchange, owner: AccountIndex) -> Value {
    let fills = &exchange.account_state(owner).fills;
    let volume: Fixed = fills.iter().map(|fill| fill.quote).sum();
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    json!({
        "total_volume": volume.short(), "total_fees": volume.basis_points(exchange.commission_points).short(),
        "fee_tier": {"pricing_tier": "Paper", "usd_from": "0", "usd_to": "", "taker_fee_rate": rate, "maker_fee_rate": rate},
        "margin_rate": null, "goods_and_services_tax": null, "advanced_trade_only_volume": volume.short(),
        "advanced_trade_only_fees": volume.basis_points(exchange.commission_points).short(), "coinbase_pro_volume": "0",
        "coinbase_pro_fees": "0", "total_balance": "", "has_promo_fee": false,
    })
}

fn is_spot(exchange: &Exchange, order: &Order) -> bool {
    matches!(exchange.market(order.market).instrument.kind, InstrumentKind::Spot)
}

/// `orders/historical/{order_id}`
pub(super) fn order(exchange: &Exchange, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    let id = names::read_order(input.id()).ok_or_else(CoinbaseError::unknown_order)?;
    let order = exchange.order(owner, id).filter(|order| is_spot(exchange, order)).ok_or_else(CoinbaseError::unknown_order)?;
    Ok(json!({"order": shapes::order(exchange, order)}))
}

/// The span of time a list is about.
fn span(input: &Input, names: [&str; 2]) -> Result<std::ops::RangeInclusive<u64>, CoinbaseError> {
    let read = |name: &str| {
        let time =
            input.find(name).map(|text| names::read_time(text).ok_or_else(|| CoinbaseError::argument(format!("{name} is not valid"))));
        time.transpose()
    };
    Ok(read(names[0])?.unwrap_or(0)..=read(names[1])?.unwrap_or(u64::MAX))
}

/// `orders/historical/batch`: newest first; `cursor` is how many to pass over.
pub(super) fn orders(exchange: &Exchange, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    let products: Vec<&str> = input.all("product_id").chain(input.all("product_ids")).collect();
    let states: Vec<&str> = input.all("order_status").collect();
    let sides = input.find("order_side");
    let ids: Vec<&str> = input.all("order_ids").collect();
    let created = span(input, ["start_date", "end_date"])?;
    let wanted = |order: &&Order| {
        let terms = &exchange.market(order.market).instrument;
        is_spot(exchange, order)
            && created.contains(&order.created_ms)
            && (products.is_empty() || products.contains(&names::product_id(terms).as_str()))
            && (states.is_empty() || states.contains(&shapes::status(order.status)))
            && sides.is_none_or(|side| side == order.side.upper())
            && (ids.is_empty() || ids.contains(&names::order_text(order.id).as_str()))
    };
    let all = exchange.all_orders(owner);
    page(input, all.into_iter().rev().filter(wanted), "orders", |order| shapes::order(exchange, order))
}

/// `orders/historical/fills`: newest first; `cursor` is how many to pass over.
pub(super) fn fills(exchange: &Exchange, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    let products: Vec<&str> = input.all("product_id").chain(input.all("product_ids")).collect();
    let orders: Vec<&str> = input.all("order_id").chain(input.all("order_ids")).collect();
    let traded = span(input, ["start_sequence_timestamp", "end_sequence_timestamp"])?;
    let account = exchange.account_state(owner);
    let wanted = |fill: &&Fill| {
        let terms = &exchange.market(fill.market).instrument;
        matches!(terms.kind, InstrumentKind::Spot)
            && traded.contains(&fill.at_ms)
            && (products.is_empty() || products.contains(&names::product_id(terms).as_str()))
            && (orders.is_empty() || orders.contains(&names::order_text(fill.order).as_str()))
    };
    page(input, account.fills.iter().rev().filter(wanted), "fills", |fill| shapes::fill(exchange, fill, &account.name))
}

/// One page of a list, and the cursor of the next.
fn page<T>(input: &Input, rows: impl Iterator<Item = T>, name: &str, shape: impl Fn(T) -> Value) -> Result<Value, CoinbaseError> {
    let limit = input.limit(100, ROWS_PER_ANSWER_MAX)?;
    let passed = usize::try_from(input.integer("cursor")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let mut rows = rows.skip(passed);
    let shown: Vec<Value> = rows.by_ref().take(limit).map(shape).collect();
    let more = rows.next().is_some();
    let cursor = if more { passed.saturating_add(shown.len()).to_string() } else { String::new() };
    Ok(json!({name: shown, "sequence": "0", "has_next": more, "cursor": cursor}))
}
