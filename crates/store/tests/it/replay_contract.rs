//! What every replay guard promises, asked of all.

use countersign_core::limits::{RECV_WINDOW_MAX, TIMESTAMP_AHEAD_MAX};
use countersign_core::{Effect, MemoryReplayGuard, Monotonic, Now, Reject, ReplayGuard, ReplayId, Timestamp};
use countersign_store::{JournaledReplayGuard, SharedMemory, SharedReplayGuard};

use super::redis_server::RedisServer;
use super::support::{Place, T0};

pub fn id(message: u8, credential: u8) -> ReplayId {
    let mut bytes = [credential; 20];
    bytes[..16].fill(message);
    ReplayId::from_bytes(&bytes)
}

pub fn at(seconds: u64) -> Now {
    Now { wall: Timestamp::from_micros(T0.as_micros() + seconds * 1_000_000), mono: Monotonic::from_micros(seconds * 1_000_000) }
}

pub fn write(guard: &dyn ReplayGuard, message: u8, now: Now) -> Result<(), Reject> {
    guard.check_and_insert(id(message, 1), Effect::Write, now.wall, now.mono).map_err(|refusal| refusal.reject)
}

fn read(guard: &dyn ReplayGuard, message: u8, now: Now) -> Result<(), Reject> {
    guard.check_and_insert(id(message, 1), Effect::Read, now.wall, now.mono).map_err(|refusal| refusal.reject)
}

fn each(check: impl Fn(&(dyn ReplayGuard + Sync))) {
    check(&MemoryReplayGuard::default());
    let place = Place::new();
    check(&JournaledReplayGuard::open(&place.dir.journal(), at(0)).unwrap());
    let server = RedisServer::start(&[]);
    // Its memory began long before the messages of the test.
    let began = Timestamp::from_micros(T0.as_micros() - 3_600_000_000);
    let clock = move || Now { wall: began, mono: Monotonic::default() };
    let memory = SharedMemory::open(&super::shared::patient(&server.url()), clock).unwrap();
    let place = Place::new();
    let journal = JournaledReplayGuard::open(&place.dir.journal(), at(0)).unwrap();
    check(&*SharedReplayGuard::new(memory, Box::new(journal)));
}

#[test]
fn a_write_is_accepted_once_and_reads_repeat() {
    each(|guard| {
        assert_eq!(write(guard, 1, at(1)), Ok(()));
        assert_eq!(write(guard, 1, at(1)), Err(Reject::Replayed));
        assert_eq!(read(guard, 1, at(1)), Ok(()));
        assert_eq!(read(guard, 2, at(1)), Ok(()));
        assert_eq!(read(guard, 2, at(1)), Ok(()));
        assert_eq!(write(guard, 2, at(1)), Err(Reject::Replayed));
    });
}

#[test]
fn a_write_is_remembered_for_its_whole_window() {
    let window = (RECV_WINDOW_MAX + TIMESTAMP_AHEAD_MAX).as_secs();
    for start in [1, 30, 60, 61, 122, 200] {
        each(|guard| {
            assert_eq!(write(guard, 1, at(start)), Ok(()));
            for later in start..=start + window {
                let signed = at(start).wall;
                let again = guard.check_and_insert(id(1, 1), Effect::Write, signed, at(later).mono).map_err(|refusal| refusal.reject);
                assert_eq!(again, Err(Reject::Replayed), "{start} {later}");
            }
        });
    }
}

#[test]
fn of_many_parallel_writes_one_passes() {
    each(|guard| {
        for message in 0..50 {
            let accepted: usize = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..8).map(|_| scope.spawn(|| usize::from(write(guard, message, at(1)).is_ok()))).collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            });
            assert_eq!(accepted, 1);
        }
    });
}
