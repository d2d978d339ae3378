//! Records read back as they were written, and nothing else is read.

use countersign_core::{AccountId, ApiKeyId, Purpose, SessionId, Timestamp};
use countersign_halt::{Action, Change, Halt, HaltClass, HaltError, HaltId, HaltRecord, HaltScope, Lift, NoticeKey, RaisedBy, Reason};
use proptest::prelude::*;

fn scope() -> impl Strategy<Value = HaltScope> {
    prop_oneof![
        Just(HaltScope::Venue),
        "[a-zA-Z0-9._-]{1,64}".prop_map(|name| HaltScope::Account(AccountId::parse(&name).unwrap())),
        "[!-~]{1,128}".prop_map(|name| HaltScope::Key(ApiKeyId::parse(&name).unwrap())),
        "[!-~]{1,64}".prop_map(|name| HaltScope::Instrument(name.into())),
        "[!-~]{1,64}".prop_map(|name| HaltScope::Node(name.into())),
        any::<[u8; 16]>().prop_map(|bytes| HaltScope::Session(SessionId::from_bytes(bytes))),
        (0..Purpose::ALL.len()).prop_map(|index| HaltScope::Dialect(Purpose::ALL[index])),
    ]
}

fn by() -> impl Strategy<Value = RaisedBy> {
    prop_oneof![
        "[a-z]{1,20}".prop_map(|name| RaisedBy::Operator(name.into())),
        "[a-z]{1,20}".prop_map(|name| RaisedBy::Local(name.into())),
        ("[a-z]{1,20}", "[!-~]{1,60}").prop_map(|(account, key)| RaisedBy::Client {
            account: AccountId::parse(&account).unwrap(),
            key: ApiKeyId::parse(&key).unwrap()
        }),
    ]
}

fn halt() -> impl Strategy<Value = Halt> {
    let parts = (scope(), 0..Action::ALL.len(), 0..Reason::ALL.len(), any::<[u8; 6]>(), "[^\\p{Cc}]{0,60}", by());
    (parts, 0_u64..1 << 50, prop::option::of(0_u64..1 << 50)).prop_map(|((scope, action, reason, id, text, by), at, review)| Halt {
        action: Action::ALL[action],
        id: HaltId::from_bytes(id),
        scope,
        reason: Reason::ALL[reason],
        text: text.into(),
        class: HaltClass::Manual,
        by,
        at: Timestamp::from_micros(at),
        review_by: review.map(Timestamp::from_micros),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read(halt in halt(), epoch in any::<u64>()) {
        let instrument = matches!(halt.scope, HaltScope::Instrument(_)) && halt.action == Action::Disconnect;
        let expected = if instrument { Err(HaltError::InstrumentDisconnect) } else { Ok(halt.clone()) };
        prop_assert_eq!(Halt::from_json(&halt.to_json()), expected);
        if !instrument {
            let record = HaltRecord { epoch, change: Change::Raise(halt) };
            prop_assert_eq!(HaltRecord::from_json(&record.to_json()), Ok(record.clone()));
            let key = NoticeKey::new(&[1; 32]);
            prop_assert_eq!(key.open(&key.seal(&record)), Ok(record));
        }
    }

    #[test]
    fn no_text_panics_a_reader(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lossy = String::from_utf8_lossy(&bytes);
        for text in [text.as_str(), &lossy] {
            prop_assert!(Halt::from_json(text).is_err());
            prop_assert!(HaltRecord::from_json(text).is_err());
            prop_assert!(Lift::from_payload(text).is_err());
            prop_assert!(NoticeKey::new(&[1; 32]).open(text).is_err());
            let _ = HaltScope::parse(text);
        }
    }
}

#[test]
fn a_record_with_a_member_nobody_knows_is_not_understood() {
    let json = crate::support::halt(1, "venue", Action::Freeze).to_json();
    assert!(Halt::from_json(&json).is_ok());
    let with = json.replacen('{', r#"{"until":5,"#, 1);
    assert_eq!(Halt::from_json(&with), Err(HaltError::Malformed));
    assert_eq!(Halt::from_json(&json.replace("freeze", "slow")), Err(HaltError::Malformed));
    let both = format!(r#"{{"epoch":1,"raise":{json},"lower":{{"halts":[],"to":null}}}}"#);
    assert_eq!(HaltRecord::from_json(&both), Err(HaltError::Malformed));
}
