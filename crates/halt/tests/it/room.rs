//! Who finds room for a halt, and beside which another would change nothing.

use countersign_core::{AccountId, ApiKeyId, Purpose};
use countersign_halt::limits::{CLIENT_HALTS_MAX, CLIENT_HALTS_PER_ACCOUNT_MAX, HALTS_MAX};
use countersign_halt::words::as_plain;
use countersign_halt::{Action, Halt, HaltError, HaltId, HaltScope, HaltSet, Lowered, RaisedBy, Reason};

use crate::support::{by_client, halt};

fn numbered(number: usize, halt: Halt) -> Halt {
    let id = HaltId::from_bytes(number.to_be_bytes()[2..].try_into().unwrap());
    Halt { id, scope: HaltScope::Key(ApiKeyId::parse(&format!("k{number}")).unwrap()), ..halt }
}

fn of_account(account: usize, halt: Halt) -> Halt {
    let account = AccountId::parse(&format!("a{account}")).unwrap();
    Halt { by: RaisedBy::Client { account, key: ApiKeyId::parse("k1").unwrap() }, ..halt }
}

fn any() -> Halt {
    halt(1, "account:desk", Action::CancelOnly)
}

/// As many halts of clients as there may be, from as many accounts as that takes.
fn full_of_clients() -> HaltSet {
    let mut set = HaltSet::default();
    for number in 0..CLIENT_HALTS_MAX {
        let halt = of_account(number / CLIENT_HALTS_PER_ACCOUNT_MAX, numbered(number, any()));
        assert!(set.has_room_for(&halt), "{number}");
        set.raise(halt, 1);
    }
    set
}

#[test]
fn clients_fill_their_own_places_and_leave_those_of_operators() {
    let mut set = full_of_clients();
    let late = of_account(CLIENT_HALTS_MAX, any());
    assert!(!set.has_room_for(&late), "another account");
    for number in 0..HALTS_MAX {
        assert!(set.has_room_for(&any()), "{number}");
        set.raise(numbered(CLIENT_HALTS_MAX + number, any()), 1);
    }
    assert!(!set.has_room_for(&any()), "now operators have used up theirs");
    assert!(set.has_room_for(&Halt { by: RaisedBy::Local("n1".into()), ..any() }));
    // One that is lifted makes room, for its own kind.
    set.lower(&[numbered(0, any()).id], Lowered { epoch: 2, to: None });
    assert!(set.has_room_for(&late) && !set.has_room_for(&any()));
}

#[test]
fn one_account_has_its_part_of_them() {
    let mut set = HaltSet::default();
    for number in 0..CLIENT_HALTS_PER_ACCOUNT_MAX {
        set.raise(of_account(1, numbered(number, any())), 1);
    }
    assert!(!set.has_room_for(&of_account(1, any())));
    assert!(set.has_room_for(&of_account(2, any())));
}

/// Full twice over, an operator still stops everybody, in every strength; and what that adds is bounded.
#[test]
fn the_venue_and_every_family_always_have_room() {
    let mut set = full_of_clients();
    for number in 0..HALTS_MAX {
        set.raise(numbered(CLIENT_HALTS_MAX + number, any()), 1);
    }
    let before = set.in_force().count();
    let families = Purpose::ALL.iter().map(|purpose| HaltScope::Dialect(*purpose));
    let wide: Vec<HaltScope> = families.chain([HaltScope::Venue]).collect();
    for round in 0..3 {
        for (index, scope) in wide.iter().enumerate() {
            for (strength, action) in Action::ALL.into_iter().enumerate() {
                let name = 1_000_000 + (round * wide.len() + index) * Action::ALL.len() + strength;
                let halt = Halt { scope: scope.clone(), action, ..numbered(name, any()) };
                assert!(set.has_room_for(&halt), "{scope} {action}");
                if set.covering(&halt).is_none() {
                    set.raise(halt, 1);
                }
            }
        }
    }
    assert_eq!(set.in_force().count(), before + wide.len() * Action::ALL.len());
}

#[test]
fn a_halt_stands_for_one_that_is_weaker_and_no_harder_to_lift() {
    let covers = |known: Halt, asked: &Halt| {
        HaltSet::new(1, [countersign_halt::Entry { halt: known, raised: 1, lowered: None }]).covering(asked).is_some()
    };
    let operators = |action| halt(1, "key:k1", action);
    let clients = |action| by_client(halt(2, "key:k1", action));
    let for_ever = |action| Halt { reason: Reason::CredentialCompromise, ..operators(action) };
    let weak = Action::CancelOnly;
    let strong = Action::Freeze;
    assert!(covers(operators(strong), &operators(weak)) && !covers(operators(weak), &operators(strong)));
    assert!(covers(operators(weak), &clients(weak)) && covers(clients(strong), &clients(weak)));
    assert!(!covers(clients(strong), &operators(weak)), "one operator lifts a client's, whatever its scope");
    assert!(!covers(operators(strong), &for_ever(weak)) && covers(for_ever(weak), &operators(weak)));
    assert!(!covers(halt(1, "account:k1", strong), &operators(weak)), "another scope");
}

#[test]
fn words_that_a_terminal_shows_in_another_order_are_raised_by_nobody_and_read_all_the_same() {
    for mark in ['\u{202E}', '\u{2066}', '\u{200F}', '\u{61C}', '\u{2028}', '\u{200B}', '\u{FEFF}', '\u{E0041}', '\u{85}', '\u{1b}'] {
        let halt = Halt { text: format!("all is well{mark}flah ot ton").into(), ..any() };
        assert_eq!(halt.clone().raised(), Err(HaltError::Text), "{mark:?}");
        // What a node wrote before it knew of them is a halt all the same.
        assert_eq!(Halt::from_json(&halt.to_json()).is_ok(), !mark.is_control(), "{mark:?}");
    }
    for text in ["", "Übergröße", "\u{646}\u{645}\u{6CC}\u{200C}\u{634}", "停止"] {
        assert!(Halt { text: text.into(), ..any() }.raised().is_ok(), "{text}");
    }
}

#[test]
fn whatever_words_become_plain_ones() {
    for (text, plain) in [
        ("\u{FEFF}broken\u{1b}[2J", "broken [2J"),
        ("  ", ""),
        ("a\u{202E}b\u{3164}c\u{E0100}", "a b c"),
        ("Übergröße, 停止", "Übergröße, 停止"),
    ] {
        assert_eq!(as_plain(text), plain);
    }
    let cut = as_plain(&"ß".repeat(200));
    assert_eq!((cut.len(), as_plain(&format!("x{cut}")).len()), (256, 255), "at the end of a letter");
}

#[test]
fn a_key_that_one_client_stopped_is_not_that_of_another_one_of_its_name() {
    let stopped = |account| of_account(account, halt(1, "key:shared", Action::Freeze));
    let mut set = HaltSet::default();
    set.raise(stopped(1), 1);
    assert!(set.covering(&stopped(1)).is_some());
    assert!(set.covering(&stopped(2)).is_none(), "it is not stopped");
}
