#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn the_next_number_is_new_and_a_repetition_is_not() {
    // HS-71 HS-72
    let mut sequence = Sequence::default();
    assert_eq!(sequence.receive(1, b"a"), Ok(Arrival::New { missed: None }));
    assert_eq!(sequence.receive(2, b"b"), Ok(Arrival::New { missed: None }));
    assert_eq!(sequence.receive(1, b"a"), Ok(Arrival::Repeated));
    assert_eq!(sequence.next(), 3);
}

#[test]
fn another_body_under_a_used_number_is_fatal() {
    // HS-72
    let mut sequence = Sequence::default();
    sequence.receive(1, b"a").unwrap();
    let refusal = sequence.receive(1, b"b").unwrap_err();
    assert_eq!(refusal.reject, Reject::SequenceConflict);
    assert!(refusal.reject.alert().is_fatal());
}

#[test]
fn a_hole_is_declared_lost_and_stays_lost() {
    // HS-73
    let mut sequence = Sequence::default();
    assert_eq!(sequence.receive(4, b"d"), Ok(Arrival::New { missed: Some(Range { from: 1, count: 3 }) }));
    for lost in 1..4 {
        assert_eq!(sequence.receive(lost, b"late").unwrap_err().reject, Reject::SequenceRange);
    }
    assert_eq!(sequence.next(), 5);
}

#[test]
fn impossible_numbers_are_refused_and_change_nothing() {
    // HS-73
    let mut sequence = Sequence::default();
    for s in [0, limits::GAP_MAX + 2, limits::SEQUENCE_END, u64::MAX] {
        assert_eq!(sequence.receive(s, b"x").unwrap_err().reject, Reject::SequenceRange, "{s}");
    }
    assert_eq!(sequence.next(), 1);
    assert!(sequence.receive(limits::GAP_MAX + 1, b"x").is_ok());
}

#[test]
fn memory_is_bounded() {
    // HS-77
    let mut sequence = Sequence::default();
    for s in 1..=10_000 {
        sequence.receive(s, b"x").unwrap();
    }
    assert_eq!(sequence.remembered.len(), limits::REMEMBERED_MAX);
    assert_eq!(sequence.receive(1, b"x").unwrap_err().reject, Reject::SequenceRange);
    assert_eq!(sequence.receive(10_000, b"x"), Ok(Arrival::Repeated));
}

proptest! {
    #[test]
    fn nothing_is_executed_twice(arrivals in prop::collection::vec((1..40_u64, 0..3_u8), 0..200)) {
        // HS-71 HS-72
        let mut sequence = Sequence::default();
        let mut executed = std::collections::BTreeSet::new();
        for (s, body) in arrivals {
            let before = sequence.next();
            match sequence.receive(s, &[body]) {
                Ok(Arrival::New { missed }) => {
                    prop_assert!(executed.insert(s));
                    prop_assert_eq!(s, before + missed.map_or(0, |range| range.count));
                }
                Ok(Arrival::Repeated) => prop_assert!(executed.contains(&s)),
                Err(_) => prop_assert_eq!(sequence.next(), before),
            }
            prop_assert!(sequence.next() >= before);
        }
    }
}
