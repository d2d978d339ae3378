//! Requests of every dialect, read leniently: what is missing is empty, what is ill-formed is taken as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Purpose;

use super::{Draft, Encoding, Hash, Name, Part, Scheme, Text, Unit, frame};
use crate::request::Request;
use crate::vary::encoding::percent_decode;
use crate::vary::json::from_form;
use crate::vary::parameters::{pairs, value_of};

/// What a request says under the rule of a dialect; `None` where requests of it carry no proof that is made of a text.
pub(crate) fn read(purpose: Purpose, request: &Request) -> Option<Draft> {
    let hmac = |hash, encoding| Draft::new(purpose, Scheme::Hmac(hash), encoding);
    let mut draft = match purpose {
        Purpose::Binance => binance(request, hmac(Hash::Sha256, Encoding::HexOrBase64)),
        Purpose::Bitfinex => bitfinex(request, hmac(Hash::Sha384, Encoding::Hex)),
        Purpose::Bitmex => bitmex(request, hmac(Hash::Sha256, Encoding::Hex)),
        Purpose::Bybit => bybit(request, hmac(Hash::Sha256, Encoding::HexOrBase64)),
        Purpose::CoinbaseExchange => family(request, "cb-access", Unit::Seconds, hmac(Hash::Sha256, Encoding::Base64)),
        Purpose::Deribit => deribit(request, hmac(Hash::Sha256, Encoding::Hex))?,
        Purpose::Gate => gate(request, hmac(Hash::Sha512, Encoding::Hex)),
        Purpose::Gemini => gemini(request, hmac(Hash::Sha384, Encoding::Hex)),
        Purpose::Kraken => kraken(request, hmac(Hash::Sha512, Encoding::Base64)),
        Purpose::KrakenFutures => kraken_futures(request, hmac(Hash::Sha512, Encoding::Base64)),
        Purpose::Kucoin => family(request, "kc-api", Unit::Millis, hmac(Hash::Sha256, Encoding::Base64)),
        Purpose::Okx => family(request, "ok-access", Unit::Iso, hmac(Hash::Sha256, Encoding::Base64)),
        Purpose::Bearer
        | Purpose::ClientCertificate
        | Purpose::Coinbase
        | Purpose::HttpSignature
        | Purpose::Hyperliquid
        | Purpose::Native => return None,
    };
    let scheme = request.scheme.as_deref().unwrap_or("https");
    draft.around.origin = request.header("host").map(|host| format!("{scheme}://{host}"));
    draft.around.query = request.query().to_vec();
    draft.around.method.clone_from(&request.method);
    draft.around.path = String::from_utf8_lossy(request.path()).into_owned();
    Some(draft)
}

fn text(request: &Request, header: &str) -> String {
    request.header(header).unwrap_or_default().to_owned()
}

/// Path, and `?` with the query where there is one.
fn target(request: &Request, query: Vec<u8>) -> Vec<Part> {
    let mut parts = vec![Part::plain(Name::Path, request.path())];
    if request.target.contains(&b'?') {
        parts.push(Part::plain(Name::Separator, "?"));
        parts.push(Part::plain(Name::Query, query));
    }
    parts
}

fn binance(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "x-mbx-apikey");
    let (query, body) = (request.query(), request.body.as_slice());
    let holder = if value_of(query, "signature").is_some() { query } else { body };
    draft.signature =
        value_of(holder, "signature").map(|value| String::from_utf8_lossy(&percent_decode(value)).into_owned()).unwrap_or_default();
    let time = value_of(query, "timestamp").or_else(|| value_of(body, "timestamp"));
    draft.time = time.map(|time| (String::from_utf8_lossy(time).into_owned(), Unit::Millis));
    // Empty pairs stay: what is signed is what was sent.
    let without = |part: &[u8]| {
        let all = part.split(|byte| *byte == b'&');
        join(&all.filter(|pair| !pair.starts_with(b"signature=")).collect::<Vec<_>>())
    };
    let is_json = body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[");
    let body = if is_json { body.to_vec() } else { without(body) };
    draft.text = Text::new(vec![Part::plain(Name::Query, without(query)), Part::plain(Name::Body, body)]);
    let all = pairs(holder);
    if let Some(at) = all.iter().position(|pair| pair.starts_with(b"signature=")) {
        if at + 1 < all.len() {
            draft.around.before_signature = Some(join(&all[..at]));
        }
        let emptied: Vec<&[u8]> = all.iter().map(|pair| if pair.starts_with(b"signature=") { &b"signature="[..] } else { pair }).collect();
        draft.around.with_signature = Some(join(&emptied));
    }
    draft
}

fn join(pairs: &[&[u8]]) -> Vec<u8> {
    pairs.join(&b'&')
}

fn bybit(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "x-bapi-api-key");
    draft.signature = text(request, "x-bapi-sign");
    let time = text(request, "x-bapi-timestamp");
    let mut parts = vec![Part::plain(Name::Time, time.clone()), Part::plain(Name::Key, draft.key.clone())];
    if let Some(window) = request.header("x-bapi-recv-window").filter(|window| !window.is_empty()) {
        parts.push(Part::plain(Name::Window, window));
    }
    parts.push(if request.method.eq_ignore_ascii_case("GET") {
        Part::plain(Name::Query, request.query())
    } else {
        Part::plain(Name::Body, request.body.clone())
    });
    draft.time = Some((time, Unit::Millis));
    draft.text = Text::new(parts);
    draft
}

/// OKX, Coinbase Exchange, KuCoin.
fn family(request: &Request, prefix: &str, unit: Unit, mut draft: Draft) -> Draft {
    let header = |name: &str| text(request, &format!("{prefix}-{name}"));
    draft.key = header("key");
    draft.signature = header("sign");
    draft.passphrase = Some(header("passphrase"));
    let time = header("timestamp");
    let query = if draft.purpose == Purpose::Kucoin { percent_decode(request.query()) } else { request.query().to_vec() };
    let mut parts = vec![Part::plain(Name::Time, time.clone()), Part::plain(Name::Method, request.method.clone())];
    parts.extend(target(request, query));
    parts.push(Part::plain(Name::Body, request.body.clone()));
    draft.time = Some((time, unit));
    draft.text = Text::new(parts);
    draft
}

fn separator() -> Part {
    Part::plain(Name::Separator, "\n")
}

fn gate(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "key");
    draft.signature = text(request, "sign");
    let time = text(request, "timestamp");
    draft.text = Text::new(vec![
        Part::plain(Name::Method, request.method.clone()),
        separator(),
        Part::plain(Name::Path, request.path()),
        separator(),
        Part::plain(Name::Query, percent_decode(request.query())),
        separator(),
        Part { name: Name::Body, bytes: request.body.clone(), form: super::Form::HexDigest(Hash::Sha512) },
        separator(),
        Part::plain(Name::Time, time.clone()),
    ]);
    draft.time = Some((time, Unit::Seconds));
    draft
}

fn kraken(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "api-key");
    draft.signature = text(request, "api-sign");
    draft.text = Text::new(vec![
        Part::plain(Name::Path, request.path()),
        Part::hashed(Name::Nonce, nonce_in(&request.body), Hash::Sha256),
        Part::hashed(Name::Body, request.body.clone(), Hash::Sha256),
    ]);
    draft
}

/// The nonce of a form or of a JSON object.
pub(crate) fn nonce_in(body: &[u8]) -> String {
    if let Some(value) = value_of(body, "nonce") {
        return String::from_utf8_lossy(value).into_owned();
    }
    str::from_utf8(body).ok().and_then(|text| frame::member(text, "nonce")).unwrap_or_default()
}

fn kraken_futures(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "apikey");
    draft.signature = text(request, "authent");
    let path = request.path();
    let signed = path.strip_prefix(b"/derivatives").unwrap_or(path);
    draft.around.whole_path = (signed.len() < path.len()).then(|| path.to_vec());
    let hashed = |name, bytes: &[u8]| Part::hashed(name, bytes, Hash::Sha256);
    draft.text = Text::new(vec![
        hashed(Name::Query, request.query()),
        hashed(Name::Body, &request.body),
        hashed(Name::Nonce, text(request, "nonce").as_bytes()),
        hashed(Name::Path, signed),
    ]);
    draft
}

fn deribit(request: &Request, mut draft: Draft) -> Option<Draft> {
    let header = request.header("authorization").unwrap_or_default();
    let Some((_, members)) = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("deri-hmac-sha256")) else {
        // A login in the body of a request is what the same login in a frame is.
        let body = str::from_utf8(&request.body).ok()?;
        return if body.is_empty() { frame::deribit(&login_of_query(request)?) } else { frame::deribit(body) };
    };
    let member = |name: &str| {
        let found = members.split(',').find_map(|member| member.trim().strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    draft.key = member("id");
    draft.signature = member("sig");
    let time = member("ts");
    let mut parts = vec![Part::plain(Name::Time, time.clone()), separator(), Part::plain(Name::Nonce, member("nonce")), separator()];
    parts.extend([Part::plain(Name::Method, request.method.clone()), separator()]);
    parts.extend(target(request, request.query().to_vec()));
    parts.extend([separator(), Part::plain(Name::Body, request.body.clone()), separator()]);
    draft.time = Some((time, Unit::Millis));
    draft.text = Text::new(parts);
    Some(draft)
}

/// The call that the query of a GET makes.
fn login_of_query(request: &Request) -> Option<String> {
    let method = str::from_utf8(request.path()).ok()?.strip_prefix("/api/v2/")?;
    let query =
        String::from_utf8(percent_decode(&request.query().iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>()));
    Some(format!(r#"{{"method":"{method}","params":{}}}"#, from_form(&query.ok()?)))
}

fn bitfinex(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "bfx-apikey");
    draft.signature = text(request, "bfx-signature");
    draft.text = Text::new(vec![
        Part::plain(Name::Literal, "/api"),
        Part::plain(Name::Path, request.path()),
        Part::plain(Name::Nonce, text(request, "bfx-nonce")),
        Part::plain(Name::Body, request.body.clone()),
    ]);
    draft
}

fn bitmex(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "api-key");
    draft.signature = text(request, "api-signature");
    let expires = text(request, "api-expires");
    let mut parts = vec![Part::plain(Name::Method, request.method.clone())];
    parts.extend(target(request, request.query().to_vec()));
    parts.push(Part::plain(Name::Time, expires.clone()));
    parts.push(Part::plain(Name::Body, request.body.clone()));
    draft.time = Some((expires, Unit::Seconds));
    draft.text = Text::new(parts);
    draft
}

fn gemini(request: &Request, mut draft: Draft) -> Draft {
    draft.key = text(request, "x-gemini-apikey");
    draft.signature = text(request, "x-gemini-signature");
    let payload = text(request, "x-gemini-payload");
    draft.around.payload_plain = STANDARD.decode(&payload).ok();
    draft.text = Text::new(vec![Part::plain(Name::Payload, payload)]);
    draft
}
