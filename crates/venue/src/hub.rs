//! Who hears what: subscriptions of WebSocket connections, and the publication of events.
//!
//! Publication happens while the exchange is locked, so every connection sees events in the
//! order they happened. A topic is rendered once and shared by its subscribers; a topic
//! nobody subscribed to is not rendered at all. Books, tickers and candles go out when the
//! market ticks, trades and own events at once. A connection may also watch for itself: see
//! [`Observer`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::{Event, PublicTrade};
use crate::exchange::instrument::MarketIndex;
use crate::facade::BookMirror;
use crate::limits::BOOK_LEVELS_PUBLISHED;
use crate::operations::{Channel, Dialect, OwnChannel};
use crate::outbox::Outbox;
use crate::{binance, binance_futures, native};

/// A kind of market data.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Feed {
    /// Binance `@aggTrade`
    AggTrade,
    /// Binance `@bookTicker`
    BookTicker,
    /// Binance `@depth`; `true` for `@depth@100ms`
    Depth(bool),
    /// Binance `@depth<levels>`; `true` with `@100ms`
    DepthTop(u8, bool),
    /// A channel of one of the façades that are tables
    Dialect(Dialect, Channel),
    /// Observed by a connection of another façade, under that façade's number; never published by topic
    Facade(u16),
    /// Binance `@kline_<interval>`, by index into the interval table
    Kline(u8),
    /// Binance `@markPrice`; `true` with `@1s`
    MarkPrice(bool),
    /// Binance `!markPrice@arr`; `true` with `@1s`
    MarkPrices(bool),
    /// Binance `@miniTicker`
    MiniTicker,
    /// Binance `!miniTicker@arr`
    MiniTickers,
    /// Native `book`
    NativeBook,
    /// Native `ticker`
    NativeTicker,
    /// Native `trade`
    NativeTrade,
    /// Binance `@ticker`
    Ticker,
    /// Binance `!ticker@arr`
    Tickers,
    /// Binance `@trade`
    Trade,
}

/// A kind of market data of one instrument.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Topic {
    pub(crate) market: MarketIndex,
    pub(crate) feed: Feed,
}

/// How a connection wants its messages wrapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrapping {
    /// Binance `/stream`: `{"stream":…,"data":…}`
    Combined,
    /// As they are.
    Plain,
}

/// How an account's events are written for one listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OwnForm {
    /// Binance WebSocket API, with the number of its subscription.
    Binance(u64),
    /// Binance's USD-M futures.
    BinanceFutures,
    /// A channel of one of the façades that are tables.
    Dialect(Dialect, OwnChannel),
    /// Native.
    Native,
}

/// One connection's own view of what happens, for façades whose messages depend on what the
/// connection was told before (snapshots and differences, sequence numbers).
///
/// It is called for every event, in order, while the exchange is locked; so it must be short,
/// and its own lock must never be held while the exchange is asked for.
pub(crate) trait Observer: Send {
    /// Writes what this connection wants to know of an event into its outbox.
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox);
}

struct Subscriber {
    connection: u64,
    wrapping: Wrapping,
    outbox: Arc<Outbox>,
}

struct Watch {
    observer: Arc<Mutex<dyn Observer>>,
    outbox: Arc<Outbox>,
}

struct Listener {
    connection: u64,
    form: OwnForm,
    outbox: Arc<Outbox>,
}

#[derive(Default)]
struct Tables {
    next_connection: u64,
    topics: HashMap<Topic, Vec<Subscriber>>,
    listeners: HashMap<AccountIndex, Vec<Listener>>,
    published: HashMap<MarketIndex, BookMirror>,
    observers: BTreeMap<u64, Watch>,
}

/// All subscriptions.
#[derive(Default)]
pub(crate) struct Hub(Mutex<Tables>);

impl Hub {
    /// A number for a new connection.
    pub(crate) fn connect(&self) -> u64 {
        let mut tables = self.0.lock();
        tables.next_connection += 1;
        tables.next_connection
    }

    /// Forgets a connection.
    pub(crate) fn disconnect(&self, connection: u64) {
        let mut tables = self.0.lock();
        tables.topics.retain(|_, subscribers| {
            subscribers.retain(|one| one.connection != connection);
            !subscribers.is_empty()
        });
        tables.listeners.retain(|_, listeners| {
            listeners.retain(|one| one.connection != connection);
            !listeners.is_empty()
        });
        tables.observers.remove(&connection);
    }

    /// Lets a connection see every event until it disconnects.
    pub(crate) fn observe(&self, connection: u64, observer: Arc<Mutex<dyn Observer>>, outbox: &Arc<Outbox>) {
        let watch = Watch { observer, outbox: Arc::clone(outbox) };
        self.0.lock().observers.insert(connection, watch);
    }

    /// Subscribes a connection to a topic; a second time changes nothing.
    pub(crate) fn subscribe(&self, exchange: &Exchange, topic: Topic, connection: u64, wrapping: Wrapping, outbox: &Arc<Outbox>) {
        let mut tables = self.0.lock();
        if matches!(topic.feed, Feed::Depth(_) | Feed::Dialect(_, Channel::Changes)) {
            let baseline = tables.published.entry(topic.market);
            baseline.or_insert_with(|| BookMirror::of(exchange, topic.market, BOOK_LEVELS_PUBLISHED));
        }
        let subscribers = tables.topics.entry(topic).or_default();
        if subscribers.iter().all(|one| one.connection != connection) {
            subscribers.push(Subscriber { connection, wrapping, outbox: Arc::clone(outbox) });
        }
    }

    /// Ends one subscription.
    pub(crate) fn unsubscribe(&self, topic: Topic, connection: u64) {
        let mut tables = self.0.lock();
        if let Some(subscribers) = tables.topics.get_mut(&topic) {
            subscribers.retain(|one| one.connection != connection);
            if subscribers.is_empty() {
                tables.topics.remove(&topic);
            }
        }
    }

    /// Lets a connection hear the events of an account.
    pub(crate) fn listen(&self, owner: AccountIndex, connection: u64, form: OwnForm, outbox: &Arc<Outbox>) {
        let listener = Listener { connection, form, outbox: Arc::clone(outbox) };
        self.0.lock().listeners.entry(owner).or_default().push(listener);
    }

    /// Ends a connection's hearing of an account, in one form or in all.
    pub(crate) fn unlisten(&self, owner: AccountIndex, connection: u64, form: Option<OwnForm>) {
        let mut tables = self.0.lock();
        if let Some(listeners) = tables.listeners.get_mut(&owner) {
            listeners.retain(|one| one.connection != connection || form.is_some_and(|form| one.form != form));
        }
    }

    /// Tells everyone concerned what happened.
    pub(crate) fn publish(&self, exchange: &Exchange, events: &[Event]) {
        let mut tables = self.0.lock();
        for event in events {
            for watch in tables.observers.values() {
                watch.observer.lock().observe(exchange, event, &watch.outbox);
            }
            match event {
                Event::Balances { owner, .. } => tables.tell_owner(exchange, *owner, event),
                Event::Order { order, .. } => tables.tell_owner(exchange, order.owner, event),
                Event::Ticked { at_ms } => tables.publish_tick(exchange, *at_ms),
                Event::Trade { market, trade } => tables.publish_trade(exchange, *market, trade),
            }
        }
    }
}

impl Tables {
    fn tell_owner(&self, exchange: &Exchange, owner: AccountIndex, event: &Event) {
        let Some(listeners) = self.listeners.get(&owner) else {
            return;
        };
        for listener in listeners {
            let messages: Vec<String> = match listener.form {
                OwnForm::Binance(subscription) => binance::own_event(exchange, event, subscription).into_iter().collect(),
                OwnForm::BinanceFutures => binance_futures::own_events(exchange, event),
                OwnForm::Dialect(dialect, channel) => dialect.own(exchange, channel, event),
                OwnForm::Native => native::own_event(exchange, event),
            };
            for message in messages {
                listener.outbox.push_own(Bytes::from(message));
            }
        }
    }

    fn publish_trade(&self, exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) {
        for feed in [Feed::AggTrade, Feed::NativeTrade, Feed::Trade] {
            let topic = Topic { market, feed };
            let Some(subscribers) = self.topics.get(&topic) else {
                continue;
            };
            let data = if feed == Feed::NativeTrade {
                native::trade_event(exchange, market, trade)
            } else {
                binance::trade_event(exchange, topic, trade)
            };
            deliver(exchange, topic, subscribers, data, Outbox::push_flow);
        }
        for dialect in Dialect::ALL {
            let topic = Topic { market, feed: Feed::Dialect(dialect, Channel::Trades) };
            if let Some(subscribers) = self.topics.get(&topic) {
                deliver(exchange, topic, subscribers, dialect.trade(exchange, market, trade), Outbox::push_flow);
            }
        }
    }

    fn publish_tick(&mut self, exchange: &Exchange, at_ms: u64) {
        let topics = &self.topics;
        let differing = [false, true].map(Feed::Depth).into_iter();
        let differing = differing.chain(Dialect::ALL.map(|dialect| Feed::Dialect(dialect, Channel::Changes)));
        let watched = |market: MarketIndex| differing.clone().any(|feed| topics.contains_key(&Topic { market, feed }));
        self.published.retain(|market, _| watched(*market));
        let mut differences = HashMap::new();
        for (market, published) in &mut self.published {
            differences.insert(*market, published.advance(exchange, *market, BOOK_LEVELS_PUBLISHED));
        }
        for (topic, subscribers) in &self.topics {
            match topic.feed {
                Feed::AggTrade | Feed::Dialect(_, Channel::Trades) | Feed::Facade(_) | Feed::NativeTrade | Feed::Trade => {}
                Feed::Dialect(dialect, Channel::Changes) => {
                    let difference = differences.get(&topic.market);
                    for data in
                        difference.map(|difference| dialect.changes(exchange, topic.market, difference, at_ms)).into_iter().flatten()
                    {
                        deliver(exchange, *topic, subscribers, data, Outbox::push_flow);
                    }
                }
                Feed::Dialect(dialect, channel) => {
                    if let Some(data) = dialect.state(exchange, topic.market, channel, at_ms) {
                        deliver_state(exchange, *topic, subscribers, data);
                    }
                }
                Feed::Depth(_) => {
                    if let Some(difference) = differences.get(&topic.market) {
                        let data = binance::depth_event(exchange, topic.market, difference, at_ms);
                        deliver(exchange, *topic, subscribers, data, Outbox::push_flow);
                    }
                }
                Feed::NativeBook => {
                    let data = native::book_event(exchange, topic.market, at_ms);
                    deliver_state(exchange, *topic, subscribers, data);
                }
                Feed::NativeTicker => {
                    let data = native::ticker_event(exchange, topic.market, at_ms);
                    deliver_state(exchange, *topic, subscribers, data);
                }
                Feed::BookTicker
                | Feed::DepthTop(..)
                | Feed::Kline(_)
                | Feed::MarkPrice(_)
                | Feed::MarkPrices(_)
                | Feed::MiniTicker
                | Feed::MiniTickers
                | Feed::Ticker
                | Feed::Tickers => {
                    let data = binance::state_event(exchange, *topic, at_ms);
                    deliver_state(exchange, *topic, subscribers, data);
                }
            }
        }
    }
}

fn deliver_state(exchange: &Exchange, topic: Topic, subscribers: &[Subscriber], data: String) {
    deliver(exchange, topic, subscribers, data, |outbox, message| outbox.push_state(topic, message));
}

fn deliver(exchange: &Exchange, topic: Topic, subscribers: &[Subscriber], data: String, push: impl Fn(&Outbox, Bytes)) {
    let wants = |wrapping| subscribers.iter().any(|one| one.wrapping == wrapping);
    let combined = wants(Wrapping::Combined).then(|| Bytes::from(binance::combined(exchange, topic, &data)));
    let plain = Bytes::from(data);
    for subscriber in subscribers {
        let message = match (subscriber.wrapping, &combined) {
            (Wrapping::Combined, Some(combined)) => combined.clone(),
            (Wrapping::Combined, None) | (Wrapping::Plain, _) => plain.clone(),
        };
        push(&subscriber.outbox, message);
    }
}
