//! What a FIX session says to the database, and what arrives late or is never answered.

use std::time::Duration;

use countersign_store::{FixLeft, KeptEnd, OpenError, limits};

use super::fix_nodes::{FROM_CLIENT, Node, numbers, take};
use super::postgres_server::PostgresServer;
use super::postgres_wire::{Fate, PostgresWire};

async fn leased(server: &PostgresServer, database: &str) -> Vec<i64> {
    sqlx::query_scalar("SELECT leased FROM fix_journals").fetch_all(&mut server.raw(database).await).await.unwrap()
}

#[tokio::test]
async fn what_gives_a_session_back_and_arrives_behind_a_renewal_is_not_carried_out() {
    let server = PostgresServer::start();
    server.database("late").await;
    for with_will in [false, true] {
        let wire = PostgresWire::start(server.folder());
        let node = Node::new(&wire.address("late"), "a", None).await;
        let journals = node.of("desk").await.unwrap();
        journals.leave_will(b"cancel").await.unwrap();
        wire.tell(Some(Fate::Delayed("leased = $2")));
        let left = if with_will { journals.give_back_with_will().await } else { journals.give_back().await };
        assert_eq!(left, FixLeft::Kept, "it was not answered");
        // As a renewal does it, which would give the session back again.
        server.edit("late", "UPDATE fix_journals SET leased = leased + 1".to_owned()).await.unwrap();
        drop((journals, node));
        wire.release().await;
        assert!(leased(&server, "late").await.iter().all(|leased| *leased > 1), "nobody knows that it was given back");
    }
}

#[tokio::test]
async fn rows_that_a_node_which_fell_silent_holds_are_free_before_a_lease_is_over() {
    let server = PostgresServer::start();
    server.database("held").await;
    let wire = PostgresWire::start(server.folder());
    let node = Node::new(&wire.address("held"), "a", None).await;
    let journals = node.of("desk").await.unwrap();
    wire.tell(Some(Fate::Held("COMMIT\0")));
    assert_eq!(journals.give_back().await, FixLeft::Kept, "it was not answered");
    // As another node renews its leases, of which one is in the same rows.
    let renewal = server.edit("held", "UPDATE fix_journals SET leased = leased + 1".to_owned());
    tokio::time::timeout(Duration::from_secs(5), renewal).await.expect("whoever is silent holds up nobody").unwrap();
    drop((journals, node));
    wire.release().await;
    assert!(leased(&server, "held").await.iter().all(|leased| *leased > 1), "what it had not committed is undone");
}

#[tokio::test]
async fn a_will_that_arrives_late_does_not_undo_the_next() {
    let server = PostgresServer::start();
    server.database("word").await;
    let wire = PostgresWire::start(server.folder());
    let node = Node::new(&wire.address("word"), "a", None).await;
    let journals = node.of("desk").await.unwrap();
    wire.tell(Some(Fate::Delayed("SET will = $3")));
    assert!(journals.leave_will(b"first").await.is_err(), "it was not answered");
    wire.tell(None);
    for tries in 0.. {
        match journals.leave_will(b"second").await {
            Ok(()) => break,
            Err(error) => assert!(tries < 60, "{error}"),
        }
    }
    drop((journals, node));
    wire.release().await;
    let next = Node::new(&server.address("word"), "a", None).await.of("desk").await.unwrap();
    assert_eq!(next.will(), Some(&b"second"[..]));
}

#[tokio::test]
async fn a_session_whose_commit_was_not_answered_is_nobodys_until_the_database_says_whose() {
    let mut server = PostgresServer::start();
    server.database("commit").await;
    let wire = PostgresWire::start(server.folder());
    let node = Node::new(&wire.address("commit"), "a", None).await;
    let journals = node.open().await;
    server.stop();
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    assert_eq!(journals.give_back().await, FixLeft::Kept);
    server.start_again();
    let owes = |opened: Result<_, OpenError>| match opened {
        Err(OpenError::Owing(what)) => what,
        other => panic!("{other:?}"),
    };
    wire.tell(Some(Fate::Unanswered("COMMIT\0")));
    let what = owes(node.of("desk").await);
    assert!(what.contains("did not say whether this session is taken"), "{what}");
    wire.tell(None);
    server.stop();
    let what = owes(node.of("desk").await);
    assert!(what.contains("taken anew"), "{what}");
    server.start_again();
    while node.records.renew().await.is_err() {}
    assert_eq!((node.records.kept_sessions(), node.records.kept_ends()), (0, vec![KeptEnd::Elsewhere]), "it was taken");
    let again = node.open().await;
    let far = limits::FIX_LEFT_OUT;
    assert_eq!(numbers(&again), [(2, 1 + far), (1, 2 + far)], "by somebody who said nothing");
}
