//! Every recorded request: right ones are called right, wrong ones are not.

use countersign_core::{Secret, Timestamp};
use countersign_explain::{Input, Options, Report, Verdict, explain};
use serde_json::Value;

const FILES: &[(&str, &str)] = &[
    ("binance", include_str!("../../../../tests/vectors/binance.json")),
    ("binance", include_str!("../../../../tests/vectors/binance-derived.json")),
    ("bitfinex", include_str!("../../../../tests/vectors/bitfinex.json")),
    ("bitmex", include_str!("../../../../tests/vectors/bitmex.json")),
    ("bybit", include_str!("../../../../tests/vectors/bybit.json")),
    ("coinbase", include_str!("../../../../tests/vectors/coinbase.json")),
    ("coinbase-exchange", include_str!("../../../../tests/vectors/coinbase-exchange.json")),
    ("deribit", include_str!("../../../../tests/vectors/deribit.json")),
    ("fix", include_str!("../../../../tests/vectors/fix.json")),
    ("gate", include_str!("../../../../tests/vectors/gate.json")),
    ("gemini", include_str!("../../../../tests/vectors/gemini.json")),
    ("hyperliquid", include_str!("../../../../tests/vectors/hyperliquid.json")),
    ("kraken", include_str!("../../../../tests/vectors/kraken.json")),
    ("kraken-futures", include_str!("../../../../tests/vectors/kraken-futures.json")),
    ("kucoin", include_str!("../../../../tests/vectors/kucoin.json")),
    ("okx", include_str!("../../../../tests/vectors/okx.json")),
];

/// Reasons that a message alone does not show: they are about what was sent before, or about what a frame leaves out.
const OF_STATE: &[&str] = &["replayed_nonce", "bad_challenge", "token_invalid", "scope_missing", "route_unknown", "unexpected_message"];

/// The input as a user would paste it.
fn input(request: &Value) -> Vec<u8> {
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    match request["kind"].as_str().unwrap() {
        "http" => {
            let mut raw = format!("{} {} HTTP/1.1\r\n", text("method"), text("target"));
            for header in request["headers"].as_array().unwrap() {
                let name = header[0].as_str().unwrap();
                if name.eq_ignore_ascii_case("content-length") {
                    // Of the request before it was tampered with.
                    continue;
                }
                raw.push_str(&format!("{name}: {}\r\n", header[1].as_str().unwrap()));
            }
            raw.push_str(&format!("Content-Length: {}\r\n", text("body").len()));
            format!("{raw}\r\n{}", text("body")).into_bytes()
        }
        "fix" => text("raw").into_bytes(),
        _ => text("text").into_bytes(),
    }
}

fn options(key: &Value, vector: &Value) -> Options {
    let secret = |name: &str| key[name].as_str().map(|text| Secret::new(text.as_bytes().to_vec()));
    let at = Timestamp::from_millis(vector["now_ms"].as_u64().unwrap());
    let key_text = secret("secret").or_else(|| secret("public_pem")).or_else(|| secret("api_key"));
    Options {
        secret: key_text,
        passphrase: secret("passphrase"),
        api_key: key["api_key"].as_str().map(str::to_owned),
        at: Some(at),
        now: at,
        ..Options::default()
    }
}

fn run(files: &[(&str, &str)], wanted: impl Fn(&Value) -> bool, mut check: impl FnMut(&str, &Value, &Result<Report, String>)) {
    for (family, text) in files {
        let file: Value = serde_json::from_str(text).unwrap();
        for vector in file["vectors"].as_array().unwrap().iter().filter(|vector| wanted(vector)) {
            let key = &file["keys"][vector["key"].as_str().unwrap()];
            let report = Input::read(&input(&vector["request"]))
                .and_then(|input| explain(&input, &options(key, vector)))
                .map_err(|error| error.to_string());
            check(family, vector, &report);
        }
    }
}

fn describe(report: &Result<Report, String>) -> String {
    match report {
        Ok(report) => {
            let ids: Vec<_> = report.findings.iter().map(|finding| format!("{}: {}", finding.id, finding.saw)).collect();
            format!("{:?} {:?} {ids:?} {:?}", report.verdict, report.dialect.as_ref().map(|dialect| dialect.name), report.notes)
        }
        Err(error) => error.clone(),
    }
}

#[test]
fn right_requests_of_every_dialect_are_called_right() {
    let (mut right, mut wrong) = (0, Vec::new());
    run(
        FILES,
        |vector| vector["expect"]["verdict"] == "accept",
        |family, vector, report| {
            let fine = report.as_ref().is_ok_and(|report| {
                let named = report.dialect.as_ref().is_some_and(|dialect| family == "fix" || dialect.name == family);
                // A token of the gateway's own, and a message in a session that is logged in, prove nothing by themselves.
                let unproved = report.verdict == Verdict::Unchecked
                    && report.notes.iter().any(|note| note.contains("token") || note.contains("no proof"));
                // A frame without any proof is of no dialect.
                let text = vector["request"].to_string();
                let bare = report.verdict == Verdict::Unrecognized && !["signature", "sign", "jwt"].iter().any(|word| text.contains(word));
                (named && (report.verdict == Verdict::Correct || unproved)) || bare
            });
            if fine { right += 1 } else { wrong.push(format!("{}: {}", vector["id"], describe(report))) }
        },
    );
    assert!(wrong.is_empty(), "{right} right, {} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right > 150, "{right}");
}

/// One in four, by the name: a request that nothing explains costs a whole search.
fn sampled(vector: &Value) -> bool {
    vector["id"].as_str().unwrap().bytes().fold(0_u8, u8::wrapping_add).is_multiple_of(4)
}

fn wrong_ones(files: std::ops::Range<usize>, least: usize) {
    let (mut named, mut called_right) = (0, Vec::new());
    run(
        &FILES[files],
        |vector| {
            let reason = vector["expect"]["reason"].as_str().unwrap_or_default();
            vector["expect"]["verdict"] == "reject" && !OF_STATE.contains(&reason) && sampled(vector)
        },
        |_, vector, report| match report {
            Ok(report) if report.verdict == Verdict::Correct => {
                called_right.push(format!("{} ({}): {}", vector["id"], vector["expect"]["reason"], vector["mutation"]));
            }
            Ok(_) => named += 1,
            Err(error) => called_right.push(format!("{}: {error}", vector["id"])),
        },
    );
    assert!(called_right.is_empty(), "{} called right:\n{}", called_right.len(), called_right.join("\n"));
    assert!(named >= least, "{named}");
}

#[test]
fn no_wrong_request_of_binance_to_bybit_is_called_right() {
    wrong_ones(0..5, 20);
}

#[test]
fn no_wrong_request_of_coinbase_is_called_right() {
    wrong_ones(5..7, 20);
}

#[test]
fn no_wrong_request_of_deribit_to_gemini_is_called_right() {
    wrong_ones(7..11, 15);
}

#[test]
fn no_wrong_request_of_hyperliquid_to_okx_is_called_right() {
    wrong_ones(11..16, 15);
}
