//! What an account's funds did, and what a wallet for margin would have.

use serde_json::{Value, json};

use super::error::BitfinexError;
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::{LedgerEntry, Movement};
use crate::facade::{FieldError, Fields, number};
use crate::operations::{self, Owner, spot_markets};

/// Ledger entries in one answer (vendor, "Ledgers": at most 2500, 25 unless asked for more).
const ENTRIES_MAX: usize = 2_500;
const ENTRIES_DEFAULT: usize = 25;

/// The venue's categories (vendor, "Ledgers").
const TRADE: u64 = 5;
const SETTLEMENT: u64 = 31;
const FEE: u64 = 201;

const fn category(movement: Movement) -> u64 {
    match movement {
        Movement::Cover | Movement::Settlement => SETTLEMENT,
        Movement::Fee => FEE,
        Movement::Trade => TRADE,
    }
}

/// `[ID, CURRENCY, WALLET, MTS, null, AMOUNT, BALANCE, null, DESCRIPTION]`, newest first.
pub(super) fn ledgers(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let listed = exchange.account_state(owner.index).balances.keys();
    let asset = fields.find("currency").map(|wanted| {
        // The path has the venue's name of a currency.
        let mut assets = listed.clone();
        assets.find(|asset| shapes::currency(asset) == wanted).map_or(wanted, |asset| asset)
    });
    let times = (fields.integer("start")?.unwrap_or(0), fields.integer("end")?.unwrap_or(u64::MAX));
    let limit = fields.limit("limit", ENTRIES_DEFAULT, ENTRIES_MAX)?;
    let wanted = fields.integer("category")?;
    let entries = operations::ledger(exchange, owner.index, asset, times);
    let of_category = entries.filter(|entry| wanted.is_none_or(|wanted| wanted == category(entry.movement)));
    Ok(of_category.take(limit).map(|entry| row(exchange, entry)).collect::<Value>().to_string())
}

fn row(exchange: &Exchange, entry: &LedgerEntry) -> Value {
    let pair = shapes::pair(&exchange.market(entry.market).instrument);
    let what = match entry.movement {
        Movement::Cover => "Adjustment",
        Movement::Fee => "Trading fees for",
        Movement::Settlement => "Settlement",
        Movement::Trade => "Exchange",
    };
    let text = format!("{what} {pair} on wallet exchange");
    json!([
        entry.id,
        shapes::currency(&entry.asset),
        "exchange",
        entry.at_ms,
        null,
        number(entry.amount),
        number(entry.balance),
        null,
        text
    ])
}

/// `info/margin/base`, `…/SYMBOL`, `…/sym_all`: nothing is lent here, so a wallet for margin has nothing.
pub(super) fn margin(exchange: &Exchange, _: &Owner, fields: &Fields, _: u64) -> Result<String, BitfinexError> {
    let row = |symbol: &str| json!(["sym", symbol, [0, 0, 0, 0]]);
    let told = match fields.need("key")? {
        "base" => json!(["base", [0, 0, 0, 0, 0]]),
        "sym_all" => spot_markets(exchange).map(|(_, market)| row(&shapes::symbol(&market.instrument))).collect(),
        symbol if shapes::find(exchange, symbol).is_some() => row(symbol),
        _ => return Err(FieldError::Malformed("key").into()),
    };
    Ok(told.to_string())
}
