//! `[issuer.NAME]`: whose access tokens are taken, by which keys, and what their claims mean here.

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::{AccountId, AccountRule, Algorithm, Issuer, Purpose, Scopes};

use super::raw::{Origin, RawTable};
use super::reader::{Reader, Report};
use super::sections::names_below;
use super::settings::{IssuerSettings, KeySource};

/// Most issuers: each has keys in memory and is fetched on its own.
const ISSUERS_MAX: usize = 32;
/// Longest name: it is part of the names of its callers, which have 128 bytes.
const NAME_BYTES_MAX: usize = 32;

/// Reads all issuers; none by default.
pub(super) fn read(keys: &mut RawTable, report: &mut Report) -> Vec<IssuerSettings> {
    let names = names_below(keys, "issuer");
    if names.len() > ISSUERS_MAX {
        report.problem(&Origin::Default, "issuer", format!("there are {} issuers; the most is {ISSUERS_MAX}", names.len()));
    }
    names.iter().filter_map(|name| read_one(keys, report, name)).collect()
}

fn read_one(keys: &mut RawTable, report: &mut Report, name: &str) -> Option<IssuerSettings> {
    let section = format!("issuer.{name}");
    let written = keys.range(format!("{section}.")..).next().map_or(Origin::Default, |(_, raw)| raw.origin.clone());
    let fine = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if !fine {
        report.problem(&written, &section, format!("a name has a-z, 0-9, _ and -, at most {NAME_BYTES_MAX} of them"));
    }
    let errors_before = report.errors.len();
    let mut keys = Reader::section(keys, report, &section);
    let issuer = keys.text_or("issuer", "The iss of its tokens, character by character.", "", word);
    let audiences = keys.list_or("audience", "Our names: a token must have one of them in aud.", "", word);
    let url = keys.text_or("jwks_url", "Where its keys are published: https://host[:port]/path.", "not fetched", word);
    let file = keys.path_or("jwks_file", "A file with its keys instead, looked at again every five minutes.", "none");
    let ca = keys.path_or("jwks_ca", "PEM file of the CAs that the server of jwks_url is believed by.", "those of the system");
    let algorithms = keys.list_or("algorithms", "What its tokens may be signed with.", "EdDSA, ES256", word);
    let account = keys.text_or("account", "The account of all its tokens.", "by account_claim", word);
    let claim = keys.text_or("account_claim", "The claim that names the account.", "sub", word);
    let scope_claim = keys.text_or("scope_claim", "The claim that has the scopes.", "scope", word);
    let scopes = keys.list_or("scopes", "All that its tokens may ever do; other scopes of theirs count for nothing.", "none", word);
    let lifetime_max = keys.duration(
        "lifetime_max",
        "Longest life of a token, exp - iat: it cannot be called back before.",
        Duration::from_secs(3_600),
        Duration::from_secs(30)..=Duration::from_secs(86_400),
    );
    let bound = keys.boolean("bound", "Whether tokens must be bound to a DPoP key or a client certificate.", false);
    let mut complaints: Vec<&str> = Vec::new();
    let iss = issuer.unwrap_or_default();
    if iss.is_empty() {
        complaints.push("issuer is missing");
    }
    let source = key_source(url, file, ca, &mut complaints);
    let account = account_rule(account, claim, &mut complaints);
    let algorithms = accepted(algorithms, &mut complaints);
    let scopes = Scopes::collect(scopes.iter().flatten().map(String::as_str)).map_err(|_| complaints.push("scopes has one that is none"));
    let audiences = audiences.unwrap_or_default();
    if audiences.is_empty() {
        complaints.push("audience is missing: a token for anybody is for nobody");
    }
    for complaint in complaints {
        keys.report().problem(&written, &section, complaint);
    }
    if keys.report().errors.len() > errors_before {
        return None;
    }
    let rules = Issuer {
        name: name.to_owned(),
        issuer: iss,
        audiences,
        algorithms,
        account: account?,
        scope_claim: scope_claim.unwrap_or_else(|| "scope".to_owned()),
        scopes: scopes.ok()?,
        lifetime_max,
        bound,
    };
    Some(IssuerSettings { rules, source })
}

/// Where the keys come from; what is said when nobody can tell is not used.
fn key_source(url: Option<String>, file: Option<PathBuf>, ca: Option<PathBuf>, complaints: &mut Vec<&str>) -> KeySource {
    let source = match (url, file) {
        (Some(url), None) => KeySource::Url { url, ca },
        (None, Some(file)) => KeySource::File(file),
        (Some(_), Some(_)) | (None, None) => {
            complaints.push("needs either jwks_url or jwks_file");
            KeySource::File(PathBuf::new())
        }
    };
    if matches!(&source, KeySource::Url { url, .. } if !is_https(url)) {
        complaints.push("jwks_url is https://host[:port]/path");
    }
    source
}

/// Which account a token is of; none where that was complained about.
fn account_rule(fixed: Option<String>, claim: Option<String>, complaints: &mut Vec<&str>) -> Option<AccountRule> {
    match (fixed, claim) {
        (Some(fixed), None) => match AccountId::parse(&fixed) {
            Ok(account) => Some(AccountRule::Fixed(account)),
            Err(_) => {
                complaints.push("account is no name");
                None
            }
        },
        (None, claim) => Some(AccountRule::Claim(claim.unwrap_or_else(|| "sub".to_owned()))),
        (Some(_), Some(_)) => {
            complaints.push("says both account and account_claim");
            None
        }
    }
}

/// The algorithms that tokens may be signed with.
fn accepted(names: Option<Vec<String>>, complaints: &mut Vec<&str>) -> Vec<Algorithm> {
    let Some(names) = names else { return vec![Algorithm::Ed25519, Algorithm::EcdsaP256Sha256] };
    let known: Vec<Algorithm> = names.iter().filter_map(|name| algorithm(name)).collect();
    if known.len() != names.len() {
        complaints.push("algorithms has one that is not EdDSA, ES256, PS256, PS512 or RS256");
    }
    known
}

fn word(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(text.to_owned()) } else { Err("expected 1 to 512 visible ASCII characters".to_owned()) }
}

fn algorithm(name: &str) -> Option<Algorithm> {
    let name = if name == "EdDSA" { "Ed25519" } else { name };
    Algorithm::parse(name).filter(|algorithm| Purpose::Bearer.accepts(*algorithm))
}

fn is_https(url: &str) -> bool {
    url.parse::<http::Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()) && !url.contains('@'))
}
