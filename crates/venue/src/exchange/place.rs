//! Matching and cancellation of orders.

use super::account::AccountIndex;
use super::admit::Admitted;
use super::event::{Event, OrderChange};
use super::fixed::Fixed;
use super::instrument::MarketIndex;
use super::order::{
    CancelClass, DAY_MS, Fill, Marks, Order, OrderError, OrderId, OrderKind, OrderRequest, OrderStatus, Side, Size, TimeInForce,
};
use super::{Exchange, HOUSE};

impl Exchange {
    /// Checks an order as [`Self::place`] would, without placing it.
    ///
    /// # Errors
    /// What `place` would answer.
    pub fn check(&self, owner: AccountIndex, request: &OrderRequest) -> Result<(), OrderError> {
        self.admit(owner, request, None).map(|_| ())
    }

    /// Places an order: admits, matches, rests or expires what is left.
    ///
    /// # Errors
    /// [`OrderError`] when refused; then nothing has changed.
    pub fn place(&mut self, owner: AccountIndex, request: OrderRequest, now_ms: u64) -> Result<PlacedOrder, OrderError> {
        self.place_marked(owner, request, Marks::session(None), now_ms)
    }

    /// Places an order with a label of the client's that comes back in answers and events.
    ///
    /// # Errors
    /// As [`Self::place`].
    pub fn place_marked(
        &mut self,
        owner: AccountIndex,
        request: OrderRequest,
        marks: Marks,
        now_ms: u64,
    ) -> Result<PlacedOrder, OrderError> {
        let admitted = self.admit(owner, &request, None)?;
        let asset = self.spent_asset(request.market, request.side);
        if admitted.keeps_hold {
            self.accounts[owner.0].hold(&asset, admitted.hold)?;
        }
        let id = self.open_order(owner, request, marks, &admitted, now_ms);
        let mut fills = Vec::new();
        let order = &self.orders[&id];
        let kill = order.time_in_force == TimeInForce::FillOrKill && order.kind == OrderKind::Limit && {
            let book = &self.markets[order.market.0].book;
            book.fillable(order.side, admitted.lots, admitted.limit_ticks) < admitted.lots
        };
        if !kill {
            fills = self.match_order(id, admitted.limit_ticks, admitted.lots, now_ms);
        }
        let order = &self.orders[&id];
        let rests = order.time_in_force == TimeInForce::GoodTillCanceled && order.kind != OrderKind::Market;
        if order.status.is_open() && !rests {
            self.end_order(id, OrderStatus::Expired, now_ms);
        }
        self.note_balances(owner, now_ms);
        let order = self.orders[&id].clone();
        self.forget_surplus(owner);
        Ok(PlacedOrder { order, fills })
    }

    /// Withdraws an open order of this account.
    ///
    /// # Errors
    /// [`OrderError::UnknownOrder`] when the account has no such open order.
    pub fn cancel(&mut self, owner: AccountIndex, id: OrderId, now_ms: u64) -> Result<Order, OrderError> {
        let open = self.order(owner, id).is_some_and(|order| order.status.is_open());
        if !open {
            return Err(OrderError::UnknownOrder);
        }
        self.end_order(id, OrderStatus::Canceled, now_ms);
        self.note_balances(owner, now_ms);
        let order = self.orders[&id].clone();
        self.forget_surplus(owner);
        Ok(order)
    }

    /// Withdraws all open orders of this account, of one instrument or of all.
    pub fn cancel_all(&mut self, owner: AccountIndex, market: Option<MarketIndex>, now_ms: u64) -> Vec<Order> {
        let wanted = |order: &&Order| market.is_none_or(|index| order.market == index);
        let ids: Vec<OrderId> = self.open_orders(owner).filter(wanted).map(|order| order.id).collect();
        ids.into_iter().filter_map(|id| self.cancel(owner, id, now_ms).ok()).collect()
    }

    /// Withdraws the open orders of a class, of this account or of one session, of one instrument or of all.
    pub fn cancel_class(
        &mut self,
        owner: AccountIndex,
        session: Option<&str>,
        market: Option<MarketIndex>,
        class: CancelClass,
        now_ms: u64,
    ) -> Vec<Order> {
        let of_session = |order: &Order| session.is_none() || order.session.as_deref() == session;
        let wanted = |order: &&Order| of_session(order) && class.covers(order) && market.is_none_or(|index| order.market == index);
        let ids: Vec<OrderId> = self.open_orders(owner).filter(wanted).map(|order| order.id).collect();
        ids.into_iter().filter_map(|id| self.cancel(owner, id, now_ms).ok()).collect()
    }

    /// Withdraws the open orders of a session, and those that others of its account had placed by a moment; of one instrument or of all.
    pub fn cancel_of_account_by(
        &mut self,
        owner: AccountIndex,
        session: &str,
        by_ms: u64,
        market: Option<MarketIndex>,
        now_ms: u64,
    ) -> Vec<Order> {
        let meant = |order: &Order| order.session.as_deref() == Some(session) || order.created_ms <= by_ms;
        let wanted = |order: &&Order| meant(order) && market.is_none_or(|index| order.market == index);
        let ids: Vec<OrderId> = self.open_orders(owner).filter(wanted).map(|order| order.id).collect();
        ids.into_iter().filter_map(|id| self.cancel(owner, id, now_ms).ok()).collect()
    }

    /// How much of a position an order on this side can reduce, beside all that rests for that; nought where it would open or enlarge one.
    #[must_use]
    pub fn reducible(&self, owner: AccountIndex, market: MarketIndex, side: Side) -> Fixed {
        let held = self.accounts[owner.0].position(market).quantity;
        let closing = if held.is_positive() { Side::Sell } else { Side::Buy };
        let same = |order: &&Order| order.reduce && order.market == market && order.side == closing;
        let resting = self.open_orders(owner).filter(same).fold(Fixed::ZERO, |sum, order| sum + order.remaining());
        if side == closing { (held.abs() - resting).max(Fixed::ZERO) } else { Fixed::ZERO }
    }

    /// Whether an order would only reduce what the account holds, with all it has resting for that.
    #[must_use]
    pub fn only_reduces(&self, owner: AccountIndex, request: &OrderRequest) -> bool {
        match request.size {
            Size::Base(quantity) => quantity.is_positive() && quantity <= self.reducible(owner, request.market, request.side),
            Size::Quote(_) => false,
        }
    }

    /// Ends what was good for a day that is over.
    pub(super) fn expire_day_orders(&mut self, now_ms: u64) {
        let over = |order: &&Order| order.day && order.status.is_open() && order.created_ms / DAY_MS < now_ms / DAY_MS;
        let ids: Vec<OrderId> = self.orders.values().filter(over).map(|order| order.id).collect();
        for id in ids {
            let owner = self.orders[&id].owner;
            self.end_order(id, OrderStatus::Expired, now_ms);
            self.note_balances(owner, now_ms);
        }
    }

    fn open_order(&mut self, owner: AccountIndex, request: OrderRequest, marks: Marks, admitted: &Admitted, now_ms: u64) -> OrderId {
        let id = self.next_order;
        self.next_order += 1;
        let quote_quantity = match request.size {
            Size::Base(_) => Fixed::ZERO,
            Size::Quote(amount) => amount,
        };
        let order = Order {
            id,
            owner,
            market: request.market,
            side: request.side,
            kind: request.kind,
            time_in_force: request.time_in_force,
            price: request.price,
            quantity: admitted.quantity,
            quote_quantity,
            filled: Fixed::ZERO,
            filled_quote: Fixed::ZERO,
            held: if admitted.keeps_hold { admitted.hold } else { Fixed::ZERO },
            status: OrderStatus::New,
            client_id: request.client_id.unwrap_or_else(|| format!("v-{id}")),
            key: request.key,
            tag: marks.tag,
            session: marks.session,
            day: marks.day,
            reduce: marks.reduce,
            amended: false,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        self.accounts[owner.0].open.push(id);
        self.note_order(OrderChange::New, &order, None, now_ms);
        self.orders.insert(id, order);
        id
    }

    /// Sends the order to the book and settles every match.
    pub(crate) fn match_order(&mut self, id: OrderId, limit_ticks: u128, lots: u64, now_ms: u64) -> Vec<Fill> {
        let (market, side) = (self.orders[&id].market, self.orders[&id].side);
        let added = self.markets[market.0].book.add(id, side, limit_ticks, lots, now_ms);
        let Ok(matches) = added else {
            self.end_order(id, OrderStatus::Expired, now_ms);
            return Vec::new();
        };
        matches.into_iter().map(|one| self.settle_match(id, one, now_ms)).collect()
    }

    /// Ends an open order before it is filled: off the book, hold back, event out.
    pub(crate) fn end_order(&mut self, id: OrderId, status: OrderStatus, now_ms: u64) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        order.status = status;
        order.updated_ms = now_ms;
        let held = std::mem::take(&mut order.held);
        let order = order.clone();
        self.markets[order.market.0].book.cancel(id);
        let asset = self.spent_asset(order.market, order.side);
        self.accounts[order.owner.0].release(&asset, held);
        let change = if status == OrderStatus::Canceled { OrderChange::Canceled } else { OrderChange::Expired };
        self.note_order(change, &order, None, now_ms);
        self.retire(id, order.owner);
    }

    /// Moves a finished order out of the open ones.
    pub(crate) fn retire(&mut self, id: OrderId, owner: AccountIndex) {
        if owner == HOUSE {
            self.orders.remove(&id);
            return;
        }
        let account = &mut self.accounts[owner.0];
        account.open.retain(|open| *open != id);
        account.closed.push_back(id);
    }

    /// Forgets the oldest finished orders beyond the limit. Separate from [`Self::retire`]
    /// so that a call can still read the order it just finished.
    pub(super) fn forget_surplus(&mut self, owner: AccountIndex) {
        let account = &mut self.accounts[owner.0];
        while account.closed.len() > crate::limits::CLOSED_ORDERS_PER_ACCOUNT_MAX {
            if let Some(forgotten) = account.closed.pop_front() {
                self.orders.remove(&forgotten);
            }
        }
    }

    pub(crate) fn note_order(&mut self, change: OrderChange, order: &Order, fill: Option<&Fill>, now_ms: u64) {
        if order.owner == HOUSE {
            return;
        }
        let execution = self.next_execution;
        self.next_execution += 1;
        self.events.push(Event::Order {
            change,
            order: Box::new(order.clone()),
            fill: fill.map(|fill| Box::new(fill.clone())),
            execution,
            at_ms: now_ms,
        });
    }

    pub(crate) fn note_balances(&mut self, owner: AccountIndex, now_ms: u64) {
        if owner == HOUSE {
            return;
        }
        self.accounts[owner.0].updated_ms = now_ms;
        self.events.push(Event::Balances { owner, at_ms: now_ms });
    }
}

/// A placed order with the fills it got at once.
#[derive(Clone, Debug)]
pub struct PlacedOrder {
    /// The order after matching.
    pub order: Order,
    /// Its immediate fills.
    pub fills: Vec<Fill>,
}
