//! Changing a resting order.
//!
//! Venues call it amend, edit, alter, modify or update, and mean one of two things:
//!
//! | | order number | place in the queue |
//! |---|---|---|
//! | [`Exchange::amend`] | stays | kept when only the quantity shrinks, otherwise the last |
//! | [`Exchange::replace`] | a new order's | the last |
//!
//! Both check the new terms first, with what the old order holds counted as free: a change that
//! is refused leaves the order as it was.

use std::sync::Arc;

use super::Exchange;
use super::account::AccountIndex;
use super::event::OrderChange;
use super::fixed::Fixed;
use super::order::{Marks, Order, OrderError, OrderId, OrderKind, OrderRequest, Size};
use super::place::PlacedOrder;

/// What a resting order is to become; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Amendment {
    /// New limit price.
    pub price: Option<Fixed>,
    /// New quantity in base: of the whole order, with what is filled already.
    pub quantity: Option<Fixed>,
    /// New name given by the client.
    pub client_id: Option<String>,
}

impl Amendment {
    /// The whole order as if it were placed with the new terms; `key` is who asks for them.
    #[must_use]
    pub fn request(&self, order: &Order, key: &Arc<str>) -> OrderRequest {
        OrderRequest {
            market: order.market,
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            size: Size::Base(self.quantity.unwrap_or(order.quantity)),
            price: self.price.unwrap_or(order.price),
            client_id: self.client_id.clone(),
            key: Arc::clone(key),
        }
    }

    /// Whether an order has these terms already.
    #[must_use]
    pub fn is_idle(&self, order: &Order) -> bool {
        let same = |new: Option<Fixed>, old| new.is_none_or(|new| new == old);
        let named = self.client_id.as_ref().is_none_or(|name| *name == order.client_id);
        named && same(self.price, order.price) && same(self.quantity, order.quantity)
    }
}

/// New terms that passed.
struct Amended {
    lots: u64,
    limit_ticks: u128,
    price: Fixed,
    quantity: Fixed,
    hold: Fixed,
    keeps_place: bool,
}

impl Exchange {
    /// Changes a resting order of this account; what now meets the other side trades at once.
    ///
    /// # Errors
    /// [`OrderError`] when refused; then nothing has changed. A quantity that is filled already is outside its filter.
    pub fn amend(&mut self, owner: AccountIndex, id: OrderId, amendment: &Amendment, now_ms: u64) -> Result<PlacedOrder, OrderError> {
        let amended = self.amendable(owner, id, amendment)?;
        let market = self.orders[&id].market;
        if amended.keeps_place {
            let book = &mut self.markets[market.0].book;
            book.reduce(id, amended.lots, now_ms).map_err(|_| OrderError::BookUnavailable)?;
        } else {
            self.markets[market.0].book.cancel(id);
        }
        self.write_terms(id, amendment, &amended, now_ms);
        let fills = if amended.keeps_place { Vec::new() } else { self.match_order(id, amended.limit_ticks, amended.lots, now_ms) };
        self.note_balances(owner, now_ms);
        let order = self.orders[&id].clone();
        self.forget_surplus(owner);
        Ok(PlacedOrder { order, fills })
    }

    /// Checks an amendment as [`Self::amend`] would, without making it.
    ///
    /// # Errors
    /// What `amend` would answer.
    pub fn check_amendment(&self, owner: AccountIndex, id: OrderId, amendment: &Amendment) -> Result<(), OrderError> {
        self.amendable(owner, id, amendment).map(|_| ())
    }

    /// Withdraws a resting order of this account and places another instead of it.
    ///
    /// # Errors
    /// [`OrderError`] when there is no such order or the new one is refused; then the old one rests on.
    pub fn replace(
        &mut self,
        owner: AccountIndex,
        id: OrderId,
        request: OrderRequest,
        marks: Marks,
        now_ms: u64,
    ) -> Result<PlacedOrder, OrderError> {
        let old = self.resting(owner, id)?.clone();
        self.admit(owner, &request, Some(&old))?;
        self.cancel(owner, id, now_ms)?;
        self.place_marked(owner, request, marks, now_ms)
    }

    fn resting(&self, owner: AccountIndex, id: OrderId) -> Result<&Order, OrderError> {
        self.order(owner, id).filter(|order| order.status.is_open()).ok_or(OrderError::UnknownOrder)
    }

    fn amendable(&self, owner: AccountIndex, id: OrderId, amendment: &Amendment) -> Result<Amended, OrderError> {
        let order = self.resting(owner, id)?;
        let quantity = amendment.quantity.unwrap_or(order.quantity);
        if quantity <= order.filled {
            return Err(OrderError::QuantityFilter);
        }
        let mut whole = amendment.request(order, &order.key);
        let (price, moved) = (whole.price, whole.price != order.price);
        // An order that stays where it is cannot meet the other side, whatever that has done since.
        whole.kind = if moved { order.kind } else { OrderKind::Limit };
        let (_, limit_ticks, _) = self.size_limit(&whole)?;
        let left = OrderRequest { size: Size::Base(quantity - order.filled), ..whole };
        let hold = self.admit_rest(owner, &left, order)?;
        let lots = self.markets[order.market.0].instrument.lots(quantity - order.filled);
        Ok(Amended { lots, limit_ticks, price, quantity, hold, keeps_place: !moved && quantity <= order.quantity })
    }

    fn write_terms(&mut self, id: OrderId, amendment: &Amendment, amended: &Amended, now_ms: u64) {
        let order = self.orders.get_mut(&id).expect("it was found open above");
        order.price = amended.price;
        order.quantity = amended.quantity;
        order.updated_ms = now_ms;
        order.amended = true;
        if let Some(name) = &amendment.client_id {
            order.client_id.clone_from(name);
        }
        let before = std::mem::replace(&mut order.held, amended.hold);
        let order = order.clone();
        let asset = self.spent_asset(order.market, order.side);
        self.accounts[order.owner.0].release(&asset, before - amended.hold);
        self.note_order(OrderChange::Amended, &order, None, now_ms);
    }
}
