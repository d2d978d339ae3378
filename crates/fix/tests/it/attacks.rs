//! What an attacker does to a FIX port, one test for each.

use std::time::Duration;

use countersign_fix::answer::{Flavour, to_logon};
use countersign_fix::session::{DisconnectReason, Peer, ResetPolicy, Routing, SendError};
use countersign_fix::{
    Event, Garble, LiveError, LiveSessions, MemoryStore, MessageStore, Phase, Session, SessionConfig, SessionName, StoreError, Stored,
    Version, limits,
};

use crate::script::{Stage, comp_id, config, peer_message, raw, sealed, start};

const LOGON: &str = "peer 1 A 98=0|108=30\nwe 1 A 98=0|108=30\n";

fn guarded(version: Version) -> SessionConfig {
    SessionConfig::new(version, comp_id("GATE"), Peer::Is(comp_id("FIRM")))
}

fn stage(config: SessionConfig) -> Stage {
    Stage::new(config, MemoryStore::default())
}

#[test]
fn other_protocols_on_the_port_are_closed_at_once_without_an_answer() {
    for bytes in
        [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0", b"8=FIX.4.4.4.4.4.4.4.4"]
    {
        let mut stage = stage(guarded(Version::Fix44));
        stage.input(bytes);
        assert_eq!(stage.closed, Some(DisconnectReason::NotLogon), "{bytes:?}");
        assert!(stage.sent.is_empty());
    }
}

#[test]
fn a_sequence_reset_before_logon_is_closed() {
    stage(guarded(Version::Fix44)).play("peer 1 4 36=1000000\nclosed NotLogon\nquiet");
}

#[test]
fn duplicate_tags_are_refused_before_authentication() {
    let header = "35=A|34=1|49=FIRM|56=GATE|52=20261128-00:00:00|";
    for body in [
        format!("{}98=0|108=30|", header.replace("49=FIRM|", "49=FIRM|49=EVIL|")),
        format!("{}98=0|108=30|", header.replace("56=GATE|", "56=GATE|56=GATE|")),
        format!("{header}98=0|108=30|553=a|553=b|"),
        format!("{header}98=0|108=30|554=a|554=a|"),
        format!("{header}98=0|108=30|95=1|96=a|95=1|96=b|"),
    ] {
        let mut stage = stage(guarded(Version::Fix44));
        stage.input(&sealed("FIX.4.4", &body));
        assert_eq!(stage.closed, Some(DisconnectReason::Refused), "{body}");
        assert!(!stage.events.iter().any(|event| matches!(event, Event::LogonPresented(_))), "{body}");
        stage.play("we 1 5 58=Tag appears more than once (49)".replace("(49)", &duplicate(&body)).as_str());
    }
}

/// The doubled tag of a body, as Text names it.
fn duplicate(body: &str) -> String {
    let tags: Vec<&str> = body.split('|').filter_map(|field| field.split_once('=').map(|(tag, _)| tag)).collect();
    let twice = tags.iter().enumerate().find(|(place, tag)| tags[..*place].contains(tag)).unwrap();
    format!("({})", twice.1)
}

#[test]
fn raw_data_that_claims_more_than_there_is_crashes_nothing() {
    for length in ["99999", "4", "2", "999999999999999999999", "-1"] {
        let script = format!(
            "peer 1 A 98=0|108=30|95={length}|96=abc\nwe 1 5 58=Value is incorrect (out of range) for this tag (95)\nclosed Refused"
        );
        stage(guarded(Version::Fix44)).play(&script);
    }
}

#[test]
fn a_length_that_lies_is_bounded_and_ended_by_the_deadline() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.input(&raw("8=FIX.4.4|9=8000|35=A|"));
    assert_eq!(stage.closed, None);
    stage.wait(Duration::from_secs(10));
    assert_eq!(stage.closed, Some(DisconnectReason::TimedOutWaiting));
}

#[test]
fn a_logon_longer_than_its_limit_is_closed() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.input(&raw(&format!("8=FIX.4.4|9={}|35=A|", limits::LOGON_BYTES_MAX)));
    assert_eq!(stage.closed, Some(DisconnectReason::NotLogon));
}

#[test]
fn garbled_messages_without_end_cut_the_connection() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    for _ in 0..=limits::GARBLED_MAX {
        stage.input(&raw("8=FIX.4.4|9=5|35=0|10=000|"));
    }
    stage.play("we 2 5 58=Too many garbled messages");
    assert_eq!(stage.closed, Some(DisconnectReason::TooManyGarbled));
    assert!(stage.events.contains(&Event::Garbled(Garble::CheckSum)));
}

#[test]
fn bytes_without_a_message_have_an_end() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    let garbage = vec![b'x'; limits::GARBLED_BYTES_MAX];
    stage.input(&garbage);
    stage.play("peer 2 0");
    stage.input(&garbage);
    assert_eq!(stage.closed, None, "a message in between begins the count anew");
    stage.input(b"x");
    stage.play("we 2 5 58=Too many garbled messages\nclosed TooManyGarbled");
}

#[test]
fn a_flood_of_resend_requests_ends_the_session() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    // The first asks for nothing a second time.
    for seq in 2..=u64::from(limits::RESEND_REQUESTS_MAX) + 2 {
        stage.play(&format!("peer {seq} 2 7=1|16=0\nwe 1 4 36=2|43=Y|123=Y"));
    }
    stage.play(&format!("peer {} 2 7=1|16=0\nwe 2 5 58=Too many ResendRequests\nclosed Protocol", limits::RESEND_REQUESTS_MAX + 3));
}

#[test]
fn a_resend_of_a_million_numbers_is_one_gap_fill() {
    let mut stage = Stage::new(guarded(Version::Fix44), MemoryStore::resuming(1_000_000, 1));
    stage.play("peer 1 A 98=0|108=30\nwe 1000000 A 98=0|108=30\npeer 2 2 7=1|16=0\nwe 1 4 36=1000001|43=Y|123=Y\nquiet");
    assert!(stage.events.contains(&Event::ResendIncomplete { begin: 1, end: 999_999 }));
}

#[test]
fn that_something_is_kept_no_more_is_told_once_for_all_pieces_of_it() {
    let mut stage = Stage::new(guarded(Version::Fix44), MemoryStore::resuming(1_000, 1));
    stage.play("peer 1 A 98=0|108=30\nwe 1000 A 98=0|108=30");
    let told = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::ResendIncomplete { .. })).count();
    for piece in 1..=20 {
        let next = piece + 1;
        stage.play(&format!("peer {next} 2 7={piece}|16={piece}\nwe {piece} 4 36={next}|43=Y|123=Y"));
    }
    assert_eq!(told(&stage.events), 1);
    stage.play("peer 22 2 7=1|16=1\nwe 1 4 36=2|43=Y|123=Y");
    assert_eq!(told(&stage.events), 2, "and again when it is asked for again, which is counted");
}

#[test]
fn messages_ahead_of_a_gap_are_held_within_bounds_and_asked_for_again() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    let last = 2 + limits::QUEUED_MESSAGES_MAX as u64 + 10;
    for seq in 3..=last {
        let message = peer_message(Version::Fix44, stage.now, &seq.to_string(), "D", "11=x");
        stage.input(&message);
    }
    stage.play("we 2 2 7=2|16=0\nquiet\npeer 2 D");
    assert_eq!(stage.delivered.len(), limits::QUEUED_MESSAGES_MAX + 1);
    stage.play(&format!("peer {} D\nwe 3 2 7={}|16=0\nquiet", last + 1, limits::QUEUED_MESSAGES_MAX + 3));
}

#[test]
fn a_gap_that_is_never_closed_ends_the_session() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    stage.play("peer 3 0\nwe 2 2 7=2|16=0");
    let mut seq = 4;
    while stage.closed.is_none() {
        assert!(seq < 40);
        stage.wait(Duration::from_secs(10));
        let message = peer_message(Version::Fix44, stage.now, &seq.to_string(), "0", "");
        stage.input(&message);
        seq += 1;
    }
    assert_eq!(stage.closed, Some(DisconnectReason::Protocol("ResendRequest not answered")));
}

#[test]
fn third_parties_are_refused_unless_named() {
    stage(guarded(Version::Fix44)).play(&format!(
        "{LOGON}peer 2 D @115=OTHER|11=x\nwe 2 3 45=2|58=CompID problem|128=OTHER|371=115|372=D|373=9\npeer 3 D @128=OTHER|11=x\n
         we 3 3 45=3|58=CompID problem|115=OTHER|371=128|372=D|373=9\nno app\nopen"
    ));
    let mut rules = guarded(Version::Fix44);
    rules.routing = Routing::Only(vec![comp_id("DESK")]);
    stage(rules).play(&format!(
        "{LOGON}peer 2 D @115=DESK|11=x\napp 2\npeer 3 D @115=OTHER|11=x\nwe 2 3 45=3|58=CompID problem|128=OTHER|371=115|372=D|373=9"
    ));
}

#[test]
fn a_reset_is_granted_by_policy_and_told() {
    let mut rules = guarded(Version::Fix44);
    rules.reset = ResetPolicy::Never;
    Stage::new(rules, MemoryStore::resuming(7, 9))
        .play("peer 1 A 98=0|108=30|141=Y\nwe 1 5 58=ResetSeqNumFlag is not allowed\nclosed Refused\nquiet");
    let mut stage = Stage::new(guarded(Version::Fix44), MemoryStore::resuming(7, 9));
    stage.play("peer 1 A 98=0|108=30|141=Y\nwe 1 A 98=0|108=30|141=Y\nopen");
    assert!(stage.events.contains(&Event::SequencesReset));
    // Within the session it is not allowed by default.
    stage.play("peer 1 A 98=0|108=30|141=Y\nwe 2 5 58=ResetSeqNumFlag is not allowed\nclosed Protocol");
}

#[test]
fn who_is_not_verified_learns_and_changes_nothing() {
    let mut session: Session<MemoryStore> = Session::acceptor(config(Version::Fix44), start());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30|141=Y|553=key"));
    assert!(matches!(session.poll_event(), Some(Event::LogonPresented(_))));
    assert_eq!((session.phase(), session.poll_transmit(start())), (Phase::AwaitVerification, None));
    // What follows the Logon waits.
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "2", "D", "11=x"));
    assert_eq!(session.poll_event(), None);
    assert!(session.logout(start(), None).is_err());
    let refusal = countersign_core::Reject::UnknownKey.into();
    session.refuse_logon(start(), &to_logon(&refusal, Flavour::Deribit)).unwrap();
    assert!(session.store().is_none());
    assert_eq!(session.poll_event(), Some(Event::Disconnect(DisconnectReason::Refused)));
    let logout = session.poll_transmit(start()).unwrap();
    assert!(crate::script::shown(&logout).starts_with("1 5 58=Authentication failed."));
    assert_eq!(session.poll_transmit(start()), None);
}

#[test]
fn what_is_held_during_verification_is_bounded() {
    let mut session: Session<MemoryStore> = Session::acceptor(config(Version::Fix44), start());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30"));
    session.handle_input(start(), &vec![b'8'; limits::HELD_BYTES_MAX + 1]);
    assert_eq!(session.phase(), Phase::Disconnected);
}

#[test]
fn a_binance_refusal_is_a_reject_and_then_a_logout() {
    let mut session: Session<MemoryStore> = Session::acceptor(config(Version::Fix44), start());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30|553=key"));
    let flavour = Flavour::Binance { code: -1022, text: "Signature for this request is not valid." };
    session.refuse_logon(start(), &to_logon(&countersign_core::Reject::BadSignature.into(), flavour)).unwrap();
    let answers: Vec<String> = std::iter::from_fn(|| session.poll_transmit(start())).map(|bytes| crate::script::shown(&bytes)).collect();
    let text = "58=Signature for this request is not valid.";
    assert_eq!(answers, [format!("1 3 45=1|{text}|372=A|373=8|25016=-1022"), format!("2 5 {text}")]);
}

#[test]
fn a_second_logon_for_a_live_session_is_refused_and_the_first_untouched() {
    let name = || SessionName { version: Version::Fix44, comp_id: comp_id("GATE"), peer: comp_id("FIRM") };
    let mut live = LiveSessions::default();
    live.open(name()).unwrap();
    assert_eq!(live.open(name()), Err(LiveError::AlreadyLoggedOn));
    live.open(SessionName { peer: comp_id("OTHER"), ..name() }).unwrap();
    live.release(&name());
    live.open(name()).unwrap();
}

#[test]
fn a_replayed_logon_without_a_reset_has_a_number_too_low() {
    let mut stage = Stage::new(guarded(Version::Fix44), MemoryStore::resuming(5, 2));
    stage.play("peer 1 A 98=0|108=30\nwe 5 5 58=MsgSeqNum too low, expecting 2 but received 1\nclosed Protocol");
}

#[test]
fn after_our_logout_nothing_is_done_for_the_peer() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    stage.session.logout(stage.now, Some("halted")).unwrap();
    stage.settle();
    stage.play("we 2 5 58=halted\npeer 2 D 11=x\nno app\nquiet\npeer 3 5\nclosed LoggedOut");
    // Not counted: the next session asks for it.
    assert_eq!(stage.session.into_store().unwrap().next_target(), 2);
}

#[test]
fn a_peer_that_is_always_wrong_is_ended() {
    let mut stage = stage(guarded(Version::Fix44));
    stage.play(LOGON);
    for seq in 2..=u64::from(limits::REJECTS_MAX) + 2 {
        let message = peer_message(Version::Fix44, stage.now, &seq.to_string(), "0", "@43=X");
        stage.input(&message);
    }
    assert_eq!(stage.closed, Some(DisconnectReason::Protocol("Too many rejected messages")));
}

#[test]
fn who_was_sent_a_logout_does_not_get_back_by_a_reset() {
    let mut stage = Stage::new(config(Version::Fix44), MemoryStore::default());
    stage.play(LOGON);
    stage.session.logout(stage.now, Some("halted")).unwrap();
    stage.settle();
    stage.play("we 2 5 58=halted\npeer 1 A 98=0|108=30|141=Y\nclosed Protocol(\"Logon not expected\")\nquiet");
    assert_eq!(stage.events.iter().filter(|event| matches!(event, Event::LogonPresented(_))).count(), 1);
}

#[test]
fn a_number_at_the_end_of_numbers_ends_the_session() {
    let end = limits::SEQ_NUM_MAX;
    stage(guarded(Version::Fix44)).play(&format!("{LOGON}peer 2 4 36={end}\npeer {end} 0\nwe 2 5 58=MsgSeqNum too high\nclosed Protocol"));
    stage(guarded(Version::Fix44)).play(&format!("{LOGON}peer {end} D\nwe 2 5 58=MsgSeqNum too high\nclosed Protocol"));
}

#[test]
fn a_logon_on_behalf_of_another_firm_is_refused() {
    stage(guarded(Version::Fix44)).play("peer 1 A @115=OTHER|98=0|108=30\nwe 1 5 58=CompID problem (115)\nclosed Refused");
}

/// A store that fails on its n-th record, or is slow to make records durable.
#[derive(Debug)]
struct Failing {
    inner: MemoryStore,
    records_left: u32,
    durable: u64,
}

impl MessageStore for Failing {
    fn next_sender(&self) -> u64 {
        self.inner.next_sender()
    }
    fn next_target(&self) -> u64 {
        self.inner.next_target()
    }
    fn record(&mut self, seq: u64, message: Option<&[u8]>) -> Result<(), StoreError> {
        self.records_left = self.records_left.checked_sub(1).ok_or_else(|| StoreError("full".into()))?;
        self.inner.record(seq, message)
    }
    fn sync(&mut self) -> Result<u64, StoreError> {
        Ok(self.durable)
    }
    fn set_next_target(&mut self, seq: u64) -> Result<(), StoreError> {
        self.inner.set_next_target(seq)
    }
    fn first_stored(&mut self, from: u64, through: u64) -> Result<Stored, StoreError> {
        self.inner.first_stored(from, through)
    }
    fn kept_from(&self) -> u64 {
        self.inner.kept_from()
    }
    fn reset(&mut self) -> Result<(), StoreError> {
        self.inner.reset()
    }
}

fn with_store(records_left: u32, durable: u64) -> Session<Failing> {
    let mut session = Session::acceptor(config(Version::Fix44), start());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "1", "A", "98=0|108=30"));
    let _ = session.accept_logon(start(), Failing { inner: MemoryStore::default(), records_left, durable }, &[]);
    session
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let mut session = with_store(1, 9);
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "2", "1", "112=x"));
    assert_eq!(session.phase(), Phase::Disconnected);
    assert_eq!(session.poll_transmit(start()), None, "not even what was waiting");
    let failed = std::iter::from_fn(|| session.poll_event()).any(|event| matches!(event, Event::Disconnect(DisconnectReason::Store(_))));
    assert!(failed);
    let mut session = with_store(1, 9);
    let outgoing = countersign_fix::session::Outgoing { msg_type: b"8", header: &[], body: &[] };
    assert!(matches!(session.send_application(start(), outgoing), Err(SendError::Store(_))));
}

#[test]
fn what_is_not_durable_yet_waits() {
    let mut session = with_store(9, 0);
    assert_eq!((session.phase(), session.poll_transmit(start())), (Phase::LoggedOn, None));
    let mut session = with_store(9, 1);
    assert!(session.poll_transmit(start()).is_some());
    session.handle_input(start(), &peer_message(Version::Fix44, start(), "2", "1", "112=x"));
    assert_eq!(session.poll_transmit(start()), None);
}
