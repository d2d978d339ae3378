//! Tokens of CDP keys: claims that do not fit the request, and the signature.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{Purpose, Refusal, Reject, Timestamp};
use countersign_dialects::limits::JWT_LIFETIME_MAX;
use serde_json::Value;

use crate::catalogue::Mistake;
use crate::check::clock::Arrival;
use crate::draft::{Draft, Encoding, Hash, Name, Part, Scheme, Text, frame};
use crate::explain::{Case, Options, without_proof};
use crate::gateway::{self, Reading};
use crate::input::InputError;
use crate::keys::any_base64;
use crate::moment::span;
use crate::report::{Finding, Report};
use crate::request::Request;
use crate::search::Budget;

/// Explains the token of a request.
pub(crate) fn explain_request(mut report: Report, request: &Request, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    let header = request.header("authorization").unwrap_or_default().to_owned();
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let Some(token) = token.or_else(|| (header.split('.').count() == 3).then_some(header.as_str())) else {
        report.add(Finding::fault(Mistake::HeaderMissing, "there is no bearer token in the Authorization header"));
        return Ok(without_proof(report, &Reading::NoProof("a CDP key proves itself by a JWT")));
    };
    if !header.to_ascii_lowercase().starts_with("bearer ") {
        report.add(Finding::fault(Mistake::HeaderMissing, "the word Bearer before the token is missing"));
    }
    report.field("method", request.method.clone());
    report.field("host", request.header("host").unwrap_or_default());
    let claims = claims_of(token, &mut report);
    if let Some((_, claims)) = &claims {
        uris(claims, Some(request), &mut report);
    }
    let reading = match gateway::dialect(Purpose::Coinbase) {
        Some(dialect) => gateway::of_request(dialect, request),
        None => Reading::NoProof("the dialect is not there"),
    };
    conclude(report, token, claims.as_ref(), reading, options, budget)
}

/// The key that the token of a request names.
pub(crate) fn key_of_request(request: &Request) -> Option<String> {
    key_of(request.header("authorization")?.split_once(' ')?.1.trim())
}

/// The key that the token of a frame names.
pub(crate) fn key_of_frame(frame: &str) -> Option<String> {
    key_of(&frame::member(frame, "jwt")?)
}

fn key_of(token: &str) -> Option<String> {
    let header: Value = serde_json::from_slice(&any_base64(token.split('.').next()?)?).ok()?;
    text(&header, "kid")
}

/// Explains the token of a frame.
pub(crate) fn explain_frame(mut report: Report, text: &str, options: &Options, budget: &Budget) -> Result<Report, InputError> {
    let token = frame::member(text, "jwt").unwrap_or_default();
    let claims = claims_of(&token, &mut report);
    if let Some((_, claims)) = &claims {
        uris(claims, None, &mut report);
    }
    let reading = match gateway::dialect(Purpose::Coinbase) {
        Some(dialect) => gateway::of_frame(dialect, text, options.at.unwrap_or(options.now), &|_| false),
        None => Reading::NoProof("the dialect is not there"),
    };
    conclude(report, &token, claims.as_ref(), reading, options, budget)
}

fn conclude(
    mut report: Report,
    token: &str,
    parts: Option<&(Value, Value)>,
    reading: Reading<'static>,
    options: &Options,
    budget: &Budget,
) -> Result<Report, InputError> {
    if parts.is_none() {
        return Ok(without_proof(report, &Reading::NoProof("a token that cannot be read is not searched for mistakes")));
    }
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let mut draft = Draft::new(Purpose::Coinbase, Scheme::Hmac(Hash::Sha256), Encoding::Base64Url);
    draft.text = Text::new(vec![Part::plain(Name::Payload, signed)]);
    draft.signature = signature.to_owned();
    if let Some((header, claims)) = parts {
        draft.key = text(header, "kid").or_else(|| text(claims, "sub")).unwrap_or_default();
        check_names(header, claims, &mut report, options);
        check_times(claims, &mut report, options);
    }
    if let Reading::Refused(refusal) = &reading
        && report.faults().is_empty()
    {
        report.add(of_refusal(refusal, parts.map(|(_, claims)| claims)));
    }
    let as_sent = draft.text.clone();
    Case { draft, as_sent, reading, checks_time: false }.conclude(report, options, budget)
}

fn of_refusal(refusal: &Refusal, claims: Option<&Value>) -> Finding {
    // Of another request it was told before: what is left is the audience.
    if let (Reject::WrongUri, Some(named)) = (refusal.reject, claims.and_then(|claims| claims.get("aud"))) {
        return Finding::fault(Mistake::JwtAudience, format!("aud is {named}"));
    }
    let mistake = if refusal.reject == Reject::MissingCredentials {
        Mistake::HeaderMissing
    } else if refusal.reject == Reject::WrongAlgorithm {
        Mistake::JwtAlgorithm
    } else {
        Mistake::JwtMalformed
    };
    Finding::fault(mistake, refusal.to_string())
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// Header and claims, however they are written.
fn claims_of(token: &str, report: &mut Report) -> Option<(Value, Value)> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _] = parts.as_slice() else {
        report.add(Finding::fault(Mistake::JwtMalformed, format!("it has {} parts", parts.len())));
        return None;
    };
    let mut read = |part: &str, name: &str| {
        if URL_SAFE_NO_PAD.decode(part).is_err() {
            report.add(Finding::fault(Mistake::JwtMalformed, format!("the {name} is no base64url without padding")));
        }
        let value = any_base64(part).and_then(|json| serde_json::from_slice(&json).ok());
        if value.is_none() {
            report.add(Finding::fault(Mistake::JwtMalformed, format!("the {name} is no JSON")));
        }
        value
    };
    Some((read(header, "header")?, read(claims, "claims")?))
}

fn check_names(header: &Value, claims: &Value, report: &mut Report, options: &Options) {
    let (kid, sub, alg) = (text(header, "kid"), text(claims, "sub"), text(header, "alg").unwrap_or_default());
    report.field("alg", alg.clone());
    if !matches!(alg.as_str(), "ES256" | "EdDSA" | "Ed25519") {
        report.add(Finding::fault(Mistake::JwtAlgorithm, format!("alg is {alg:?}")));
    }
    match (&kid, &sub) {
        (None, _) => report.add(Finding::fault(Mistake::HeaderMissing, "there is no kid in the header of the token")),
        (_, None) => report.add(Finding::fault(Mistake::HeaderMissing, "there is no sub in the claims")),
        (Some(kid), Some(sub)) if kid != sub => {
            report.add(Finding::fault(Mistake::JwtSubject, format!("kid is {kid:?}, sub is {sub:?}")));
        }
        (Some(_), Some(_)) => {}
    }
    if let (Some(own), Some(kid)) = (&options.api_key, &kid)
        && own != kid
    {
        report.add(Finding::fault(Mistake::JwtOtherKey, format!("kid is {kid:?}, {own:?} was given")));
    }
}

fn check_times(claims: &Value, report: &mut Report, options: &Options) {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    for name in ["nbf", "exp"] {
        match time(name) {
            None => report.add(Finding::fault(Mistake::HeaderMissing, format!("there is no {name} in seconds in the claims"))),
            Some(at) if at.as_secs() > 100_000_000_000 => {
                report.add(Finding::fault(Mistake::TimestampInMillis, format!("{name} is {}", at.as_secs())));
            }
            Some(_) => {}
        }
    }
    let (Some(start), Some(end)) = (time("nbf"), time("exp")) else { return };
    let life = end.saturating_sub(start);
    if life > JWT_LIFETIME_MAX {
        let life = span(life);
        report.add(Finding::fault(Mistake::ExpiresTooFar, format!("it lives {life}; two minutes are allowed")));
    }
    // Where the dialect refuses the token for another reason, the clock is told all the same.
    let arrival = Arrival { at: options.at, now: options.now };
    let end = Timestamp::from_secs(0).saturating_add(end);
    if let Some(at) = arrival.at.filter(|at| end <= *at) {
        let over = span(at.saturating_since(end));
        report.add(Finding::fault(Mistake::JwtExpired, format!("it has been over for {over}")));
    }
}

/// The requests that a token was made for, against the one it came with.
fn uris(claims: &Value, request: Option<&Request>, report: &mut Report) {
    let mut uris: Vec<String> = text(claims, "uri").into_iter().collect();
    if let Some(list) = claims.get("uris").and_then(Value::as_array) {
        uris.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    report.field("uri", uris.join(", "));
    let Some(request) = request else {
        if !uris.is_empty() {
            report.add(Finding::fault(Mistake::JwtWrongPath, "a token for WebSocket frames names no uri"));
        }
        return;
    };
    if uris.is_empty() {
        report.add(Finding::fault(Mistake::HeaderMissing, "there is neither uri nor uris in the claims"));
        return;
    }
    let faults: Vec<Option<Finding>> = uris.iter().map(|uri| fault_of(uri, request)).collect();
    if faults.iter().all(Option::is_some) {
        faults.into_iter().flatten().for_each(|fault| report.add(fault));
    }
}

fn fault_of(uri: &str, request: &Request) -> Option<Finding> {
    let Some((method, rest)) = uri.split_once(' ') else {
        return Some(Finding::fault(
            Mistake::JwtWrongMethod,
            format!("{uri:?} names no method; METHOD, a blank, host and path are wanted"),
        ));
    };
    let bare = rest.split_once("://").map_or(rest, |(_, rest)| rest);
    let (host, path) = bare.find('/').map_or((bare, ""), |slash| bare.split_at(slash));
    let without_port = |authority: &str| authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
    let own = request.header("host").unwrap_or_default();
    if method != request.method {
        return Some(Finding::fault(Mistake::JwtWrongMethod, format!("{method} in the token, {} in the request", request.method)));
    }
    if bare != rest {
        return Some(Finding::fault(Mistake::JwtWrongHost, "it has a scheme in front of the host"));
    }
    if without_port(host) != without_port(own) {
        return Some(Finding::fault(Mistake::JwtWrongHost, format!("{host:?} in the token, {own:?} in the request")));
    }
    if path.as_bytes() == request.path() {
        return None;
    }
    let hint = if path.contains('?') { "; the query does not belong there" } else { "" };
    let sent = String::from_utf8_lossy(request.path()).into_owned();
    Some(Finding::fault(Mistake::JwtWrongPath, format!("{path:?} in the token, {sent:?} in the request{hint}")))
}
