//! Topics of the private socket: `order`, `execution`, `wallet`, `position`, the first two and
//! the last also with a category (`order.spot`); `dcp.spot` asks for disconnect protection.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::SPOT;
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::Event;
use crate::hub::Observer;
use crate::outbox::Outbox;

/// Whoever holds this topic has spot orders cancelled when the connection is lost; nothing is told on it.
pub(super) const PROTECTED: &str = "dcp.spot";

/// The topics of one connection, and whose events it hears.
#[derive(Debug)]
pub(super) struct OwnFeed {
    owner: AccountIndex,
    held: BTreeSet<String>,
}

impl OwnFeed {
    pub(super) const fn of(owner: AccountIndex) -> Self {
        Self { owner, held: BTreeSet::new() }
    }

    /// Whether there is such a topic. There are no positions in the spot category, and
    /// nothing happens in the others, but those topics can be held.
    pub(super) fn knows(name: &str) -> bool {
        let (topic, category) = name.split_once('.').unwrap_or((name, SPOT));
        let categories: &[&str] = match topic {
            "execution" | "order" => &[SPOT, "inverse", "linear", "option"],
            "position" => &["inverse", "linear", "option"],
            "dcp" => return matches!(name, "dcp.future" | "dcp.option" | PROTECTED),
            "wallet" => return name == "wallet",
            _ => return false,
        };
        categories.contains(&category) || name == "position"
    }

    /// Whether this was new.
    pub(super) fn subscribe(&mut self, name: &str) -> bool {
        self.held.insert(name.to_owned())
    }

    /// Whether it was held.
    pub(super) fn unsubscribe(&mut self, name: &str) -> bool {
        self.held.remove(name)
    }

    /// Whether the connection asked that its loss cancels what is open.
    pub(super) fn is_protected(&self) -> bool {
        self.held.contains(PROTECTED)
    }

    pub(super) const fn owner(&self) -> AccountIndex {
        self.owner
    }

    fn tell(&self, topic: &str, at_ms: u64, number: u64, row: impl FnOnce() -> Value, outbox: &Outbox) {
        let spot = format!("{topic}.{SPOT}");
        let names: Vec<&str> = [topic, spot.as_str()].into_iter().filter(|name| self.held.contains(*name)).collect();
        if names.is_empty() {
            return;
        }
        let data = json!([row()]);
        for name in names {
            let message = json!({"id": number.to_string(), "topic": name, "creationTime": at_ms, "data": data});
            outbox.push_own(Bytes::from(message.to_string()));
        }
    }
}

impl Observer for OwnFeed {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        match event {
            Event::Balances { owner, at_ms } if *owner == self.owner => {
                self.tell("wallet", *at_ms, *at_ms, || shapes::wallet(exchange, self.owner, None), outbox);
            }
            Event::Order { order, fill, execution, at_ms, .. } if order.owner == self.owner => {
                if !exchange.market(order.market).instrument.kind.is_spot() {
                    return;
                }
                if let Some(fill) = fill {
                    self.tell("execution", *at_ms, *execution, || shapes::execution(exchange, self.owner, fill), outbox);
                }
                self.tell("order", *at_ms, *execution, || shapes::order(exchange, order), outbox);
            }
            Event::Balances { .. } | Event::Order { .. } | Event::Ticked { .. } | Event::Trade { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_those_of_the_venue() {
        for name in ["order", "order.spot", "execution", "execution.linear", "wallet", "position", "position.linear", "dcp.spot"] {
            assert!(OwnFeed::knows(name), "{name}");
        }
        for name in ["orders", "order.", "order.margin", "wallet.spot", "position.spot", "dcp", "dcp.linear", "tickers.BTCUSDT", ""] {
            assert!(!OwnFeed::knows(name), "{name}");
        }
    }
}
