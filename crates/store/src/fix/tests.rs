#![allow(clippy::unwrap_used)]
use countersign_fix::limits::STORED_BYTES_MAX;

use super::*;

fn open(folder: &Path) -> JournaledMessageStore {
    JournaledMessageStore::open(folder, &CompId::parse(b"GATE").unwrap(), &CompId::parse(b"FIRM").unwrap()).unwrap()
}

#[test]
fn after_a_failed_write_nothing_is_recorded_or_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.record(1, Some(b"a")).unwrap();
    let writable = std::mem::replace(&mut store.file, File::open(&store.path).unwrap());
    assert!(store.record(2, Some(b"b")).is_err());
    // The disk works again, but what is on it is not known.
    store.file = writable;
    assert_eq!(store.next_sender(), 2);
    assert!(store.record(2, Some(b"b")).is_err() && store.sync().is_err() && store.set_next_target(2).is_err() && store.reset().is_err());
    drop(store);
    let mut store = open(folder.path());
    store.record(2, Some(b"b")).unwrap();
    assert_eq!(store.sync().unwrap(), 2);
}

#[test]
fn a_long_journal_is_written_anew_with_what_it_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.set_next_target(7).unwrap();
    let mut message = vec![b'm'; countersign_fix::limits::MESSAGE_BYTES_MAX];
    let count = limits::FIX_JOURNAL_BYTES_MAX / countersign_fix::limits::MESSAGE_BYTES_MAX as u64;
    for seq in 1..=count {
        message[..8].copy_from_slice(&seq.to_be_bytes());
        store.record(seq, Some(&message)).unwrap();
    }
    let before = (store.state.kept_from, store.length);
    assert_eq!(store.sync().unwrap(), count);
    assert!(before.1 > limits::FIX_JOURNAL_BYTES_MAX && store.length < STORED_BYTES_MAX as u64 + 100_000, "{before:?} {}", store.length);
    for mut store in [store, open(folder.path())] {
        assert_eq!((store.next_sender(), store.next_target(), store.kept_from()), (count + 1, 7, before.0));
        let Stored::Message { seq, bytes } = store.first_stored(1, count).unwrap() else { panic!("it is kept") };
        assert_eq!((seq, &bytes[..8]), (before.0, &before.0.to_be_bytes()[..]));
    }
}

#[test]
fn a_session_at_an_upstream_is_of_the_account_that_opened_it_first() {
    let folder = tempfile::tempdir().unwrap();
    let claim = |name: &str, account: &str| super::claim(folder.path(), &["venue", "", "FIX.4.4", name, "VENUE"], account).unwrap();
    assert!(claim("FIRM", "desk") && claim("FIRM", "desk"));
    assert!(!claim("FIRM", "other"), "who has a key of their own has no session of the desk's");
    assert!(claim("OTHER", "other") && !claim("OTHER", "desk"));
}
