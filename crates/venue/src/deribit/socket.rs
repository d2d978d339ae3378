//! JSON-RPC over WebSocket: every method of the table, and subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::call;
use super::channels::{self, Channel, notification};
use super::error::RpcError;
use super::method::{Method, find};
use super::rest::envelope;
use super::{account, shapes};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::exchange::order::{Fill, Order};
use crate::facade::{Access, BookMirror, Unreadable, admit, fields_of, json_response};
use crate::hub::{Feed, Observer, Topic};
use crate::limits::{BOOK_LEVELS_PUBLISHED, STREAMS_PER_CONNECTION_MAX};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};

#[derive(Deserialize)]
struct Frame {
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Option<Map<String, Value>>,
}

/// One channel a connection hears.
struct Heard {
    channel: Channel,
    book: Option<BookMirror>,
    /// Keeps its newest message apart from those of other channels.
    feed: u16,
}

/// What one connection hears.
#[derive(Default)]
struct Subscriptions {
    channels: BTreeMap<String, Heard>,
    owner: Option<AccountIndex>,
    next_feed: u16,
}

/// One connection.
struct Session {
    caller: Caller,
    outbox: Arc<Outbox>,
    heard: Arc<Mutex<Subscriptions>>,
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            let refusal = Err(RpcError::from(Unreadable::Identity(error)));
            return json_response(StatusCode::BAD_REQUEST, &envelope(None, refusal, now_ms()));
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        let heard = Arc::new(Mutex::new(Subscriptions::default()));
        let observer: Arc<Mutex<dyn Observer>> = Arc::<Mutex<Subscriptions>>::clone(&heard);
        shell.hub.observe(connection.id, observer, &connection.outbox);
        Session { caller, outbox: Arc::clone(&connection.outbox), heard }
    })
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let began = now_ms();
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(envelope(None, Err(RpcError::malformed()), began).to_string());
        };
        let reply = |result| envelope(frame.id.as_ref(), result, began).to_string();
        let params = frame.params.unwrap_or_default();
        let Some((method, access)) = find(&frame.method) else {
            shell.counters.count_refused();
            return Some(reply(Err(RpcError::unknown_method())));
        };
        match method {
            Method::PrivateSubscribe | Method::PublicSubscribe => match self.subscribe(shell, access, &params, &reply) {
                Ok(()) => None,
                Err(error) => Some(reply(Err(error))),
            },
            Method::PrivateUnsubscribe | Method::PublicUnsubscribe => Some(reply(self.unsubscribe(shell, access, Some(&params)))),
            Method::PrivateUnsubscribeAll | Method::PublicUnsubscribeAll => Some(reply(self.unsubscribe(shell, access, None))),
            Method::AccountSummaries
            | Method::AccountSummary
            | Method::BookSummaryByCurrency
            | Method::BookSummaryByInstrument
            | Method::Buy
            | Method::Cancel
            | Method::CancelAll
            | Method::CancelAllByCurrency
            | Method::CancelAllByInstrument
            | Method::CancelByLabel
            | Method::ChartData
            | Method::Currencies
            | Method::Edit
            | Method::EditByLabel
            | Method::IndexPrice
            | Method::Instrument
            | Method::Instruments
            | Method::LastTradesByCurrency
            | Method::LastTradesByInstrument
            | Method::OpenOrders
            | Method::OpenOrdersByCurrency
            | Method::OpenOrdersByInstrument
            | Method::OrderBook
            | Method::OrderHistoryByCurrency
            | Method::OrderHistoryByInstrument
            | Method::OrderState
            | Method::Position
            | Method::Positions
            | Method::Sell
            | Method::Status
            | Method::Test
            | Method::Ticker
            | Method::Time
            | Method::UserTradesByCurrency
            | Method::UserTradesByInstrument
            | Method::UserTradesByOrder => Some(reply(call(shell, method, access, &self.caller, &fields_of(params)))),
        }
    }
}

fn names_of(params: &Map<String, Value>) -> Result<Vec<String>, RpcError> {
    let wrong = || RpcError::parameter("channels", "wrong format");
    let names = params.get("channels").and_then(Value::as_array).ok_or_else(wrong)?;
    names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

impl Session {
    /// Subscribes to the channels there are; the reply names those, as the venue does. `raw`
    /// market channels need an identity.
    fn subscribe(
        &self,
        shell: &Shell,
        access: Access,
        params: &Map<String, Value>,
        reply: &impl Fn(Result<Value, RpcError>) -> String,
    ) -> Result<(), RpcError> {
        let identity = admit(shell, access, &self.caller)?;
        let names = names_of(params)?;
        if self.caller.is_none() && names.iter().any(|name| name.ends_with(".raw")) {
            return Err(RpcError::raw_needs_identity());
        }
        shell.with(|exchange, at_ms| {
            let owner = identity.map(|identity| exchange.account(&identity.account)).transpose()?;
            let mut heard = self.heard.lock();
            if heard.channels.len() + names.len() > STREAMS_PER_CONNECTION_MAX {
                return Err(RpcError::too_many_channels());
            }
            heard.owner = owner.or(heard.owner);
            let mut taken = Vec::new();
            let mut first = Vec::new();
            for name in names {
                // What belongs to an account is for `private/subscribe` alone.
                let channel = Channel::read(exchange, &name).filter(|channel| owner.is_some() || !channel.is_private());
                let Some(channel) = channel else {
                    continue;
                };
                let (book, data) = opening(exchange, &channel, heard.owner, at_ms);
                first.extend(data.map(|data| notification(&name, data)));
                heard.next_feed = heard.next_feed.wrapping_add(1);
                let feed = heard.next_feed;
                heard.channels.insert(name.clone(), Heard { channel, book, feed });
                taken.push(name);
            }
            self.outbox.push_own(Bytes::from(reply(Ok(json!(taken)))));
            for message in first {
                self.outbox.push_own(Bytes::from(message));
            }
            Ok(())
        })
    }

    fn unsubscribe(&self, shell: &Shell, access: Access, params: Option<&Map<String, Value>>) -> Result<Value, RpcError> {
        admit(shell, access, &self.caller)?;
        let mut heard = self.heard.lock();
        match params {
            None => {
                heard.channels.retain(|_, one| one.channel.is_private() != (access == Access::Read));
                Ok(json!("ok"))
            }
            Some(params) => {
                let names = names_of(params)?;
                let gone: Vec<String> = names.into_iter().filter(|name| heard.channels.remove(name).is_some()).collect();
                Ok(json!(gone))
            }
        }
    }
}

/// What a new subscriber is told at once.
fn opening(exchange: &Exchange, channel: &Channel, owner: Option<AccountIndex>, at_ms: u64) -> (Option<BookMirror>, Option<Value>) {
    match channel {
        Channel::Book(market) => {
            let mirror = BookMirror::of(exchange, *market, BOOK_LEVELS_PUBLISHED);
            let snapshot = channels::book_snapshot(exchange, *market, &mirror, at_ms);
            (Some(mirror), Some(snapshot))
        }
        Channel::Quote(market) => (None, Some(channels::quote(exchange, *market, at_ms))),
        Channel::Ticker(market) => (None, Some(shapes::ticker(exchange, *market, at_ms))),
        Channel::UserPortfolio(currency) if currency != "any" => (None, owner.map(|owner| account::portfolio(exchange, owner, currency))),
        Channel::BookTop(..)
        | Channel::Chart(..)
        | Channel::Trades(_)
        | Channel::UserChanges(_)
        | Channel::UserOrders(..)
        | Channel::UserPortfolio(_)
        | Channel::UserTrades(_) => (None, None),
    }
}

impl Observer for Subscriptions {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { owner, .. } => {
                if self.owner == Some(*owner) {
                    self.tell_balances(exchange, *owner, outbox);
                }
            }
            Event::Order { order, fill, .. } => {
                if self.owner == Some(order.owner) {
                    self.tell_order(exchange, order, fill.as_deref(), outbox);
                }
            }
            Event::Ticked { at_ms } => self.tick(exchange, *at_ms, outbox),
            Event::Trade { market, trade } => {
                for (name, one) in &self.channels {
                    if matches!(&one.channel, Channel::Trades(wanted) if wanted == market) {
                        let data = json!([shapes::trade(exchange, exchange.market(*market), trade)]);
                        outbox.push_flow(Bytes::from(notification(name, data)));
                    }
                }
            }
        }
    }
}

impl Subscriptions {
    fn tell_balances(&self, exchange: &Exchange, owner: AccountIndex, outbox: &Outbox) {
        for (name, one) in &self.channels {
            let Channel::UserPortfolio(wanted) = &one.channel else {
                continue;
            };
            for currency in exchange.account_state(owner).balances.keys().filter(|currency| wanted == "any" || **wanted == ***currency) {
                outbox.push_own(Bytes::from(notification(name, account::portfolio(exchange, owner, currency))));
            }
        }
    }

    fn tell_order(&self, exchange: &Exchange, order: &Order, fill: Option<&Fill>, outbox: &Outbox) {
        let order_shape = || shapes::order(exchange, order);
        let trades = || -> Value { fill.into_iter().map(|fill| shapes::user_trade(exchange, order.owner, fill)).collect() };
        for (name, one) in &self.channels {
            let data = match &one.channel {
                Channel::UserChanges(whose) if whose.holds(exchange, order.market) => json!({
                    "instrument_name": order_shape()["instrument_name"], "orders": [order_shape()], "trades": trades(), "positions": [],
                }),
                Channel::UserOrders(whose, single) if whose.holds(exchange, order.market) => {
                    if *single {
                        order_shape()
                    } else {
                        json!([order_shape()])
                    }
                }
                Channel::UserTrades(whose) if fill.is_some() && whose.holds(exchange, order.market) => trades(),
                Channel::Book(_)
                | Channel::BookTop(..)
                | Channel::Chart(..)
                | Channel::Quote(_)
                | Channel::Ticker(_)
                | Channel::Trades(_)
                | Channel::UserChanges(_)
                | Channel::UserOrders(..)
                | Channel::UserPortfolio(_)
                | Channel::UserTrades(_) => continue,
            };
            outbox.push_own(Bytes::from(notification(name, data)));
        }
    }

    fn tick(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        for (name, one) in &mut self.channels {
            let (market, data) = match &one.channel {
                Channel::Book(market) => {
                    let change =
                        one.book.as_mut().and_then(|mirror| channels::book_change(exchange, *market, mirror, BOOK_LEVELS_PUBLISHED, at_ms));
                    if let Some(change) = change {
                        outbox.push_flow(Bytes::from(notification(name, change)));
                    }
                    continue;
                }
                Channel::BookTop(market, depth) => (*market, Some(channels::book_top(exchange, *market, *depth, at_ms))),
                Channel::Chart(market, minutes) => (*market, channels::candle(exchange, *market, *minutes)),
                Channel::Quote(market) => (*market, Some(channels::quote(exchange, *market, at_ms))),
                Channel::Ticker(market) => (*market, Some(shapes::ticker(exchange, *market, at_ms))),
                Channel::Trades(_)
                | Channel::UserChanges(_)
                | Channel::UserOrders(..)
                | Channel::UserPortfolio(_)
                | Channel::UserTrades(_) => continue,
            };
            if let Some(data) = data {
                let topic = Topic { market, feed: Feed::Facade(one.feed) };
                outbox.push_state(topic, Bytes::from(notification(name, data)));
            }
        }
    }
}
