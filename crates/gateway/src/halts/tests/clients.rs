//! What clients stop, and in which words.

use super::*;

#[test]
fn the_words_of_a_client_are_checked() {
    use crate::halts::own::Wish;
    assert!(Wish::read(br#"{"scope":"key"}"#).is_ok());
    assert!(Wish::read(br#"{"op":"halt","id":1,"scope":"account","action":"freeze"}"#).is_ok());
    for wrong in [&b""[..], b"[]", b"{}", br#"{"scope":1}"#, &[b' '; 4_096]] {
        assert!(Wish::read(wrong).is_err());
    }
}

fn by_client(account: &str) -> RaisedBy {
    RaisedBy::Client { account: AccountId::parse(account).unwrap(), key: ApiKeyId::parse("k1").unwrap() }
}

/// 256 accounts with 16 halts each filled the one list there was, and then no operator stopped anything but a machine.
#[tokio::test]
async fn clients_that_stop_themselves_do_not_keep_operators_from_stopping_others() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let store = stage.worker.shared.store.open_halts().await.unwrap();
        for number in 0..4_096_usize {
            let (account, key) = (format!("a{}", number / 16), format!("k{number}"));
            let halt = Halt {
                action: Action::CancelOnly,
                id: HaltId::from_bytes(number.to_be_bytes()[2..].try_into().unwrap()),
                scope: HaltScope::Key(ApiKeyId::parse(&key).unwrap()),
                reason: Reason::ClientRequest,
                text: "".into(),
                class: HaltClass::Manual,
                by: by_client(&account),
                at: clock::wall(),
                review_by: None,
            };
            store.raise(&halt).await.unwrap();
        }
        keeper.read().await;
        for scope in ["venue", "dialect:okx", "account:desk", "key:k77", "instrument:BTCUSDT"] {
            assert!(!halt(&stage, scope, Action::CancelOnly).await.was_in_force, "{scope}");
        }
        let full = keeper.raise(NewHalt { by: by_client("late"), ..new("key:late", Action::CancelOnly) }).await;
        assert!(matches!(full, Err(KeeperError::Full)), "{full:?}");
    })
    .await;
}

/// A client that stops its account first must not be able to make an operator's halt of it one that a single operator lifts.
#[tokio::test]
async fn what_a_client_stopped_an_operator_stops_anew() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let own = keeper.raise(NewHalt { by: by_client("desk"), ..new("account:desk", Action::Freeze) }).await.unwrap();
        let operators = halt(&stage, "account:desk", Action::CancelOnly).await;
        assert!(!operators.was_in_force && operators.id != own.id);
        assert!(lift(&stage, &own.id, None, &["alice"]).await.is_ok(), "a client's own, lifted by one");
        assert!(clear(&stage, Risk::Increase).is_ok(), "a public route is of no account");
        assert!(lift(&stage, &operators.id, None, &["alice"]).await.is_err(), "an operator's, by two");
        assert!(halt(&stage, "account:desk", Action::CancelOnly).await.was_in_force);
        let again = keeper.raise(NewHalt { by: by_client("desk"), ..new("account:desk", Action::CancelOnly) }).await.unwrap();
        assert!(again.was_in_force, "an operator's halt stands for a client's");
    })
    .await;
}

#[tokio::test]
async fn words_that_a_terminal_shows_in_another_order_are_not_taken() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        for mark in ['\u{202E}', '\u{2066}', '\u{200F}', '\u{2028}', '\u{200B}', '\u{FEFF}', '\u{85}', '\u{1b}'] {
            let text = format!("all is well{mark}flah ot ton");
            let refused = keeper.raise(NewHalt { text: text.clone(), ..new("venue", Action::Freeze) }).await;
            assert!(matches!(refused, Err(KeeperError::Asked(HaltError::Text))), "{mark:?}: {refused:?}");
            let held = halt(&stage, "key:k1", Action::Freeze).await;
            let refused = keeper.propose(vec![HaltId::parse(&held.id).unwrap()], None, &text, "alice").await;
            assert!(matches!(refused, Err(KeeperError::Asked(HaltError::Text))), "{mark:?}: {refused:?}");
        }
        let text = "Übergröße: \u{646}\u{645}\u{6CC}\u{200C}\u{634}\u{648}\u{62F}, 停止".to_owned();
        assert!(keeper.raise(NewHalt { text, ..new("venue", Action::Freeze) }).await.is_ok(), "other scripts are words too");
    })
    .await;
}

/// Whoever writes the file is not there to hear that its words are wrong.
#[tokio::test]
async fn no_words_keep_the_break_glass_from_holding() {
    let words: [&[u8]; 6] = [
        b"",
        "\u{FEFF}saved by an editor".as_bytes(),
        "\u{202E}\u{200B}pasted\u{2028}".as_bytes(),
        &[0xfc; 250],
        b"\0\x1b[2J",
        &[b'x'; 4_096],
    ];
    for words in words {
        on_stage(|stage| async move {
            let folder = tempfile::tempdir().unwrap();
            let keeper = &stage.worker.shared.halts;
            crate::halts::watch::look_for_file(keeper, folder.path()).await;
            assert!(clear(&stage, Risk::Increase).is_ok(), "no file, no halt");
            std::fs::write(folder.path().join("HALT"), words).unwrap();
            crate::halts::watch::look_for_file(keeper, folder.path()).await;
            assert!(clear(&stage, Risk::Increase).is_err(), "{:?}", String::from_utf8_lossy(words));
        })
        .await;
    }
}
