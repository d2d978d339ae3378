//! Halts that cancel: each process hears each call once, in order, and what all of them say is there for everybody.

use countersign_core::Timestamp;
use countersign_halt::{HaltId, HaltScope};
use countersign_store::limits::CANCEL_CALLS_KEPT;
use countersign_store::{CancelCall, NewCancel, Store};

use super::nodes::{halt, lift};
use super::postgres_server::PostgresServer;
use super::postgres_wire::{Fate, PostgresWire};
use super::support::{Place, T0, contract};

contract!(
    a_call_is_heard_at_every_node_in_the_order_of_its_number,
    calls_of_two_nodes_have_numbers_one_after_the_other,
    what_each_process_says_is_read_at_every_node,
    a_call_of_a_halt_that_was_lifted_says_so,
    old_calls_are_forgotten_with_their_answers,
    a_call_that_is_made_again_is_the_one_that_is_there,
    a_call_that_cannot_be_read_hides_no_other,
    a_number_that_is_given_out_again_is_another_call,
);

fn cancel(byte: u8, run: &str) -> NewCancel {
    let scope = HaltScope::parse("account:desk").unwrap();
    NewCancel { halt: HaltId::from_bytes([byte; 6]), scope, by: "operator alice".to_owned(), run: run.to_owned(), at: T0 }
}

async fn two(place: &Place) -> (Store, Store) {
    (place.node("a").await, place.node("b").await)
}

async fn calls(store: &Store) -> Vec<CancelCall> {
    let calls = store.cancel_calls().await.unwrap();
    assert!(calls.unreadable.is_empty(), "{calls:?}");
    calls.read
}

async fn a_call_is_heard_at_every_node_in_the_order_of_its_number(place: Place) {
    let (one, other) = two(&place).await;
    assert!(calls(&one).await.is_empty());
    assert_eq!((one.call_cancel(&cancel(1, "x")).await.unwrap(), one.call_cancel(&cancel(2, "x")).await.unwrap()), (1, 2));
    let heard = calls(&other).await;
    assert_eq!(heard.iter().map(|call| (call.number, call.what.clone())).collect::<Vec<_>>(), [(1, cancel(1, "x")), (2, cancel(2, "x"))]);
    assert!(heard.iter().all(|call| !call.is_lifted), "a halt that is not in the store yet was not lifted");
    // A file has one gateway, whose name nobody needs.
    let alone = one.notices().is_none();
    assert!(alone || heard.iter().all(|call| call.node == "a"));
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
    let (number, call) = (one.call_cancel(&cancel(1, "x")).await.unwrap(), cancel(1, "x").name());
    one.answer_cancel(&call, "x", "begun").await.unwrap();
    other.answer_cancel(&call, "y", "done").await.unwrap();
    one.answer_cancel(&call, "x", "done, too").await.unwrap();
    other.answer_cancel(&call, "z", "the next process").await.unwrap();
    let said = other.cancel_answers_from(number).await.unwrap();
    assert!(said.iter().all(|answer| answer.call == call));
    let said: Vec<_> = said.iter().map(|answer| (answer.run.as_str(), answer.record.as_str())).collect();
    assert_eq!(said, [("x", "done, too"), ("y", "done"), ("z", "the next process")]);
    assert!(one.cancel_answers_from(number + 1).await.unwrap().is_empty());
    assert!(!one.answer_cancel(&cancel(2, "x").name(), "x", "to nobody").await.unwrap());
}

async fn a_call_of_a_halt_that_was_lifted_says_so(place: Place) {
    let (one, other) = two(&place).await;
    let halts = one.open_halts().await.unwrap();
    halts.raise(&halt(1)).await.unwrap();
    one.call_cancel(&cancel(1, "x")).await.unwrap();
    assert!(!calls(&other).await[0].is_lifted);
    let set = halts.state(None).await.unwrap();
    let (operators, lift, signature) = lift(&set);
    let (now, signatures) = (halt(1).at, [signature]);
    let agreed = operators.agree(&lift, &signatures, &set, now).unwrap();
    assert_eq!(halts.lower(&agreed, &signatures, now).await.unwrap(), Some(2));
    assert!(calls(&other).await[0].is_lifted);
}

async fn old_calls_are_forgotten_with_their_answers(place: Place) {
    let (one, other) = two(&place).await;
    for call in 0..CANCEL_CALLS_KEPT + 2 {
        let at = Timestamp::from_micros(T0.as_micros() + call as u64);
        let new = NewCancel { at, ..cancel(1, "x") };
        one.call_cancel(&new).await.unwrap();
        one.answer_cancel(&new.name(), "x", "done").await.unwrap();
    }
    let kept = calls(&other).await;
    assert_eq!((kept.len(), kept[0].number), (CANCEL_CALLS_KEPT, 3));
    let answers = other.cancel_answers_from(0).await.unwrap();
    assert_eq!((answers.len(), &answers[0].call), (CANCEL_CALLS_KEPT, &kept[0].what.name()));
}

async fn a_call_that_is_made_again_is_the_one_that_is_there(place: Place) {
    let (one, other) = two(&place).await;
    let later = NewCancel { at: Timestamp::from_micros(T0.as_micros() + 1), ..cancel(1, "x") };
    for _ in 0..2 {
        assert_eq!(one.call_cancel(&cancel(1, "x")).await.unwrap(), 1);
        assert_eq!(one.call_cancel(&later).await.unwrap(), 2, "said a second time");
        assert_eq!(other.call_cancel(&cancel(1, "y")).await.unwrap(), 3, "by another process");
    }
    assert_eq!(calls(&other).await.len(), 3);
}

async fn a_call_that_cannot_be_read_hides_no_other(mut place: Place) {
    let (one, other) = two(&place).await;
    for byte in 1..=4 {
        one.call_cancel(&cancel(byte, "x")).await.unwrap();
    }
    place.edit("UPDATE halt_cancels SET scope = 'planet:mars' WHERE number = 2").await.unwrap();
    place.edit("UPDATE halt_cancels SET halt = 'H-?' WHERE number = 4").await.unwrap();
    let calls = other.cancel_calls().await.unwrap();
    assert_eq!(calls.read.iter().map(|call| call.number).collect::<Vec<_>>(), [1, 3]);
    let told: Vec<_> = calls.unreadable.iter().map(|call| (call.number, call.halt)).collect();
    assert_eq!(told, [(2, Some(cancel(2, "x").halt)), (4, None)]);
    assert!(calls.unreadable[0].why.to_string().contains("halt_cancels"), "{calls:?}");
    assert_eq!(calls.names().values().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "and is not met again");
}

async fn a_number_that_is_given_out_again_is_another_call(mut place: Place) {
    let (one, other) = two(&place).await;
    assert_eq!(one.call_cancel(&cancel(1, "x")).await.unwrap(), 1);
    // The server that took over had not got it.
    place.edit("DELETE FROM halt_cancels").await.unwrap();
    assert_eq!(other.call_cancel(&cancel(2, "y")).await.unwrap(), 1);
    assert!(!other.answer_cancel(&cancel(1, "x").name(), "y", "of the former").await.unwrap());
    assert!(one.cancel_answers_from(0).await.unwrap().is_empty());
    assert_eq!(one.call_cancel(&cancel(1, "x")).await.unwrap(), 2, "told again");
    assert_eq!(calls(&other).await.iter().map(|call| call.what.name()).collect::<Vec<_>>(), [cancel(2, "y").name(), cancel(1, "x").name()]);
}

#[tokio::test]
async fn a_call_whose_commit_was_never_answered_is_made_once() {
    let server = PostgresServer::start();
    let place = Place::on(&server, "unanswered").await;
    let other = place.node("b").await;
    let wire = PostgresWire::start(server.folder());
    let one = Store::connect(&wire.address("unanswered"), "a", place.sealing()).await.unwrap();
    wire.tell(Some(Fate::Unanswered("COMMIT\0")));
    one.call_cancel(&cancel(1, "x")).await.unwrap_err();
    wire.tell(None);
    assert_eq!(one.call_cancel(&cancel(1, "x")).await.unwrap(), 1, "it came there the first time");
    assert_eq!(calls(&other).await.len(), 1);
}
