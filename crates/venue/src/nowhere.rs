//! What no façade serves is refused in the words of the venue whose client asks.
//!
//! All façades share one port, so the path tells whose words: a client that reads one venue's errors makes nothing of another's.
//! A path that no façade knows at all is refused as at Binance.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode, Uri};
use serde_json::{Value, json};

use crate::binance;
use crate::clock::now_ms;
use crate::facade::iso;
use crate::operations;
use crate::shell::Shell;

/// Whose endpoints a path is among.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Words {
    Bitfinex,
    Bitmex,
    Bybit,
    Coinbase,
    CoinbaseExchange,
    Deribit,
    Gate,
    Gemini,
    Kraken,
    KrakenFutures,
    Kucoin,
    Okx,
}

/// How the paths of each façade begin; of two that fit, the first.
const BEGINNINGS: &[(&str, Words)] = &[
    ("/0/", Words::Kraken),
    ("/accounts", Words::CoinbaseExchange),
    ("/api/charts/", Words::KrakenFutures),
    ("/api/history/", Words::KrakenFutures),
    ("/api/ua/", Words::Kucoin),
    ("/api/v1/execution", Words::Bitmex),
    ("/api/v1/funding", Words::Bitmex),
    ("/api/v1/instrument", Words::Bitmex),
    ("/api/v1/order/client-order/", Words::Kucoin),
    ("/api/v1/order/", Words::Bitmex),
    ("/api/v1/order", Words::Kucoin),
    ("/api/v1/positions", Words::Kucoin),
    ("/api/v1/position", Words::Bitmex),
    ("/api/v1/quote", Words::Bitmex),
    ("/api/v1/trade/", Words::Bitmex),
    ("/api/v1/user/api-key", Words::Kucoin),
    ("/api/v1/user", Words::Bitmex),
    ("/api/v1/wallet", Words::Bitmex),
    ("/api/v1/", Words::Kucoin),
    ("/api/v2/private/", Words::Deribit),
    ("/api/v2/public/", Words::Deribit),
    ("/api/v2/", Words::Kucoin),
    ("/api/v3/brokerage/", Words::Coinbase),
    ("/api/v3/accounts", Words::Kucoin),
    ("/api/v3/currencies", Words::Kucoin),
    ("/api/v3/deposit", Words::Kucoin),
    ("/api/v3/margin/", Words::Kucoin),
    ("/api/v3/mark-price/", Words::Kucoin),
    ("/api/v3/market/", Words::Kucoin),
    ("/api/v3/withdrawals", Words::Kucoin),
    ("/api/v4/", Words::Gate),
    ("/api/v5/", Words::Okx),
    ("/coinbase-accounts", Words::CoinbaseExchange),
    ("/currencies", Words::CoinbaseExchange),
    ("/derivatives/", Words::KrakenFutures),
    ("/fees", Words::CoinbaseExchange),
    ("/fills", Words::CoinbaseExchange),
    ("/orders", Words::CoinbaseExchange),
    ("/payment-methods", Words::CoinbaseExchange),
    ("/products", Words::CoinbaseExchange),
    ("/profiles", Words::CoinbaseExchange),
    ("/time", Words::CoinbaseExchange),
    ("/transfers", Words::CoinbaseExchange),
    ("/withdrawals/", Words::CoinbaseExchange),
    ("/v1/", Words::Gemini),
    ("/v2/accounts", Words::Coinbase),
    ("/v2/currencies", Words::Coinbase),
    ("/v2/exchange-rates", Words::Coinbase),
    ("/v2/prices/", Words::Coinbase),
    ("/v2/time", Words::Coinbase),
    ("/v2/user", Words::Coinbase),
    ("/v2/", Words::Bitfinex),
    ("/v5/", Words::Bybit),
];

fn words(path: &str) -> Option<Words> {
    BEGINNINGS.iter().find(|(beginning, _)| path.starts_with(beginning)).map(|(_, words)| *words)
}

/// The answer to a path that nobody serves. It counts as refused: whatever it asked for, it did not get.
pub(crate) async fn nowhere(State(shell): State<Arc<Shell>>, uri: Uri) -> Response<Body> {
    let Some(words) = words(uri.path()) else { return binance::not_found(State(shell)).await };
    shell.counters.count_refused();
    let (status, body) = body(words, now_ms());
    operations::json(status, body.to_string())
}

fn body(words: Words, now_ms: u64) -> (StatusCode, Value) {
    let body = match words {
        Words::Bitfinex => json!(["error", 10020, "path: invalid"]),
        Words::Bitmex => json!({"error": {"message": "Not Found", "name": "HTTPError"}}),
        Words::Bybit => json!({"retCode": 10017, "retMsg": "Route not found.", "result": {}, "retExtInfo": {}, "time": now_ms}),
        Words::Coinbase => json!({"error": "NOT_FOUND", "error_details": "Not found", "message": "Not found"}),
        Words::CoinbaseExchange => json!({"message": "NotFound"}),
        Words::Deribit => {
            let error = json!({"code": -32601, "message": "Method not found"});
            return (StatusCode::BAD_REQUEST, json!({"jsonrpc": "2.0", "error": error, "testnet": false}));
        }
        Words::Gate => json!({"label": "NOT_FOUND", "message": "Not found"}),
        Words::Gemini => json!({"result": "error", "reason": "EndpointNotFound", "message": "API entry point not found"}),
        Words::Kraken => json!({"error": ["EGeneral:Unknown method"]}),
        Words::KrakenFutures => json!({"result": "error", "error": "notFound", "serverTime": iso(now_ms)}),
        Words::Kucoin => json!({"code": "404000", "msg": "Url Not Found"}),
        Words::Okx => json!({"code": "404", "msg": "Not Found", "data": []}),
    };
    (StatusCode::NOT_FOUND, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_the_words_of_its_venue() {
        for (path, expected) in [
            ("/0/private/AmendOrder", Some(Words::Kraken)),
            ("/api/v1/order/bulk", Some(Words::Bitmex)),
            ("/api/v1/order/client-order/a", Some(Words::Kucoin)),
            ("/api/v1/orders/multi", Some(Words::Kucoin)),
            ("/api/v1/position", Some(Words::Bitmex)),
            ("/api/v3/margin/symbols", Some(Words::Kucoin)),
            ("/profiles", Some(Words::CoinbaseExchange)),
            ("/v2/prices/BTC-USD/buy", Some(Words::Coinbase)),
            ("/api/v2/private/edit", Some(Words::Deribit)),
            ("/api/v3/brokerage/orders/edit", Some(Words::Coinbase)),
            ("/api/v3/account/commission", None),
            ("/fapi/v1/order", None),
            ("/v2/auth/w/order/update", Some(Words::Bitfinex)),
            ("/v2/accounts/1/transactions", Some(Words::Coinbase)),
            ("/", None),
        ] {
            assert_eq!(words(path), expected, "{path}");
        }
    }
}
