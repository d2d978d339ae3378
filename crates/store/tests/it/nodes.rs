//! Two nodes with one database: whatever both do at once has one outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::{CredentialId, SessionId, Timestamp};
use countersign_halt::lift::Proposal;
use countersign_halt::{
    Action, Halt, HaltClass, HaltId, HaltScope, HaltSet, Lift, Operator, OperatorSet, OperatorSignature, RaisedBy, Reason,
};
use countersign_oauth::{Family, RefreshKey, RevocationTarget};
use countersign_store::{Change, Presented, SessionRecord, Store, StoreError};

use super::support::{Place, T0, change, contract, desk, native};

contract!(
    halts_of_two_nodes_have_epochs_one_after_the_other,
    a_lift_that_two_nodes_apply_is_applied_once,
    a_token_that_two_nodes_are_shown_at_once_has_one_successor,
    a_theft_that_two_nodes_see_at_once_is_revoked_once,
    who_follows_revocations_misses_none,
    a_node_that_starts_again_ends_its_own_sessions,
    a_session_that_went_to_another_node_is_ended_there_only,
    changes_of_one_node_are_counted_at_the_other,
);

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(super) fn halt(byte: u8) -> Halt {
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

async fn halts_of_two_nodes_have_epochs_one_after_the_other(place: Place) {
    let (one, other) = (place.node("a").await.open_halts().await.unwrap(), place.node("b").await.open_halts().await.unwrap());
    let mut epochs = BTreeSet::new();
    for round in 0..10_u8 {
        let (mine, theirs) = (halt(2 * round), halt(2 * round + 1));
        let (first, second) = tokio::join!(one.raise(&mine), other.raise(&theirs));
        epochs.extend([first.unwrap(), second.unwrap()]);
    }
    assert_eq!(epochs, (1..=20).collect());
    let same = halt(99);
    let (first, second) = tokio::join!(one.raise(&same), other.raise(&same));
    assert_eq!((first.unwrap(), second.unwrap()), (21, 21), "the same halt from two nodes is one");
    assert_eq!(one.state(None).await.unwrap(), other.state(None).await.unwrap());
}

pub(super) fn lift(set: &HaltSet) -> (OperatorSet, Lift, OperatorSignature) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = pair.public_key().as_ref().try_into().unwrap();
    let operators = OperatorSet::new("root", vec![Operator { name: "alice".into(), key }], 1).unwrap();
    let halts = set.in_force().map(|(entry, _)| entry.halt.id).collect();
    let lift = Lift::propose(set, Proposal { gateway: "root", halts, to: None, reason: "well", by: "alice", now: NOW }).unwrap().unwrap();
    let signature = OperatorSignature { operator: "alice".into(), signature: pair.sign(&lift.signed_bytes()).as_ref().to_vec() };
    (operators, lift, signature)
}

async fn a_lift_that_two_nodes_apply_is_applied_once(place: Place) {
    let (one, other) = (place.node("a").await.open_halts().await.unwrap(), place.node("b").await.open_halts().await.unwrap());
    one.raise(&halt(1)).await.unwrap();
    let set = other.state(None).await.unwrap();
    let (operators, lift, signature) = lift(&set);
    other.propose(&lift, NOW).await.unwrap();
    assert_eq!(one.sign(lift.id(), &signature).await.unwrap(), Some(1));
    let signatures = [signature];
    let agreed = operators.agree(&lift, &signatures, &set, NOW).unwrap();
    let (first, second) = tokio::join!(one.lower(&agreed, &signatures, NOW), other.lower(&agreed, &signatures, NOW));
    let outcomes = BTreeSet::from([first.unwrap(), second.unwrap()]);
    assert_eq!(outcomes, BTreeSet::from([None, Some(2)]));
    assert_eq!(one.state(None).await.unwrap().epoch(), 2);
}

fn sid(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

async fn family(store: &Store, key: &RefreshKey, number: u8) -> Family {
    let made = Family {
        sid: sid(number),
        credential: CredentialId::parse("cred-1").unwrap(),
        account: desk(),
        key_id: countersign_core::ApiKeyId::parse("key").unwrap(),
        purpose: countersign_core::Purpose::Native,
        scopes: countersign_core::Scopes::parse("md:read").unwrap(),
        audience: "https://gw".to_owned(),
        cnf: countersign_oauth::Confirmation::default(),
        generation: 1,
        current: key.issue(sid(number), 1).1.hash,
        previous: None,
        rotated: T0,
        created: T0,
        ends: T0.saturating_add(Duration::from_secs(86_400)),
        revoked: None,
    };
    store.open_family(&made, 0).await.unwrap();
    made
}

async fn present(store: &Store, key: &RefreshKey, number: u8, generation: u32, seconds: u64) -> Presented {
    let (shown, next) = (key.issue(sid(number), generation).1, key.issue(sid(number), generation + 1).1);
    let now = T0.saturating_add(Duration::from_secs(seconds));
    store.present_refresh(&shown, &next, now, |_| Ok(())).await.unwrap()
}

async fn a_token_that_two_nodes_are_shown_at_once_has_one_successor(place: Place) {
    let (one, other) = (place.node("a").await, place.node("b").await);
    let key = one.refresh_key().await.unwrap();
    assert_eq!(other.refresh_key().await.unwrap().issue(sid(1), 1).0, key.issue(sid(1), 1).0, "one key for all nodes");
    for number in 1..=5 {
        family(&one, &key, number).await;
        let (first, second) = tokio::join!(present(&one, &key, number, 1, 10), present(&other, &key, number, 1, 10));
        for given in [first, second] {
            let Presented::Given(given) = given else { panic!("not given") };
            assert_eq!((given.generation, given.current), (2, key.issue(sid(number), 2).1.hash));
        }
        assert_eq!(one.family(sid(number)).await.unwrap().unwrap().generation, 2);
    }
}

async fn a_theft_that_two_nodes_see_at_once_is_revoked_once(place: Place) {
    let (one, other) = (place.node("a").await, place.node("b").await);
    let key = one.refresh_key().await.unwrap();
    for number in 1..=5 {
        family(&one, &key, number).await;
        present(&one, &key, number, 1, 10).await;
        present(&other, &key, number, 2, 11).await;
        let (first, second) = tokio::join!(present(&one, &key, number, 1, 12), present(&other, &key, number, 1, 12));
        let reuses = [&first, &second].into_iter().filter(|outcome| matches!(outcome, Presented::Reused(..))).count();
        let over = [&first, &second].into_iter().filter(|outcome| matches!(outcome, Presented::Over(..))).count();
        assert_eq!((reuses, over), (1, 1), "{first:?} {second:?}");
        assert_eq!(other.revocations_after(0).await.unwrap().len(), usize::from(number));
        assert!(matches!(present(&one, &key, number, 3, 13).await, Presented::Over(..)), "the rightful one ends, too");
    }
}

async fn who_follows_revocations_misses_none(place: Place) {
    let (one, other, follower) = (place.node("a").await, place.node("b").await, place.node("c").await);
    let by = change();
    let revoke = |store: Store, half: u8| {
        let by = by.clone();
        async move {
            for number in 0..20 {
                // A file that others write to without a pause may be locked for too long on a busy disk: then nothing was written.
                while let Err(error) = store.revoke_tokens(RevocationTarget::Token([half + number; 16]), &by).await {
                    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
                }
            }
        }
    };
    let follow = async {
        let mut seen = Vec::new();
        while seen.len() < 40 {
            let after = seen.last().copied().unwrap_or(0);
            seen.extend(follower.revocations_after(after).await.unwrap().iter().map(|revocation| revocation.epoch));
        }
        seen
    };
    let ((), (), seen) = tokio::join!(revoke(one, 0), revoke(other, 100), follow);
    assert_eq!(seen, (1..=40).collect::<Vec<u64>>());
}

fn session(number: u8) -> SessionRecord {
    SessionRecord {
        sid: sid(number),
        account: desk(),
        credential: CredentialId::parse("cred-1").unwrap(),
        ch: "k1Y".to_owned(),
        contract: r#"{"v":1}"#.to_owned(),
        remote: None,
        created: T0,
        ended: None,
        end_reason: None,
        shown: None,
    }
}

async fn a_node_that_starts_again_ends_its_own_sessions(place: Place) {
    // A file has one gateway, so all sessions in it are that one's.
    let alone = place.node("a").await.notices().is_none();
    let (one, other) = (place.node("a").await, place.node("b").await);
    one.record_session(&session(1)).await.unwrap();
    other.record_session(&session(2)).await.unwrap();
    let ended = one.end_open_sessions(T0, "gateway restarted").await.unwrap();
    assert_eq!(ended, if alone { 2 } else { 1 });
    assert_eq!(other.end_open_sessions(T0, "gateway restarted").await.unwrap(), 2 - ended);
}

async fn a_session_that_went_to_another_node_is_ended_there_only(place: Place) {
    let alone = place.node("a").await.notices().is_none();
    let (one, other) = (place.node("a").await, place.node("b").await);
    one.record_session(&session(1)).await.unwrap();
    other.record_session(&session(1)).await.unwrap();
    let ended = one.end_sessions(&[(sid(1), T0, "served by another node")]).await.unwrap();
    assert_eq!(ended, u64::from(alone), "a file has one gateway, which has all sessions in it");
    assert_eq!(other.sessions(9).await.unwrap()[0].ended.is_some(), alone);
    other.end_session(sid(1), T0, "logout").await.unwrap();
    assert!(one.sessions(9).await.unwrap()[0].ended.is_some());
}

async fn changes_of_one_node_are_counted_at_the_other(place: Place) {
    let (one, other) = (place.node("a").await, place.node("b").await);
    let before = other.change_counter().await.unwrap();
    one.create_account(desk(), "", &change()).await.unwrap();
    one.create_credential(native(1), &Change::new(T0, "test")).await.unwrap();
    let after = other.change_counter().await.unwrap();
    assert!(after > before);
    assert_eq!(one.change_counter().await.unwrap(), after);
}
