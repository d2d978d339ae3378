//! What a connection of WebSocket v1 hears: channels of the market, open orders, trades of its own.

use bytes::Bytes;
use serde_json::{Value, json};

use super::market_data::INTERVALS;
use super::socket::push;
use super::{channels, names, v1_shapes};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{BookMirror, FieldError, Fields};
use crate::hub::{Feed, Observer, Topic};
use crate::outbox::Outbox;

/// The vendor sends a heartbeat every second when anything is subscribed to.
const HEARTBEAT_MS: u64 = 1_000;
/// Numbers of the channels of one market: by scores, as there are fewer channels than that.
const CHANNELS_PER_MARKET: usize = 20;

/// A channel of the market with its parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Channel {
    Book(u64),
    Ohlc(u64),
    Spread,
    Ticker,
    Trade,
}

impl Channel {
    /// Reads the `subscription` of a frame; the text says what is wrong.
    pub(super) fn read(fields: &Fields) -> Result<Self, &'static str> {
        let integer = |name, default| fields.integer(name).map(|value: Option<u64>| value.unwrap_or(default));
        let one_of = |value: Result<u64, FieldError>, known: &[u64], wrong| value.ok().filter(|value| known.contains(value)).ok_or(wrong);
        match fields.find("name").unwrap_or_default() {
            "book" => one_of(integer("depth", 10), &channels::DEPTHS, "Subscription depth not supported").map(Self::Book),
            "ohlc" => one_of(integer("interval", 1), &INTERVALS, "Subscription ohlc interval not supported").map(Self::Ohlc),
            "spread" => Ok(Self::Spread),
            "ticker" => Ok(Self::Ticker),
            "trade" => Ok(Self::Trade),
            _ => Err("Subscription name invalid"),
        }
    }

    /// The name that messages have.
    pub(super) fn name(self) -> String {
        match self {
            Self::Book(depth) => format!("book-{depth}"),
            Self::Ohlc(minutes) => format!("ohlc-{minutes}"),
            Self::Spread => "spread".to_owned(),
            Self::Ticker => "ticker".to_owned(),
            Self::Trade => "trade".to_owned(),
        }
    }

    /// The `subscription` that an answer repeats.
    pub(super) fn subscription(self) -> Value {
        match self {
            Self::Book(depth) => json!({"name": "book", "depth": depth}),
            Self::Ohlc(minutes) => json!({"name": "ohlc", "interval": minutes}),
            Self::Spread | Self::Ticker | Self::Trade => json!({"name": self.name()}),
        }
    }

    /// The number of the channel of one market.
    pub(super) fn number(self, market: MarketIndex) -> usize {
        let place = |known: &[u64], value: u64| known.iter().position(|one| *one == value).unwrap_or_default();
        let channel = match self {
            Self::Spread => 1,
            Self::Ticker => 2,
            Self::Trade => 3,
            Self::Book(depth) => 4 + place(&channels::DEPTHS, depth),
            Self::Ohlc(minutes) => 4 + channels::DEPTHS.len() + place(&INTERVALS, minutes),
        };
        market.0 * CHANNELS_PER_MARKET + channel
    }
}

/// A channel that one connection hears.
pub(super) struct Heard {
    pub(super) market: MarketIndex,
    pub(super) channel: Channel,
    book: Option<BookMirror>,
}

/// A list of one's own: whose, and how many messages there were.
pub(super) type Own = Option<(AccountIndex, u64)>;

/// What one connection hears.
#[derive(Default)]
pub(super) struct Subscriptions {
    pub(super) markets: Vec<Heard>,
    pub(super) open_orders: Own,
    pub(super) own_trades: Own,
    heartbeat_ms: u64,
}

/// A message of a channel, with one element of data or, of a book, several.
fn message(exchange: &Exchange, market: MarketIndex, channel: Channel, data: Vec<Value>) -> String {
    let pair = names::old_ws_name(&exchange.market(market).instrument);
    let mut whole = vec![json!(channel.number(market))];
    whole.extend(data);
    whole.extend([json!(channel.name()), json!(pair)]);
    Value::from(whole).to_string()
}

/// A message of one's own.
fn tell_own(outbox: &Outbox, name: &str, rows: Vec<Value>, sequence: &mut u64) {
    *sequence += 1;
    push(outbox, &json!([rows, name, {"sequence": *sequence}]));
}

impl Subscriptions {
    /// Hears a channel from now on, and is told what there is.
    pub(super) fn hear(&mut self, exchange: &Exchange, market: MarketIndex, channel: Channel, at_ms: u64, outbox: &Outbox) {
        let mut book = None;
        let first = match channel {
            Channel::Book(depth) => {
                let mirror = book.insert(BookMirror::of(exchange, market, usize::try_from(depth).unwrap_or(usize::MAX)));
                Some(v1_shapes::book(&exchange.market(market).instrument, mirror, at_ms))
            }
            Channel::Ohlc(minutes) => v1_shapes::candle(exchange, market, minutes, at_ms),
            Channel::Spread => Some(v1_shapes::spread(exchange, market, at_ms)),
            Channel::Ticker => Some(v1_shapes::ticker(exchange, market)),
            Channel::Trade => Some(v1_shapes::last_trades(exchange, market)),
        };
        if let Some(first) = first {
            outbox.push_own(Bytes::from(message(exchange, market, channel, vec![first])));
        }
        self.markets.push(Heard { market, channel, book });
    }

    /// Hears of open orders from now on, and is told which there are.
    pub(super) fn hear_orders(&mut self, exchange: &Exchange, owner: AccountIndex, outbox: &Outbox) {
        let (_, sequence) = self.open_orders.insert((owner, 0));
        tell_own(outbox, "openOrders", v1_shapes::open_orders(exchange, owner), sequence);
    }

    /// Hears of trades from now on, and is told of the last ones where it wants that.
    pub(super) fn hear_trades(&mut self, exchange: &Exchange, owner: AccountIndex, snapshot: bool, outbox: &Outbox) {
        let (_, sequence) = self.own_trades.insert((owner, 0));
        if snapshot {
            tell_own(outbox, "ownTrades", v1_shapes::own_trades(exchange, owner), sequence);
        }
    }

    fn tick(&mut self, exchange: &Exchange, at_ms: u64, outbox: &Outbox) {
        for (place, one) in self.markets.iter_mut().enumerate() {
            let data = match (one.channel, &mut one.book) {
                (Channel::Book(depth), Some(mirror)) => {
                    let change = mirror.advance(exchange, one.market, usize::try_from(depth).unwrap_or(usize::MAX));
                    let data = v1_shapes::book_change(&exchange.market(one.market).instrument, mirror, &change, at_ms);
                    if !data.is_empty() {
                        outbox.push_flow(Bytes::from(message(exchange, one.market, one.channel, data)));
                    }
                    continue;
                }
                (Channel::Ohlc(minutes), _) => v1_shapes::candle(exchange, one.market, minutes, at_ms),
                (Channel::Spread, _) => Some(v1_shapes::spread(exchange, one.market, at_ms)),
                (Channel::Ticker, _) => Some(v1_shapes::ticker(exchange, one.market)),
                (Channel::Book(_), None) | (Channel::Trade, _) => None,
            };
            if let Some(data) = data {
                let topic = Topic { market: one.market, feed: Feed::Facade(u16::try_from(place).unwrap_or(u16::MAX)) };
                outbox.push_state(topic, Bytes::from(message(exchange, one.market, one.channel, vec![data])));
            }
        }
        let hears = !self.markets.is_empty() || self.open_orders.is_some() || self.own_trades.is_some();
        if hears && at_ms >= self.heartbeat_ms + HEARTBEAT_MS {
            self.heartbeat_ms = at_ms;
            outbox.push_flow(Bytes::from_static(br#"{"event":"heartbeat"}"#));
        }
    }
}

impl Observer for Subscriptions {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { .. } => {}
            Event::Order { change, order, fill, .. } => {
                if let Some((owner, sequence)) = &mut self.open_orders
                    && *owner == order.owner
                {
                    for row in v1_shapes::changed(exchange, *change, order) {
                        tell_own(outbox, "openOrders", vec![row], sequence);
                    }
                }
                if let (Some((owner, sequence)), Some(fill)) = (&mut self.own_trades, fill)
                    && *owner == order.owner
                    && let Some(row) = v1_shapes::own_trade(exchange, order.owner, fill)
                {
                    tell_own(outbox, "ownTrades", vec![row], sequence);
                }
            }
            Event::Ticked { at_ms } => self.tick(exchange, *at_ms, outbox),
            Event::Trade { market, trade } => {
                if self.markets.iter().any(|one| one.market == *market && one.channel == Channel::Trade) {
                    let row = v1_shapes::trade(&exchange.market(*market).instrument, trade);
                    outbox.push_flow(Bytes::from(message(exchange, *market, Channel::Trade, vec![json!([row])])));
                }
            }
        }
    }
}
