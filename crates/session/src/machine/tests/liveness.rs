//! Heartbeats, pings, and the ends that the clock brings.

use super::*;

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
fn a_session_that_is_away_ends_with_its_life() {
    // HS-91
    let (mut client, _) = pair();
    client.leave();
    assert_eq!((client.poll_timeout(), client.handle_timeout(at(30_000))), (Some(at(0).mono.saturating_add(DAY)), Liveness::Alive));
    assert_eq!(client.handle_timeout(at(86_400_000)), Liveness::Expired);
}
