//! What is to be done with the orders of a FIX session whose node is lost: who is told of it, and for how long.

use countersign_fix::MessageStore as _;
use countersign_store::{BridgeJournals, CommitError, FixLeft, LostWill, OpenError, limits};

use super::fix_nodes::Node;
use super::postgres_server::PostgresServer;

const WILL: &[u8] = b"cancel";

/// The wills that a node finds, once it finds one.
async fn found(node: &Node) -> Vec<Vec<u8>> {
    for _ in 0..240 {
        let wills = node.records.wills("").await.unwrap_or_default();
        if !wills.is_empty() {
            return wills.into_iter().filter_map(|lost| lost.will).collect();
        }
        tokio::time::sleep(limits::FIX_LOOK).await;
    }
    panic!("no will was found");
}

#[tokio::test]
async fn a_will_is_for_whoever_has_the_session_next_until_it_is_done() {
    let server = PostgresServer::start();
    let address = server.database("lost").await;
    let (a, b, c) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await, Node::new(&address, "c", None).await);
    let lost = a.open().await;
    assert_eq!(lost.will(), None);
    lost.leave_will(WILL).await.unwrap();
    assert_eq!(b.records.wills("").await.unwrap(), [], "its node has it");
    // Nobody renews; the lease runs out.
    assert_eq!(found(&b).await, [WILL]);
    let taken = b.open().await;
    assert_eq!(taken.will(), Some(WILL));
    assert_eq!(lost.leave_will(b"other").await, Err(CommitError::Elsewhere), "the first says nothing more");
    // The venue was away: it is for the next, at once and with the same numbers.
    let next = taken.upstream.next_sender();
    taken.give_back_with_will().await;
    let LostWill { journal, account, will } = c.records.wills("").await.unwrap().pop().unwrap();
    assert_eq!((account.as_str(), will.as_deref()), ("desk", Some(WILL)));
    assert_eq!(c.records.wills(&journal).await.unwrap(), []);
    let taken = c.open().await;
    assert_eq!((taken.will(), taken.upstream.next_sender()), (Some(WILL), next));
    // Lost before it was done.
    drop(taken);
    assert_eq!(found(&b).await, [WILL]);
    let mut taken = c.open().await;
    assert_eq!(taken.will(), Some(WILL));
    taken.forget_will().await.unwrap();
    assert_eq!(taken.will(), None);
    taken.give_back().await;
    assert_eq!(a.open().await.will(), None);
    // Nobody reads it in the database.
    let again = b.open().await;
    again.leave_will(WILL).await.unwrap();
    let mut raw = server.raw("lost").await;
    let clear = "SELECT count(*) FROM fix_journals WHERE position('cancel' IN encode(will, 'escape')) > 0";
    let clear: i64 = sqlx::query_scalar(clear).fetch_one(&mut raw).await.unwrap();
    assert_eq!(clear, 0);
}

#[tokio::test]
async fn a_session_that_ends_in_order_leaves_none_also_while_the_database_is_away() {
    let mut server = PostgresServer::start();
    let address = server.database("order").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let ended = a.open().await;
    ended.leave_will(WILL).await.unwrap();
    ended.give_back().await;
    let ended = b.open().await;
    assert_eq!(ended.will(), None);
    ended.leave_will(WILL).await.unwrap();
    server.stop();
    assert_eq!(ended.give_back().await, FixLeft::Kept);
    server.start_again();
    // Its client is quicker than the next renewal: what it wanted kept is not cancelled.
    let again = loop {
        match b.of("desk").await {
            Ok(journals) => break journals,
            Err(error) => assert!(matches!(error, OpenError::Owing(_) | OpenError::Store(_)), "{error}"),
        }
    };
    assert_eq!(again.will(), None);
    again.leave_will(WILL).await.unwrap();
    server.stop();
    assert_eq!(again.give_back().await, FixLeft::Kept);
    server.start_again();
    // The first renewals may still meet the connections of before.
    while b.records.renew().await.is_err() {}
    assert_eq!(a.open().await.will(), None, "forgotten before anybody could find it");
}

/// The session, once its lease has run out.
async fn taken(node: &Node) -> BridgeJournals {
    loop {
        match node.of("desk").await {
            Ok(journals) => return journals,
            Err(error) => assert!(matches!(error, OpenError::Served), "{error}"),
        }
        tokio::time::sleep(limits::FIX_LOOK).await;
    }
}

#[tokio::test]
async fn what_is_not_kept_leaves_none_either_as_soon_as_the_database_is_back() {
    let mut server = PostgresServer::start();
    let address = server.database("void").await;
    let (a, b, c) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await, Node::new(&address, "c", None).await);
    // As a process does that is taken over from: it ends in order, is kept by nobody, and the database does not hear of it.
    let ended = a.open().await;
    ended.leave_will(WILL).await.unwrap();
    a.records.keep_no_more();
    server.stop();
    assert_eq!(ended.give_back().await, FixLeft::ToItsLease);
    server.start_again();
    while a.records.renew().await.is_err() {}
    let next = taken(&b).await;
    assert_eq!(next.will(), None, "nobody was lost");

    // The node that ended it hears of the database later than the next owner.
    next.leave_will(WILL).await.unwrap();
    b.records.keep_no_more();
    server.stop();
    assert_eq!(next.give_back().await, FixLeft::ToItsLease);
    server.start_again();
    let mut third = loop {
        if found_or_away(&c).await == [WILL] {
            break taken(&c).await;
        }
    };
    third.forget_will().await.unwrap();
    third.leave_will(b"of the third").await.unwrap();
    while b.records.renew().await.is_err() {}
    drop(third);
    assert_eq!(found(&a).await, [b"of the third"], "what stands is of another generation");
}

/// As [`found`], of a server that is on its way.
async fn found_or_away(node: &Node) -> Vec<Vec<u8>> {
    match node.records.wills("").await {
        Ok(wills) if !wills.is_empty() => wills.into_iter().filter_map(|lost| lost.will).collect(),
        Ok(_) | Err(_) => {
            tokio::time::sleep(limits::FIX_LOOK).await;
            Vec::new()
        }
    }
}

#[tokio::test]
async fn a_will_under_another_key_is_not_taken_for_none() {
    let server = PostgresServer::start();
    let address = server.database("sealed").await;
    let (a, other) = (Node::new(&address, "a", None).await, Node::with_key(&address, "b", [2; 32]).await);
    let lost = a.open().await;
    lost.leave_will(WILL).await.unwrap();
    drop(lost);
    // It has no journals of the session; and one that has them, from before its key was changed.
    let changed = a.started_again(&address, [2; 32]).await;
    for node in [&other, &changed] {
        assert!(matches!(node.of("desk").await, Err(OpenError::Sealed)));
    }
    let wills = loop {
        let wills = other.records.wills("").await.unwrap();
        if !wills.is_empty() {
            break wills;
        }
        tokio::time::sleep(limits::FIX_LOOK).await;
    };
    assert_eq!((wills.len(), wills[0].account.as_str(), &wills[0].will), (1, "desk", &None), "it is named all the same");
    // Nothing was taken, so nothing is left out for whoever has the key.
    let right = changed.started_again(&address, [1; 32]).await;
    let taken = right.open().await;
    assert_eq!((taken.will(), taken.upstream.next_sender()), (Some(WILL), 1));
}

/// What a statement about the only session with a will tells, in microseconds.
async fn told(server: &PostgresServer, database: &str, column: &str) -> Option<i64> {
    let one = format!("SELECT {column} FROM fix_journals WHERE will IS NOT NULL");
    sqlx::query_scalar(sqlx::AssertSqlSafe(one)).fetch_one(&mut server.raw(database).await).await.unwrap()
}

#[tokio::test]
async fn the_last_sign_of_life_of_a_lost_node_stays_until_its_will_is_done() {
    let server = PostgresServer::start();
    let address = server.database("moment").await;
    let (a, b, c) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await, Node::new(&address, "c", None).await);
    let lost = a.open().await;
    assert_eq!(lost.lost_at(), None);
    lost.leave_will(WILL).await.unwrap();
    a.records.renew().await.unwrap();
    let lease = i64::try_from(limits::FIX_LEASE.as_micros()).unwrap();
    let renewed = told(&server, "moment", "leased").await.unwrap() - lease;
    found(&b).await;
    // The venue is away: tried by two nodes, one of which is lost over it.
    let taken = b.open().await;
    let moment = |journals: &countersign_store::BridgeJournals| journals.lost_at().map(|at| i64::try_from(at.as_micros()).unwrap());
    assert_eq!(moment(&taken), Some(renewed), "not when its lease ran out");
    b.records.renew().await.unwrap();
    taken.give_back_with_will().await;
    let taken = c.open().await;
    assert_eq!(moment(&taken), Some(renewed));
    drop(taken);
    found(&b).await;
    let mut taken = b.open().await;
    assert_eq!(moment(&taken), Some(renewed));
    // Done; the next session is lost for itself.
    taken.forget_will().await.unwrap();
    assert_eq!(taken.lost_at(), None);
    taken.leave_will(WILL).await.unwrap();
    assert_eq!(told(&server, "moment", "lost").await, None);
    // It ended here and could not cancel: what there was at its end, and not at the next renewal that never comes.
    let before = told(&server, "moment", "countersign_micros(clock_timestamp())").await;
    taken.give_back_with_will().await;
    let after = told(&server, "moment", "countersign_micros(clock_timestamp())").await;
    let ended = moment(&c.open().await);
    assert!(before <= ended && ended <= after, "{before:?} {ended:?} {after:?}");
}
