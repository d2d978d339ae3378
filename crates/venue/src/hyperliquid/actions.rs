//! `POST /exchange`: orders, changes of orders, cancels.
//!
//! The orders of one action stand alone: each has its own status, and one that is refused
//! does not take the others with it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{HyperliquidError, order_text};
use super::info::market_of_asset;
use super::modify::{self, Modify};
use crate::exchange::Exchange;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::Access;
use crate::operations::{self, Owner, average_price};
use crate::shell::{Caller, Shell};

/// Smallest value of an order, in quote (vendor: $10).
const VALUE_MIN: Fixed = Fixed::whole(10);

#[derive(Deserialize)]
struct Post {
    action: Action,
    #[serde(rename = "vaultAddress", default)]
    vault: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Action {
    BatchModify {
        modifies: Vec<Modify>,
    },
    Cancel {
        cancels: Vec<Cancel>,
    },
    CancelByCloid {
        cancels: Vec<CancelByCloid>,
    },
    Modify(Modify),
    /// Nothing: clients use a nonce up with it, so that what was signed with it does nothing more.
    Noop,
    Order {
        orders: Vec<OrderWire>,
        #[serde(default)]
        builder: Option<Builder>,
    },
    ScheduleCancel {
        #[serde(default)]
        time: Option<u64>,
    },
    #[serde(other)]
    Unserved,
}

#[derive(Deserialize)]
struct Cancel {
    a: u32,
    o: u64,
}

#[derive(Deserialize)]
struct CancelByCloid {
    asset: u32,
    cloid: String,
}

#[derive(Deserialize)]
struct Builder {
    f: u64,
}

/// An order as it is signed; the letters are the vendor's.
#[derive(Deserialize)]
pub(super) struct OrderWire {
    a: u32,
    b: bool,
    p: String,
    s: String,
    #[serde(default)]
    r: bool,
    t: Manner,
    #[serde(default)]
    c: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Manner {
    Limit { tif: String },
    Trigger {},
}

/// Performs one signed action for the account of the identity.
pub(super) fn perform(shell: &Shell, caller: &Caller, body: &Value) -> Result<Value, HyperliquidError> {
    let post = Post::deserialize(body).map_err(|_| HyperliquidError::Malformed);
    if let (Some(_), Ok(Post { action: Action::Unserved, .. })) = (caller, &post) {
        // Whatever it would need: nobody can do this here, and whoever may withdraw and not trade is to read why.
        shell.counters.count_refused();
        return Err(HyperliquidError::unserved());
    }
    let identity = operations::admitted::<HyperliquidError>(shell, Access::Write, caller)?;
    let post = post?;
    if let Some(vault) = post.vault {
        return Err(HyperliquidError::Action(format!("Vault not registered: {vault}")));
    }
    shell.with(|exchange, now_ms| {
        let owner = operations::owner(exchange, identity)?;
        shell.addresses.remember(identity, owner.index);
        let (kind, statuses) = match post.action {
            Action::BatchModify { modifies } => {
                let modifies = modifies.into_iter().map(|modify| modify::modify(exchange, &owner, modify, now_ms));
                ("order", modifies.map(status).collect::<Vec<Value>>())
            }
            Action::Modify(one) => {
                modify::modify(exchange, &owner, one, now_ms).map_err(HyperliquidError::Action)?;
                return Ok(modify::done());
            }
            Action::Noop => return Ok(modify::done()),
            Action::ScheduleCancel { time } => return modify::schedule_cancel(exchange, &owner, time, now_ms),
            Action::Cancel { cancels } => {
                let cancels = cancels.into_iter().map(|cancel| cancel_one(exchange, &owner, &cancel, now_ms));
                ("cancel", cancels.map(status).collect())
            }
            Action::CancelByCloid { cancels } => {
                let cancels = cancels.into_iter().map(|cancel| cancel_by_cloid(exchange, &owner, &cancel, now_ms));
                ("cancel", cancels.map(status).collect())
            }
            Action::Order { builder: Some(builder), .. } if builder.f > 0 => {
                return Err(HyperliquidError::Action("Builder fee has not been approved.".to_owned()));
            }
            Action::Order { orders, .. } => {
                let orders = orders.into_iter().map(|wire| place(exchange, &owner, wire, now_ms));
                ("order", orders.map(status).collect())
            }
            Action::Unserved => return Err(HyperliquidError::unserved()),
        };
        Ok(json!({"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}))
    })
}

fn status(result: Result<Value, String>) -> Value {
    result.unwrap_or_else(|error| json!({"error": error}))
}

pub(super) fn told(error: OrderError) -> String {
    order_text(error).to_owned()
}

pub(super) fn read(exchange: &Exchange, owner: &Owner, wire: OrderWire) -> Result<OrderRequest, String> {
    let market = market_of_asset(exchange, wire.a).ok_or_else(|| format!("Unknown asset {}", wire.a))?;
    let tif = match wire.t {
        Manner::Limit { tif } => tif,
        Manner::Trigger {} => return Err("Trigger orders are not served.".to_owned()),
    };
    if wire.r {
        return Err("Reduce only order would increase position. asset=10000".to_owned());
    }
    let (kind, time_in_force) = match tif.as_str() {
        "Alo" => (OrderKind::LimitMaker, TimeInForce::GoodTillCanceled),
        "FrontendMarket" | "Ioc" => (OrderKind::Limit, TimeInForce::ImmediateOrCancel),
        "Gtc" => (OrderKind::Limit, TimeInForce::GoodTillCanceled),
        _ => return Err(format!("Invalid tif {tif}.")),
    };
    let price = Fixed::parse(&wire.p).map_err(|_| told(OrderError::PriceFilter))?;
    let size = Fixed::parse(&wire.s).map_err(|_| told(OrderError::QuantityFilter))?;
    if size.is_zero() {
        return Err("Order has zero size.".to_owned());
    }
    if price.mul_down(size) < VALUE_MIN {
        return Err(told(OrderError::NotionalTooSmall));
    }
    let side = if wire.b { Side::Buy } else { Side::Sell };
    Ok(OrderRequest { market, side, kind, time_in_force, size: Size::Base(size), price, client_id: wire.c, key: Arc::clone(&owner.key) })
}

fn place(exchange: &mut Exchange, owner: &Owner, wire: OrderWire, now_ms: u64) -> Result<Value, String> {
    let request = read(exchange, owner, wire)?;
    let cloid = request.client_id.clone();
    let order = exchange.place(owner.index, request, now_ms).map_err(told)?.order;
    outcome(&order, cloid.as_deref())
}

/// What became of an order that was placed: it rests, it is filled, or it found nobody.
pub(super) fn outcome(order: &Order, cloid: Option<&str>) -> Result<Value, String> {
    let with_cloid = |mut inner: Value| {
        if let Some(cloid) = &cloid {
            inner["cloid"] = json!(cloid);
        }
        inner
    };
    if order.status.is_open() {
        return Ok(json!({"resting": with_cloid(json!({"oid": order.id}))}));
    }
    if order.filled.is_zero() {
        return Err("Order could not immediately match against any resting orders. asset=10000".to_owned());
    }
    let filled = json!({"totalSz": order.filled.short(), "avgPx": average_price(order).short(), "oid": order.id});
    Ok(json!({"filled": with_cloid(filled)}))
}

fn cancel_one(exchange: &mut Exchange, owner: &Owner, cancel: &Cancel, now_ms: u64) -> Result<Value, String> {
    let market = market_of_asset(exchange, cancel.a);
    let known = exchange.order(owner.index, cancel.o).is_some_and(|order| Some(order.market) == market);
    let canceled = if known { exchange.cancel(owner.index, cancel.o, now_ms) } else { Err(OrderError::UnknownOrder) };
    canceled.map(|_| json!("success")).map_err(told)
}

fn cancel_by_cloid(exchange: &mut Exchange, owner: &Owner, cancel: &CancelByCloid, now_ms: u64) -> Result<Value, String> {
    let market = market_of_asset(exchange, cancel.asset).ok_or_else(|| told(OrderError::UnknownOrder))?;
    let order = exchange.order_by_client_id(owner.index, Some(market), &cancel.cloid).map(|order| order.id);
    let canceled = order.ok_or(OrderError::UnknownOrder).and_then(|id| exchange.cancel(owner.index, id, now_ms));
    canceled.map(|_| json!("success")).map_err(told)
}
