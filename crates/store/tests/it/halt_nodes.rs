//! The rows of processes that share a database: who is there, how far each is, and what a crash leaves.

use countersign_halt::{RollRow, Standing};
use countersign_store::{HaltNodes, HaltStore, Store};

use super::nodes::halt;
use super::postgres_server::PostgresServer;
use super::postgres_wire::{Fate, PostgresWire};
use super::support::Place;

fn row(run: &str, node: &str, past: u64) -> RollRow {
    RollRow { run: run.into(), node: node.into(), standing: Standing { epoch: past, past }, beat: 0 }
}

async fn nodes(halts: &HaltStore, own: &RollRow) -> HaltNodes {
    halts.report(None, own).await.unwrap().nodes
}

#[tokio::test]
async fn a_file_has_no_other_nodes() {
    let place = Place::new();
    let halts = place.halts().await;
    assert_eq!(nodes(&halts, &row("r1", "a", 0)).await, HaltNodes::Alone);
    assert!(!halts.is_shared() && halts.leave("r1").await.is_ok());
}

#[tokio::test]
async fn a_process_is_seen_by_the_others_before_it_reads_anything_that_counts() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "rows").await;
    let (a, b) = (place.halts().await, place.halts().await);
    assert!(a.is_shared());
    assert_eq!(nodes(&a, &row("r1", "a", 0)).await, HaltNodes::Joined);
    assert_eq!(nodes(&b, &row("r2", "b", 0)).await, HaltNodes::Joined);
    assert_eq!(nodes(&a, &row("r1", "a", 0)).await, HaltNodes::With(vec![RollRow { beat: 1, ..row("r2", "b", 0) }]));
    // The process that takes over has the same node.
    let taking = place.halts().await;
    assert_eq!(nodes(&taking, &row("r3", "a", 0)).await, HaltNodes::Joined);
    let HaltNodes::With(mut seen) = nodes(&b, &row("r2", "b", 7)).await else { panic!("its row was there") };
    seen.sort_by(|one, other| one.run.cmp(&other.run));
    assert_eq!(seen, [RollRow { beat: 2, ..row("r1", "a", 0) }, RollRow { beat: 1, ..row("r3", "a", 0) }]);
    a.leave("r1").await.unwrap();
    let with = HaltNodes::With(vec![RollRow { beat: 2, ..row("r2", "b", 7) }]);
    assert_eq!(nodes(&taking, &row("r3", "a", 0)).await, with, "who ended in order is not waited for");
    assert_eq!(nodes(&a, &row("r1", "a", 0)).await, HaltNodes::Joined, "and counts from new when it comes back");
}

#[tokio::test]
async fn whoever_is_gone_is_forgotten_unless_it_came_back() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "gone").await;
    let (a, b) = (place.halts().await, place.halts().await);
    nodes(&a, &row("r1", "a", 0)).await;
    nodes(&b, &row("r2", "b", 0)).await;
    let gone = RollRow { beat: 1, ..row("r1", "a", 0) };
    nodes(&a, &row("r1", "a", 0)).await;
    b.forget(&gone).await.unwrap();
    assert_eq!(nodes(&b, &row("r2", "b", 0)).await, HaltNodes::With(vec![RollRow { beat: 2, ..gone.clone() }]), "it is back");
    b.forget(&RollRow { beat: 2, ..gone }).await.unwrap();
    assert_eq!(nodes(&b, &row("r2", "b", 0)).await, HaltNodes::With(Vec::new()));
}

#[tokio::test]
async fn a_crash_of_the_server_leaves_nobody_and_everybody_joins_anew() {
    let mut server = PostgresServer::start();
    let place = Place::on(&server, "crash").await;
    let (a, b) = (place.halts().await, place.halts().await);
    nodes(&a, &row("r1", "a", 0)).await;
    nodes(&b, &row("r2", "b", 0)).await;
    server.stop();
    server.start_again();
    // The first reads may still meet the connections of before.
    let first = loop {
        if let Ok(read) = b.report(None, &row("r2", "b", 0)).await {
            break read.nodes;
        }
    };
    assert_eq!(first, HaltNodes::Joined);
    assert_eq!(nodes(&b, &row("r2", "b", 0)).await, HaltNodes::With(Vec::new()), "a has a lease, and nobody sees it");
    // The answer that told it was lost: our beat is not what it was.
    let before = RollRow { beat: 40, ..row("r2", "b", 0) };
    let read = b.report(None, &before).await.unwrap();
    assert_eq!((read.nodes, read.beat), (HaltNodes::Joined, 3));
    let read = b.report(None, &RollRow { beat: read.beat, ..before }).await.unwrap();
    assert_eq!((read.nodes, read.beat), (HaltNodes::With(Vec::new()), 4));
}

#[tokio::test]
async fn without_its_row_a_process_reads_no_state() {
    let server = PostgresServer::start();
    let mut place = Place::on(&server, "unwritten").await;
    let halts = place.halts().await;
    nodes(&halts, &row("r1", "a", 0)).await;
    place.edit("ALTER TABLE halt_nodes ADD CONSTRAINT full_disk CHECK (beat < 2) NOT VALID").await.unwrap();
    assert!(halts.report(None, &row("r1", "a", 0)).await.is_err());
    assert!(halts.state(None).await.is_ok());
    place.edit("ALTER TABLE halt_nodes DROP CONSTRAINT full_disk").await.unwrap();
    assert_eq!(nodes(&halts, &row("r1", "a", 0)).await, HaltNodes::With(Vec::new()), "what failed is not counted");
}

#[tokio::test]
async fn a_process_that_stands_still_in_the_middle_of_a_halt_holds_up_no_other_halt() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "still").await;
    let other = place.halts().await;
    let wire = PostgresWire::start(server.folder());
    let stopped = Store::connect(&wire.address("still"), "a", place.sealing()).await.unwrap().open_halts().await.unwrap();
    wire.tell(Some(Fate::Held("INSERT INTO halts")));
    let (stands, mine) = (halt(1), halt(2));
    let (raised, undone) = tokio::join!(
        async {
            while !wire.holds_something() {
                tokio::task::yield_now().await;
            }
            other.raise(&mine).await
        },
        stopped.raise(&stands),
    );
    assert_eq!(raised.unwrap(), 1, "the lock is free before whoever waits for it gives up");
    undone.unwrap_err();
    wire.release().await;
    assert_eq!(stopped.raise(&stands).await.unwrap(), 2, "it goes on, and raises again what was undone");
}
