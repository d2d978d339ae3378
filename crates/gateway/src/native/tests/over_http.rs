#![allow(clippy::unwrap_used)]
use ::http::HeaderMap;

use super::*;
use crate::connection::Connection;
use crate::native::http::{NONCE_HEADER, SECRET_HEADER, WELCOME_HEADER};
use crate::routes::Family;

fn hello(stage: &Stage, offer: Offer, nonce: Option<&str>) -> AwaitWelcome {
    client(stage, offer, false).hello(nonce, &mut SystemEntropy, clock::now()).unwrap()
}

fn authenticate(stage: &Stage, connection: &Connection, value: &str) -> Result<crate::authenticate::Login, Refusal> {
    connection.native.authenticate(&stage.worker, connection, value.as_bytes())
}

fn opened(stage: &Stage, connection: &Connection) -> ClientSession {
    let waiting = hello(stage, offer("md:read order:write"), None);
    let login = authenticate(stage, connection, &format!("Countersign {}", waiting.hello_token())).unwrap();
    let headers: HeaderMap = login.answer_headers.into_iter().collect();
    let secret = countersign_handshake::frame::read_secret_header(headers[SECRET_HEADER].to_str().unwrap()).unwrap();
    assert!(headers[SECRET_HEADER].is_sensitive());
    waiting.receive_welcome(headers[WELCOME_HEADER].to_str().unwrap(), &secret, clock::now()).unwrap()
}

#[tokio::test]
async fn the_first_request_opens_a_session_and_its_token_carries_the_others() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let session = opened(&stage, &connection);
        let token = format!("countersign-token {}", session.access_token.expose());
        let login = authenticate(&stage, &connection, &token).unwrap();
        assert_eq!(login.session.unwrap().sid, session.sid);
        assert!(login.answer_headers.is_empty());
        let elsewhere = authenticate(&stage, &stage.connection(), &token).err().unwrap();
        assert_eq!(elsewhere.reject, Reject::TokenInvalid, "a token is worth nothing on another connection");
        let other = stage.connection();
        let _ = opened(&stage, &other);
        assert_eq!(authenticate(&stage, &other, &token).err().unwrap().reject, Reject::TokenInvalid, "nor on another proven one");
        let again = hello(&stage, offer("md:read"), None);
        let second = authenticate(&stage, &connection, &format!("Countersign {}", again.hello_token())).err().unwrap();
        assert_eq!(second.reject, Reject::UnexpectedMessage);
        assert!(authenticate(&stage, &connection, &token).is_ok(), "a second hello changes nothing");
        stage.change_credentials(|credential| credential.state = CredentialState::Revoked);
        assert_eq!(authenticate(&stage, &connection, &token).err().unwrap().reject, Reject::KeyRevoked);
    })
    .await;
}

#[tokio::test]
async fn a_killed_session_is_over() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let session = opened(&stage, &connection);
        assert!(stage.worker.shared.sessions.kill(session.sid, KilledBy::Operator));
        let token = format!("Countersign-Token {}", session.access_token.expose());
        assert_eq!(authenticate(&stage, &connection, &token).err().unwrap().reject, Reject::SessionExpired);
        drop(connection);
        assert!(stage.worker.shared.sessions.is_empty(), "the session ends with its connection");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_has_a_nonce_for_mode_sep() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let mut headers = HeaderMap::new();
        connection.native.add_nonce(&stage.worker, &connection, Family::BINANCE, &mut headers);
        assert!(headers.is_empty(), "not for other families");
        connection.native.add_nonce(&stage.worker, &connection, Family::NATIVE, &mut headers);
        let nonce = headers[NONCE_HEADER].to_str().unwrap();
        assert_eq!(headers["www-authenticate"], "Countersign");
        let waiting = hello(&stage, Offer { bind: Binding::Sep, ..offer("md:read") }, Some(nonce));
        authenticate(&stage, &connection, &format!("Countersign {}", waiting.hello_token())).unwrap();
        let mut headers = HeaderMap::new();
        connection.native.add_nonce(&stage.worker, &connection, Family::NATIVE, &mut headers);
        assert!(headers.is_empty(), "a proven connection needs none");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_hello_is_refused() {
    on_stage(|stage| async move {
        for (value, reject) in [
            ("Basic YTpi", Reject::MissingCredentials),
            ("Countersign", Reject::MissingCredentials),
            ("Countersign cs1r.e30.AA", Reject::Unsupported),
            ("Countersign nonsense", Reject::Malformed),
            ("Countersign-Token nonsense", Reject::TokenInvalid),
        ] {
            let connection = stage.connection();
            let refusal = authenticate(&stage, &connection, value).err().unwrap();
            assert_eq!(refusal.reject, reject, "{value}");
            assert!(matches!(refusal.detail, Detail::None | Detail::Operator(_) | Detail::Parameter(_)));
        }
        let connection = stage.connection();
        let _ = authenticate(&stage, &connection, "Countersign nonsense");
        let waiting = hello(&stage, offer("md:read"), None);
        let late = authenticate(&stage, &connection, &format!("Countersign {}", waiting.hello_token())).err().unwrap();
        assert_eq!(late.reject, Reject::UnexpectedMessage, "one hello per connection");
    })
    .await;
}
