//! What libraries and languages write otherwise: JSON, numbers, characters, bytes.

use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384};
use countersign_explain::Mistake;

use crate::client::*;

const QUERY: &str = "symbol=BTCUSDT&side=BUY&quantity=0.010&price=100.0&timestamp=1795222400000";
const TARGET: &str = "/api/v5/trade/order";

fn okx_body(mistake: Mistake, sent: &str, signed: &str) {
    named(mistake, okx_request("POST", TARGET, sent, &okx().sign(format!("{ISO}POST{TARGET}{signed}"))));
}

fn binance_signed(mistake: Mistake, signed: impl AsRef<[u8]>) {
    named(mistake, binance_get(QUERY, &binance().sign(signed)));
}

#[test]
pub(crate) fn json_of_other_libraries() {
    let sent = r#"{"instId":"a/b","tag":"é","sz":"1.50","px":100.0,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#;
    for signed in [
        // PHP: slashes and other letters escaped; JavaScript: no zeros; Java: capitals; Python: True, False.
        r#"{"instId":"a\/b","tag":"\u00e9","sz":"1.50","px":100.0,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#,
        r#"{"instId":"a\/b","tag":"\u00e9","sz":"1.50","px":100,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#,
        r#"{"instId":"a/b","tag":"\u00E9","sz":"1.50","px":100.0,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#,
        r#"{"instId":"a/b","tag":"é","sz":"1.50","px":100,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#,
        r#"{"instId":"a/b","tag":"é","sz":"1.5","px":100,"n":5,"reduceOnly":false,"a":[{"b":null}]}"#,
        r#"{"instId":"a/b","tag":"é","sz":"1.50","px":"100.0","n":"5","reduceOnly":"false","a":[{"b":null}]}"#,
        r#"{"instId":"a/b","tag":"é","sz":"1.50","px":100.0,"n":5,"reduceOnly":false,"a":[{}]}"#,
        r#"{"instId": "a/b","tag": "é","sz": "1.50","px": 100.0,"n": 5,"reduceOnly": false,"a": [{"b": null}]}"#,
        r#"{"instId":"a/b", "tag":"é", "sz":"1.50", "px":100.0, "n":5, "reduceOnly":false, "a":[{"b":null}]}"#,
        r#"{"a": [{"b": null}], "instId": "a/b", "n": 5, "px": 100.0, "reduceOnly": false, "sz": "1.50", "tag": "\u00e9"}"#,
    ] {
        okx_body(Mistake::JsonReserialised, sent, signed);
    }
}

/// What was escaped when it was sent is another letter for who writes it again.
#[test]
pub(crate) fn json_that_is_escaped_already() {
    okx_body(Mistake::JsonReserialised, r#"{"tag": "\u00e9/x"}"#, r#"{"tag":"\u00e9\/x"}"#);
    okx_body(Mistake::JsonReserialised, r#"{"tag": "\u00e9"}"#, r#"{"tag":"\u00e9"}"#);
}

#[test]
pub(crate) fn members_and_lists() {
    let sent = r#"{"instId":"A","sz":"1","tag":"x"}"#;
    okx_body(Mistake::ParameterLeftOut, sent, r#"{"instId":"A","sz":"1"}"#);
    okx_body(Mistake::ParameterLeftOut, sent, r#"{"instId": "A", "tag": "x"}"#);
    okx_body(Mistake::BodyOtherForm, sent, &format!("[{sent}]"));
    okx_body(Mistake::BodyOtherForm, &format!("[{sent}]"), sent);
    okx_body(Mistake::BodyOtherForm, sent, &serde_json::to_string(sent).unwrap());
    okx_body(Mistake::BodyOtherForm, r#"{"z":"1","a":"2"}"#, "a=2&z=1");
    okx_body(Mistake::BodyHashed, sent, &hex::encode(sha256(sent.as_bytes())));
    okx_body(Mistake::BodyHashed, sent, &base64_text(sent.as_bytes()));
}

#[test]
pub(crate) fn parameters_of_other_libraries() {
    binance_signed(Mistake::NumbersRewritten, QUERY.replace("0.010", "0.01").replace("100.0", "100"));
    binance_signed(Mistake::NumbersRewritten, QUERY.replace("0.010", "0.01000000").replace("100.0", "100.00000000"));
    binance_signed(Mistake::NumbersRewritten, QUERY.replace("100.0", "100"));
    for sign in ["", ",", ";", "&amp;", "\n"] {
        binance_signed(Mistake::ParametersJoined, QUERY.replace('&', sign));
    }
    binance_signed(Mistake::ParametersJoined, "BTCUSDTBUY0.010100.01795222400000");
    let signed = format!(r#"{{"symbol": "BTCUSDT", "apiKey": "{KEY}", "timestamp": {NOW_MS}}}"#);
    let params = format!(r#"{{"symbol":"BTCUSDT","apiKey":"{KEY}","timestamp":{NOW_MS},"signature":"{}"}}"#, binance().sign(signed));
    named(Mistake::BodyOtherForm, format!(r#"{{"id":1,"method":"order.place","params":{params}}}"#));
    let query = "name=a%20b%2Fc&timestamp=1795222400000";
    named(Mistake::EncodingNotSigned, binance_get(query, &binance().sign("name=a%20b/c&timestamp=1795222400000")));
}

#[test]
pub(crate) fn characters_around_the_text_and_of_it() {
    let utf16: Vec<u8> = QUERY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    binance_signed(Mistake::TextCharset, utf16);
    binance_signed(Mistake::TextCharset, format!("\u{feff}{QUERY}"));
    binance_signed(Mistake::TextQuoted, format!("\"{QUERY}\""));
    binance_signed(Mistake::TextQuoted, format!("b'{QUERY}'"));
    binance_signed(Mistake::TextNewline, format!("{QUERY} "));
    binance_signed(Mistake::TextNewline, format!("\n{QUERY}"));
    binance_signed(Mistake::TextHashed, hex::encode(QUERY));
    binance_signed(Mistake::TextEmpty, "");
    let json = r#"{"a":"x"}"#;
    let signed = format!("b'{ISO}POST{TARGET}{json}'");
    named(Mistake::TextQuoted, okx_request("POST", TARGET, json, &okx().sign(signed)));
}

#[test]
pub(crate) fn secrets_that_are_not_quite_the_secret() {
    for (mistake, secret) in [
        (Mistake::SecretNewline, format!("{SECRET}\t")),
        (Mistake::SecretNewline, format!(" {SECRET} ")),
        (Mistake::SecretQuoted, format!("b'{SECRET}'")),
        (Mistake::SecretQuoted, format!("{SECRET},")),
        (Mistake::SecretQuoted, format!("\u{feff}{SECRET}")),
        (Mistake::SecretCut, SECRET[1..].to_owned()),
        (Mistake::SecretCut, SECRET[..SECRET.len() - 2].to_owned()),
        (Mistake::SecretCut, SECRET.repeat(2)),
        (Mistake::SecretEmpty, "undefined".to_owned()),
        (Mistake::SecretEmpty, "${API_SECRET}".to_owned()),
        (Mistake::SecretEmpty, "None".to_owned()),
        (Mistake::SecretEncoded, hex::encode(sha256(SECRET.as_bytes()))),
    ] {
        named(mistake, binance_get(QUERY, &binance().with_secret(secret).sign(QUERY)));
    }
    let swapped = hex::encode(mac(HMAC_SHA256, QUERY.as_bytes(), SECRET.as_bytes()));
    named(Mistake::HmacSwapped, binance_get(QUERY, &swapped));
}

#[test]
pub(crate) fn bytes_that_were_written_otherwise() {
    let bytes = mac(HMAC_SHA256, SECRET.as_bytes(), QUERY.as_bytes());
    assert!(bytes.iter().any(|byte| *byte < 16) && bytes.iter().any(|byte| *byte > 127), "another text is wanted");
    for written in [
        bytes.iter().map(|byte| format!("{byte:x}")).collect::<String>(),
        bytes.iter().map(|byte| format!("{:x}", i32::from(byte.cast_signed()))).collect(),
        hex::encode(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join("-"),
    ] {
        named(Mistake::SignatureDigits, binance_get(QUERY, &written));
    }
    named(Mistake::SecretSent, binance_get(QUERY, SECRET));
    named(Mistake::SignatureDecorated, okx_request("GET", "/api/v5/a", "", &format!("b'{}'", okx().sign(format!("{ISO}GET/api/v5/a")))));
}

#[test]
pub(crate) fn inner_hashes_that_became_text() {
    let body = "nonce=1795222400000&pair=XBTUSD";
    let inner = sha256(format!("1795222400000{body}").as_bytes());
    let send = |inner: &[u8]| kraken_request("/0/private/AddOrder", body, &kraken().sign([b"/0/private/AddOrder", inner].concat()));
    named(Mistake::InnerHashText, send(String::from_utf8_lossy(&inner).as_bytes()));
    named(Mistake::InnerHashText, send(inner.iter().map(|byte| char::from(*byte)).collect::<String>().as_bytes()));
    named(Mistake::InnerHashText, send(base64_text(&inner).as_bytes()));
    named(Mistake::TextNewline, send(&[inner.as_slice(), b"\n"].concat()));
    let futures = |signed: &[u8]| {
        let authent = kraken().sign(signed);
        raw("GET", "/derivatives/api/v3/accounts?a=1", &[("APIKey", KEY), ("Authent", &authent)], "")
    };
    named(Mistake::InnerHashHex, futures(hex::encode(sha256(b"a=1/api/v3/accounts")).as_bytes()));
    named(Mistake::TextNewline, futures(&sha256(b"a=1/api/v3/accounts\n")));
    let micros = sha256(format!("1795222400000000{body}").as_bytes());
    named(Mistake::TimestampDiffers, send(&micros));
    let hash = base64_text(&hex::decode(sha512_hex(b"{}")).unwrap());
    let signed = format!("POST\n/api/v4/spot/orders\n\n{hash}\n1795222400");
    named(Mistake::BodyHashWrong, gate_request("POST", "/api/v4/spot/orders", "{}", &gate().sign(signed)));
}

#[test]
pub(crate) fn payloads_in_base64() {
    let payload = r#"{"request":"/v1/orders","nonce":1795222400000,"symbol":"btcusd","options":["maker-or-cancel"]}"#;
    let send = |signed: &str| {
        let (sent, signature) = (base64_text(payload.as_bytes()), hex::encode(mac(HMAC_SHA384, SECRET.as_bytes(), signed.as_bytes())));
        raw("POST", "/v1/orders", &[("X-GEMINI-APIKEY", KEY), ("X-GEMINI-PAYLOAD", &sent), ("X-GEMINI-SIGNATURE", &signature)], "")
    };
    let spaced = r#"{"request": "/v1/orders", "nonce": 1795222400000, "symbol": "btcusd", "options": ["maker-or-cancel"]}"#;
    let encoded = base64_text(payload.as_bytes());
    named(Mistake::JsonReserialised, send(&base64_text(spaced.as_bytes())));
    named(Mistake::PayloadPlain, send(spaced));
    named(Mistake::TextQuoted, send(&format!("b'{encoded}'")));
    named(Mistake::TimestampDiffers, send(&base64_text(payload.replace("2400000", "2400001").as_bytes())));
    let lines: String = encoded.as_bytes().chunks(76).map(|line| format!("{}\n", str::from_utf8(line).unwrap())).collect();
    named(Mistake::BodyNewline, send(&lines));
}

#[test]
pub(crate) fn times_of_other_languages() {
    let target = "/api/v5/a";
    for time in ["2026-11-21T00:53:20.000000", "2026-11-21 00:53:20.000", "2026-11-21T08:53:20.000Z", "1795222400.0", "1795222400000000000"]
    {
        named(Mistake::TimestampFormat, okx_request("GET", target, "", &okx().sign(format!("{time}GET{target}"))));
    }
    let login = |signed: &str| {
        let sign = okx().sign(signed);
        format!(r#"{{"op":"login","args":[{{"apiKey":"{KEY}","passphrase":"{PASSPHRASE}","timestamp":"1795222400","sign":"{sign}"}}]}}"#)
    };
    named(Mistake::BodyNotSent, login("1795222400GET/users/self/verify{}"));
    named(Mistake::TimestampFormat, login("1795222400.0GET/users/self/verify"));
    let expires = NOW_MS + 5_000;
    let signed = format!("GET /realtime{expires}");
    named(Mistake::SeparatorsAdded, format!(r#"{{"op":"auth","args":["{KEY}",{expires},"{}"]}}"#, binance().sign(signed)));
}

/// Bodies of the largest size are searched in bounded memory and time: what is tried is not kept.
#[test]
fn the_largest_body_is_searched_too() {
    let items: Vec<String> = (0..1_000).map(|number| format!(r#"{{"instId":"BTC-USDT","sz":"1.50","clOrdId":"o{number}"}}"#)).collect();
    let body = format!("[{}]", items.join(","));
    assert!((50_000..65_536).contains(&body.len()));
    named(
        Mistake::JsonReserialised,
        okx_request("POST", TARGET, &body, &okx().sign(format!("{ISO}POST{TARGET}{}", body.replace(',', ", ").replace("\":", "\": ")))),
    );
}
