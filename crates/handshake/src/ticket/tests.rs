#![allow(clippy::unwrap_used)]
use countersign_core::entropy::SeededEntropy;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn ticket() -> Ticket {
    Ticket {
        sid: SessionId::from_bytes([1; 16]),
        key_id: ApiKeyId::parse("key").unwrap(),
        credential: CredentialId::parse("cred").unwrap(),
        bind: Binding::Exp,
        generation: 7,
        expires: NOW.saturating_add(DAY),
        secret: Secret::new(vec![9; 32]),
    }
}

fn keys(gateway: &str, listener: &str) -> TicketKeys {
    TicketKeys::new(gateway, listener, DAY, &mut SeededEntropy::new_dangerous_for_tests(1), NOW)
}

fn sealed(keys: &TicketKeys) -> SecretText {
    keys.seal(&ticket(), &mut SeededEntropy::new_dangerous_for_tests(2), NOW)
}

#[test]
fn what_was_sealed_is_opened() {
    // HS-80
    let keys = keys("root", "public");
    let opened = keys.open(sealed(&keys).expose(), NOW).unwrap();
    assert_eq!((opened.sid, opened.generation, opened.bind, opened.expires), (ticket().sid, 7, Binding::Exp, ticket().expires));
    assert!(opened.secret.ct_eq(&[9; 32]));
    let longest = Ticket {
        key_id: ApiKeyId::parse(&"k".repeat(128)).unwrap(),
        credential: CredentialId::parse(&"c".repeat(64)).unwrap(),
        generation: (1 << 53) - 1,
        ..ticket()
    };
    let text = keys.seal(&longest, &mut SeededEntropy::new_dangerous_for_tests(3), NOW);
    assert!(text.expose().len() <= limits::TICKET_BYTES_MAX, "{}", text.expose().len());
    assert!(keys.open(text.expose(), NOW).is_ok());
}

#[test]
fn a_ticket_opens_at_its_own_listener_only() {
    // HS-80: both rings hold the same key, so only the context can tell them apart.
    let text = sealed(&keys("root", "public"));
    for (gateway, listener) in [("root", "internal"), ("other", "public")] {
        assert_eq!(keys(gateway, listener).open(text.expose(), NOW).unwrap_err().reject, Reject::TicketInvalid);
    }
}

#[test]
fn a_ticket_ends_with_its_session() {
    // HS-80
    let keys = keys("root", "public");
    let text = sealed(&keys);
    let last = ticket().expires.saturating_sub(Duration::from_micros(1));
    assert!(keys.open(text.expose(), last).is_ok());
    assert_eq!(keys.open(text.expose(), ticket().expires).unwrap_err().reject, Reject::TicketInvalid);
}

#[test]
fn keys_change_hourly_and_open_for_the_life_of_a_session() {
    // HS-80
    let keys = keys("root", "public");
    let mut entropy = SeededEntropy::new_dangerous_for_tests(4);
    let first = sealed(&keys);
    let mut names = std::collections::BTreeSet::new();
    for hour in 1..=25_u64 {
        let now = NOW.saturating_add(limits::TICKET_KEY_LIFE * u32::try_from(hour).unwrap());
        let text = keys.seal(&ticket(), &mut entropy, now);
        names.insert(text.expose()[..10].to_owned());
        assert!(keys.unseal(first.expose(), NOW).is_some(), "hour {hour}: a session of a day may be alive");
    }
    assert_eq!(names.len(), 25, "a new key each hour");
    let _ = keys.seal(&ticket(), &mut entropy, NOW.saturating_add(DAY * 2));
    assert!(keys.unseal(first.expose(), NOW).is_none(), "the key is gone, and with it what it sealed");
}

#[test]
fn nothing_of_a_ticket_is_shown() {
    let shown = format!("{:?} {:?} {:?}", keys("root", "public"), ticket(), sealed(&keys("root", "public")));
    assert!(!shown.contains(&encoding::encode(&[9; 32])) && !shown.contains("9, 9"), "{shown}");
}

proptest! {
    #[test]
    fn no_changed_character_opens(place in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=. -]") {
        let keys = keys("root", "public");
        let text = sealed(&keys);
        let mut changed = text.expose().to_owned();
        let place = place.index(changed.len());
        changed.replace_range(place..=place, &other);
        prop_assume!(changed != text.expose());
        prop_assert!(keys.open(&changed, NOW).is_err());
    }
}

#[test]
fn any_node_that_has_the_secret_opens_what_another_sealed() {
    // HS-80
    let node = |secret: u8, listener| TicketKeys::shared("gw", listener, DAY, Secret::new(vec![secret; 32]));
    let (one, other) = (node(1, "public"), node(1, "public"));
    let mut entropy = SeededEntropy::new_dangerous_for_tests(1);
    let text = one.seal(&ticket(), &mut entropy, NOW);
    let opened = |keys: &TicketKeys, now| keys.open(text.expose(), now).map(|ticket| ticket.generation).map_err(|refusal| refusal.reject);
    assert_eq!(opened(&other, NOW), Ok(ticket().generation));
    let hour = std::time::Duration::from_secs(3_600);
    assert_eq!(opened(&other, Timestamp::from_micros(NOW.as_micros() - 3_600_000_000)), Ok(ticket().generation), "a slow clock");
    assert_eq!(opened(&node(2, "public"), NOW).unwrap_err(), Reject::TicketInvalid);
    assert_eq!(opened(&node(1, "internal"), NOW).unwrap_err(), Reject::TicketInvalid);
    let later = one.seal(&ticket(), &mut entropy, NOW.saturating_add(hour));
    assert_ne!(later.expose().get(..10), text.expose().get(..10), "another hour, another key");
}
