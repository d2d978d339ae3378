//! WebSocket v2: requests in, replies and channel messages out, on one path for market data
//! and for what belongs to an account.
//!
//! | `method` | needs |
//! |---|---|
//! | `ping` | – |
//! | `subscribe`, `unsubscribe` to `book`, `instrument`, `ohlc`, `ticker`, `trade` | – |
//! | `subscribe`, `unsubscribe` to `executions`, `balances` | reading |
//! | what `socket_orders` answers | `order:write` |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::channels::{self, Channel, message};
use super::error::KrakenError;
use super::{executions, names};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{Access, BookMirror, Fields, Unreadable, admit, fields_of, iso};
use crate::hub::{Feed, Observer, Topic};
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

/// The vendor sends a heartbeat every second when anything is subscribed to.
const HEARTBEAT_MS: u64 = 1_000;

#[derive(Deserialize)]
struct Frame {
    method: String,
    #[serde(default)]
    params: Map<String, Value>,
    req_id: Option<u64>,
}

/// A market channel one connection hears.
struct Heard {
    market: MarketIndex,
    channel: Channel,
    book: Option<BookMirror>,
}

/// What one connection hears.
#[derive(Default)]
struct Subscriptions {
    markets: Vec<Heard>,
    executions: Option<(AccountIndex, u64)>,
    balances: Option<(AccountIndex, u64)>,
    heartbeat_ms: u64,
}

/// One connection.
pub(super) struct Session {
    pub(super) caller: Caller,
    pub(super) outbox: Arc<Outbox>,
    heard: Arc<Mutex<Subscriptions>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return KrakenError::from(Unreadable::Identity(error)).response();
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let heard = Arc::new(Mutex::new(Subscriptions::default()));
        let observer: Arc<Mutex<dyn Observer>> = Arc::<Mutex<Subscriptions>>::clone(&heard);
        shell.hub.observe(connection.id, observer, &connection.outbox);
        let status = json!([{"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": connection.id}]);
        push(&connection.outbox, &message("status", "update", status));
        Session { caller, outbox: Arc::clone(&connection.outbox), heard }
    })
}

pub(super) fn push(outbox: &Outbox, message: &Value) {
    outbox.push_own(Bytes::from(message.to_string()));
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let began = now_ms();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(
                json!({"error": "Malformed request", "success": false, "time_in": iso(began), "time_out": iso(now_ms())}).to_string(),
            );
        };
        let reply = Reply { method: frame.method, req_id: frame.req_id, began };
        let done = match reply.method.as_str() {
            "add_order" => self.add_order(shell, &reply, frame.params),
            "amend_order" => self.amend_order(shell, &reply, frame.params),
            "batch_add" => self.batch_add(shell, &reply, frame.params),
            "batch_cancel" => self.batch_cancel(shell, &reply, frame.params),
            "cancel_all" => self.cancel_all(shell, &reply),
            "cancel_all_orders_after" => self.cancel_all_after(shell, &reply, frame.params),
            "cancel_order" => self.cancel_order(shell, &reply, &frame.params),
            "edit_order" => self.edit_order(shell, &reply, frame.params),
            "ping" => {
                shell.counters.count_public();
                let mut pong = json!({"method": "pong", "time_in": iso(began), "time_out": iso(now_ms())});
                reply.name(&mut pong);
                push(&self.outbox, &pong);
                Ok(())
            }
            "subscribe" => self.subscribe(shell, &reply, frame.params),
            "unsubscribe" => self.unsubscribe(shell, &reply, frame.params),
            _ => {
                shell.counters.count_refused();
                Err("Unsupported method".to_owned())
            }
        };
        if let Err(text) = done {
            push(&self.outbox, &reply.refused(&text));
        }
        None
    }
}

/// What a reply repeats of its request.
pub(super) struct Reply {
    method: String,
    req_id: Option<u64>,
    began: u64,
}

impl Reply {
    pub(super) fn name(&self, reply: &mut Value) {
        if let Some(req_id) = self.req_id {
            reply["req_id"] = json!(req_id);
        }
    }

    pub(super) fn done(&self, result: &Value) -> Value {
        let mut reply = json!({
            "method": self.method, "result": result, "success": true, "time_in": iso(self.began), "time_out": iso(now_ms()),
        });
        self.name(&mut reply);
        reply
    }

    pub(super) fn refused(&self, text: &str) -> Value {
        let mut reply = json!({
            "method": self.method, "error": text, "success": false, "time_in": iso(self.began), "time_out": iso(now_ms()),
        });
        self.name(&mut reply);
        reply
    }
}

pub(super) fn told(error: impl Into<KrakenError>) -> String {
    error.into().socket_text().into_owned()
}

impl Session {
    fn subscribe(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let symbols = params.get("symbol").cloned();
        let fields = fields_of(params);
        let name = fields.find("channel").unwrap_or("");
        if matches!(name, "balances" | "executions") {
            return self.subscribe_own(shell, reply, name, &fields);
        }
        shell.counters.count_public();
        let channel = Channel::read(name, &fields).map_err(str::to_owned)?;
        let asked = fields.find("snapshot").map(|wanted| wanted == "true");
        shell.with(|exchange, at_ms| {
            if channel == Channel::Instrument {
                push(&self.outbox, &reply.done(&channel.result(None, true)));
                push(&self.outbox, &message("instrument", "snapshot", channels::instruments(exchange)));
                return Ok(());
            }
            for symbol in symbols_of(symbols.as_ref())? {
                let Some(market) = names::find_pair(exchange, symbol) else {
                    push(&self.outbox, &reply.refused(&format!("Currency pair not supported {symbol}")));
                    continue;
                };
                self.hear(exchange, reply, Wanted { market, channel, asked }, at_ms);
            }
            Ok(())
        })
    }

    /// Acknowledges one subscription and tells what there is.
    fn hear(&self, exchange: &Exchange, reply: &Reply, wanted: Wanted, at_ms: u64) {
        let Wanted { market, channel, asked } = wanted;
        let terms = &exchange.market(market).instrument;
        let mut heard = self.heard.lock();
        let same = |one: &Heard| one.market == market && one.channel == channel;
        if heard.markets.iter().any(same) {
            return push(&self.outbox, &reply.refused("Already subscribed"));
        }
        if heard.markets.len() >= STREAMS_PER_CONNECTION_MAX {
            return push(&self.outbox, &reply.refused("EGeneral:Too many subscriptions"));
        }
        let snapshot = asked.unwrap_or(channel != Channel::Trade);
        push(&self.outbox, &reply.done(&channel.result(Some(&names::symbol(terms)), snapshot)));
        let mut book = None;
        let first = match channel {
            Channel::Book(depth) => {
                let mirror = book.insert(BookMirror::of(exchange, market, depth));
                channels::book(terms, mirror, at_ms)
            }
            Channel::Instrument => return,
            Channel::Ohlc(minutes) => channels::candles(exchange, market, minutes, true),
            Channel::Ticker => channels::ticker(exchange, market, at_ms),
            Channel::Trade => channels::last_trades(exchange, market),
        };
        if snapshot {
            push(&self.outbox, &message(channel.name(), "snapshot", first));
        }
        heard.markets.push(Heard { market, channel, book });
    }

    fn subscribe_own(&self, shell: &Shell, reply: &Reply, name: &str, fields: &Fields) -> Result<(), String> {
        let identity = admit(shell, Access::Read, &self.caller).map_err(told)?;
        let Some(identity) = identity else {
            return Err(told(KrakenError::malformed()));
        };
        let yes = |name: &str, default: bool| fields.find(name).map_or(default, |wanted| wanted == "true");
        shell.with(|exchange, _| {
            let owner = exchange.account(&identity.account).map_err(told)?;
            let mut heard = self.heard.lock();
            push(&self.outbox, &reply.done(&json!({"channel": name, "snapshot": true, "warnings": []})));
            let mut sequence = 0;
            let mut first = |data: Value| {
                sequence += 1;
                let mut snapshot = message(name, "snapshot", data);
                snapshot["sequence"] = json!(sequence);
                push(&self.outbox, &snapshot);
            };
            if name == "balances" {
                first(executions::balances(exchange, owner));
                heard.balances = Some((owner, sequence));
                return Ok(());
            }
            if yes("snap_orders", true) {
                first(executions::open_orders(exchange, owner));
            }
            if yes("snap_trades", false) {
                first(executions::last_trades(exchange, owner));
            }
            heard.executions = Some((owner, sequence));
            Ok(())
        })
    }

    fn unsubscribe(&self, shell: &Shell, reply: &Reply, params: Map<String, Value>) -> Result<(), String> {
        let symbols = params.get("symbol").cloned();
        let fields = fields_of(params);
        let name = fields.find("channel").unwrap_or("");
        shell.counters.count_public();
        match name {
            "balances" => self.heard.lock().balances = None,
            "executions" => self.heard.lock().executions = None,
            _ => {
                let channel = Channel::read(name, &fields).map_err(str::to_owned)?;
                return shell.with(|exchange, _| self.forget(exchange, reply, channel, symbols.as_ref()));
            }
        }
        push(&self.outbox, &reply.done(&json!({"channel": name})));
        Ok(())
    }

    fn forget(&self, exchange: &Exchange, reply: &Reply, channel: Channel, symbols: Option<&Value>) -> Result<(), String> {
        for symbol in symbols_of(symbols)? {
            let Some(market) = names::find_pair(exchange, symbol) else {
                push(&self.outbox, &reply.refused(&format!("Currency pair not supported {symbol}")));
                continue;
            };
            self.heard.lock().markets.retain(|one| one.market != market || one.channel != channel);
            push(&self.outbox, &reply.done(&channel.result(Some(symbol), false)));
        }
        Ok(())
    }
}

/// One subscription asked for.
struct Wanted {
    market: MarketIndex,
    channel: Channel,
    asked: Option<bool>,
}

fn symbols_of(symbols: Option<&Value>) -> Result<Vec<&str>, String> {
    let symbols = symbols.and_then(Value::as_array).ok_or("Pair field must be an array")?;
    symbols.iter().map(|symbol| symbol.as_str().ok_or_else(|| "Pair field must be an array".to_owned())).collect()
}

impl Observer for Subscriptions {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { owner, .. } => {
                if let Some((listener, sequence)) = &mut self.balances
                    && listener == owner
                {
                    *sequence += 1;
                    let mut update = message("balances", "update", executions::balances(exchange, *owner));
                    update["sequence"] = json!(*sequence);
                    push(outbox, &update);
                }
            }
            Event::Order { change, order, fill, at_ms, .. } => {
                if let Some((listener, sequence)) = &mut self.executions
                    && *listener == order.owner
                {
                    for report in executions::changed(exchange, *change, order, fill.as_deref(), *at_ms) {
                        *sequence += 1;
                        let mut update = message("executions", "update", json!([report]));
                        update["sequence"] = json!(*sequence);
                        push(outbox, &update);
                    }
                }
            }
            Event::Ticked { at_ms } => self.tick(exchange, *at_ms, outbox),
            Event::Trade { market, trade } => {
                if self.markets.iter().any(|one| one.market == *market && one.channel == Channel::Trade) {
                    let terms = &exchange.market(*market).instrument;
                    let update = message("trade", "update", json!([channels::trade(terms, trade)]));
                    outbox.push_flow(Bytes::from(update.to_string()));
                }
            }
        }
    }
}

impl Subscriptions {
    fn tick(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        for (place, one) in self.markets.iter_mut().enumerate() {
            let data = match (one.channel, &mut one.book) {
                (Channel::Book(depth), Some(mirror)) => {
                    let change = mirror.advance(exchange, one.market, depth);
                    if !change.bids.is_empty() || !change.asks.is_empty() {
                        let terms = &exchange.market(one.market).instrument;
                        let update = message("book", "update", channels::book_change(terms, mirror, &change, at_ms));
                        outbox.push_flow(Bytes::from(update.to_string()));
                    }
                    continue;
                }
                (Channel::Ohlc(minutes), _) => channels::candles(exchange, one.market, minutes, false),
                (Channel::Ticker, _) => channels::ticker(exchange, one.market, at_ms),
                (Channel::Book(_), None) | (Channel::Instrument | Channel::Trade, _) => continue,
            };
            let topic = Topic { market: one.market, feed: Feed::Facade(u16::try_from(place).unwrap_or(u16::MAX)) };
            outbox.push_state(topic, Bytes::from(message(one.channel.name(), "update", data).to_string()));
        }
        let hears = !self.markets.is_empty() || self.executions.is_some() || self.balances.is_some();
        if hears && at_ms >= self.heartbeat_ms + HEARTBEAT_MS {
            self.heartbeat_ms = at_ms;
            outbox.push_flow(Bytes::from_static(br#"{"channel":"heartbeat"}"#));
        }
    }
}
