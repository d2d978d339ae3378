//! How many orders a request or message carries: what the order limit of a key is charged.
//!
//! ```text
//!   row charges 0 (reads, cancels) ──────────────────────────────▶ 0
//!   one list, where the venue reads it ──────────────────────────▶ its length, at least 1, however long
//!   none, two, or one that cannot be read ───────────────────────▶ the longest: the row, or all that could begin an order
//!   no list at this endpoint: a body that is a list all the same ─▶ its length; any other ▶ the row
//! ```
//!
//! # Security
//! What is longer than a venue takes is charged as what it is: a service behind that takes it takes it whole. Query and body are both
//! looked at, and names that a reader may take for one another: what stands beside the list may be the list that is read.

use std::borrow::Cow;

use countersign_core::Purpose;
use serde_json::value::RawValue;

use crate::dialect::RequestView;
use crate::fields::{object, string};
use crate::raw_object::is_alike;
use crate::risk::Target;
use crate::routes::path_matches;

use Purpose::{Binance, Bitfinex, Bitmex, Bybit, Deribit, Gate, Hyperliquid, Kraken, KrakenFutures, Kucoin, Okx};
use Target::{Http, Message};

/// Where the orders of an endpoint stand.
#[derive(Clone, Copy, Debug)]
enum List {
    /// In the action of a payload, which stands inside these members: its type says in which list.
    Action(&'static [&'static str]),
    /// At the end of this path of members; on the way a list stands for each of its elements.
    At(&'static [&'static str]),
    /// As the method in the body says: quotes, or one order and those beside it.
    ByMethod,
    /// As `At`, and with each order those that are attached to it.
    AtWithAttached(&'static [&'static str]),
    /// One order, and those that are attached to it.
    Attached,
    /// One order, and those beside it in the member of `params`, or in the parameter of the query or form, of this name.
    Beside(&'static str),
    /// In the details of an input, `[CHANNEL, TYPE, null, DETAILS]`: one order, or a list of them.
    Input,
    /// In the details of an input, which are a list of operations.
    Inputs,
    /// In the member of the body, or in the parameter of the query or form, of this name.
    Named(&'static str),
    /// In the member of `params`, or in the parameter of the query or form, of this name.
    OfParams(&'static str),
    /// One order, and one for each of these members that it has.
    With(&'static [&'static str]),
    /// In the member of this name, of the JSON in a parameter of this name.
    Within(&'static str, &'static str),
}

use List::{Action, At, AtWithAttached, Attached, Beside, ByMethod, Input, Inputs, Named, OfParams, With, Within};

/// The orders that take profit and stop a loss, beside one of a unified account of KuCoin's.
const KUCOIN_BESIDE: List = With(&["slTriggerPrice", "tpTriggerPrice"]);

/// Endpoints and messages that take several orders. The method of an endpoint is not compared: `PUT` amends where `POST` places.
#[rustfmt::skip]
const LISTS: &[(Purpose, Target<'static>, List)] = &[
    (Binance, Http("", "/fapi/v1/batchOrders"), Named("batchOrders")),
    (Bitfinex, Http("", "/v2/auth/w/order/multi"), Named("ops")),
    (Bitfinex, Message("order"), Input),
    (Bitfinex, Message("order.multi"), Inputs),
    (Bitmex, Http("", "/api/v1/order/bulk"), Named("orders")),
    (Bybit, Http("", "/v5/order/amend-batch"), Named("request")),
    (Bybit, Http("", "/v5/order/create-batch"), Named("request")),
    (Bybit, Message("order.amend"), At(&["args"])),
    (Bybit, Message("order.amend-batch"), At(&["args", "request"])),
    (Bybit, Message("order.create"), At(&["args"])),
    (Bybit, Message("order.create-batch"), At(&["args", "request"])),
    // Calls whose body names their method have one path.
    (Deribit, Http("", "/api/v2"), ByMethod),
    (Deribit, Http("", "/api/v2/private/buy"), Beside("otoco_config")),
    (Deribit, Http("", "/api/v2/private/mass_quote"), OfParams("quotes")),
    (Deribit, Http("", "/api/v2/private/sell"), Beside("otoco_config")),
    (Deribit, Message("private/buy"), Beside("otoco_config")),
    (Deribit, Message("private/mass_quote"), OfParams("quotes")),
    (Deribit, Message("private/sell"), Beside("otoco_config")),
    (Gate, Http("", "/api/v4/futures/{settle}/batch_amend_orders"), At(&[])),
    (Gate, Http("", "/api/v4/futures/{settle}/batch_orders"), At(&[])),
    (Gate, Http("", "/api/v4/spot/amend_batch_orders"), At(&[])),
    (Gate, Http("", "/api/v4/spot/batch_orders"), At(&[])),
    (Gate, Message("spot.order_amend"), At(&["payload", "req_param"])),
    (Gate, Message("spot.order_place"), At(&["payload", "req_param"])),
    (Hyperliquid, Http("", "/exchange"), Action(&[])),
    (Hyperliquid, Message("post.action"), Action(&["request", "payload"])),
    (Kraken, Http("", "/0/private/AddOrderBatch"), Named("orders")),
    (Kraken, Message("batch_add"), At(&["params", "orders"])),
    (KrakenFutures, Http("", "/derivatives/api/v3/batchorder"), Within("json", "batchOrder")),
    (Kucoin, Http("", "/api/ua/v1/{mode}/order/place"), KUCOIN_BESIDE),
    (Kucoin, Http("", "/api/ua/v2/unified/order/place"), KUCOIN_BESIDE),
    (Kucoin, Http("", "/api/v1/hf/orders/multi"), Named("orderList")),
    (Kucoin, Http("", "/api/v1/hf/orders/multi/sync"), Named("orderList")),
    (Kucoin, Http("", "/api/v1/orders/multi"), Named("orderList")),
    (Okx, Http("", "/api/v5/trade/amend-batch-orders"), AtWithAttached(&[])),
    (Okx, Http("", "/api/v5/trade/amend-order"), Attached),
    (Okx, Http("", "/api/v5/trade/batch-orders"), AtWithAttached(&[])),
    (Okx, Http("", "/api/v5/trade/order"), Attached),
    (Okx, Message("amend-order"), AtWithAttached(&["args"])),
    (Okx, Message("batch-amend-orders"), AtWithAttached(&["args"])),
    (Okx, Message("batch-orders"), AtWithAttached(&["args"])),
    (Okx, Message("order"), AtWithAttached(&["args"])),
];

/// How many orders a request is charged as; `row` is what its endpoint says.
#[must_use]
pub fn of_request(purpose: Purpose, request: &RequestView<'_>, row: u32) -> u32 {
    let here = |target: Target<'_>| matches!(target, Http(_, path) if path_matches(path, request.path()));
    if row == 0 { 0 } else { count(list_of(purpose, here), request.query(), request.body, row) }
}

/// How many orders a message is charged as, by the text that the venue gets; `row` is what its route says.
#[must_use]
pub fn of_message(purpose: Purpose, name: &str, text: &[u8], row: u32) -> u32 {
    if row == 0 { 0 } else { count(list_of(purpose, |target| target == Message(name)), b"", text, row) }
}

fn list_of(purpose: Purpose, here: impl Fn(Target<'_>) -> bool) -> Option<List> {
    LISTS.iter().find(|(of, target, _)| *of == purpose && here(*target)).map(|(.., list)| *list)
}

fn count(list: Option<List>, query: &[u8], body: &[u8], row: u32) -> u32 {
    let counted = match list {
        None if !body.trim_ascii_start().starts_with(b"[") => return row,
        None => at(body, &[]),
        Some(Action(path)) => return action(body, path).unwrap_or_else(|| longest(query, body, row)),
        Some(At(path)) => at(body, path),
        Some(AtWithAttached(path)) => at_with_attached(body, path),
        Some(Attached) if body.trim_ascii_start().starts_with(b"[") => at_with_attached(body, &[]),
        Some(Attached) => serde_json::from_slice(body).ok().and_then(with_attached),
        Some(Beside(name)) => beside(query, body, name),
        Some(ByMethod) if names(body, "private/mass_quote") => of_params(query, body, "quotes"),
        Some(ByMethod) => beside(query, body, "otoco_config"),
        Some(Input) => details(body).and_then(|details| if details.get().starts_with('{') { Some(1) } else { elements(details, &[]) }),
        Some(Inputs) => details(body).and_then(|details| elements(details, &[])),
        Some(Named(name)) => named(query, body, name),
        Some(OfParams(name)) => of_params(query, body, name),
        Some(With(names)) => with(body, names),
        Some(Within(parameter, name)) => parameters(query, body, parameter).only().and_then(|text| at(text.as_bytes(), &[name])),
    };
    counted.map_or_else(|| longest(query, body, row), |counted| counted.max(1))
}

/// No fewer than there can be: an order begins with a brace or bracket, or with what stands for one, or is made of parameters.
fn longest(query: &[u8], body: &[u8], row: u32) -> u32 {
    let marks = query.iter().chain(body).filter(|byte| b"{[%\\&".contains(byte)).count();
    u32::try_from(marks).unwrap_or(u32::MAX).max(row)
}

/// An order, and what its members of these names stand for.
fn with(body: &[u8], names: &[&str]) -> Option<u32> {
    let order = object(std::str::from_utf8(body).ok()?).ok()?;
    Some(names.iter().fold(1, |sum, name| sum + u32::from(order.has_alike(name))))
}

/// The orders at the end of a path: the elements of a list, or one that stands by itself in a message.
fn at(text: &[u8], path: &[&str]) -> Option<u32> {
    elements(serde_json::from_slice(text).ok()?, path)
}

fn elements(value: &RawValue, path: &[&str]) -> Option<u32> {
    let list = || serde_json::from_str::<Vec<&RawValue>>(value.get()).ok();
    match (path.split_first(), value.get().as_bytes().first()?) {
        (None, b'[') => u32::try_from(list()?.len()).ok(),
        (Some(_), b'[') => list()?.into_iter().try_fold(0_u32, |sum, each| sum.checked_add(elements(each, path)?)),
        (Some((name, rest)), b'{') => {
            member(value, name).and_then(|value| if rest.is_empty() { last(value, name) } else { elements(value, rest) })
        }
        (_, _) => None,
    }
}

/// What ends a path: a list, or where Gate takes one order in place of a list, that order.
fn last(value: &RawValue, name: &str) -> Option<u32> {
    if name == "req_param" && value.get().starts_with('{') { Some(1) } else { elements(value, &[]) }
}

fn member<'v>(value: &'v RawValue, name: &str) -> Option<&'v RawValue> {
    object(value.get()).ok()?.only_member(name)
}

/// The orders of a list at the end of a path, and what is attached to each.
fn at_with_attached(text: &[u8], path: &[&str]) -> Option<u32> {
    let mut value: &RawValue = serde_json::from_slice(text).ok()?;
    for name in path {
        value = member(value, name)?;
    }
    let orders: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    orders.into_iter().try_fold(0_u32, |sum, order| sum.checked_add(with_attached(order)?))
}

/// One order, and those that are placed with it to take profit or stop a loss (OKX).
fn with_attached(order: &RawValue) -> Option<u32> {
    const NAME: &str = "attachAlgoOrds";
    if !order.get().starts_with('{') {
        return Some(1);
    }
    let whole = object(order.get()).ok()?;
    if !whole.has_alike(NAME) {
        return Some(1);
    }
    elements(whole.only_member(NAME)?, &[]).map(|attached| attached.saturating_add(1))
}

/// The last of the four elements of an input.
fn details(text: &[u8]) -> Option<&RawValue> {
    let items: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    let [_, _, _, details] = items[..] else { return None };
    Some(details)
}

/// The one list of this name, wherever it stands.
fn named(query: &[u8], body: &[u8], name: &str) -> Option<u32> {
    if body.trim_ascii_start().starts_with(b"{") {
        return matches!(parameters(query, b"", name), Found::None).then(|| at(body, &[name])).flatten();
    }
    parameters(query, body, name).only().and_then(|text| at(text.as_bytes(), &[]))
}

/// One order, and those that are sent for when it is filled.
fn beside(query: &[u8], body: &[u8], name: &str) -> Option<u32> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return match parameters(query, body, name) {
            Found::None => Some(1),
            Found::Only(text) => at(text.as_bytes(), &[]).map(|count| count.saturating_add(1)),
            Found::Several => None,
        };
    }
    let whole = object(std::str::from_utf8(body).ok()?).ok().filter(|_| matches!(parameters(query, b"", name), Found::None))?;
    match whole.only_member("params") {
        Some(params) if !object(params.get()).ok()?.has_alike(name) => Some(1),
        Some(params) => elements(params, &[name]).map(|count| count.saturating_add(1)),
        None => (!whole.has_alike("params")).then_some(1),
    }
}

/// Whether a body names this method.
fn names(body: &[u8], method: &str) -> bool {
    let whole = std::str::from_utf8(body).ok().and_then(|body| object(body).ok());
    whole.and_then(|whole| string(&whole, "method")).is_some_and(|named| named == method)
}

/// The one list of this name among the parameters of a call.
fn of_params(query: &[u8], body: &[u8], name: &'static str) -> Option<u32> {
    if body.trim_ascii_start().starts_with(b"{") {
        return matches!(parameters(query, b"", name), Found::None).then(|| at(body, &["params", name])).flatten();
    }
    parameters(query, body, name).only().and_then(|text| at(text.as_bytes(), &[]))
}

/// The parameters of a name.
enum Found<'p> {
    None,
    Only(Cow<'p, str>),
    Several,
}

impl<'p> Found<'p> {
    fn only(self) -> Option<Cow<'p, str>> {
        match self {
            Self::Only(text) => Some(text),
            Self::None | Self::Several => None,
        }
    }
}

/// What query and form have under this name. What another reader may take for it is a second one, also behind a `;`.
fn parameters<'p>(query: &'p [u8], form: &'p [u8], name: &str) -> Found<'p> {
    let mut found = Found::None;
    for (key, text) in form_urlencoded::parse(query).chain(form_urlencoded::parse(form)) {
        let hidden = text.split(';').skip(1).any(|pair| is_alike(pair.split('=').next().unwrap_or(pair), name));
        let alike = key.split(';').any(|key| is_alike(key, name));
        found = match found {
            found if !alike && !hidden => found,
            Found::None if key == name && !hidden => Found::Only(text),
            Found::None | Found::Only(_) | Found::Several => Found::Several,
        };
    }
    found
}

/// The orders that the action of a payload places or changes.
fn action(body: &[u8], path: &[&str]) -> Option<u32> {
    let mut payload: &RawValue = serde_json::from_slice(body).ok()?;
    for name in path {
        payload = member(payload, name)?;
    }
    let action = member(payload, "action")?;
    match string(&object(action.get()).ok()?, "type")?.as_str() {
        "batchModify" => elements(action, &["modifies"]).map(|count| count.max(1)),
        "modify" | "twapOrder" => Some(1),
        "order" => elements(action, &["orders"]).map(|count| count.max(1)),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests;
