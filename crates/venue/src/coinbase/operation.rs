//! Every REST request of the façade: where it is found and what it needs.

use http::Method;

use crate::facade::Access;

/// One kind of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Account,
    Accounts,
    AccountsV2,
    BatchCancel,
    BestBidAsk,
    Candles,
    CryptoCurrencies,
    EditOrder,
    EditPreview,
    ExchangeRates,
    FiatCurrencies,
    Fills,
    FuturesPositions,
    KeyPermissions,
    MarketTrades,
    Order,
    Orders,
    PlaceOrder,
    PreviewOrder,
    Product,
    ProductBook,
    Products,
    Time,
    TimeV2,
    TransactionSummary,
}

use Access::{Public, Read, Write};
use Operation as Op;

/// REST: method, path, operation, access. The vendor has most market data twice, once for
/// everybody and once for those who are logged in.
pub(super) const ROUTES: &[(Method, &str, Operation, Access)] = &[
    (Method::GET, "/api/v3/brokerage/accounts", Op::Accounts, Read),
    (Method::GET, "/api/v3/brokerage/accounts/{account_uuid}", Op::Account, Read),
    (Method::GET, "/api/v3/brokerage/best_bid_ask", Op::BestBidAsk, Read),
    (Method::GET, "/api/v3/brokerage/cfm/positions", Op::FuturesPositions, Read),
    (Method::GET, "/api/v3/brokerage/key_permissions", Op::KeyPermissions, Read),
    (Method::GET, "/api/v3/brokerage/market/product_book", Op::ProductBook, Public),
    (Method::GET, "/api/v3/brokerage/market/products", Op::Products, Public),
    (Method::GET, "/api/v3/brokerage/market/products/{product_id}", Op::Product, Public),
    (Method::GET, "/api/v3/brokerage/market/products/{product_id}/candles", Op::Candles, Public),
    (Method::GET, "/api/v3/brokerage/market/products/{product_id}/ticker", Op::MarketTrades, Public),
    (Method::POST, "/api/v3/brokerage/orders", Op::PlaceOrder, Write),
    (Method::POST, "/api/v3/brokerage/orders/batch_cancel", Op::BatchCancel, Write),
    (Method::POST, "/api/v3/brokerage/orders/edit", Op::EditOrder, Write),
    (Method::POST, "/api/v3/brokerage/orders/edit_preview", Op::EditPreview, Write),
    (Method::GET, "/api/v3/brokerage/orders/historical/batch", Op::Orders, Read),
    (Method::GET, "/api/v3/brokerage/orders/historical/fills", Op::Fills, Read),
    (Method::GET, "/api/v3/brokerage/orders/historical/{order_id}", Op::Order, Read),
    (Method::POST, "/api/v3/brokerage/orders/preview", Op::PreviewOrder, Write),
    (Method::GET, "/api/v3/brokerage/product_book", Op::ProductBook, Read),
    (Method::GET, "/api/v3/brokerage/products", Op::Products, Read),
    (Method::GET, "/api/v3/brokerage/products/{product_id}", Op::Product, Read),
    (Method::GET, "/api/v3/brokerage/products/{product_id}/candles", Op::Candles, Read),
    (Method::GET, "/api/v3/brokerage/products/{product_id}/ticker", Op::MarketTrades, Read),
    (Method::GET, "/api/v3/brokerage/time", Op::Time, Public),
    (Method::GET, "/api/v3/brokerage/transaction_summary", Op::TransactionSummary, Read),
    (Method::GET, "/v2/accounts", Op::AccountsV2, Read),
    (Method::GET, "/v2/currencies", Op::FiatCurrencies, Public),
    (Method::GET, "/v2/currencies/crypto", Op::CryptoCurrencies, Public),
    (Method::GET, "/v2/exchange-rates", Op::ExchangeRates, Public),
    (Method::GET, "/v2/time", Op::TimeV2, Public),
];
