//! Runs recorded requests through the same path as live ones: present, look the key up, verify, decide.
//!
//! A file has `keys` and `vectors`; see `tests/vectors/binance.json` for the format. Each vector is judged alone, with its own clock
//! and its own replay guard, after the vectors it names in `after`. Only the key a vector names is registered for it.
//!
//! `after` says which client used the key before, and an id begins with dialect, client and kind of key. So where the vector it names
//! is not in the file, the first accepted one of the same client goes before in its place, which is told.
//!
//! A vector's dialect is a name such as `okx-rest`, `bybit-ws-auth` or `deribit-fix`: the family before the first hyphen chooses the
//! dialect, the kind of the request chooses the way in. The family `rfc9421` is the standard without the gateway's rules on it.

mod before;
mod connection;
mod format;
#[cfg(test)]
pub(crate) mod look_alike;
#[cfg(test)]
mod proof_headers;
#[cfg(test)]
mod tamper;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::{Credential, Presented, Refusal, VerifiedIdentity};

use crate::limits;

use connection::Connection;
use format::Vector;
pub use format::{VectorFile, VectorFileError};

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Vectors with the expected verdict and reason.
    pub passed: usize,
    /// Vectors with another one.
    pub failed: Vec<Failure>,
    /// Vectors that were not run, and why: another dialect, or nothing of a client that it comes after is in the file.
    pub skipped: Vec<(String, String)>,
}

/// A vector with another verdict than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its id.
    pub id: String,
    /// The verdict in the file: `accept`, or the reason to reject.
    pub expected: String,
    /// The verdict here.
    pub got: String,
}

/// Verifies what a message presents, as the gateway's shell does.
pub type Verify<'v> = dyn FnMut(&Presented<'_>) -> Result<VerifiedIdentity, Refusal> + 'v;

/// Judges logons of FIX: its codec is in a crate beside this one, so the caller brings it.
pub trait FixLogons {
    /// The verdict on one message of a family (`deribit`, `kraken`), given as on the wire.
    ///
    /// # Errors
    /// The outer one says that there is no logon of this family; the inner one is the refusal.
    fn judge(&self, family: &str, message: &[u8], verify: &mut Verify<'_>) -> Result<Result<(), Refusal>, String>;
}

/// Runs a file of vectors.
///
/// # Errors
/// [`VectorFileError`] when the text is no such file; a vector that cannot be run is a failure in the report.
pub fn run(text: &str, fix: Option<&dyn FixLogons>) -> Result<Report, VectorFileError> {
    if text.len() > limits::VECTOR_FILE_BYTES_MAX {
        return Err(VectorFileError("the file is too large".to_owned()));
    }
    Ok(run_file(&VectorFile::parse(text)?, fix))
}

/// Runs the vectors of a file that was read.
#[must_use]
pub fn run_file(file: &VectorFile, fix: Option<&dyn FixLogons>) -> Report {
    run_selected(file, fix, &|_| true, &mut |_| {})
}

/// One vector that was run.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'j> {
    /// Its id.
    pub id: &'j str,
    /// The verdict in the file: `accept`, or the reason to reject.
    pub expected: &'j str,
    /// The verdict here.
    pub got: &'j str,
    /// Which vectors went before it in the place of those that are not in the file; empty where all are.
    pub instead: &'j str,
}

/// Runs those vectors of a file whose id is `wanted`, and tells of each what came of it.
/// Vectors that are run only because others come after them are neither told nor counted.
pub fn run_selected(
    file: &VectorFile,
    fix: Option<&dyn FixLogons>,
    wanted: &dyn Fn(&str) -> bool,
    judged: &mut dyn FnMut(&Judged<'_>),
) -> Report {
    let keys: BTreeMap<_, _> = file.keys.iter().map(|(name, key)| (name.as_str(), key.credential(name).map(Arc::new))).collect();
    let by_id: BTreeMap<_, _> = file.vectors.iter().map(|vector| (vector.id.as_str(), vector)).collect();
    let mut report = Report::default();
    for vector in file.vectors.iter().filter(|vector| wanted(&vector.id)) {
        let (earlier, instead) = match before::of(vector, file, &by_id) {
            Ok(found) => found,
            Err(missing) => {
                report.skipped.push((vector.id.clone(), format!("it comes after {missing}, which is not in the file")));
                continue;
            }
        };
        if !connection::is_known(vector, fix) {
            report.skipped.push((vector.id.clone(), format!("dialect {} is not implemented", vector.dialect)));
            continue;
        }
        let expected = vector.expect.word();
        let got = judge(vector, fix, &keys, &earlier).unwrap_or_else(|trouble| trouble);
        judged(&Judged { id: &vector.id, expected: &expected, got: &got, instead: &instead });
        if got == expected {
            report.passed += 1;
        } else {
            report.failed.push(Failure { id: vector.id.clone(), expected, got });
        }
    }
    report
}

type Keys<'v> = BTreeMap<&'v str, Result<Arc<Credential>, String>>;

/// The verdict on one vector, or why there is none.
fn judge(vector: &Vector, fix: Option<&dyn FixLogons>, keys: &Keys<'_>, earlier: &[&Vector]) -> Result<String, String> {
    let mut connection = Connection::new(vector, fix);
    for earlier in earlier {
        // What came of it does not matter: it was judged in its own turn.
        let _ = connection.judge(earlier, keys)?;
    }
    Ok(match connection.judge(vector, keys)? {
        Ok(()) => "accept".to_owned(),
        Err(refusal) => refusal.reject.label().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RECORDED: &str = include_str!("../../../tests/vectors/binance.json");
    const DERIVED: &str = include_str!("../../../tests/vectors/binance-derived.json");

    #[test]
    fn all_recorded_requests_get_their_verdict() {
        let report = run(RECORDED, None).unwrap();
        assert_eq!(report.failed, []);
        assert_eq!((report.passed, report.skipped.len()), (93, 0));
    }

    #[test]
    fn every_rule_holds_at_both_sides_of_its_edge() {
        let report = run(DERIVED, None).unwrap();
        assert_eq!(report.failed, []);
        assert_eq!((report.passed, report.skipped.len()), (94, 0));
    }

    const VENUES: &[(&str, &str, usize)] = &[
        ("bitfinex", include_str!("../../../tests/vectors/bitfinex.json"), 30),
        ("bitmex", include_str!("../../../tests/vectors/bitmex.json"), 36),
        ("bybit", include_str!("../../../tests/vectors/bybit.json"), 71),
        ("coinbase-exchange", include_str!("../../../tests/vectors/coinbase-exchange.json"), 50),
        ("gate", include_str!("../../../tests/vectors/gate.json"), 75),
        ("gemini", include_str!("../../../tests/vectors/gemini.json"), 19),
        ("hyperliquid", include_str!("../../../tests/vectors/hyperliquid.json"), 57),
        ("kraken", include_str!("../../../tests/vectors/kraken.json"), 65),
        ("kraken-futures", include_str!("../../../tests/vectors/kraken-futures.json"), 11),
        ("kucoin", include_str!("../../../tests/vectors/kucoin.json"), 74),
        ("okx", include_str!("../../../tests/vectors/okx.json"), 33),
        ("logins", include_str!("../../../tests/vectors/websocket-logins.json"), 170),
        ("rfc9421", include_str!("../../../tests/vectors/rfc9421.json"), 110),
    ];

    #[test]
    fn the_requests_of_every_venue_get_their_verdict() {
        let reports: Vec<_> = VENUES.iter().map(|(venue, text, count)| (*venue, run(text, None).unwrap(), *count)).collect();
        let failed: Vec<_> = reports.iter().flat_map(|(_, report, _)| &report.failed).collect();
        assert_eq!(failed, Vec::<&Failure>::new());
        for (venue, report, count) in reports {
            assert_eq!((report.passed, report.skipped.len()), (count, 0), "{venue}");
        }
    }

    #[test]
    fn a_wrong_expectation_is_a_failure_and_another_dialect_is_skipped() {
        let wrong = RECORDED.replacen(r#""verdict": "accept""#, r#""verdict": "reject""#, 1);
        let report = run(&wrong, None).unwrap();
        let [failure] = report.failed.as_slice() else { panic!("one was changed") };
        assert_eq!((failure.expected.as_str(), failure.got.as_str()), ("reject", "accept"));
        let foreign = RECORDED.replace(r#""binance-ws-api","#, r#""nowhere-rest","#);
        let report = run(&foreign, None).unwrap();
        assert_eq!((report.passed, report.failed.len(), report.skipped.len()), (76, 0, 17));
    }

    #[test]
    fn what_cannot_be_run_is_said() {
        for text in ["", "[]", "{}", r#"{"keys":{},"vectors":[{}]}"#] {
            assert!(run(text, None).is_err(), "{text}");
        }
        let keyless = RECORDED.replace(r#""doc-binance-hmac": {"#, r#""another": {"#);
        let report = run(&keyless, None).unwrap();
        assert_eq!(report.failed.len(), 2);
        assert_eq!(report.failed[0].got, "there is no key doc-binance-hmac");
        let unusable = RECORDED.replace("hmac-sha256", "md5");
        assert!(run(&unusable, None).unwrap().failed.iter().any(|failure| failure.got.contains("no verification for md5")));
    }

    proptest::proptest! {
        #[test]
        fn any_vector_gets_a_verdict(target in "\\PC{0,60}", body in "\\PC{0,60}", now_ms: u64, ws: bool) {
            let request = if ws {
                serde_json::json!({"kind": "ws", "text": body})
            } else {
                serde_json::json!({"kind": "http", "method": "GET", "target": target, "headers": [["X-MBX-APIKEY", "k"]], "body": body})
            };
            let file = serde_json::json!({
                "keys": {"k": {"api_key": "k", "alg": "hmac-sha256", "secret": "AAAA", "secret_encoding": "base64"}},
                "vectors": [{
                    "id": "v", "dialect": if ws { "binance-ws-api" } else { "binance-rest" }, "key": "k", "now_ms": now_ms,
                    "request": request, "expect": {"verdict": "accept", "reason": null}
                }]
            });
            let report = run(&file.to_string(), None).unwrap();
            proptest::prop_assert_eq!(report.failed.len(), 1);
        }
    }
}
