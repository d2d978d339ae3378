//! Cancel on disconnect: which orders, in whose name, and what is waited for.
use super::*;
use crate::limits;
use crate::socket::Forward;

const BUY: &str = "private/buy";

/// A call goes out, and is answered.
fn place(shell: &mut Shell, socket: &mut DeribitSocket, order: &str, state: &str) {
    shell.call(socket, BUY, &json!({"amount": 1})).unwrap();
    hear(socket, &placed(1, order, state));
}

fn placed(id: u32, order: &str, state: &str) -> String {
    json!({"id": id, "result": {"order": {"order_id": order, "order_state": state, "label": "subscription"}, "trades": []}}).to_string()
}

/// A text of the venue, for whoever is logged in.
fn hear(socket: &mut DeribitSocket, text: &str) {
    let identity = socket.identity().cloned();
    let _ = socket.handle_upstream(identity.as_ref(), text, Timestamp::default());
}

fn send(shell: &mut Shell, socket: &mut DeribitSocket, id: u32, method: &str) {
    let frame = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}}).to_string();
    assert!(matches!(shell.feed(socket, &frame), Step::Forward(_)), "{method}");
}

fn connected(shell: &mut Shell) -> DeribitSocket {
    let mut socket = socket();
    shell.call(&mut socket, "public/auth", &login("")).unwrap();
    enable(shell, &mut socket).unwrap();
    socket
}

fn enable(shell: &mut Shell, socket: &mut DeribitSocket) -> Result<Value, Reject> {
    shell.call(socket, "private/enable_cancel_on_disconnect", &json!({}))
}

/// Who cancels what.
fn said(ends: &[Forward]) -> Vec<String> {
    let one = |end: &Forward| {
        let text: Value = serde_json::from_str(end.text.as_ref().unwrap()).unwrap();
        assert_eq!(text["method"], end.message);
        let order = text["params"]["order_id"].as_str().unwrap_or("all");
        format!("{} {order}", end.identity.as_ref().unwrap().account())
    };
    ends.iter().map(one).collect()
}

#[test]
fn an_unclean_end_cancels_the_open_orders_of_the_connection() {
    let (mut shell, mut socket) = (Shell::new(), socket());
    assert_eq!(enable(&mut shell, &mut socket), Err(Reject::MissingCredentials));
    shell.call(&mut socket, "public/auth", &login("trade:read")).unwrap();
    assert_eq!(enable(&mut shell, &mut socket), Err(Reject::ScopeMissing));
    shell.call(&mut socket, "public/auth", &login("")).unwrap();
    for (order, state) in [("A", "open"), ("B", "filled"), ("C", "open"), ("D", "untriggered")] {
        place(&mut shell, &mut socket, order, state);
    }
    for text in [
        r#"{"id":2,"result":{"order_id":"C","order_state":"cancelled"}}"#,
        r#"{"id":3,"result":{"order_id":"E","order_state":"open"}}"#,
        r#"{"id":4,"result":[{"order_id":"F","order_state":"open"}]}"#,
        r#"{"method":"subscription","params":{"data":{"order_id":"G","order_state":"open"}}}"#,
    ] {
        hear(&mut socket, text);
    }
    assert!(socket.unclean_end(false).is_empty() && !socket.awaits_answers(), "off until it is asked for");
    enable(&mut shell, &mut socket).unwrap();
    assert_eq!(shell.call(&mut socket, "private/enable_cancel_on_disconnect", &json!({"scope": "everybody"})), Err(Reject::Malformed));
    assert_eq!(said(&socket.unclean_end(false)), ["desk A", "desk D"]);
    assert!(!socket.awaits_answers() && socket.unclean_end(true).is_empty(), "once");
    place(&mut shell, &mut socket, "H", "open");
    let closed = shell.call(&mut socket, "private/logout", &json!({})).unwrap();
    assert_eq!(closed, json!({"closed": "logged out"}));
    assert!(socket.unclean_end(true).is_empty(), "a goodbye leaves the orders");
}

/// The window between an order and its answer was the round trip to the venue.
#[test]
fn an_order_whose_answer_is_under_way_is_waited_for() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    send(&mut shell, &mut socket, 7, BUY);
    send(&mut shell, &mut socket, 8, "private/get_positions");
    send(&mut shell, &mut socket, 9, "private/sell");
    assert!(socket.unclean_end(false).is_empty() && socket.awaits_answers());
    hear(&mut socket, r#"{"id":8,"result":[]}"#);
    hear(&mut socket, &placed(9, "B", "open"));
    assert_eq!((said(&socket.unclean_end(false)), socket.awaits_answers()), (vec!["desk B".to_owned()], true));
    hear(&mut socket, r#"{"id":7,"error":{"code":10009,"message":"not_enough_funds"}}"#);
    assert!(!socket.awaits_answers() && socket.unclean_end(false).is_empty());
}

#[test]
fn where_no_answer_comes_all_of_the_account_are_cancelled() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    send(&mut shell, &mut socket, 7, "private/edit");
    assert!(socket.unclean_end(false).is_empty());
    assert_eq!(said(&socket.unclean_end(true)), ["desk all"]);
    assert!(!socket.awaits_answers());
}

/// Many clients use one id for all calls.
#[test]
fn calls_of_one_id_are_waited_for_one_by_one() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    send(&mut shell, &mut socket, 42, BUY);
    send(&mut shell, &mut socket, 42, "private/get_positions");
    hear(&mut socket, r#"{"id":42,"result":[]}"#);
    assert!(socket.awaits_answers());
    hear(&mut socket, &placed(42, "A", "open"));
    assert_eq!((said(&socket.unclean_end(false)), socket.awaits_answers()), (vec!["desk A".to_owned()], false));
}

#[test]
fn orders_are_cancelled_in_the_name_of_whoever_placed_them() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    place(&mut shell, &mut socket, "A", "open");
    let other = json!({"grant_type": "client_credentials", "client_id": "second", "client_secret": SECRET});
    shell.call(&mut socket, "public/auth", &other).unwrap();
    place(&mut shell, &mut socket, "B", "open");
    send(&mut shell, &mut socket, 7, "private/mass_quote");
    hear(&mut socket, r#"{"id":7,"result":{"success_count":2}}"#);
    shell.call(&mut socket, "public/auth", &login("trade:read")).unwrap();
    let ends = socket.unclean_end(false);
    assert_eq!(said(&ends), ["desk A", "other all"], "quotes have no names");
    assert!(ends.iter().all(|end| end.identity.as_ref().unwrap().scopes().to_string().contains("order:write")), "the right to cancel");
}

#[test]
fn a_call_that_is_refused_is_not_waited_for() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    send(&mut shell, &mut socket, 7, BUY);
    let _ = socket.refuse(&Reject::RateLimited.into(), Timestamp::default());
    assert!(!socket.awaits_answers() && socket.unclean_end(true).is_empty());
    send(&mut shell, &mut socket, 8, BUY);
    shell.call(&mut socket, "public/test", &json!({})).unwrap();
    let _ = socket.refuse(&Reject::RateLimited.into(), Timestamp::default());
    assert!(socket.awaits_answers(), "that was another one");
}

#[test]
fn what_an_order_places_when_it_is_filled_is_cancelled_too() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    send(&mut shell, &mut socket, 1, BUY);
    let order = json!({"order_id": "A", "order_state": "filled", "oto_order_ids": ["B", "C"]});
    hear(&mut socket, &json!({"id": 1, "result": {"order": order}}).to_string());
    assert_eq!(said(&socket.unclean_end(false)), ["desk B", "desk C"]);
}

#[test]
fn more_than_are_remembered_cancel_all() {
    let mut shell = Shell::new();
    let mut socket = connected(&mut shell);
    for order in 0..=limits::OPEN_ORDERS_MAX {
        place(&mut shell, &mut socket, &order.to_string(), "open");
    }
    assert_eq!(said(&socket.unclean_end(false)), ["desk all"]);
    for id in 0..=limits::CALLS_UNDER_WAY_MAX {
        send(&mut shell, &mut socket, u32::try_from(id).unwrap(), BUY);
    }
    assert_eq!(said(&socket.unclean_end(false)), ["desk all"], "one is forgotten");
}

#[test]
fn an_account_decides_for_the_connections_that_log_in_after_it() {
    let mut shell = Shell::new();
    let logged_in = |shell: &mut Shell| {
        let mut socket = socket();
        shell.call(&mut socket, "public/auth", &login("")).unwrap();
        place(shell, &mut socket, "A", "open");
        socket
    };
    let asked = |shell: &mut Shell, socket: &mut DeribitSocket, verb: &str, scope: &str| {
        shell.call(socket, &format!("private/{verb}_cancel_on_disconnect"), &json!({"scope": scope}))
    };
    let mut nobody = super::socket();
    assert_eq!(asked(&mut shell, &mut nobody, "enable", "account"), Err(Reject::MissingCredentials));
    shell.call(&mut nobody, "public/auth", &login("trade:read")).unwrap();
    assert_eq!(asked(&mut shell, &mut nobody, "enable", "account"), Err(Reject::ScopeMissing));

    let mut first = logged_in(&mut shell);
    assert_eq!(asked(&mut shell, &mut first, "enable", "account"), Ok(json!("ok")));
    assert!(first.unclean_end(false).is_empty(), "it was here before");
    assert_eq!(asked(&mut shell, &mut first, "get", "account"), Ok(json!({"enabled": true, "scope": "account"})));
    assert_eq!(asked(&mut shell, &mut first, "get", "connection"), Ok(json!({"enabled": false, "scope": "connection"})));

    let mut second = logged_in(&mut shell);
    assert_eq!(asked(&mut shell, &mut second, "get", "connection"), Ok(json!({"enabled": true, "scope": "connection"})));
    assert_eq!(second.unclean_end(false).len(), 1);
    // What is said on a connection goes first.
    place(&mut shell, &mut second, "B", "open");
    assert_eq!(asked(&mut shell, &mut second, "disable", "connection"), Ok(json!("ok")));
    assert!(second.unclean_end(false).is_empty());
    let again = r#"{"jsonrpc":"2.0","id":5,"method":"private/enable_cancel_on_disconnect","params":{"scope":"account"}}"#;
    let now = shell.now();
    assert!(shell.desk.cancels && matches!(second.handle_text(again, now, &mut shell.desk), Step::Reply(_)));
    assert!(second.take_cancel_on_disconnect().is_some(), "kept again: another node may have been told otherwise since");

    assert_eq!(asked(&mut shell, &mut second, "disable", "account"), Ok(json!("ok")));
    assert!(logged_in(&mut shell).unclean_end(false).is_empty());
    let mut third = logged_in(&mut shell);
    shell.desk.cancels = true;
    shell.call(&mut third, "private/logout", &json!({})).unwrap();
    assert!(third.unclean_end(false).is_empty(), "a goodbye leaves the orders");
}
