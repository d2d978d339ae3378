//! States merge by a join, whatever their history.

use countersign_halt::{Action, Entry, HaltSet, Lowered};
use proptest::prelude::*;

use crate::support::halt;

fn action() -> impl Strategy<Value = Action> {
    (0..Action::ALL.len()).prop_map(|index| Action::ALL[index])
}

fn lowered() -> impl Strategy<Value = Option<Lowered>> {
    prop::option::of((1_u64..6, prop::option::of(action())).prop_map(|(epoch, to)| Lowered { epoch, to }))
}

/// Few names, so that states meet in them; also the same name with other content, which only damage can make.
fn state() -> impl Strategy<Value = HaltSet> {
    let entry = (0_u8..5, 0_usize..3, action(), 0_u64..6, lowered());
    (0_u64..6, prop::collection::vec(entry, 0..6)).prop_map(|(epoch, entries)| {
        let scopes = ["venue", "account:a", "key:k"];
        let entries = entries.into_iter().map(|(name, scope, action, raised, lowered)| Entry {
            halt: halt(name, scopes[scope], action),
            raised,
            lowered,
        });
        HaltSet::new(epoch, entries)
    })
}

fn joined(one: &HaltSet, two: &HaltSet) -> HaltSet {
    let mut both = one.clone();
    both.join(two);
    both
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn commutative(one in state(), two in state()) {
        prop_assert_eq!(joined(&one, &two), joined(&two, &one));
    }

    #[test]
    fn associative(one in state(), two in state(), three in state()) {
        prop_assert_eq!(joined(&joined(&one, &two), &three), joined(&one, &joined(&two, &three)));
    }

    #[test]
    fn idempotent(one in state()) {
        prop_assert_eq!(joined(&one, &one), one);
    }

    /// Whatever is known stays known: the join is above both, and joining more never goes back.
    #[test]
    fn monotone(one in state(), two in state(), three in state()) {
        let both = joined(&one, &two);
        prop_assert_eq!(&joined(&both, &one), &both);
        prop_assert!(both.epoch() >= one.epoch().max(two.epoch()));
        let (less, more) = (joined(&one, &three), joined(&both, &three));
        prop_assert_eq!(&joined(&less, &more), &more, "joining the same to a greater state gives a greater state");
    }

    /// Stop wins: without a lift, a halt that either side knows is in force, at least as strong.
    #[test]
    fn a_halt_that_nobody_lifted_survives_every_merge(one in state(), two in state()) {
        let both = joined(&one, &two);
        for (entry, level) in one.in_force().chain(two.in_force()) {
            let merged = both.find(entry.halt.id).unwrap();
            if merged.lowered.is_none() {
                prop_assert!(merged.level() >= Some(level));
            }
        }
    }

    /// Any order of any notices, twice or not, ends in one state.
    #[test]
    fn order_and_repetition_do_not_matter(states in prop::collection::vec(state(), 1..5), order in prop::collection::vec(0_usize..5, 0..12)) {
        let in_order = states.iter().fold(HaltSet::default(), |known, next| joined(&known, next));
        let mut shuffled = order.iter().filter_map(|index| states.get(*index)).fold(HaltSet::default(), |known, next| joined(&known, next));
        for state in states.iter().rev() {
            shuffled.join(state);
        }
        prop_assert_eq!(shuffled, in_order);
    }
}

#[test]
fn a_late_notice_of_a_lifted_halt_changes_nothing() {
    let mut set = HaltSet::default();
    set.raise(halt(1, "venue", Action::Freeze), 1);
    set.lower(&[crate::support::id(1)], Lowered { epoch: 2, to: None });
    let lifted = set.clone();
    set.raise(halt(1, "venue", Action::Freeze), 1);
    assert_eq!(set, lifted);
    assert_eq!(set.in_force().count(), 0);
}
