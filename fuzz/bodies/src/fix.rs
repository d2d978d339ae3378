//! FIX streams: framing, and a session that accepts every Logon.

use std::time::Duration;

use countersign_core::{Monotonic, Now, Timestamp};
use countersign_fix::session::{AdminFields, Peer, ResetPolicy, Routing};
use countersign_fix::{CompId, Event, Framed, Framer, MemoryStore, Message, Phase, Session, SessionConfig, Version, limits};

/// Time between two inputs: less than a heartbeat, so that timers fire in between now and then.
const STEP: Duration = Duration::from_millis(700);

/// Longest message that is framed here.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// A stream framed whole and in pieces of a size given by its first byte gives the same; a session of every version, fed the same
/// pieces, sends only messages that can be read and keeps what waits within bounds. `|` stands for SOH.
pub fn fix_session(data: &[u8]) {
    let Some((size, rest)) = data.split_first() else { return };
    let stream: Vec<u8> = rest.iter().map(|byte| if *byte == b'|' { 1 } else { *byte }).collect();
    let pieces: Vec<&[u8]> = stream.chunks(usize::from(*size).max(1)).collect();
    assert_eq!(frames(&[&stream]), frames(&pieces), "a stream may be cut anywhere");
    for version in Version::ALL {
        run(version, &pieces);
    }
}

fn frames(inputs: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut framer = Framer::new(MESSAGE_BYTES_MAX);
    let mut found = Vec::new();
    for input in inputs {
        framer.push(input);
        while let Some(framed) = framer.next_frame() {
            found.push(match framed {
                Framed::Frame(frame) => Some(frame.to_vec()),
                Framed::Garbled(_) => None,
            });
        }
        assert!(framer.buffered() <= MESSAGE_BYTES_MAX + input.len(), "what is kept is bounded");
    }
    found
}

fn run(version: Version, pieces: &[&[u8]]) {
    let mut now = Now { wall: Timestamp::from_secs(1_795_824_000), mono: Monotonic::from_micros(0) };
    let name = |text: &str| CompId::parse(text.as_bytes()).expect("a plain name is a CompID");
    let mut config = SessionConfig::new(version, name("GATE"), Peer::Is(name("FIRM")));
    config.reset = ResetPolicy::AtLogonAndWithin;
    config.routing = Routing::Allow;
    config.admin_fields = AdminFields::Strict;
    let mut session = Session::acceptor(config, now);
    for piece in pieces.iter().take(512) {
        session.handle_input(now, piece);
        if session.phase() == Phase::AwaitVerification && session.accept_logon(now, MemoryStore::default(), &[]).is_err() {
            let _ = session.accept_reset(now, &[]);
        }
        session.handle_timeout(now);
        while let Some(event) = session.poll_event() {
            if let Event::Application(message) = event {
                assert!(message.seq() <= limits::SEQ_NUM_MAX);
                assert!(Message::parse(message.message().frame()).is_ok());
            }
        }
        let mut sent = 0;
        while let Some(bytes) = session.poll_transmit(now) {
            sent += 1;
            assert!(sent <= limits::TRANSMIT_MESSAGES_MAX + limits::STORED_MESSAGES_MAX, "what waits to be sent is bounded");
            assert!(Message::parse(&bytes).is_ok(), "what we send can be read");
        }
        let expected = session.store().map_or(0, countersign_fix::MessageStore::next_target);
        assert!(expected <= limits::SEQ_NUM_MAX);
        now = Now { wall: now.wall.saturating_add(STEP), mono: now.mono.saturating_add(STEP) };
    }
}
