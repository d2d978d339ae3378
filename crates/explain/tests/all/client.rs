//! A client for every dialect, that can make every mistake: it composes its text itself, by the venue's documentation.

use std::cell::RefCell;
use std::collections::BTreeSet;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Secret, Timestamp};
use countersign_explain::{Input, Mistake, Options, Report, explain};

pub(crate) const NOW_MS: u64 = 1_795_222_400_000;
pub(crate) const KEY: &str = "h1keyBBBBCCCCDDDD";
/// A secret that is text, hexadecimal and base64 at once, so that each misuse is possible.
pub(crate) const SECRET: &str = "00aabbccddeeff112233445566778899aabbccddeeff00112233445566778899";
pub(crate) const PASSPHRASE: &str = "h1-phrase";

pub(crate) fn mac(hash: hmac::Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), text).as_ref().to_vec()
}

pub(crate) fn sha256(text: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, text).as_ref().to_vec()
}

pub(crate) fn sha512_hex(text: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA512, text))
}

pub(crate) fn decoded() -> Vec<u8> {
    STANDARD.decode(SECRET).unwrap()
}

/// How a client signs.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) hash: hmac::Algorithm,
    pub(crate) secret: Vec<u8>,
    pub(crate) write: fn(&[u8]) -> String,
}

pub(crate) fn hex_text(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

pub(crate) fn base64_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl Signer {
    pub(crate) fn sign(&self, text: impl AsRef<[u8]>) -> String {
        (self.write)(&mac(self.hash, &self.secret, text.as_ref()))
    }

    pub(crate) fn with_secret(&self, secret: impl Into<Vec<u8>>) -> Self {
        Self { secret: secret.into(), ..self.clone() }
    }
}

pub(crate) fn binance() -> Signer {
    Signer { hash: hmac::HMAC_SHA256, secret: SECRET.into(), write: hex_text }
}

pub(crate) fn okx() -> Signer {
    Signer { hash: hmac::HMAC_SHA256, secret: SECRET.into(), write: base64_text }
}

pub(crate) fn coinbase_exchange() -> Signer {
    Signer { hash: hmac::HMAC_SHA256, secret: decoded(), write: base64_text }
}

pub(crate) fn kraken() -> Signer {
    Signer { hash: hmac::HMAC_SHA512, secret: decoded(), write: base64_text }
}

pub(crate) fn gate() -> Signer {
    Signer { hash: hmac::HMAC_SHA512, secret: SECRET.into(), write: hex_text }
}

pub(crate) fn bitfinex() -> Signer {
    Signer { hash: hmac::HMAC_SHA384, secret: SECRET.into(), write: hex_text }
}

/// A request as it is pasted.
pub(crate) fn raw(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn binance_get(query: &str, signature: &str) -> String {
    raw("GET", &format!("/api/v3/account?{query}&signature={signature}"), &[("Host", "api.binance.com"), ("X-MBX-APIKEY", KEY)], "")
}

pub(crate) fn bybit(method: &str, target: &str, time: &str, window: Option<&str>, body: &str, signature: &str) -> String {
    let mut headers = vec![("X-BAPI-API-KEY", KEY), ("X-BAPI-TIMESTAMP", time), ("X-BAPI-SIGN", signature)];
    headers.extend(window.map(|window| ("X-BAPI-RECV-WINDOW", window)));
    raw(method, target, &headers, body)
}

pub(crate) const ISO: &str = "2026-11-21T00:53:20.000Z";

pub(crate) fn okx_request(method: &str, target: &str, body: &str, signature: &str) -> String {
    let headers = [
        ("Host", "www.okx.com"),
        ("OK-ACCESS-KEY", KEY),
        ("OK-ACCESS-SIGN", signature),
        ("OK-ACCESS-TIMESTAMP", ISO),
        ("OK-ACCESS-PASSPHRASE", PASSPHRASE),
    ];
    raw(method, target, &headers, body)
}

pub(crate) fn kucoin_request(method: &str, target: &str, body: &str, signature: &str, passphrase: &str, version: &str) -> String {
    let time = NOW_MS.to_string();
    let headers = [
        ("KC-API-KEY", KEY),
        ("KC-API-SIGN", signature),
        ("KC-API-TIMESTAMP", time.as_str()),
        ("KC-API-PASSPHRASE", passphrase),
        ("KC-API-KEY-VERSION", version),
    ];
    raw(method, target, &headers, body)
}

pub(crate) fn kraken_request(target: &str, body: &str, signature: &str) -> String {
    raw("POST", target, &[("Host", "api.kraken.com"), ("API-Key", KEY), ("API-Sign", signature)], body)
}

pub(crate) fn gate_request(method: &str, target: &str, body: &str, signature: &str) -> String {
    raw(method, target, &[("KEY", KEY), ("SIGN", signature), ("Timestamp", "1795222400"), ("Host", "api.gateio.ws")], body)
}

pub(crate) fn options() -> Options {
    Options {
        secret: Some(Secret::new(SECRET.as_bytes().to_vec())),
        passphrase: Some(Secret::new(PASSPHRASE.as_bytes().to_vec())),
        at: Some(Timestamp::from_millis(NOW_MS)),
        now: Timestamp::from_millis(NOW_MS),
        ..Options::default()
    }
}

pub(crate) fn explained_with(input: impl AsRef<[u8]>, options: &Options) -> Report {
    let report = explain(&Input::read(input.as_ref()).unwrap(), options).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    for secret in [SECRET, PASSPHRASE] {
        assert!(!json.contains(secret), "a report shows a secret: {json}");
    }
    report
}

pub(crate) fn explained(input: impl AsRef<[u8]>) -> Report {
    explained_with(input, &options())
}

/// The ids of the faults.
pub(crate) fn faults(input: impl AsRef<[u8]>) -> Vec<&'static str> {
    explained(input).faults().into_iter().map(Mistake::id).collect()
}

/// Asserts that exactly this mistake is named.
#[track_caller]
pub(crate) fn named(mistake: Mistake, input: impl AsRef<[u8]>) {
    named_with(mistake, input, &options());
}

thread_local! {
    /// Which mistakes were named, each alone, by the tests that ran on this thread.
    pub(crate) static NAMED: RefCell<BTreeSet<Mistake>> = const { RefCell::new(BTreeSet::new()) };
}

/// Asserts that exactly this mistake is named, with other options.
#[track_caller]
pub(crate) fn named_with(mistake: Mistake, input: impl AsRef<[u8]>, options: &Options) {
    let report = explained_with(input.as_ref(), options);
    let saw: Vec<_> = report.findings.iter().map(|finding| format!("{}: {}", finding.id, finding.saw)).collect();
    assert_eq!(report.faults(), [mistake], "{saw:?} {:?}\n{}", report.notes, String::from_utf8_lossy(input.as_ref()));
    NAMED.with_borrow_mut(|named| named.insert(mistake));
}
