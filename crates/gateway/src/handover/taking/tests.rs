#![allow(clippy::unwrap_used)]
use std::time::Duration;

use tokio::time::Instant;

use super::*;

const SID: SessionId = SessionId::from_bytes([5; 16]);
const HANDED: Handed = Handed::InMemory { at_rest: true };

/// As the process before answers whoever asks for a session that it has handed over already.
async fn answer_unknown(predecessor: &Predecessor, wishes: &mut mpsc::Receiver<SessionId>) {
    assert_eq!(wishes.recv().await, Some(SID));
    assert!(!predecessor.deliver(SID, Handed::Unknown));
}

#[tokio::test]
async fn a_session_that_came_unasked_is_whoevers_comes_first() {
    let (predecessor, mut wishes) = Predecessor::of_tests();
    assert!(predecessor.deliver(SID, HANDED));
    assert_eq!(predecessor.session(SID).await, Ok(HANDED));
    assert_eq!(predecessor.claim(SID), None, "whoever takes it in finds nothing any more");
    let (again, ()) = tokio::join!(predecessor.session(SID), answer_unknown(&predecessor, &mut wishes));
    assert_eq!(again, Ok(Handed::Unknown));
}

#[tokio::test]
async fn a_session_that_comes_as_the_last_thing_is_not_unknown() {
    // Heard by nobody until the process before is gone, as on a machine that is busy. Which of two things a waiting task hears of
    // first is drawn by lot.
    for _ in 0..64 {
        let (predecessor, mut wishes) = Predecessor::of_tests();
        let asked = predecessor.session(SID);
        tokio::pin!(asked);
        assert!(futures_util::poll!(asked.as_mut()).is_pending());
        assert_eq!(wishes.recv().await, Some(SID));
        assert!(predecessor.deliver(SID, HANDED));
        predecessor.gone.send_replace(true);
        assert_eq!(asked.await, Ok(HANDED));
    }
}

#[tokio::test]
async fn a_session_outlives_the_client_that_asked_for_it() {
    let (predecessor, mut wishes) = Predecessor::of_tests();
    let mut asked = Box::pin(predecessor.session(SID));
    assert!(futures_util::poll!(asked.as_mut()).is_pending());
    assert_eq!(wishes.recv().await, Some(SID));
    assert!(predecessor.deliver(SID, HANDED), "whoever takes in what comes is told of it, too");
    drop(asked);
    assert_eq!(predecessor.session(SID).await, Ok(HANDED));
}

#[tokio::test]
async fn a_session_that_comes_while_it_is_asked_for_is_not_unknown() {
    let (predecessor, mut wishes) = Predecessor::of_tests();
    let crossing = async {
        assert_eq!(wishes.recv().await, Some(SID));
        // It had left before the question was heard, and went to nobody: the one who asks had given up, and asks again.
        predecessor.waiting.lock().clear();
        assert!(predecessor.deliver(SID, HANDED));
    };
    let (first, ()) = tokio::join!(predecessor.session(SID), crossing);
    assert_eq!(first, Err(StillThere));
    assert_eq!(predecessor.session(SID).await, Ok(HANDED));
}

#[tokio::test(start_paused = true)]
async fn a_fix_session_waits_until_the_process_before_has_let_go_of_all() {
    let (predecessor, _wishes) = Predecessor::of_tests();
    let mut over = std::pin::pin!(predecessor.fix_is_over());
    assert!(futures_util::poll!(over.as_mut()).is_pending());
    tokio::time::advance(FIX_DEADLINE - Duration::from_millis(1)).await;
    assert!(futures_util::poll!(over.as_mut()).is_pending());
    predecessor.fix_over.send_replace(true);
    assert!(over.await);
    assert!(predecessor.fix_is_over().await, "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn a_fix_session_does_not_wait_for_ever() {
    let (predecessor, _wishes) = Predecessor::of_tests();
    let began = Instant::now();
    assert!(!predecessor.fix_is_over().await, "the journals are still another process's");
    assert_eq!(began.elapsed(), FIX_DEADLINE);
}
