//! Clocks, windows and nonces.

use countersign_core::Timestamp;
use countersign_explain::{Mistake, Options};

use crate::client::*;

fn at(ms: u64) -> Options {
    Options { at: Some(Timestamp::from_millis(ms)), ..options() }
}

fn binance_at(query: &str) -> String {
    binance_get(query, &binance().sign(query))
}

#[test]
pub(crate) fn a_clock_that_is_wrong_is_measured() {
    let request = binance_at("timestamp=1795222400000");
    let report = explained_with(&request, &at(NOW_MS + 12_400));
    assert_eq!(report.faults(), [Mistake::ClockBehind]);
    assert!(report.findings[0].saw.contains("12.4 s behind"), "{}", report.findings[0].saw);
    assert_eq!(report.clock.as_ref().unwrap().skew_ms, -12_400);
    named_with(Mistake::ClockAhead, &request, &at(NOW_MS - 12_400));
    let report = explained_with(&request, &at(NOW_MS - 12_400));
    assert!(report.findings[0].saw.contains("12.4 s ahead"), "{}", report.findings[0].saw);
    let okx_get = okx_request("GET", "/api/v5/a", "", &okx().sign(format!("{ISO}GET/api/v5/a")));
    named_with(Mistake::ClockBehind, &okx_get, &at(NOW_MS + 31_000));
    assert!(explained_with(&okx_get, &at(NOW_MS + 29_000)).faults().is_empty());
}

#[test]
pub(crate) fn without_a_time_of_arrival_the_clock_is_told_and_not_judged() {
    let options = Options { at: None, now: Timestamp::from_millis(NOW_MS + 3_600_000), ..options() };
    let report = explained_with(binance_at("timestamp=1795222400000"), &options);
    assert!(report.faults().is_empty());
    assert!(report.clock.unwrap().sentence.contains("--at"));
}

#[test]
pub(crate) fn windows() {
    named_with(Mistake::WindowTooSmall, binance_at("timestamp=1795222400000&recvWindow=100"), &at(NOW_MS + 350));
    let target = "/v5/a";
    let small = bybit("GET", target, &NOW_MS.to_string(), Some("100"), "", &binance().sign(format!("{NOW_MS}{KEY}100")));
    named_with(Mistake::WindowTooSmall, &small, &at(NOW_MS + 350));
    named(Mistake::WindowTooLarge, binance_at("timestamp=1795222400000&recvWindow=600000"));
}

#[test]
pub(crate) fn units() {
    named(Mistake::TimestampInSeconds, binance_at("timestamp=1795222400"));
    let seconds = bybit("GET", "/v5/a", "1795222400", None, "", &binance().sign(format!("1795222400{KEY}")));
    named(Mistake::TimestampInSeconds, seconds);
    let hash = sha512_hex(b"");
    let signature = gate().sign(format!("GET\n/api/v4/spot/accounts\n\n{hash}\n1795222400000"));
    let millis = gate_request("GET", "/api/v4/spot/accounts", "", &signature).replace("Timestamp: 1795222400", "Timestamp: 1795222400000");
    named(Mistake::TimestampInMillis, millis);
    let signature = okx().sign("1795222400000GET/api/v5/a");
    named(Mistake::TimestampFormat, okx_request("GET", "/api/v5/a", "", &signature).replace(ISO, "1795222400000"));
    let short = "2026-11-21T00:53:20Z";
    let signature = okx().sign(format!("{short}GET/api/v5/a"));
    named(Mistake::TimestampFormat, okx_request("GET", "/api/v5/a", "", &signature).replace(ISO, short));
    // BitMEX takes the end of a request in either; it is the one that was signed.
    let signature = binance().sign("GET/api/v1/order1795222405000");
    let sent = |expires| raw("GET", "/api/v1/order", &[("api-key", KEY), ("api-expires", expires), ("api-signature", &signature)], "");
    assert!(faults(sent("1795222405000")).is_empty());
    named(Mistake::TimestampInMillis, sent("1795222405"));
    let login = |time: &str| format!(r#"{{"op":"auth","args":["{KEY}",{time},"{}"]}}"#, binance().sign(format!("GET/realtime{time}")));
    assert!(faults(login("1795222401000")).is_empty());
    named(Mistake::TimestampInSeconds, login("1795222401"));
}

#[test]
pub(crate) fn another_time_was_signed_than_sent() {
    let signature = binance().sign("a=1&timestamp=1795222399988");
    named(Mistake::TimestampDiffers, binance_get("a=1&timestamp=1795222400000", &signature));
    let signature = okx().sign("2026-11-21T00:53:19.997ZGET/api/v5/a");
    named(Mistake::TimestampDiffers, okx_request("GET", "/api/v5/a", "", &signature));
    let signature = binance().sign(format!("1795222400{KEY}5000"));
    named(Mistake::TimestampInSeconds, bybit("GET", "/v5/a", &NOW_MS.to_string(), Some("5000"), "", &signature));
    for seconds in ["1795222400", "1795222400.000"] {
        let signature = okx().sign(format!("{seconds}GET/api/v5/a"));
        named(Mistake::TimestampInSeconds, okx_request("GET", "/api/v5/a", "", &signature));
    }
    let signature = okx().sign("1795222400123GET/users/self/verify");
    let login = format!(r#"{{"apiKey":"{KEY}","passphrase":"{PASSPHRASE}","timestamp":"1795222400","sign":"{signature}"}}"#);
    named(Mistake::TimestampInMillis, format!(r#"{{"op":"login","args":[{login}]}}"#));
    // The nonce was asked for twice.
    let body = "nonce=1795222400000";
    let signed = [b"/0/private/Balance".to_vec(), sha256(format!("1795222400001{body}").as_bytes())].concat();
    named(Mistake::TimestampDiffers, kraken_request("/0/private/Balance", body, &kraken().sign(signed)));
}

#[test]
pub(crate) fn ends() {
    let bitmex = |expires: &str| {
        let signature = binance().sign(format!("GET/api/v1/order{expires}"));
        raw("GET", "/api/v1/order", &[("api-key", KEY), ("api-expires", expires), ("api-signature", &signature)], "")
    };
    assert!(faults(bitmex("1795222405")).is_empty());
    named(Mistake::ExpiresPassed, bitmex("1795222399"));
    named(Mistake::ExpiresTooFar, bitmex("1795226000"));
}

#[test]
pub(crate) fn nonces() {
    let body = "nonce=1795222400000";
    let signed = [b"/0/private/Balance".to_vec(), sha256(format!("1795222400000{body}").as_bytes())].concat();
    let request = kraken_request("/0/private/Balance", body, &kraken().sign(signed));
    let last = |last| Options { last_nonce: Some(last), ..options() };
    let report = explained_with(&request, &last(1_795_222_400_000_000_000));
    assert_eq!(report.faults(), [Mistake::NonceNotIncreasing]);
    assert!(report.findings[0].saw.contains("another unit"));
    named_with(Mistake::NonceNotIncreasing, &request, &last(NOW_MS));
    assert!(explained_with(&request, &last(NOW_MS - 1)).faults().is_empty());
}
