//! The way from an input to a report.

mod case;

use countersign_core::{Presented, Purpose, Refusal, Reject, Secret, Timestamp};
use countersign_fix::{LogonDialect, Message};

use crate::catalogue::Mistake;
use crate::check::{logon, request};
use crate::draft::{self, Name, Scheme, frame, http};
use crate::gateway::{self, Reading};
use crate::input::fix::FixLine;
use crate::input::{Input, InputError};
use crate::keys::Material;
use crate::report::{Finding, Recognized, Report, Verdict};
use crate::request::Request;
use crate::search::Budget;
use crate::{hyperliquid, jwt, keys, recognize};

pub(crate) use case::Case;

/// What is known beside the input.
#[derive(Clone, Default)]
pub struct Options {
    /// The dialect, where it is not to be recognised.
    pub dialect: Option<Purpose>,
    /// The secret or key of the sender: what [`crate::explain()`] compares with.
    pub secret: Option<Secret>,
    /// The passphrase of the key.
    pub passphrase: Option<Secret>,
    /// The name of the key that the secret belongs to.
    pub api_key: Option<String>,
    /// When the request arrived.
    pub at: Option<Timestamp>,
    /// The time now.
    pub now: Timestamp,
    /// The highest nonce that was used with the key before.
    pub last_nonce: Option<u64>,
}

/// Explains an input.
///
/// # Errors
/// [`InputError`] when the secret cannot be read, or cannot be one of this dialect.
pub fn explain(input: &Input, options: &Options) -> Result<Report, InputError> {
    let mut report = explain_within(input, options, &Budget::whole())?;
    // Whatever the request carries it in, and whatever is told of that.
    for secret in [&options.secret, &options.passphrase].into_iter().flatten() {
        if let Some(text) = keys::shared_text(secret) {
            report.hide(text);
        }
    }
    Ok(report)
}

/// Explains an input, and searches as far as the budget goes.
pub(crate) fn explain_within(input: &Input, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    let report = Report::new(input.kind());
    match input {
        Input::Fix(line) => explain_logon(report, line, options, budget),
        Input::Frame(text) => explain_frame(report, text, options, budget),
        Input::Http(request, _) => explain_request(report, request, options, budget),
    }
}

/// Writes down which dialect it is; `None`: of none.
fn recognized(report: &mut Report, options: &Options, found: Option<(Purpose, String)>) -> Option<Purpose> {
    let chosen = options.dialect.map(|purpose| (purpose, "you said so".to_owned())).or(found);
    let Some((purpose, why)) = chosen else {
        report.verdict = Verdict::Unrecognized;
        report.notes.push("no dialect is recognised; name one with --dialect (`countersign dialect list`)".to_owned());
        return None;
    };
    report.dialect = Some(Recognized { name: purpose.name(), why });
    Some(purpose)
}

/// Says at once that a key cannot be one of this dialect.
fn read_key(purpose: Purpose, options: &Options) -> Result<(), InputError> {
    options.secret.as_ref().map_or(Ok(()), |secret| Material::read(purpose, secret).map(drop))
}

fn explain_request(mut report: Report, sent: &Request, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    report.notes.extend(sent.notes.iter().cloned());
    let Some(purpose) = recognized(&mut report, options, recognize::of_request(sent)) else { return Ok(report) };
    read_key(purpose, options)?;
    if let Some(what) = request::old_version(purpose, sent) {
        report.add(Finding::fault(Mistake::OldVersion, what));
        report.verdict = Verdict::Wrong;
        return Ok(report);
    }
    let checked = request::check(purpose, sent);
    for finding in checked.findings {
        report.add(finding);
    }
    if purpose == Purpose::Coinbase {
        return jwt::explain_request(report, &checked.repaired, options, budget);
    }
    if purpose == Purpose::Hyperliquid {
        let body = String::from_utf8_lossy(&sent.body).into_owned();
        return hyperliquid::explain(report, &body, sent.header("host"), options);
    }
    let Some(dialect) = gateway::dialect(purpose) else { return Ok(unsupported(report)) };
    let (Some(draft), Some(as_sent)) = (http::read(purpose, &checked.repaired), http::read(purpose, sent)) else {
        let reading = gateway::of_request(dialect, &checked.repaired);
        return Ok(without_proof(report, &reading));
    };
    report.field("method", sent.method.clone());
    report.field("path", String::from_utf8_lossy(sent.path()));
    let reading = gateway::of_request(dialect, &checked.repaired);
    Case { draft, as_sent: as_sent.text, reading, checks_time: false }.conclude(report, options, budget)
}

fn explain_frame(mut report: Report, text: &str, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    let Some(purpose) = recognized(&mut report, options, recognize::of_frame(text)) else {
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            report
                .notes
                .push(format!("it is no JSON ({error}): names and texts stand in double quotes there, true and null are lower case"));
        }
        return Ok(report);
    };
    read_key(purpose, options)?;
    if purpose == Purpose::Coinbase {
        return jwt::explain_frame(report, text, options, budget);
    }
    if purpose == Purpose::Hyperliquid {
        let request = frame::member(text, "request").unwrap_or_default();
        let payload = frame::member(&request, "payload").unwrap_or_default();
        return hyperliquid::explain(report, &payload, None, options);
    }
    let Some(dialect) = gateway::dialect(purpose) else { return Ok(unsupported(report)) };
    let material = options.secret.as_ref().map(|secret| Material::read(purpose, secret)).transpose()?;
    let fits = |other: &Presented<'_>| {
        let verifier = material.as_ref().and_then(|material| material.verifier(purpose));
        verifier.is_some_and(|verifier| gateway::verdict(other, verifier, None, None).is_ok())
    };
    let reading = gateway::of_frame(dialect, text, options.at.unwrap_or(options.now), &fits);
    let Some(mut draft) = frame::read(purpose, text) else { return Ok(without_proof(report, &reading)) };
    if let Reading::Presented(presented) = &reading {
        draft.text = frame::as_presented(draft.text, &presented.signed.contiguous());
    }
    let mut as_sent = draft.text.clone();
    if purpose == Purpose::Bitfinex && frame::lacks_constant(text) {
        report.add(Finding::fault(Mistake::ConstantLeftOut, "authPayload is the nonce alone"));
        as_sent.parts.retain(|part| part.name != Name::Literal);
    }
    let by_mac = draft.scheme != Scheme::Bare && crate::signature::looks_mac(&draft.signature);
    if purpose == Purpose::Binance && frame::member(text, "method").is_some_and(|method| method.ends_with("session.logon")) && by_mac {
        report.add(Finding::fault(Mistake::KeyTypeHmac, "session.logon takes Ed25519 keys only"));
    }
    Case { draft, as_sent, reading, checks_time: true }.conclude(report, options, budget)
}

fn explain_logon(mut report: Report, line: &FixLine, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    let named = options.dialect.and_then(draft::logon::of_purpose).map(|dialect| (dialect, "you said so".to_owned()));
    for finding in logon::check(line) {
        report.add(finding);
    }
    let Some((dialect, why)) = named.or_else(|| draft::logon::recognise(line)) else {
        report.verdict = if report.findings.is_empty() { Verdict::Unrecognized } else { Verdict::Wrong };
        report
            .notes
            .push("no venue's logon is recognised; name one with --dialect (binance, coinbase-exchange, deribit, kraken)".to_owned());
        return Ok(report);
    };
    report.dialect = Some(Recognized { name: dialect.purpose().name(), why });
    let draft = draft::logon::read(dialect, line);
    let repaired = line.repaired();
    let reading = match Message::parse(&repaired) {
        Ok(message) => match dialect.present(&message) {
            Ok(presented) => Reading::Presented(gateway::owned(&presented)),
            Err(refusal) => Reading::Refused(refusal),
        },
        Err(_) => Reading::Refused(Refusal::operator(Reject::Malformed, "the message is garbled, or a field stands twice")),
    };
    for (name, tag) in [("MsgSeqNum (34)", 34), ("SenderCompID (49)", 49), ("TargetCompID (56)", 56), ("SendingTime (52)", 52)] {
        report.field(name, line.text(tag).unwrap_or_default());
    }
    let as_sent = draft.text.clone();
    // SendingTime is of another form, which the session judges.
    let checks_time = matches!(dialect, LogonDialect::Deribit | LogonDialect::Kraken);
    Case { draft, as_sent, reading, checks_time }.conclude(report, options, budget)
}

fn unsupported(mut report: Report) -> Report {
    report.verdict = Verdict::Unrecognized;
    report.notes.push("keys of this kind prove themselves on their connection; there is nothing in a request to explain".to_owned());
    report
}

/// A message of the dialect in which no proof was found.
pub(crate) fn without_proof(mut report: Report, reading: &Reading<'_>) -> Report {
    match reading {
        Reading::NoProof(why) => report.notes.push((*why).to_owned()),
        Reading::Presented(_) => {}
        Reading::Refused(refusal) => report.add(refused(refusal)),
    }
    report.verdict = if report.faults().is_empty() { Verdict::Unchecked } else { Verdict::Wrong };
    report
}

/// A refusal of the dialect, as a finding.
pub(crate) fn refused(refusal: &Refusal) -> Finding {
    let missing = matches!(refusal.reject, Reject::MissingCredentials | Reject::MissingParameter);
    let mistake = if missing { Mistake::HeaderMissing } else { Mistake::Refused };
    Finding::fault(mistake, refusal.to_string())
}
