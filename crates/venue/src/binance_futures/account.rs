//! The wallet and the positions of an account.
//!
//! ```text
//!   wallet balance      all USDT of the account, with what was realised
//!   unrealised profit   position × mark − what it cost
//!   margin balance      wallet balance + unrealised profit
//! ```

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names::{self, contracts, market_if_named};
use super::settings::leverage_of;
use crate::exchange::account::Position;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::operations::Owner;

pub(super) const MARGIN_ASSET: &str = "USDT";

/// What the last price makes of a position that was opened at another.
pub(super) fn unrealised(market: &Market, held: Position) -> Fixed {
    held.quantity.mul_down(market.tape.last_price()) - held.cost
}

/// The sums of an account.
struct Sums {
    wallet: Fixed,
    available: Fixed,
    position_margin: Fixed,
    order_margin: Fixed,
    unrealised: Fixed,
    updated_ms: u64,
}

impl Sums {
    fn of(exchange: &Exchange, owner: &Owner, now_ms: u64) -> Self {
        let account = exchange.account_state(owner.index);
        let balance = account.balance(MARGIN_ASSET);
        let held = contracts(exchange).map(|(index, market)| (market, account.position(index)));
        let (margin, profit) = held
            .fold((Fixed::ZERO, Fixed::ZERO), |(margin, profit), (market, held)| (margin + held.margin, profit + unrealised(market, held)));
        Self {
            wallet: balance.total,
            available: balance.free(),
            position_margin: margin,
            order_margin: balance.held - margin,
            unrealised: profit,
            // Clients take an asset without a time for one that was never set up; this one was filled when the account was opened.
            updated_ms: if account.updated_ms == 0 { now_ms } else { account.updated_ms },
        }
    }

    fn asset(&self) -> Value {
        let wallet = self.wallet.short();
        json!({
            "asset": MARGIN_ASSET, "walletBalance": wallet, "unrealizedProfit": self.unrealised.short(),
            "marginBalance": (self.wallet + self.unrealised).short(), "maintMargin": self.position_margin.short(),
            "initialMargin": (self.position_margin + self.order_margin).short(), "positionInitialMargin": self.position_margin.short(),
            "openOrderInitialMargin": self.order_margin.short(), "crossWalletBalance": wallet, "crossUnPnl": self.unrealised.short(),
            "availableBalance": self.available.short(), "maxWithdrawAmount": self.available.short(), "marginAvailable": true,
            "updateTime": self.updated_ms,
        })
    }
}

/// One position; what the older and the newer version say of it, in one.
fn position(exchange: &Exchange, owner: &Owner, index: MarketIndex, market: &Market) -> Value {
    let account = exchange.account_state(owner.index);
    let held = account.position(index);
    let mark = market.tape.last_price();
    let open = exchange.open_orders(owner.index).filter(|order| order.market == index);
    let order_margin = open.fold(Fixed::ZERO, |sum, order| sum + order.held);
    let entry = held.cost.div_down(held.quantity).short();
    json!({
        "symbol": names::symbol(&market.instrument), "positionSide": "BOTH", "positionAmt": held.quantity.short(), "entryPrice": entry,
        "breakEvenPrice": entry, "markPrice": mark.short(), "unRealizedProfit": unrealised(market, held).short(),
        "unrealizedProfit": unrealised(market, held).short(), "liquidationPrice": "0", "isolatedMargin": "0", "isolatedWallet": "0",
        "notional": held.quantity.mul_down(mark).short(), "marginAsset": MARGIN_ASSET,
        "initialMargin": (held.margin + order_margin).short(), "maintMargin": held.margin.short(),
        "positionInitialMargin": held.margin.short(), "openOrderInitialMargin": order_margin.short(), "adl": 0, "bidNotional": "0",
        "askNotional": "0", "updateTime": account.updated_ms, "leverage": leverage_of(market).to_string(), "marginType": "cross",
        "isolated": false, "isAutoAddMargin": "false", "maxNotionalValue": market.instrument.price_max.mul_down(market.instrument.quantity_max).short(),
    })
}

/// `v2/balance`, `v3/balance`
pub(super) fn balance(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let sums = Sums::of(exchange, owner, now_ms);
    let mut row = sums.asset();
    row["balance"] = row["walletBalance"].clone();
    row["accountAlias"] = json!(format!("paper{}", owner.index.0));
    Ok(json!([row]).to_string())
}

/// `v2/account`, `v3/account`
pub(super) fn account(exchange: &Exchange, owner: &Owner, _: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let sums = Sums::of(exchange, owner, now_ms);
    let positions: Vec<Value> = contracts(exchange).map(|(index, market)| position(exchange, owner, index, market)).collect();
    let mut answer = json!({
        "feeTier": 0, "feeBurn": false, "canTrade": true, "canDeposit": false, "canWithdraw": false, "updateTime": sums.updated_ms,
        "multiAssetsMargin": false, "tradeGroupId": -1, "assets": [sums.asset()], "positions": positions,
    });
    let asset = sums.asset();
    for (total, part) in [
        ("totalInitialMargin", "initialMargin"),
        ("totalMaintMargin", "maintMargin"),
        ("totalWalletBalance", "walletBalance"),
        ("totalUnrealizedProfit", "unrealizedProfit"),
        ("totalMarginBalance", "marginBalance"),
        ("totalPositionInitialMargin", "positionInitialMargin"),
        ("totalOpenOrderInitialMargin", "openOrderInitialMargin"),
        ("totalCrossWalletBalance", "crossWalletBalance"),
        ("totalCrossUnPnl", "crossUnPnl"),
        ("availableBalance", "availableBalance"),
        ("maxWithdrawAmount", "maxWithdrawAmount"),
    ] {
        answer[total] = asset[part].clone();
    }
    Ok(answer.to_string())
}

fn positions(exchange: &Exchange, owner: &Owner, fields: &Fields, wanted: impl Fn(MarketIndex) -> bool) -> Result<String, FuturesError> {
    let named = market_if_named(exchange, fields)?;
    let listed = contracts(exchange).filter(|(index, _)| named.is_none_or(|named| named == *index) && wanted(*index));
    Ok(listed.map(|(index, market)| position(exchange, owner, index, market)).collect::<Value>().to_string())
}

/// `v2/positionRisk`: every contract, held or not.
pub(super) fn all_positions(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    positions(exchange, owner, fields, |_| true)
}

/// `v3/positionRisk`: what is held or has an open order.
pub(super) fn held_positions(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    positions(exchange, owner, fields, |index| {
        let held = !exchange.account_state(owner.index).position(index).quantity.is_zero();
        held || exchange.open_orders(owner.index).any(|order| order.market == index)
    })
}
