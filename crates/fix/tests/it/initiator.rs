//! The initiator's side, against answers written by hand.

use countersign_fix::session::{DisconnectReason, Peer, SendError};
use countersign_fix::{Event, MemoryStore, Message, Phase, Session, SessionConfig, Version};

use crate::script::{comp_id, peer_message, shown, start};

fn initiator(version: Version, store: MemoryStore, next_expected: bool) -> Session<MemoryStore> {
    let mut config = SessionConfig::new(version, comp_id("GATE"), Peer::Is(comp_id("FIRM")));
    config.next_expected = next_expected;
    config.heart_bt_int.max = 30;
    Session::initiator(config, store, start())
}

fn answer(session: &mut Session<MemoryStore>, version: Version, seq: &str, msg_type: &str, fields: &str) {
    session.handle_input(start(), &peer_message(version, start(), seq, msg_type, fields));
}

fn sent(session: &mut Session<MemoryStore>) -> Vec<String> {
    std::iter::from_fn(|| session.poll_transmit(start())).map(|bytes| shown(&bytes)).collect()
}

fn events(session: &mut Session<MemoryStore>) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

#[test]
fn the_signer_sees_the_literal_header_and_its_fields_are_sent() {
    for version in Version::ALL {
        let mut session = initiator(version, MemoryStore::resuming(7, 9), false);
        let mut signed = String::new();
        let sign = |header: &countersign_fix::session::LogonHeader| {
            let parts = [
                header.msg_type,
                header.sender_comp_id.as_str(),
                header.target_comp_id.as_str(),
                &header.msg_seq_num,
                &header.sending_time,
            ];
            signed = parts.join("\u{1}");
            vec![(95, b"3".to_vec()), (96, b"a\x01b".to_vec()), (553, b"key".to_vec())]
        };
        session.logon(start(), false, sign).unwrap();
        let bytes = session.poll_transmit(start()).unwrap();
        let message = Message::parse(&bytes).unwrap();
        let literal: Vec<u8> = [35, 49, 56, 34, 52].map(|tag| message.first(tag).unwrap()).join(&1);
        assert_eq!(literal, signed.as_bytes());
        assert_eq!(
            (message.first(34), message.first(96), message.first(108)),
            (Some(b"7".as_slice()), Some(b"a\x01b".as_slice()), Some(b"30".as_slice()))
        );
        assert_eq!(message.first(1137).is_some(), version == Version::Fixt11);
        answer(&mut session, version, "9", "A", "98=0|108=30");
        assert_eq!(session.phase(), Phase::LoggedOn);
        assert!(matches!(events(&mut session).as_slice(), [Event::LoggedOn(Some(_))]));
    }
}

#[test]
fn a_reset_that_was_asked_for_is_confirmed() {
    let mut session = initiator(Version::Fix44, MemoryStore::resuming(7, 9), false);
    session.logon(start(), true, |_| Vec::new()).unwrap();
    assert_eq!(sent(&mut session), ["1 A 98=0|108=30|141=Y"]);
    answer(&mut session, Version::Fix44, "1", "A", "98=0|108=30|141=Y");
    assert_eq!(session.phase(), Phase::LoggedOn);
    assert_eq!(events(&mut session)[0], Event::SequencesReset);
}

#[test]
fn a_reset_that_was_not_asked_for_is_refused_when_it_would_lose_messages() {
    let mut session = initiator(Version::Fix44, MemoryStore::resuming(7, 9), false);
    session.logon(start(), false, |_| Vec::new()).unwrap();
    answer(&mut session, Version::Fix44, "1", "A", "98=0|108=30|141=Y");
    assert_eq!(sent(&mut session), ["7 A 98=0|108=30", "8 5 58=ResetSeqNumFlag is not allowed"]);
    assert_eq!(session.phase(), Phase::Disconnected);
}

#[test]
fn a_refused_logon_is_told_with_the_reason_of_the_venue() {
    let mut session = initiator(Version::Fix44, MemoryStore::default(), false);
    session.logon(start(), false, |_| Vec::new()).unwrap();
    answer(&mut session, Version::Fix44, "1", "3", "45=1|373=8|58=Signature");
    assert_eq!(session.phase(), Phase::ExpectLogonReply);
    answer(&mut session, Version::Fix44, "2", "5", "58=bad key");
    let told = events(&mut session);
    assert_eq!(told[0], Event::RejectReceived { ref_seq: 1, reason: Some(8), text: Some("Signature".to_owned()) });
    assert!(matches!(&told[1], Event::LogoutReceived { text: Some(text), .. } if text == "bad key"));
    assert_eq!(told[2], Event::Disconnect(DisconnectReason::Refused));
}

#[test]
fn an_acceptor_of_another_name_is_left_without_a_word() {
    let mut session = initiator(Version::Fix44, MemoryStore::default(), false);
    session.logon(start(), false, |_| Vec::new()).unwrap();
    let _ = sent(&mut session);
    answer(&mut session, Version::Fix44, "1", "A", "@49=EVIL|98=0|108=30");
    assert_eq!(session.phase(), Phase::Disconnected);
    assert!(sent(&mut session).is_empty());
}

#[test]
fn nothing_is_sent_before_the_logon_is_answered() {
    let mut session = initiator(Version::Fix44, MemoryStore::default(), false);
    let outgoing = countersign_fix::session::Outgoing { msg_type: b"D", header: &[], body: &[] };
    assert!(matches!(session.send_application(start(), outgoing), Err(SendError::Phase(_))));
    session.logon(start(), false, |_| Vec::new()).unwrap();
    assert!(matches!(session.send_application(start(), outgoing), Err(SendError::Phase(_))));
    answer(&mut session, Version::Fix44, "1", "D", "11=x");
    assert_eq!(session.phase(), Phase::Disconnected);
}

#[test]
fn next_expected_numbers_replace_resend_requests() {
    let mut session = initiator(Version::Fix44, MemoryStore::resuming(5, 3), true);
    session.logon(start(), false, |_| Vec::new()).unwrap();
    assert_eq!(sent(&mut session), ["5 A 98=0|108=30|789=3"]);
    // The acceptor misses 4 and 5, and is two numbers ahead of us.
    answer(&mut session, Version::Fix44, "5", "A", "98=0|108=30|789=4");
    assert_eq!(sent(&mut session), ["4 4 36=6|43=Y|123=Y"]);
    answer(&mut session, Version::Fix44, "3", "4", "@43=Y|@122=-1|123=Y|36=6");
    answer(&mut session, Version::Fix44, "6", "1", "112=x");
    assert_eq!(sent(&mut session), ["6 0 112=x"]);
}

#[test]
fn a_next_expected_number_of_the_future_ends_the_session() {
    let mut session = initiator(Version::Fix44, MemoryStore::default(), true);
    session.logon(start(), false, |_| Vec::new()).unwrap();
    answer(&mut session, Version::Fix44, "1", "A", "98=0|108=30|789=9");
    assert_eq!(session.phase(), Phase::Disconnected);
}
