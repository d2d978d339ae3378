//! A FIX session over nodes: who has it, what each knows, and which numbers are used. Each node is a state folder of its own.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_fix::{MessageStore as _, Stored};
use countersign_store::shared::SharedShelf;
use countersign_store::{
    BridgeJournals, CommitError, DatabaseAddress, FixLeft, FixRecords, FixSide, OpenError, SealingKey, SharedMemory, Store, Touch, limits,
};
use tempfile::TempDir;

use super::postgres_server::PostgresServer;
use super::redis_server::RedisServer;
use super::replay_contract::at;
use super::shared::patient;

pub const FROM_CLIENT: [FixSide; 2] = [FixSide::Upstream, FixSide::Client];
const FROM_UPSTREAM: [FixSide; 2] = [FixSide::Client, FixSide::Upstream];
pub const KEY: [u8; 32] = [1; 32];

pub struct Node {
    folder: TempDir,
    pub records: Arc<FixRecords>,
}

impl Node {
    pub async fn new(address: &DatabaseAddress, name: &str, memory: Option<&Arc<SharedMemory>>) -> Self {
        let key = Arc::new(SealingKey::from_bytes(&KEY));
        let store = Store::connect(address, name, SealingKey::from_bytes(&KEY)).await.unwrap();
        let shelf = memory.map(|memory| SharedShelf::new(Arc::clone(memory), Arc::clone(&key)));
        Self { folder: tempfile::tempdir().unwrap(), records: store.fix_records(key, shelf).unwrap() }
    }

    /// One that seals under a key of its own.
    pub async fn with_key(address: &DatabaseAddress, name: &str, key: [u8; 32]) -> Self {
        let store = Store::connect(address, name, SealingKey::from_bytes(&KEY)).await.unwrap();
        let records = store.fix_records(Arc::new(SealingKey::from_bytes(&key)), None).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), records }
    }

    /// The same node, as the process that is next.
    pub async fn started_again(self, address: &DatabaseAddress, key: [u8; 32]) -> Self {
        Self { folder: self.folder, ..Self::with_key(address, "a", key).await }
    }

    fn fix(&self) -> PathBuf {
        self.folder.path().join("fix")
    }

    pub async fn of(&self, account: &str) -> Result<BridgeJournals, OpenError> {
        let upstream = ["venue", "", "FIX.4.4", "FIRM", "VENUE"];
        BridgeJournals::claim(&self.fix(), account, &[account, "FIX.4.4", "GATE", "FIRM"], &upstream, Some(&self.records)).await
    }

    pub async fn open(&self) -> BridgeJournals {
        let journals = self.of("desk").await.unwrap();
        journals.note_logon(u64::MAX);
        journals
    }

    pub async fn caught_up(&self, journals: &BridgeJournals) {
        let mut touch = journals.touch().unwrap();
        while *touch.borrow() == Touch::Behind {
            // A server that is on its way does not answer the first time.
            if self.records.renew().await.is_ok() {
                touch.wait_for(|touch| *touch != Touch::Behind).await.unwrap();
            }
        }
    }
}

/// The client's message `seq` is put on record for the upstream.
pub fn take(journals: &BridgeJournals, seq: u64) {
    journals.client.clone().set_next_target(seq + 1).unwrap();
    journals.upstream.note_source(seq);
    let number = journals.upstream.next_sender();
    journals.upstream.clone().record(number, Some(format!("order {seq}").as_bytes())).unwrap();
}

/// The upstream's message `seq` is put on record for the client.
fn report(journals: &BridgeJournals, seq: u64) {
    journals.upstream.clone().set_next_target(seq + 1).unwrap();
    journals.client.note_source(seq);
    let number = journals.client.next_sender();
    journals.client.clone().record(number, Some(format!("report {seq}").as_bytes())).unwrap();
}

/// What the client and what the upstream are at: expected and next.
pub fn numbers(journals: &BridgeJournals) -> [(u64, u64); 2] {
    [&journals.client, &journals.upstream].map(|store| (store.next_target(), store.next_sender()))
}

fn kept(journals: &BridgeJournals, from: u64) -> (u64, String) {
    match journals.upstream.clone().first_stored(from, u64::MAX).unwrap() {
        Stored::Message { seq, bytes } => (seq, String::from_utf8(bytes).unwrap()),
        Stored::Later | Stored::Nothing => panic!("nothing is kept from {from}"),
    }
}

#[tokio::test]
async fn a_session_that_was_given_back_goes_on_anywhere_with_its_numbers() {
    let server = PostgresServer::start();
    let address = server.database("back").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    for round in 0..3 {
        for (node, seq) in [(&a, 2 * round + 1), (&b, 2 * round + 2)] {
            let journals = node.open().await;
            assert_eq!(numbers(&journals), [(seq, seq), (seq, seq)], "{seq}");
            assert_eq!(journals.came_from_elsewhere(), seq > 1);
            take(&journals, seq);
            journals.commit(&FROM_CLIENT, true).await.unwrap();
            report(&journals, seq);
            journals.commit(&FROM_UPSTREAM, false).await.unwrap();
            assert_eq!(kept(&journals, 1), (1, "order 1".to_owned()), "all of it is there, from whichever node");
            journals.give_back().await;
        }
    }
    // A reset, which writes a journal anew.
    let journals = a.open().await;
    journals.client.clone().reset().unwrap();
    journals.upstream.clear_source().unwrap();
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    journals.give_back().await;
    assert_eq!(numbers(&b.open().await), [(1, 1), (7, 7)]);
    // Nobody reads an order in the database.
    let mut raw = server.raw("back").await;
    let clear = "SELECT count(*) FROM fix_records WHERE position('order' IN encode(records, 'escape')) > 0";
    let clear: i64 = sqlx::query_scalar(clear).fetch_one(&mut raw).await.unwrap();
    assert_eq!(clear, 0);
}

#[tokio::test]
async fn a_name_at_an_upstream_is_of_one_account_at_all_nodes() {
    let server = PostgresServer::start();
    let address = server.database("names").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    a.open().await.give_back().await;
    assert!(matches!(b.of("other").await, Err(OpenError::OfAnother)));
    assert!(matches!(a.of("other").await, Err(OpenError::OfAnother)));
    // Whoever tried has not taken the name there.
    b.open().await;
}

#[tokio::test]
async fn a_node_that_renews_keeps_its_session() {
    let server = PostgresServer::start();
    let address = server.database("renews").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let journals = a.open().await;
    let records = Arc::clone(&a.records);
    let renewing = tokio::spawn(async move {
        loop {
            records.renew().await.unwrap();
            tokio::time::sleep(limits::FIX_RENEW / 5).await;
        }
    });
    assert!(matches!(b.of("desk").await, Err(OpenError::Served)));
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, true).await.unwrap();
    renewing.abort();
    // The client's Logout, with its reconnect a moment before the lease is given back.
    let (opened, given) = tokio::join!(b.of("desk"), journals.give_back());
    assert_eq!(given, FixLeft::GivenBack);
    assert_eq!(numbers(&opened.unwrap()), [(2, 1), (1, 2)]);
}

#[tokio::test]
async fn who_takes_a_session_from_a_node_that_is_gone_uses_no_number_of_its() {
    let server = PostgresServer::start();
    let address = server.database("gone").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let journals = a.open().await;
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, true).await.unwrap();
    // In its files, not in the copy: it died between the two, or was cut off.
    take(&journals, 2);
    journals.commit_here(&FROM_CLIENT).await.unwrap();
    // Nobody renews; the lease runs out.
    let taken = b.open().await;
    let far = limits::FIX_LEFT_OUT;
    assert_eq!(numbers(&taken), [(2, 1 + far), (1, 2 + far)], "the order that has no copy is asked for again");
    assert_eq!(kept(&taken, 1), (1, "order 1".to_owned()));
    take(&taken, 2);
    taken.commit(&FROM_CLIENT, true).await.unwrap();
    // The first is only slow, and says nothing more.
    take(&journals, 3);
    assert_eq!(journals.commit(&FROM_CLIENT, true).await, Err(CommitError::Elsewhere));
    assert_eq!(*journals.touch().unwrap().borrow(), Touch::Elsewhere);
    assert!(journals.reopen().await.is_err());
    drop(journals);
    taken.give_back().await;
    let again = a.open().await;
    assert_eq!(numbers(&again), [(3, 1 + far), (1, 3 + far)], "what it had alone is nobody's");
    assert_eq!(kept(&again, 2), (2 + far, "order 2".to_owned()));
}

#[tokio::test]
async fn a_node_that_comes_back_goes_on_where_its_files_are() {
    let server = PostgresServer::start();
    let address = server.database("files").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let journals = a.open().await;
    take(&journals, 1);
    journals.commit_here(&FROM_CLIENT).await.unwrap();
    drop(journals);
    let journals = a.open().await;
    assert_eq!(numbers(&journals), [(2, 1), (1, 2)], "nobody else had it, so no number is left out");
    journals.give_back().await;
    assert_eq!(kept(&b.open().await, 1), (1, "order 1".to_owned()), "the copy was brought along");
}

#[tokio::test]
async fn journals_of_before_are_taken_along() {
    let server = PostgresServer::start();
    let address = server.database("before").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let upstream = ["venue", "", "FIX.4.4", "FIRM", "VENUE"];
    let alone = BridgeJournals::claim(&a.fix(), "desk", &["desk", "FIX.4.4", "GATE", "FIRM"], &upstream, None).await.unwrap();
    take(&alone, 1);
    alone.commit(&FROM_CLIENT, true).await.unwrap();
    drop(alone);
    a.open().await.give_back().await;
    assert_eq!(numbers(&b.open().await), [(2, 1), (1, 2)]);
}

#[tokio::test]
async fn without_the_database_cancels_pass_and_an_order_does_not() {
    let mut server = PostgresServer::start();
    let address = server.database("away").await;
    let (a, b) = (Node::new(&address, "a", None).await, Node::new(&address, "b", None).await);
    let journals = a.open().await;
    server.stop();
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    assert!(journals.is_behind());
    report(&journals, 1);
    journals.commit(&FROM_UPSTREAM, false).await.unwrap();
    take(&journals, 2);
    assert_eq!(journals.commit(&FROM_CLIENT, true).await, Err(CommitError::Unshared));
    assert!(journals.reopen().await.is_err(), "an order that nobody else knows of is not said by a way round either");
    assert!(a.of("desk").await.is_err(), "nor does anybody log on who may be served elsewhere");
    server.start_again();
    a.caught_up(&journals).await;
    let journals = journals.reopen().await.unwrap();
    assert_eq!(numbers(&journals), [(3, 2), (2, 3)]);
    journals.give_back().await;
    let taken = b.open().await;
    assert_eq!((numbers(&taken), kept(&taken, 2)), ([(3, 2), (2, 3)], (2, "order 2".to_owned())));
}

#[tokio::test]
async fn an_order_waits_for_a_database_that_restarts() {
    let mut server = PostgresServer::start();
    let address = server.database("restarts").await;
    let a = Node::new(&address, "a", None).await;
    let journals = a.open().await;
    server.stop();
    take(&journals, 1);
    let back = async {
        server.start_again();
        a.caught_up(&journals).await;
    };
    let (committed, ()) = tokio::join!(journals.commit(&FROM_CLIENT, true), back);
    committed.unwrap();
    assert!(!journals.is_behind());
}

#[tokio::test]
async fn what_a_node_that_is_gone_may_have_refused_is_doubtful() {
    let (mut server, redis) = (PostgresServer::start(), RedisServer::start(&[]));
    let address = server.database("doubt").await;
    let memory = SharedMemory::open(&patient(&redis.url()), || at(1)).unwrap();
    let (a, b) = (Node::new(&address, "a", Some(&memory)).await, Node::new(&address, "b", Some(&memory)).await);
    let open = async |node: &Node, seq| {
        let journals = node.of("desk").await.unwrap();
        journals.note_logon(seq);
        journals
    };
    // Gone while its copy had everything: what the client sends again was never answered.
    drop(open(&a, 1).await);
    let journals = open(&b, 5).await;
    assert!(!journals.is_doubtful(1) && !journals.is_doubtful(4));
    // Gone after it refused an order that its copy does not know of.
    server.stop();
    take(&journals, 1);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    assert!(journals.is_behind() && journals.may_refuse());
    drop(journals);
    server.start_again();
    let journals = open(&a, 5).await;
    assert!(journals.is_doubtful(1) && journals.is_doubtful(4) && !journals.is_doubtful(5));
    journals.settle_doubt();
    assert!(journals.is_doubtful(4), "it has not come yet");
    drop(journals);
    let journals = open(&b, 5).await;
    assert!(journals.is_doubtful(4), "the next node knows no better");
    // Also where it ends in order: what has not come may come there.
    journals.give_back().await;
    let journals = open(&a, 5).await;
    assert!(journals.is_doubtful(4));
    journals.give_back().await;
    let journals = open(&b, 5).await;
    assert!(journals.is_doubtful(4), "the next node knows no better");
    for seq in 1..5 {
        take(&journals, seq);
    }
    journals.settle_doubt();
    assert!(!journals.is_doubtful(4));
    // Where nobody can be told, nothing is refused.
    b.records.renew().await.unwrap();
    journals.commit(&FROM_CLIENT, true).await.unwrap();
    drop((server, redis));
    take(&journals, 5);
    journals.commit(&FROM_CLIENT, false).await.unwrap();
    assert!(journals.is_behind() && !journals.may_refuse());
}
