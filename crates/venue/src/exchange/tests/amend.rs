//! Stories of orders that change while they rest.
#![allow(clippy::unwrap_used)]

use super::super::Exchange;
use super::super::account::AccountIndex;
use super::super::amend::Amendment;
use super::super::event::{Event, OrderChange};
use super::super::fixed::Fixed;
use super::super::order::{Marks, OrderError, OrderKind, OrderRequest, OrderStatus, Side};
use super::{NOW, SPOT, assert_sound, limit, open};

/// What an order is to become.
fn to(price: Option<&str>, quantity: Option<&str>) -> Amendment {
    let read = |text: &str| Fixed::parse(text).unwrap();
    Amendment { price: price.map(read), quantity: quantity.map(read), client_id: None }
}

/// An account with one order that rests one tick above the best bid, and the price of that.
fn resting(exchange: &mut Exchange, name: &str, quantity: &str, price: &str) -> (AccountIndex, u64) {
    let owner = exchange.account(name).unwrap();
    let id = exchange.place(owner, limit(SPOT, Side::Buy, quantity, price), NOW).unwrap().order.id;
    (owner, id)
}

#[test]
fn an_order_that_shrinks_keeps_its_place_and_one_that_grows_loses_it() {
    for (wanted, first) in [("0.2", "alice"), ("0.4", "bob")] {
        let mut exchange = open();
        let bid = exchange.market(SPOT).book.best(Side::Buy).unwrap() + 1;
        let price = exchange.market(SPOT).instrument.price_of(bid).short();
        let (alice, alices) = resting(&mut exchange, "alice", "0.3", &price);
        let (bob, bobs) = resting(&mut exchange, "bob", "0.3", &price);
        let amended = exchange.amend(alice, alices, &to(None, Some(wanted)), NOW + 1).unwrap().order;
        assert_eq!((amended.id, amended.quantity.short().as_str(), amended.amended), (alices, wanted, true));
        let taker = exchange.account("carol").unwrap();
        exchange.place(taker, limit(SPOT, Side::Sell, "0.1", &price), NOW + 2).unwrap();
        let filled = |owner, id| exchange.order(owner, id).unwrap().filled.is_positive();
        assert_eq!((filled(alice, alices), filled(bob, bobs)), (first == "alice", first == "bob"), "amended to {wanted}");
        assert_sound(&exchange);
    }
}

#[test]
fn an_amended_order_holds_what_it_now_needs_and_trades_when_its_price_crosses() {
    let mut exchange = open();
    let (owner, id) = resting(&mut exchange, "alice", "0.5", "50000");
    exchange.amend(owner, id, &to(Some("60000"), Some("0.1")), NOW).unwrap();
    assert_eq!(exchange.account_state(owner).balance("USDT").held, Fixed::whole(6_000));
    exchange.take_events();
    let crossed = exchange.amend(owner, id, &to(Some("101000"), None), NOW).unwrap();
    assert_eq!((crossed.order.status, crossed.order.id), (OrderStatus::Filled, id));
    assert!(!crossed.fills.is_empty());
    let change = |event: &Event| matches!(event, Event::Order { change: OrderChange::Amended, .. });
    assert_eq!(exchange.take_events().iter().filter(|event| change(event)).count(), 1);
    assert_eq!(exchange.account_state(owner).balance("USDT").held, Fixed::ZERO);
    assert_eq!(exchange.amend(owner, id, &to(None, Some("1")), NOW).unwrap_err(), OrderError::UnknownOrder);
    assert_sound(&exchange);
}

#[test]
fn a_refused_amendment_changes_nothing() {
    let mut exchange = open();
    let (owner, id) = resting(&mut exchange, "alice", "0.5", "50000");
    let named = OrderRequest { client_id: Some("taken".to_owned()), ..limit(SPOT, Side::Buy, "0.01", "50000") };
    exchange.place(owner, named, NOW).unwrap();
    let maker = OrderRequest { kind: OrderKind::LimitMaker, ..limit(SPOT, Side::Buy, "0.5", "50000") };
    let maker = exchange.place(owner, maker, NOW).unwrap().order.id;
    exchange.take_events();
    let renamed = Amendment { client_id: Some("taken".to_owned()), ..Amendment::default() };
    for (id, amendment, error) in [
        (id, to(Some("50000.001"), None), OrderError::PriceFilter),
        (id, to(None, Some("0")), OrderError::QuantityFilter),
        (id, to(Some("50000"), Some("0.00001")), OrderError::NotionalTooSmall),
        (id, to(None, Some("30")), OrderError::InsufficientBalance),
        (id, renamed, OrderError::DuplicateClientId),
        (maker, to(Some("101000"), None), OrderError::WouldMatch),
        (id + 1_000, to(None, Some("1")), OrderError::UnknownOrder),
    ] {
        assert_eq!(exchange.amend(owner, id, &amendment, NOW).unwrap_err(), error);
    }
    assert!(exchange.take_events().is_empty());
    let stranger = exchange.account("bob").unwrap();
    assert_eq!(exchange.amend(stranger, id, &to(None, Some("0.1")), NOW).unwrap_err(), OrderError::UnknownOrder);
    let order = exchange.order(owner, id).unwrap();
    assert_eq!((order.quantity.short().as_str(), order.amended), ("0.5", false));
    assert_sound(&exchange);
}

#[test]
fn a_replacement_may_use_the_hold_and_the_name_of_what_it_replaces() {
    let mut exchange = open();
    let owner = exchange.account("alice").unwrap();
    let named = |quantity| OrderRequest { client_id: Some("mine".to_owned()), ..limit(SPOT, Side::Buy, quantity, "50000") };
    let old = exchange.place(owner, named("19"), NOW).unwrap().order.id;
    let new = exchange.replace(owner, old, named("20"), Marks::session(None), NOW).unwrap().order;
    assert!(new.id > old);
    assert_eq!(exchange.order(owner, old).unwrap().status, OrderStatus::Canceled);
    let refused = exchange.replace(owner, new.id, named("21"), Marks::session(None), NOW);
    assert_eq!(refused.unwrap_err(), OrderError::InsufficientBalance);
    assert!(exchange.order(owner, new.id).unwrap().status.is_open());
    assert_sound(&exchange);
}

#[test]
fn a_countdown_cancels_what_is_open_unless_it_is_set_anew() {
    let mut exchange = open();
    let (owner, id) = resting(&mut exchange, "alice", "0.5", "50000");
    let (other, others) = resting(&mut exchange, "bob", "0.5", "50000");
    assert_eq!(exchange.cancel_all_after(owner, None, 5_000, NOW), Some(NOW + 5_000));
    assert_eq!(exchange.cancel_all_after(owner, None, 5_000, NOW + 4_000), Some(NOW + 9_000));
    exchange.tick(NOW + 8_999);
    assert!(exchange.order(owner, id).unwrap().status.is_open());
    exchange.tick(NOW + 9_000);
    assert_eq!(exchange.order(owner, id).unwrap().status, OrderStatus::Canceled);
    assert!(exchange.order(other, others).unwrap().status.is_open());
    assert_eq!(exchange.cancel_all_after(other, None, 1_000, NOW), Some(NOW + 1_000));
    assert_eq!(exchange.cancel_all_after(other, None, 0, NOW), None);
    exchange.tick(NOW + 20_000);
    assert!(exchange.order(other, others).unwrap().status.is_open());
}

#[test]
fn the_loss_of_the_last_protected_connection_cancels_what_is_open_unless_one_comes_back() {
    let mut exchange = open();
    let (owner, id) = resting(&mut exchange, "alice", "0.5", "50000");
    let (_, others) = resting(&mut exchange, "bob", "0.5", "50000");
    let is_open = |exchange: &Exchange, id| exchange.orders[&id].status.is_open();
    assert_eq!(exchange.disconnect_window_ms(owner), None);
    exchange.set_disconnect_window(owner, 5_000);
    exchange.protect(owner);
    exchange.protect(owner);
    exchange.lose_protected(owner, NOW);
    exchange.tick(NOW + 6_000);
    assert!(is_open(&exchange, id), "one is left");
    exchange.lose_protected(owner, NOW + 6_000);
    exchange.protect(owner);
    exchange.tick(NOW + 11_000);
    assert!(is_open(&exchange, id), "one came back");
    exchange.unprotect(owner);
    exchange.tick(NOW + 60_000);
    assert!(is_open(&exchange, id), "it asked for it no longer");
    exchange.protect(owner);
    exchange.lose_protected(owner, NOW + 60_000);
    exchange.tick(NOW + 64_999);
    assert!(is_open(&exchange, id));
    exchange.tick(NOW + 65_000);
    assert!(!is_open(&exchange, id) && is_open(&exchange, others));
}

#[test]
fn a_protection_leaves_the_switch_of_the_account_as_it_was() {
    let mut exchange = open();
    let (owner, id) = resting(&mut exchange, "alice", "0.5", "50000");
    exchange.cancel_all_after(owner, None, 5_000, NOW);
    exchange.protect(owner);
    exchange.lose_protected(owner, NOW);
    exchange.tick(NOW + 5_000);
    assert_eq!(exchange.order(owner, id).unwrap().status, OrderStatus::Canceled, "by the switch, which was set for less");
}
