//! Logins, tokens and connections under a clock of ours.
use super::*;

fn tokens(result: &Value) -> (String, String) {
    (result["access_token"].as_str().unwrap().to_owned(), result["refresh_token"].as_str().unwrap().to_owned())
}

#[test]
fn a_login_gives_no_more_than_it_asked_for() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    let result = shell.call(&mut socket, "public/auth", &login("trade:read wallet:read_write")).unwrap();
    assert_eq!(result["expires_in"], 900);
    assert_eq!(result["scope"], "connection account:read trade:read wallet:read block_trade:none", "capped by the key");
    assert_eq!(socket.identity().unwrap().scopes().to_string(), "account:read order:read");
    let (access, _) = tokens(&result);
    let forwarded = shell.call(&mut super::socket(), "private/buy", &json!({"access_token": access, "amount": 1})).unwrap();
    assert_eq!(forwarded, json!({"forwarded": "private/buy", "as": "account:read order:read"}));
}

#[test]
fn a_token_in_the_parameters_is_taken_out() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    let (access, refresh) = tokens(&shell.call(&mut socket, "public/auth", &login("")).unwrap());
    let frame =
        json!({"jsonrpc": "2.0", "id": "x", "method": "private/cancel", "params": {"access_token": access, "order_id": "7"}}).to_string();
    let Step::Forward(forward) = shell.feed(&mut super::socket(), &frame) else { panic!("it is forwarded") };
    assert_eq!(forward.text.unwrap(), r#"{"jsonrpc":"2.0","id":"x","method":"private/cancel","params":{"order_id":"7"}}"#);
    let wrong = shell.call(&mut super::socket(), "private/cancel", &json!({"access_token": refresh}));
    assert_eq!(wrong, Err(Reject::TokenInvalid), "a refresh token is for nothing else");
}

#[test]
fn tokens_of_a_connection_stay_on_it_and_those_of_a_session_do_not() {
    let mut shell = Shell::new();
    let (bound, _) = tokens(&shell.call(&mut socket(), "public/auth", &login("")).unwrap());
    let named = shell.call(&mut socket(), "public/auth", &login("session:h1")).unwrap();
    assert!(named["scope"].as_str().unwrap().starts_with("session:h1 "));
    let (free, _) = tokens(&named);
    shell.desk.channel = Some([8; 32]);
    assert_eq!(shell.request("GET", "/api/v2/private/get_positions", &format!("Bearer {bound}"), ""), Err(Reject::TokenInvalid));
    assert!(shell.request("GET", "/api/v2/private/get_positions", &format!("bearer {free}"), "").is_ok());
    shell.now_ms += 900_000;
    assert_eq!(shell.request("GET", "/api/v2/private/get_positions", &format!("Bearer {free}"), ""), Err(Reject::TokenInvalid));
}

#[test]
fn a_refresh_token_is_used_once_on_either_transport() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    let (_, refresh) = tokens(&shell.call(&mut socket, "public/auth", &login("session:h1 trade:read")).unwrap());
    let again = json!({"grant_type": "refresh_token", "refresh_token": refresh});
    let second = shell.call(&mut socket, "public/auth", &again).unwrap();
    assert_eq!(second["scope"], "session:h1 account:none trade:read wallet:none block_trade:none", "what it was for stays");
    assert_eq!(shell.call(&mut socket, "public/auth", &again), Err(Reject::Replayed));
    let target = |token: &str| format!("/api/v2/public/auth?grant_type=refresh_token&refresh_token={token}");
    assert_eq!(shell.request("GET", &target(&refresh), "", ""), Err(Reject::Replayed));
    let third = shell.request("GET", &target(&tokens(&second).1), "", "").unwrap();
    assert_eq!(third["scope"], second["scope"]);
}

#[test]
fn logins_over_http_are_answered_here() {
    let mut shell = Shell::new();
    let target = format!("/api/v2/public/auth?grant_type=client_credentials&client_id=key-1&client_secret={}", SECRET.replace(' ', "+"));
    let (access, refresh) = tokens(&shell.request("GET", &target, "", "").unwrap());
    shell.desk.channel = Some([9; 32]);
    assert!(
        shell.request("GET", "/api/v2/private/buy?amount=1", &format!("Bearer {access}"), "").is_ok(),
        "the next request comes on any connection"
    );
    let body = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params}).to_string();
    let forked = body("public/fork_token", json!({"refresh_token": refresh, "session_name": "h2"}));
    assert_eq!(shell.request("POST", "/api/v2/public/fork_token", "", &forked), Err(Reject::ScopeMissing), "it is of no session");
    let named = body("public/auth", login("session:h1"));
    let (_, refresh) = tokens(&shell.request("POST", "/api/v2/public/auth", "", &named).unwrap());
    let forked = body("public/fork_token", json!({"refresh_token": refresh, "session_name": "h2"}));
    let forked = shell.request("POST", "/api/v2/public/fork_token", "", &forked).unwrap();
    assert!(forked["scope"].as_str().unwrap().starts_with("session:h2 "));
    let other = body("public/exchange_token", json!({"refresh_token": tokens(&forked).1, "subject_id": 10}));
    assert_eq!(shell.request("POST", "/api/v2/public/exchange_token", "", &other), Err(Reject::ScopeMissing));
}

#[test]
fn tokens_are_exchanged_for_the_one_account_of_the_key() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    let mut exchange = |subject: &str| {
        let (_, refresh) = tokens(&shell.call(&mut socket, "public/auth", &login("session:h1")).unwrap());
        shell.call(&mut socket, "public/exchange_token", &json!({"refresh_token": refresh, "subject_id": subject}))
    };
    assert!(exchange("desk").unwrap()["access_token"].is_string());
    assert_eq!(exchange("another"), Err(Reject::ScopeMissing));
}

fn at(secs: u64) -> Now {
    Now { wall: Timestamp::from_millis(NOW_MS), mono: Monotonic::from_micros(5 + secs * 1_000_000) }
}

fn tick(socket: &mut DeribitSocket, secs: u64) -> String {
    match socket.handle_timeout(at(secs)) {
        Step::Reply(replies) => replies
            .first()
            .map_or_else(String::new, |text| serde_json::from_str::<Value>(text).unwrap()["params"]["type"].as_str().unwrap().to_owned()),
        Step::Close { reason, .. } => reason.to_owned(),
        Step::Forward(_) | Step::Refuse { .. } | Step::Verify(_) | Step::VerifyToken(_) => panic!("a heartbeat is nothing else"),
    }
}

#[test]
fn a_client_that_does_not_answer_a_test_request_is_closed() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    assert_eq!(shell.call(&mut socket, "public/set_heartbeat", &json!({"interval": 9})), Err(Reject::Malformed));
    assert_eq!(socket.poll_timeout(), None);
    shell.call(&mut socket, "public/set_heartbeat", &json!({"interval": 10})).unwrap();
    assert_eq!(socket.poll_timeout(), Some(Monotonic::from_micros(5)), "at once, for the clock");
    assert_eq!(tick(&mut socket, 3), "");
    assert_eq!(socket.poll_timeout(), Some(Monotonic::from_micros(13_000_005)));
    assert_eq!(tick(&mut socket, 12), "");
    assert_eq!(tick(&mut socket, 13), "heartbeat");
    assert_eq!(tick(&mut socket, 23), "test_request");
    shell.call(&mut socket, "public/test", &json!({})).unwrap();
    assert_eq!(tick(&mut socket, 33), "heartbeat");
    assert_eq!(tick(&mut socket, 43), "test_request");
    shell.call(&mut socket, "public/ticker", &json!({})).unwrap();
    assert_eq!(tick(&mut socket, 53), "no answer to test_request", "another call is no answer");
    shell.call(&mut socket, "public/disable_heartbeat", &json!({})).unwrap();
    assert_eq!(socket.poll_timeout(), None);
}

/// A setting that is not kept is refused under the id of its call, and is not asked for again by the next one.
#[test]
fn a_setting_is_of_one_call() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    shell.call(&mut socket, "public/auth", &login("")).unwrap();
    let frame = r#"{"id":42,"method":"private/enable_cancel_on_disconnect","params":{"scope":"account"}}"#;
    let now = shell.now();
    assert!(matches!(socket.handle_text(frame, now, &mut shell.desk), Step::Reply(_)));
    assert!(socket.refuse(&Reject::StoreUnavailable.into(), now).contains(r#""id":42,"error":{"code":11051"#));
    let _ = socket.handle_text(r#"{"id":43,"method":"public/test"}"#, now, &mut shell.desk);
    assert!(socket.take_cancel_on_disconnect().is_none());
}

#[test]
fn every_state_has_an_answer_to_every_frame() {
    let frames = [
        ("public/ticker", json!({})),
        ("public/subscribe", json!({"channels": ["ticker.BTC-PERPETUAL.raw"]})),
        ("public/subscribe", json!({"channels": ["user.orders.any.any.raw"]})),
        ("public/subscribe", json!({"channels": []})),
        ("private/subscribe", json!({"channels": ["user.orders.any.any.raw"]})),
        ("private/subscribe", json!({"channels": ["user.portfolio.btc"]})),
        ("private/subscribe", json!({"channels": ["user.changes.any.any.raw"]})),
        ("private/subscribe", json!({"channels": ["book.BTC-PERPETUAL.raw"]})),
        ("private/unsubscribe_all", json!({})),
        ("private/buy", json!({"amount": 1})),
        ("private/get_positions", json!({"access_token": "nonsense"})),
        ("private/withdraw", json!({})),
        ("private/create_api_key", json!({})),
        ("private/logout", json!({})),
        ("private/get_cancel_on_disconnect", json!({})),
        ("public/test", json!({})),
        ("public/hello", json!({"client_name": "x", "client_version": "1"})),
        ("public/auth", json!({"grant_type": "client_credentials", "client_id": "key-1", "client_secret": "x"})),
        ("public/auth", json!({"grant_type": "client_credentials", "client_id": "key-2", "client_secret": "x"})),
        ("public/auth", json!({"grant_type": "password"})),
    ];
    let mut table = String::new();
    for (method, params) in &frames {
        writeln!(table, "{method} {params}").unwrap();
        let mut shell = Shell::new();
        writeln!(table, "  Nobody:   {:?}", shell.call(&mut socket(), method, params)).unwrap();
        let mut logged_in = socket();
        shell.call(&mut logged_in, "public/auth", &login("")).unwrap();
        writeln!(table, "  LoggedIn: {:?}", shell.call(&mut logged_in, method, params)).unwrap();
    }
    insta::assert_snapshot!(table);
}
