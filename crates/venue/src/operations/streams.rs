//! Streams of the façades that are tables: which channels there are, who renders them, and
//! what one connection holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, Response};

use super::ApiError;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::book::Level;
use crate::exchange::event::{Event, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::facade::BookDifference;
use crate::hub::{Feed, OwnForm, Topic, Wrapping};
use crate::hyperliquid::Address;
use crate::limits::STREAMS_PER_CONNECTION_MAX;
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::{self, Connection, Protocol};
use crate::{bitfinex, bitmex, coinbase_exchange, gate, gemini, hyperliquid, kraken_futures, kucoin};

/// Whose form a message has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Dialect {
    Bitfinex,
    Bitmex,
    CoinbaseExchange,
    Gate,
    Gemini,
    /// Gemini's first market data API.
    GeminiV1,
    Hyperliquid,
    KrakenFutures,
    Kucoin,
}

/// A kind of market data; what the venue calls it is the dialect's business.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Channel {
    /// So many levels per side, whole, at every tick.
    Book(u16),
    /// The candle that is open, by index into the widths of the dialect.
    Candles(u8),
    /// What changed in the book since the last tick.
    Changes,
    /// The middle of the book.
    Mids,
    /// A second form of the whole book.
    Snapshot(u16),
    /// The last day.
    Ticker,
    /// The best level per side.
    Top,
    /// Every trade.
    Trades,
}

/// A kind of news about one's own account.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum OwnChannel {
    /// Balances, told under the address that asked for them.
    AddressBalances(Address),
    /// Fills, told under the address that asked for them.
    AddressFills(Address),
    Balances,
    Fills,
    Orders,
    /// Orders in a venue's second form.
    OrdersAnew,
    /// What is held of contracts.
    Positions,
}

impl Dialect {
    pub(crate) const ALL: [Self; 9] = [
        Self::Bitfinex,
        Self::Bitmex,
        Self::CoinbaseExchange,
        Self::Gate,
        Self::Gemini,
        Self::GeminiV1,
        Self::Hyperliquid,
        Self::KrakenFutures,
        Self::Kucoin,
    ];

    /// The message of a channel of which only the newest matters; `None` when the dialect has
    /// no such channel.
    pub(crate) fn state(self, exchange: &Exchange, market: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
        match self {
            Self::Bitfinex => bitfinex::state_event(exchange, market, channel),
            Self::Bitmex => bitmex::state_event(exchange, market, channel, at_ms),
            Self::CoinbaseExchange => coinbase_exchange::state_event(exchange, market, channel, at_ms),
            Self::Gate => gate::state_event(exchange, market, channel, at_ms),
            Self::Gemini => gemini::state_event(exchange, market, channel),
            Self::GeminiV1 => gemini::v1::state_event(exchange, market, channel, at_ms),
            Self::Hyperliquid => hyperliquid::state_event(exchange, market, channel, at_ms),
            Self::KrakenFutures => kraken_futures::state_event(exchange, market, channel, at_ms),
            Self::Kucoin => kucoin::state_event(exchange, market, channel, at_ms),
        }
    }

    /// What changed in a book, in one message or several; none when the dialect only sends whole books.
    pub(crate) fn changes(self, exchange: &Exchange, market: MarketIndex, difference: &BookDifference, at_ms: u64) -> Vec<String> {
        match self {
            Self::Bitfinex => bitfinex::changes_events(exchange, market, difference),
            Self::Bitmex => bitmex::changes_events(exchange, market, difference, at_ms),
            Self::CoinbaseExchange => vec![coinbase_exchange::changes_event(exchange, market, difference, at_ms)],
            Self::Gate => vec![gate::changes_event(exchange, market, difference, at_ms)],
            Self::Gemini => gemini::changes_event(exchange, market, difference).into_iter().collect(),
            Self::GeminiV1 => gemini::v1::changes_event(exchange, market, difference, at_ms).into_iter().collect(),
            Self::Hyperliquid | Self::KrakenFutures => Vec::new(),
            Self::Kucoin => vec![kucoin::changes_event(exchange, market, difference, at_ms)],
        }
    }

    /// One public trade.
    pub(crate) fn trade(self, exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
        match self {
            Self::Bitfinex => bitfinex::trade_event(market, trade),
            Self::Bitmex => bitmex::trade_event(exchange, market, trade),
            Self::CoinbaseExchange => coinbase_exchange::trade_event(exchange, market, trade),
            Self::Gate => gate::trade_event(exchange, market, trade),
            Self::Gemini => gemini::trade_event(exchange, market, trade),
            Self::GeminiV1 => gemini::v1::trade_event(exchange, market, trade),
            Self::Hyperliquid => hyperliquid::trade_event(exchange, market, trade),
            Self::KrakenFutures => kraken_futures::trade_event(exchange, market, trade),
            Self::Kucoin => kucoin::trade_event(exchange, market, trade),
        }
    }

    /// Whether the façade lists such instruments: all but one list spot only.
    const fn lists(self, kind: InstrumentKind) -> bool {
        match self {
            Self::Bitfinex
            | Self::Bitmex
            | Self::CoinbaseExchange
            | Self::Gate
            | Self::Gemini
            | Self::GeminiV1
            | Self::Hyperliquid
            | Self::Kucoin => matches!(kind, InstrumentKind::Spot),
            Self::KrakenFutures => matches!(kind, InstrumentKind::Future { .. }),
        }
    }

    /// News for the owner of an account; what the façade does not list is not told.
    pub(crate) fn own(self, exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
        if let Event::Order { order, .. } = event
            && !self.lists(exchange.market(order.market).instrument.kind)
        {
            return Vec::new();
        }
        match self {
            Self::Bitfinex => bitfinex::own_events(exchange, channel, event),
            Self::Bitmex => bitmex::own_events(exchange, channel, event),
            Self::CoinbaseExchange => coinbase_exchange::own_events(exchange, channel, event),
            Self::Gate => gate::own_events(exchange, channel, event),
            Self::Gemini => gemini::own_events(exchange, channel, event),
            Self::GeminiV1 => Vec::new(),
            Self::Hyperliquid => hyperliquid::own_events(exchange, channel, event),
            Self::KrakenFutures => kraken_futures::own_events(exchange, channel, event),
            Self::Kucoin => kucoin::own_events(exchange, channel, event),
        }
    }
}

/// Price and quantity of changed levels; quantity nought means the level is gone.
pub(crate) fn changed_rows(exchange: &Exchange, market: MarketIndex, changed: &[Level]) -> Vec<(Fixed, Fixed)> {
    let terms = &exchange.market(market).instrument;
    changed.iter().map(|level| (terms.price_of(level.ticks), terms.quantity_of(level.lots))).collect()
}

/// The connection holds its maximum of streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooManyStreams;

/// What one connection has subscribed to, and who opened it.
pub(crate) struct Subscriptions {
    dialect: Dialect,
    pub(crate) caller: Caller,
    connection: u64,
    pub(crate) outbox: Arc<Outbox>,
    held: BTreeSet<Topic>,
    own: Vec<(AccountIndex, OwnChannel)>,
}

impl Subscriptions {
    /// Those of a connection that has none yet.
    pub(crate) const fn new(dialect: Dialect, caller: Caller, connection: u64, outbox: Arc<Outbox>) -> Self {
        Self { dialect, caller, connection, outbox, held: BTreeSet::new(), own: Vec::new() }
    }

    /// The connection, and what is written to it.
    pub(crate) fn connection(&self) -> (u64, Arc<Outbox>) {
        (self.connection, Arc::clone(&self.outbox))
    }

    /// Whether nothing is subscribed to, neither of the market nor of one's own.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.own.is_empty()
    }

    pub(crate) fn subscribe(&mut self, shell: &Shell, market: MarketIndex, channel: Channel) -> Result<(), TooManyStreams> {
        let topic = Topic { market, feed: Feed::Dialect(self.dialect, channel) };
        if self.held.len() >= STREAMS_PER_CONNECTION_MAX && !self.held.contains(&topic) {
            return Err(TooManyStreams);
        }
        shell.with(|exchange, _| shell.hub.subscribe(exchange, topic, self.connection, Wrapping::Plain, &self.outbox));
        self.held.insert(topic);
        Ok(())
    }

    pub(crate) fn unsubscribe(&mut self, shell: &Shell, market: MarketIndex, channel: Channel) {
        let topic = Topic { market, feed: Feed::Dialect(self.dialect, channel) };
        shell.hub.unsubscribe(topic, self.connection);
        self.held.remove(&topic);
    }

    /// Hears a kind of news about an account; a second time changes nothing.
    pub(crate) fn listen(&mut self, shell: &Shell, owner: AccountIndex, channel: OwnChannel) {
        if !self.own.contains(&(owner, channel)) {
            self.own.push((owner, channel));
            shell.hub.listen(owner, self.connection, OwnForm::Dialect(self.dialect, channel), &self.outbox);
        }
    }

    pub(crate) fn unlisten(&mut self, shell: &Shell, channel: OwnChannel) {
        let form = OwnForm::Dialect(self.dialect, channel);
        self.own.retain(|(owner, held)| {
            let ended = *held == channel;
            if ended {
                shell.hub.unlisten(*owner, self.connection, Some(form));
            }
            !ended
        });
    }
}

/// Answers a WebSocket handshake of a dialect. The identity is checked here and holds for the
/// connection.
pub(crate) async fn handshake<E: ApiError, P: Protocol>(
    shell: Arc<Shell>,
    request: Request<Body>,
    dialect: Dialect,
    make: impl FnOnce(Subscriptions) -> P,
) -> Response<Body> {
    let caller = match shell.identify_connection(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            return E::from(error).response();
        }
    };
    websocket::upgrade(&shell, request, |connection: &Connection| {
        make(Subscriptions::new(dialect, caller, connection.id, Arc::clone(&connection.outbox)))
    })
}
