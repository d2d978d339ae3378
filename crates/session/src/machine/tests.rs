#![allow(clippy::unwrap_used)]

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
fn silence_brings_a_heartbeat_then_a_ping_then_the_end() {
    // HS-74 HS-75
    let (mut client, _) = pair();
    assert_eq!(client.poll_timeout(), Some(at(10_000).mono));
    assert_eq!(client.handle_timeout(at(9_999)), Liveness::Alive);
    assert_eq!(client.poll_transmit(at(9_999)), None);
    assert_eq!(client.handle_timeout(at(10_000)), Liveness::Alive);
    assert!(client.poll_transmit(at(10_000)).unwrap().starts_with("{\"hb\""));
    assert_eq!(client.poll_timeout(), Some(at(15_000).mono));
    assert_eq!(client.handle_timeout(at(15_000)), Liveness::Alive);
    assert_eq!(client.poll_transmit(at(15_000)), Some(frame::ping("alive")));
    assert_eq!(client.handle_timeout(at(19_999)), Liveness::Alive);
    assert_eq!(client.handle_timeout(at(20_000)), Liveness::Dead);
    assert_eq!(client.poll_timeout(), Some(at(0).mono.saturating_add(DAY)), "the session goes on to its end");
}

#[test]
fn any_frame_is_a_sign_of_life() {
    // HS-75
    let (mut client, mut server) = pair();
    assert_eq!(client.handle_timeout(at(15_000)), Liveness::Alive);
    let ping = client.poll_transmit(at(15_000)).unwrap();
    assert!(matches!(server.handle_frame(ping.as_bytes(), at(15_100)), Ok(Event::Nothing)));
    let pong = server.poll_transmit(at(15_100)).unwrap();
    assert!(matches!(client.handle_frame(pong.as_bytes(), at(15_200)), Ok(Event::Nothing)));
    assert_eq!(client.handle_timeout(at(20_000)), Liveness::Alive);
    assert_eq!(client.handle_timeout(at(35_200)), Liveness::Dead);
}

#[test]
fn two_idle_ends_keep_each_other_alive() {
    // HS-74
    let (mut client, mut server) = pair();
    for millis in (0..600_000).step_by(100) {
        let now = at(millis);
        assert_eq!((client.handle_timeout(now), server.handle_timeout(now)), (Liveness::Alive, Liveness::Alive), "{millis}");
        while let Some(frame) = client.poll_transmit(now) {
            let _ = server.handle_frame(frame.as_bytes(), now).unwrap();
        }
        while let Some(frame) = server.poll_transmit(now) {
            let _ = client.handle_frame(frame.as_bytes(), now).unwrap();
        }
    }
}

#[test]
fn a_session_ends_with_its_life() {
    let mut server = SessionMachine::new(Side::Server, HB, Duration::from_secs(1), at(0));
    assert_eq!(server.poll_timeout(), Some(at(1_000).mono));
    assert_eq!(server.handle_timeout(at(1_000)), Liveness::Expired);
    let bye = server.bye("session.expired");
    let (mut client, _) = pair();
    assert!(matches!(client.handle_frame(bye.as_bytes(), at(1_000)), Ok(Event::Bye { code, missed: None }) if code == "session.expired"));
    assert_eq!(client.handle_frame(b"{\"ping\":\"x\"}", at(1_000)).unwrap_err().reject, Reject::UnexpectedMessage);
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

fn told(machine: &mut SessionMachine) -> Vec<String> {
    std::iter::from_fn(|| machine.poll_transmit(at(0))).collect()
}

fn recoverable() -> (SessionMachine, SessionMachine) {
    let (client, server) = pair();
    let keeping = Keeping { messages: 3, time: DAY };
    (client.recoverable(keeping), server.recoverable(keeping))
}

#[test]
fn what_a_client_missed_follows_unasked() {
    // HS-87 HS-88
    let (mut client, mut server) = recoverable();
    let frame = server.send("{\"n\":1}", at(0));
    assert_eq!(deliver(&mut client, &frame), 1);
    let _lost = server.send("{\"n\":2}", at(0));
    server.note_refusal("{\"err\":{}}", at(0));
    server.leave();
    client.leave();
    let _kept = server.send("{\"n\":3}", at(0));
    assert_eq!(server.take_up(client.standing(), at(0)), Ok(None));
    client.go_on(server.standing(), None, at(0));
    let frames = told(&mut server);
    assert_eq!(frames.len(), 3);
    assert_eq!(deliver(&mut client, &frames[0]), 2);
    assert!(matches!(client.handle_frame(frames[1].as_bytes(), at(0)), Ok(Event::Err(_))));
    assert_eq!(deliver(&mut client, &frames[2]), 3);
    let next = server.send("{\"n\":4}", at(0));
    assert_eq!(deliver(&mut client, &next), 4);
}

#[test]
fn what_is_no_longer_kept_is_told_as_lost() {
    // HS-88 HS-89
    let (mut client, mut server) = recoverable();
    client.leave();
    server.leave();
    for n in 0..5 {
        let _kept = server.send(&format!("{{\"n\":{n}}}"), at(0));
    }
    let lost = server.take_up(client.standing(), at(0)).unwrap();
    assert_eq!(lost, Some(Range { from: 1, count: 2 }));
    client.go_on(server.standing(), lost, at(0));
    let numbers: Vec<u64> = told(&mut server).iter().map(|frame| deliver(&mut client, frame)).collect();
    assert_eq!(numbers, [3, 4, 5]);
}

#[test]
fn no_order_is_in_doubt_after_a_lost_connection() {
    // HS-87
    let (mut client, mut server) = recoverable();
    let first = client.send("{\"n\":1}", at(0));
    assert_eq!(deliver(&mut server, &first), 1);
    let second = client.send("{\"n\":2}", at(0));
    server.leave();
    client.leave();
    assert_eq!(server.take_up(client.standing(), at(0)), Ok(None));
    assert_eq!(server.standing().rx, 2, "the second was never applied");
    client.go_on(server.standing(), None, at(0));
    let third = client.send("{\"n\":3}", at(0));
    assert_eq!(deliver(&mut server, &third), 2, "its number is used again, for what the application decides on");
    assert_eq!(server.handle_frame(second.as_bytes(), at(0)).unwrap_err().reject, Reject::SequenceConflict, "a late copy is not applied");
}

#[test]
fn a_client_cannot_stand_where_it_never_was() {
    // HS-87
    let (mut client, mut server) = recoverable();
    let frame = client.send("{}", at(0));
    assert_eq!(deliver(&mut server, &frame), 1);
    let _sent = server.send("{}", at(0));
    let _ = server.handle_frame(br#"{"hb":{"s":2,"a":2,"t":1,"e":null}}"#, at(0)).unwrap();
    server.leave();
    for theirs in [Standing { rx: 3, tx: 2 }, Standing { rx: 1, tx: 2 }, Standing { rx: 2, tx: 1 }] {
        assert_eq!(server.take_up(theirs, at(0)).unwrap_err().reject, Reject::SequenceRange, "{theirs:?}");
    }
    assert_eq!(server.handle_frame(b"{\"ping\":\"x\"}", at(0)).unwrap_err().reject, Reject::UnexpectedMessage, "still away");
    assert!(server.take_up(Standing { rx: 2, tx: 9 }, at(0)).is_ok());
    let _ = server.bye("done");
    assert_eq!(server.take_up(Standing { rx: 2, tx: 9 }, at(0)).unwrap_err().reject, Reject::SessionUnknown, "a clean end is the end");
}

#[test]
fn a_hole_in_a_recoverable_flow_is_filled_before_anything_behind_it() {
    // HS-90
    let (mut client, mut server) = recoverable();
    let frames: Vec<String> = (1..=3).map(|n| server.send(&format!("{{\"n\":{n}}}"), at(0))).collect();
    assert!(matches!(client.handle_frame(frames[1].as_bytes(), at(0)), Ok(Event::Nothing)));
    assert!(matches!(client.handle_frame(frames[2].as_bytes(), at(0)), Ok(Event::Nothing)), "asked already");
    let asked = told(&mut client);
    assert_eq!(asked, [frame::replay(Range { from: 1, count: 2 })]);
    assert!(matches!(server.handle_frame(asked[0].as_bytes(), at(0)), Ok(Event::Nothing)));
    let numbers: Vec<u64> = told(&mut server).iter().map(|frame| deliver(&mut client, frame)).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(matches!(client.handle_frame(server.send("{}", at(0)).as_bytes(), at(0)), Ok(Event::Nothing)), "the third is asked for now");
    assert_eq!(told(&mut client), [frame::replay(Range { from: 3, count: 2 })]);
}

#[test]
fn a_hole_that_nobody_can_fill_is_told_and_passed_over() {
    // HS-90
    let (mut client, mut server) = recoverable();
    let mut last = String::new();
    for n in 0..5 {
        last = server.send(&format!("{{\"n\":{n}}}"), at(0));
    }
    let _ = client.handle_frame(last.as_bytes(), at(0)).unwrap();
    let asked = told(&mut client);
    let _ = server.handle_frame(asked[0].as_bytes(), at(0)).unwrap();
    let frames = told(&mut server);
    assert_eq!(frames[0], frame::lost(Range { from: 1, count: 2 }));
    assert!(matches!(client.handle_frame(frames[0].as_bytes(), at(0)), Ok(Event::Lost(Range { from: 1, count: 2 }))));
    assert_eq!(frames[1..].iter().map(|frame| deliver(&mut client, frame)).collect::<Vec<_>>(), [3, 4, 5]);
    let beyond = frame::lost(Range { from: 7, count: 1 });
    assert_eq!(client.handle_frame(beyond.as_bytes(), at(0)).unwrap_err().reject, Reject::UnexpectedMessage, "a hole before it");
}

#[test]
fn a_gap_that_was_told_is_told_again_without_harm() {
    // HS-90: a heartbeat that was under way ended the wait, so the same was asked twice, and the gateway answered twice.
    let (mut client, mut server) = recoverable();
    let send = |server: &mut SessionMachine| server.send("{}", at(0));
    let last = (0..5).map(|_| send(&mut server)).last().unwrap();
    let _ = client.handle_frame(last.as_bytes(), at(0)).unwrap();
    let first = told(&mut client).remove(0);
    let _ = client.handle_frame(br#"{"hb":{"s":6,"a":1,"t":0,"e":null}}"#, at(0)).unwrap();
    let second = told(&mut client).remove(0);
    assert_eq!(first, second);
    let _ = server.handle_frame(first.as_bytes(), at(0)).unwrap();
    let frames = told(&mut server);
    assert_eq!(frames[0], frame::lost(Range { from: 1, count: 2 }));
    assert!(matches!(client.handle_frame(frames[0].as_bytes(), at(0)), Ok(Event::Lost(_))));
    assert_eq!(deliver(&mut client, &frames[1]), 3);
    // Meanwhile two more are forgotten.
    let newer = [send(&mut server), send(&mut server)];
    let _ = server.handle_frame(second.as_bytes(), at(0)).unwrap();
    let again = told(&mut server);
    assert_eq!(again[0], frame::lost(Range { from: 1, count: 4 }));
    assert!(matches!(client.handle_frame(frames[0].as_bytes(), at(0)), Ok(Event::Nothing)), "wholly known");
    assert!(matches!(client.handle_frame(again[0].as_bytes(), at(0)), Ok(Event::Lost(Range { from: 4, count: 1 }))), "what is new of it");
    assert_eq!(again[1..].iter().chain(&newer).map(|frame| deliver(&mut client, frame)).collect::<Vec<_>>(), [5, 6, 7]);
    for from in [0, u64::MAX] {
        let gap = frame::lost(Range { from, count: 1 });
        assert_eq!(client.handle_frame(gap.as_bytes(), at(0)).unwrap_err().reject, Reject::UnexpectedMessage, "{from}");
    }
}

#[test]
fn replays_of_what_was_never_sent_are_refused() {
    // HS-90
    let (_, mut server) = recoverable();
    let _sent = server.send("{}", at(0));
    for (from, count) in [(0, 1), (1, 0), (1, 2), (2, 1), (1, 1_000_000_000), (1, u64::MAX)] {
        let asked = frame::replay(Range { from, count });
        assert_eq!(server.handle_frame(asked.as_bytes(), at(0)).unwrap_err().reject, Reject::SequenceRange, "{asked}");
    }
}

#[test]
fn a_session_that_is_away_ends_with_its_life() {
    // HS-91
    let (mut client, _) = pair();
    client.leave();
    assert_eq!((client.poll_timeout(), client.handle_timeout(at(30_000))), (Some(at(0).mono.saturating_add(DAY)), Liveness::Alive));
    assert_eq!(client.handle_timeout(at(86_400_000)), Liveness::Expired);
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
