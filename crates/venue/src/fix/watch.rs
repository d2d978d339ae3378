//! What an account's sessions hear of its orders.

use std::collections::HashMap;

use countersign_fix::Version;

use super::report::{self, Kind, Names};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::{Event, OrderChange};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Order, OrderId};
use crate::hub::Observer;
use crate::outbox::Outbox;

/// Turns events of one account into ExecutionReports.
pub(super) struct Watch {
    owner: AccountIndex,
    version: Version,
    /// Cancel requests under way: the order, and ClOrdID of the request.
    canceling: HashMap<OrderId, String>,
    /// Replace requests under way: the new ClOrdID, and the order that goes.
    replacing: Option<(String, OrderId, String)>,
    /// How this session spells instruments.
    spelled: HashMap<MarketIndex, String>,
}

impl Watch {
    pub(super) fn new(owner: AccountIndex, version: Version) -> Self {
        Self { owner, version, canceling: HashMap::new(), replacing: None, spelled: HashMap::new() }
    }

    /// The order is being cancelled by a request with this ClOrdID.
    pub(super) fn cancels(&mut self, order: OrderId, request: &str) {
        self.canceling.insert(order, request.to_owned());
    }

    /// The order is being replaced by one with this ClOrdID; none when that is over.
    pub(super) fn replaces(&mut self, replacement: Option<(&str, &Order)>) {
        self.replacing = replacement.map(|(new, order)| (new.to_owned(), order.id, order.client_id.clone()));
    }

    /// The session writes an instrument's name like this.
    pub(super) fn spells(&mut self, market: MarketIndex, symbol: &str) {
        self.spelled.insert(market, symbol.to_owned());
    }

    /// The instrument's name for this session.
    pub(super) fn symbol<'a>(&'a self, exchange: &'a Exchange, market: MarketIndex) -> &'a str {
        self.spelled.get(&market).map_or(&exchange.market(market).instrument.symbol, |symbol| symbol)
    }
}

impl Observer for Watch {
    fn observe(&mut self, exchange: &Exchange, event: &Event, outbox: &Outbox) {
        let Event::Order { change, order, fill, execution, at_ms } = event else { return };
        if order.owner != self.owner {
            return;
        }
        let mut names = Names { cl_ord_id: order.client_id.clone(), orig: None, symbol: self.symbol(exchange, order.market).to_owned() };
        let kind = match change {
            // Amended through another façade: the names stay, the terms are new.
            OrderChange::Amended => {
                names.orig = Some(names.cl_ord_id.clone());
                Kind::Replaced
            }
            OrderChange::Canceled => {
                if self.replacing.as_ref().is_some_and(|(_, old, _)| *old == order.id) {
                    return;
                }
                if let Some(request) = self.canceling.remove(&order.id) {
                    names.orig = Some(std::mem::replace(&mut names.cl_ord_id, request));
                }
                Kind::Canceled
            }
            OrderChange::Expired => Kind::Expired,
            OrderChange::New => match self.replacing.as_ref().filter(|(new, ..)| *new == order.client_id) {
                Some((_, _, old)) => {
                    names.orig = Some(old.clone());
                    Kind::Replaced
                }
                None => Kind::New,
            },
            OrderChange::Trade => Kind::Trade,
        };
        if !order.status.is_open() {
            self.canceling.remove(&order.id);
        }
        let report = report::execution(self.version, kind, order, fill.as_deref(), &names, (&execution.to_string(), *at_ms));
        outbox.push_own(report.into_bytes());
    }
}
