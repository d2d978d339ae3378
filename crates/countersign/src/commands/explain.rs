//! `explain`: why a request is refused.

use std::path::Path;
use std::process::ExitCode;

use countersign_core::{Purpose, Secret, Timestamp};
use countersign_explain::limits::{INPUT_BYTES_MAX, SECRET_BYTES_MAX};
use countersign_explain::{Input, InputError, Options, Verdict, explain};
use countersign_gateway::clock;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{argument, output, when};
use crate::cli::ExplainArgs;
use crate::failure::{FAILED, Failure};

/// Runs the command.
pub(super) fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let usage = |error: InputError| Failure::usage(error.to_string());
    let input = Input::read(&request(&args.request)?).map_err(usage)?;
    let report = explain(&input, &options(args)?).map_err(usage)?;
    if json {
        output::json(&report)?;
    } else {
        output::text(&countersign_explain::text(&report))?;
    }
    Ok(match report.verdict {
        Verdict::Correct | Verdict::Unchecked => ExitCode::SUCCESS,
        Verdict::Unrecognized | Verdict::Wrong => ExitCode::from(FAILED),
    })
}

/// The bytes of the request: from standard input, a file of this name, or the argument itself.
fn request(text: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let path = Path::new(text);
    // Every request, command, frame and message has one of these in it; hardly a name of a file has.
    let may_be_request = text.contains([' ', '\n', '{', '=']);
    if may_be_request && !path.is_file() { Ok(Zeroizing::new(text.as_bytes().to_vec())) } else { argument::read(path, INPUT_BYTES_MAX) }
}

fn options(args: ExplainArgs) -> anyhow::Result<Options> {
    let now = clock::wall();
    let dialect = args.dialect.as_deref().map(purpose).transpose()?;
    let at = args.at.as_deref().map(|text| arrival(text, now)).transpose()?;
    let passphrase = args.passphrase.map(|text| Secret::new(text.into_bytes()));
    let mut options = Options { dialect, passphrase, at, now, last_nonce: args.last_nonce, ..Options::default() };
    if let Some(text) = args.secret {
        options.secret = Some(Secret::new(text.into_bytes()));
    }
    if let Some(file) = &args.secret_file {
        options.secret = Some(Secret::new(secret_file(file)?.to_vec()));
    }
    if let Some(file) = &args.credential {
        credential(file, &mut options)?;
    }
    Ok(options)
}

fn purpose(name: &str) -> anyhow::Result<Purpose> {
    let known = countersign_dialects::by_name(name).map(countersign_dialects::Dialect::purpose);
    known.ok_or_else(|| Failure::usage(format!("{name:?} is no dialect; `countersign dialect list` shows them")))
}

/// Milliseconds since 1970, or what other commands take for a time in the past.
fn arrival(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    match text.parse::<u64>() {
        Ok(millis) if text.len() >= 12 => Ok(Timestamp::from_millis(millis)),
        _ => when::start(text, now),
    }
}

fn secret_file(file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = argument::read(file, SECRET_BYTES_MAX)?;
    // The line break that editors put at the end of a file is none of the secret's.
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(bytes)
}

/// A credential file of a dialect's key: `api_key`, and one of `secret`, `private_key_pem` and `private_key`.
fn credential(file: &Path, options: &mut Options) -> anyhow::Result<()> {
    let name = file.display();
    let bytes = secret_file(file)?;
    let object: Value =
        serde_json::from_slice(&bytes).map_err(|_| Failure::usage(format!("{name} is no credential file: it is no JSON")))?;
    let text = |member: &str| object.get(member).and_then(Value::as_str).map(str::to_owned);
    let Some(kind) = text("kind") else { return Err(Failure::usage(format!("{name} is no credential file: it has no member kind"))) };
    if options.dialect.is_none() {
        options.dialect = Some(
            purpose(&kind).map_err(|_| Failure::usage(format!("{name} is of a {kind} key, and only dialects' proofs are explained")))?,
        );
    }
    options.api_key = text("api_key");
    // The key itself before other forms of it; Hyperliquid's key id is the address.
    let key = ["private_key_pem", "secret", "private_key"].into_iter().find_map(text);
    options.secret = key.or_else(|| text("api_key").filter(|_| kind == "hyperliquid")).map(|text| Secret::new(text.into_bytes()));
    if options.passphrase.is_none() {
        options.passphrase = text("passphrase").map(|text| Secret::new(text.into_bytes()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_credential_file_gives_key_dialect_and_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.json");
        std::fs::write(&file, r#"{"v":1,"kind":"okx","alg":"HS256","api_key":"k","secret":"s","passphrase":"p"}"#).unwrap();
        let mut options = Options::default();
        credential(&file, &mut options).unwrap();
        assert_eq!((options.dialect, options.api_key.as_deref()), (Some(Purpose::Okx), Some("k")));
        assert!(options.secret.unwrap().ct_eq(b"s") && options.passphrase.unwrap().ct_eq(b"p"));
        std::fs::write(&file, r#"{"kind":"native"}"#).unwrap();
        assert!(credential(&file, &mut Options::default()).unwrap_err().to_string().contains("native"));
        std::fs::write(&file, "text").unwrap();
        assert!(credential(&file, &mut Options::default()).is_err());
    }

    #[test]
    fn the_request_is_a_file_or_the_text_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("request.txt");
        std::fs::write(&file, "GET / HTTP/1.1\n").unwrap();
        assert_eq!(*request(file.to_str().unwrap()).unwrap(), b"GET / HTTP/1.1\n");
        assert_eq!(*request("GET /\nHost: h").unwrap(), b"GET /\nHost: h");
        let missing = request("no/such/file.txt").unwrap_err().to_string();
        assert!(missing.starts_with("cannot read no/such/file.txt"), "{missing}");
    }

    #[test]
    fn times_of_arrival_are_read() {
        let now = Timestamp::from_millis(1_795_222_400_000);
        assert_eq!(arrival("1795222400123", now).unwrap().as_millis(), 1_795_222_400_123);
        assert_eq!(arrival("2026-11-21T00:53:20Z", now).unwrap(), now);
        assert_eq!(arrival("10s", now).unwrap().as_millis(), 1_795_222_390_000);
        assert!(arrival("noon", now).is_err());
    }
}
