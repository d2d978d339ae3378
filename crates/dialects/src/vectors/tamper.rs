//! Every byte of recorded requests is changed in turn. What still passes is what a venue's signature does not cover: the snapshot is
//! the complete list.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::connection::Connection;
use super::format::Request;
use super::{Keys, VectorFile};

pub(super) const FILES: &[&str] = &[
    include_str!("../../../../tests/vectors/binance.json"),
    include_str!("../../../../tests/vectors/bitfinex.json"),
    include_str!("../../../../tests/vectors/bitmex.json"),
    include_str!("../../../../tests/vectors/bybit.json"),
    include_str!("../../../../tests/vectors/coinbase-exchange.json"),
    include_str!("../../../../tests/vectors/coinbase.json"),
    include_str!("../../../../tests/vectors/deribit.json"),
    include_str!("../../../../tests/vectors/gate.json"),
    include_str!("../../../../tests/vectors/gemini.json"),
    include_str!("../../../../tests/vectors/hyperliquid.json"),
    include_str!("../../../../tests/vectors/kraken-futures.json"),
    include_str!("../../../../tests/vectors/kraken.json"),
    include_str!("../../../../tests/vectors/kucoin.json"),
    include_str!("../../../../tests/vectors/okx.json"),
];

/// Requests of one shape that are taken: each byte costs a verification.
const PER_SHAPE: usize = 2;

/// The text with one bit of one byte changed, if that is ASCII still; never the case of a letter, because hexadecimal has two
/// spellings of one signature, and what was accepted once is remembered by what was signed.
fn flipped(text: &str, at: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let bit = if bytes[at].is_ascii_alphabetic() && at % 7 == 5 { 0 } else { at % 7 };
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).ok()
}

/// Every mutant of a request, with the part that was changed.
fn mutants(request: &Request) -> Vec<(String, Request)> {
    let mut all = Vec::new();
    match request {
        Request::Http { method, target, headers, body } => {
            let mut push = |part: &str, method: &str, target: &str, headers: &[(String, String)], body: &str| {
                let (method, target, headers, body) = (method.to_owned(), target.to_owned(), headers.to_vec(), body.to_owned());
                all.push((part.to_owned(), Request::Http { method, target, headers, body }));
            };
            for other in ["DELETE", "GET", "POST", "PUT"].iter().filter(|other| **other != method.as_str()) {
                push("method", other, target, headers, body);
            }
            let path = target.find('?').unwrap_or(target.len());
            for at in 0..target.len() {
                let part = if at < path { "path" } else { "query" };
                flipped(target, at).into_iter().for_each(|changed| push(part, method, &changed, headers, body));
            }
            for at in 0..body.len() {
                flipped(body, at).into_iter().for_each(|changed| push("body", method, target, headers, &changed));
            }
            push("body", method, target, headers, &format!("{body} "));
            for (number, (name, value)) in headers.iter().enumerate() {
                for at in 0..value.len() {
                    let Some(changed) = flipped(value, at) else { continue };
                    let mut headers = headers.clone();
                    headers[number].1 = changed;
                    push(&name.to_ascii_lowercase(), method, target, &headers, body);
                }
            }
        }
        Request::Ws { text, url_path, issued_challenge } => {
            for at in 0..text.len() {
                let Some(text) = flipped(text, at) else { continue };
                let request = Request::Ws { text, url_path: url_path.clone(), issued_challenge: issued_challenge.clone() };
                all.push(("frame".to_owned(), request));
            }
        }
        Request::Fix { .. } | Request::Other | Request::WsHandshake { .. } => {}
    }
    all
}

fn shape(request: &Request) -> String {
    match request {
        Request::Http { method, target, body, .. } => format!("{method} {} {}", target.contains('?'), body.is_empty()),
        Request::Ws { .. } => "ws".to_owned(),
        Request::Fix { .. } | Request::Other | Request::WsHandshake { .. } => "none".to_owned(),
    }
}

#[test]
fn what_a_signature_does_not_cover_is_listed() {
    let mut uncovered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tried = 0;
    for text in FILES {
        let mut file = VectorFile::parse(text).unwrap();
        let keys = file.keys.iter().map(|(name, key)| (name.clone(), key.credential(name).map(Arc::new))).collect::<BTreeMap<_, _>>();
        let keys: Keys<'_> = keys.iter().map(|(name, key)| (name.as_str(), key.clone())).collect();
        let mut taken: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for vector in file.vectors.iter_mut().filter(|vector| vector.after.is_empty()) {
            if !matches!(Connection::new(vector, None).judge(vector, &keys), Ok(Ok(()))) {
                continue;
            }
            let count = taken.entry((vector.dialect.clone(), vector.key.clone(), shape(&vector.request))).or_default();
            *count += 1;
            if *count > PER_SHAPE {
                continue;
            }
            for (part, mutant) in mutants(&vector.request) {
                let original = std::mem::replace(&mut vector.request, mutant);
                tried += 1;
                if matches!(Connection::new(vector, None).judge(vector, &keys), Ok(Ok(()))) {
                    uncovered.entry(vector.dialect.clone()).or_default().insert(part);
                }
                vector.request = original;
            }
        }
    }
    assert!(tried > 20_000, "{tried} mutants only");
    let list: String =
        uncovered.iter().map(|(dialect, parts)| format!("{dialect}: {}\n", parts.iter().cloned().collect::<Vec<_>>().join(", "))).collect();
    insta::assert_snapshot!(list);
}
