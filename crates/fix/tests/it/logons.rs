//! Logons of real clients: framed, read, presented, with every literal value that a venue's signature covers.

use countersign_fix::session::{HeartBtIntRange, Peer};
use countersign_fix::{CompId, Event, Framed, Framer, MemoryStore, Message, Precision, Session, SessionConfig, UtcTimestamp, Version};
use serde_json::Value;

use crate::script::{raw, sealed, start};

fn logons() -> Vec<(String, Vec<u8>, bool)> {
    let data: Value = serde_json::from_str(include_str!("../data/logons.json")).unwrap();
    let read =
        |logon: &Value| (logon["id"].as_str().unwrap().to_owned(), raw(logon["raw"].as_str().unwrap()), logon["frames"].as_bool().unwrap());
    data["logons"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn recorded_logons_frame_and_parse() {
    assert!(logons().len() >= 7);
    for (id, bytes, frames) in logons() {
        let mut framer = Framer::new(8_192);
        framer.push(&bytes);
        match framer.next_frame().unwrap() {
            Framed::Frame(frame) => {
                assert!(frames, "{id}");
                assert_eq!(Message::parse(frame).unwrap().frame(), bytes, "{id}");
            }
            Framed::Garbled(garble) => assert!(!frames, "{id}: {garble:?}"),
        }
    }
}

#[test]
fn every_literal_value_that_a_signature_covers_is_reachable() {
    let (_, bytes, _) = logons().into_iter().find(|(id, ..)| id == "deribit-fix/quickfix/logon").unwrap();
    let message = Message::parse(&bytes).unwrap();
    let text = |tag| String::from_utf8(message.unique(tag).unwrap().unwrap().to_vec()).unwrap();
    assert_eq!((text(34), text(52), text(95)), ("1".to_owned(), "20261121-00:58:39.238".to_owned(), text(96).len().to_string()));
    assert_eq!((text(553), text(9001)), ("h1clnt01".to_owned(), "Y".to_owned()));
    // Binance: the values of 35, 49, 56, 34, 52, joined by SOH, are slices of the message.
    let signed: Vec<u8> = [35, 49, 56, 34, 52].map(|tag| message.unique(tag).unwrap().unwrap()).join(&1);
    assert_eq!(signed, raw("A|H1CLIENT|DERIBITSERVER|1|20261121-00:58:39.238"));
}

/// A Logon of Deribit's own fields, which have no 98.
#[test]
fn a_logon_without_encrypt_method_is_presented_where_it_need_not_have_one() {
    let answer = |fields: &str, needs: bool| {
        let mut config = SessionConfig::new(Version::Fix44, CompId::parse(b"DERIBITSERVER").unwrap(), Peer::AsPresented);
        config.needs_encrypt_method = needs;
        let (mut session, now) = (Session::<MemoryStore>::acceptor(config, start()), start());
        let time = UtcTimestamp::new(now.wall, Precision::Millis);
        let body = format!("35=A|49=DESK|56=DERIBITSERVER|34=1|52={time}|{fields}108=30|553=key|554=proof|");
        session.handle_input(now, &sealed("FIX.4.4", &body));
        match session.poll_event() {
            Some(Event::LogonPresented(_)) => "presented".to_owned(),
            _ => String::from_utf8_lossy(Message::parse(&session.poll_transmit(now).unwrap()).unwrap().first(58).unwrap()).into_owned(),
        }
    };
    assert_eq!(answer("98=0|", true), "presented");
    assert_eq!(answer("", true), "Required tag missing (98)");
    assert_eq!(answer("98=0|", false), "presented");
    assert_eq!(answer("", false), "presented");
    assert_eq!(answer("98=1|", false), "Value is incorrect (out of range) for this tag (98)");
}

#[test]
fn recorded_logons_are_presented() {
    for (id, bytes, _) in logons().into_iter().filter(|(_, _, frames)| *frames) {
        let message = Message::parse(&bytes).unwrap();
        let ours = CompId::parse(message.first(56).unwrap()).unwrap();
        let mut config = SessionConfig::new(Version::Fix44, ours, Peer::AsPresented);
        config.heart_bt_int = HeartBtIntRange { min: 5, max: 60, zero: false };
        let mut now = start();
        now.wall = UtcTimestamp::parse(message.first(52).unwrap()).unwrap().timestamp();
        let mut session: Session<MemoryStore> = Session::acceptor(config, now);
        session.handle_input(now, &bytes);
        let Some(Event::LogonPresented(logon)) = session.poll_event() else { panic!("{id}") };
        assert_eq!(logon.message().frame(), bytes, "{id}");
        assert_eq!(Some(logon.peer().as_str().as_bytes()), message.first(49), "{id}");
        assert!(logon.resets() && logon.seq() == 1 && !logon.is_within(), "{id}");
        let password = String::from_utf8(message.first(554).unwrap().to_vec()).unwrap();
        assert!(!format!("{logon:?}").contains(&password), "{id}");
        session.accept_logon(now, MemoryStore::default(), &[countersign_fix::Field::new(25_037, b"uuid")]).unwrap();
        let reply = session.poll_transmit(now).unwrap();
        assert_eq!(Message::parse(&reply).unwrap().first(25_037), Some(b"uuid".as_slice()), "{id}");
    }
}
