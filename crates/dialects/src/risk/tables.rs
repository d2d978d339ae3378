//! What surely cancels or reduces, venue by venue: the endpoints and messages that halts let pass.

use Purpose::{
    Binance, Bitfinex, Bitmex, Bybit, Coinbase, CoinbaseExchange, Deribit, Gate, Gemini, Kraken, KrakenFutures, Kucoin, Native, Okx,
};
use countersign_core::Purpose;

/// Endpoints that cancel: method and path as in the dialect's table. Timers that cancel later are among them.
#[rustfmt::skip]
pub const CANCELS: &[(Purpose, &str, &str)] = &[
    (Binance, "DELETE", "/api/v3/openOrders"),
    (Binance, "DELETE", "/api/v3/order"),
    (Binance, "DELETE", "/api/v3/orderList"),
    (Binance, "DELETE", "/fapi/v1/algoOpenOrders"),
    (Binance, "DELETE", "/fapi/v1/algoOrder"),
    (Binance, "DELETE", "/fapi/v1/allOpenOrders"),
    (Binance, "DELETE", "/fapi/v1/batchOrders"),
    (Binance, "DELETE", "/fapi/v1/order"),
    (Binance, "POST", "/fapi/v1/countdownCancelAll"),
    (Binance, "DELETE", "/sapi/v1/margin/openOrders"),
    (Binance, "DELETE", "/sapi/v1/margin/order"),
    (Binance, "DELETE", "/sapi/v1/margin/orderList"),
    (Bitfinex, "POST", "/v2/auth/w/order/cancel"),
    (Bitfinex, "POST", "/v2/auth/w/order/cancel/multi"),
    (Bitmex, "DELETE", "/api/v1/order"),
    (Bitmex, "DELETE", "/api/v1/order/all"),
    (Bitmex, "POST", "/api/v1/order/cancelAllAfter"),
    (Bybit, "POST", "/v5/order/cancel"),
    (Bybit, "POST", "/v5/order/cancel-all"),
    (Bybit, "POST", "/v5/order/cancel-batch"),
    (Bybit, "POST", "/v5/order/disconnected-cancel-all"),
    (Coinbase, "POST", "/api/v3/brokerage/orders/batch_cancel"),
    (CoinbaseExchange, "DELETE", "/orders"),
    (CoinbaseExchange, "DELETE", "/orders/{id}"),
    (Gate, "DELETE", "/api/v4/delivery/{settle}/orders"),
    (Gate, "DELETE", "/api/v4/delivery/{settle}/orders/{id}"),
    (Gate, "DELETE", "/api/v4/delivery/{settle}/price_orders"),
    (Gate, "DELETE", "/api/v4/delivery/{settle}/price_orders/{id}"),
    (Gate, "DELETE", "/api/v4/futures/{settle}/orders"),
    (Gate, "DELETE", "/api/v4/futures/{settle}/orders/{id}"),
    (Gate, "DELETE", "/api/v4/futures/{settle}/price_orders"),
    (Gate, "DELETE", "/api/v4/futures/{settle}/price_orders/{id}"),
    (Gate, "DELETE", "/api/v4/options/orders"),
    (Gate, "DELETE", "/api/v4/options/orders/{id}"),
    (Gate, "DELETE", "/api/v4/spot/orders"),
    (Gate, "DELETE", "/api/v4/spot/orders/{id}"),
    (Gate, "DELETE", "/api/v4/spot/price_orders"),
    (Gate, "DELETE", "/api/v4/spot/price_orders/{id}"),
    (Gate, "POST", "/api/v4/futures/{settle}/batch_cancel_orders"),
    (Gate, "POST", "/api/v4/futures/{settle}/countdown_cancel_all"),
    (Gate, "POST", "/api/v4/options/countdown_cancel_all"),
    (Gate, "POST", "/api/v4/spot/cancel_batch_orders"),
    (Gate, "POST", "/api/v4/spot/countdown_cancel_all"),
    (Gemini, "POST", "/v1/order/cancel"),
    (Gemini, "POST", "/v1/order/cancel/all"),
    (Gemini, "POST", "/v1/order/cancel/session"),
    (Kraken, "POST", "/0/private/CancelAll"),
    (Kraken, "POST", "/0/private/CancelAllOrdersAfter"),
    (Kraken, "POST", "/0/private/CancelOrder"),
    (Kraken, "POST", "/0/private/CancelOrderBatch"),
    (KrakenFutures, "POST", "/derivatives/api/v3/cancelallorders"),
    (KrakenFutures, "POST", "/derivatives/api/v3/cancelallordersafter"),
    (KrakenFutures, "POST", "/derivatives/api/v3/cancelorder"),
    (Kucoin, "DELETE", "/api/v1/hf/orders"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/cancel/{id}"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/cancelAll"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/sync/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/sync/{id}"),
    (Kucoin, "DELETE", "/api/v1/hf/orders/{id}"),
    (Kucoin, "DELETE", "/api/v1/order/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v1/orders"),
    (Kucoin, "DELETE", "/api/v1/orders/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v1/orders/{id}"),
    (Kucoin, "DELETE", "/api/v1/stop-order/cancel"),
    (Kucoin, "DELETE", "/api/v1/stop-order/cancelOrderByClientOid"),
    (Kucoin, "DELETE", "/api/v1/stop-order/{id}"),
    (Kucoin, "DELETE", "/api/v1/stopOrders"),
    (Kucoin, "DELETE", "/api/v3/hf/margin/orders"),
    (Kucoin, "DELETE", "/api/v3/hf/margin/orders/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v3/hf/margin/orders/{id}"),
    (Kucoin, "DELETE", "/api/v3/oco/client-order/{oid}"),
    (Kucoin, "DELETE", "/api/v3/oco/order/{id}"),
    (Kucoin, "DELETE", "/api/v3/oco/orders"),
    (Kucoin, "DELETE", "/api/v3/orders"),
    (Kucoin, "POST", "/api/ua/v1/{mode}/order/cancel"),
    (Kucoin, "POST", "/api/ua/v1/{mode}/order/cancel-all"),
    (Kucoin, "POST", "/api/ua/v1/{mode}/order/cancel-batch"),
    (Kucoin, "POST", "/api/ua/v2/unified/order/cancel"),
    (Kucoin, "POST", "/api/ua/v2/unified/order/cancel-all"),
    (Kucoin, "POST", "/api/ua/v2/unified/order/cancel-batch"),
    (Kucoin, "POST", "/api/v1/hf/orders/dead-cancel-all"),
    (Native, "DELETE", "/native/v1/orders"),
    (Native, "DELETE", "/native/v1/orders/{order}"),
    (Okx, "POST", "/api/v5/trade/cancel-algos"),
    (Okx, "POST", "/api/v5/trade/cancel-all-after"),
    (Okx, "POST", "/api/v5/trade/cancel-batch-orders"),
    (Okx, "POST", "/api/v5/trade/cancel-order"),
    (Okx, "POST", "/api/v5/trade/mass-cancel"),
];

/// Messages that cancel, by their names in the dialect's table. Deribit's are its methods over HTTP, too.
#[rustfmt::skip]
pub const CANCEL_MESSAGES: &[(Purpose, &str)] = &[
    (Binance, "openOrders.cancelAll"), (Binance, "order.cancel"), (Binance, "orderList.cancel"),
    (Bitfinex, "auth.protection"), (Bitfinex, "cancel"),
    (Bitmex, "cancelAllAfter"),
    (Bybit, "order.cancel"), (Bybit, "order.cancel-batch"), (Bybit, "subscribe.protection"),
    (Deribit, "private/cancel"), (Deribit, "private/cancel_all"), (Deribit, "private/cancel_all_by_currency"),
    (Deribit, "private/cancel_all_by_currency_pair"), (Deribit, "private/cancel_all_by_instrument"),
    (Deribit, "private/cancel_all_by_kind_or_type"), (Deribit, "private/cancel_by_label"), (Deribit, "private/cancel_quotes"),
    (Gate, "spot.order_cancel"), (Gate, "spot.order_cancel_cp"), (Gate, "spot.order_cancel_ids"),
    (Kraken, "batch_cancel"), (Kraken, "cancelAll"), (Kraken, "cancelAllOrdersAfter"), (Kraken, "cancelOrder"),
    (Kraken, "cancel_all"), (Kraken, "cancel_all_orders_after"), (Kraken, "cancel_order"),
    (Native, "order.cancel"), (Native, "order.cancel_all"),
    (Okx, "batch-cancel-orders"), (Okx, "cancel-order"), (Okx, "mass-cancel"),
];

/// Of the cancels, those that set a timer or stop it: endpoints by their path, messages by their name.
pub(super) const TIMERS: &[(Purpose, &str)] = &[
    (Binance, "/fapi/v1/countdownCancelAll"),
    (Bitfinex, "auth.protection"),
    (Bitmex, "/api/v1/order/cancelAllAfter"),
    (Bitmex, "cancelAllAfter"),
    (Bybit, "/v5/order/disconnected-cancel-all"),
    (Bybit, "subscribe.protection"),
    (Gate, "/api/v4/futures/{settle}/countdown_cancel_all"),
    (Gate, "/api/v4/options/countdown_cancel_all"),
    (Gate, "/api/v4/spot/countdown_cancel_all"),
    (Kraken, "/0/private/CancelAllOrdersAfter"),
    (Kraken, "cancelAllOrdersAfter"),
    (Kraken, "cancel_all_orders_after"),
    (KrakenFutures, "/derivatives/api/v3/cancelallordersafter"),
    (Kucoin, "/api/v1/hf/orders/dead-cancel-all"),
    (Okx, "/api/v5/trade/cancel-all-after"),
];

/// Endpoints that close a position.
pub(super) const REDUCTIONS: &[(Purpose, &str)] =
    &[(Coinbase, "/api/v3/brokerage/orders/close_position"), (Deribit, "private/close_position"), (Okx, "/api/v5/trade/close-position")];

/// Requests whose signed bytes are looked at. Only plain new orders: the same mark on an amendment or around a batch means nothing.
pub(super) const REFINED: &[(Purpose, &str)] = &[
    (Bybit, "/v5/order/create"),
    (Bybit, "order.create"),
    (Deribit, "private/buy"),
    (Deribit, "private/sell"),
    (Purpose::Hyperliquid, "/exchange"),
    (Purpose::Hyperliquid, "post.action"),
    (KrakenFutures, "/derivatives/api/v3/sendorder"),
];

/// FIX messages that cancel, by MsgType: OrderCancelRequest, OrderMassCancelRequest, QuoteCancel (FIX 4.4).
pub const FIX_CANCELS: &[&str] = &["F", "Z", "q"];
