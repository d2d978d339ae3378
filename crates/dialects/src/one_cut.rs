//! Where a signed text has no separators, each of these pairs of requests has one text: only the first of a pair has a signature.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use crate::dialect::{Answer, RequestView, Security};
use crate::registry::by_name;

type Parts = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

/// What a request has signed, if its signature counts.
fn signed((method, target, fields, body): Parts, dialect: &str, key: (&str, &str)) -> Option<Vec<u8>> {
    let mut headers: Vec<(String, Vec<u8>)> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    headers.push((key.0.to_owned(), b"key".to_vec()));
    headers.push((key.1.to_owned(), "ab".repeat(if dialect == "bitfinex" { 48 } else { 32 }).into_bytes()));
    let request = RequestView { method, target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    let dialect = by_name(dialect).expect("a dialect of the table");
    match dialect.present(&request, Security::Signed) {
        Answer::Presented(presented) if presented.signature.bytes.is_some() => Some(presented.signed.contiguous().into_owned()),
        Answer::Presented(_) | Answer::Malformed(_) | Answer::NotMine | Answer::Token { .. } => None,
    }
}

fn only_the_first_counts(dialect: &str, key: (&str, &str), pairs: &[(Parts, Parts)]) {
    for (captured, shown) in pairs {
        assert!(signed(*captured, dialect, key).is_some(), "{captured:?}");
        assert_eq!(signed(*shown, dialect, key), None, "{shown:?}");
    }
}

const N: &[(&str, &str)] = &[("bfx-nonce", "1795222400000000")];
const N_WITHOUT_LAST: &[(&str, &str)] = &[("bfx-nonce", "179522240000000")];
const N_WITHOUT_FIRST: &[(&str, &str)] = &[("bfx-nonce", "795222400000000")];
const N_WITHOUT_FIRST_TWO: &[(&str, &str)] = &[("bfx-nonce", "95222400000000")];
const N_AND_ONE: &[(&str, &str)] = &[("bfx-nonce", "17952224000000001")];
const ZERO_N: &[(&str, &str)] = &[("bfx-nonce", "01795222400000000")];

#[test]
fn path_nonce_and_body_of_bitfinex_are_cut_in_one_way() {
    let (wallets, submit) = ("/v2/auth/r/wallets", "/v2/auth/w/order/submit");
    let pairs: &[(Parts, Parts)] = &[
        (("POST", wallets, N, ""), ("POST", wallets, N_WITHOUT_LAST, "0")),
        (("POST", wallets, N, "{}"), ("POST", wallets, N_WITHOUT_LAST, "0{}")),
        // A body begins in the other path.
        (
            ("POST", "/v2/auth/r/orders/t", N, r#"{"a":"17952224000000001{}"}"#),
            ("POST", r#"/v2/auth/r/orders/t1795222400000000{"a":""#, N_AND_ONE, r#"{}"}"#),
        ),
        (
            ("POST", "/v2/auth/r/orders/t", N, r#"["17952224000000001[]"]"#),
            ("POST", r#"/v2/auth/r/orders/t1795222400000000[""#, N_AND_ONE, r#"[]"]"#),
        ),
        (("POST", submit, N, r#"{"amount":"1"}"#), ("POST", submit, N_WITHOUT_LAST, r#"0{"amount":"1"}"#)),
        (("POST", submit, N, "{}"), ("POST", submit, N, "1{}")),
        (("POST", submit, N, "[]"), ("POST", submit, N_AND_ONE, "[]")),
        (("POST", submit, N, "{}"), ("POST", submit, ZERO_N, "{}")),
        (("POST", "/v2/auth/r/orders/tETHUSD", N, ""), ("POST", "/v2/auth/r/orders/tETHUSD1", N_WITHOUT_FIRST, "")),
        (("POST", "/v2/auth/r/orders/tETHUSD", N, ""), ("POST", "/v2/auth/r/orders/tETHUSD17", N_WITHOUT_FIRST_TWO, "")),
        // The symbols of derivatives end in a zero, and with nothing but that.
        (("POST", "/v2/auth/r/orders/tBTCF0:USTF0", N, ""), ("POST", "/v2/auth/r/orders/tBTCF0:USTF", ZERO_N, "")),
        (("POST", "/v2/auth/r/orders/tBTCF0:USTF0", N, ""), ("POST", "/v2/auth/r/orders/tBTCF0:USTF01", N_WITHOUT_FIRST, "")),
        (("POST", "/v2/auth/r/orders/tBTCF0:USTF0", N, ""), ("POST", "/v2/auth/r/orders/tBTCF0:USTF00", N, "")),
        (("POST", "/v2/auth/r/orders/tBTCF0:USTF0", N, ""), ("POST", "/v2/auth/r/orders/tBTCF0:USTF10", N, "")),
    ];
    only_the_first_counts("bitfinex", ("bfx-apikey", "bfx-signature"), pairs);
}

const T: (&str, &str) = ("x-bapi-timestamp", "1795222400000");
const W_5000: &[(&str, &str)] = &[T, ("x-bapi-recv-window", "5000")];
const W_500: &[(&str, &str)] = &[T, ("x-bapi-recv-window", "500")];
const W_05000: &[(&str, &str)] = &[T, ("x-bapi-recv-window", "05000")];
const W_EMPTY: &[(&str, &str)] = &[T, ("x-bapi-recv-window", "")];
const W_NONE: &[(&str, &str)] = &[T];
const T_ZERO: &[(&str, &str)] = &[("x-bapi-timestamp", "01795222400000"), ("x-bapi-recv-window", "5000")];

#[test]
fn window_and_payload_of_bybit_are_cut_in_one_way() {
    let (create, category) = ("/v5/order/create", "/v5/order/realtime?category=spot");
    let pairs: &[(Parts, Parts)] = &[
        (("GET", category, W_5000, ""), ("GET", "/v5/order/realtime?0category=spot", W_500, "")),
        (("GET", category, W_5000, ""), ("GET", "/v5/order/realtime?5000category=spot", W_EMPTY, "")),
        (("GET", category, W_5000, ""), ("GET", "/v5/order/realtime?5000category=spot", W_NONE, "")),
        (("GET", "/v5/account/info", W_5000, ""), ("GET", "/v5/account/info?0", W_500, "")),
        (("POST", create, W_5000, "{}"), ("POST", create, W_500, "0{}")),
        (("POST", create, W_NONE, "{}"), ("POST", create, W_NONE, "1{}")),
        (("GET", category, W_5000, ""), ("GET", category, W_05000, "")),
        (("GET", category, W_5000, ""), ("GET", category, T_ZERO, "")),
    ];
    only_the_first_counts("bybit", ("x-bapi-api-key", "x-bapi-sign"), pairs);
}

#[test]
fn a_body_of_bitmex_has_no_digits_of_the_time() {
    const MILLIS: &[(&str, &str)] = &[("api-expires", "1795222405123")];
    const SECONDS: &[(&str, &str)] = &[("api-expires", "1795222405")];
    let pairs: &[(Parts, Parts)] = &[
        (("DELETE", "/api/v1/order/all", MILLIS, "symbol=XBTUSD"), ("DELETE", "/api/v1/order/all", SECONDS, "123symbol=XBTUSD")),
        (("POST", "/api/v1/order", MILLIS, r#"{"symbol":"XBTUSD"}"#), ("POST", "/api/v1/order", SECONDS, r#"123{"symbol":"XBTUSD"}"#)),
        (("GET", "/api/v1/order", MILLIS, ""), ("GET", "/api/v1/order", SECONDS, "123")),
    ];
    only_the_first_counts("bitmex", ("api-key", "api-signature"), pairs);
}
