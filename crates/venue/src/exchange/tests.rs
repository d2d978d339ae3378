//! Stories and properties of the whole state machine.
#![allow(clippy::unwrap_used)]

mod amend;

use std::sync::Arc;

use proptest::prelude::*;

use super::account::AccountIndex;
use super::amend::Amendment;
use super::event::{Event, OrderChange};
use super::fixed::Fixed;
use super::instrument::MarketIndex;
use super::order::{Marks, OrderError, OrderKind, OrderRequest, OrderStatus, Side, Size, TimeInForce};
use super::{Exchange, HOUSE};
use crate::config::VenueConfig;

const NOW: u64 = 1_795_219_200_000;
const SPOT: MarketIndex = MarketIndex(0);
const FUTURE: MarketIndex = MarketIndex(1);
const OPTION: MarketIndex = MarketIndex(2);

fn open() -> Exchange {
    Exchange::open(&VenueConfig::default(), NOW)
}

fn limit(market: MarketIndex, side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest {
        market,
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::GoodTillCanceled,
        size: Size::Base(Fixed::parse(quantity).unwrap()),
        price: Fixed::parse(price).unwrap(),
        client_id: None,
        key: Arc::from("key"),
    }
}

fn market(side: Side, size: Size) -> OrderRequest {
    OrderRequest { kind: OrderKind::Market, size, price: Fixed::ZERO, ..limit(SPOT, side, "1", "1") }
}

/// Balance minus cost basis of open futures over all accounts, per asset.
fn wealth(exchange: &Exchange, asset: &str) -> Fixed {
    let accounts = exchange.accounts.iter();
    accounts
        .map(|account| {
            let costs = account.positions.iter().filter(|(index, _)| {
                let terms = &exchange.market(**index).instrument;
                asset == "USDT" && terms.symbol.starts_with("BTCUSDT_")
            });
            account.balance(asset).total - costs.map(|(_, position)| position.cost).sum()
        })
        .sum()
}

fn assert_sound(exchange: &Exchange) {
    for (index, account) in exchange.accounts.iter().enumerate() {
        for (asset, balance) in &account.balances {
            let owner = AccountIndex(index);
            let spends = |order: &&super::order::Order| *exchange.spent_asset(order.market, order.side) == **asset;
            let orders: Fixed = exchange.open_orders(owner).filter(spends).map(|order| order.held).sum();
            let margins: Fixed = account.positions.values().map(|position| position.margin).sum();
            let margins = if &**asset == "USDT" { margins } else { Fixed::ZERO };
            assert_eq!(balance.held, orders + margins, "{asset} of account {index}");
            assert!(owner == HOUSE || balance.free() >= Fixed::ZERO, "{asset} of account {index}");
        }
    }
}

#[test]
fn a_day_order_ends_with_its_day_and_no_other_does() {
    const DAY_MS: u64 = super::order::DAY_MS;
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let marks = Marks { day: true, ..Marks::session(None) };
    let order = || limit(SPOT, Side::Buy, "0.01", "50000");
    let day = exchange.place_marked(owner, order(), marks, NOW).unwrap().order.id;
    let lasting = exchange.place(owner, order(), NOW).unwrap().order.id;
    let midnight = (NOW / DAY_MS + 1) * DAY_MS;
    exchange.tick(midnight - 1);
    assert!(exchange.order(owner, day).unwrap().status.is_open());
    exchange.tick(midnight);
    assert_eq!(exchange.order(owner, day).unwrap().status, OrderStatus::Expired);
    assert!(exchange.order(owner, lasting).unwrap().status.is_open());
    assert_sound(&exchange);
}

#[test]
fn an_order_through_the_spread_fills_at_once() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let placed = exchange.place(owner, limit(SPOT, Side::Buy, "0.01", "101000"), NOW).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Filled);
    assert_eq!(placed.order.filled_quote, placed.fills.iter().map(|fill| fill.quote).sum());
    let paid = Fixed::whole(1_000_000) - exchange.account_state(owner).balance("USDT").total;
    assert_eq!(paid, placed.order.filled_quote);
    let got = exchange.account_state(owner).balance("BTC").total - Fixed::whole(10);
    assert_eq!(got.short(), "0.00999");
    assert_sound(&exchange);
}

#[test]
fn cancelling_releases_the_hold() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let placed = exchange.place(owner, limit(SPOT, Side::Buy, "0.5", "50000"), NOW).unwrap();
    assert_eq!(exchange.account_state(owner).balance("USDT").held, Fixed::whole(25_000));
    exchange.cancel(owner, placed.order.id, NOW).unwrap();
    assert_eq!(exchange.account_state(owner).balance("USDT").held, Fixed::ZERO);
    assert_eq!(exchange.cancel(owner, placed.order.id, NOW).unwrap_err(), OrderError::UnknownOrder);
}

#[test]
fn nobody_cancels_anothers_order() {
    let mut exchange = open();
    let alice = exchange.account("alice").unwrap();
    let bob = exchange.account("bob").unwrap();
    let placed = exchange.place(alice, limit(SPOT, Side::Buy, "0.5", "50000"), NOW).unwrap();
    assert_eq!(exchange.cancel(bob, placed.order.id, NOW).unwrap_err(), OrderError::UnknownOrder);
    assert!(exchange.order(bob, placed.order.id).is_none());
}

#[test]
fn fill_or_kill_fills_nothing_when_it_cannot_fill_all() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let request = OrderRequest { time_in_force: TimeInForce::FillOrKill, ..limit(SPOT, Side::Buy, "9", "100000.5") };
    let placed = exchange.place(owner, request, NOW).unwrap();
    assert_eq!((placed.order.status, placed.order.filled), (OrderStatus::Expired, Fixed::ZERO));
    assert_sound(&exchange);
}

#[test]
fn immediate_or_cancel_expires_what_is_left() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let ask = exchange.market(SPOT).book.top(Side::Sell).unwrap();
    let price = exchange.market(SPOT).instrument.price_of(ask.ticks).short();
    let request = OrderRequest { time_in_force: TimeInForce::ImmediateOrCancel, ..limit(SPOT, Side::Buy, "9", &price) };
    let placed = exchange.place(owner, request, NOW).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Expired);
    assert_eq!(placed.order.filled, exchange.market(SPOT).instrument.quantity_of(ask.lots));
    assert_sound(&exchange);
}

#[test]
fn maker_only_is_refused_when_it_would_match() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let request = OrderRequest { kind: OrderKind::LimitMaker, ..limit(SPOT, Side::Buy, "0.01", "101000") };
    assert_eq!(exchange.place(owner, request, NOW).unwrap_err(), OrderError::WouldMatch);
    assert!(exchange.open_orders(owner).next().is_none());
}

#[test]
fn a_market_order_sized_in_quote_spends_at_most_that() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let placed = exchange.place(owner, market(Side::Buy, Size::Quote(Fixed::whole(5_000))), NOW).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Filled);
    assert!(placed.order.filled_quote <= Fixed::whole(5_000));
    assert!(placed.order.filled_quote > Fixed::whole(4_998));
}

#[test]
fn filters_and_balance_refuse_without_a_trace() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    for (request, error) in [
        (limit(SPOT, Side::Buy, "0.01", "100.001"), OrderError::PriceFilter),
        (limit(SPOT, Side::Buy, "0.000001", "100"), OrderError::QuantityFilter),
        (limit(SPOT, Side::Buy, "0.00001", "100"), OrderError::NotionalTooSmall),
        (limit(SPOT, Side::Buy, "11", "100000"), OrderError::InsufficientBalance),
        (limit(SPOT, Side::Sell, "11", "100000"), OrderError::InsufficientBalance),
        (OrderRequest { client_id: Some("a b".to_owned()), ..limit(SPOT, Side::Sell, "1", "1") }, OrderError::MalformedClientId),
    ] {
        assert_eq!(exchange.place(owner, request, NOW).unwrap_err(), error);
    }
    assert!(exchange.take_events().is_empty());
    assert_sound(&exchange);
}

#[test]
fn a_live_client_order_id_is_not_taken_twice() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let request = OrderRequest { client_id: Some("mine".to_owned()), ..limit(SPOT, Side::Buy, "0.01", "50000") };
    let placed = exchange.place(owner, request.clone(), NOW).unwrap();
    assert_eq!(exchange.place(owner, request.clone(), NOW).unwrap_err(), OrderError::DuplicateClientId);
    exchange.cancel(owner, placed.order.id, NOW).unwrap();
    assert!(exchange.place(owner, request, NOW).is_ok());
}

#[test]
fn a_resting_order_fills_when_the_market_comes_to_it() {
    let mut exchange = open();
    let (maker, taker) = (exchange.account("maker").unwrap(), exchange.account("taker").unwrap());
    let bid = exchange.market(SPOT).book.best(Side::Buy).unwrap() + 1;
    let price = exchange.market(SPOT).instrument.price_of(bid).short();
    let placed = exchange.place(maker, limit(SPOT, Side::Buy, "0.3", &price), NOW).unwrap();
    exchange.place(taker, limit(SPOT, Side::Sell, "0.1", &price), NOW).unwrap();
    let order = exchange.order(maker, placed.order.id).unwrap();
    assert_eq!((order.status, order.filled.short().as_str()), (OrderStatus::PartiallyFilled, "0.1"));
    let changes: Vec<OrderChange> = exchange
        .take_events()
        .iter()
        .filter_map(|event| match event {
            Event::Order { change, order, .. } if order.owner == maker => Some(*change),
            Event::Balances { .. } | Event::Order { .. } | Event::Ticked { .. } | Event::Trade { .. } => None,
        })
        .collect();
    assert_eq!(changes, [OrderChange::New, OrderChange::Trade]);
    assert_sound(&exchange);
}

#[test]
fn contracts_settle_at_expiry_and_the_next_are_listed() {
    let expiry = NOW + 10_000;
    let config = VenueConfig { first_expiry_ms: Some(expiry), ..VenueConfig::default() };
    let mut exchange = Exchange::open(&config, NOW);
    let owner = exchange.account("alice").unwrap();
    exchange.place(owner, limit(FUTURE, Side::Buy, "0.01", "110000"), NOW).unwrap();
    exchange.place(owner, limit(FUTURE, Side::Buy, "0.01", "50000"), NOW).unwrap();
    let call = OrderRequest { market: OPTION, ..market(Side::Buy, Size::Base(Fixed::whole(1))) };
    exchange.place(owner, call, NOW).unwrap();
    let before = wealth(&exchange, "USDT");
    exchange.tick(expiry);
    assert_eq!(wealth(&exchange, "USDT"), before);
    let account = exchange.account_state(owner);
    assert!(account.positions.is_empty());
    assert_eq!(account.balance("USDT").held, Fixed::ZERO);
    let gains: Vec<Fixed> = account.settlements.iter().map(|statement| statement.gain).collect();
    let commissions: Fixed = account.fills.iter().map(|fill| fill.commission).sum();
    let change = account.balance("USDT").total - Fixed::whole(1_000_000);
    assert_eq!((gains.len(), change), (2, gains.into_iter().sum::<Fixed>() - commissions));
    for statement in &account.settlements {
        assert_eq!((statement.expiry_ms, statement.gain), (expiry, statement.value - statement.cost));
        assert_eq!(&*statement.key, "key");
    }
    assert!(exchange.open_orders(owner).next().is_none());
    let live = exchange.markets().iter().filter(|one| !one.instrument.expired);
    assert_eq!(live.count(), 4);
    let late = exchange.place(owner, limit(FUTURE, Side::Buy, "0.01", "50000"), NOW);
    assert_eq!(late.unwrap_err(), OrderError::MarketClosed);
}

#[test]
fn finished_orders_are_forgotten_oldest_first() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let first = exchange.place(owner, limit(SPOT, Side::Buy, "0.01", "50000"), NOW).unwrap().order.id;
    exchange.cancel(owner, first, NOW).unwrap();
    for _ in 0..crate::limits::CLOSED_ORDERS_PER_ACCOUNT_MAX {
        let id = exchange.place(owner, limit(SPOT, Side::Buy, "0.01", "50000"), NOW).unwrap().order.id;
        exchange.cancel(owner, id, NOW).unwrap();
    }
    assert!(exchange.order(owner, first).is_none());
    let owned = exchange.orders.values().filter(|order| order.owner == owner).count();
    assert_eq!(owned, crate::limits::CLOSED_ORDERS_PER_ACCOUNT_MAX);
}

/// One step of random flow.
#[derive(Clone, Debug)]
enum Step {
    AmendOldest { who: usize, lots: u64, offset: i64 },
    CancelAll(usize),
    CancelOldest(usize),
    Place { who: usize, market: usize, buy: bool, kind: u8, lots: u64, offset: i64 },
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = (0..3_usize, 0..3_usize, any::<bool>(), 0..6_u8, 1..400_u64, -300..300_i64)
        .prop_map(|(who, market, buy, kind, lots, offset)| Step::Place { who, market, buy, kind, lots, offset });
    let step = prop_oneof![
        8 => place,
        3 => (0..3_usize, 1..400_u64, -300..300_i64).prop_map(|(who, lots, offset)| Step::AmendOldest { who, lots, offset }),
        2 => (0..3_usize).prop_map(Step::CancelOldest),
        1 => (0..3_usize).prop_map(Step::CancelAll),
        2 => Just(Step::Tick),
    ];
    prop::collection::vec(step, 1..60)
}

fn request(exchange: &Exchange, market: usize, buy: bool, kind: u8, lots: u64, offset: i64) -> OrderRequest {
    let index = MarketIndex(market);
    let terms = &exchange.market(index).instrument;
    let best = exchange.market(index).book.best(Side::Buy).unwrap_or(100);
    let ticks = u128::try_from(i128::try_from(best).unwrap() + i128::from(offset)).unwrap_or(1).max(1);
    let (order_kind, time_in_force) = match kind {
        0 => (OrderKind::Market, TimeInForce::GoodTillCanceled),
        1 => (OrderKind::LimitMaker, TimeInForce::GoodTillCanceled),
        2 => (OrderKind::Limit, TimeInForce::ImmediateOrCancel),
        3 => (OrderKind::Limit, TimeInForce::FillOrKill),
        _ => (OrderKind::Limit, TimeInForce::GoodTillCanceled),
    };
    OrderRequest {
        market: index,
        side: if buy { Side::Buy } else { Side::Sell },
        kind: order_kind,
        time_in_force,
        size: Size::Base(terms.quantity_of(lots * 10)),
        price: terms.price_of(ticks),
        client_id: None,
        key: Arc::from("key"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_flow_conserves_balances_and_never_overdraws(steps in steps(), seed in any::<u64>()) {
        let mut exchange = Exchange::open(&VenueConfig { seed, ..VenueConfig::default() }, NOW);
        let owners: Vec<AccountIndex> = ["a", "b", "c"].iter().map(|name| exchange.account(name).unwrap()).collect();
        let before = (wealth(&exchange, "BTC"), wealth(&exchange, "USDT"));
        for (number, step) in steps.into_iter().enumerate() {
            let now = NOW + number as u64 * 100;
            match step {
                Step::AmendOldest { who, lots, offset } => {
                    let order = exchange.open_orders(owners[who]).next().map(|order| (order.id, order.market, order.quantity, order.filled));
                    if let Some((id, market, quantity, filled)) = order {
                        let wanted = request(&exchange, market.0, true, 4, lots, offset);
                        let Size::Base(size) = wanted.size else { unreachable!("limit orders are sized in base") };
                        // Every other one only shrinks, and keeps its place.
                        let shrunk = size.min(quantity);
                        let amendment = match lots % 2 {
                            0 => Amendment { quantity: Some(shrunk), ..Amendment::default() },
                            _ => Amendment { price: Some(wanted.price), quantity: Some(size), client_id: None },
                        };
                        let amended = exchange.amend(owners[who], id, &amendment, now);
                        prop_assert!(amended.is_err() || amendment.quantity > Some(filled));
                    }
                }
                Step::CancelAll(who) => { exchange.cancel_all(owners[who], None, now); }
                Step::CancelOldest(who) => {
                    let id = exchange.open_orders(owners[who]).next().map(|order| order.id);
                    if let Some(id) = id { exchange.cancel(owners[who], id, now).unwrap(); }
                }
                Step::Place { who, market, buy, kind, lots, offset } => {
                    let wanted = request(&exchange, market, buy, kind, lots, offset);
                    let _refused_or_placed = exchange.place(owners[who], wanted, now);
                }
                Step::Tick => exchange.tick(now),
            }
            assert_sound(&exchange);
            prop_assert_eq!((wealth(&exchange, "BTC"), wealth(&exchange, "USDT")), before);
        }
        for owner in owners {
            exchange.cancel_all(owner, None, NOW);
        }
        assert_sound(&exchange);
    }
}
