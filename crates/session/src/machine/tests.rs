#![allow(clippy::unwrap_used)]

mod liveness;
mod recovery;

use std::fmt::Write as _;

use countersign_core::Timestamp;

use super::*;

const HB: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

fn at(millis: u64) -> Now {
    Now { wall: Timestamp::from_millis(1_800_000_000_000 + millis), mono: Monotonic::from_micros(millis * 1_000) }
}

fn pair() -> (SessionMachine, SessionMachine) {
    (SessionMachine::new(Side::Client, HB, DAY, at(0)), SessionMachine::new(Side::Server, HB, DAY, at(0)))
}

fn deliver(machine: &mut SessionMachine, frame: &str) -> u64 {
    match machine.handle_frame(frame.as_bytes(), at(0)).unwrap() {
        Event::Deliver { s, .. } => s,
        other @ (Event::Bye { .. }
        | Event::Busy { .. }
        | Event::Drain { .. }
        | Event::Err(_)
        | Event::Halt { .. }
        | Event::Lift
        | Event::Lost(_)
        | Event::NotApplied(_)
        | Event::Nonce(_)
        | Event::NonceAsked
        | Event::Nothing
        | Event::Reauth(_)
        | Event::Regrant { .. }
        | Event::Ready(_)) => panic!("{other:?}"),
    }
}

#[test]
fn messages_are_numbered_and_acknowledged() {
    // HS-71
    let (mut client, mut server) = pair();
    for expected in 1..=3 {
        let frame = client.send("{}", at(0));
        assert_eq!(deliver(&mut server, &frame), expected);
    }
    let answer = server.send("{}", at(0));
    assert_eq!(deliver(&mut client, &answer), 1);
    assert_eq!(client.peer_expects(), 4);
}

#[test]
fn a_repeated_message_is_acknowledged_and_not_executed() {
    // HS-72
    let (mut client, mut server) = pair();
    let frame = client.send("{\"op\":\"order.place\"}", at(0));
    assert_eq!(deliver(&mut server, &frame), 1);
    assert!(matches!(server.handle_frame(frame.as_bytes(), at(0)), Ok(Event::Nothing)));
    let acknowledgement = server.poll_transmit(at(0)).unwrap();
    assert!(acknowledgement.contains("\"a\":2"), "{acknowledgement}");
    let changed = frame.replace("place", "other");
    assert_eq!(server.handle_frame(changed.as_bytes(), at(0)).unwrap_err().reject, Reject::SequenceConflict);
}

#[test]
fn lost_messages_are_told_and_never_sent_again() {
    // HS-73
    let (mut client, mut server) = pair();
    let _lost = client.send("{}", at(0));
    let next = client.send("{}", at(0));
    let Ok(Event::Deliver { missed, .. }) = server.handle_frame(next.as_bytes(), at(0)) else { panic!() };
    assert_eq!(missed, Some(Range { from: 1, count: 1 }));
    let nack = server.poll_transmit(at(0)).unwrap();
    assert!(matches!(client.handle_frame(nack.as_bytes(), at(0)), Ok(Event::NotApplied(Range { from: 1, count: 1 }))));
    assert_eq!(client.poll_transmit(at(0)), None);
}

#[test]
fn an_acknowledgement_of_the_future_is_refused() {
    // HS-73
    let (_, mut server) = pair();
    assert_eq!(server.handle_frame(br#"{"s":1,"a":2,"d":{}}"#, at(0)).unwrap_err().reject, Reject::SequenceRange);
    assert_eq!(server.handle_frame(br#"{"hb":{"s":1,"a":9,"t":0,"e":null}}"#, at(0)).unwrap_err().reject, Reject::SequenceRange);
}

#[test]
fn only_what_was_sent_can_be_told_as_not_applied() {
    // HS-73
    let (mut client, _) = pair();
    let _sent = client.send("{}", at(0));
    for (from, count) in [(0, 1), (1, 0), (1, 2), (2, 1), (1, u64::MAX)] {
        let nack = frame::nack(Range { from, count });
        assert_eq!(client.handle_frame(nack.as_bytes(), at(0)).unwrap_err().reject, Reject::SequenceRange, "{nack}");
    }
    assert!(matches!(client.handle_frame(br#"{"nack":{"from":1,"count":1}}"#, at(0)), Ok(Event::NotApplied(_))));
}

#[test]
fn a_connection_that_is_taken_over_is_no_end_of_the_session() {
    // HS-85 HS-131
    for (code, is_over) in [("session.taken_over", false), ("drain", true), ("done", true)] {
        let (mut client, mut server) = pair();
        let bye = server.bye(code);
        assert!(matches!(client.handle_frame(bye.as_bytes(), at(0)), Ok(Event::Bye { .. })), "{code}");
        assert_eq!(client.is_over(), is_over, "{code}");
        let later = client.handle_frame(b"{\"ping\":\"x\"}", at(0));
        assert_eq!(later.unwrap_err().reject, Reject::UnexpectedMessage, "{code}: nothing more is taken on this connection");
    }
}

#[test]
fn the_end_tells_what_never_arrived() {
    let (mut client, mut server) = pair();
    for _ in 0..3 {
        let _ = server.send("{}", at(0));
    }
    let bye = server.bye("done");
    let heard = client.handle_frame(bye.as_bytes(), at(0));
    assert!(matches!(heard, Ok(Event::Bye { missed: Some(Range { from: 1, count: 3 }), .. })), "{heard:?}");
    let (mut client, _) = pair();
    let boast = r#"{"bye":{"code":"done","last":18446744073709551615}}"#;
    let heard = client.handle_frame(boast.as_bytes(), at(0));
    assert!(matches!(heard, Ok(Event::Bye { missed: Some(Range { from: 1, count: u64::MAX }), .. })), "{heard:?}");
}

#[test]
fn a_peer_that_provokes_without_reading_is_cut() {
    // HS-77
    let (_, mut server) = pair();
    let refused = (0..=limits::TRANSMIT_QUEUE_MAX).find_map(|_| server.handle_frame(b"{\"ping\":\"x\"}", at(0)).err());
    assert_eq!(refused.unwrap().reject, Reject::SlowConsumer);
}

#[test]
fn every_message_in_every_state() {
    // HS-76
    let messages = [
        r#"{"s":1,"a":1,"d":{}}"#,
        r#"{"busy":{"retry_ms":9}}"#,
        r#"{"bye":{"code":"done","last":0}}"#,
        r#"{"drain":{"by_ms":5,"to":["b:1"],"why":"x"}}"#,
        r#"{"err":{"code":"halt.active"}}"#,
        r#"{"hb":{"s":1,"a":1,"t":5,"e":null}}"#,
        r#"{"nack":{"from":1,"count":1}}"#,
        r#"{"nonce":"cs1n.AA.AA"}"#,
        r#"{"ping":"x"}"#,
        r#"{"pong":"x"}"#,
        r#"{"ready":"ch"}"#,
        r#"{"gap":{"from":1,"count":1,"how":"lost"}}"#,
        r#"{"halt":{"id":"H-1","action":"freeze","reason":"runaway"}}"#,
        r#"{"lift":{}}"#,
        r#"{"reauth":"x"}"#,
        r#"{"refresh":"x"}"#,
        r#"{"regrant":"x","sec":"y"}"#,
        r#"{"nonce":""}"#,
        r#"{"replay":{"from":1,"count":1}}"#,
        r#"{"resume":"x"}"#,
        r#"{"hello":"x"}"#,
        r#"{"welcome":"x"}"#,
    ];
    let mut table = String::new();
    for side in [Side::Client, Side::Server] {
        for state in ["Open", "Away", "Over"] {
            for message in messages {
                let mut machine = SessionMachine::new(side, HB, DAY, at(0));
                let _sent = machine.send("{}", at(0));
                match state {
                    "Away" => machine.leave(),
                    "Over" => drop(machine.bye("done")),
                    _ => {}
                }
                let outcome = match machine.handle_frame(message.as_bytes(), at(0)) {
                    Ok(event) => format!("{event:?}"),
                    Err(refusal) => format!("refused {} ({})", refusal.reject, refusal.reject.alert().as_str()),
                };
                let sends = machine.poll_transmit(at(0)).unwrap_or_default();
                writeln!(table, "{side:?} {state} | {message} | {outcome} | {sends}").unwrap();
            }
        }
    }
    insta::assert_snapshot!("messages", table);
}
