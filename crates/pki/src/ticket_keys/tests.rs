#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

const BINDING: [u8; 32] = [7; 32];
const START: u64 = 1_800_000_000;

#[derive(Debug)]
struct Clock(AtomicU64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(at(self.0.load(Ordering::SeqCst)))
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn ring() -> (TicketKeyRing, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicU64::new(START)));
    (TicketKeyRing::new(Arc::clone(&clock) as Arc<dyn TimeProvider>).unwrap(), clock)
}

#[test]
fn opens_what_it_sealed_for_the_same_binding_only() {
    let (ring, _) = ring();
    let ticket = ring.seal(&BINDING, b"state").unwrap();
    assert_eq!(ring.open(&BINDING, &ticket).unwrap(), b"state");
    assert_eq!(ring.open(&[8; 32], &ticket), None);
}

#[test]
fn any_changed_bit_closes_a_ticket() {
    let (ring, _) = ring();
    let ticket = ring.seal(&BINDING, b"state").unwrap();
    for bit in 0..ticket.len() * 8 {
        let mut changed = ticket.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(ring.open(&BINDING, &changed), None, "bit {bit}");
    }
    for length in 0..ticket.len() {
        assert_eq!(ring.open(&BINDING, &ticket[..length]), None, "length {length}");
    }
}

#[test]
fn a_key_opens_through_two_rotations_and_not_through_three() {
    let (ring, _) = ring();
    let ticket = ring.seal(&BINDING, b"state").unwrap();
    for _ in 0..2 {
        ring.rotate_now(at(START)).unwrap();
        assert!(ring.open(&BINDING, &ticket).is_some());
    }
    ring.rotate_now(at(START)).unwrap();
    assert_eq!(ring.open(&BINDING, &ticket), None);
}

#[test]
fn rotates_once_an_hour_however_often_it_is_asked() {
    let (ring, _) = ring();
    assert!(!ring.rotate(at(START + TICKET_ROTATION_SECONDS - 1)).unwrap());
    assert!(ring.rotate(at(START + TICKET_ROTATION_SECONDS)).unwrap());
    assert!(!ring.rotate(at(START + TICKET_ROTATION_SECONDS)).unwrap());
    assert!(!ring.rotate(at(START)).unwrap(), "a clock that steps back makes no key");
}

#[test]
fn a_key_that_nobody_rotates_dies_after_twelve_hours() {
    let (ring, clock) = ring();
    let ticket = ring.seal(&BINDING, b"state").unwrap();
    clock.0.store(START + TICKET_KEY_LIFE_SECONDS - 1, Ordering::SeqCst);
    assert!(ring.open(&BINDING, &ticket).is_some());
    clock.0.store(START + TICKET_KEY_LIFE_SECONDS, Ordering::SeqCst);
    assert_eq!(ring.open(&BINDING, &ticket), None);
    assert_eq!(ring.seal(&BINDING, b"state"), None);
}

#[test]
fn a_new_epoch_ends_all_tickets() {
    let (ring, _) = ring();
    let ticket = ring.seal(&BINDING, b"state").unwrap();
    assert_eq!(ring.advance_epoch(), 1);
    assert_eq!(ring.open(&BINDING, &ticket), None);
}

#[test]
fn a_second_node_opens_tickets_with_imported_keys_and_its_epoch_never_goes_back() {
    let ((first, _), (second, _)) = (ring(), ring());
    let ticket = first.seal(&BINDING, b"state").unwrap();
    assert_eq!(second.open(&BINDING, &ticket), None);
    second.import(first.export(), first.epoch(), at(START)).unwrap();
    assert_eq!(second.open(&BINDING, &ticket).unwrap(), b"state");
    second.advance_epoch();
    second.import(first.export(), first.epoch(), at(START)).unwrap();
    assert_eq!(second.epoch(), 1);
    assert_eq!(second.open(&BINDING, &ticket), None);
}

#[test]
fn refuses_to_import_what_makes_no_ring() {
    let (ring, _) = ring();
    let key = |age| TicketKey::generate(at(age)).unwrap();
    let future = START + TICKET_KEY_SKEW_SECONDS + 1;
    for keys in [vec![], vec![key(future)], vec![key(START), key(START), key(START), key(START)], {
        let one = key(START);
        vec![one.copy(), one]
    }] {
        assert!(matches!(ring.import(keys, 0, at(START)), Err(PkiError::InvalidTicketKey { .. })));
    }
}

#[test]
fn a_state_above_the_bound_gets_no_ticket() {
    let (ring, _) = ring();
    assert!(ring.seal(&BINDING, &[0; TICKET_STATE_BYTES_MAX]).is_some());
    assert_eq!(ring.seal(&BINDING, &[0; TICKET_STATE_BYTES_MAX + 1]), None);
}

#[test]
fn debug_shows_no_key() {
    let (ring, _) = ring();
    let text = format!("{ring:?}");
    assert_eq!(text, "TicketKeyRing { epoch: 0, keys: 1, .. }");
}
