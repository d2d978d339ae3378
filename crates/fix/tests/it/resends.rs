//! Peers that ask for what they miss in pieces, as engines do with a ResendRequestChunkSize.

use countersign_fix::session::Peer;
use countersign_fix::{Event, MemoryStore, Message, SessionConfig, Version, limits};

use crate::script::{Stage, comp_id, peer_message};

/// Logged on, with as many reports sent as there are pieces.
fn stage(reports: u64) -> Stage {
    let config = SessionConfig::new(Version::Fix44, comp_id("GATE"), Peer::Is(comp_id("FIRM")));
    let mut stage = Stage::new(config, MemoryStore::default());
    stage.play("peer 1 A 98=0|108=30\nwe 1 A 98=0|108=30");
    for seq in 2..2 + reports {
        stage.play(&format!("send 8 11=n\nwe {seq} 8 11=n"));
    }
    stage
}

#[test]
fn whoever_asks_in_pieces_for_what_is_missing_gets_all_of_it() {
    let again = u64::from(limits::RESEND_REQUESTS_MAX);
    let pieces = 3 * again;
    let mut stage = stage(pieces);
    for missing in 2..2 + pieces {
        stage.play(&format!("peer {missing} 2 7={missing}|16={missing}\nwe {missing} 8 11=n|43=Y"));
    }
    for seq in pieces + 2..pieces + 2 + again {
        stage.play(&format!("peer {seq} 2 7=2|16=2\nwe 2 8 11=n|43=Y"));
    }
    let seq = pieces + 2 + again;
    stage.play(&format!("peer {seq} 2 7=2|16=2\nwe {} 5 58=Too many ResendRequests\nclosed Protocol", pieces + 2));
}

#[test]
fn pieces_that_wait_for_a_slow_peer_are_one_answer() {
    let mut stage = stage(8);
    for seq in 2..=9 {
        let message = peer_message(Version::Fix44, stage.now, &seq.to_string(), "2", &format!("7={seq}|16={seq}"));
        stage.session.handle_input(stage.now, &message);
    }
    stage.settle();
    for seq in 2..=9 {
        stage.play(&format!("we {seq} 8 11=n|43=Y"));
    }
    stage.play("quiet");
}

#[test]
fn pieces_with_holes_that_nobody_reads_are_bounded() {
    let reports = 2 * limits::TRANSMIT_MESSAGES_MAX as u64 + 8;
    let mut stage = stage(reports);
    let mut seq = 2;
    while stage.session.phase() == countersign_fix::Phase::LoggedOn && 2 * seq < reports {
        let message = peer_message(Version::Fix44, stage.now, &seq.to_string(), "2", &format!("7={}|16={}", 2 * seq, 2 * seq));
        stage.session.handle_input(stage.now, &message);
        seq += 1;
    }
    stage.settle();
    stage.play("closed SlowConsumer");
}

/// Orders and a cancel sent; orders are withheld, but for one.
fn guarded() -> Stage {
    let mut stage = stage(0);
    stage.withholds = |message| message.msg_type() == b"D" && message.first(11) != Some(b"kept");
    stage.play(
        "send D 11=a
         we 2 D 11=a
         send F 11=b
         we 3 F 11=b
         send D 11=c
         we 4 D 11=c
         send D 11=d
         we 5 D 11=d
         send D 11=kept
         we 6 D 11=kept",
    );
    stage
}

/// Numbers and names of what was withheld.
fn withheld(stage: &Stage) -> Vec<(u64, Vec<u8>)> {
    let of = |event: &Event| {
        let Event::ResendWithheld { seq, frame } = event else { return None };
        Some((*seq, Message::parse(frame).unwrap().first(11).unwrap().to_vec()))
    };
    stage.events.iter().filter_map(of).collect()
}

#[test]
fn what_is_withheld_is_filled_and_told_and_the_rest_is_sent_again() {
    let mut stage = guarded();
    stage.play(
        "peer 2 2 7=1|16=0
         we 1 4 36=2|43=Y|123=Y
         we 2 4 36=3|43=Y|123=Y
         we 3 F 11=b|43=Y
         we 4 4 36=5|43=Y|123=Y
         we 5 4 36=6|43=Y|123=Y
         we 6 D 11=kept|43=Y
         quiet
         open
         send D 11=next
         we 7 D 11=next",
    );
    assert_eq!(withheld(&stage), [(2, b"a".to_vec()), (4, b"c".to_vec()), (5, b"d".to_vec())]);
}

#[test]
fn what_is_withheld_is_so_each_time_that_it_is_asked_for_and_no_other() {
    let mut stage = guarded();
    stage.play(
        "peer 2 2 7=4|16=4
         we 4 4 36=5|43=Y|123=Y
         peer 3 2 7=3|16=3
         we 3 F 11=b|43=Y
         peer 4 2 7=4|16=4
         we 4 4 36=5|43=Y|123=Y
         quiet",
    );
    assert_eq!(withheld(&stage), [(4, b"c".to_vec()), (4, b"c".to_vec())]);
}

#[test]
fn session_messages_are_nobodys_to_withhold() {
    let mut stage = stage(0);
    stage.withholds = |_| true;
    // A Reject of ours, as sent again.
    stage.play("peer 2 2 7=9|16=9");
    let first = stage.sent.pop_back().map(|bytes| crate::script::shown(&bytes)).unwrap();
    assert!(first.starts_with("2 3 "), "{first}");
    stage.play("peer 3 2 7=2|16=2");
    let again = stage.sent.pop_back().map(|bytes| crate::script::shown(&bytes)).unwrap();
    assert!(again.starts_with("2 3 ") && again.contains("43=Y"), "{again}");
    assert!(withheld(&stage).is_empty());
}
