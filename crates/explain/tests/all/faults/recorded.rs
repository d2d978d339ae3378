//! Recorded requests of clients, and how each was signed, by the documentation of its venue.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::signing::{Piece, Signing, Slot, hmac_of};

const FILES: &[&str] = &[
    include_str!("../../../../../tests/vectors/binance.json"),
    include_str!("../../../../../tests/vectors/binance-derived.json"),
    include_str!("../../../../../tests/vectors/bitfinex.json"),
    include_str!("../../../../../tests/vectors/bitmex.json"),
    include_str!("../../../../../tests/vectors/bybit.json"),
    include_str!("../../../../../tests/vectors/coinbase-exchange.json"),
    include_str!("../../../../../tests/vectors/deribit.json"),
    include_str!("../../../../../tests/vectors/fix.json"),
    include_str!("../../../../../tests/vectors/gate.json"),
    include_str!("../../../../../tests/vectors/gemini.json"),
    include_str!("../../../../../tests/vectors/kraken.json"),
    include_str!("../../../../../tests/vectors/kraken-futures.json"),
    include_str!("../../../../../tests/vectors/kucoin.json"),
    include_str!("../../../../../tests/vectors/okx.json"),
];

/// A request that is right, and what its client did for it.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) id: String,
    /// Venue and transport, as the vectors name them.
    pub(super) dialect: String,
    pub(super) now_ms: u64,
    pub(super) request: Value,
    pub(super) signature: String,
    pub(super) signing: Signing,
}

/// One recorded request of each shape: method, with a query or not, with a body or not.
pub(super) fn all() -> Vec<Recorded> {
    let mut found: Vec<Recorded> = Vec::new();
    let mut shapes = std::collections::BTreeSet::new();
    for file in FILES {
        let file: Value = serde_json::from_str(file).unwrap();
        for vector in file["vectors"].as_array().unwrap() {
            let key = &file["keys"][vector["key"].as_str().unwrap()];
            if vector["expect"]["verdict"] != "accept" || key["secret"].is_null() {
                continue;
            }
            let Some(recorded) = read(vector, key) else { continue };
            let has = |slot| recorded.signing.find(slot).is_some_and(|piece| !piece.bytes.is_empty());
            let shape = (recorded.dialect.clone(), vector["request"]["method"].to_string(), has(Slot::Query), has(Slot::Body));
            if shapes.insert(shape) {
                assert_eq!(recorded.signing.sign(), recorded.signature, "{} is signed in another way than it is recorded", recorded.id);
                found.push(recorded);
            }
        }
    }
    found
}

fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn read(vector: &Value, key: &Value) -> Option<Recorded> {
    let dialect = text(vector, "dialect");
    let given = text(key, "secret");
    let secret = if key["secret_encoding"] == "base64" { STANDARD.decode(&given).unwrap() } else { given.clone().into_bytes() };
    let hash = match key["alg"].as_str()? {
        "hmac-sha384" => hmac::HMAC_SHA384,
        "hmac-sha512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let in_base64 =
        ["coinbaseexchange", "kraken", "kucoin", "okx"].iter().any(|name| dialect.starts_with(name)) || dialect.ends_with("fix");
    let request = vector["request"].clone();
    let (pieces, signature) = match request["kind"].as_str()? {
        "http" => of_request(&dialect, &request)?,
        "fix" => of_logon(&dialect, &text(&request, "raw"))?,
        _ => of_frame(&dialect, &serde_json::from_str(&text(&request, "text")).ok()?)?,
    };
    let signing = Signing {
        pieces,
        inner: if dialect == "gate-rest" { |bytes| hex::encode(bytes).into_bytes() } else { <[u8]>::to_vec },
        whole: |text| text,
        given,
        secret,
        key: text(key, "api_key"),
        passphrase: key["passphrase"].as_str().map(str::to_owned),
        host: header(&request, "host"),
        method: text(&request, "method"),
        hash,
        is_hmac: dialect != "deribit-fix",
        prove: if dialect == "deribit-fix" {
            |signing, text| digest::digest(&digest::SHA256, &[text, &signing.secret].concat()).as_ref().to_vec()
        } else {
            |signing, text| hmac_of(signing.hash, &signing.secret, text)
        },
        write: if in_base64 { |bytes| STANDARD.encode(bytes) } else { |bytes| hex::encode(bytes) },
        finish: |text| text,
    };
    Some(Recorded { id: text(vector, "id"), dialect, now_ms: vector["now_ms"].as_u64()?, request, signature, signing })
}

fn header(request: &Value, name: &str) -> String {
    let headers = request["headers"].as_array().map_or(&[][..], Vec::as_slice);
    let found = headers.iter().find(|header| header[0].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    found.map(|header| header[1].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Percent-encoding taken away.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        bytes.push(digits.as_ref().map_or(*first, |byte| byte[0]));
        rest = if digits.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap()
}

fn of_request(dialect: &str, request: &Value) -> Option<(Vec<Piece>, String)> {
    let (method, body, target) = (text(request, "method"), text(request, "body"), text(request, "target"));
    let (path, query) = target.split_once('?').map_or((target.clone(), None), |(path, query)| (path.to_owned(), Some(query.to_owned())));
    let header = |name: &str| header(request, name);
    let p = |slot, text: &str| Piece::plain(slot, text);
    let line = || Piece::plain(Slot::Separator, "\n");
    let with_query = |query: Option<String>| -> Vec<Piece> {
        let query = query.map(|query| vec![p(Slot::Mark, "?"), p(Slot::Query, &query)]);
        std::iter::once(p(Slot::Path, &path)).chain(query.into_iter().flatten()).collect()
    };
    let whole = query.clone().unwrap_or_default();
    let family = |prefix: &str, query: Option<String>| {
        let front = vec![p(Slot::Time, &header(&format!("{prefix}-timestamp"))), p(Slot::Method, &method)];
        let pieces = [front, with_query(query), vec![p(Slot::Body, &body)]].concat();
        (pieces, header(&format!("{prefix}-sign")))
    };
    Some(match dialect {
        "binance-rest" => {
            let signature = |text: &str| text.split('&').find_map(|pair| pair.strip_prefix("signature=")).map(decoded);
            let without = |text: &str| text.split('&').filter(|pair| !pair.starts_with("signature=")).collect::<Vec<_>>().join("&");
            let pieces = vec![p(Slot::Query, &without(&whole)), p(Slot::Body, &without(&body))];
            (pieces, signature(&whole).or_else(|| signature(&body))?)
        }
        "bitfinex-rest" => {
            let nonce = header("bfx-nonce");
            (vec![p(Slot::Literal, "/api"), p(Slot::Path, &path), p(Slot::Nonce, &nonce), p(Slot::Body, &body)], header("bfx-signature"))
        }
        "bitmex-rest" => {
            let end = vec![p(Slot::Time, &header("api-expires")), p(Slot::Body, &body)];
            ([vec![p(Slot::Method, &method)], with_query(query), end].concat(), header("api-signature"))
        }
        "bybit-rest" => {
            let window = Some(header("x-bapi-recv-window")).filter(|window| !window.is_empty());
            let mut pieces = vec![p(Slot::Time, &header("x-bapi-timestamp")), p(Slot::Key, &header("x-bapi-api-key"))];
            pieces.extend(window.map(|window| p(Slot::Window, &window)));
            pieces.push(if method == "GET" { p(Slot::Query, &whole) } else { p(Slot::Body, &body) });
            (pieces, header("x-bapi-sign"))
        }
        "coinbaseexchange-rest" => family("cb-access", query),
        "kucoin-rest" => family("kc-api", query.map(|query| decoded(&query))),
        "okx-rest" => family("ok-access", query),
        "deribit-http-hmac" => {
            let authorization = header("authorization");
            let members = authorization.split_once(' ')?.1;
            let member = |name: &str| members.split(',').find_map(|member| member.trim().strip_prefix(name)).unwrap_or_default().to_owned();
            let front =
                vec![p(Slot::Time, &member("ts=")), line(), p(Slot::Nonce, &member("nonce=")), line(), p(Slot::Method, &method), line()];
            ([front, with_query(query), vec![line(), p(Slot::Body, &body), line()]].concat(), member("sig="))
        }
        "gate-rest" => {
            let hashed = Piece::hashed(Slot::Body, body.as_str(), &digest::SHA512);
            let query = p(Slot::Query, &decoded(&whole));
            let time = p(Slot::Time, &header("timestamp"));
            (vec![p(Slot::Method, &method), line(), p(Slot::Path, &path), line(), query, line(), hashed, line(), time], header("sign"))
        }
        "gemini-rest" => (vec![p(Slot::Payload, &header("x-gemini-payload"))], header("x-gemini-signature")),
        "kraken-rest" => {
            let of_form = body.split('&').find_map(|pair| pair.strip_prefix("nonce=")).map(str::to_owned);
            let nonce = of_form.or_else(|| Some(text(&serde_json::from_str(&body).ok()?, "nonce")))?;
            let hashed = |slot, text: &str| Piece::hashed(slot, text, &digest::SHA256);
            (vec![p(Slot::Path, &path), hashed(Slot::Nonce, &nonce), hashed(Slot::Body, &body)], header("api-sign"))
        }
        "krakenfutures-rest" => {
            let hashed = |slot, text: &str| Piece::hashed(slot, text, &digest::SHA256);
            let signed = path.strip_prefix("/derivatives").unwrap_or(&path);
            let pieces = vec![
                hashed(Slot::Query, &whole),
                hashed(Slot::Body, &body),
                hashed(Slot::Nonce, &header("nonce")),
                hashed(Slot::Path, signed),
            ];
            (pieces, header("authent"))
        }
        _ => return None,
    })
}

fn of_frame(dialect: &str, frame: &Value) -> Option<(Vec<Piece>, String)> {
    let p = |slot, text: &str| Piece::plain(slot, text);
    let line = || Piece::plain(Slot::Separator, "\n");
    let verify = |login: &Value, signature: &str| {
        (
            vec![p(Slot::Time, &text(login, "timestamp")), p(Slot::Method, "GET"), p(Slot::Path, "/users/self/verify")],
            text(login, signature),
        )
    };
    Some(match dialect {
        "binance-ws-api" => {
            let params = frame["params"].as_object()?;
            let mut named: Vec<String> =
                params.keys().filter(|name| *name != "signature").map(|name| format!("{name}={}", text(&frame["params"], name))).collect();
            named.sort();
            (vec![p(Slot::Query, &named.join("&"))], text(&frame["params"], "signature"))
        }
        "bitfinex-ws" => (vec![p(Slot::Literal, "AUTH"), p(Slot::Nonce, &text(frame, "authNonce"))], text(frame, "authSig")),
        "bitmex-ws" | "bybit-ws-auth" => {
            let time = frame["args"][1].to_string();
            (
                vec![p(Slot::Method, "GET"), p(Slot::Path, "/realtime"), p(Slot::Time, time.trim_matches('"'))],
                frame["args"][2].as_str()?.to_owned(),
            )
        }
        "coinbaseexchange-ws" => verify(frame, "signature"),
        "okx-ws-login" => verify(&frame["args"][0], "sign"),
        "deribit-auth" => {
            let params = &frame["params"];
            let pieces = vec![
                p(Slot::Time, &text(params, "timestamp")),
                line(),
                p(Slot::Nonce, &text(params, "nonce")),
                line(),
                p(Slot::Body, &text(params, "data")),
            ];
            (pieces, Some(text(params, "signature")).filter(|text| !text.is_empty())?)
        }
        "gate-ws" => {
            let front = format!("channel={}&event={}&time=", text(frame, "channel"), text(frame, "event"));
            (vec![p(Slot::Literal, &front), p(Slot::Time, &text(frame, "time"))], text(frame.get("auth")?, "SIGN"))
        }
        "krakenfutures-ws" => {
            let challenge = Piece::hashed(Slot::Payload, text(frame, "original_challenge"), &digest::SHA256);
            (vec![challenge], text(frame, "signed_challenge"))
        }
        _ => return None,
    })
}

fn field(raw: &str, tag: u32) -> Option<&str> {
    raw.split('|').find_map(|field| field.strip_prefix(&format!("{tag}=")))
}

fn of_logon(dialect: &str, raw: &str) -> Option<(Vec<Piece>, String)> {
    let own = |tag| Piece::plain(Slot::Field(tag), field(raw, tag).unwrap_or_default());
    let joined = |fields: Vec<Piece>| {
        let all = fields.into_iter().flat_map(|field| [Piece::plain(Slot::Separator, "\u{1}"), field]);
        all.skip(1).collect::<Vec<_>>()
    };
    let value = |tag| field(raw, tag).map(str::to_owned);
    Some(match dialect {
        "coinbaseexchange-fix" => {
            let phrase = Piece::plain(Slot::Passphrase, field(raw, 554)?);
            (joined([own(52), own(35), own(34), own(49), own(56)].into_iter().chain([phrase]).collect()), value(96)?)
        }
        "deribit-fix" => {
            let (time, rest) = field(raw, 96)?.split_once('.')?;
            (vec![Piece::plain(Slot::Time, time), Piece::plain(Slot::Nonce, format!(".{rest}"))], value(554)?)
        }
        "kraken-fix" => {
            let hashed = |slot, text: &str| Piece::hashed(slot, text, &digest::SHA256);
            let mut pieces = Vec::new();
            for tag in [35, 34, 49, 56, 553] {
                pieces.push(hashed(Slot::Literal, &format!("{tag}=")));
                pieces.push(hashed(Slot::Field(tag), field(raw, tag)?));
                pieces.push(hashed(Slot::Separator, "\u{1}"));
            }
            pieces.push(hashed(Slot::Nonce, field(raw, 5025)?));
            (pieces, value(554)?)
        }
        _ => return None,
    })
}

impl Recorded {
    /// The same request with another signature, as it is pasted.
    pub(super) fn with(&self, signature: &str) -> Vec<u8> {
        let own = |name: &str| text(&self.request, name);
        match self.request["kind"].as_str().unwrap() {
            "fix" => sealed(&own("raw").replace(&format!("={}|", self.signature), &format!("={signature}|"))).into_bytes(),
            "http" => {
                let in_url = |text: String| {
                    let encoded = |text: &str| {
                        let each = |c: char| {
                            if c.is_ascii_alphanumeric() || "-._~".contains(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) }
                        };
                        text.chars().map(each).collect::<String>()
                    };
                    text.replace(&format!("signature={}", self.signature), &format!("signature={}", encoded(signature)))
                };
                let body = in_url(own("body"));
                let mut raw = format!("{} {} HTTP/1.1\r\n", own("method"), in_url(own("target")));
                for header in self.request["headers"].as_array().unwrap() {
                    let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
                    if !name.eq_ignore_ascii_case("content-length") {
                        raw.push_str(&format!("{name}: {}\r\n", value.replace(&self.signature, signature)));
                    }
                }
                format!("{raw}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            _ => {
                let quoted = serde_json::to_string(signature).unwrap();
                own("text").replace(&format!("\"{}\"", self.signature), &quoted).into_bytes()
            }
        }
    }
}

/// A Logon with its lengths and its checksum made anew.
fn sealed(raw: &str) -> String {
    let signature = field(raw, 96).map_or(0, str::len);
    let fields = raw.split('|').filter(|field| !field.is_empty());
    let mut body = String::new();
    for field in fields.filter(|field| !["8=", "9=", "10="].iter().any(|tag| field.starts_with(tag))) {
        let field = if field.starts_with("95=") { format!("95={signature}") } else { field.to_owned() };
        body.push_str(&format!("{field}\u{1}"));
    }
    let front = format!("8={}\u{1}9={}\u{1}{body}", field(raw, 8).unwrap(), body.len());
    let sum = front.bytes().fold(0_u8, u8::wrapping_add);
    format!("{front}10={sum:03}\u{1}").replace('\u{1}', "|")
}
