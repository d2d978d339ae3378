//! MarketDataRequest: books as full refreshes with every tick of the market, trades as increments.
//!
//! Only fields that every version gives to these messages: engines with the standard's dictionary reject others (QuickFIX by default).

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_fix::{Message, Version};
use parking_lot::Mutex;

use super::desk::{named, security_type};
use super::out::Out;
use super::replies::text;
use super::report::utc;
use super::watch::Watch;
use crate::exchange::Exchange;
use crate::exchange::event::Event;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::exchange::order::Side;
use crate::hub::Observer;
use crate::operations::levels;
use crate::outbox::Outbox;
use crate::shell::Shell;

/// Subscriptions of one connection: a screen full of books.
const SUBSCRIPTIONS_MAX: usize = 64;
/// Levels per side when MarketDepth says "full".
const DEPTH_MAX: usize = 100;

/// Prices for one connection.
pub(super) struct Feed {
    connection: u64,
    watch: Arc<Mutex<Prices>>,
    outbox: Arc<Outbox>,
}

#[derive(Default)]
struct Prices(BTreeMap<String, Subscription>);

#[derive(Clone)]
struct Subscription {
    markets: Vec<(MarketIndex, String)>,
    depth: usize,
    bids: bool,
    offers: bool,
    trades: bool,
    /// 5.0 SP2 asks when a book was last changed (779), and no version before it knows that field.
    dated: bool,
}

impl Feed {
    /// A feed that hears the market until it is dropped with [`Self::end`].
    pub(super) fn begin(shell: &Shell) -> Self {
        let feed = Self { connection: shell.hub.connect(), watch: Arc::default(), outbox: Arc::default() };
        shell.hub.observe(feed.connection, feed.watch.clone(), &feed.outbox);
        feed
    }

    pub(super) fn end(&self, shell: &Shell) {
        shell.hub.disconnect(self.connection);
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Acts on a MarketDataRequest.
    pub(super) fn request(&self, shell: &Shell, own: &Mutex<Watch>, message: &Message<'_>) -> Option<Out> {
        let Some(id) = text(message, 262) else { return Some(rejected("", '8', "MDReqID is missing")) };
        match text(message, 263) {
            Some("2") => {
                self.watch.lock().0.remove(id);
                None
            }
            Some(kind @ ("0" | "1")) => self.begin_stream(shell, own, message, (id, kind == "1")).err(),
            _ => Some(rejected(id, '4', "SubscriptionRequestType is 0, 1 or 2")),
        }
    }

    fn begin_stream(&self, shell: &Shell, own: &Mutex<Watch>, message: &Message<'_>, (id, lasts): (&str, bool)) -> Result<(), Out> {
        let dated = Version::of(message.begin_string()) == Some(Version::Fixt11);
        let has = |entry: &[u8]| message.body().iter().any(|field| field.tag == 269 && field.value == entry);
        let depth = match text(message, 264).and_then(|depth| depth.parse().ok()).unwrap_or(1) {
            0 => DEPTH_MAX,
            depth => DEPTH_MAX.min(depth),
        };
        let symbols = message.body().iter().filter(|field| field.tag == 55).filter_map(|field| std::str::from_utf8(field.value).ok());
        let symbols: Vec<&str> = symbols.take(SUBSCRIPTIONS_MAX).collect();
        let first = shell.with(|exchange, now_ms| {
            let mut markets = Vec::new();
            for symbol in symbols {
                let market = named(exchange, symbol).ok_or_else(|| rejected(id, '0', "unknown symbol"))?;
                own.lock().spells(market, symbol);
                markets.push((market, symbol.to_owned()));
            }
            let wanted = Subscription { markets, depth, bids: has(b"0"), offers: has(b"1"), trades: has(b"2"), dated };
            let whole = wanted.markets.iter().filter_map(|(market, symbol)| refresh(exchange, id, &wanted, (*market, symbol), now_ms));
            let whole: Vec<Out> = whole.collect();
            Ok((wanted, whole))
        });
        let (wanted, whole) = first?;
        if wanted.markets.is_empty() {
            return Err(rejected(id, '0', "no symbol"));
        }
        for message in whole {
            self.outbox.push_own(message.into_bytes());
        }
        if lasts {
            let mut prices = self.watch.lock();
            if prices.0.contains_key(id) {
                return Err(rejected(id, '1', "this MDReqID is in use"));
            }
            if prices.0.len() == SUBSCRIPTIONS_MAX {
                return Err(rejected(id, '2', "too many subscriptions"));
            }
            prices.0.insert(id.to_owned(), wanted);
        }
        Ok(())
    }
}

/// MarketDataRequestReject.
fn rejected(id: &str, reason: char, sentence: &str) -> Out {
    Out::new("Y").field(262, id).field(281, reason).field(58, sentence)
}

/// MarketDataSnapshotFullRefresh; none when only trades are wanted.
fn refresh(exchange: &Exchange, id: &str, wanted: &Subscription, (market, symbol): (MarketIndex, &str), now_ms: u64) -> Option<Out> {
    if !wanted.bids && !wanted.offers {
        return None;
    }
    let of = |asked: bool, side| if asked { levels(exchange.market(market), side, wanted.depth) } else { Vec::new() };
    let (bids, offers) = (of(wanted.bids, Side::Buy), of(wanted.offers, Side::Sell));
    let mut out = Out::new("W").field(262, id).field(55, symbol).field(268, bids.len() + offers.len());
    for (kind, levels) in [('0', bids), ('1', offers)] {
        for (price, quantity) in levels {
            out = out.field(269, kind).field(270, price.short()).field(271, quantity.short());
        }
    }
    Some(out.maybe(779, wanted.dated.then(|| utc(now_ms))))
}

impl Observer for Prices {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Ticked { at_ms } => {
                for (id, wanted) in &self.0 {
                    for (market, symbol) in &wanted.markets {
                        if let Some(out) = refresh(exchange, id, wanted, (*market, symbol), *at_ms) {
                            outbox.push_flow(out.into_bytes());
                        }
                    }
                }
            }
            Event::Trade { market, trade } => {
                for (id, wanted) in self.0.iter().filter(|(_, wanted)| wanted.trades) {
                    let Some((_, symbol)) = wanted.markets.iter().find(|(wanted, _)| wanted == market) else { continue };
                    let at = utc(trade.at_ms);
                    let (date, time) = at.split_once('-').unwrap_or_default();
                    let out = Out::new("X").field(262, id).field(268, 1).field(279, 0).field(269, 2).field(278, trade.id).field(55, symbol);
                    let out = out.field(270, trade.price.short()).field(271, trade.quantity.short());
                    outbox.push_flow(out.field(272, date).field(273, time).into_bytes());
                }
            }
            Event::Balances { .. } | Event::Order { .. } => {}
        }
    }
}

/// SecurityList: all instruments, with what the version has words for.
pub(super) fn security_list(shell: &Shell, version: Version, message: &Message<'_>) -> Out {
    let is_new = version == Version::Fixt11;
    shell.with(|exchange, _| {
        let markets = exchange.markets();
        let head = Out::new("y").maybe(320, text(message, 320)).field(322, "1").field(560, 0).field(146, markets.len());
        markets.iter().fold(head, |out, market| {
            let terms = &market.instrument;
            let is_spot = terms.kind == InstrumentKind::Spot;
            let out = out.field(55, &terms.symbol).maybe(167, (is_new || !is_spot).then(|| security_type(terms.kind)));
            let out = out.field(15, &*terms.quote).maybe(969, is_new.then(|| terms.tick.short()));
            out.field(561, terms.lot.short()).field(562, terms.lot.short())
        })
    })
}
