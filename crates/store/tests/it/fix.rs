//! The stores of FIX sessions: one contract for memory and journal; what a crash and damage leave.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use countersign_fix::{CompId, MemoryStore, MessageStore, Stored, limits};
use countersign_store::{JournaledMessageStore, StoreError};

fn comp(text: &str) -> CompId {
    CompId::parse(text.as_bytes()).unwrap()
}

fn open(folder: &Path) -> Result<JournaledMessageStore, StoreError> {
    JournaledMessageStore::open(folder, &comp("GATE"), &comp("FIRM"))
}

fn journal(folder: &Path) -> PathBuf {
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn message(seq: u64, text: &str) -> Stored {
    Stored::Message { seq, bytes: text.as_bytes().to_vec() }
}

/// The contract; `reopen` is what a new connection does.
fn contract<S: MessageStore>(mut store: S, mut reopen: impl FnMut(S) -> S) {
    assert_eq!((store.next_sender(), store.next_target(), store.kept_from()), (1, 1, 1));
    store.record(1, Some(b"a")).unwrap();
    assert!(store.record(1, Some(b"again")).is_err() && store.record(3, None).is_err(), "each number once and in order");
    store.record(2, None).unwrap();
    store.record(3, Some(b"c")).unwrap();
    assert_eq!((store.next_sender(), store.sync().unwrap()), (4, 3));
    store.set_next_target(9).unwrap();
    for _ in 0..2 {
        store = reopen(store);
        assert_eq!((store.next_sender(), store.next_target(), store.kept_from()), (4, 9, 1));
        assert_eq!(store.first_stored(1, 9).unwrap(), message(1, "a"));
        assert_eq!(store.first_stored(2, 9).unwrap(), message(3, "c"));
        for (from, through) in [(2, 2), (4, 9), (3, 1)] {
            assert_eq!(store.first_stored(from, through).unwrap(), Stored::Nothing);
        }
    }
    store.reset().unwrap();
    store = reopen(store);
    assert_eq!((store.next_sender(), store.next_target(), store.first_stored(1, 9).unwrap()), (1, 1, Stored::Nothing));
    let count = limits::STORED_MESSAGES_MAX as u64 + 5;
    for seq in 1..=count {
        store.record(seq, Some(b"m")).unwrap();
    }
    store = reopen(store);
    assert_eq!((store.next_sender(), store.kept_from()), (count + 1, 6));
    assert_eq!(store.first_stored(1, count).unwrap(), message(6, "m"));
    assert_eq!(store.sync().unwrap(), count);
}

#[test]
fn memory_keeps_the_contract() {
    contract(MemoryStore::default(), |store| store);
}

#[test]
fn the_journal_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fix");
    contract(open(&path).unwrap(), |store| {
        drop(store);
        open(&path).unwrap()
    });
}

#[test]
fn nothing_is_called_durable_before_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    assert_eq!(store.sync().unwrap(), 0);
    store.record(1, Some(b"a")).unwrap();
    store.record(2, None).unwrap();
    assert_eq!(store.sync().unwrap(), 2);
}

#[test]
fn a_torn_record_is_cut_off_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    store.record(1, Some(b"first")).unwrap();
    let path = journal(folder.path());
    let whole = fs::read(&path).unwrap();
    store.record(2, Some(b"second")).unwrap();
    drop(store);
    let longer = fs::read(&path).unwrap();
    for end in whole.len()..longer.len() {
        fs::write(&path, &longer[..end]).unwrap();
        let mut store = open(folder.path()).unwrap();
        assert_eq!((store.next_sender(), fs::read(&path).unwrap()), (2, whole.clone()), "{end}");
        store.record(2, Some(b"other")).unwrap();
        drop(store);
        assert_eq!(open(folder.path()).unwrap().first_stored(2, 2).unwrap(), message(2, "other"));
    }
    // The file grew, the bytes never came.
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 100]).unwrap();
    assert_eq!(open(folder.path()).unwrap().next_sender(), 3);
}

#[test]
fn damage_before_the_last_record_never_lowers_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let path = journal(folder.path());
    let base = fs::read(&path).unwrap().len();
    store.record(1, Some(b"first")).unwrap();
    let last = fs::read(&path).unwrap().len();
    store.record(2, Some(b"second")).unwrap();
    drop(store);
    let good = fs::read(&path).unwrap();
    for place in 0..last {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(folder.path()), Err(StoreError::JournalDamaged { .. })), "byte {place}, base ends at {base}");
    }
    fs::write(&path, b"").unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::JournalDamaged { .. })), "an empty file is not a new session");
}

#[test]
fn sessions_do_not_share_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut firm = open(folder.path()).unwrap();
    firm.record(1, Some(b"firm")).unwrap();
    let other = JournaledMessageStore::open(folder.path(), &comp("GATE"), &comp("OTHER")).unwrap();
    assert_eq!(other.next_sender(), 1);
    let path = journal(folder.path());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 2);
    drop((firm, other));
    // A file put in the place of another one is told.
    let foreign = names.iter().find(|name| **name != path).unwrap();
    fs::rename(foreign, &path).unwrap();
    let results = [open(folder.path()), JournaledMessageStore::open(folder.path(), &comp("GATE"), &comp("OTHER"))];
    assert_eq!(results.iter().filter(|result| matches!(result, Err(StoreError::JournalDamaged { .. }))).count(), 1);
}
