//! What a trade and an expiry do to accounts.
//!
//! | instrument | trade moves | expiry moves |
//! |---|---|---|
//! | spot | base one way, quote the other | – |
//! | future | the realised part of a reduced position | price of the underlying − cost |
//! | perpetual | as a future | – |
//! | option | the premium | max(0, underlying − strike) |
//!
//! Commission goes to the house, so no trade changes the sum over all accounts. A loss
//! that is larger than an account's free balance is carried by the house as well: the
//! venue has no liquidation engine, and free balances never fall below nought.

use std::sync::Arc;

use super::account::{AccountIndex, Movement, Settlement};
use super::book::Match;
use super::event::{Event, OrderChange, PublicTrade};
use super::fixed::Fixed;
use super::instrument::{self, InstrumentKind, MarketIndex};
use super::order::{Fill, OrderId, OrderStatus, Side};
use super::{Exchange, HOUSE};

/// One side of a trade.
struct Leg {
    order: OrderId,
    owner: AccountIndex,
    side: Side,
    is_maker: bool,
}

impl Exchange {
    /// Settles one match of the book and returns the taker's fill.
    pub(crate) fn settle_match(&mut self, taker: OrderId, matched: Match, now_ms: u64) -> Fill {
        let order = &self.orders[&taker];
        let (market, side, taker_owner) = (order.market, order.side, order.owner);
        let terms = &self.markets[market.0].instrument;
        let (price, quantity) = (terms.price_of(matched.ticks), terms.quantity_of(matched.lots));
        let tape = &mut self.markets[market.0].tape;
        let trade = PublicTrade {
            id: tape.next_id(),
            price,
            quantity,
            quote: price.mul_down(quantity),
            buyer_is_maker: side == Side::Sell,
            at_ms: now_ms,
        };
        tape.record(trade);
        self.events.push(Event::Trade { market, trade });
        let maker_owner = self.orders.get(&matched.maker).map_or(HOUSE, |order| order.owner);
        let maker = Leg { order: matched.maker, owner: maker_owner, side: side.opposite(), is_maker: true };
        let taker = Leg { order: taker, owner: taker_owner, side, is_maker: false };
        self.settle_leg(&maker, market, &trade);
        if maker_owner != taker_owner {
            self.note_balances(maker_owner, now_ms);
        }
        self.settle_leg(&taker, market, &trade)
    }

    fn settle_leg(&mut self, leg: &Leg, market: MarketIndex, trade: &PublicTrade) -> Fill {
        self.release_share(leg, market, trade.quantity);
        let (commission, commission_asset) = match self.markets[market.0].instrument.kind {
            InstrumentKind::Spot => self.settle_spot(leg, market, trade),
            InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Perpetual => {
                self.settle_contract(leg, market, trade)
            }
        };
        let fill = Fill {
            trade_id: trade.id,
            order: leg.order,
            market,
            side: leg.side,
            price: trade.price,
            quantity: trade.quantity,
            quote: trade.quote,
            commission,
            commission_asset,
            is_maker: leg.is_maker,
            at_ms: trade.at_ms,
        };
        self.advance_order(leg, &fill);
        fill
    }

    /// Gives back the part of the order's hold that this fill uses.
    fn release_share(&mut self, leg: &Leg, market: MarketIndex, quantity: Fixed) {
        let Some(order) = self.orders.get_mut(&leg.order) else {
            return;
        };
        let remaining = order.remaining();
        let share = if quantity >= remaining { order.held } else { order.held.scale_down(quantity, remaining) };
        order.held -= share;
        let asset = self.spent_asset(market, leg.side);
        self.accounts[leg.owner.0].release(&asset, share);
    }

    fn settle_spot(&mut self, leg: &Leg, market: MarketIndex, trade: &PublicTrade) -> (Fixed, Arc<str>) {
        let terms = &self.markets[market.0].instrument;
        let (base, quote) = (Arc::clone(&terms.base), Arc::clone(&terms.quote));
        let (gained, gain, spent, cost) = match leg.side {
            Side::Buy => (base, trade.quantity, quote, trade.quote),
            Side::Sell => (quote, trade.quote, base, trade.quantity),
        };
        let account = &mut self.accounts[leg.owner.0];
        account.move_funds(&spent, -cost, Movement::Trade, market, trade.at_ms);
        account.move_funds(&gained, gain, Movement::Trade, market, trade.at_ms);
        let commission = self.charge(leg.owner, &gained, gain, (market, trade.at_ms));
        (commission, gained)
    }

    fn settle_contract(&mut self, leg: &Leg, market: MarketIndex, trade: &PublicTrade) -> (Fixed, Arc<str>) {
        let terms = &self.markets[market.0].instrument;
        let (quote, kind, points) = (Arc::clone(&terms.quote), terms.kind, terms.margin_points);
        let account = &mut self.accounts[leg.owner.0];
        let signed = |value: Fixed| if leg.side == Side::Buy { value } else { -value };
        let (quantity, cost) = (signed(trade.quantity), signed(trade.quote));
        let position = account.positions.entry(market).or_default();
        let realised = apply_to_position(&mut position.quantity, &mut position.cost, quantity, cost);
        let position = *position;
        match kind {
            InstrumentKind::Future { .. } | InstrumentKind::Perpetual => {
                account.move_funds(&quote, realised, Movement::Trade, market, trade.at_ms);
                account.set_margin(market, &quote, position.cost.abs().basis_points(points));
            }
            InstrumentKind::Option { strike, .. } => {
                account.move_funds(&quote, -cost, Movement::Trade, market, trade.at_ms);
                let sold = (-position.quantity).max(Fixed::ZERO);
                account.set_margin(market, &quote, strike.mul_down(sold).basis_points(points));
            }
            InstrumentKind::Spot => {}
        }
        let commission = self.charge(leg.owner, &quote, trade.quote, (market, trade.at_ms));
        self.cover(leg.owner, &quote, (market, trade.at_ms));
        (commission, quote)
    }

    /// Moves the commission on an amount to the house; the house itself pays none.
    fn charge(&mut self, owner: AccountIndex, asset: &Arc<str>, amount: Fixed, (market, at_ms): (MarketIndex, u64)) -> Fixed {
        if owner == HOUSE {
            return Fixed::ZERO;
        }
        let commission = amount.basis_points(self.commission_points);
        self.accounts[owner.0].move_funds(asset, -commission, Movement::Fee, market, at_ms);
        self.accounts[HOUSE.0].credit(asset, commission);
        commission
    }

    /// Lets the house carry what an account's free balance cannot.
    fn cover(&mut self, owner: AccountIndex, asset: &Arc<str>, (market, at_ms): (MarketIndex, u64)) {
        let short = -self.accounts[owner.0].balance(asset).free();
        if owner == HOUSE || !short.is_positive() {
            return;
        }
        self.accounts[owner.0].move_funds(asset, short, Movement::Cover, market, at_ms);
        self.accounts[HOUSE.0].credit(asset, -short);
    }

    fn advance_order(&mut self, leg: &Leg, fill: &Fill) {
        let Some(order) = self.orders.get_mut(&leg.order) else {
            return;
        };
        order.filled += fill.quantity;
        order.filled_quote += fill.quote;
        order.updated_ms = fill.at_ms;
        let done = order.filled >= order.quantity;
        order.status = if done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        if leg.owner == HOUSE {
            if done {
                self.retire(leg.order, HOUSE);
            }
            return;
        }
        let order = order.clone();
        self.accounts[leg.owner.0].remember_fill(fill.clone());
        self.note_order(OrderChange::Trade, &order, Some(fill), fill.at_ms);
        if done {
            self.retire(leg.order, leg.owner);
        }
    }

    /// Settles every contract whose time has come and lists its successor.
    pub(crate) fn expire_contracts(&mut self, now_ms: u64) {
        let due: Vec<MarketIndex> = (0..self.markets.len())
            .map(MarketIndex)
            .filter(|index| {
                let terms = &self.markets[index.0].instrument;
                !terms.expired && terms.kind.expiry_ms().is_some_and(|expiry| expiry <= now_ms)
            })
            .collect();
        for market in due {
            let price = self.maker.spot();
            self.expire(market, price, now_ms);
            let next = instrument::successor(&self.markets[market.0].instrument, now_ms, price);
            let fresh = next.filter(|next| self.find_market(&next.symbol).is_none());
            if let Some(instrument) = fresh {
                self.list(instrument, now_ms);
            }
        }
    }

    fn expire(&mut self, market: MarketIndex, price: Fixed, now_ms: u64) {
        self.markets[market.0].instrument.expired = true;
        let orders = self.orders.values().filter(|order| order.market == market && order.status.is_open());
        let mut open: Vec<OrderId> = orders.map(|order| order.id).collect();
        open.sort_unstable();
        for id in open {
            self.end_order(id, OrderStatus::Expired, now_ms);
        }
        for owner in (0..self.accounts.len()).map(AccountIndex) {
            self.settle_expiry(owner, market, price, now_ms);
        }
    }

    fn settle_expiry(&mut self, owner: AccountIndex, market: MarketIndex, price: Fixed, now_ms: u64) {
        let terms = &self.markets[market.0].instrument;
        let (quote, kind) = (Arc::clone(&terms.quote), terms.kind);
        let position = self.accounts[owner.0].position(market);
        let account = &mut self.accounts[owner.0];
        account.set_margin(market, &quote, Fixed::ZERO);
        account.positions.remove(&market);
        if position.quantity.is_zero() {
            return;
        }
        let (value, paid) = match kind {
            InstrumentKind::Future { .. } => {
                let value = price.mul_down(position.quantity);
                (value, value - position.cost)
            }
            InstrumentKind::Option { strike, .. } => {
                let value = (price - strike).max(Fixed::ZERO).mul_down(position.quantity);
                (value, value)
            }
            InstrumentKind::Perpetual | InstrumentKind::Spot => return,
        };
        account.move_funds(&quote, paid, Movement::Settlement, market, now_ms);
        self.cover(owner, &quote, (market, now_ms));
        if owner == HOUSE {
            return;
        }
        let key = self.last_key(owner, market);
        let id = self.next_execution;
        self.next_execution += 1;
        self.accounts[owner.0].remember_settlement(Settlement {
            id,
            market,
            expiry_ms: kind.expiry_ms().unwrap_or(now_ms),
            settled_ms: now_ms,
            price,
            quantity: position.quantity,
            cost: position.cost,
            value,
            gain: value - position.cost,
            key,
        });
        self.note_balances(owner, now_ms);
    }

    fn last_key(&self, owner: AccountIndex, market: MarketIndex) -> Arc<str> {
        let orders = self.all_orders(owner);
        let last = orders.iter().rev().find(|order| order.market == market && order.filled.is_positive());
        last.map_or_else(|| Arc::from(""), |order| Arc::clone(&order.key))
    }
}

/// Adds a signed trade to a position and returns the realised gain: the reduced part's
/// proceeds minus its share of the cost. `cash − cost` of the account changes by exactly
/// `−trade cost`, so both sides of a trade cancel to the last unit.
pub(crate) fn apply_to_position(quantity: &mut Fixed, cost: &mut Fixed, traded: Fixed, traded_cost: Fixed) -> Fixed {
    let same_way = quantity.is_zero() || quantity.is_positive() == traded.is_positive();
    if same_way {
        *quantity += traded;
        *cost += traded_cost;
        return Fixed::ZERO;
    }
    let closed = traded.abs().min(quantity.abs());
    let share = |value: Fixed, whole: Fixed| if closed == whole { value } else { value.scale_down(closed, whole) };
    let released = share(*cost, quantity.abs());
    let proceeds = share(traded_cost, traded.abs());
    *cost += traded_cost - proceeds - released;
    *quantity += traded;
    -proceeds - released
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(position: &mut (Fixed, Fixed), quantity: i64, price: i64) -> Fixed {
        let cost = Fixed::whole(quantity * price);
        apply_to_position(&mut position.0, &mut position.1, Fixed::whole(quantity), cost)
    }

    #[test]
    fn realises_only_what_is_closed() {
        let mut position = (Fixed::ZERO, Fixed::ZERO);
        assert_eq!(trade(&mut position, 2, 100), Fixed::ZERO);
        assert_eq!(trade(&mut position, -1, 110), Fixed::whole(10));
        assert_eq!(position, (Fixed::whole(1), Fixed::whole(100)));
    }

    #[test]
    fn turning_a_position_around_realises_the_old_and_opens_the_new() {
        let mut position = (Fixed::ZERO, Fixed::ZERO);
        trade(&mut position, -1, 100);
        assert_eq!(trade(&mut position, 3, 90), Fixed::whole(10));
        assert_eq!(position, (Fixed::whole(2), Fixed::whole(180)));
    }
}
