//! Random runs of two real machines against a reference that keeps everything and is clever about nothing.
//!
//! ```text
//!   SessionMachine (client) ══ two queues: lose, reorder, repeat, forge ══ SessionMachine (server)
//!        │ same frame, same time                                                │
//!   Reference ───────────── same verdict, same answers? ─────────────────── Reference
//! ```
//!
//! After each step the verdicts, the frames sent and the next deadline are compared; where nobody forges, what holds for both
//! ends together is checked too: nothing is applied twice, nothing is applied that was told not to be, nothing goes unnoticed.
//!
//! `PROPTEST_CASES=100000 cargo test -p countersign-session model` runs for hours. A failure prints the shortest list of steps
//! that shows it, and the seed to start from again.

mod reference;
mod step;
mod world;

use proptest::prelude::*;

use step::{End, Forged, Step};
use world::World;

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Client), Just(End::Server)]
}

/// What an honest client, an honest gateway and a bad network do.
fn honest_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => end().prop_map(Step::Send),
        1 => (end(), 100..200_u8).prop_map(|(from, count)| Step::Talk { from, count }),
        16 => (end(), 0..4_usize).prop_map(|(to, place)| Step::Deliver { to, place }),
        2 => (end(), 0..4_usize).prop_map(|(to, place)| Step::Lose { to, place }),
        4 => (end(), any::<prop::sample::Index>()).prop_map(|(to, which)| Step::Repeat { to, which }),
        4 => (1..4_000_u64).prop_map(Step::Pass),
        2 => (4_000..25_000_u64).prop_map(Step::Pass),
    ]
}

/// The same, and the connection breaks and comes back.
fn broken_step() -> impl Strategy<Value = Step> {
    prop_oneof![10 => honest_step(), 1 => Just(Step::Break), 2 => Just(Step::Return)]
}

/// What a peer may write that is no honest machine: numbers around the bounds that matter, and frames out of place.
fn forged() -> impl Strategy<Value = Forged> {
    let number = || prop_oneof![9 => 0..6_u64, 2 => 60..200_u64, 1 => Just((1 << 53) - 1), 1 => Just(1 << 53), 1 => Just(u64::MAX)];
    prop_oneof![
        5 => (number(), prop::option::of(number()), 0..3_u8).prop_map(|(s, a, body)| Forged::App { s, a, body }),
        1 => (65_534..65_539_u64).prop_map(Forged::Gap),
        2 => (number(), number()).prop_map(|(s, a)| Forged::Heartbeat { s, a }),
        2 => (number(), number()).prop_map(|(from, count)| Forged::Nack { from, count }),
        2 => (number(), number()).prop_map(|(from, count)| Forged::Replay { from, count }),
        3 => any::<prop::sample::Index>().prop_map(Forged::Other),
    ]
}

fn hostile_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => honest_step(),
        2 => (end(), forged()).prop_map(|(to, forged)| Step::Forge { to, forged }),
        1 => (end(), 1..200_u8).prop_map(|(to, times)| Step::Flood { to, times }),
    ]
}

proptest! {
    /// HS-71 HS-72 HS-73 HS-74 HS-75
    #[test]
    fn honest_ends_agree_whatever_the_network_does(steps in prop::collection::vec(honest_step(), 1..80)) {
        let mut world = World::new(false);
        for step in steps {
            world.take(&step);
            world.check_agreement();
        }
        world.heal();
    }

    /// HS-85 HS-87 HS-88 HS-90
    #[test]
    fn honest_ends_agree_however_often_the_connection_breaks(recoverable in any::<bool>(), steps in prop::collection::vec(broken_step(), 1..80)) {
        let mut world = World::new(recoverable);
        for step in steps {
            world.take(&step);
            world.check_agreement();
        }
        world.heal();
        if recoverable {
            world.check_nothing_is_lost();
        }
    }

    /// HS-70 HS-72 HS-73 HS-76 HS-77
    #[test]
    fn a_peer_that_forges_gets_what_the_reference_says(recoverable in any::<bool>(), steps in prop::collection::vec(hostile_step(), 1..80)) {
        let mut world = World::new(recoverable);
        for step in steps {
            world.take(&step);
        }
    }
}
