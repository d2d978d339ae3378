#![allow(clippy::unwrap_used)]
use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use tokio::time::Instant;

use super::*;
use crate::db::Db;
use crate::db::links::Links;
use crate::fix::SharedMessageStore;
use crate::fix::claims::Held;
use crate::fix::copied::Reach;
use crate::fix::wills::Wills;
use crate::sealing::SealingKey;

const HELD: Held =
    Held { generation: 7, before: 0, written: 0, reach: Reach { series: 0, ends: 0 }, given_back: false, settled: true, moved: false };

/// Copies in a database that nobody asks.
fn records(max: usize) -> Arc<FixRecords> {
    let db = || Db::postgres(Links::new(Path::new("nowhere"), PgConnectOptions::new_without_pgpass(), 1));
    let mut records = FixRecords::new(db(), db(), "a", Arc::new(SealingKey::from_bytes(&[1; 32])), None);
    records.kept = KeptSessions::new(max);
    Arc::new(records)
}

#[tokio::test]
async fn no_more_are_kept_than_there_is_room_for_and_none_keeps_its_will() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(2);
    for (name, kept, void) in [("one", 1, 0), ("two", 2, 0), ("one", 2, 0), ("three", 2, 1), ("two", 2, 1)] {
        let place = Arc::new(Place::new(folder.path(), &[name], &[name]));
        let stores = place.open().unwrap().map(SharedMessageStore::new);
        let names = ["client", "upstream"].map(|side| format!("{side} {name}"));
        let pair = Arc::new(Pair::new(Arc::clone(&records), names, [HELD; 2], stores, Wills::found(None)));
        assert_eq!(pair.give_back(&place, Ended::InOrder).await, if name == "three" { Left::ToItsLease } else { Left::Kept });
        assert_eq!((records.kept_sessions(), records.void.lock().len()), (kept, void), "{name}");
        assert_eq!(records.is_void("client three", 7), void == 1);
    }
}

/// A session that ended while the database was away.
async fn kept(records: &Arc<FixRecords>, folder: &Path) -> Arc<Pair> {
    let place = Arc::new(Place::new(folder, &["one"], &["one"]));
    let stores = place.open().unwrap().map(SharedMessageStore::new);
    let names = ["client", "upstream"].map(str::to_owned);
    let pair = Arc::new(Pair::new(Arc::clone(records), names, [HELD; 2], stores, Wills::found(None)));
    pair.give_back(&place, Ended::InOrder).await;
    pair
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn what_somebody_uses_nobody_else_has() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let names = kept(&records, folder.path()).await.names.clone();
    let used = records.kept.begin(&names).unwrap().unwrap();
    assert!(records.kept.begin(&names).is_err() && records.kept.renewable().is_empty());
    for other in [["client", "another"], ["another", "upstream"]] {
        assert!(records.kept.begin(&other.map(str::to_owned)).is_err(), "{other:?} has one of its files");
    }
    assert!(records.kept.begin(&["other", "another"].map(str::to_owned)).unwrap().is_none());
    assert_eq!(records.kept.in_order("client"), Some(7), "its will is void all the same");
    drop(used);
    assert_eq!(records.kept.renewable().len(), 1);
    let elsewhere = records.kept.begin(&["client", "another"].map(str::to_owned)).unwrap().unwrap();
    assert!(elsewhere.has(&names) && !elsewhere.has(&["client", "another"].map(str::to_owned)), "behind another upstream");
    drop(elsewhere);
    // Its files are of another generation by now, and stay as they are: also a record that ends in the middle.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        use std::io::Write as _;
        std::fs::OpenOptions::new().append(true).open(entry.unwrap().path()).unwrap().write_all(&[0, 0]).unwrap();
    }
    let before = files(folder.path());
    assert!(matches!(records.kept.begin(&names).unwrap().unwrap().go_on().await, Err(OpenError::Served)));
    assert_eq!((records.kept_sessions(), records.kept_ends()), (0, vec![KeptEnd::Elsewhere]));
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn a_logon_waits_until_nobody_is_at_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let names = kept(&records, folder.path()).await.names.clone();
    let used = records.kept.begin(&names).unwrap().unwrap();
    let mut logon = std::pin::pin!(records.kept.begin_in_turn(&names));
    tokio::select! {
        biased;
        _ = &mut logon => panic!("somebody is at them"),
        () = std::future::ready(()) => drop(used),
    }
    assert!(logon.await.unwrap().unwrap().has(&names));
}

#[tokio::test]
async fn a_process_that_leaves_lets_go_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(2);
    let pair = kept(&records, folder.path()).await;
    let used = records.kept.begin(&pair.names).unwrap().unwrap();
    records.keep_no_more();
    assert_eq!((records.kept_sessions(), records.is_void("client", 7)), (1, false), "somebody is at them");
    drop(used);
    assert_eq!((records.kept_sessions(), records.is_void("client", 7)), (0, true));
    kept(&records, folder.path()).await;
    assert_eq!(records.kept_sessions(), 0, "what ends is not kept any more");
}

#[tokio::test]
async fn a_session_that_goes_on_again_and_again_is_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let place = Arc::new(Place::new(folder.path(), &["one"], &["one"]));
    let stores = super::super::opening::begin(&place, [HELD; 2], false).unwrap();
    let names = ["client", "upstream"].map(str::to_owned);
    let pair = Arc::new(Pair::new(Arc::clone(&records), names.clone(), [HELD; 2], stores, Wills::found(None)));
    pair.give_back(&place, Ended::InOrder).await;
    for round in 0..10 {
        let again = records.kept.begin(&names).unwrap().unwrap().go_on().await.unwrap();
        assert_eq!(records.open.lock().len(), 1, "{round}");
        again.give_back().await;
    }
}

#[tokio::test]
async fn what_may_be_over_does_not_go_on_before_its_lease_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let place = Arc::new(Place::new(folder.path(), &["one"], &["one"]));
    let stores = super::super::opening::begin(&place, [HELD; 2], false).unwrap();
    let names = ["client", "upstream"].map(str::to_owned);
    let pair = Arc::new(Pair::new(Arc::clone(&records), names.clone(), [HELD; 2], stores, Wills::found(None)));
    // The database is asked to give it back, and does not answer.
    pair.touch.send_replace(Touch::InTouch);
    assert_eq!(pair.give_back(&place, Ended::InOrder).await, Left::Kept);
    let begin = || records.kept.begin(&names).unwrap().unwrap();
    assert!(matches!(begin().go_on().await, Err(OpenError::Owing(_))));
    // Whoever took it before that was not answered either.
    let used = begin();
    let before = used.may_be_taken();
    assert_ne!(before, Ours::Certainly);
    used.was_not_taken(before);
    assert!(matches!(used.go_on().await, Err(OpenError::Owing(_))), "what was not taken may still be given back");
    assert!(records.kept.renewed(&pair, Instant::now(), |_| true));
    let used = begin();
    assert_eq!(used.may_be_taken(), Ours::Certainly);
    assert!(matches!(used.go_on().await, Err(OpenError::Owing(_))), "nobody waited for the answer");
    assert!(records.kept.renewed(&pair, Instant::now(), |_| true));
    assert!(begin().go_on().await.unwrap().went_on());
}

#[tokio::test]
async fn a_few_are_given_back_at_once_and_all_are_renewed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(16);
    for number in 0..16 {
        let name = number.to_string();
        let place = Arc::new(Place::new(folder.path(), &[&name], &[&name]));
        let stores = place.open().unwrap().map(SharedMessageStore::new);
        let names = ["client", "upstream"].map(|side| format!("{side} {name}"));
        let pair = Arc::new(Pair::new(Arc::clone(&records), names, [HELD; 2], stores, Wills::found(None)));
        assert_eq!(pair.give_back(&place, Ended::InOrder).await, Left::Kept);
    }
    for _ in 0..2 {
        records.kept.give_back(records.kept.renewable());
    }
    let used = || records.kept.sessions.lock().values().filter(|kept| kept.state.is_in_use()).count();
    while used() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(used() <= crate::limits::FIX_GIVEN_BACK_AT_ONCE_MAX, "{}", used());
    assert_eq!(records.kept.giving.available_permits(), 0);
    assert_eq!(records.kept.renewable().len(), records.kept_sessions());
}

#[tokio::test]
async fn a_logon_does_not_wait_for_ever_until_nobody_is_at_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let names = kept(&records, folder.path()).await.names.clone();
    let used = records.kept.begin(&names).unwrap().unwrap();
    let began = tokio::time::Instant::now();
    assert!(matches!(records.kept.begin_in_turn(&names).await, Err(OpenError::Owing(_))));
    assert!(began.elapsed() >= crate::limits::FIX_TAKE_MAX, "{:?}", began.elapsed());
    drop(used);
    assert!(records.kept.begin_in_turn(&names).await.unwrap().unwrap().has(&names), "the next has its turn");
}

#[tokio::test]
async fn a_session_is_given_back_behind_the_renewal_that_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(1);
    let place = Arc::new(Place::new(folder.path(), &["one"], &["one"]));
    let stores = super::super::opening::begin(&place, [HELD; 2], false).unwrap();
    let nothing = Reach { series: 0, ends: 0 };
    // The copies have everything.
    let held = [0, 1].map(|side: usize| {
        stores[side].commit().unwrap();
        Held { reach: stores[side].lacking(nothing).unwrap().unwrap().reach, ..HELD }
    });
    let names = ["client", "upstream"].map(str::to_owned);
    let pair = Arc::new(Pair::new(Arc::clone(&records), names, held, stores, Wills::found(None)));
    assert_eq!(pair.give_back(&place, Ended::InOrder).await, Left::Kept);
    let renewal = records.renewal.lock().await;
    let kept = records.kept.begin_with(&pair).unwrap();
    let given = tokio::spawn(kept.give_back());
    // While its files are read its lease is renewed; then it stands before the database.
    while records.kept.renewable().is_empty() {
        tokio::task::yield_now().await;
    }
    while !records.kept.renewable().is_empty() {
        tokio::task::yield_now().await;
    }
    let ours = || records.kept.sessions.lock()["client"].state.ours();
    assert_eq!(ours(), Ours::Certainly, "the database was asked beside a renewal");
    drop(renewal);
    assert!(!given.await.unwrap(), "the database does not answer");
    assert_ne!(ours(), Ours::Certainly);
}
