#![allow(clippy::unwrap_used)]
use super::*;

fn id(message: u8, credential: u32) -> ReplayId {
    let mut bytes = [0; 16];
    bytes[15] = message;
    ReplayId { message: bytes, credential }
}

/// Later than anything that these tests let the guard forget.
const SIGNED: Timestamp = Timestamp::from_secs(1_000_000);

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_micros(seconds * 1_000_000)
}

#[test]
fn a_write_is_accepted_once_and_reads_repeat() {
    let guard = MemoryReplayGuard::default();
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, SIGNED, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, SIGNED, at(1)), Err(Reject::Replayed.into()));
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Read, SIGNED, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(2, 1), Effect::Read, SIGNED, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(2, 1), Effect::Read, SIGNED, at(1)), Ok(()));
    assert_eq!(
        guard.check_and_insert(id(2, 1), Effect::Write, SIGNED, at(1)),
        Err(Reject::Replayed.into()),
        "a read is no ticket for a write"
    );
    assert_eq!(guard.records(), 2);
}

#[test]
fn remembers_at_least_the_longest_window_and_then_forgets() {
    let window = (limits::RECV_WINDOW_MAX + limits::TIMESTAMP_AHEAD_MAX).as_secs();
    for start in [0, 1, 30, 60, 61, 200] {
        let guard = MemoryReplayGuard::default();
        let signed = SIGNED.saturating_add(std::time::Duration::from_secs(start + 1));
        guard.check_and_insert(id(9, 9), Effect::Read, SIGNED, at(0)).unwrap();
        guard.check_and_insert(id(1, 1), Effect::Write, signed, at(start)).unwrap();
        for later in 0..=window {
            assert_eq!(
                guard.check_and_insert(id(1, 1), Effect::Write, signed, at(start + later)),
                Err(Reject::Replayed.into()),
                "{start}+{later}"
            );
        }
        let fresh = Timestamp::from_secs(2_000_000);
        assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, fresh, at(start + 3 * window)), Ok(()));
    }
}

#[test]
fn one_of_many_parallel_writes_wins() {
    let guard = MemoryReplayGuard::default();
    for message in 0..50 {
        let accepted: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| usize::from(guard.check_and_insert(id(message, 1), Effect::Write, SIGNED, at(1)).is_ok())))
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(accepted, 1);
    }
}

#[test]
fn one_key_cannot_use_up_the_memory_of_others() {
    let guard = MemoryReplayGuard::with_limits(64 * 10, 64 * 2);
    assert_eq!(guard.check_and_insert(id(1, 7), Effect::Write, SIGNED, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(2, 7), Effect::Write, SIGNED, at(1)), Ok(()));
    assert_eq!(guard.check_and_insert(id(3, 7), Effect::Write, SIGNED, at(1)), Err(Reject::ReplayCapacity.into()));
    assert_eq!(guard.check_and_insert(id(4, 8), Effect::Write, SIGNED, at(1)), Ok(()));
}

#[test]
fn ids_round_trip_through_a_journal() {
    assert_eq!(ReplayId::from_bytes(&id(3, 77).to_bytes()), id(3, 77));
}

#[test]
fn a_clock_that_steps_back_re_opens_nothing() {
    let guard = MemoryReplayGuard::default();
    let signed = Timestamp::from_secs(5_000);
    guard.check_and_insert(id(1, 1), Effect::Write, signed, at(10)).unwrap();
    let much_later = at(1_000);
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, signed, much_later), Err(Reject::TimestampStale.into()));
    assert_eq!(guard.check_and_insert(id(1, 1), Effect::Write, Timestamp::from_secs(5_001), much_later), Ok(()));
}

#[test]
fn a_text_has_one_name_however_it_is_cut_and_however_long_it_is() {
    let named = |pieces: &[&[u8]]| {
        let mut signed = SignedBytes::new();
        pieces.iter().for_each(|piece| signed.push(piece.to_vec()));
        ReplayId::of_owner("owner", &signed)
    };
    for length in [2, SHORT_BYTES - 10, SHORT_BYTES - 9, SHORT_BYTES - 8, SHORT_BYTES, 10 * SHORT_BYTES] {
        let text = vec![b'x'; length];
        let whole = named(&[&text]);
        assert_eq!(whole, named(&[&text[..1], &text[1..]]), "{length}");
        let mut expected = digest::Context::new(&digest::SHA256);
        [&[0, 0, 0, 5][..], b"owner", &text].iter().for_each(|part| expected.update(part));
        assert_eq!(whole.message, expected.finish().as_ref()[..16], "{length}: {whole:?}");
    }
}
