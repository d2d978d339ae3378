//! `POST /api/v2`: the method is in the body and nowhere else.
use super::*;

const ENDPOINT: &str = "/api/v2";

fn call(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()
}

fn named(target: &str, body: &str) -> Result<&'static str, Reject> {
    let headers: Vec<(&str, &str)> = Vec::new();
    let request = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    Deribit.named_in_body(&request).map_err(|refusal| refusal.reject)
}

fn signed(target: &str, nonce: &str, body: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let text = format!("{NOW_MS}\n{nonce}\nPOST\n{target}\n{body}\n");
    let sig = hex::encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()));
    format!("deri-hmac-sha256 id=key-1,ts={NOW_MS},sig={sig},nonce={nonce}")
}

#[test]
fn a_call_is_of_the_method_that_its_body_names() {
    let mut shell = Shell::new();
    let granted = shell.request("POST", ENDPOINT, "", &call("public/auth", login("account:read"))).unwrap();
    let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let forwarded = shell.request("POST", ENDPOINT, &bearer, &call("private/get_positions", json!({}))).unwrap();
    assert_eq!(forwarded, json!({"forwarded": "/api/v2/private/get_positions", "as": "account:read"}));
    assert_eq!(shell.request("POST", ENDPOINT, "", &call("public/hello", json!({}))).unwrap()["version"], super::super::http::VERSION);
    let forwarded = shell.request("POST", ENDPOINT, "", &call("public/ticker", json!({}))).unwrap();
    assert_eq!(forwarded["forwarded"], "/api/v2/public/ticker");
    for method in methods::METHODS {
        assert_eq!(named(ENDPOINT, &call(method.name, json!({}))), Ok(method.path));
    }
}

#[test]
fn the_signature_is_over_the_path_that_was_asked() {
    let body = call("private/buy", json!({"instrument_name": "BTC-PERPETUAL", "amount": 10}));
    let mut shell = Shell::new();
    let header = signed(ENDPOINT, "n1", &body);
    assert_eq!(shell.request("POST", ENDPOINT, &header, &body).unwrap()["forwarded"], "/api/v2/private/buy");
    assert_eq!(shell.request("POST", ENDPOINT, &header, &body), Err(Reject::Replayed));
    assert!(shell.request("POST", ENDPOINT, &signed("/api/v2/private/buy", "n2", &body), &body).is_err());
    assert!(shell.request("POST", "/api/v2/private/buy", &signed(ENDPOINT, "n3", &body), &body).is_err());
    let other = body.replace("private/buy", "private/sell");
    assert!(shell.request("POST", ENDPOINT, &signed(ENDPOINT, "n4", &body), &other).is_err());
    let headers = vec![("Authorization", header)];
    let request = RequestView { method: "POST", target: ENDPOINT.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    let Answer::Presented(presented) = Deribit.present(&request, Security::Signed) else { panic!("it is signed") };
    assert_eq!(presented.effect, countersign_core::Effect::Write);
}

/// A reader in another language takes another of two names, or another of two places.
#[test]
fn a_body_that_could_name_two_methods_names_none() {
    let right = call("public/ticker", json!({}));
    let with = |twin: &str| right.replacen('{', &format!(r#"{{{twin}:"private/buy","#), 1);
    for twin in [r#""method""#, r#""Method""#, r#""METHOD""#, r#"" method""#, r#""method[]""#, r#""\u006dethod""#, r#""m\u00e9thod""#] {
        assert_eq!(named(ENDPOINT, &with(twin)), Err(Reject::Malformed), "{}", with(twin));
    }
    for body in [
        format!("[{right}]"),
        format!("{right}{right}"),
        format!("{right}\n{right}"),
        format!("method=private/buy&x={right}"),
        right.replace(r#""public/ticker""#, r#"["public/ticker"]"#),
        right.replace(r#""public/ticker""#, "null"),
        String::new(),
        "{}".to_owned(),
    ] {
        assert_eq!(named(ENDPOINT, &body), Err(Reject::Malformed), "{body}");
    }
    assert_eq!(named("/api/v2?method=private/buy", &right), Err(Reject::Malformed), "the query is nobody's");
    for method in ["/public/ticker", "public/ticker/", "Public/ticker", "public/ticker ", "private/set_heartbeat", "private/create_api_key"]
    {
        assert_eq!(named(ENDPOINT, &call(method, json!({}))), Err(Reject::RouteUnknown), "{method}");
    }
    let escaped = right.replace("public/ticker", "public\\/ticker");
    assert_eq!(named(ENDPOINT, &escaped), Ok("/api/v2/public/ticker"), "an escape in a value has one reading");
}

#[test]
fn refusals_repeat_the_id() {
    let headers: Vec<(&str, &str)> = Vec::new();
    let refused = |body: &str| {
        let request = RequestView { method: "POST", target: ENDPOINT.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
        let context = AnswerContext { echo: Deribit.echo(&request), now: Timestamp::from_secs(1), ..AnswerContext::default() };
        serde_json::from_str::<Value>(&Deribit.refuse(&Reject::BadSignature.into(), &context).body).unwrap()
    };
    let answer = refused(&call("public/auth", json!({})));
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(13_004)));
    let answer = refused(&call("private/buy", json!({})));
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(13_009)));
}

#[test]
fn a_token_may_be_among_the_parameters_of_a_body_and_goes_no_further() {
    let mut shell = Shell::new();
    let granted = shell.request("POST", ENDPOINT, "", &call("public/auth", login("account:read"))).unwrap();
    let token = granted["access_token"].as_str().unwrap();
    let with = |name: &str, value: &str| call("private/get_positions", json!({"currency": "BTC", name: value}));
    let headers: Vec<(&str, &str)> = Vec::new();
    for target in [ENDPOINT, "/api/v2/private/get_positions"] {
        let body = with("access_token", token);
        assert_eq!(shell.request("POST", target, "", &body).unwrap()["as"], "account:read");
        let bearer = format!("Bearer {token}");
        assert_eq!(shell.request("POST", target, &bearer, &body), Err(Reject::Malformed), "two proofs");
        assert_eq!(shell.request("POST", target, &signed(target, "n1", &body), &body), Err(Reject::Malformed), "two proofs");
        assert_eq!(shell.request("POST", target, "", &with("access_token", "nonsense")), Err(Reject::TokenInvalid));
        for twin in ["Access_Token", "accessToken", " access_token"] {
            assert_eq!(shell.request("POST", target, "", &with(twin, token)), Err(Reject::Malformed), "{twin}");
        }
        let request = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
        let left = Deribit.body_without_token(&request).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&left).unwrap(),
            json!({"jsonrpc": "2.0", "id": 7, "method": "private/get_positions", "params": {"currency": "BTC"}})
        );
    }
    let public = call("public/ticker", json!({"access_token": token}));
    let request = RequestView { method: "POST", target: b"/api/v2/public/ticker", headers: &headers, body: public.as_bytes(), host: None };
    assert!(!Deribit.body_without_token(&request).unwrap().contains(token));
    let query = format!("/api/v2/private/get_positions?access_token={token}");
    assert_eq!(shell.request("GET", &query, "", ""), Err(Reject::Malformed));
    let plain = call("private/get_positions", json!({}));
    let request = RequestView { method: "POST", target: ENDPOINT.as_bytes(), headers: &headers, body: plain.as_bytes(), host: None };
    assert_eq!(Deribit.body_without_token(&request), None);
}
