//! What belongs to an account: balances, orders, trades, fees.

use serde_json::{Map, Value, json};

use super::error::KrakenError;
use super::names;
use super::orders::how_priced;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::InstrumentKind;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side};
use crate::facade::Fields;
use crate::limits::KRAKEN_ROWS_MAX;

/// Unix seconds with a fraction, as REST writes times.
pub(super) fn seconds(at_ms: u64) -> f64 {
    // Milliseconds of this century are far below 2^53.
    std::time::Duration::from_millis(at_ms).as_secs_f64()
}

/// What the house took for a fill, in quote: this API has no other currency for a trade's fee.
pub(super) fn fee_in_quote(fill: &Fill, quote: &str) -> Fixed {
    if *fill.commission_asset == *quote { fill.commission } else { fill.commission.mul_down(fill.price) }
}

fn fills<'a>(exchange: &'a Exchange, owner: AccountIndex, order: &Order) -> impl Iterator<Item = &'a Fill> {
    let id = order.id;
    exchange.account_state(owner).fills.iter().filter(move |fill| fill.order == id)
}

fn spot_orders<'a>(exchange: &'a Exchange, orders: impl Iterator<Item = &'a Order>) -> impl Iterator<Item = &'a Order> {
    orders.filter(|order| matches!(exchange.market(order.market).instrument.kind, InstrumentKind::Spot))
}

/// The name the client gave, or null.
pub(super) fn given_client_id(order: &Order) -> Option<&str> {
    Some(order.given_client_id()).filter(|given| !given.is_empty())
}

pub(super) fn order_shape(exchange: &Exchange, owner: AccountIndex, order: &Order, with_trades: bool) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let places = names::places(terms.tick);
    let (volume, flags) = if order.quote_quantity.is_positive() { (order.quote_quantity, ",viqc") } else { (order.quantity, "") };
    let post = if order.kind == OrderKind::LimitMaker { ",post" } else { "" };
    let (fee_flag, fee) = match order.side {
        // The house takes its share of what a trade brings in.
        Side::Buy => ("fcib", fills(exchange, owner, order).map(|fill| fill.commission).sum::<Fixed>()),
        Side::Sell => ("fciq", fills(exchange, owner, order).map(|fill| fill.commission).sum::<Fixed>()),
    };
    let status = match order.status {
        OrderStatus::Canceled => "canceled",
        OrderStatus::Expired => "expired",
        OrderStatus::Filled => "closed",
        OrderStatus::New | OrderStatus::PartiallyFilled => "open",
    };
    let kind = if order.kind == OrderKind::Market { "market" } else { "limit" };
    let mut shape = json!({
        "refid": null, "userref": null, "cl_ord_id": given_client_id(order), "status": status,
        "opentm": seconds(order.created_ms), "starttm": 0, "expiretm": 0,
        "descr": {
            "pair": names::pair(terms), "type": order.side.lower(), "ordertype": kind,
            "price": names::with_places(order.price, places), "price2": "0", "leverage": "none",
            "order": format!("{} {volume} {} @ {}", order.side.lower(), names::pair(terms), how_priced(order.kind, order.price, places)),
            "close": "",
        },
        "vol": volume, "vol_exec": order.filled, "cost": order.filled_quote, "fee": fee,
        "price": order.filled_quote.div_down(order.filled), "stopprice": "0.00000", "limitprice": "0.00000",
        "misc": "", "oflags": format!("{fee_flag}{flags}{post}"),
    });
    if !order.status.is_open() {
        shape["closetm"] = json!(seconds(order.updated_ms));
        shape["reason"] = if order.status == OrderStatus::Canceled { json!("User requested") } else { Value::Null };
    }
    if with_trades {
        shape["trades"] = fills(exchange, owner, order).map(|fill| json!(names::trade_text(fill.trade_id))).collect();
    }
    shape
}

pub(super) fn trade_shape(exchange: &Exchange, owner: AccountIndex, fill: &Fill) -> Value {
    let terms = &exchange.market(fill.market).instrument;
    let order = exchange.order(owner, fill.order);
    let kind = if order.is_some_and(|order| order.kind == OrderKind::Market) { "market" } else { "limit" };
    json!({
        "ordertxid": names::order_text(fill.order), "postxid": names::trade_text(fill.trade_id), "pair": names::pair(terms),
        "time": seconds(fill.at_ms), "type": fill.side.lower(), "ordertype": kind, "price": fill.price, "cost": fill.quote,
        "fee": fee_in_quote(fill, &terms.quote), "vol": fill.quantity, "margin": "0.00000000", "leverage": "0", "misc": "",
        "trade_id": fill.trade_id, "maker": fill.is_maker,
    })
}

fn wants_trades(fields: &Fields) -> bool {
    fields.find("trades").is_some_and(|wanted| wanted.eq_ignore_ascii_case("true"))
}

/// `Balance`
pub(super) fn balance(exchange: &Exchange, owner: AccountIndex) -> Value {
    let balances = exchange.account_state(owner).balances.iter();
    balances.map(|(asset, balance)| (names::asset_id(asset).to_owned(), json!(balance.total))).collect::<Map<_, _>>().into()
}

/// `BalanceEx`
pub(super) fn balance_ex(exchange: &Exchange, owner: AccountIndex) -> Value {
    let balances = exchange.account_state(owner).balances.iter();
    let row = |total: Fixed, held: Fixed| json!({"balance": total, "hold_trade": held});
    balances.map(|(asset, balance)| (names::asset_id(asset).to_owned(), row(balance.total, balance.held))).collect::<Map<_, _>>().into()
}

/// `TradeBalance`: everything in the quote asset, at the last price.
pub(super) fn trade_balance(exchange: &Exchange, owner: AccountIndex) -> Value {
    let account = exchange.account_state(owner);
    let worth = names::pairs(exchange).map(|(index, terms)| {
        let price = exchange.market(index).tape.last_price();
        (account.balance(&terms.base).total.mul_down(price) + account.balance(&terms.quote).total, account.balance(&terms.quote).free())
    });
    let (equity, free) = worth.fold((Fixed::ZERO, Fixed::ZERO), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let zero = Fixed::ZERO;
    json!({"eb": equity, "tb": equity, "m": zero, "n": zero, "c": zero, "v": zero, "e": equity, "mf": free})
}

/// `TradeVolume`: the fee of everybody.
pub(super) fn trade_volume(exchange: &Exchange, owner: AccountIndex) -> Value {
    let volume: Fixed = exchange.account_state(owner).fills.iter().map(|fill| fill.quote).sum();
    let fee = Fixed::whole(100).basis_points(exchange.commission_points);
    let row = json!({"fee": fee, "minfee": fee, "maxfee": fee, "nextfee": null, "nextvolume": null, "tiervolume": "0.0000"});
    let rows: Map<String, Value> = names::pairs(exchange).map(|(_, terms)| (names::pair(terms), row.clone())).collect();
    json!({"currency": "USDT", "volume": volume, "fees": rows, "fees_maker": rows})
}

fn by_number<'a>(
    exchange: &Exchange,
    owner: AccountIndex,
    orders: impl Iterator<Item = &'a Order>,
    with_trades: bool,
) -> Map<String, Value> {
    orders.map(|order| (names::order_text(order.id), order_shape(exchange, owner, order, with_trades))).collect()
}

/// `OpenOrders`
pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, KrakenError> {
    let client_id = fields.find("cl_ord_id");
    let open = spot_orders(exchange, exchange.open_orders(owner));
    let wanted = open.filter(|order| client_id.is_none_or(|wanted| order.client_id == wanted));
    Ok(json!({"open": by_number(exchange, owner, wanted, wants_trades(fields))}))
}

/// `ClosedOrders`: newest first, a page at a time.
pub(super) fn closed_orders(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, KrakenError> {
    let offset = usize::try_from(fields.integer("ofs")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let all = exchange.all_orders(owner);
    let closed: Vec<&Order> = spot_orders(exchange, all.into_iter().rev()).filter(|order| !order.status.is_open()).collect();
    let page = closed.iter().copied().skip(offset).take(KRAKEN_ROWS_MAX);
    Ok(json!({"closed": by_number(exchange, owner, page, wants_trades(fields)), "count": closed.len()}))
}

/// `QueryOrders`: an order that is not the account's is left out.
pub(super) fn query_orders(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, KrakenError> {
    let numbers = fields.need("txid")?.split(',').take(KRAKEN_ROWS_MAX).filter_map(|text| names::read_order(text.trim()));
    let orders = spot_orders(exchange, numbers.filter_map(|id| exchange.order(owner, id)));
    Ok(by_number(exchange, owner, orders, wants_trades(fields)).into())
}

/// `TradesHistory`: newest first, a page at a time.
pub(super) fn trades_history(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, KrakenError> {
    let offset = usize::try_from(fields.integer("ofs")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let from_ms = fields.integer("start")?.unwrap_or(0).saturating_mul(1_000);
    let until_ms = fields.integer("end")?.unwrap_or(u64::MAX).saturating_mul(1_000);
    let spot = |fill: &&Fill| matches!(exchange.market(fill.market).instrument.kind, InstrumentKind::Spot);
    let wanted = |fill: &&Fill| (from_ms..=until_ms).contains(&fill.at_ms);
    let fills: Vec<&Fill> = exchange.account_state(owner).fills.iter().rev().filter(spot).filter(wanted).collect();
    let page = fills.iter().skip(offset).take(KRAKEN_ROWS_MAX);
    let rows: Map<String, Value> = page.map(|fill| (names::trade_text(fill.trade_id), trade_shape(exchange, owner, fill))).collect();
    Ok(json!({"trades": rows, "count": fills.len()}))
}

/// `QueryTrades`: a trade that is not the account's is left out.
pub(super) fn query_trades(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, KrakenError> {
    let wanted: Vec<u64> = fields.find("txid").unwrap_or("").split(',').filter_map(|text| names::read_trade(text.trim())).collect();
    let fills = exchange.account_state(owner).fills.iter().filter(|fill| wanted.contains(&fill.trade_id));
    Ok(fills.map(|fill| (names::trade_text(fill.trade_id), trade_shape(exchange, owner, fill))).collect::<Map<_, _>>().into())
}
