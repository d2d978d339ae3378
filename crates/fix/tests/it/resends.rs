//! Peers that ask for what they miss in pieces, as engines do with a ResendRequestChunkSize.

use countersign_fix::session::Peer;
use countersign_fix::{MemoryStore, SessionConfig, Version, limits};

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
