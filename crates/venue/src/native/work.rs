//! The ops themselves, the same for frames and for HTTP. An answer is the fields that
//! follow `"ok":true`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::NativeError;
use super::request::{CancelScope, OrderName, Request};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::order::{Order, OrderError, OrderId};
use crate::identity::Identity;
use crate::shell::{Caller, Shell};

/// What an op needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Public,
    Read,
    Write,
}

/// What an op needs; `None` when there is no such op.
fn access_of(op: &str) -> Option<Access> {
    Some(match op {
        "book" | "markets" | "ticker" => Access::Public,
        "balance" | "fills" | "order.list" | "order.status" | "settlements" => Access::Read,
        "order.cancel" | "order.cancel_all" | "order.place" => Access::Write,
        _ => return None,
    })
}

/// Lets a caller through, and counts the arrival.
pub(super) fn admit<'a>(shell: &Shell, access: Access, caller: &'a Caller) -> Result<Option<&'a Arc<Identity>>, NativeError> {
    let refused = match (access, caller) {
        (Access::Public, _) => {
            shell.counters.count_public();
            return Ok(None);
        }
        (Access::Read | Access::Write, None) => NativeError::unauthorized(),
        (Access::Read, Some(identity)) if !identity.scopes.reads() => NativeError::forbidden("order:read or account:read"),
        (Access::Write, Some(identity)) if !identity.scopes.order_write => NativeError::forbidden("order:write"),
        (Access::Read | Access::Write, Some(identity)) => {
            shell.counters.count_private();
            return Ok(Some(identity));
        }
    };
    shell.counters.count_refused();
    Err(refused)
}

/// Answers one request.
pub(super) fn answer(shell: &Shell, caller: &Caller, request: &Request) -> Result<Value, NativeError> {
    let Some(access) = access_of(&request.op) else {
        shell.counters.count_refused();
        return Err(NativeError::unknown_op());
    };
    let identity = admit(shell, access, caller)?;
    shell.with(|exchange, now_ms| match identity {
        None => public(exchange, request),
        Some(identity) => {
            let owner = exchange.account(&identity.account)?;
            private(exchange, owner, identity, request, now_ms)
        }
    })
}

fn public(exchange: &Exchange, request: &Request) -> Result<Value, NativeError> {
    match request.op.as_str() {
        "book" => {
            let market = exchange.market(request.market(exchange)?);
            Ok(json!({"book": shapes::book(market, request.depth())}))
        }
        "markets" => {
            let markets: Vec<Value> = exchange.markets().iter().map(shapes::market).collect();
            Ok(json!({"markets": markets}))
        }
        "ticker" => match request.optional_market(exchange)? {
            Some(index) => Ok(json!({"ticker": shapes::ticker(exchange.market(index))})),
            None => {
                let live = exchange.markets().iter().filter(|market| !market.instrument.expired);
                Ok(json!({"tickers": live.map(shapes::ticker).collect::<Vec<_>>()}))
            }
        },
        _ => Err(NativeError::unknown_op()),
    }
}

fn private(
    exchange: &mut Exchange,
    owner: AccountIndex,
    identity: &Identity,
    request: &Request,
    now_ms: u64,
) -> Result<Value, NativeError> {
    match request.op.as_str() {
        "balance" => {
            let account = exchange.account_state(owner);
            Ok(json!({"balances": shapes::balances(account), "positions": shapes::positions(exchange, account)}))
        }
        "fills" => Ok(fills(exchange, owner, request.optional_market(exchange)?, request.limit())),
        "order.cancel" => {
            let id = find(exchange, owner, request)?.id;
            let order = exchange.cancel(owner, id, now_ms)?;
            Ok(json!({"order": shapes::order(exchange, &order)}))
        }
        "order.cancel_all" => {
            let market = request.optional_market(exchange)?;
            let class = request.cancel_class()?;
            let orders = match (request.cancel_scope()?, identity.session.as_deref()) {
                (CancelScope::Account, _) => exchange.cancel_class(owner, None, market, class, now_ms),
                (CancelScope::Session, Some(session)) => exchange.cancel_class(owner, Some(session), market, class, now_ms),
                // Whoever has no session has no orders of one.
                (CancelScope::Session, None) => Vec::new(),
            };
            let rows: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
            Ok(json!({"canceled": rows}))
        }
        "order.list" => {
            let market = request.optional_market(exchange)?;
            let wanted = |order: &&Order| market.is_none_or(|index| order.market == index);
            let rows = exchange.open_orders(owner).filter(wanted).map(|order| shapes::order(exchange, order));
            Ok(json!({"orders": rows.collect::<Vec<_>>()}))
        }
        "order.place" => {
            let wanted = request.order_request(exchange, &identity.key)?;
            let marks = request.marks(identity.session.clone());
            if marks.reduce && !exchange.only_reduces(owner, &wanted) {
                return Err(NativeError::not_reducing());
            }
            let placed = exchange.place_marked(owner, wanted, marks, now_ms)?;
            let fills: Vec<Value> = placed.fills.iter().map(|fill| shapes::fill(exchange, fill)).collect();
            Ok(json!({"order": shapes::order(exchange, &placed.order), "fills": fills}))
        }
        "order.status" => {
            let order = find(exchange, owner, request)?;
            Ok(json!({"order": shapes::order(exchange, order)}))
        }
        "settlements" => {
            let account = exchange.account_state(owner);
            let rows = account.settlements.iter().map(|one| shapes::settlement(exchange, account, one));
            Ok(json!({"settlements": rows.collect::<Vec<_>>()}))
        }
        _ => Err(NativeError::unknown_op()),
    }
}

fn find<'a>(exchange: &'a Exchange, owner: AccountIndex, request: &Request) -> Result<&'a Order, NativeError> {
    let market = request.optional_market(exchange)?;
    let order = match request.order_name()? {
        OrderName::Client(cl) => exchange.order_by_client_id(owner, market, cl),
        OrderName::Venue(id) => exchange.order(owner, id),
    };
    order.ok_or_else(|| NativeError::from(OrderError::UnknownOrder))
}

fn fills(exchange: &Exchange, owner: AccountIndex, market: Option<crate::exchange::instrument::MarketIndex>, limit: usize) -> Value {
    let fills = exchange.account_state(owner).fills.iter().rev();
    let wanted = fills.filter(|fill| market.is_none_or(|index| fill.market == index));
    let mut rows: Vec<Value> = wanted.take(limit).map(|fill| shapes::fill(exchange, fill)).collect();
    rows.reverse();
    json!({"fills": rows})
}
