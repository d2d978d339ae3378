//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::FuturesError;
use super::{account, batch, exchange_info, market_data, settings, trading};
use crate::operations::Handler::{self, Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<FuturesError>] = &[
    (Method::GET, "/fapi/v1/aggTrades", Public(market_data::agg_trades)),
    (Method::DELETE, "/fapi/v1/allOpenOrders", Write(trading::cancel_open)),
    (Method::GET, "/fapi/v1/allOrders", Read(trading::all_orders)),
    (Method::DELETE, "/fapi/v1/batchOrders", Write(batch::cancel)),
    (Method::POST, "/fapi/v1/batchOrders", Write(batch::place)),
    (Method::PUT, "/fapi/v1/batchOrders", Write(batch::modify)),
    (Method::GET, "/fapi/v1/commissionRate", Read(settings::commission_rate)),
    (Method::POST, "/fapi/v1/countdownCancelAll", Write(trading::countdown)),
    (Method::GET, "/fapi/v1/depth", Public(market_data::depth)),
    (Method::GET, "/fapi/v1/exchangeInfo", Public(exchange_info::exchange_info)),
    (Method::GET, "/fapi/v1/fundingRate", Public(market_data::funding_rate)),
    (Method::GET, "/fapi/v1/klines", Public(market_data::klines)),
    (Method::POST, "/fapi/v1/leverage", Write(settings::leverage)),
    (Method::GET, "/fapi/v1/leverageBracket", Read(settings::leverage_bracket)),
    (Method::POST, "/fapi/v1/marginType", Write(settings::margin_type)),
    (Method::GET, "/fapi/v1/multiAssetsMargin", Read(settings::multi_assets)),
    (Method::GET, "/fapi/v1/openOrder", Read(trading::open_order)),
    (Method::GET, "/fapi/v1/openOrders", Read(trading::open_orders)),
    (Method::DELETE, "/fapi/v1/order", Write(trading::cancel)),
    (Method::GET, "/fapi/v1/order", Read(trading::status)),
    (Method::POST, "/fapi/v1/order", Write(trading::place)),
    (Method::PUT, "/fapi/v1/order", Write(trading::modify)),
    (Method::POST, "/fapi/v1/order/test", Write(trading::test)),
    (Method::GET, "/fapi/v1/ping", Public(exchange_info::ping)),
    (Method::GET, "/fapi/v1/positionSide/dual", Read(settings::position_side)),
    (Method::POST, "/fapi/v1/positionSide/dual", Write(settings::set_position_side)),
    (Method::GET, "/fapi/v1/premiumIndex", Public(market_data::premium_index)),
    (Method::GET, "/fapi/v1/symbolConfig", Read(settings::symbol_config)),
    (Method::GET, "/fapi/v1/ticker/24hr", Public(market_data::ticker_24h)),
    (Method::GET, "/fapi/v1/ticker/bookTicker", Public(market_data::ticker_book)),
    (Method::GET, "/fapi/v1/ticker/price", Public(market_data::ticker_price)),
    (Method::GET, "/fapi/v1/time", Public(exchange_info::time)),
    (Method::GET, "/fapi/v1/trades", Public(market_data::trades)),
    (Method::GET, "/fapi/v1/userTrades", Read(trading::user_trades)),
    (Method::GET, "/fapi/v2/account", Read(account::account)),
    (Method::GET, "/fapi/v2/balance", Read(account::balance)),
    (Method::GET, "/fapi/v2/positionRisk", Read(account::all_positions)),
    (Method::GET, "/fapi/v2/ticker/price", Public(market_data::ticker_price)),
    (Method::GET, "/fapi/v3/account", Read(account::account)),
    (Method::GET, "/fapi/v3/balance", Read(account::balance)),
    (Method::GET, "/fapi/v3/positionRisk", Read(account::held_positions)),
];

/// The handler behind a method of the WebSocket API: the same as over HTTP.
pub(super) fn of_method(method: &str) -> Option<Handler<FuturesError>> {
    Some(match method {
        "account.balance" | "v2/account.balance" => Read(account::balance),
        "account.position" => Read(account::all_positions),
        "account.status" | "v2/account.status" => Read(account::account),
        "depth" => Public(market_data::depth),
        "order.cancel" => Write(trading::cancel),
        "order.modify" => Write(trading::modify),
        "order.place" => Write(trading::place),
        "order.status" => Read(trading::status),
        "ticker.book" => Public(market_data::ticker_book),
        "ticker.price" => Public(market_data::ticker_price),
        "v2/account.position" => Read(account::held_positions),
        _ => return None,
    })
}
