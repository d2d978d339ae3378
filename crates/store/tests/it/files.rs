//! The state folder and the helpers for private files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use countersign_store::files::{atomic_create, atomic_write};
use countersign_store::{SealingKey, StateDir, StoreError};

use super::support::Place;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_file_is_replaced_whole_with_the_mode_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    atomic_write(&path, b"one", 0o600).unwrap();
    atomic_write(&path, b"two", 0o600).unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), mode(&path), names(folder.path())), (b"two".to_vec(), 0o600, 1));
    let missing = folder.path().join("none/file");
    assert!(matches!(atomic_write(&missing, b"x", 0o600), Err(StoreError::Io { .. })));
}

#[test]
fn a_file_is_created_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert!(atomic_create(&path, b"one", 0o600).unwrap());
    assert!(!atomic_create(&path, b"two", 0o600).unwrap());
    assert_eq!((std::fs::read(&path).unwrap(), names(folder.path())), (b"one".to_vec(), 1));
}

#[test]
fn of_many_first_starts_one_draws_the_sealing_key() {
    let place = Place::new();
    let path = place.dir.sealing_key();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| SealingKey::load_or_create(&path).unwrap());
        }
    });
    assert_eq!((std::fs::read(&path).unwrap().len(), mode(&path), names(place.dir.path())), (32, 0o600, 1));
}

#[test]
fn a_state_folder_is_private_and_must_exist_to_be_opened() {
    let place = Place::new();
    assert_eq!(mode(place.dir.path()), 0o700);
    assert!(matches!(StateDir::open(place.folder.path().join("other")), Err(StoreError::Io { .. })));
    std::fs::set_permissions(place.dir.path(), std::fs::Permissions::from_mode(0o770)).unwrap();
    let error = StateDir::open(place.dir.path()).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

#[test]
fn one_gateway_has_the_folder_until_it_lets_go() {
    let place = Place::new();
    let lock = place.dir.lock().unwrap();
    let error = place.dir.lock().unwrap_err();
    assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
    drop(lock);
    let _lock = place.dir.lock().unwrap();
}
