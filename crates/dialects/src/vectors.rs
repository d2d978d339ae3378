//! Runs recorded requests through the same path as live ones: present, look the key up, verify, decide.
//!
//! A file has `keys` and `vectors`; see `tests/vectors/binance.json` for the format. Each vector is judged alone, with its own clock
//! and its own replay guard, after the vectors it names in `after`. Only the key a vector names is registered for it.

mod format;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::{
    Credential, MemoryReplayGuard, Monotonic, Now, Presented, Refusal, Timestamp, VerifiedIdentity, VerifyContext, verify,
};

use crate::binance::rest::BinanceRest;
use crate::binance::ws_api::{Step, WsApiSession};
use crate::dialect::{Answer, Dialect as _, RequestView, Security};
use crate::limits;

use format::{Request, Vector};
pub use format::{VectorFile, VectorFileError};

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Vectors with the expected verdict and reason.
    pub passed: usize,
    /// Vectors with another one.
    pub failed: Vec<Failure>,
    /// Vectors of dialects that are not implemented: id and dialect.
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

/// Runs a file of vectors.
///
/// # Errors
/// [`VectorFileError`] when the text is no such file; a vector that cannot be run is a failure in the report.
pub fn run(text: &str) -> Result<Report, VectorFileError> {
    if text.len() > limits::VECTOR_FILE_BYTES_MAX {
        return Err(VectorFileError("the file is too large".to_owned()));
    }
    Ok(run_file(&VectorFile::parse(text)?))
}

/// Runs the vectors of a file that was read.
#[must_use]
pub fn run_file(file: &VectorFile) -> Report {
    run_selected(file, &|_| true, &mut |_, _, _| {})
}

/// Runs those vectors of a file whose id is `wanted`, and tells of each its id, the verdict in the file and the one here.
/// Vectors that are run only because others come after them are neither told nor counted.
pub fn run_selected(file: &VectorFile, wanted: &dyn Fn(&str) -> bool, judged: &mut dyn FnMut(&str, &str, &str)) -> Report {
    let keys: BTreeMap<_, _> = file.keys.iter().map(|(name, key)| (name.as_str(), key.credential(name).map(Arc::new))).collect();
    let by_id: BTreeMap<_, _> = file.vectors.iter().map(|vector| (vector.id.as_str(), vector)).collect();
    let mut report = Report::default();
    for vector in file.vectors.iter().filter(|vector| wanted(&vector.id)) {
        if !matches!(vector.dialect.as_str(), "binance-rest" | "binance-ws-api") {
            report.skipped.push((vector.id.clone(), vector.dialect.clone()));
            continue;
        }
        let expected = vector.expect.word();
        let got = judge(vector, &keys, &by_id).unwrap_or_else(|trouble| trouble);
        judged(&vector.id, &expected, &got);
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
fn judge(vector: &Vector, keys: &Keys<'_>, by_id: &BTreeMap<&str, &Vector>) -> Result<String, String> {
    let mut connection = Connection::new(vector.now());
    for id in &vector.after {
        let earlier = by_id.get(id.as_str()).ok_or_else(|| format!("there is no vector {id}"))?;
        // What came of it does not matter: it was judged in its own turn.
        let _ = connection.judge(earlier, keys)?;
    }
    Ok(match connection.judge(vector, keys)? {
        Ok(()) => "accept".to_owned(),
        Err(refusal) => refusal.reject.label().to_owned(),
    })
}

/// The state that vectors of one run share: replay guard and WebSocket API session.
struct Connection {
    replay: MemoryReplayGuard,
    session: WsApiSession,
}

impl Connection {
    fn new(now: Timestamp) -> Self {
        Self { replay: MemoryReplayGuard::default(), session: WsApiSession::new(now) }
    }

    /// The outer error says that the vector cannot be run.
    fn judge(&mut self, vector: &Vector, keys: &Keys<'_>) -> Result<Result<(), Refusal>, String> {
        let key = keys.get(vector.key.as_str()).ok_or_else(|| format!("there is no key {}", vector.key))?;
        let key = key.as_ref().map_err(Clone::clone)?;
        match &vector.request {
            Request::Http { .. } if vector.dialect != "binance-rest" => Err("an HTTP request in another dialect".to_owned()),
            Request::Http { method, target, headers, body } => {
                let request = RequestView { method, target: target.as_bytes(), headers, body: body.as_bytes(), host: None };
                Ok(self.judge_request(&request, key, vector.now()))
            }
            Request::Ws { .. } if vector.dialect != "binance-ws-api" => Err("a WebSocket frame in another dialect".to_owned()),
            Request::Ws { text } => Ok(self.judge_frame(text, key, vector.now())),
            Request::Other => Err("a kind of request that is not known".to_owned()),
        }
    }

    fn judge_request(&self, request: &RequestView<'_>, key: &Arc<Credential>, now: Timestamp) -> Result<(), Refusal> {
        match BinanceRest.present(request, Security::Signed) {
            Answer::Malformed(refusal) => Err(refusal),
            Answer::NotMine => Err(countersign_core::Reject::MissingCredentials.into()),
            Answer::Presented(presented) => self.verify(&presented, key, now).map(drop),
        }
    }

    fn judge_frame(&mut self, text: &str, key: &Arc<Credential>, now: Timestamp) -> Result<(), Refusal> {
        let mut step = self.session.handle_text(text, now);
        if let Step::Verify(pending) = step {
            let result = self.verify(&pending.presented, key, now);
            step = self.session.conclude(pending, result, now);
        }
        match step {
            Step::Forward(..) | Step::ForwardAs(..) | Step::Verify(_) => Ok(()),
            Step::ForwardInSession(_, _, identity) => identity.recheck(Some(key), None, now).map(drop),
            Step::Reply(reply) => reply.refusal().cloned().map_or(Ok(()), Err),
        }
    }

    fn verify(&self, presented: &Presented<'_>, key: &Arc<Credential>, now: Timestamp) -> Result<VerifiedIdentity, Refusal> {
        let credential = Some(key).filter(|key| key.key_id == presented.key_id);
        let now = Now { wall: now, mono: Monotonic::from_micros(now.as_micros()) };
        verify(presented, credential, &VerifyContext { now, remote: None, replay: &self.replay })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RECORDED: &str = include_str!("../../../tests/vectors/binance.json");
    const DERIVED: &str = include_str!("../../../tests/vectors/binance-derived.json");

    #[test]
    fn all_recorded_requests_get_their_verdict() {
        let report = run(RECORDED).unwrap();
        assert_eq!(report.failed, []);
        assert_eq!((report.passed, report.skipped.len()), (93, 0));
    }

    #[test]
    fn every_rule_holds_at_both_sides_of_its_edge() {
        let report = run(DERIVED).unwrap();
        assert_eq!(report.failed, []);
        assert_eq!((report.passed, report.skipped.len()), (94, 0));
    }

    #[test]
    fn a_wrong_expectation_is_a_failure_and_another_dialect_is_skipped() {
        let wrong = RECORDED.replacen(r#""verdict": "accept""#, r#""verdict": "reject""#, 1);
        let report = run(&wrong).unwrap();
        let [failure] = report.failed.as_slice() else { panic!("one was changed") };
        assert_eq!((failure.expected.as_str(), failure.got.as_str()), ("reject", "accept"));
        let foreign = RECORDED.replace(r#""binance-ws-api","#, r#""kraken-rest","#);
        let report = run(&foreign).unwrap();
        assert_eq!((report.passed, report.failed.len(), report.skipped.len()), (76, 0, 17));
    }

    #[test]
    fn what_cannot_be_run_is_said() {
        for text in ["", "[]", "{}", r#"{"keys":{},"vectors":[{}]}"#] {
            assert!(run(text).is_err(), "{text}");
        }
        let keyless = RECORDED.replace(r#""doc-binance-hmac": {"#, r#""another": {"#);
        let report = run(&keyless).unwrap();
        assert_eq!(report.failed.len(), 2);
        assert_eq!(report.failed[0].got, "there is no key doc-binance-hmac");
        let unusable = RECORDED.replace("hmac-sha256", "md5");
        assert!(run(&unusable).unwrap().failed.iter().any(|failure| failure.got.contains("no verification for md5")));
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
            let report = run(&file.to_string()).unwrap();
            proptest::prop_assert_eq!(report.failed.len(), 1);
        }
    }
}
