//! The WebSocket: `subscribe` and `unsubscribe` frames in, channel messages out.
//!
//! Every message of a connection has the next `sequence_num`, market data too. So none may be
//! dropped or overtaken: all wait in one queue, and a reader who is too slow for it is closed.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::channels::{self, Channel};
use super::error::CoinbaseError;
use super::names;
use crate::coinbase_exchange::CoinbaseExchangeSession;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{Access, BookMirror, Unreadable, admit, iso};
use crate::hub::Observer;
use crate::kraken::V1Session;
use crate::limits::{BOOK_LEVELS_PUBLISHED, STREAMS_PER_CONNECTION_MAX};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

const HEARTBEAT_MS: u64 = 1_000;

#[derive(Deserialize)]
struct Frame {
    r#type: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

/// What one connection hears.
#[derive(Default)]
struct Subscriptions {
    markets: BTreeMap<(Channel, MarketIndex), Option<BookMirror>>,
    /// The account, and the products its orders are told of: all when there are none.
    user: Option<(AccountIndex, Vec<MarketIndex>)>,
    heartbeats: bool,
    heartbeat_ms: u64,
    heartbeat_counter: u64,
    sequence: u64,
}

/// A connection at the root, where three venues have their WebSocket. The first frame says whose client it is; who holds a subscription
/// of this venue has said it.
enum AtRoot {
    Coinbase(Session),
    Exchange(CoinbaseExchangeSession),
    Kraken(V1Session),
}

impl Protocol for AtRoot {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if let Self::Coinbase(session) = self
            && session.heard.lock().is_empty()
        {
            if V1Session::is_asked_for(text) {
                *self = Self::Kraken(V1Session::open(shell, session.caller.take(), session.connection, &session.outbox));
            } else if CoinbaseExchangeSession::is_asked_for(text) {
                let outbox = Arc::clone(&session.outbox);
                *self = Self::Exchange(CoinbaseExchangeSession::open(session.caller.take(), session.connection, outbox));
            }
        }
        match self {
            Self::Coinbase(session) => session.on_text(shell, text),
            Self::Exchange(session) => session.on_text(shell, text),
            Self::Kraken(session) => session.on_text(shell, text),
        }
    }
}

impl Subscriptions {
    fn is_empty(&self) -> bool {
        self.markets.is_empty() && self.user.is_none() && !self.heartbeats
    }
}

/// One connection.
struct Session {
    connection: u64,
    caller: Caller,
    outbox: Arc<Outbox>,
    heard: Arc<Mutex<Subscriptions>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return CoinbaseError::from(Unreadable::Identity(error)).response();
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let heard = Arc::new(Mutex::new(Subscriptions::default()));
        let observer: Arc<Mutex<dyn Observer>> = Arc::<Mutex<Subscriptions>>::clone(&heard);
        shell.hub.observe(connection.id, observer, &connection.outbox);
        AtRoot::Coinbase(Session { connection: connection.id, caller, outbox: Arc::clone(&connection.outbox), heard })
    })
}

fn refusal(text: &str) -> String {
    json!({"type": "error", "message": text}).to_string()
}

impl Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(refusal("malformed frame"));
        };
        let done = match (frame.r#type.as_str(), Channel::read(&frame.channel)) {
            ("subscribe" | "unsubscribe", None) => Err("channel is not supported".to_owned()),
            ("subscribe", Some(channel)) => self.subscribe(shell, channel, &frame.product_ids),
            ("unsubscribe", Some(channel)) => self.unsubscribe(shell, channel, &frame.product_ids),
            (_, _) => Err("type must be subscribe or unsubscribe".to_owned()),
        };
        match done {
            Ok(()) => None,
            Err(text) => Some(refusal(&text)),
        }
    }
}

fn markets(exchange: &Exchange, ids: &[String]) -> Result<Vec<MarketIndex>, String> {
    ids.iter().map(|id| names::find(exchange, id).ok_or_else(|| format!("{id} is not a valid product"))).collect()
}

impl Session {
    fn subscribe(&self, shell: &Shell, channel: Channel, ids: &[String]) -> Result<(), String> {
        let access = if channel == Channel::User { Access::Read } else { Access::Public };
        let identity = admit(shell, access, &self.caller).map_err(|denied| CoinbaseError::from(denied).text().to_owned())?;
        shell.with(|exchange, at_ms| {
            let owner = identity.map(|identity| exchange.account(&identity.account)).transpose();
            let owner = owner.map_err(|error| error.to_string())?;
            let markets = markets(exchange, ids)?;
            let mut heard = self.heard.lock();
            if heard.markets.len() + markets.len() > STREAMS_PER_CONNECTION_MAX {
                return Err("too many subscriptions".to_owned());
            }
            let mut first = Vec::new();
            match (channel, owner) {
                (Channel::Heartbeats, _) => heard.heartbeats = true,
                (Channel::User, None) => return Err("authentication failure".to_owned()),
                (Channel::User, Some(owner)) => {
                    heard.user = Some((owner, markets));
                    first.push(channels::open_orders(exchange, owner));
                }
                (
                    Channel::Candles | Channel::Level2 | Channel::MarketTrades | Channel::Status | Channel::Ticker | Channel::TickerBatch,
                    _,
                ) => {
                    // Without a product the vendor takes all.
                    let markets = if markets.is_empty() { names::products(exchange).collect() } else { markets };
                    for market in markets {
                        let book = (channel == Channel::Level2).then(|| BookMirror::of(exchange, market, BOOK_LEVELS_PUBLISHED));
                        first.extend(opening(exchange, channel, market, book.as_ref(), at_ms));
                        heard.markets.insert((channel, market), book);
                    }
                }
            }
            for event in first {
                heard.push(&self.outbox, channel.sent_name(), event, at_ms);
            }
            heard.tell_subscriptions(exchange, &self.outbox, at_ms);
            Ok(())
        })
    }

    fn unsubscribe(&self, shell: &Shell, channel: Channel, ids: &[String]) -> Result<(), String> {
        shell.counters.count_public();
        shell.with(|exchange, at_ms| {
            let markets = markets(exchange, ids)?;
            let mut heard = self.heard.lock();
            match channel {
                Channel::Heartbeats => heard.heartbeats = false,
                Channel::User => heard.user = None,
                Channel::Candles | Channel::Level2 | Channel::MarketTrades | Channel::Status | Channel::Ticker | Channel::TickerBatch => {
                    heard.markets.retain(|(one, market), _| *one != channel || !(markets.is_empty() || markets.contains(market)));
                }
            }
            heard.tell_subscriptions(exchange, &self.outbox, at_ms);
            Ok(())
        })
    }
}

/// The first event of a market channel.
fn opening(exchange: &Exchange, channel: Channel, market: MarketIndex, book: Option<&BookMirror>, at_ms: u64) -> Option<Value> {
    match channel {
        Channel::Candles => Some(channels::candles(exchange, market, true)),
        Channel::Level2 => book.map(|mirror| channels::book(&exchange.market(market).instrument, mirror, at_ms)),
        Channel::MarketTrades => Some(channels::last_trades(exchange, market)),
        Channel::Status => Some(channels::status(exchange, market)),
        Channel::Ticker | Channel::TickerBatch => Some(channels::ticker(exchange, market, "snapshot")),
        Channel::Heartbeats | Channel::User => None,
    }
}

impl Subscriptions {
    /// Sends the next message of the connection.
    fn push(&mut self, outbox: &Outbox, channel: &str, event: Value, at_ms: u64) {
        let number = self.sequence;
        self.sequence += 1;
        let message = json!({"channel": channel, "client_id": "", "timestamp": iso(at_ms), "sequence_num": number, "events": [event]});
        outbox.push_own(Bytes::from(message.to_string()));
    }

    /// Everything the connection is subscribed to now.
    fn tell_subscriptions(&mut self, exchange: &Exchange, outbox: &Outbox, at_ms: u64) {
        let mut all: Map<String, Value> = Map::new();
        for (channel, market) in self.markets.keys() {
            let id = json!(names::product_id(&exchange.market(*market).instrument));
            if let Some(ids) = all.entry(channel.name()).or_insert_with(|| json!([])).as_array_mut() {
                ids.push(id);
            }
        }
        if self.heartbeats {
            all.insert("heartbeats".to_owned(), json!(["heartbeats"]));
        }
        if let Some((owner, _)) = &self.user {
            all.insert("user".to_owned(), json!([*exchange.account_state(*owner).name]));
        }
        self.push(outbox, "subscriptions", json!({"subscriptions": all}), at_ms);
    }

    fn tick(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        let mut events = Vec::new();
        for ((channel, market), book) in &mut self.markets {
            match channel {
                Channel::Candles => events.push((*channel, channels::candles(exchange, *market, false))),
                Channel::Level2 => {
                    if let Some(mirror) = book {
                        let change = mirror.advance(exchange, *market, BOOK_LEVELS_PUBLISHED);
                        if !change.bids.is_empty() || !change.asks.is_empty() {
                            events.push((*channel, channels::book_change(&exchange.market(*market).instrument, &change, at_ms)));
                        }
                    }
                }
                Channel::Ticker | Channel::TickerBatch => events.push((*channel, channels::ticker(exchange, *market, "update"))),
                Channel::Heartbeats | Channel::MarketTrades | Channel::Status | Channel::User => {}
            }
        }
        for (channel, event) in events {
            self.push(outbox, channel.sent_name(), event, at_ms);
        }
        if self.heartbeats && at_ms >= self.heartbeat_ms + HEARTBEAT_MS {
            self.heartbeat_ms = at_ms;
            self.heartbeat_counter += 1;
            let event = json!({"current_time": iso(at_ms), "heartbeat_counter": self.heartbeat_counter});
            self.push(outbox, "heartbeats", event, at_ms);
        }
    }
}

impl Observer for Subscriptions {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            // The vendor's `user` channel does not tell of balances.
            Event::Balances { .. } => {}
            Event::Order { order, at_ms, .. } => {
                let wanted = |(owner, markets): &(AccountIndex, Vec<MarketIndex>)| {
                    *owner == order.owner && (markets.is_empty() || markets.contains(&order.market))
                };
                if self.user.as_ref().is_some_and(wanted) && channels::is_listed(exchange, order) {
                    self.push(outbox, "user", channels::order_changed(exchange, order), *at_ms);
                }
            }
            Event::Ticked { at_ms } => self.tick(exchange, *at_ms, outbox),
            Event::Trade { market, trade } => {
                if self.markets.contains_key(&(Channel::MarketTrades, *market)) {
                    let event = channels::trade(&exchange.market(*market).instrument, trade);
                    self.push(outbox, "market_trades", event, trade.at_ms);
                }
            }
        }
    }
}
