//! Channels of the private socket: `orders`, `account`, `positions`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::{SPOT, find};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::exchange::instrument::MarketIndex;
use crate::hub::Observer;
use crate::outbox::Outbox;

/// What a channel is about.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    /// Balances, of one currency or of all.
    Account(Option<String>),
    /// Orders, of one instrument or of all; `None` when the type of instrument has none here.
    Orders(Option<Option<MarketIndex>>),
    /// Nothing listed here has a position.
    Positions,
}

/// The channels of one connection, and whose events it hears.
#[derive(Debug)]
pub(super) struct OwnFeed {
    owner: AccountIndex,
    held: Vec<(Value, Kind)>,
}

/// Reads a channel; `None` when there is no such channel.
fn kind_of(exchange: &Exchange, arg: &Value) -> Option<Kind> {
    let text = |name: &str| arg.get(name).and_then(Value::as_str);
    let kind = || text("instType").filter(|kind| ["ANY", "FUTURES", "MARGIN", "OPTION", SPOT, "SWAP"].contains(kind));
    match text("channel")? {
        "account" => Some(Kind::Account(text("ccy").map(str::to_owned))),
        "orders" => {
            let spot = matches!(kind()?, "ANY" | SPOT);
            let market = match text("instId").filter(|_| spot) {
                None => None,
                Some(id) => Some(find(exchange, id)?),
            };
            Some(Kind::Orders(spot.then_some(market)))
        }
        "positions" => kind().map(|_| Kind::Positions),
        _ => None,
    }
}

fn message(arg: &Value, row: &Value) -> Bytes {
    Bytes::from(json!({"arg": arg, "data": [row]}).to_string())
}

impl OwnFeed {
    pub(super) const fn of(owner: AccountIndex) -> Self {
        Self { owner, held: Vec::new() }
    }

    /// How many channels are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Holds a channel; `account` tells the balances at once, as the venue does. `None` when
    /// there is no such channel.
    pub(super) fn subscribe(&mut self, exchange: &Exchange, arg: &Value, outbox: &Outbox) -> Option<()> {
        let kind = kind_of(exchange, arg)?;
        if self.held.iter().any(|(held, _)| held == arg) {
            return Some(());
        }
        if let Kind::Account(only) = &kind {
            // Not as an own event: those go out first, and the acknowledgement must.
            outbox.push_flow(message(arg, &shapes::balance(exchange, self.owner, only.as_deref())));
        }
        self.held.push((arg.clone(), kind));
        Some(())
    }

    pub(super) fn unsubscribe(&mut self, arg: &Value) {
        self.held.retain(|(held, _)| held != arg);
    }
}

impl Observer for OwnFeed {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { owner, .. } if *owner == self.owner => {
                for (arg, kind) in &self.held {
                    if let Kind::Account(only) = kind {
                        outbox.push_own(message(arg, &shapes::balance(exchange, self.owner, only.as_deref())));
                    }
                }
            }
            Event::Order { order, fill, .. } if order.owner == self.owner => {
                if !exchange.market(order.market).instrument.kind.is_spot() {
                    return;
                }
                let hears = |kind: &Kind| matches!(kind, Kind::Orders(Some(one)) if one.is_none_or(|one| one == order.market));
                for (arg, _) in self.held.iter().filter(|(_, kind)| hears(kind)) {
                    outbox.push_own(message(arg, &shapes::report(exchange, order, fill.as_deref())));
                }
            }
            Event::Balances { .. } | Event::Order { .. } | Event::Ticked { .. } | Event::Trade { .. } => {}
        }
    }
}
