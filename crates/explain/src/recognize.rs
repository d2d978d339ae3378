//! Which dialect a message is of, and what speaks for it.

use countersign_core::Purpose;
use countersign_dialects::registry;

use crate::draft::frame;
use crate::request::Request;
use crate::vary::parameters::value_of;

/// Headers of a dialect: those that a signed request must have, and those that it may have.
pub(crate) struct Headers {
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

/// The headers of each dialect whose proof is in headers.
pub(crate) const fn headers(purpose: Purpose) -> Headers {
    let (required, optional): (&[&str], &[&str]) = match purpose {
        Purpose::Binance => (&["x-mbx-apikey"], &[]),
        Purpose::Bitfinex => (&["bfx-apikey", "bfx-nonce", "bfx-signature"], &[]),
        Purpose::Bitmex => (&["api-key", "api-expires", "api-signature"], &[]),
        Purpose::Bybit => (&["x-bapi-api-key", "x-bapi-timestamp", "x-bapi-sign"], &["x-bapi-recv-window"]),
        Purpose::CoinbaseExchange => (&["cb-access-key", "cb-access-sign", "cb-access-timestamp", "cb-access-passphrase"], &[]),
        Purpose::Gate => (&["key", "sign", "timestamp"], &[]),
        Purpose::Gemini => (&["x-gemini-apikey", "x-gemini-payload", "x-gemini-signature"], &[]),
        Purpose::Kraken => (&["api-key", "api-sign"], &[]),
        Purpose::KrakenFutures => (&["apikey", "authent"], &["nonce"]),
        Purpose::Kucoin => (&["kc-api-key", "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase"], &["kc-api-key-version"]),
        Purpose::Okx => (&["ok-access-key", "ok-access-sign", "ok-access-timestamp", "ok-access-passphrase"], &[]),
        Purpose::HttpSignature => (&["signature", "signature-input"], &["content-digest"]),
        Purpose::Bearer | Purpose::ClientCertificate | Purpose::Coinbase | Purpose::Deribit | Purpose::Hyperliquid | Purpose::Native => {
            (&[], &[])
        }
    };
    Headers { required, optional }
}

/// Letters and digits of a name, in lower case.
pub(crate) fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Words of host names.
const HOSTS: &[(&str, Purpose)] = &[
    ("futures.kraken", Purpose::KrakenFutures),
    ("exchange.coinbase", Purpose::CoinbaseExchange),
    ("binance", Purpose::Binance),
    ("bitfinex", Purpose::Bitfinex),
    ("bitmex", Purpose::Bitmex),
    ("bybit", Purpose::Bybit),
    ("coinbase", Purpose::Coinbase),
    ("deribit", Purpose::Deribit),
    ("gate", Purpose::Gate),
    ("gemini", Purpose::Gemini),
    ("hyperliquid", Purpose::Hyperliquid),
    ("kraken", Purpose::Kraken),
    ("kucoin", Purpose::Kucoin),
    ("okx", Purpose::Okx),
];

/// The dialect that most speaks for.
pub(crate) fn of_request(request: &Request) -> Option<(Purpose, String)> {
    let mut best: Option<(u32, Purpose, Vec<String>)> = None;
    for dialect in registry::ALL {
        let (score, why) = score(dialect.purpose(), request);
        if score >= 3 && best.as_ref().is_none_or(|(known, ..)| score > *known) {
            best = Some((score, dialect.purpose(), why));
        }
    }
    best.map(|(_, purpose, why)| (purpose, why.join("; ")))
}

fn score(purpose: Purpose, request: &Request) -> (u32, Vec<String>) {
    let (mut score, mut why) = (0, Vec::new());
    let known = headers(purpose);
    let present: Vec<&str> = known.required.iter().chain(known.optional).copied().filter(|name| request.count(name) > 0).collect();
    let misspelt = known.required.iter().filter(|name| name.len() > 4 && near(request, name).is_some()).count();
    // Words that many requests have for other reasons count less.
    score += present.iter().map(|name| if ["key", "sign", "timestamp", "nonce", "api-key"].contains(name) { 1 } else { 4 }).sum::<u32>();
    // Where several are wanted, one that is nearly right may be anybody's X-API-Key.
    let alone = misspelt == 1 && present.is_empty() && known.required.len() > 1;
    score += if alone { 1 } else { 3 * u32::try_from(misspelt).unwrap_or_default() };
    if !present.is_empty() && present.len() >= known.required.len() && known.required.iter().all(|name| request.count(name) > 0) {
        score += 4;
    }
    if !present.is_empty() {
        why.push(format!("it has the header{} {}", if present.len() == 1 { "" } else { "s" }, present.join(", ")));
    } else if misspelt > 0 {
        why.push("it has headers of nearly the right names".to_owned());
    }
    for (points, reason) in marks(purpose, request) {
        score += points;
        why.push(reason);
    }
    let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
    if HOSTS.iter().find(|(word, _)| host.contains(word)).is_some_and(|(_, named)| *named == purpose) {
        score += 3;
        why.push(format!("the host is {host}"));
    }
    (score, why)
}

/// What else speaks for a dialect.
fn marks(purpose: Purpose, request: &Request) -> Vec<(u32, String)> {
    let mut marks = Vec::new();
    let authorization = request.header("authorization").unwrap_or_default();
    let body = str::from_utf8(&request.body).unwrap_or_default();
    match purpose {
        Purpose::Binance => {
            let both = |part: &[u8]| value_of(part, "signature").is_some() && value_of(part, "timestamp").is_some();
            if both(request.query()) || both(&request.body) {
                marks.push((3, "it has the parameters timestamp and signature".to_owned()));
            }
        }
        Purpose::Coinbase if authorization.split('.').count() == 3 => {
            marks.push((5, "it has a bearer token with the three parts of a JWT".to_owned()));
        }
        Purpose::Deribit => {
            if authorization.to_ascii_lowercase().starts_with("deri-hmac-sha256") {
                marks.push((6, "the Authorization header has the scheme deri-hmac-sha256".to_owned()));
            }
            if request.path().starts_with(b"/api/v2/public/auth") {
                marks.push((5, "it is a login by public/auth".to_owned()));
            }
        }
        Purpose::Hyperliquid => {
            let all = ["action", "nonce", "signature"].iter().all(|name| frame::member(body, name).is_some());
            if all {
                marks.push((6, "the body has action, nonce and signature".to_owned()));
            }
        }
        Purpose::Kraken if request.path().starts_with(b"/0/private/") => marks.push((4, "the path begins with /0/private/".to_owned())),
        Purpose::KrakenFutures if request.path().starts_with(b"/derivatives/") => {
            marks.push((3, "the path begins with /derivatives/".to_owned()));
        }
        Purpose::Okx if request.path().starts_with(b"/api/v5/") => marks.push((2, "the path begins with /api/v5/".to_owned())),
        Purpose::Gate if request.path().starts_with(b"/api/v4/") => marks.push((2, "the path begins with /api/v4/".to_owned())),
        Purpose::Bearer
        | Purpose::Bitfinex
        | Purpose::Bitmex
        | Purpose::Bybit
        | Purpose::ClientCertificate
        | Purpose::Coinbase
        | Purpose::CoinbaseExchange
        | Purpose::Gate
        | Purpose::Gemini
        | Purpose::HttpSignature
        | Purpose::Kraken
        | Purpose::KrakenFutures
        | Purpose::Kucoin
        | Purpose::Native
        | Purpose::Okx => {}
    }
    marks
}

/// A header whose name is nearly this one, when this one is not there.
pub(crate) fn near<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    if request.count(name) > 0 {
        return None;
    }
    let wanted = letters(name);
    let found = request.headers.iter().map(|(each, _)| each.as_str()).find(|each| {
        let own = letters(each);
        own == wanted || (wanted.len() > 6 && distance(&own, &wanted) <= 2)
    })?;
    // What is another header of some dialect is not a misspelt one.
    let is_known = registry::ALL.iter().any(|dialect| {
        let known = headers(dialect.purpose());
        known.required.iter().chain(known.optional).any(|each| found.eq_ignore_ascii_case(each))
    });
    (!is_known).then_some(found)
}

/// Letters to change, add or leave out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in other.bytes().enumerate() {
            let cost = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = cost.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// The dialect of a frame that carries a proof.
pub(crate) fn of_frame(text: &str) -> Option<(Purpose, String)> {
    let has = |name: &str| frame::member(text, name).is_some();
    let method = frame::member(text, "method").unwrap_or_default();
    if has("jwt") {
        return Some((Purpose::Coinbase, "it has a member jwt".to_owned()));
    }
    if method == "post" && has("request") {
        return Some((Purpose::Hyperliquid, "it posts a request, as at Hyperliquid".to_owned()));
    }
    if method == "public/auth" {
        return Some((Purpose::Deribit, "its method is public/auth".to_owned()));
    }
    let other = registry::ALL.into_iter().map(|dialect| dialect.purpose()).find(|purpose| frame::read(*purpose, text).is_some());
    if let Some(purpose) = other {
        return Some((purpose, format!("it has the members of a login or signed message as at {}", purpose.name())));
    }
    let params = frame::member(text, "params").unwrap_or_default();
    // Version 2 of Kraken's sockets has it in params, version 1 beside an order or in its subscription.
    let subscription = frame::member(text, "subscription").unwrap_or_default();
    let token = has("token") || [params, subscription].iter().any(|object| frame::member(object, "token").is_some());
    token.then(|| (Purpose::Kraken, "it shows a token, as private messages of Kraken do".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_right_are_found() {
        let request = |name: &str| Request { headers: vec![(name.to_owned(), b"v".to_vec())], ..Request::default() };
        for name in ["X-MBX-API-KEY", "X_MBX_APIKEY", "X-MBX-APIKY"] {
            assert_eq!(near(&request(name), "x-mbx-apikey"), Some(name));
        }
        assert_eq!(near(&request("X-MBX-APIKEY"), "x-mbx-apikey"), None);
        assert_eq!(near(&request("KC-API-KEY"), "ok-access-key"), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("a", "a")), (3, 2, 0));
    }
}
