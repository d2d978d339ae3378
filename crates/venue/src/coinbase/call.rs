//! Calls one operation for one caller: the access check, then the exchange.

use serde_json::{Map, Value, json};

use super::error::CoinbaseError;
use super::operation::Operation;
use super::{account, edit, market_data, names, orders};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{Access, Denied, admit, iso};
use crate::shell::{Caller, Shell};

/// What a request says: the id in its path, its query, its body.
pub(super) struct Input {
    id: Option<String>,
    query: Vec<(String, String)>,
    pub(super) body: Map<String, Value>,
}

impl Input {
    pub(super) fn new(id: Option<String>, query: &str, body: Map<String, Value>) -> Self {
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { id, query, body }
    }

    /// The id in the path.
    pub(super) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or("")
    }

    /// The first value of a query parameter, when there is one.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a query parameter: lists are sent by repeating the name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.query.iter().filter(move |(known, value)| known == name && !value.is_empty());
        values.map(|(_, value)| value.as_str())
    }

    /// An unsigned integer of the query.
    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, CoinbaseError> {
        let number = self.find(name).map(str::parse).transpose();
        number.map_err(|_| CoinbaseError::argument(format!("{name} is not valid")))
    }

    /// How many rows: the default, or what is asked for up to the maximum.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, CoinbaseError> {
        let limit = self.integer("limit")?.filter(|limit| *limit > 0);
        Ok(limit.map_or(default, |limit| usize::try_from(limit).unwrap_or(max).min(max)))
    }

    /// The product named in the path.
    pub(super) fn product(&self, exchange: &Exchange) -> Result<MarketIndex, CoinbaseError> {
        names::find(exchange, self.id()).ok_or_else(CoinbaseError::unknown_product)
    }
}

/// Answers one request.
pub(super) fn call(shell: &Shell, operation: Operation, access: Access, caller: &Caller, input: &Input) -> Result<Value, CoinbaseError> {
    match admit(shell, access, caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, operation, input, now_ms)),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            match operation {
                Operation::KeyPermissions => Ok(json!({
                    "can_view": identity.scopes.reads(), "can_trade": identity.scopes.order_write, "can_transfer": false,
                    "portfolio_uuid": names::account_text(""), "portfolio_type": "DEFAULT",
                })),
                Operation::BatchCancel => orders::batch_cancel(exchange, owner, input, now_ms),
                Operation::EditOrder => edit::edit(exchange, owner, input, now_ms),
                Operation::EditPreview => edit::preview(exchange, owner, input),
                Operation::PlaceOrder => orders::place(exchange, owner, &identity.key, input, now_ms),
                Operation::PreviewOrder => orders::preview(exchange, owner, &identity.key, input),
                Operation::Account
                | Operation::Accounts
                | Operation::AccountsV2
                | Operation::Fills
                | Operation::FuturesPositions
                | Operation::Order
                | Operation::Orders
                | Operation::TransactionSummary => private(exchange, operation, owner, input),
                Operation::BestBidAsk
                | Operation::Candles
                | Operation::CryptoCurrencies
                | Operation::ExchangeRates
                | Operation::FiatCurrencies
                | Operation::MarketTrades
                | Operation::Product
                | Operation::ProductBook
                | Operation::Products
                | Operation::Time
                | Operation::TimeV2 => public(exchange, operation, input, now_ms),
            }
        }),
    }
}

fn private(exchange: &Exchange, operation: Operation, owner: AccountIndex, input: &Input) -> Result<Value, CoinbaseError> {
    match operation {
        Operation::Account => account::account(exchange, owner, input),
        Operation::Accounts => Ok(account::accounts(exchange, owner)),
        Operation::AccountsV2 => Ok(account::accounts_v2(exchange, owner)),
        Operation::Fills => account::fills(exchange, owner, input),
        // No contract is listed at this façade.
        Operation::FuturesPositions => Ok(json!({"positions": []})),
        Operation::Order => account::order(exchange, owner, input),
        Operation::Orders => account::orders(exchange, owner, input),
        Operation::TransactionSummary => Ok(account::transaction_summary(exchange, owner)),
        Operation::BatchCancel
        | Operation::BestBidAsk
        | Operation::Candles
        | Operation::CryptoCurrencies
        | Operation::EditOrder
        | Operation::EditPreview
        | Operation::ExchangeRates
        | Operation::FiatCurrencies
        | Operation::KeyPermissions
        | Operation::MarketTrades
        | Operation::PlaceOrder
        | Operation::PreviewOrder
        | Operation::Product
        | Operation::ProductBook
        | Operation::Products
        | Operation::Time
        | Operation::TimeV2 => Err(CoinbaseError::unknown_product()),
    }
}

fn public(exchange: &Exchange, operation: Operation, input: &Input, now_ms: u64) -> Result<Value, CoinbaseError> {
    match operation {
        Operation::BestBidAsk => market_data::best_bid_ask(exchange, input, now_ms),
        Operation::Candles => market_data::candles(exchange, input),
        Operation::CryptoCurrencies => Ok(market_data::crypto_currencies(exchange)),
        Operation::ExchangeRates => Ok(market_data::exchange_rates(exchange)),
        // Nothing here is traded against money of a state.
        Operation::FiatCurrencies => Ok(json!({"data": []})),
        Operation::MarketTrades => market_data::market_trades(exchange, input),
        Operation::Product => market_data::product(exchange, input),
        Operation::ProductBook => market_data::product_book(exchange, input, now_ms),
        Operation::Products => market_data::products(exchange, input),
        Operation::Time => Ok(json!({
            "iso": iso(now_ms), "epochSeconds": (now_ms / 1_000).to_string(), "epochMillis": now_ms.to_string(),
        })),
        Operation::TimeV2 => Ok(json!({"data": {"iso": iso(now_ms), "epoch": now_ms / 1_000}})),
        Operation::Account
        | Operation::Accounts
        | Operation::AccountsV2
        | Operation::BatchCancel
        | Operation::EditOrder
        | Operation::EditPreview
        | Operation::Fills
        | Operation::FuturesPositions
        | Operation::KeyPermissions
        | Operation::Order
        | Operation::Orders
        | Operation::PlaceOrder
        | Operation::PreviewOrder
        | Operation::TransactionSummary => Err(Denied::NoIdentity.into()),
    }
}
