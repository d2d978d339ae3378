//! Rules of others: what is no part of this text and was signed all the same, older versions, and the texts of other venues.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Purpose;

use super::Variations;
use super::json::to_form;
use super::parameters::pairs;
use crate::catalogue::Mistake;
use crate::draft::{Name, Part, Text};

/// What some programs add to a query after it was signed, or before it is sent without.
const WINDOWS: [&str; 8] = ["5000", "10000", "20000", "60000", "1000", "3000", "15000", "30000"];

pub(super) fn vary(variations: &mut Variations<'_>) {
    if variations.draft.around.fix {
        return;
    }
    in_front(variations);
    credentials(variations);
    not_sent(variations);
    if variations.draft.purpose == Purpose::Bybit {
        version_two(variations);
    }
    rules(variations);
}

fn text_of(variations: &Variations<'_>, name: Name) -> String {
    variations.base.find(name).map(|part| String::from_utf8_lossy(&part.bytes).into_owned()).unwrap_or_default()
}

/// Method and path, where the rule has only parameters.
fn in_front(variations: &mut Variations<'_>) {
    let purpose = variations.draft.purpose;
    let (method, path) = (variations.draft.around.method.clone(), variations.draft.around.path.clone());
    if matches!(purpose, Purpose::Binance | Purpose::Bitfinex | Purpose::Bybit | Purpose::Kraken | Purpose::KrakenFutures)
        && !method.is_empty()
    {
        put(variations, Mistake::MethodSigned, &method);
        put(variations, Mistake::MethodSigned, &method.to_ascii_lowercase());
    }
    if !matches!(purpose, Purpose::Binance | Purpose::Bybit) || path.is_empty() {
        return;
    }
    let origin = variations.draft.around.origin.clone().unwrap_or_default();
    for front in [
        path.clone(),
        format!("{path}?"),
        format!("{method}{path}"),
        format!("{method}{path}?"),
        format!("{method}\n{path}\n"),
        format!("{method}\n{path}?"),
        format!("{method} {path}?"),
        format!("{origin}{path}?"),
    ] {
        put(variations, Mistake::PathSigned, &front);
    }
}

/// In front of the whole text, and of its parameters.
fn put(variations: &mut Variations<'_>, mistake: Mistake, front: &str) {
    let parts = &variations.base.parts;
    let parameters = parts.iter().position(|part| matches!(part.name, Name::Body | Name::Query));
    let places: Vec<usize> = [Some(0), parameters.filter(|place| *place > 0)].into_iter().flatten().collect();
    for place in places {
        let mut text = variations.base.clone();
        text.parts.insert(place, Part::plain(Name::Literal, front));
        variations.add(mistake, format!("{} was signed, too", front.escape_debug()), text);
    }
}

/// Key and passphrase, which travel beside the text.
fn credentials(variations: &mut Variations<'_>) {
    let base = variations.base.clone();
    let with = |front: Option<Part>, end: Option<Part>| Text {
        parts: front.into_iter().chain(base.parts.iter().cloned()).chain(end).collect(),
        whole: base.whole,
    };
    let key = variations.draft.key.clone();
    if base.find(Name::Key).is_none() && !key.is_empty() {
        let part = |text: String| Some(Part::plain(Name::Key, text));
        for (place, text) in [
            ("in front", with(part(key.clone()), None)),
            ("at the end", with(None, part(key.clone()))),
            ("as a last parameter apiKey", with(None, part(format!("&apiKey={key}")))),
            ("as a first parameter apiKey", with(part(format!("apiKey={key}&")), None)),
            ("as a last parameter api_key", with(None, part(format!("&api_key={key}")))),
            ("as a first parameter api_key", with(part(format!("api_key={key}&")), None)),
        ] {
            variations.add(Mistake::CredentialSigned, format!("the API key {place}"), text);
        }
    }
    if let Some(phrase) = variations.draft.passphrase.clone().filter(|phrase| !phrase.is_empty() && base.find(Name::Passphrase).is_none()) {
        let part = || Some(Part::plain(Name::Passphrase, phrase.clone()));
        variations.add(Mistake::CredentialSigned, "the passphrase at the end", with(None, part()));
        variations.add(Mistake::CredentialSigned, "the passphrase in front", with(part(), None));
    }
}

/// Parameters that were signed and not sent.
fn not_sent(variations: &mut Variations<'_>) {
    for name in [Name::Query, Name::Body] {
        let Some(part) = variations.base.find(name).filter(|part| part.bytes.contains(&b'=') && !part.bytes.starts_with(b"{")) else {
            continue;
        };
        let text = part.bytes.clone();
        variations.add_bytes(Mistake::ParameterNotSent, format!("`&` at the end of the {name}"), name, [text.as_slice(), b"&"].concat());
        variations.add_bytes(Mistake::ParameterNotSent, format!("`&` in front of the {name}"), name, [b"&", text.as_slice()].concat());
        if variations.draft.purpose != Purpose::Binance || pairs(&text).iter().any(|pair| pair.starts_with(b"recvWindow=")) {
            continue;
        }
        for window in WINDOWS {
            let window = format!("recvWindow={window}");
            let detail = format!("{window} in the {name}");
            let last = [text.as_slice(), b"&", window.as_bytes()].concat();
            let first = [window.as_bytes(), b"&", &text].concat();
            // Most programs add the time last.
            let before_time = String::from_utf8_lossy(&text).replacen("timestamp=", &format!("{window}&timestamp="), 1);
            for signed in [last, first, before_time.into_bytes()] {
                variations.add_bytes(Mistake::ParameterNotSent, detail.clone(), name, signed);
            }
        }
    }
}

/// Version 2 of Bybit: key, time and window among the parameters, all sorted.
fn version_two(variations: &mut Variations<'_>) {
    let text = |name| text_of(variations, name);
    let (key, time, window, query, body) = (text(Name::Key), text(Name::Time), text(Name::Window), text(Name::Query), text(Name::Body));
    if key.is_empty() || time.is_empty() {
        return;
    }
    let sent = if body.is_empty() { query } else { to_form(&body).unwrap_or(body) };
    let windows = if window.is_empty() { vec![String::new(), "5000".to_owned()] } else { vec![window, String::new()] };
    for window in windows {
        let mut all: Vec<String> = sent.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
        all.push(format!("api_key={key}"));
        all.push(format!("timestamp={time}"));
        if !window.is_empty() {
            all.push(format!("recv_window={window}"));
        }
        all.sort();
        let signed = Text::new(vec![Part::plain(Name::Query, all.join("&"))]);
        variations.add(
            Mistake::OldVersion,
            "as in version 2: all parameters sorted, api_key, recv_window and timestamp among them",
            signed,
        );
    }
}

/// Paths of sockets, and of their logins.
const SOCKETS: [&str; 12] = [
    "/realtime",
    "/users/self/verify",
    "/v5/private",
    "/v5/trade",
    "/ws/v5/private",
    "/ws/v5/business",
    "/ws/v5/public",
    "/api/v1/realtime",
    "/api/v5/users/self/verify",
    "/ws",
    "wss://ws.bitmex.com/realtime",
    "wss://stream.bybit.com/v5/private",
];

/// Whole texts of other rules, from what this message has.
fn rules(variations: &mut Variations<'_>) {
    if !variations.are_wide() {
        return;
    }
    let draft = variations.draft;
    let around = &draft.around;
    let (method, path) = (around.method.as_str(), around.path.as_str());
    let time = draft.time.as_ref().map(|(time, _)| time.as_str()).unwrap_or_default();
    let (nonce, query, body) = (text_of(variations, Name::Nonce), text_of(variations, Name::Query), text_of(variations, Name::Body));
    let key = draft.key.as_str();
    let window = text_of(variations, Name::Window);
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let sha512 = hex::encode(digest::digest(&digest::SHA512, body.as_bytes()));
    let inner = digest::digest(&digest::SHA256, format!("{nonce}{body}").as_bytes());
    let request = !method.is_empty() && path.starts_with('/');
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut add = |fits: bool, rule: &'static str, text: String| {
        if fits && !text.is_empty() {
            found.push((rule, text.into_bytes()));
        }
    };
    add(request && !time.is_empty(), "as at OKX, KuCoin and Coinbase Exchange", format!("{time}{method}{target}{body}"));
    add(request && !time.is_empty(), "as at BitMEX", format!("{method}{target}{time}{body}"));
    add(request && !time.is_empty(), "as at Gate", format!("{method}\n{path}\n{query}\n{sha512}\n{time}"));
    add(request && !time.is_empty(), "as at Deribit", format!("{time}\n{nonce}\n{method}\n{target}\n{body}\n"));
    add(!time.is_empty() && !nonce.is_empty(), "as a login at Deribit", format!("{time}\n{nonce}\n"));
    add(request, "as at Binance: the parameters alone", format!("{query}{body}"));
    for window in [window.as_str(), "5000", ""] {
        add(!time.is_empty(), "as requests at Bybit", format!("{time}{key}{window}{query}{body}"));
    }
    for socket in SOCKETS {
        add(!time.is_empty(), "as a login, or with the path of the socket", format!("GET{socket}{time}"));
        add(!time.is_empty(), "as a login, or with the path of the socket", format!("{time}GET{socket}"));
    }
    add(!nonce.is_empty(), "the nonce alone", nonce.clone());
    add(!nonce.is_empty() && request, "as a login at Bitfinex", format!("AUTH{nonce}"));
    add(!time.is_empty() && nonce.is_empty(), "the time alone", time.to_owned());
    if let Some((channel, event)) = &around.channel {
        add(true, "as requests of the order API on the socket", format!("api\n{channel}\n\n{time}"));
        add(true, "its members joined by line feeds", format!("{channel}\n{event}\n{time}"));
    }
    if request && !nonce.is_empty() {
        let futures = |path: &str| digest::digest(&digest::SHA256, format!("{query}{body}{nonce}{path}").as_bytes());
        let short = path.strip_prefix("/derivatives").unwrap_or(path);
        found.push(("as at Kraken spot", [path.as_bytes(), inner.as_ref()].concat()));
        found.push(("as at Kraken spot", [short.as_bytes(), inner.as_ref()].concat()));
        found.push(("as at Kraken Futures", futures(short).as_ref().to_vec()));
        found.push(("as at Gemini and the first version of Bitfinex: the body in base64", STANDARD.encode(&body).into_bytes()));
    }
    for (rule, text) in found {
        variations.add_wide(Mistake::OtherRule, rule, Text::new(vec![Part::plain(Name::Payload, text)]));
    }
}
