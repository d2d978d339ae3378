//! Orders over WebSocket v2.
//!
//! | `method` | result |
//! |---|---|
//! | `add_order` | `order_id` |
//! | `amend_order`, `edit_order` | `amend_id`; `order_id` and `original_order_id` |
//! | `batch_add`, `batch_cancel` | one result for each order; how many were cancelled |
//! | `cancel_order`, `cancel_all` | one reply for each order; how many were cancelled |
//! | `cancel_all_orders_after` | `currentTime`, `triggerTime` |

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::amend::{self, EditWords};
use super::error::KrakenError;
use super::socket::{Reply, Session, push, told};
use super::{batch, names, orders};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::order::Order;
use crate::facade::{Access, admit, fields_of};
use crate::identity::Identity;
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::shell::{Caller, Shell};

/// What a result says of an order: its number, and the client's name where it has one.
fn name_of(order: &Order) -> Value {
    match order.given_client_id() {
        "" => json!({"order_id": names::order_text(order.id)}),
        given => json!({"order_id": names::order_text(order.id), "cl_ord_id": given}),
    }
}

/// The identity of a connection, if it may trade.
fn writer<'c>(shell: &Shell, caller: &'c Caller) -> Result<&'c Arc<Identity>, String> {
    let identity = admit(shell, Access::Write, caller).map_err(told)?;
    identity.ok_or_else(|| told(KrakenError::malformed()))
}

/// Does something with the orders of a connection's account.
pub(super) fn work<T>(
    shell: &Shell,
    caller: &Caller,
    work: impl FnOnce(&mut Exchange, AccountIndex, &Arc<str>, u64) -> Result<T, KrakenError>,
) -> Result<T, String> {
    let identity = writer(shell, caller)?;
    let done = shell.with(|exchange, now_ms| {
        let owner = exchange.account(&identity.account)?;
        work(exchange, owner, &identity.key, now_ms)
    });
    done.map_err(told)
}

impl Session {
    fn writer(&self, shell: &Shell) -> Result<&Arc<Identity>, String> {
        writer(shell, &self.caller)
    }

    fn work<T>(
        &self,
        shell: &Shell,
        change: impl FnOnce(&mut Exchange, AccountIndex, &Arc<str>, u64) -> Result<T, KrakenError>,
    ) -> Result<T, String> {
        work(shell, &self.caller, change)
    }

    pub(super) fn add_order(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let identity = self.writer(shell)?;
        let fields = fields_of(params);
        let placed = shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            let request = orders::read(exchange, &fields, &orders::SOCKET, &identity.key)?;
            orders::place(exchange, owner, &fields, request, now_ms)
        });
        let result = placed.map_err(told)?.map_or_else(|| json!({}), |order| name_of(&order));
        push(&self.outbox, &reply.done(&result));
        Ok(())
    }

    /// One reply for each order named.
    pub(super) fn cancel_order(&self, shell: &Shell, reply: &Reply, params: &Map<String, Value>) -> Result<(), String> {
        let identity = self.writer(shell)?;
        let named = ["order_id", "cl_ord_id"].into_iter().filter_map(|name| params.get(name)?.as_array()).flatten();
        let named: Vec<&str> = named.filter_map(Value::as_str).take(STREAMS_PER_CONNECTION_MAX).collect();
        if named.is_empty() {
            return Err(told(KrakenError::argument("order_id")));
        }
        for name in named {
            let canceled = shell.with(|exchange, now_ms| {
                let owner = exchange.account(&identity.account)?;
                let id = orders::find_open(exchange, owner, name)?;
                Ok::<_, KrakenError>(exchange.cancel(owner, id, now_ms)?)
            });
            match canceled {
                Err(error) => push(&self.outbox, &reply.refused(&error.socket_text())),
                Ok(order) => push(&self.outbox, &reply.done(&json!({"order_id": names::order_text(order.id)}))),
            }
        }
        Ok(())
    }

    pub(super) fn cancel_all(&self, shell: &Shell, reply: &Reply) -> Result<(), String> {
        let identity = self.writer(shell)?;
        let canceled = shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            Ok::<_, KrakenError>(exchange.cancel_all(owner, None, now_ms).len())
        });
        push(&self.outbox, &reply.done(&json!({"count": canceled.map_err(told)?})));
        Ok(())
    }

    pub(super) fn amend_order(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(params);
        let (name, order) =
            self.work(shell, |exchange, owner, _, now_ms| amend::amend_named(exchange, owner, &fields, "order_id", now_ms))?;
        let mut result = name_of(&order);
        result["amend_id"] = json!(name);
        push(&self.outbox, &reply.done(&result));
        Ok(())
    }

    pub(super) fn edit_order(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(params);
        let words = EditWords { number: "order_id", volume: "order_qty", price: "limit_price" };
        let edited = self.work(shell, |exchange, owner, key, now_ms| amend::edit_named(exchange, owner, key, &fields, &words, now_ms))?;
        let (new, old) = (names::order_text(edited.new), names::order_text(edited.old));
        push(&self.outbox, &reply.done(&json!({"order_id": new, "original_order_id": old})));
        Ok(())
    }

    /// The results stand in the order of the requests.
    pub(super) fn batch_add(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(params);
        let placed =
            self.work(shell, |exchange, owner, key, now_ms| batch::place_each(exchange, owner, key, &fields, &orders::SOCKET, now_ms))?;
        let mut results = Vec::new();
        for (_, result) in placed {
            results.push(match result {
                Err(error) => json!({"error": error.socket_text()}),
                Ok(order) => order.map_or_else(|| json!({}), |order| name_of(&order)),
            });
        }
        push(&self.outbox, &reply.done(&Value::from(results)));
        Ok(())
    }

    pub(super) fn batch_cancel(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(params);
        let canceled = self.work(shell, |exchange, owner, _, now_ms| orders::cancel_batch(exchange, owner, &fields, now_ms))?;
        let mut done = reply.done(&json!({}));
        done["orders_cancelled"] = canceled["count"].clone();
        push(&self.outbox, &done);
        Ok(())
    }

    pub(super) fn cancel_all_after(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(params);
        let set = self.work(shell, |exchange, owner, _, now_ms| orders::cancel_all_after(exchange, owner, &fields, now_ms))?;
        push(&self.outbox, &reply.done(&set));
        Ok(())
    }
}
