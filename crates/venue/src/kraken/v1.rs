//! WebSocket v1: events in, statuses and arrays out. At the venue it is at the root of `ws.kraken.com` and `ws-auth.kraken.com`.
//!
//! | `event` | answer | needs |
//! |---|---|---|
//! | `ping` | `pong` | – |
//! | `subscribe`, `unsubscribe` to `book`, `ohlc`, `spread`, `ticker`, `trade` | `subscriptionStatus`, one for each pair | – |
//! | the same to `openOrders`, `ownTrades` | `subscriptionStatus` | reading |
//! | `addOrder`, `cancelOrder`, `cancelAll`, `cancelAllOrdersAfter`, `editOrder` | `addOrderStatus`, … | `order:write` |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::amend::{self, EditWords};
use super::error::KrakenError;
use super::socket::{push, told};
use super::socket_orders::work;
use super::v1_feed::{Channel, Subscriptions};
use super::{names, orders};
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{Access, Fields, Unreadable, admit, fields_of};
use crate::hub::Observer;
use crate::limits::{KRAKEN_CANCEL_BATCH_MAX, STREAMS_PER_CONNECTION_MAX};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// One connection.
pub(crate) struct Session {
    caller: Caller,
    outbox: Arc<Outbox>,
    heard: Arc<Mutex<Subscriptions>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return KrakenError::from(Unreadable::Identity(error)).response();
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| Session::open(&shell, caller, connection.id, &connection.outbox))
}

/// What an answer repeats of its request.
struct Reply {
    event: &'static str,
    reqid: Option<Value>,
}

impl Reply {
    fn with(&self, status: &str, mut members: Value) -> Value {
        members["event"] = json!(self.event);
        members["status"] = json!(status);
        if let Some(reqid) = &self.reqid {
            members["reqid"] = reqid.clone();
        }
        members
    }

    fn failed(&self, text: &str, members: Value) -> Value {
        let mut members = self.with("error", members);
        members["errorMessage"] = json!(text);
        members
    }
}

fn answer_event(event: &str) -> &'static str {
    match event {
        "addOrder" => "addOrderStatus",
        "cancelAll" => "cancelAllStatus",
        "cancelAllOrdersAfter" => "cancelAllOrdersAfterStatus",
        "cancelOrder" => "cancelOrderStatus",
        "editOrder" => "editOrderStatus",
        "ping" => "pong",
        "subscribe" | "unsubscribe" => "subscriptionStatus",
        _ => "error",
    }
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let frame: Map<String, Value> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(_) => {
                shell.counters.count_refused();
                return Some(json!({"errorMessage": "Malformed request", "event": "error"}).to_string());
            }
        };
        let event = frame.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        let reply = Reply { event: answer_event(&event), reqid: frame.get("reqid").cloned() };
        let done = match event.as_str() {
            "ping" => {
                shell.counters.count_public();
                let mut pong = json!({"event": "pong"});
                if let Some(reqid) = &reply.reqid {
                    pong["reqid"] = reqid.clone();
                }
                push(&self.outbox, &pong);
                Ok(())
            }
            "subscribe" => self.subscription(shell, &reply, &frame, true),
            "unsubscribe" => self.subscription(shell, &reply, &frame, false),
            _ => self.order(shell, &reply, &event, frame),
        };
        if let Err(text) = done {
            push(&self.outbox, &reply.failed(&text, json!({})));
        }
        None
    }
}

impl Session {
    /// Takes a connection over, and says so.
    pub(crate) fn open(shell: &Shell, caller: Caller, connection: u64, outbox: &Arc<Outbox>) -> Self {
        let heard = Arc::new(Mutex::new(Subscriptions::default()));
        let observer: Arc<Mutex<dyn Observer>> = Arc::<Mutex<Subscriptions>>::clone(&heard);
        shell.hub.observe(connection, observer, outbox);
        push(outbox, &json!({"connectionID": connection, "event": "systemStatus", "status": "online", "version": "1.9.6"}));
        Self { caller, outbox: Arc::clone(outbox), heard }
    }

    /// Whether a frame is of this version: at a path that another venue has, too.
    pub(crate) fn is_asked_for(text: &str) -> bool {
        // An order has a `type`, too: the side. That of the other venue's frames says what to do.
        let is_others = |frame: &Map<String, Value>| matches!(frame.get("type").and_then(Value::as_str), Some("subscribe" | "unsubscribe"));
        serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|frame| frame.contains_key("event") && !is_others(&frame))
    }

    fn order(&self, shell: &Shell, reply: &Reply, event: &str, frame: Map<String, Value>) -> Result<(), String> {
        let fields = fields_of(frame);
        let done = match event {
            "addOrder" => work(shell, &self.caller, |exchange, owner, key, now_ms| {
                let request = orders::read(exchange, &fields, &orders::REST, key)?;
                let mut told = json!({"descr": orders::describe(exchange, &request)});
                if let Some(placed) = orders::place(exchange, owner, &fields, request, now_ms)? {
                    told["txid"] = json!(names::order_text(placed.id));
                }
                Ok(told)
            }),
            "cancelAll" => {
                work(shell, &self.caller, |exchange, owner, _, now_ms| Ok(json!({"count": exchange.cancel_all(owner, None, now_ms).len()})))
            }
            "cancelAllOrdersAfter" => {
                work(shell, &self.caller, |exchange, owner, _, now_ms| orders::cancel_all_after(exchange, owner, &fields, now_ms))
            }
            "cancelOrder" => return self.cancel(shell, reply, &fields),
            "editOrder" => work(shell, &self.caller, |exchange, owner, key, now_ms| {
                let words = EditWords { number: "orderid", volume: "volume", price: "price" };
                let edited = amend::edit_named(exchange, owner, key, &fields, &words, now_ms)?;
                let (new, old) = (names::order_text(edited.new), names::order_text(edited.old));
                Ok(json!({"descr": edited.description, "txid": new, "originaltxid": old}))
            }),
            _ => {
                shell.counters.count_refused();
                return Err("Unsupported event".to_owned());
            }
        };
        push(&self.outbox, &reply.with("ok", done?));
        Ok(())
    }

    /// One status for each order that is named.
    fn cancel(&self, shell: &Shell, reply: &Reply, fields: &Fields) -> Result<(), String> {
        let named = |name| fields.words(name).map_err(|error| told(KrakenError::from(error)));
        let names = [named("txid")?, named("cl_ord_id")?].concat();
        if names.is_empty() || names.len() > KRAKEN_CANCEL_BATCH_MAX {
            return Err(told(KrakenError::argument("txid")));
        }
        for name in names {
            let canceled = work(shell, &self.caller, |exchange, owner, _, now_ms| {
                let id = orders::find_open(exchange, owner, &name)?;
                Ok(exchange.cancel(owner, id, now_ms).map(drop)?)
            });
            let status = match canceled {
                Ok(()) => reply.with("ok", json!({})),
                Err(text) => reply.failed(&text, json!({"txid": name})),
            };
            push(&self.outbox, &status);
        }
        Ok(())
    }

    fn subscription(&self, shell: &Shell, reply: &Reply, frame: &Map<String, Value>, begins: bool) -> Result<(), String> {
        let wanted = frame.get("subscription").and_then(Value::as_object).cloned().unwrap_or_default();
        let fields = fields_of(wanted);
        match fields.find("name") {
            Some(name @ ("openOrders" | "ownTrades")) => self.own(shell, reply, name, &fields, begins),
            None if !begins && frame.contains_key("channelID") => {
                shell.counters.count_public();
                self.leave(shell, reply, frame.get("channelID").and_then(Value::as_u64))
            }
            name => {
                shell.counters.count_public();
                let named = json!({"subscription": {"name": name}});
                let channel = Channel::read(&fields);
                let (channel, pairs) = match (channel, pairs_of(frame.get("pair"))) {
                    (Ok(channel), Ok(pairs)) => (channel, pairs),
                    (Err(text), _) | (_, Err(text)) => {
                        push(&self.outbox, &reply.failed(text, named));
                        return Ok(());
                    }
                };
                shell.with(|exchange, at_ms| pairs.iter().for_each(|pair| self.pair(exchange, reply, pair, channel, begins, at_ms)));
                Ok(())
            }
        }
    }

    /// Begins or ends the channel of one pair.
    fn pair(&self, exchange: &Exchange, reply: &Reply, pair: &str, channel: Channel, begins: bool, at_ms: u64) {
        let members = json!({"pair": pair, "subscription": channel.subscription()});
        let Some(market) = names::find_pair(exchange, pair) else {
            return push(&self.outbox, &reply.failed("Currency pair not supported", members));
        };
        let mut heard = self.heard.lock();
        let there = heard.markets.iter().position(|one| one.market == market && one.channel == channel);
        if begins && there.is_none() && heard.markets.len() >= STREAMS_PER_CONNECTION_MAX {
            return push(&self.outbox, &reply.failed("Exceeded msg rate", members));
        }
        push(&self.outbox, &channel_status(exchange, reply, market, channel, begins));
        match (begins, there) {
            (true, None) => heard.hear(exchange, market, channel, at_ms, &self.outbox),
            (false, Some(place)) => drop(heard.markets.remove(place)),
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Ends the channel that has this number.
    fn leave(&self, shell: &Shell, reply: &Reply, number: Option<u64>) -> Result<(), String> {
        let number = number.and_then(|number| usize::try_from(number).ok());
        shell.with(|exchange, _| {
            let mut heard = self.heard.lock();
            let place = heard.markets.iter().position(|one| Some(one.channel.number(one.market)) == number);
            let left = heard.markets.remove(place.ok_or("Subscription Not Found")?);
            push(&self.outbox, &channel_status(exchange, reply, left.market, left.channel, false));
            Ok(())
        })
    }

    fn own(&self, shell: &Shell, reply: &Reply, name: &str, fields: &Fields, begins: bool) -> Result<(), String> {
        let named = json!({"channelName": name, "subscription": {"name": name}});
        let identity = match admit(shell, Access::Read, &self.caller) {
            Ok(Some(identity)) => identity,
            Ok(None) => return Err(told(KrakenError::malformed())),
            Err(denied) => {
                push(&self.outbox, &reply.failed(&told(denied), named));
                return Ok(());
            }
        };
        shell.with(|exchange, _| {
            let owner = exchange.account(&identity.account).map_err(told)?;
            let mut heard = self.heard.lock();
            push(&self.outbox, &reply.with(if begins { "subscribed" } else { "unsubscribed" }, named));
            match (name, begins) {
                ("openOrders", true) => heard.hear_orders(exchange, owner, &self.outbox),
                ("openOrders", false) => heard.open_orders = None,
                (_, true) => heard.hear_trades(exchange, owner, fields.find("snapshot") != Some("false"), &self.outbox),
                (_, false) => heard.own_trades = None,
            }
            Ok(())
        })
    }
}

fn channel_status(exchange: &Exchange, reply: &Reply, market: MarketIndex, channel: Channel, begins: bool) -> Value {
    let members = json!({
        "channelID": channel.number(market), "channelName": channel.name(),
        "pair": names::old_ws_name(&exchange.market(market).instrument), "subscription": channel.subscription(),
    });
    reply.with(if begins { "subscribed" } else { "unsubscribed" }, members)
}

fn pairs_of(pairs: Option<&Value>) -> Result<Vec<String>, &'static str> {
    let wrong = "Pair field must be an array";
    let pairs = pairs.and_then(Value::as_array).ok_or(wrong)?;
    pairs.iter().map(|pair| pair.as_str().map(str::to_owned).ok_or(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_of_this_version_and_a_subscription_of_the_other_venue_is_not() {
        for own in [r#"{"event":"ping"}"#, r#"{"event":"addOrder","pair":"XBT/USDT","type":"buy"}"#] {
            assert!(Session::is_asked_for(own), "{own}");
        }
        for other in [r#"{"type":"subscribe","channel":"ticker"}"#, r#"{"type":"unsubscribe","event":"x"}"#, r#"{"type":"buy"}"#, "no JSON"]
        {
            assert!(!Session::is_asked_for(other), "{other}");
        }
    }
}
