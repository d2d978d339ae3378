//! Every request of the façade: where it is found, what it needs, who answers.
//!
//! The `hf` family is the newer name of the same orders; its lists are plain.

use http::Method;

use super::error::KucoinError;
use super::{batch, market_data, switch, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<KucoinError>] = &[
    (Method::GET, "/api/ua/v1/account/mode", Read(trading::account_mode)),
    (Method::GET, "/api/v1/accounts", Read(trading::accounts)),
    (Method::GET, "/api/v1/contracts/active", Public(market_data::empty_list)),
    (Method::GET, "/api/v1/currencies", Public(market_data::plain_currencies)),
    (Method::GET, "/api/v1/fills", Read(trading::fills)),
    (Method::GET, "/api/v1/hf/accounts/opened", Read(trading::hf_opened)),
    (Method::GET, "/api/v1/hf/fills", Read(trading::hf_fills)),
    (Method::DELETE, "/api/v1/hf/orders", Write(trading::hf_cancel_pair)),
    (Method::POST, "/api/v1/hf/orders", Write(trading::place)),
    (Method::GET, "/api/v1/hf/orders/active", Read(trading::hf_active)),
    (Method::GET, "/api/v1/hf/orders/active/page", Read(trading::hf_active_page)),
    (Method::GET, "/api/v1/hf/orders/active/symbols", Read(trading::hf_active_symbols)),
    (Method::POST, "/api/v1/hf/orders/alter", Write(batch::alter)),
    (Method::DELETE, "/api/v1/hf/orders/cancel/{order_id}", Write(batch::cancel_part)),
    (Method::DELETE, "/api/v1/hf/orders/cancelAll", Write(trading::hf_cancel_all)),
    (Method::DELETE, "/api/v1/hf/orders/client-order/{client_oid}", Write(trading::hf_cancel_by_client_id)),
    (Method::GET, "/api/v1/hf/orders/client-order/{client_oid}", Read(trading::status)),
    (Method::POST, "/api/v1/hf/orders/dead-cancel-all", Write(switch::set)),
    (Method::GET, "/api/v1/hf/orders/dead-cancel-all/query", Read(switch::query)),
    (Method::GET, "/api/v1/hf/orders/done", Read(trading::hf_done)),
    (Method::POST, "/api/v1/hf/orders/multi", Write(batch::place)),
    (Method::POST, "/api/v1/hf/orders/multi/sync", Write(batch::place_sync)),
    (Method::POST, "/api/v1/hf/orders/sync", Write(batch::place_one_sync)),
    (Method::DELETE, "/api/v1/hf/orders/sync/client-order/{client_oid}", Write(batch::cancel_sync)),
    (Method::DELETE, "/api/v1/hf/orders/sync/{order_id}", Write(batch::cancel_sync)),
    (Method::POST, "/api/v1/hf/orders/test", Write(trading::test)),
    (Method::DELETE, "/api/v1/hf/orders/{order_id}", Write(trading::hf_cancel)),
    (Method::GET, "/api/v1/hf/orders/{order_id}", Read(trading::status)),
    (Method::GET, "/api/v1/isolated/symbols", Public(market_data::empty_list)),
    (Method::GET, "/api/v1/market/allTickers", Public(market_data::all_tickers)),
    (Method::GET, "/api/v1/market/candles", Public(market_data::candles)),
    (Method::GET, "/api/v1/market/histories", Public(market_data::histories)),
    (Method::GET, "/api/v1/market/orderbook/level1", Public(market_data::level1)),
    (Method::GET, "/api/v1/market/orderbook/level2_100", Public(market_data::level2_100)),
    (Method::GET, "/api/v1/market/orderbook/level2_20", Public(market_data::level2_20)),
    (Method::GET, "/api/v1/market/stats", Public(market_data::stats)),
    (Method::DELETE, "/api/v1/order/client-order/{client_oid}", Write(trading::cancel_by_client_id)),
    (Method::GET, "/api/v1/order/client-order/{client_oid}", Read(trading::status)),
    (Method::DELETE, "/api/v1/orders", Write(trading::cancel_all)),
    (Method::GET, "/api/v1/orders", Read(trading::orders)),
    (Method::POST, "/api/v1/orders", Write(trading::place)),
    (Method::POST, "/api/v1/orders/multi", Write(batch::place_older)),
    (Method::POST, "/api/v1/orders/test", Write(trading::test)),
    (Method::DELETE, "/api/v1/orders/{order_id}", Write(trading::cancel)),
    (Method::GET, "/api/v1/orders/{order_id}", Read(trading::status)),
    (Method::GET, "/api/v1/status", Public(market_data::status)),
    (Method::GET, "/api/v1/symbols", Public(market_data::symbols)),
    (Method::GET, "/api/v1/timestamp", Public(market_data::timestamp)),
    (Method::GET, "/api/v1/trade-fees", Read(trading::trade_fees)),
    (Method::GET, "/api/v2/currencies/{currency}", Public(market_data::currency)),
    (Method::GET, "/api/v2/symbols", Public(market_data::symbols)),
    (Method::GET, "/api/v2/symbols/{symbol}", Public(market_data::symbol)),
    (Method::GET, "/api/v3/currencies", Public(market_data::currencies)),
    (Method::GET, "/api/v3/currencies/{currency}", Public(market_data::currency)),
    (Method::GET, "/api/v3/margin/symbols", Public(market_data::no_margin)),
    (Method::GET, "/api/v3/market/orderbook/level2", Read(market_data::level2)),
];
