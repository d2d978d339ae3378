//! Who can lift what: quorum, epochs, replays, forgeries.

use std::time::Duration;

use countersign_halt::lift::Proposal;
use countersign_halt::{
    Action, Change, Halt, HaltError, HaltRecord, HaltSet, Lift, LiftError, Lowered, NoticeKey, Operator, OperatorSet, Reason,
};
use proptest::prelude::*;

use crate::support::{GATEWAY, NOW, by_client, halt, id, operator, sign, three};

fn set(halts: &[Halt]) -> HaltSet {
    let mut set = HaltSet::default();
    for (epoch, halt) in (1..).zip(halts) {
        set.raise(halt.clone(), epoch);
        set.advance(epoch);
    }
    set
}

fn propose(set: &HaltSet, halts: &[u8], to: Option<Action>) -> Result<Lift, LiftError> {
    let halts = halts.iter().map(|byte| id(*byte)).collect();
    let proposal = Proposal { gateway: GATEWAY, halts, to, reason: "checked the books", by: "alice", now: NOW };
    Lift::propose(set, proposal).unwrap()
}

#[test]
fn a_venue_wide_halt_needs_two_different_operators_of_three() {
    let set = set(&[halt(1, "venue", Action::Freeze)]);
    let lift = propose(&set, &[1], Some(Action::CancelOnly)).unwrap();
    let agree = |names: &[&str]| {
        let signatures: Vec<_> = names.iter().map(|name| sign(&lift, name)).collect();
        three(2).agree(&lift, &signatures, &set, NOW)
    };
    assert_eq!(agree(&[]), Err(LiftError::Quorum { signed: 0, needed: 2 }));
    assert_eq!(agree(&["alice"]), Err(LiftError::Quorum { signed: 1, needed: 2 }));
    assert_eq!(agree(&["alice", "alice"]), Err(LiftError::Quorum { signed: 1, needed: 2 }), "twice the same is one");
    let agreed = agree(&["alice", "carol"]).unwrap();
    assert_eq!(agreed.operators(), ["alice".into(), "carol".into()]);
    assert_eq!(agree(&["alice", "mallory"]), Err(LiftError::UnknownOperator("mallory".to_owned())));
    let mut forged = sign(&lift, "mallory");
    forged.operator = "bob".into();
    let both = [sign(&lift, "alice"), forged];
    assert_eq!(three(2).agree(&lift, &both, &set, NOW), Err(LiftError::BadSignature("bob".to_owned())));
}

#[test]
fn a_lift_is_for_the_epoch_and_the_time_that_were_signed() {
    let mut set = set(&[halt(1, "venue", Action::Freeze)]);
    let lift = propose(&set, &[1], None).unwrap();
    let both = [sign(&lift, "alice"), sign(&lift, "bob")];
    let at = |set: &HaltSet, now| three(2).agree(&lift, &both, set, now).map(|_| ());
    assert_eq!(at(&set, NOW), Ok(()));
    assert_eq!(at(&set, NOW.saturating_add(Duration::from_secs(15 * 60))), Err(LiftError::Expired));
    assert_eq!(at(&set, NOW.saturating_sub(Duration::from_secs(1))), Err(LiftError::NotYet));
    // Applied, and then the halt again under another name: the old signatures are worth nothing.
    set.lower(&[id(1)], Lowered { epoch: 2, to: None });
    set.advance(2);
    set.raise(halt(2, "venue", Action::Freeze), 3);
    set.advance(3);
    assert_eq!(at(&set, NOW), Err(LiftError::EpochMoved { signed: 1, now: 3 }));
    let elsewhere = OperatorSet::new("another-root", ["alice", "bob"].map(operator).to_vec(), 2).unwrap();
    assert_eq!(elsewhere.verify(&lift, &both[0]), Err(LiftError::OtherGateway));
}

#[test]
fn a_lift_must_make_weaker_what_is_in_force() {
    let set = set(&[halt(1, "venue", Action::DenyNew)]);
    assert_eq!(propose(&set, &[2], None), Err(LiftError::NotInForce(id(2))));
    for to in [Action::DenyNew, Action::Freeze, Action::Disconnect] {
        assert_eq!(propose(&set, &[1], Some(to)), Err(LiftError::NotWeaker { halt: id(1), level: Action::DenyNew }));
    }
    assert!(propose(&set, &[1], Some(Action::CancelOnly)).is_ok());
}

#[test]
fn a_compromised_key_never_comes_back() {
    let mut compromised = halt(1, "key:k", Action::Disconnect);
    compromised.reason = Reason::CredentialCompromise;
    assert_eq!(propose(&set(&[compromised.clone()]), &[1], None), Err(LiftError::ForEver(id(1))));
    compromised.scope = countersign_halt::HaltScope::parse("account:a").unwrap();
    assert!(propose(&set(&[compromised]), &[1], None).is_ok(), "an account gets a new key");
}

#[test]
fn what_concerns_one_key_or_was_a_clients_own_wish_one_operator_lifts() {
    let wide = halt(1, "account:desk", Action::CancelOnly);
    let set = set(&[wide.clone(), halt(2, "key:k", Action::Freeze), by_client(Halt { id: id(3), ..wide })]);
    for (halts, needed) in [(&[1][..], 2), (&[2], 1), (&[3], 1), (&[2, 3], 1), (&[1, 2], 2)] {
        assert_eq!(propose(&set, halts, None).unwrap().needed(&set, 2), needed, "{halts:?}");
    }
}

#[test]
fn one_person_cannot_be_two_operators() {
    let twin = Operator { name: "alias".into(), ..operator("alice") };
    assert!(OperatorSet::new(GATEWAY, vec![operator("alice"), twin], 2).unwrap_err().contains("same key"));
    assert!(OperatorSet::new(GATEWAY, vec![operator("alice"), operator("alice")], 1).unwrap_err().contains("twice"));
    assert!(OperatorSet::new(GATEWAY, vec![operator("alice")], 2).unwrap_err().contains("quorum of 2"));
    let alice = operator("alice");
    assert_eq!(Operator::parse(&alice.to_string()), Some(alice));
    assert_eq!(Operator::parse("alice:short"), None);
}

#[test]
fn a_payload_reads_back_and_no_other_text_is_one() {
    let set = set(&[halt(1, "venue", Action::Freeze)]);
    let lift = propose(&set, &[1], Some(Action::CancelOnly)).unwrap();
    let read = Lift::from_payload(lift.payload()).unwrap();
    assert_eq!((read.id(), &read), (lift.id(), &lift));
    assert_eq!(lift.check_words().len(), 19);
    for wrong in ["{}", "", &lift.payload().replace("\"lift\"", "\"halt\""), &lift.payload().replace("H-01", "H-0x")] {
        assert_eq!(Lift::from_payload(wrong), Err(HaltError::Malformed), "{wrong}");
    }
}

#[test]
fn a_notice_is_believed_only_from_the_cluster() {
    let key = NoticeKey::new(&[1; 32]);
    let records = [
        HaltRecord { epoch: 7, change: Change::Raise(halt(1, "account:4711", Action::DenyNew)) },
        HaltRecord { epoch: 8, change: Change::Lower { halts: vec![id(1)], to: Some(Action::CancelOnly) } },
    ];
    for record in records {
        let notice = key.seal(&record);
        assert_eq!(key.open(&notice), Ok(record));
        assert_eq!(NoticeKey::new(&[2; 32]).open(&notice), Err(HaltError::Mac));
        assert_eq!(key.open(notice.strip_prefix("cs1k.").unwrap()), Err(HaltError::Malformed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_notice_is_believed(place in 0_usize..1_000, bit in 0_u32..8) {
        let key = NoticeKey::new(&[1; 32]);
        let record = HaltRecord { epoch: 7, change: Change::Raise(halt(1, "venue", Action::Freeze)) };
        let mut bytes = key.seal(&record).into_bytes();
        let place = place % bytes.len();
        bytes[place] ^= 1_u8 << bit;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            // The last digit of base64 has bits that mean nothing; a strict reader refuses them, too.
            prop_assert!(key.open(text).is_err());
        }
    }

    #[test]
    fn no_changed_lift_keeps_its_signature(place in 0_usize..1_000, bit in 0_u32..8) {
        let set = set(&[halt(1, "venue", Action::Freeze)]);
        let lift = propose(&set, &[1], None).unwrap();
        let signature = sign(&lift, "alice");
        let mut bytes = lift.payload().as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] ^= 1_u8 << bit;
        if let Ok(changed) = Lift::from_payload(std::str::from_utf8(&bytes).unwrap_or_default()) {
            prop_assert!(three(1).verify(&changed, &signature).is_err());
        }
    }
}
