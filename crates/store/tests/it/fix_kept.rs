//! Sessions that end while the database is away: whose they are then, and what becomes of them when it is back.

use countersign_fix::MessageStore as _;
use countersign_store::{BridgeJournals, CommitError, FixSide, KeptEnd, OpenError, Touch, limits};

use super::fix_nodes::{FROM_CLIENT, KEY, Node, numbers, take};
use super::postgres_server::PostgresServer;

const WILL: &[u8] = b"cancel";

/// A session that said something which the database does not know of, and ended.
async fn ended(node: &Node, server: &mut PostgresServer, seq: u64) {
    let journals = node.open().await;
    journals.leave_will(WILL).await.unwrap();
    server.stop();
    take(&journals, seq);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    assert!(journals.is_behind());
    journals.give_back().await;
    assert_eq!(node.records.kept_sessions(), 1);
}

/// Until the database has everything that a node kept.
async fn given_back(node: &Node) {
    while node.records.kept_sessions() > 0 {
        // A server that is on its way does not answer the first time.
        drop(node.records.renew().await);
        tokio::task::yield_now().await;
    }
}

/// Opens a session at a server that is on its way.
async fn opened(node: &Node) -> BridgeJournals {
    loop {
        match node.of("desk").await {
            Ok(journals) => return journals,
            Err(error) => assert!(matches!(error, OpenError::Store(_)), "{error}"),
        }
    }
}

fn owes<T: std::fmt::Debug>(opened: Result<T, OpenError>) -> &'static str {
    match opened {
        Err(OpenError::Owing(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_that_ended_without_the_database_goes_on_where_it_was() {
    let mut server = PostgresServer::start();
    let address = server.database("goes-on").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    ended(&a, &mut server, 1).await;
    assert!(matches!(b.of("desk").await, Err(OpenError::Store(_))), "nobody else knows of it");
    for (seq, round) in [(2, "at first"), (3, "and once more")] {
        let again = a.open().await;
        assert!(again.went_on() && again.is_behind() && !again.came_from_elsewhere(), "{round}");
        assert_eq!((numbers(&again), a.records.kept_sessions()), ([(seq, 1), (1, seq)], 0), "{round}");
        assert_eq!((again.will(), again.standing_will().await.as_deref()), (None, Some(WILL)), "it stands, and is not to be carried out");
        take(&again, seq);
        again.commit(&FROM_CLIENT, false).await.unwrap();
        again.leave_will_later(b"anew").await;
        assert!(a.of("desk").await.is_err(), "it is open once");
        again.give_back().await;
    }
    let again = a.open().await;
    again.leave_will_later(b"anew").await;
    server.start_again();
    a.caught_up(&again).await;
    assert_eq!(again.standing_will().await.as_deref(), Some(&b"anew"[..]), "before orders pass");
    take(&again, 4);
    again.commit(&FROM_CLIENT, true).await.unwrap();
    again.give_back().await;
    assert_eq!(a.records.kept_sessions(), 0);
    let taken = b.open().await;
    assert_eq!((numbers(&taken), taken.will()), ([(5, 1), (1, 5)], None));
}

#[tokio::test]
async fn what_was_kept_is_given_back_when_the_database_is_back() {
    let mut server = PostgresServer::start();
    let address = server.database("given").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    ended(&a, &mut server, 1).await;
    assert!(a.records.renew().await.is_err());
    assert_eq!(a.records.kept_sessions(), 1);
    server.start_again();
    given_back(&a).await;
    let taken = b.open().await;
    assert_eq!((numbers(&taken), taken.will()), ([(2, 1), (1, 2)], None), "all of it, and no number is left out");
    assert_eq!(a.records.kept_ends(), []);
    // Its client is quicker than the next renewal.
    taken.give_back().await;
    ended(&b, &mut server, 2).await;
    server.start_again();
    let again = opened(&b).await;
    assert!(!again.went_on());
    assert_eq!((numbers(&again), again.will(), b.records.kept_sessions()), ([(3, 1), (1, 3)], None, 0));
}

#[tokio::test]
async fn what_owes_something_waits_for_the_database() {
    let mut server = PostgresServer::start();
    let address = server.database("owes").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    // A will that was not carried out.
    let journals = a.open().await;
    journals.leave_will(WILL).await.unwrap();
    server.stop();
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    journals.give_back_with_will().await;
    assert!(owes(a.of("desk").await).contains("not cancelled"));
    server.start_again();
    given_back(&a).await;
    let mut taken = b.open().await;
    assert_eq!((numbers(&taken), taken.will()), ([(2, 1), (1, 2)], Some(WILL)), "it is for whoever is next");
    taken.forget_will().await.unwrap();
    // An order that has no copy.
    server.stop();
    take(&taken, 2);
    assert_eq!(taken.commit(&FROM_CLIENT, true).await, Err(CommitError::Unshared));
    taken.give_back().await;
    assert!(owes(b.of("desk").await).contains("order"));
    server.start_again();
    given_back(&b).await;
    assert_eq!(numbers(&a.open().await), [(3, 1), (1, 3)], "it is in the copy now");
}

#[tokio::test]
async fn a_session_that_is_new_to_a_process_waits_for_the_database() {
    let mut server = PostgresServer::start();
    let address = server.database("new").await;
    let a = Node::new(&address, "a", None).await;
    a.open().await.give_back().await;
    server.stop();
    assert!(matches!(a.of("desk").await, Err(OpenError::Store(_))), "it was given back: it may be anybody's");
    server.start_again();
    let journals = opened(&a).await;
    assert_eq!(numbers(&journals), [(1, 1), (1, 1)]);
    drop(journals);
    ended(&a, &mut server, 1).await;
    server.start_again();
    let again = a.started_again(&address, KEY).await;
    server.stop();
    assert!(matches!(again.of("desk").await, Err(OpenError::Store(_))), "who had it last only the database knows");
}

#[tokio::test]
async fn another_node_that_took_it_is_the_one_that_has_it() {
    let mut server = PostgresServer::start();
    let address = server.database("fence").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    ended(&a, &mut server, 1).await;
    let again = a.open().await;
    server.start_again();
    // The first is cut off: it renews nothing, and the lease runs out.
    let taken = b.open().await;
    let far = limits::FIX_LEFT_OUT;
    assert_eq!(numbers(&taken), [(1, 1 + far), (1, 1 + far)]);
    a.records.renew().await.unwrap();
    assert_eq!(*again.touch().unwrap().borrow(), Touch::Elsewhere);
    take(&again, 2);
    assert_eq!(again.commit(&FROM_CLIENT, false).await, Err(CommitError::Elsewhere), "nothing more is said here");
    again.give_back().await;
    assert_eq!(a.records.kept_sessions(), 0);
    // Nobody was there.
    take(&taken, 1);
    taken.commit(&[FixSide::Upstream, FixSide::Client], true).await.unwrap();
    taken.give_back().await;
    ended(&b, &mut server, 2).await;
    server.start_again();
    let taken = opened(&a).await;
    assert_eq!(numbers(&taken), [(2, 1 + 2 * far), (1, 2 + 2 * far)]);
    b.records.renew().await.unwrap();
    assert_eq!((b.records.kept_sessions(), b.records.kept_ends()), (0, vec![KeptEnd::Elsewhere]));
    take(&taken, 2);
    taken.commit(&FROM_CLIENT, true).await.unwrap();
    assert_eq!(taken.client.next_target(), 3, "what the other knew alone is nobody's");
}
