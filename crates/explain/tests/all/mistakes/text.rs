//! Mistakes in the signed text.

use countersign_explain::Mistake;

use crate::client::*;

const QUERY: &str = "symbol=BTCUSDT&side=BUY&quantity=1&timestamp=1795222400000";

#[test]
pub(crate) fn more_and_less_than_the_text() {
    let right = format!("{ISO}GET/api/v5/account/balance?ccy=BTC");
    let signed = |mistake, signed: &str| okx_signed(mistake, "GET", "/api/v5/account/balance?ccy=BTC", "", signed);
    signed(Mistake::TextCut, &right[..right.len() - 1]);
    signed(Mistake::TextTwice, &right.repeat(2));
    for prefix in ["/api", "/api/v5"] {
        signed(Mistake::PathPrefixAdded, &right.replace("GET", &format!("GET{prefix}")));
    }
    signed(Mistake::QuestionMark, &right.replace('?', "&"));
}

fn binance_signed(mistake: Mistake, sent: &str, signed: &str) {
    named(mistake, binance_get(sent, &binance().sign(signed)));
}

fn okx_signed(mistake: Mistake, method: &str, target: &str, body: &str, signed: &str) {
    named(mistake, okx_request(method, target, body, &okx().sign(signed)));
}

#[test]
pub(crate) fn right_texts_are_called_right() {
    assert!(faults(binance_get(QUERY, &binance().sign(QUERY))).is_empty());
    assert!(faults(okx_request("GET", "/api/v5/a?b=c", "", &okx().sign(format!("{ISO}GET/api/v5/a?b=c")))).is_empty());
}

#[test]
pub(crate) fn order_of_parameters() {
    binance_signed(Mistake::ParametersSorted, QUERY, "quantity=1&side=BUY&symbol=BTCUSDT&timestamp=1795222400000");
    binance_signed(Mistake::ParametersReordered, QUERY, "timestamp=1795222400000&side=BUY&symbol=BTCUSDT&quantity=1");
    binance_signed(Mistake::ParameterLeftOut, QUERY, "symbol=BTCUSDT&quantity=1&timestamp=1795222400000");
    binance_signed(Mistake::TimestampLeftOut, QUERY, "symbol=BTCUSDT&side=BUY&quantity=1");
    let target = "/v5/order/realtime?symbol=BTCUSDT&category=linear";
    let signed = format!("{NOW_MS}{KEY}5000category=linear&symbol=BTCUSDT");
    named(Mistake::ParametersSorted, bybit("GET", target, &NOW_MS.to_string(), Some("5000"), "", &binance().sign(signed)));
    okx_signed(Mistake::ParametersSorted, "GET", "/api/v5/a?z=1&b=2", "", &format!("{ISO}GET/api/v5/a?b=2&z=1"));
}

#[test]
pub(crate) fn websocket_parameters_must_be_sorted() {
    let signed = format!("symbol=BTCUSDT&apiKey={KEY}&timestamp={NOW_MS}");
    let frame = format!(
        r#"{{"id":1,"method":"order.place","params":{{"symbol":"BTCUSDT","apiKey":"{KEY}","timestamp":{NOW_MS},"signature":"{}"}}}}"#,
        binance().sign(signed)
    );
    named(Mistake::ParametersNotSorted, frame);
}

#[test]
pub(crate) fn where_the_signature_stands() {
    let signature = binance().sign("symbol=BTCUSDT&timestamp=1795222400000");
    let target = format!("/api/v3/openOrders?symbol=BTCUSDT&timestamp=1795222400000&signature={signature}&recvWindow=5000");
    named(Mistake::ParametersAfterSignature, raw("GET", &target, &[("X-MBX-APIKEY", KEY)], ""));
    let signature = binance().sign("a=1&timestamp=1795222400000&signature=");
    named(Mistake::SignatureSigned, binance_get("a=1&timestamp=1795222400000", &signature));
}

#[test]
pub(crate) fn query_and_body_have_no_seam() {
    let send = |signed: &str| {
        let body = format!("price=1&timestamp=1795222400000&signature={}", binance().sign(signed));
        raw("POST", "/api/v3/order?symbol=BTCUSDT&side=BUY", &[("X-MBX-APIKEY", KEY)], &body)
    };
    assert!(faults(send("symbol=BTCUSDT&side=BUYprice=1&timestamp=1795222400000")).is_empty());
    named(Mistake::QueryBodyJoined, send("symbol=BTCUSDT&side=BUY&price=1&timestamp=1795222400000"));
    named(Mistake::BodyBeforeQuery, send("price=1&timestamp=1795222400000symbol=BTCUSDT&side=BUY"));
}

#[test]
pub(crate) fn percent_encoding() {
    let sent = "symbols=%5B%22BTCUSDT%22%5D&timestamp=1795222400000";
    binance_signed(Mistake::EncodingNotSigned, sent, "symbols=[\"BTCUSDT\"]&timestamp=1795222400000");
    binance_signed(Mistake::EncodingCase, sent, "symbols=%5b%22BTCUSDT%22%5d&timestamp=1795222400000");
    binance_signed(Mistake::DoubleEncoding, sent, "symbols=%255B%2522BTCUSDT%2522%255D&timestamp=1795222400000");
    let twice = "symbols=%255B%2522X%2522%255D&timestamp=1795222400000";
    binance_signed(Mistake::DoubleEncoding, twice, "symbols=%5B%22X%22%5D&timestamp=1795222400000");
    binance_signed(Mistake::PlusForSpace, "note=a+b&timestamp=1795222400000", "note=a%20b&timestamp=1795222400000");
    binance_signed(Mistake::PlusForSpace, "note=a%20b&timestamp=1795222400000", "note=a+b&timestamp=1795222400000");
    binance_signed(Mistake::EncodingAdded, "ids=1,2&timestamp=1795222400000", "ids=1%2C2&timestamp=1795222400000");
    okx_signed(Mistake::EncodingNotSigned, "GET", "/api/v5/a?ids=1%2C2", "", &format!("{ISO}GET/api/v5/a?ids=1,2"));
    let kucoin = okx().sign(format!("{NOW_MS}GET/api/v1/a?ids=1%2C2"));
    let phrase = base64_text(&mac(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes(), PASSPHRASE.as_bytes()));
    named(Mistake::EncodingSigned, kucoin_request("GET", "/api/v1/a?ids=1%2C2", "", &kucoin, &phrase, "2"));
    let hash = sha512_hex(b"");
    let signed = format!("GET\n/api/v4/spot/orders\nids=1%2C2\n{hash}\n1795222400");
    named(Mistake::EncodingSigned, gate_request("GET", "/api/v4/spot/orders?ids=1%2C2", "", &gate().sign(signed)));
}

#[test]
pub(crate) fn method_and_path() {
    let target = "/api/v5/account/balance?ccy=BTC";
    for (mistake, signed) in [
        (Mistake::MethodWrong, format!("{ISO}POST{target}")),
        (Mistake::MethodLowerCase, format!("{ISO}get{target}")),
        (Mistake::MethodLeftOut, format!("{ISO}{target}")),
        (Mistake::QueryLeftOut, format!("{ISO}GET/api/v5/account/balance")),
        (Mistake::QuestionMark, format!("{ISO}GET/api/v5/account/balanceccy=BTC")),
        (Mistake::PathPrefixLeftOut, format!("{ISO}GET/account/balance?ccy=BTC")),
        (Mistake::PathSlash, format!("{ISO}GET/api/v5/account/balance/?ccy=BTC")),
        (Mistake::FullUrlSigned, format!("{ISO}GEThttps://www.okx.com{target}")),
        (Mistake::PathLeftOut, format!("{ISO}GET?ccy=BTC")),
    ] {
        okx_signed(mistake, "GET", target, "", &signed);
    }
    let signed = [b"/private/Balance".to_vec(), sha256(b"1nonce=1")].concat();
    named(Mistake::PathPrefixLeftOut, kraken_request("/0/private/Balance", "nonce=1", &kraken().sign(signed)));
    let headers = [("bfx-apikey", KEY), ("bfx-nonce", "7"), ("bfx-signature", &bitfinex().sign("/v2/auth/r/wallets7{}"))];
    named(Mistake::PathPrefixLeftOut, raw("POST", "/v2/auth/r/wallets", &headers, "{}"));
}

#[test]
pub(crate) fn kraken_futures_signs_without_its_prefix() {
    let send = |signed: &[u8]| {
        let authent = kraken().sign(sha256(signed));
        raw("GET", "/derivatives/api/v3/accounts?a=1", &[("APIKey", KEY), ("Authent", &authent)], "")
    };
    assert!(faults(send(b"a=1/api/v3/accounts")).is_empty());
    named(Mistake::PathPrefixKept, send(b"a=1/derivatives/api/v3/accounts"));
    named(Mistake::PartsReordered, send(b"/api/v3/accountsa=1"));
}

#[test]
pub(crate) fn bodies() {
    let body = r#"{"instId":"BTC-USDT","sz":"1"}"#;
    let target = "/api/v5/trade/order";
    for (mistake, signed) in [
        (Mistake::BodyLeftOut, format!("{ISO}POST{target}")),
        (Mistake::JsonReserialised, format!("{ISO}POST{target}{}", r#"{"instId": "BTC-USDT", "sz": "1"}"#)),
        (Mistake::JsonReserialised, format!("{ISO}POST{target}{}", r#"{"instId":"BTC-USDT","sz":1}"#)),
        (Mistake::BodyOtherForm, format!("{ISO}POST{target}instId=BTC-USDT&sz=1")),
    ] {
        okx_signed(mistake, "POST", target, body, &signed);
    }
    okx_signed(Mistake::BodyNotSent, "GET", "/api/v5/a", "", &format!("{ISO}GET/api/v5/a{{}}"));
    okx_signed(Mistake::BodyNotSent, "GET", "/api/v5/a?ccy=BTC", "", &format!("{ISO}GET/api/v5/a?ccy=BTC{}", r#"{"ccy":"BTC"}"#));
    let spaced = r#"{"category": "linear", "symbol": "BTCUSDT"}"#;
    let compact = r#"{"category":"linear","symbol":"BTCUSDT"}"#;
    let signature = binance().sign(format!("{NOW_MS}{KEY}5000{compact}"));
    named(Mistake::JsonReserialised, bybit("POST", "/v5/order/create", &NOW_MS.to_string(), Some("5000"), spaced, &signature));
    let signature = binance().sign(format!("{NOW_MS}{KEY}5000category=linear&symbol=BTCUSDT"));
    named(Mistake::BodyOtherForm, bybit("POST", "/v5/order/create", &NOW_MS.to_string(), Some("5000"), compact, &signature));
}

#[test]
pub(crate) fn a_body_that_was_sent_or_signed_with_a_line_break() {
    let hash = sha512_hex(b"{}\n");
    let signature = gate().sign(format!("POST\n/api/v4/spot/orders\n\n{hash}\n1795222400"));
    named(Mistake::BodyNewline, gate_request("POST", "/api/v4/spot/orders", "{}", &signature));
    let body = "{\"a\":1}\n";
    okx_signed(Mistake::BodyNewline, "POST", "/api/v5/a", body, &format!("{ISO}POST/api/v5/a{}", body.trim()));
}

#[test]
pub(crate) fn inner_hashes() {
    let body = "nonce=1795222400000&pair=XBTUSD";
    let text = format!("1795222400000{body}");
    let path = b"/0/private/AddOrder".to_vec();
    let send = |signed: Vec<u8>| kraken_request("/0/private/AddOrder", body, &kraken().sign(signed));
    assert!(faults(send([path.clone(), sha256(text.as_bytes())].concat())).is_empty());
    named(Mistake::BodyHashLeftOut, send([path.clone(), text.as_bytes().to_vec()].concat()));
    named(Mistake::InnerHashHex, send([path.clone(), hex::encode(sha256(text.as_bytes())).into_bytes()].concat()));
    named(Mistake::NonceLeftOut, send([path.clone(), sha256(body.as_bytes())].concat()));
    let sha512 = hex::decode(sha512_hex(text.as_bytes())).unwrap();
    named(Mistake::BodyHashWrong, send([path, sha512].concat()));
    let gate_body = "{}";
    let signed = |inner: &str| gate().sign(format!("POST\n/api/v4/spot/orders\n\n{inner}\n1795222400"));
    named(Mistake::BodyHashLeftOut, gate_request("POST", "/api/v4/spot/orders", gate_body, &signed(gate_body)));
    let sha256_hex = hex::encode(sha256(gate_body.as_bytes()));
    named(Mistake::BodyHashWrong, gate_request("POST", "/api/v4/spot/orders", gate_body, &signed(&sha256_hex)));
    named(Mistake::BodyHashWrong, gate_request("POST", "/api/v4/spot/orders", gate_body, &signed(&sha512_hex(b"{}").to_uppercase())));
}

#[test]
pub(crate) fn parts_and_separators() {
    let target = "/v5/order/realtime?category=linear";
    let send = |window, signed: String| bybit("GET", target, &NOW_MS.to_string(), window, "", &binance().sign(signed));
    named(Mistake::WindowLeftOut, send(Some("5000"), format!("{NOW_MS}{KEY}category=linear")));
    named(Mistake::WindowNotSent, send(None, format!("{NOW_MS}{KEY}5000category=linear")));
    named(Mistake::KeyLeftOut, send(Some("5000"), format!("{NOW_MS}5000category=linear")));
    named(Mistake::TimestampLeftOut, send(Some("5000"), format!("{KEY}5000category=linear")));
    named(Mistake::PartsReordered, send(Some("5000"), format!("{KEY}{NOW_MS}5000category=linear")));
    okx_signed(Mistake::PartsReordered, "GET", "/api/v5/a", "", &format!("GET{ISO}/api/v5/a"));
    okx_signed(Mistake::SeparatorsAdded, "GET", "/api/v5/a", "", &format!("{ISO}\nGET\n/api/v5/a"));
    let hash = sha512_hex(b"");
    let signed = format!("GET/api/v4/spot/accounts{hash}1795222400");
    named(Mistake::SeparatorsLeftOut, gate_request("GET", "/api/v4/spot/accounts", "", &gate().sign(signed)));
    let header = |signed: String| {
        let value = format!("deri-hmac-sha256 id={KEY},ts={NOW_MS},sig={},nonce=n1", binance().sign(signed));
        raw("GET", "/api/v2/private/get_positions", &[("Authorization", &value)], "")
    };
    let right = format!("{NOW_MS}\nn1\nGET\n/api/v2/private/get_positions\n\n");
    assert!(faults(header(right.clone())).is_empty());
    named(Mistake::LastSeparatorLeftOut, header(right[..right.len() - 1].to_owned()));
    named(Mistake::NonceLeftOut, header(right.replace("n1\n", "")));
    let login = |signed: &str| {
        let params = format!(
            r#"{{"grant_type":"client_signature","client_id":"{KEY}","timestamp":{NOW_MS},"nonce":"n1","data":"","signature":"{}"}}"#,
            binance().sign(signed)
        );
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"public/auth","params":{params}}}"#)
    };
    assert!(faults(login(&format!("{NOW_MS}\nn1\n"))).is_empty());
    named(Mistake::LastSeparatorLeftOut, login(&format!("{NOW_MS}\nn1")));
    let hash = sha512_hex(b"");
    let signed = format!("GET\n/api/v4/spot/accounts\n{hash}\n1795222400");
    named(Mistake::SeparatorsLeftOut, gate_request("GET", "/api/v4/spot/accounts", "", &gate().sign(signed)));
    let signed = format!("GET\n/api/v4/spot/accounts?currency=BTC\n\n{hash}\n1795222400");
    named(Mistake::QuestionMark, gate_request("GET", "/api/v4/spot/accounts?currency=BTC", "", &gate().sign(signed)));
}

#[test]
pub(crate) fn the_text_as_a_whole() {
    let signed = format!("{ISO}GET/api/v5/a");
    okx_signed(Mistake::TextNewline, "GET", "/api/v5/a", "", &format!("{signed}\n"));
    okx_signed(Mistake::TextHashed, "GET", "/api/v5/a", "", &hex::encode(sha256(signed.as_bytes())));
    okx_signed(Mistake::LettersChanged, "GET", "/api/v5/a", "", &signed.to_lowercase());
    binance_signed(Mistake::TextNewline, QUERY, &format!("{QUERY}\n"));
    let payload = br#"{"request":"/v1/orders","nonce":5}"#;
    let headers = |signed: &[u8]| {
        let (payload, signature) = (base64_text(payload), bitfinex().sign(signed));
        raw("POST", "/v1/orders", &[("X-GEMINI-APIKEY", KEY), ("X-GEMINI-PAYLOAD", &payload), ("X-GEMINI-SIGNATURE", &signature)], "")
    };
    assert!(faults(headers(base64_text(payload).as_bytes())).is_empty());
    named(Mistake::PayloadPlain, headers(payload));
}

#[test]
pub(crate) fn where_only_parameters_are_signed() {
    let path = "/api/v3/account";
    for (mistake, signed) in [
        (Mistake::PathSigned, format!("{path}?{QUERY}")),
        (Mistake::PathSigned, format!("{path}{QUERY}")),
        (Mistake::PathSigned, format!("GET{path}?{QUERY}")),
        (Mistake::PathSigned, format!("GET\n{path}\n{QUERY}")),
        (Mistake::PathSigned, format!("https://api.binance.com{path}?{QUERY}")),
        (Mistake::MethodSigned, format!("GET{QUERY}")),
        (Mistake::QuestionMark, format!("?{QUERY}")),
        (Mistake::CredentialSigned, format!("{QUERY}&apiKey={KEY}")),
        (Mistake::CredentialSigned, format!("{KEY}{QUERY}")),
        (Mistake::ParameterNotSent, format!("{QUERY}&")),
        (Mistake::ParameterNotSent, format!("{QUERY}&recvWindow=5000")),
        (Mistake::ParameterNotSent, QUERY.replace("timestamp", "recvWindow=60000&timestamp")),
        (Mistake::BodyNotSent, r#"{"symbol":"BTCUSDT","side":"BUY","quantity":1,"timestamp":1795222400000}"#.to_owned()),
    ] {
        binance_signed(mistake, QUERY, &signed);
    }
    let time = NOW_MS.to_string();
    let send = |signed: &str| bybit("GET", "/v5/order/realtime?category=linear", &time, Some("5000"), "", &binance().sign(signed));
    for signed in ["/v5/order/realtime?category=linear", "GET/v5/order/realtime?category=linear"] {
        named(Mistake::PathSigned, send(&format!("{time}{KEY}5000{signed}")));
    }
    named(Mistake::MethodSigned, send(&format!("{time}{KEY}5000GETcategory=linear")));
    named(Mistake::WindowDiffers, send(&format!("{time}{KEY}20000category=linear")));
    let body = "nonce=1795222400000&pair=XBTUSD";
    let inner = sha256(format!("1795222400000{body}").as_bytes());
    let signed = [b"POST/0/private/AddOrder".to_vec(), inner].concat();
    named(Mistake::MethodSigned, kraken_request("/0/private/AddOrder", body, &kraken().sign(signed)));
    okx_signed(Mistake::CredentialSigned, "GET", "/api/v5/a", "", &format!("{ISO}GET/api/v5/a{PASSPHRASE}"));
}

#[test]
pub(crate) fn rules_of_older_versions_and_of_others() {
    let time = NOW_MS.to_string();
    let (target, body) = ("/v5/order/realtime?symbol=BTCUSDT&category=linear", r#"{"symbol":"BTCUSDT","qty":"1"}"#);
    let get = |signed: &str| bybit("GET", target, &time, Some("5000"), "", &binance().sign(signed));
    let post = |signed: &str| bybit("POST", "/v5/order/create", &time, Some("5000"), body, &binance().sign(signed));
    named(Mistake::OldVersion, get(&format!("api_key={KEY}&category=linear&recv_window=5000&symbol=BTCUSDT&timestamp={time}")));
    named(Mistake::OldVersion, post(&format!("api_key={KEY}&qty=1&recv_window=5000&symbol=BTCUSDT&timestamp={time}")));
    let first = [("Host", "api.bitfinex.com"), ("X-BFX-APIKEY", KEY), ("X-BFX-PAYLOAD", "e30="), ("X-BFX-SIGNATURE", "00")];
    named(Mistake::OldVersion, raw("POST", "/v1/balances", &first, ""));
    let nonce = [("Host", "www.bitmex.com"), ("api-key", KEY), ("api-nonce", "1795222400000"), ("api-signature", "00")];
    named(Mistake::OldVersion, raw("GET", "/api/v1/position", &nonce, ""));
    let nonce = [("Host", "api.kucoin.com"), ("KC-API-KEY", KEY), ("KC-API-NONCE", time.as_str()), ("KC-API-SIGNATURE", "00")];
    named(Mistake::OldVersion, raw("GET", "/v1/account/balance", &nonce, ""));
    named(Mistake::OtherRule, get(&format!("{time}GET{target}")));
    named(Mistake::OtherRule, get("symbol=BTCUSDT&category=linear"));
    binance_signed(Mistake::OtherRule, QUERY, &format!("1795222400000GET/api/v3/account?{QUERY}"));
    binance_signed(Mistake::OtherRule, QUERY, &format!("1795222400000{KEY}5000{QUERY}"));
    okx_signed(Mistake::OtherRule, "GET", "/api/v5/a", "", &format!("{ISO}GET/users/self/verify"));
    let expires = NOW_MS + 5_000;
    for signed in [format!("GET/v5/private{expires}"), format!("{expires}{KEY}5000")] {
        named(Mistake::OtherRule, format!(r#"{{"op":"auth","args":["{KEY}",{expires},"{}"]}}"#, binance().sign(signed)));
    }
    let frame = |payload: &str, signed: &str| {
        let signature = bitfinex().sign(signed);
        format!(r#"{{"event":"auth","apiKey":"{KEY}","authSig":"{signature}","authNonce":"1795222400000000","authPayload":"{payload}"}}"#)
    };
    named(Mistake::OtherRule, frame("AUTH1795222400000000", "1795222400000000"));
    named(Mistake::ConstantLeftOut, frame("1795222400000000", "1795222400000000"));
}

/// What Go makes of a parameter of no bytes, and what the documentation shows.
#[test]
pub(crate) fn a_login_of_gate_signs_its_parameter_or_nothing() {
    let login = |parameter: &str, signed: &str| {
        let signature = gate().sign(format!("api\nspot.login\n{signed}\n1795222400"));
        let payload = format!(r#"{{"api_key":"{KEY}","signature":"{signature}","timestamp":"1795222400"{parameter}}}"#);
        format!(r#"{{"time":1795222400,"channel":"spot.login","event":"api","payload":{payload}}}"#)
    };
    for (parameter, signed) in [
        ("", "{}"),
        ("", ""),
        (r#","req_param":"""#, ""),
        (r#","req_param":"""#, r#""""#),
        (r#","req_param":null"#, ""),
        (r#","req_param":{}"#, "{}"),
    ] {
        let report = explained(login(parameter, signed));
        assert_eq!((report.faults(), report.gateway.as_deref()), (vec![], Some("accept")), "{parameter} {signed:?}");
    }
    named(Mistake::BodyLeftOut, login(r#","req_param":{}"#, ""));
}

#[test]
pub(crate) fn two_mistakes_are_both_named() {
    let signed = format!("{ISO}get/api/v5/account/balance\n");
    let report = explained(okx_request("GET", "/api/v5/account/balance?ccy=BTC", "", &okx().sign(signed)));
    // Three of them are one too many.
    assert_eq!(report.faults(), [Mistake::WrongSecret]);
    let signed = format!("{ISO}get/api/v5/account/balance");
    let mut found = faults(okx_request("GET", "/api/v5/account/balance?ccy=BTC", "", &okx().sign(signed)));
    found.sort_unstable();
    assert_eq!(found, ["method-lower-case", "query-left-out"]);
}

#[test]
pub(crate) fn the_first_byte_that_differs_is_shown() {
    let report = explained(okx_request("GET", "/api/v5/a?ids=1%2C2", "", &okx().sign(format!("{ISO}GET/api/v5/a?ids=1,2"))));
    let difference = report.difference.unwrap();
    assert_eq!(difference.part.as_deref(), Some("query"));
    assert!(difference.expected.ends_with("⟦%2C2") && difference.signed.ends_with("⟦,2"), "{difference:?}");
    assert_eq!(difference.at, ISO.len() + "GET/api/v5/a?ids=1".len());
}
