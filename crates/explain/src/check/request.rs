//! A request as such. Each fault is mended in a copy, so that the dialect can say what text it expects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Purpose;

use crate::catalogue::Mistake;
use crate::draft::{Unit, frame, http};
use crate::moment::{Written, read_time, unit_of, written};
use crate::recognize::{headers, near};
use crate::report::Finding;
use crate::request::Request;
use crate::vary::parameters::{pairs, value_of};

/// Words that are no value.
const PLACEHOLDERS: [&str; 12] =
    ["your", "placeholder", "changeme", "example", "xxxx", "undefined", "none", "null", "todo", "api_key", "apikey", "secret"];

/// The findings, and the request without them.
pub(crate) struct Checked {
    pub(crate) findings: Vec<Finding>,
    pub(crate) repaired: Request,
}

/// Checks a request of a dialect.
pub(crate) fn check(purpose: Purpose, request: &Request) -> Checked {
    let mut checked = Checked { findings: Vec::new(), repaired: request.clone() };
    checked.method();
    checked.headers(purpose);
    checked.values(purpose);
    checked.places(purpose);
    checked.parameters(purpose);
    checked.time(purpose);
    if purpose == Purpose::Gemini {
        checked.payload();
    }
    checked
}

/// What shows that a request is made for a version that came before, if something does.
pub(crate) fn old_version(purpose: Purpose, request: &Request) -> Option<&'static str> {
    let has = |name| request.count(name) > 0;
    let parameter = |name| value_of(request.query(), name).is_some();
    let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
    let of_cdp = host.starts_with("api.coinbase.com") || request.path().starts_with(b"/api/v3/brokerage/");
    let signs = [
        (Purpose::CoinbaseExchange, of_cdp, "CB-ACCESS- headers came before the keys of CDP, which send a JWT: Authorization: Bearer"),
        (Purpose::Bitfinex, has("x-bfx-payload"), "X-BFX- headers are those of version 1"),
        (Purpose::Bitmex, has("api-nonce") && !has("api-expires"), "api-nonce came before api-expires"),
        (Purpose::Kucoin, has("kc-api-nonce") && !has("kc-api-timestamp"), "KC-API-NONCE is of version 1, before KC-API-TIMESTAMP"),
        (
            Purpose::Bybit,
            parameter("api_key") && parameter("sign") && !has("x-bapi-sign"),
            "key and signature are parameters, as in version 2",
        ),
    ];
    signs.into_iter().find(|(of, shows, _)| *of == purpose && *shows).map(|(.., what)| what)
}

impl Checked {
    fn fault(&mut self, mistake: Mistake, detail: impl AsRef<str>) {
        self.findings.push(Finding::fault(mistake, detail));
    }

    fn method(&mut self) {
        let upper = self.repaired.method.to_ascii_uppercase();
        if self.repaired.method != upper {
            self.fault(Mistake::MethodSentLowerCase, format!("{} for {upper}", self.repaired.method));
            self.repaired.method = upper;
        }
    }

    fn headers(&mut self, purpose: Purpose) {
        let known = headers(purpose);
        for name in known.required {
            if self.repaired.count(name) > 0 {
                if self.repaired.header(name).is_some_and(str::is_empty) {
                    self.fault(Mistake::HeaderMissing, format!("{name} is empty"));
                }
                continue;
            }
            if let Some(found) = near(&self.repaired, name).map(str::to_owned) {
                self.fault(Mistake::HeaderMisspelt, format!("{found} for {name}"));
                let wrong = self.repaired.headers.iter_mut().filter(|(each, _)| *each == found);
                wrong.for_each(|(each, _)| *each = (*name).to_owned());
            } else {
                let other = self.repaired.header("authorization").is_some();
                let hint = if other { "; there is an Authorization header, which is not read here" } else { "" };
                self.fault(Mistake::HeaderMissing, format!("there is no header {name}{hint}"));
            }
        }
        if purpose == Purpose::Deribit || purpose == Purpose::Coinbase {
            self.authorization(purpose);
        }
        for name in known.required.iter().chain(known.optional).chain(&["authorization"]) {
            if self.repaired.count(name) > 1 {
                self.fault(Mistake::HeaderRepeated, format!("header {name}"));
                let mut seen = false;
                self.repaired.headers.retain(|(each, _)| !each.eq_ignore_ascii_case(name) || !std::mem::replace(&mut seen, true));
            }
        }
    }

    fn authorization(&mut self, purpose: Purpose) {
        let login = self.repaired.path().starts_with(b"/api/v2/public/auth");
        if self.repaired.count("authorization") == 0 && !(purpose == Purpose::Deribit && login) {
            self.fault(Mistake::HeaderMissing, "there is no header authorization");
        }
    }

    /// Keys and other values as such.
    fn values(&mut self, purpose: Purpose) {
        for name in headers(purpose).required {
            let Some(value) = self.repaired.header(name).map(str::to_owned).filter(|value| !value.is_empty()) else { continue };
            if is_placeholder(&value) {
                self.fault(Mistake::Placeholder, format!("{name}: {value}"));
            }
        }
        let name = headers(purpose).required.iter().find(|name| name.ends_with("key")).copied();
        let Some((name, value)) = name.and_then(|name| Some((name, self.repaired.header(name)?.to_owned()))) else { return };
        let bare: String = value.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`')).collect();
        if bare != value && !bare.is_empty() {
            self.fault(Mistake::KeyHasBlanks, format!("{name}: {}", value.escape_debug()));
            self.repaired.set_header(name, &bare);
        }
    }

    /// Parameters where the signature does not cover them.
    fn places(&mut self, purpose: Purpose) {
        let (query, body) = (!self.repaired.query().is_empty(), !self.repaired.body.is_empty());
        let get = self.repaired.method == "GET";
        let (drops_query, drops_body) = match purpose {
            Purpose::Bybit => (!get && query, get && body),
            Purpose::Bitfinex | Purpose::Kraken => (query, false),
            Purpose::Gemini => (false, body),
            Purpose::KrakenFutures => (false, query && body),
            Purpose::Bearer
            | Purpose::Binance
            | Purpose::Bitmex
            | Purpose::ClientCertificate
            | Purpose::Coinbase
            | Purpose::CoinbaseExchange
            | Purpose::Deribit
            | Purpose::Gate
            | Purpose::HttpSignature
            | Purpose::Hyperliquid
            | Purpose::Kucoin
            | Purpose::Native
            | Purpose::Okx => (false, false),
        };
        if drops_query {
            self.fault(Mistake::QueryAndBody, "the query is not signed here");
            self.repaired.target = self.repaired.path().to_vec();
        }
        if drops_body {
            self.fault(Mistake::QueryAndBody, "the body is not signed here");
            self.repaired.body.clear();
        }
    }

    fn parameters(&mut self, purpose: Purpose) {
        let body = self.repaired.body.clone();
        if purpose == Purpose::Kraken && http::nonce_in(&body).is_empty() {
            self.fault(Mistake::HeaderMissing, "there is no nonce in the body");
        }
        if purpose != Purpose::Binance {
            return;
        }
        let query = self.repaired.query().to_vec();
        let is_json = body.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['));
        let of_json = |name| str::from_utf8(&body).ok().and_then(|body| frame::member(body, name)).is_some();
        if is_json && value_of(&query, "signature").is_none() && of_json("signature") {
            self.fault(Mistake::BodyIsNoForm, "they are JSON; a query or a form is read");
            return;
        }
        let mut all = pairs(&query);
        if !is_json {
            all.extend(pairs(&body));
        }
        for name in ["timestamp", "signature"] {
            if !all.iter().any(|pair| pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.len() > 1 && rest[0] == b'=')) {
                self.fault(Mistake::HeaderMissing, format!("there is no parameter {name}"));
            }
        }
        for (at, pair) in all.iter().enumerate() {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            if name.len() == pair.len() {
                self.fault(Mistake::BodyIsNoForm, format!("{} has no equals sign", pair.escape_ascii()));
            } else if all[..at].iter().any(|other| other.split(|byte| *byte == b'=').next() == Some(name)) {
                self.fault(Mistake::HeaderRepeated, format!("parameter {}", name.escape_ascii()));
            }
        }
        let window = value_of(&query, "recvWindow").or_else(|| value_of(&body, "recvWindow"));
        let window = window.and_then(|window| str::from_utf8(window).ok()?.parse::<f64>().ok());
        if let Some(window) = window.filter(|window| *window > 60_000.0) {
            self.fault(Mistake::WindowTooLarge, format!("recvWindow is {window}"));
        }
    }

    /// The unit of the time.
    fn time(&mut self, purpose: Purpose) {
        let Some(draft) = http::read(purpose, &self.repaired) else { return };
        let Some((text, unit)) = draft.time.filter(|(text, _)| !text.is_empty()) else { return };
        let Some(fault) = fault_of_time(purpose, &text, unit) else { return };
        self.findings.push(fault);
        let Some(at) = read_time(&text) else { return };
        let right = written(at, unit);
        for (_, value) in &mut self.repaired.headers {
            if let Some(mended) =
                str::from_utf8(value).ok().filter(|value| value.contains(&text)).map(|value| value.replacen(&text, &right, 1))
            {
                *value = mended.into_bytes();
            }
        }
        if purpose == Purpose::Binance {
            let mend = |part: &[u8]| {
                String::from_utf8_lossy(part).replacen(&format!("timestamp={text}"), &format!("timestamp={right}"), 1).into_bytes()
            };
            self.repaired.target = mend(&self.repaired.target);
            self.repaired.body = mend(&self.repaired.body);
        }
    }

    /// The payload of Gemini.
    fn payload(&mut self) {
        let payload = self.repaired.header("x-gemini-payload").unwrap_or_default().to_owned();
        let json = STANDARD.decode(&payload).ok().and_then(|json| String::from_utf8(json).ok());
        let Some(json) = json else {
            if !payload.is_empty() {
                self.fault(Mistake::Refused, "X-GEMINI-PAYLOAD is no base64 of a JSON text");
            }
            return;
        };
        if frame::member(&json, "nonce").is_none() {
            self.fault(Mistake::HeaderMissing, "there is no nonce in the payload");
        }
        let named = frame::member(&json, "request").unwrap_or_default();
        if named.as_bytes() != self.repaired.path() && named.as_bytes() != self.repaired.target {
            self.fault(
                Mistake::Refused,
                format!("the payload names {named:?} as its request, and the path is {}", self.repaired.path().escape_ascii()),
            );
        }
    }
}

/// What is wrong with how a time is written.
pub(crate) fn fault_of_time(purpose: Purpose, text: &str, unit: Unit) -> Option<Finding> {
    let Some(own) = unit_of(text) else {
        // A number of no usual length may be a test's clock; the dialect says whether it can read it.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        return (!digits).then(|| Finding::fault(Mistake::TimestampFormat, format!("{text:?} is no time in {}", unit.name())));
    };
    let decimals = text.contains('.') && own != Written::Iso;
    let micros = purpose == Purpose::Binance && own == Written::Micros;
    let takes_decimals = matches!(purpose, Purpose::CoinbaseExchange | Purpose::Gate | Purpose::Okx) && own == Written::Seconds;
    if own == Written::Iso && unit == Unit::Iso && !is_exact(text) {
        return Some(Finding::fault(Mistake::TimestampFormat, format!("{text} is not written as 2026-11-21T00:51:51.840Z")));
    }
    // The end of a BitMEX request is taken in either.
    let either = purpose == Purpose::Bitmex && own == Written::Millis && !decimals;
    if micros || either || (own.fits(unit) && (!decimals || takes_decimals)) {
        return None;
    }
    let mistake = match (own, unit) {
        (Written::Seconds, Unit::Millis) => Mistake::TimestampInSeconds,
        (Written::Millis, Unit::Seconds) => Mistake::TimestampInMillis,
        (Written::Iso | Written::Micros | Written::Millis | Written::Nanos | Written::Seconds, _) => Mistake::TimestampFormat,
    };
    let decimals = if decimals { " with decimals" } else { "" };
    Some(Finding::fault(mistake, format!("{text} is in {}{decimals}; {} are wanted", own.name(), unit.name())))
}

/// Whether ISO 8601 is written with milliseconds and `Z`.
fn is_exact(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.'
}

/// Whether a value is the name of a variable, or an example.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let wrapped = ["<", "{", "$", "%7b", "["].iter().any(|open| lower.starts_with(open));
    let word =
        PLACEHOLDERS.iter().any(|word| lower == *word || lower.starts_with(&format!("{word}_")) || lower.starts_with(&format!("{word}-")));
    wrapped || word || (lower.len() > 3 && lower.chars().all(|c| c == 'x' || c == '*' || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_keys() {
        for value in ["$API_KEY", "<your key>", "{{apiKey}}", "YOUR_API_KEY", "xxxxxxxx", "undefined", "your-key", "****"] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["h1keyAAAA", "00112233", "organizations/x", "nullable7", "x1"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
