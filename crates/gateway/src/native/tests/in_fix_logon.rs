#![allow(clippy::unwrap_used)]
use countersign_fix::{Field, Message, MessageWriter, tag};
use countersign_handshake::Choice;
use countersign_session::CancelScope;

use super::*;
use crate::native::fix::{SECRET_TAG, open_fix};

fn logon(heartbeat_s: u64, key: &str, token: &str) -> Vec<u8> {
    let mut writer = MessageWriter::new("FIX.4.4", b"A");
    writer.number(tag::MSG_SEQ_NUM, 1).text(tag::SENDER_COMP_ID, "FIRM").text(tag::TARGET_COMP_ID, "COUNTERSIGN");
    writer.number(tag::ENCRYPT_METHOD, 0).number(tag::HEART_BT_INT, heartbeat_s).data(tag::RAW_DATA_LENGTH, token.as_bytes());
    writer.fields(&[Field::new(tag::USERNAME, key.as_bytes())]);
    writer.finish().unwrap()
}

/// A hello whose contract has a heartbeat of so many seconds.
fn hello(stage: &Stage, heartbeat_s: u64) -> AwaitWelcome {
    let mut offer = offer("order:write");
    offer.want.quantities.insert(Quantity::HbMs, heartbeat_s * 1_000);
    client(stage, offer, false).hello(None, &mut SystemEntropy, clock::now()).unwrap()
}

#[tokio::test]
async fn a_logon_opens_a_session() {
    on_stage(|stage| async move {
        let connection = stage.connection();
        let waiting = hello(&stage, 20);
        let bytes = logon(20, native_key().kid().as_str(), waiting.hello_token());
        let message = Message::parse(&bytes).unwrap();
        let token = message.unique(tag::RAW_DATA).unwrap().unwrap();
        let (login, fields, session) = open_fix(&stage.worker, &connection, token, &message).unwrap();
        assert_eq!(login.granted().unwrap().to_string(), "order:write", "the contract narrows the key");
        let text =
            |wanted| fields.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| String::from_utf8(value.clone()).unwrap()).unwrap();
        let secret = countersign_handshake::frame::read_secret_header(&text(SECRET_TAG)).unwrap();
        let client = waiting.receive_welcome(&text(tag::RAW_DATA), &secret, clock::now()).unwrap();
        assert!(session.check_open().is_ok());
        assert!(stage.worker.shared.sessions.kill(client.sid, KilledBy::Operator));
        assert_eq!(session.check_open().err().unwrap().reject, Reject::SessionExpired);
    })
    .await;
}

/// HS-95
#[tokio::test]
async fn a_session_over_fix_has_the_cancelling_of_its_contract() {
    on_stage(|stage| async move {
        for (cod, scope) in [("none", CancelScope::Nothing), ("session", CancelScope::Session), ("account", CancelScope::Account)] {
            let mut offer = offer("order:write");
            offer.want.quantities.insert(Quantity::HbMs, 20_000);
            offer.want.choices.insert(Choice::Cod, vec![cod.to_owned()]);
            offer.want.choices.insert(Choice::CodOnLogout, vec!["true".to_owned()]);
            let waiting = client(&stage, offer, false).hello(None, &mut SystemEntropy, clock::now()).unwrap();
            let bytes = logon(20, native_key().kid().as_str(), waiting.hello_token());
            let message = Message::parse(&bytes).unwrap();
            let token = message.unique(tag::RAW_DATA).unwrap().unwrap();
            let (_, _, session) = open_fix(&stage.worker, &stage.connection(), token, &message).unwrap();
            assert_eq!(session.policy().scope, scope);
            assert!(cod == "none" || session.policy().on_logout, "{cod}");
        }
    })
    .await;
}

/// HS-98
#[tokio::test]
async fn a_logon_says_what_its_token_says() {
    on_stage(|stage| async move {
        for (heartbeat, key) in [(21, native_key().kid().to_string()), (20, "another".to_owned())] {
            let waiting = hello(&stage, 20);
            let bytes = logon(heartbeat, &key, waiting.hello_token());
            let message = Message::parse(&bytes).unwrap();
            let token = message.unique(tag::RAW_DATA).unwrap().unwrap();
            let refusal = open_fix(&stage.worker, &stage.connection(), token, &message).err().unwrap();
            assert_eq!(refusal.reject, Reject::Malformed, "{heartbeat} {key}");
        }
        assert!(stage.worker.shared.sessions.is_empty(), "no session is left");
    })
    .await;
}
