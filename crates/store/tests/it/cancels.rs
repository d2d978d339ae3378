//! Halts that cancel: each process hears each call once, in order, and what all of them say is there for everybody.

use countersign_halt::{HaltId, HaltScope};
use countersign_store::limits::CANCEL_CALLS_KEPT;
use countersign_store::{NewCancel, Store};

use super::nodes::{halt, lift};
use super::support::{Place, T0, contract};

contract!(
    a_call_is_heard_at_every_node_in_the_order_of_its_number,
    calls_of_two_nodes_have_numbers_one_after_the_other,
    what_each_process_says_is_read_at_every_node,
    a_call_of_a_halt_that_was_lifted_says_so,
    old_calls_are_forgotten_with_their_answers,
);

fn cancel(byte: u8, run: &str) -> NewCancel {
    let scope = HaltScope::parse("account:desk").unwrap();
    NewCancel { halt: HaltId::from_bytes([byte; 6]), scope, by: "operator alice".to_owned(), run: run.to_owned(), at: T0 }
}

async fn two(place: &Place) -> (Store, Store) {
    (place.node("a").await, place.node("b").await)
}

async fn a_call_is_heard_at_every_node_in_the_order_of_its_number(place: Place) {
    let (one, other) = two(&place).await;
    assert!(one.cancel_calls_after(0).await.unwrap().is_empty());
    assert_eq!((one.call_cancel(&cancel(1, "x")).await.unwrap(), one.call_cancel(&cancel(2, "x")).await.unwrap()), (1, 2));
    let heard = other.cancel_calls_after(0).await.unwrap();
    assert_eq!(heard.iter().map(|call| (call.number, call.what.clone())).collect::<Vec<_>>(), [(1, cancel(1, "x")), (2, cancel(2, "x"))]);
    assert!(heard.iter().all(|call| !call.is_lifted), "a halt that is not in the store yet was not lifted");
    // A file has one gateway, whose name nobody needs.
    let alone = one.notices().is_none();
    assert!(alone || heard.iter().all(|call| call.node == "a"));
    assert_eq!(other.cancel_calls_after(1).await.unwrap(), heard[1..]);
    assert!(other.cancel_calls_after(2).await.unwrap().is_empty());
}

async fn calls_of_two_nodes_have_numbers_one_after_the_other(place: Place) {
    let (one, other) = two(&place).await;
    let mut numbers = Vec::new();
    for byte in 0..5 {
        let (mine, theirs) = (cancel(byte, "x"), cancel(byte, "y"));
        let (first, second) = tokio::join!(one.call_cancel(&mine), other.call_cancel(&theirs));
        numbers.extend([first.unwrap(), second.unwrap()]);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

async fn what_each_process_says_is_read_at_every_node(place: Place) {
    let (one, other) = two(&place).await;
    let number = one.call_cancel(&cancel(1, "x")).await.unwrap();
    one.answer_cancel(number, "x", "begun").await.unwrap();
    other.answer_cancel(number, "y", "done").await.unwrap();
    one.answer_cancel(number, "x", "done, too").await.unwrap();
    other.answer_cancel(number, "z", "the next process").await.unwrap();
    let said = other.cancel_answers_from(number).await.unwrap();
    let said: Vec<_> = said.iter().map(|answer| (answer.run.as_str(), answer.record.as_str())).collect();
    assert_eq!(said, [("x", "done, too"), ("y", "done"), ("z", "the next process")]);
    assert!(one.cancel_answers_from(number + 1).await.unwrap().is_empty());
    assert!(one.answer_cancel(number + 1, "x", "to nobody").await.is_err());
}

async fn a_call_of_a_halt_that_was_lifted_says_so(place: Place) {
    let (one, other) = two(&place).await;
    let halts = one.open_halts().await.unwrap();
    halts.raise(&halt(1)).await.unwrap();
    one.call_cancel(&cancel(1, "x")).await.unwrap();
    assert!(!other.cancel_calls_after(0).await.unwrap()[0].is_lifted);
    let set = halts.state(None).await.unwrap();
    let (operators, lift, signature) = lift(&set);
    let (now, signatures) = (halt(1).at, [signature]);
    let agreed = operators.agree(&lift, &signatures, &set, now).unwrap();
    assert_eq!(halts.lower(&agreed, &signatures, now).await.unwrap(), Some(2));
    assert!(other.cancel_calls_after(0).await.unwrap()[0].is_lifted);
}

async fn old_calls_are_forgotten_with_their_answers(place: Place) {
    let (one, other) = two(&place).await;
    for _ in 0..CANCEL_CALLS_KEPT + 2 {
        let number = one.call_cancel(&cancel(1, "x")).await.unwrap();
        one.answer_cancel(number, "x", "done").await.unwrap();
    }
    let kept = other.cancel_calls_after(0).await.unwrap();
    assert_eq!((kept.len(), kept[0].number), (CANCEL_CALLS_KEPT, 3));
    let answers = other.cancel_answers_from(0).await.unwrap();
    assert_eq!((answers.len(), answers[0].number), (CANCEL_CALLS_KEPT, 3));
}
