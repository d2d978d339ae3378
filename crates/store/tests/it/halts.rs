//! Halts in the database: epochs, what a crash leaves, what damage does.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::Timestamp;
use countersign_halt::lift::Proposal;
use countersign_halt::{
    Action, Halt, HaltClass, HaltError, HaltId, HaltScope, HaltSet, Lift, Operator, OperatorSet, OperatorSignature, RaisedBy, Reason,
};
use countersign_store::limits::DRILLS_KEPT;
use countersign_store::{StoreError, StoredDrill};

use super::support::{Place, contract};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

contract!(
    what_is_halted_is_read_back_after_a_restart_under_its_epoch,
    a_lift_is_committed_only_under_the_epoch_that_was_signed,
    a_proposal_goes_when_it_has_expired,
    a_halt_that_cannot_be_understood_is_an_error_and_not_nothing,
    rehearsals_have_an_epoch_of_their_own,
    a_rehearsal_that_cannot_be_read_hides_none_after_it,
);

fn halt(byte: u8) -> Halt {
    Halt {
        action: Action::Freeze,
        id: HaltId::from_bytes([byte; 6]),
        scope: HaltScope::Venue,
        reason: Reason::Runaway,
        text: "words".into(),
        class: HaltClass::Manual,
        by: RaisedBy::Operator("alice".into()),
        at: NOW,
        review_by: None,
    }
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn operators() -> OperatorSet {
    let key = pair().public_key().as_ref().try_into().unwrap();
    OperatorSet::new("root", vec![Operator { name: "alice".into(), key }], 1).unwrap()
}

fn lift(set: &HaltSet, to: Option<Action>) -> (Lift, OperatorSignature) {
    let halts = set.in_force().map(|(entry, _)| entry.halt.id).collect();
    let lift = Lift::propose(set, Proposal { gateway: "root", halts, to, reason: "well", by: "alice", now: NOW }).unwrap().unwrap();
    let signature = OperatorSignature { operator: "alice".into(), signature: pair().sign(&lift.signed_bytes()).as_ref().to_vec() };
    (lift, signature)
}

async fn what_is_halted_is_read_back_after_a_restart_under_its_epoch(place: Place) {
    let halts = place.halts().await;
    assert_eq!(halts.state(None).await.unwrap(), HaltSet::default());
    assert_eq!((halts.raise(&halt(1)).await.unwrap(), halts.raise(&halt(2)).await.unwrap()), (1, 2));
    assert_eq!(halts.raise(&halt(1)).await.unwrap(), 1, "the same halt again is no change, and keeps its epoch");
    drop(halts);
    let halts = place.halts().await;
    let state = halts.state(None).await.unwrap();
    assert_eq!((state.epoch(), state.in_force().count()), (2, 2));
    assert_eq!(state.find(halt(1).id).unwrap().halt, halt(1));
    assert_eq!(halts.state(Some(2)).await.unwrap().entries().count(), 0, "what is known is not read again");
    assert_eq!(halts.state(Some(1)).await.unwrap().entries().count(), 2);
}

async fn a_lift_is_committed_only_under_the_epoch_that_was_signed(place: Place) {
    let halts = place.halts().await;
    halts.raise(&halt(1)).await.unwrap();
    let set = halts.state(None).await.unwrap();
    let (first, signature) = lift(&set, Some(Action::CancelOnly));
    halts.propose(&first, NOW).await.unwrap();
    assert_eq!(halts.sign(first.id(), &signature).await.unwrap(), Some(1));
    assert_eq!(halts.sign(first.id(), &signature).await.unwrap(), Some(1), "one operator signs once");
    let stored = halts.lift(first.id()).await.unwrap().unwrap();
    assert_eq!((&stored.lift, stored.signatures.len()), (&first, 1));
    let agreed = operators().agree(&stored.lift, &stored.signatures, &set, NOW).unwrap();
    assert_eq!(halts.lower(&agreed, &stored.signatures, NOW).await.unwrap(), Some(2));
    assert_eq!(halts.lower(&agreed, &stored.signatures, NOW).await.unwrap(), None, "and never again");
    let after = halts.state(None).await.unwrap();
    assert_eq!(after.find(halt(1).id).unwrap().level(), Some(Action::CancelOnly));
    assert_eq!(halts.lift(first.id()).await.unwrap(), None);
}

async fn a_proposal_goes_when_it_has_expired(place: Place) {
    let halts = place.halts().await;
    halts.raise(&halt(1)).await.unwrap();
    let set = halts.state(None).await.unwrap();
    let (old, _) = lift(&set, None);
    halts.propose(&old, NOW).await.unwrap();
    let (other, _) = lift(&set, Some(Action::CancelOnly));
    halts.propose(&other, old.expires).await.unwrap();
    assert_eq!(halts.lift(old.id()).await.unwrap(), None);
}

async fn a_halt_that_cannot_be_understood_is_an_error_and_not_nothing(mut place: Place) {
    let halts = place.halts().await;
    halts.raise(&halt(1)).await.unwrap();
    for damage in
        ["UPDATE halts SET record = '{}'", "UPDATE halts SET id = 'H-ffffffffffff'", "UPDATE halts SET lowered = 2, lowered_to = 'some'"]
    {
        place.edit(damage).await.unwrap();
        assert!(matches!(halts.state(None).await, Err(StoreError::BadRecord { .. })), "{damage}");
    }
}

async fn rehearsals_have_an_epoch_of_their_own(place: Place) {
    let halts = place.halts().await;
    let (store, first, second) = (place.store().await, ("n1", "run-1"), ("n2", "run-2"));
    assert_eq!(store.last_drill().await.unwrap(), 0);
    assert_eq!((halts.record_drill(&halt(1), first).await.unwrap(), halts.record_drill(&halt(2), second).await.unwrap()), (1, 2));
    assert_eq!((halts.state(None).await.unwrap(), store.last_drill().await.unwrap()), (HaltSet::default(), 2));
    let heard = |drills: Vec<StoredDrill>| drills.into_iter().map(|drill| (drill.epoch, drill.halt.unwrap())).collect::<Vec<_>>();
    assert_eq!(heard(store.drills_after(0, first.1).await.unwrap()), [(2, halt(2))], "not what it began itself");
    assert_eq!(heard(store.drills_after(0, "run-3").await.unwrap()), [(1, halt(1)), (2, halt(2))]);
    store.answer_drill(2, first.1, "{}").await.unwrap();
    store.answer_drill(2, first.1, "once").await.unwrap();
    assert!(store.drills_after(0, first.1).await.unwrap().is_empty(), "nor what it has answered");
    let said: Vec<_> = store.drill_answers(2).await.unwrap().into_iter().map(|answer| (answer.run, answer.record)).collect();
    assert!(
        said.len() == 2 && said.contains(&("run-1".to_owned(), "{}".to_owned())) && said.contains(&("run-2".to_owned(), String::new()))
    );
    for _ in 0..DRILLS_KEPT {
        halts.record_drill(&halt(3), first).await.unwrap();
    }
    assert_eq!(store.drill_answers(2).await.unwrap(), [], "older answers are forgotten");
    assert_eq!(store.drills_after(0, "run-3").await.unwrap().len(), DRILLS_KEPT, "the latest");
}

async fn a_rehearsal_that_cannot_be_read_hides_none_after_it(mut place: Place) {
    let (halts, store) = (place.halts().await, place.store().await);
    for byte in 1..=2 {
        halts.record_drill(&halt(byte), ("n1", "run-1")).await.unwrap();
    }
    place.edit("UPDATE halt_drills SET record = '{}' WHERE drill_epoch = 1").await.unwrap();
    let heard: Vec<_> = store.drills_after(0, "run-2").await.unwrap().into_iter().map(|drill| (drill.epoch, drill.halt)).collect();
    assert_eq!(heard, [(1, Err(HaltError::Malformed)), (2, Ok(halt(2)))]);
}
