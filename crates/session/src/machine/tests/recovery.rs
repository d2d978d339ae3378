//! What was missed is told or sent again, and never executed twice.

use super::*;

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
