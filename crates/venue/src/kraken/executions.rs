//! Private channels of WebSocket v2: `executions` and `balances`.
//!
//! | what happened | `exec_type` |
//! |---|---|
//! | accepted | `pending_new`, then `new` |
//! | traded | `trade`, then `filled` when nothing is left |
//! | withdrawn, ended | `canceled`, `expired` |

use serde_json::{Value, json};

use super::{account, names};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::OrderChange;
use crate::exchange::instrument::InstrumentKind;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus};
use crate::facade::{iso, number};
use crate::limits::TRADES_FIRST_MAX;

const fn status(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled => "canceled",
        OrderStatus::Expired => "expired",
        OrderStatus::Filled => "filled",
        OrderStatus::New => "new",
        OrderStatus::PartiallyFilled => "partially_filled",
    }
}

/// What every report of an order has.
fn report(exchange: &Exchange, order: &Order, exec_type: &str, at_ms: u64) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let kind = if order.kind == OrderKind::Market { "market" } else { "limit" };
    let mut report = json!({
        "order_id": names::order_text(order.id), "exec_type": exec_type,
        "order_status": status(order), "symbol": names::symbol(terms), "side": order.side.lower(), "order_type": kind,
        "time_in_force": order.time_in_force.upper(), "order_qty": number(order.quantity), "cum_qty": number(order.filled),
        "cum_cost": number(order.filled_quote), "avg_price": number(order.filled_quote.div_down(order.filled)),
        "timestamp": iso(at_ms), "order_userref": 0,
    });
    if let Some(given) = account::given_client_id(order) {
        report["cl_ord_id"] = json!(given);
    }
    if order.kind != OrderKind::Market {
        report["limit_price"] = number(order.price);
        report["limit_price_type"] = json!("static");
        report["post_only"] = json!(order.kind == OrderKind::LimitMaker);
    }
    report
}

/// What a fill adds to a report.
fn with_fill(exchange: &Exchange, mut report: Value, fill: &Fill) -> Value {
    let terms = &exchange.market(fill.market).instrument;
    report["exec_id"] = json!(names::trade_text(fill.trade_id));
    report["trade_id"] = json!(fill.trade_id);
    report["last_qty"] = number(fill.quantity);
    report["last_price"] = number(fill.price);
    report["cost"] = number(fill.quote);
    report["liquidity_ind"] = json!(if fill.is_maker { "m" } else { "t" });
    report["fees"] = json!([{"asset": *fill.commission_asset, "qty": number(fill.commission)}]);
    report["fee_usd_equiv"] = number(account::fee_in_quote(fill, &terms.quote));
    report
}

fn is_spot(exchange: &Exchange, order: &Order) -> bool {
    matches!(exchange.market(order.market).instrument.kind, InstrumentKind::Spot)
}

/// The open orders of an account.
pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex) -> Value {
    let open = exchange.open_orders(owner).filter(|order| is_spot(exchange, order));
    open.map(|order| report(exchange, order, "new", order.created_ms)).collect()
}

/// The last trades of an account, newest first.
pub(super) fn last_trades(exchange: &Exchange, owner: AccountIndex) -> Value {
    let fills = exchange.account_state(owner).fills.iter().rev().take(TRADES_FIRST_MAX);
    let known = fills.filter_map(|fill| exchange.order(owner, fill.order).map(|order| (order, fill)));
    let spot = known.filter(|(order, _)| is_spot(exchange, order));
    spot.map(|(order, fill)| with_fill(exchange, report(exchange, order, "trade", fill.at_ms), fill)).collect()
}

/// The reports of one change; none for contracts, which this façade does not list.
pub(super) fn changed(exchange: &Exchange, change: OrderChange, order: &Order, fill: Option<&Fill>, at_ms: u64) -> Vec<Value> {
    if !is_spot(exchange, order) {
        return Vec::new();
    }
    let plain = |exec_type: &str| report(exchange, order, exec_type, at_ms);
    match (change, fill) {
        (OrderChange::Amended, _) => vec![plain("amended")],
        (OrderChange::Canceled, _) => {
            let mut report = plain("canceled");
            report["reason"] = json!("User requested");
            vec![report]
        }
        (OrderChange::Expired, _) => vec![plain("expired")],
        (OrderChange::New, _) => {
            let mut pending = plain("pending_new");
            pending["order_status"] = json!("pending_new");
            vec![pending, plain("new")]
        }
        (OrderChange::Trade, None) => Vec::new(),
        (OrderChange::Trade, Some(fill)) => {
            let mut reports = vec![with_fill(exchange, plain("trade"), fill)];
            if order.status == OrderStatus::Filled {
                reports.push(plain("filled"));
            }
            reports
        }
    }
}

/// Balances of an account.
pub(super) fn balances(exchange: &Exchange, owner: AccountIndex) -> Value {
    let balances = exchange.account_state(owner).balances.iter();
    let row = |asset: &str, total: Value| json!({"asset": asset, "asset_class": "currency", "balance": total, "wallets": [{"type": "spot", "id": "main", "balance": total}]});
    balances.map(|(asset, balance)| row(asset, number(balance.total))).collect()
}
