//! WebSocket frames of every dialect, read leniently.
//!
//! | dialect | frame | signed text |
//! |---|---|---|
//! | Binance | `params.signature` | parameters sorted, `name=value` joined by `&` |
//! | Bitfinex | `event: auth` | `AUTH` nonce, or the nonce twice where `authPayload` has it so |
//! | BitMEX, Bybit | `op: authKeyExpires`, `op: auth` | `GET/realtime` expires |
//! | Coinbase Exchange, OKX | `signature`, `op: login` | time `GET/users/self/verify` |
//! | Deribit | `public/auth` | time, nonce, data, each but the last with a line feed |
//! | Gate | `auth`, `spot.login` | `channel=…&event=…&time=…`; `api`, channel, parameters, time |
//! | Kraken Futures | `signed_challenge` | SHA-256 of the challenge |

use countersign_core::Purpose;
use countersign_dialects::raw_object::{RawObject, literal};
use serde_json::value::RawValue;

use super::{Draft, Encoding, Hash, Name, Part, Scheme, Text, Unit};

/// The text of a member of a JSON object: a string without quotes, anything else as it stands.
pub(crate) fn member(text: &str, name: &str) -> Option<String> {
    let object: RawObject<'_> = serde_json::from_str(text).ok()?;
    text_of(&object, name)
}

fn text_of(object: &RawObject<'_>, name: &str) -> Option<String> {
    object.member(name).and_then(literal).map(std::borrow::Cow::into_owned)
}

fn object<'v>(value: Option<&'v RawValue>) -> Option<RawObject<'v>> {
    value.and_then(|value| serde_json::from_str(value.get()).ok())
}

/// What a frame says under the rule of a dialect; `None` when it is no frame with a proof of it.
pub(crate) fn read(purpose: Purpose, frame: &str) -> Option<Draft> {
    let whole: RawObject<'_> = serde_json::from_str(frame).ok()?;
    let hmac = |hash, encoding| Draft::new(purpose, Scheme::Hmac(hash), encoding);
    match purpose {
        Purpose::Binance => binance(&whole, hmac(Hash::Sha256, Encoding::HexOrBase64)),
        Purpose::Bitfinex => bitfinex(&whole, hmac(Hash::Sha384, Encoding::Hex)),
        Purpose::Bitmex => realtime(&whole, &["authKeyExpires", "authKey"], Unit::Seconds, hmac(Hash::Sha256, Encoding::Hex)),
        Purpose::Bybit => realtime(&whole, &["auth"], Unit::Millis, hmac(Hash::Sha256, Encoding::HexOrBase64)),
        Purpose::CoinbaseExchange => {
            whole.member("signature")?;
            Some(verify(&whole, ["key", "signature"], hmac(Hash::Sha256, Encoding::Base64)))
        }
        Purpose::Deribit => deribit(frame),
        Purpose::Gate => gate(&whole, hmac(Hash::Sha512, Encoding::Hex)),
        Purpose::KrakenFutures => challenge(&whole, hmac(Hash::Sha512, Encoding::Base64)),
        Purpose::Okx => {
            text_of(&whole, "op").filter(|op| op == "login")?;
            let args: Vec<&RawValue> = serde_json::from_str(whole.member("args")?.get()).ok()?;
            let login = object(args.first().copied())?;
            Some(verify(&login, ["apiKey", "sign"], hmac(Hash::Sha256, Encoding::Base64)))
        }
        Purpose::Bearer
        | Purpose::ClientCertificate
        | Purpose::Coinbase
        | Purpose::Gemini
        | Purpose::HttpSignature
        | Purpose::Hyperliquid
        | Purpose::Kraken
        | Purpose::Kucoin
        | Purpose::Native => None,
    }
}

fn binance(frame: &RawObject<'_>, mut draft: Draft) -> Option<Draft> {
    let params = object(frame.member("params"))?;
    params.member("signature").or_else(|| params.member("apiKey"))?;
    draft.key = text_of(&params, "apiKey").unwrap_or_default();
    draft.signature = text_of(&params, "signature").unwrap_or_default();
    draft.time = text_of(&params, "timestamp").map(|time| (time, Unit::Millis));
    let mut named: Vec<String> = params
        .members()
        .filter(|(name, _)| *name != "signature")
        .map(|(name, value)| format!("{name}={}", literal(value).unwrap_or_default()))
        .collect();
    let members: Vec<String> = params
        .members()
        .filter(|(name, _)| *name != "signature")
        .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name), value.get()))
        .collect();
    draft.around.object = Some(format!("{{{}}}", members.join(",")));
    draft.around.unsorted = Some(named.join("&").into_bytes());
    draft.around.path = text_of(frame, "method").unwrap_or_default();
    named.sort_by(|one, two| one.split('=').next().cmp(&two.split('=').next()));
    draft.text = Text::new(vec![Part::plain(Name::Query, named.join("&"))]);
    Some(draft)
}

fn bitfinex(frame: &RawObject<'_>, mut draft: Draft) -> Option<Draft> {
    text_of(frame, "event").filter(|event| event == "auth")?;
    draft.key = text_of(frame, "apiKey").unwrap_or_default();
    draft.signature = text_of(frame, "authSig").unwrap_or_default();
    let nonce = text_of(frame, "authNonce").unwrap_or_default();
    let mut parts = vec![Part::plain(Name::Literal, "AUTH"), Part::plain(Name::Nonce, nonce.clone())];
    if text_of(frame, "authPayload").is_some_and(|payload| payload == format!("AUTH{nonce}{nonce}")) {
        // As the vendor's libraries for Node sign it.
        parts.push(Part::plain(Name::Nonce, nonce));
    }
    draft.text = Text::new(parts);
    Some(draft)
}

fn realtime(frame: &RawObject<'_>, ops: &[&str], unit: Unit, mut draft: Draft) -> Option<Draft> {
    text_of(frame, "op").filter(|op| ops.contains(&op.as_str()))?;
    let args: Vec<&RawValue> = serde_json::from_str(frame.member("args")?.get()).ok()?;
    let arg = |place: usize| args.get(place).and_then(|arg| literal(arg)).unwrap_or_default().into_owned();
    draft.key = arg(0);
    draft.signature = arg(2);
    draft.text = Text::new(vec![Part::plain(Name::Method, "GET"), Part::plain(Name::Path, "/realtime"), Part::plain(Name::Time, arg(1))]);
    draft.time = Some((arg(1), unit));
    Some(draft)
}

fn verify(login: &RawObject<'_>, [key, signature]: [&str; 2], mut draft: Draft) -> Draft {
    draft.key = text_of(login, key).unwrap_or_default();
    draft.signature = text_of(login, signature).unwrap_or_default();
    draft.passphrase = Some(text_of(login, "passphrase").unwrap_or_default());
    let time = text_of(login, "timestamp").unwrap_or_default();
    draft.text = Text::new(vec![
        Part::plain(Name::Time, time.clone()),
        Part::plain(Name::Method, "GET"),
        Part::plain(Name::Path, "/users/self/verify"),
    ]);
    draft.time = Some((time, Unit::Seconds));
    draft
}

/// The text of a frame as the dialect reads it: what Gate's login signs for a parameter of nothing is nothing, too.
pub(crate) fn as_presented(text: Text, signed: &[u8]) -> Text {
    let empty = text.with_bytes(Name::Body, "");
    if text.compose() != signed && empty.compose() == signed { empty } else { text }
}

/// Whether a login at Bitfinex has its nonce without the constant in front.
pub(crate) fn lacks_constant(frame: &str) -> bool {
    let nonce = member(frame, "authNonce").filter(|nonce| !nonce.is_empty());
    nonce.is_some() && nonce == member(frame, "authPayload")
}

/// A login of Deribit, as a frame or as the body of a request.
pub(super) fn deribit(frame: &str) -> Option<Draft> {
    let whole: RawObject<'_> = serde_json::from_str(frame).ok()?;
    text_of(&whole, "method").filter(|method| method == "public/auth")?;
    let params = object(whole.member("params"))?;
    let text = |name| text_of(&params, name).unwrap_or_default();
    if text("grant_type") == "client_credentials" {
        let mut draft = Draft::new(Purpose::Deribit, Scheme::Bare, Encoding::Hex);
        draft.key = text("client_id");
        return Some(draft);
    }
    let mut draft = Draft::new(Purpose::Deribit, Scheme::Hmac(Hash::Sha256), Encoding::HexOrBase64);
    draft.key = text("client_id");
    draft.signature = text("signature");
    draft.text = Text::new(vec![
        Part::plain(Name::Time, text("timestamp")),
        Part::plain(Name::Separator, "\n"),
        Part::plain(Name::Nonce, text("nonce")),
        Part::plain(Name::Separator, "\n"),
        Part::plain(Name::Body, text("data")),
    ]);
    draft.time = Some((text("timestamp"), Unit::Millis));
    Some(draft)
}

fn gate(frame: &RawObject<'_>, mut draft: Draft) -> Option<Draft> {
    let text = |name| text_of(frame, name).unwrap_or_default();
    let (channel, event) = (text("channel"), text("event"));
    if event == "api" {
        let payload = object(frame.member("payload"))?;
        let of_payload = |name| text_of(&payload, name).unwrap_or_default();
        draft.key = of_payload("api_key");
        draft.signature = of_payload("signature");
        let time = of_payload("timestamp");
        let parameters = payload.member("req_param").map_or("{}", |value| value.get());
        let separator = || Part::plain(Name::Separator, "\n");
        draft.text = Text::new(vec![
            Part::plain(Name::Literal, "api"),
            separator(),
            Part::plain(Name::Path, channel),
            separator(),
            Part::plain(Name::Body, parameters),
            separator(),
            Part::plain(Name::Time, time.clone()),
        ]);
        draft.time = Some((time, Unit::Seconds));
        return Some(draft);
    }
    let auth = object(frame.member("auth"))?;
    draft.key = text_of(&auth, "KEY").unwrap_or_default();
    draft.signature = text_of(&auth, "SIGN").unwrap_or_default();
    let time = text("time");
    draft.around.channel = Some((channel.clone(), event.clone()));
    draft.text =
        Text::new(vec![Part::plain(Name::Query, format!("channel={channel}&event={event}&time=")), Part::plain(Name::Time, time.clone())]);
    draft.time = Some((time, Unit::Seconds));
    Some(draft)
}

fn challenge(frame: &RawObject<'_>, mut draft: Draft) -> Option<Draft> {
    let original = text_of(frame, "original_challenge").or_else(|| text_of(frame, "signed_challenge").map(|_| String::new()))?;
    draft.key = text_of(frame, "api_key").unwrap_or_default();
    draft.signature = text_of(frame, "signed_challenge").unwrap_or_default();
    draft.text = Text::new(vec![Part::hashed(Name::Payload, original, Hash::Sha256)]);
    Some(draft)
}
