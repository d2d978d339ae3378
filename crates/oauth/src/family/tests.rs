#![allow(clippy::unwrap_used)]
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::confirmation::Thumbprint;
use crate::refresh::RefreshKey;

const BEGIN: Timestamp = Timestamp::from_secs(1_790_000_000);

fn key() -> RefreshKey {
    RefreshKey::new(&[1; 32])
}

fn family() -> Family {
    let sid = SessionId::from_bytes([2; 16]);
    Family {
        sid,
        credential: CredentialId::parse("cred-1").unwrap(),
        account: AccountId::parse("desk").unwrap(),
        key_id: ApiKeyId::parse("key").unwrap(),
        purpose: Purpose::Native,
        scopes: Scopes::parse("md:read").unwrap(),
        audience: "https://gw".to_owned(),
        cnf: Confirmation { jkt: Some(Thumbprint::new([3; 32])), ..Confirmation::default() },
        generation: 1,
        current: key().issue(sid, 1).1.hash,
        previous: None,
        rotated: BEGIN,
        created: BEGIN,
        ends: BEGIN.saturating_add(Duration::from_secs(7 * 86_400)),
        revoked: None,
    }
}

fn ticket(generation: u32) -> RefreshTicket {
    key().issue(SessionId::from_bytes([2; 16]), generation).1
}

fn after(seconds: u64) -> Timestamp {
    BEGIN.saturating_add(Duration::from_secs(seconds))
}

/// A family whose current token is the third, made at 20 s.
fn third() -> Family {
    let mut family = family();
    family.rotate(&ticket(2), after(10));
    family.rotate(&ticket(3), after(20));
    family
}

#[test]
fn the_table_of_generations() {
    for (generation, at, verdict) in [
        (3, 20, Verdict::Rotate),
        (3, 5_000, Verdict::Rotate),
        (2, 20, Verdict::Repeat),
        (2, 49, Verdict::Repeat),
        (2, 50, Verdict::Reuse),
        (1, 20, Verdict::Reuse),
        (0, 20, Verdict::Reuse),
        (4, 20, Verdict::Over("a generation that was never recorded")),
    ] {
        assert_eq!(third().present(&ticket(generation), after(at)), verdict, "generation {generation} at {at} s");
    }
}

#[test]
fn a_family_ends_by_time_and_by_revocation() {
    let idle = 20 + REFRESH_IDLE_MAX.as_secs();
    assert_eq!(third().present(&ticket(3), after(idle - 1)), Verdict::Rotate);
    assert!(matches!(third().present(&ticket(3), after(idle)), Verdict::Over(_)));
    assert!(matches!(Family { ends: after(30), ..third() }.present(&ticket(3), after(30)), Verdict::Over(_)));
    let revoked = Family { revoked: Some("theft".to_owned()), ..third() };
    for generation in 0..5 {
        assert!(matches!(revoked.present(&ticket(generation), after(21)), Verdict::Over(_)));
    }
    let endless = Family { generation: GENERATIONS_MAX, current: ticket(GENERATIONS_MAX).hash, ..third() };
    assert!(matches!(endless.present(&ticket(GENERATIONS_MAX), after(21)), Verdict::Over(_)));
}

#[test]
fn the_hash_decides_and_not_the_number() {
    let other = RefreshTicket { hash: [9; 32], ..ticket(3) };
    assert!(matches!(third().present(&other, after(21)), Verdict::Over(_)));
    assert_eq!(third().present(&RefreshTicket { hash: [9; 32], ..ticket(2) }, after(21)), Verdict::Reuse);
}

proptest! {
    /// Whoever shows whatever in whatever order: there is one chain, and after a reuse there is none.
    #[test]
    fn there_is_never_a_second_chain(steps in prop::collection::vec((0_u32..4, 0_u64..40), 1..60)) {
        let (mut family, mut now) = (family(), BEGIN);
        let mut given_out = vec![ticket(1)];
        for (back, seconds) in steps {
            now = now.saturating_add(Duration::from_secs(seconds));
            let shown = ticket(family.generation.saturating_sub(back));
            let before = family.clone();
            match family.present(&shown, now) {
                Verdict::Rotate => {
                    prop_assert_eq!(shown.hash, before.current);
                    let next = ticket(family.generation + 1);
                    prop_assert!(!given_out.contains(&next), "a token is given out by one rotation only");
                    given_out.push(next);
                    family.rotate(&next, now);
                }
                Verdict::Repeat => {
                    prop_assert_eq!(Some(shown.hash), before.previous);
                    prop_assert_eq!(given_out.last().unwrap().hash, family.current, "the answer is what was given out last");
                }
                Verdict::Reuse => {
                    prop_assert!(shown.hash != before.current);
                    family.revoked = Some("reuse".to_owned());
                }
                Verdict::Over(_) => prop_assert!(family.revoked.is_some()),
            }
        }
        if family.revoked.is_some() {
            for shown in given_out {
                prop_assert!(matches!(family.present(&shown, now), Verdict::Over(_)));
            }
        }
    }
}
