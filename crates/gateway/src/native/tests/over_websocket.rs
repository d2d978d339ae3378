#![allow(clippy::unwrap_used)]
use futures_util::SinkExt as _;
use tokio_websockets::Message;

use super::*;
use crate::native::http::{SECRET_HEADER, WELCOME_HEADER};
use crate::testing::upgrade_request;
use crate::websocket::tests::{begin_on, connect_client, next_text};

#[tokio::test]
async fn the_hello_may_be_the_first_frame() {
    on_stage(|stage| async move {
        let mut socket = connect_client(&stage, "/native/v1").await;
        assert!(next_text(&mut socket).await.starts_with("{\"nonce\":"));
        let waiting = client(&stage, offer("md:read"), false).hello(None, &mut SystemEntropy, clock::now()).unwrap();
        socket.send(Message::text(waiting.hello_frame())).await.unwrap();
        let welcome = next_text(&mut socket).await;
        let ClientStep::Open(session) = waiting.receive_frame(welcome.as_bytes(), clock::now()).unwrap() else { panic!("open") };
        socket.send(Message::text(session.ready_frame())).await.unwrap();
        socket.send(Message::text(r#"{"s":1,"d":{"op":"book","id":1}}"#)).await.unwrap();
        assert_eq!(next_text(&mut socket).await, "{\"s\":1,\"a\":2,\"d\":{\"re\":1,  \"ok\":true}}", "a line end became a blank");
        socket.send(Message::text(r#"{"bye":{"code":"done"}}"#)).await.unwrap();
        assert_eq!(next_text(&mut socket).await, r#"{"bye":{"code":"done","last":1}}"#);
        assert_eq!(next_text(&mut socket).await, "close 1000");
    })
    .await;
}

#[tokio::test]
async fn the_hello_may_be_in_the_upgrade_request() {
    on_stage(|stage| async move {
        let waiting = client(&stage, offer("md:read"), false).hello(None, &mut SystemEntropy, clock::now()).unwrap();
        let mut parts = upgrade_request("/native/v1");
        parts.headers.insert("authorization", format!("Countersign {}", waiting.hello_token()).parse().unwrap());
        let connection = stage.connection();
        let answer = begin_on(&stage, &connection, &parts).await.unwrap();
        assert_eq!(answer.status(), 101);
        let secret = countersign_handshake::frame::read_secret_header(answer.headers()[SECRET_HEADER].to_str().unwrap()).unwrap();
        let session = waiting.receive_welcome(answer.headers()[WELCOME_HEADER].to_str().unwrap(), &secret, clock::now()).unwrap();
        assert_eq!(stage.worker.shared.sessions.list(1)[0].sid, session.sid.to_string());
        let forged = upgrade_request("/native/v1");
        let mut forged = forged;
        forged.headers.insert("authorization", "Countersign cs1h.e30.AA".parse().unwrap());
        let other = stage.connection();
        assert!(begin_on(&stage, &other, &forged).await.is_err());
        assert!(other.upgrade.borrow().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_refused_hello_closes_it() {
    on_stage(|stage| async move {
        let mut socket = connect_client(&stage, "/native/v1").await;
        let _ = next_text(&mut socket).await;
        socket.send(Message::text(r#"{"s":1,"d":{}}"#)).await.unwrap();
        assert!(next_text(&mut socket).await.contains("proto.order"));
        assert_eq!(next_text(&mut socket).await, "close 1008");
    })
    .await;
}
