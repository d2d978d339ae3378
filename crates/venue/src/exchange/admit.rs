//! Admission of orders: what must hold before anything changes.
//!
//! Order of checks, cheapest and most blameable first: instrument open → client order id →
//! filters → number of open orders → maker-only → balance. Nothing changes until all pass.

use std::sync::Arc;

use super::account::AccountIndex;
use super::fixed::Fixed;
use super::instrument::{InstrumentKind, MarketIndex};
use super::order::{Order, OrderError, OrderKind, OrderRequest, Side, Size};
use super::{Exchange, HOUSE};
use crate::limits::{CLIENT_ORDER_ID_BYTES_MAX, OPEN_ORDERS_PER_ACCOUNT_MAX};

/// A request that passed the filters: how many lots, at which worst price, for what hold.
pub(super) struct Admitted {
    pub(super) lots: u64,
    pub(super) limit_ticks: u128,
    pub(super) quantity: Fixed,
    pub(super) hold: Fixed,
    /// Market orders are paid at once, so their need is checked but not held.
    pub(super) keeps_hold: bool,
}

impl Exchange {
    /// Checks an order; `leaving` is one that makes room for it, with its hold and its name.
    pub(super) fn admit(&self, owner: AccountIndex, request: &OrderRequest, leaving: Option<&Order>) -> Result<Admitted, OrderError> {
        if self.markets[request.market.0].instrument.expired {
            return Err(OrderError::MarketClosed);
        }
        if let Some(client_id) = &request.client_id {
            self.check_client_id(owner, client_id, leaving)?;
        }
        let (lots, limit_ticks, cost) = match request.kind {
            OrderKind::Limit | OrderKind::LimitMaker => self.size_limit(request)?,
            OrderKind::Market => self.size_market(request)?,
        };
        if leaving.is_none() && self.accounts[owner.0].open.len() >= OPEN_ORDERS_PER_ACCOUNT_MAX {
            return Err(OrderError::TooManyOpenOrders);
        }
        let market = &self.markets[request.market.0];
        let quantity = market.instrument.quantity_of(lots);
        if request.kind == OrderKind::LimitMaker && market.book.fillable(request.side, 1, limit_ticks) > 0 {
            return Err(OrderError::WouldMatch);
        }
        let hold = self.need(request.market, request.side, quantity, cost);
        self.check_balance(owner, request, hold, leaving)?;
        let keeps_hold = request.kind != OrderKind::Market;
        Ok(Admitted { lots, limit_ticks, quantity, hold, keeps_hold })
    }

    /// What the rest of an order must hold from now on, if it may rest so.
    pub(super) fn admit_rest(&self, owner: AccountIndex, rest: &OrderRequest, order: &Order) -> Result<Fixed, OrderError> {
        let market = &self.markets[rest.market.0];
        if market.instrument.expired {
            return Err(OrderError::MarketClosed);
        }
        if let Some(client_id) = &rest.client_id {
            self.check_client_id(owner, client_id, Some(order))?;
        }
        let (quantity, ticks, cost) = self.worst_cost(rest)?;
        if rest.kind == OrderKind::LimitMaker && market.book.fillable(rest.side, 1, ticks) > 0 {
            return Err(OrderError::WouldMatch);
        }
        let hold = self.need(rest.market, rest.side, quantity, cost);
        self.check_balance(owner, rest, hold, Some(order))?;
        Ok(hold)
    }

    fn check_balance(&self, owner: AccountIndex, request: &OrderRequest, need: Fixed, leaving: Option<&Order>) -> Result<(), OrderError> {
        let asset = self.spent_asset(request.market, request.side);
        let given_back =
            leaving.filter(|order| self.spent_asset(order.market, order.side) == asset).map_or(Fixed::ZERO, |order| order.held);
        let free = self.accounts[owner.0].balance(&asset).free() + given_back;
        if owner != HOUSE && free < need { Err(OrderError::InsufficientBalance) } else { Ok(()) }
    }

    fn check_client_id(&self, owner: AccountIndex, client_id: &str, leaving: Option<&Order>) -> Result<(), OrderError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
        if client_id.is_empty() || client_id.len() > CLIENT_ORDER_ID_BYTES_MAX || !client_id.bytes().all(legal) {
            return Err(OrderError::MalformedClientId);
        }
        let leaves = |order: &Order| leaving.is_some_and(|leaving| leaving.id == order.id);
        if self.open_orders(owner).any(|order| order.client_id == client_id && !leaves(order)) {
            return Err(OrderError::DuplicateClientId);
        }
        Ok(())
    }

    /// Lots, limit in ticks and the quote an order at its limit is worth.
    pub(super) fn size_limit(&self, request: &OrderRequest) -> Result<(u64, u128, Fixed), OrderError> {
        let terms = &self.markets[request.market.0].instrument;
        let Size::Base(quantity) = request.size else {
            return Err(OrderError::QuantityFilter);
        };
        if !request.price.is_positive() || request.price > terms.price_max || !request.price.is_multiple_of(terms.tick) {
            return Err(OrderError::PriceFilter);
        }
        self.check_quantity(request.market, quantity)?;
        if request.price.mul_down(quantity) < terms.notional_min {
            return Err(OrderError::NotionalTooSmall);
        }
        let (quantity, ticks, cost) = self.worst_cost(request)?;
        Ok((terms.lots(quantity), ticks, cost))
    }

    /// Quantity, limit in ticks, and the quote that an order in base may be worth.
    fn worst_cost(&self, request: &OrderRequest) -> Result<(Fixed, u128, Fixed), OrderError> {
        let market = &self.markets[request.market.0];
        let terms = &market.instrument;
        let Size::Base(quantity) = request.size else {
            return Err(OrderError::QuantityFilter);
        };
        let ticks = terms.ticks(request.price);
        // A sell that meets a higher bid is margined at that bid.
        let best = market.book.best(request.side.opposite()).unwrap_or(ticks);
        let worst = if request.side == Side::Sell { ticks.max(best) } else { ticks };
        Ok((quantity, ticks, terms.price_of(worst).mul_down(quantity)))
    }

    fn check_quantity(&self, market: MarketIndex, quantity: Fixed) -> Result<(), OrderError> {
        let terms = &self.markets[market.0].instrument;
        let legal = quantity.is_positive() && quantity <= terms.quantity_max && quantity.is_multiple_of(terms.lot);
        if legal { Ok(()) } else { Err(OrderError::QuantityFilter) }
    }

    /// Walks the opposite side: what a market order will get, and what it will cost.
    fn size_market(&self, request: &OrderRequest) -> Result<(u64, u128, Fixed), OrderError> {
        if let Size::Base(quantity) = request.size {
            self.check_quantity(request.market, quantity)?;
        }
        let market = &self.markets[request.market.0];
        let terms = &market.instrument;
        let (mut lots, mut limit, mut cost) = (0_u64, 0_u128, Fixed::ZERO);
        for level in market.book.levels(request.side.opposite()) {
            let price = terms.price_of(level.ticks);
            let wanted = match request.size {
                Size::Base(quantity) => terms.lots(quantity) - lots,
                Size::Quote(amount) => terms.lots((amount - cost).div_down(price)),
            };
            let taken = wanted.min(level.lots);
            if taken == 0 {
                break;
            }
            lots += taken;
            limit = level.ticks;
            cost += price.mul_down(terms.quantity_of(taken));
        }
        if lots == 0 {
            let empty = market.book.best(request.side.opposite()).is_none();
            return Err(if empty { OrderError::NoLiquidity } else { OrderError::NotionalTooSmall });
        }
        if cost < terms.notional_min {
            return Err(OrderError::NotionalTooSmall);
        }
        // The rest of an order larger than the book expires; it is sized by what it asked for.
        let lots = match request.size {
            Size::Base(quantity) => terms.lots(quantity),
            Size::Quote(_) => lots,
        };
        Ok((lots, limit, cost))
    }

    /// What an order may take from its owner's balance, in [`Self::spent_asset`].
    fn need(&self, market: MarketIndex, side: Side, quantity: Fixed, cost: Fixed) -> Fixed {
        let terms = &self.markets[market.0].instrument;
        let commission = cost.basis_points(self.commission_points);
        match (terms.kind, side) {
            (InstrumentKind::Spot, Side::Buy) => cost,
            (InstrumentKind::Spot, Side::Sell) => quantity,
            (InstrumentKind::Option { .. }, Side::Buy) => cost + commission,
            (InstrumentKind::Option { strike, .. }, Side::Sell) => strike.mul_down(quantity).basis_points(terms.margin_points) + commission,
            (InstrumentKind::Future { .. } | InstrumentKind::Perpetual, _) => cost.basis_points(terms.margin_points) + commission,
        }
    }

    /// The asset an order reserves.
    pub(crate) fn spent_asset(&self, market: MarketIndex, side: Side) -> Arc<str> {
        let terms = &self.markets[market.0].instrument;
        match (terms.kind, side) {
            (InstrumentKind::Spot, Side::Sell) => Arc::clone(&terms.base),
            (InstrumentKind::Spot, Side::Buy)
            | (InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Perpetual, _) => Arc::clone(&terms.quote),
        }
    }
}
