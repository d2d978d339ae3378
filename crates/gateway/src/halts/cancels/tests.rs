#![allow(clippy::unwrap_used)]
use countersign_core::{Risk, SessionId};
use countersign_halt::Action;
use countersign_store::{CallName, CancelCall};

use super::follow::{Heard, look};
use super::*;
use crate::halts::gate::Cleared;
use crate::halts::report::{CancelLine, CancelStage};
use crate::halts::tests::{clear, halt, lift};
use crate::handover::taking::Predecessor;
use crate::testing::{Stage, on_stage, on_stage_after};

const DESK: &str = "account:desk";

/// A halt of the desk in force, and no request of before under way.
async fn halted(stage: &Stage) -> HaltId {
    HaltId::parse(&halt(stage, DESK, Action::CancelOnly).await.id).unwrap()
}

fn line(stage: &Stage, halt: HaltId) -> CancelLine {
    stage.worker.shared.halts.cancels().of(halt).unwrap_or_default()
}

/// Waits until this process is through with it.
async fn done(stage: &Stage, halt: HaltId) -> CancelLine {
    while !line(stage, halt).done {
        tokio::task::yield_now().await;
    }
    line(stage, halt)
}

fn said(stage: &Stage, halt: HaltId) {
    say(&stage.worker.shared, &stage.upstreams, halt, HaltScope::parse(DESK).unwrap(), "operator alice".to_owned());
}

fn questions(stage: &Stage) -> usize {
    stage.upstream.texts().iter().filter(|text| text.contains("order.cancel_all")).count()
}

/// What another process calls for.
async fn called(stage: &Stage, halt: HaltId) -> CallName {
    let scope = HaltScope::parse(DESK).unwrap();
    let new = NewCancel { halt, scope, by: "operator bob".to_owned(), run: "another".to_owned(), at: clock::wall() };
    stage.worker.shared.store.call_cancel(&new).await.unwrap();
    new.name()
}

async fn parts(stage: &Stage) -> Vec<(String, CancelPart)> {
    let answers = stage.worker.shared.store.cancel_answers_from(0).await.unwrap();
    answers.into_iter().map(|answer| (answer.run, serde_json::from_str(&answer.record).unwrap())).collect()
}

#[tokio::test]
async fn nobody_is_asked_to_cancel_while_an_order_of_before_is_under_way() {
    on_stage(|stage| async move {
        let order: Cleared = clear(&stage, Risk::Increase).unwrap();
        let keeper = &stage.worker.shared.halts;
        assert!(keeper.gate().confirm(&order).is_ok());
        let raising = halted(&stage);
        let cancelling = async {
            // The halt is in force, and whoever raised it is still waiting.
            let halt = loop {
                tokio::task::yield_now().await;
                if let Some(halt) = keeper.status().halts.first() {
                    break HaltId::parse(&halt.id).unwrap();
                }
            };
            said(&stage, halt);
            assert!(!keeper.all_past(None, Duration::from_millis(50)).await, "long after it was said");
            assert_eq!((line(&stage, halt).waiting, questions(&stage)), (vec!["n1".to_owned()], 0));
            order.sent();
            let line = done(&stage, halt).await;
            assert_eq!((line.asked, line.confirmed, line.orders, line.late.len()), (1, 1, 3, 0), "{line:?}");
        };
        tokio::join!(raising, cancelling);
        assert_eq!(questions(&stage), 1);
    })
    .await;
}

#[tokio::test]
async fn a_cancel_waits_for_its_own_epoch_and_not_for_halts_that_came_later() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let elsewhere = HaltScope::parse("account:elsewhere").unwrap();
        let first = HaltId::parse(&halt(&stage, "account:elsewhere", Action::CancelOnly).await.id).unwrap();
        let order: Cleared = clear(&stage, Risk::Increase).unwrap();
        assert!(keeper.gate().confirm(&order).is_ok(), "the first does not stop it");
        let cancelling = async {
            while keeper.status().halts.len() < 2 {
                tokio::task::yield_now().await;
            }
            say(&stage.worker.shared, &stage.upstreams, first, elsewhere, "operator alice".to_owned());
            let line = tokio::time::timeout(Duration::from_secs(10), done(&stage, first)).await;
            assert_eq!(line.map(|line| line.late.len()), Ok(0), "the second still waits for the order");
            assert!(!keeper.all_past(None, Duration::ZERO).await);
            order.sent();
        };
        tokio::join!(halted(&stage), cancelling);
    })
    .await;
}

#[tokio::test]
async fn an_order_of_before_that_stays_under_way_is_told_of_and_venues_are_asked_all_the_same() {
    on_stage(|stage| async move {
        let order = clear(&stage, Risk::Cancel).unwrap();
        let halt = halted(&stage).await;
        let cancels = stage.worker.shared.halts.cancels();
        let scope = HaltScope::parse(DESK).unwrap();
        let new = NewCancel { halt, scope: scope.clone(), by: "operator alice".to_owned(), run: String::new(), at: clock::wall() };
        let asks = Asks { ticket: cancels.say(new), scope, accounts: true };
        let (shared, upstreams) = (Arc::clone(&stage.worker.shared), Arc::clone(&stage.upstreams));
        run_within(shared, upstreams, asks, Duration::from_millis(20)).await;
        let line = line(&stage, halt);
        assert_eq!((line.confirmed, line.orders, line.late), (1, 3, vec!["n1".to_owned()]));
        let told = stage.recorded("halt_cancel");
        assert!(told.iter().all(|record| record["detail"].as_str().unwrap().ends_with("orders may rest")), "{told:?}");
        drop(order);
    })
    .await;
}

#[tokio::test]
async fn what_another_process_calls_for_is_done_once_for_what_is_open_here_and_answered() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let mut heard = None;
        look(shared, upstreams, &mut heard).await.unwrap();
        assert_eq!((heard.as_ref().map(Heard::len), shared.halts.cancels().of(halt)), (Some(0), None));
        let call = called(&stage, halt).await;
        look(shared, upstreams, &mut heard).await.unwrap();
        assert_eq!(heard, Some([call].into()));
        let line = done(&stage, halt).await;
        assert_eq!((line.asked, questions(&stage)), (0, 0), "the accounts are asked for where it was said");
        look(shared, upstreams, &mut heard).await.unwrap();
        let answers = parts(&stage).await;
        assert_eq!((answers.len(), answers[0].1.stage), (1, CancelStage::Done));
        let records = stage.recorded("halt_cancel").len();
        look(shared, upstreams, &mut heard).await.unwrap();
        assert_eq!(stage.recorded("halt_cancel").len(), records, "once");
    })
    .await;
}

#[tokio::test]
async fn what_is_said_here_is_called_to_the_others_when_they_can_read_the_halt() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        said(&stage, halt);
        let mut heard = None;
        look(shared, upstreams, &mut heard).await.unwrap();
        let calls: Vec<CancelCall> = shared.store.cancel_calls().await.unwrap().read;
        assert_eq!((calls.len(), calls[0].what.halt, calls[0].what.by.as_str()), (1, halt, "operator alice"));
        let line = done(&stage, halt).await;
        look(shared, upstreams, &mut heard).await.unwrap();
        assert_eq!((line.confirmed, questions(&stage)), (1, 1), "and not heard from itself");
        assert_eq!(parts(&stage).await[0].1.orders, 3);
    })
    .await;
}

#[tokio::test]
async fn a_call_is_not_carried_out_after_its_halt_was_lifted_nor_by_a_process_that_began_later() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let (first, mut heard) = (called(&stage, halt).await, None);
        let asking = CancelPart { stage: CancelStage::Asking, asked: 3, confirmed: 1, ..CancelPart::default() };
        shared.store.answer_cancel(&first, "gone", &serde_json::to_string(&asking).unwrap()).await.unwrap();
        look(shared, upstreams, &mut heard).await.unwrap();
        assert!(stage.recorded("halt_cancel").is_empty() && heard == Some([first].into()));
        let line = line(&stage, halt);
        assert_eq!((line.done, line.asked, line.confirmed, line.unconfirmed), (true, 3, 1, 2), "the process that was at it is gone");
        called(&stage, halt).await;
        lift(&stage, &halt.to_string(), None, &["bob", "carol"]).await.unwrap();
        look(shared, upstreams, &mut heard).await.unwrap();
        let line = done(&stage, halt).await;
        assert!(line.unconfirmed == 1 && line.faults[0].why.contains("lifted"), "{line:?}");
        assert_eq!(questions(&stage), 0);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_has_the_number_of_a_lost_one_is_heard() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let lost = NewCancel { halt, scope: HaltScope::Venue, by: "x".to_owned(), run: "lost".to_owned(), at: clock::wall() };
        // It had the number 1, and the server that took over never got it.
        let mut heard = Some(Heard::from([lost.name()]));
        let call = called(&stage, halt).await;
        assert_eq!(shared.store.cancel_calls().await.unwrap().names()[&call], 1);
        look(shared, upstreams, &mut heard).await.unwrap();
        assert!(heard.is_some_and(|heard| heard.contains(&call)));
        done(&stage, halt).await;
    })
    .await;
}

fn asking() -> String {
    let part = CancelPart { stage: CancelStage::Asking, asked: 3, confirmed: 1, ..CancelPart::default() };
    serde_json::to_string(&part).unwrap()
}

#[tokio::test]
async fn what_the_process_before_this_one_left_is_closed_when_it_is_gone() {
    let (predecessor, _wishes) = Predecessor::of_tests();
    on_stage_after(Arc::clone(&predecessor), |stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let (call, mut heard) = (called(&stage, halt).await, None);
        shared.store.answer_cancel(&call, "former", &asking()).await.unwrap();
        look(shared, upstreams, &mut heard).await.unwrap();
        assert!(!line(&stage, halt).done, "it is still at it");
        predecessor.ends();
        look(shared, upstreams, &mut heard).await.unwrap();
        let line = line(&stage, halt);
        assert_eq!((line.done, line.asked, line.confirmed, line.unconfirmed), (true, 3, 1, 2), "{line:?}");
        assert!(line.faults[0].why.contains("started again"));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_no_process_of_a_node_answered_is_answered_by_the_next_one() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let mut heard = None;
        called(&stage, halt).await;
        look(shared, upstreams, &mut heard).await.unwrap();
        let line = line(&stage, halt);
        assert_eq!((line.done, line.unconfirmed, line.silent.len()), (true, 1, 0), "{line:?}");
        assert!(line.faults[0].why.contains("started again"));
        look(shared, upstreams, &mut heard).await.unwrap();
        assert_eq!((parts(&stage).await.len(), questions(&stage)), (1, 0), "and every node reads it");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_named_and_left_as_it_is() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let halt = halted(&stage).await;
        let (call, mut heard) = (called(&stage, halt).await, None);
        shared.store.answer_cancel(&call, "newer", r#"{"stage":"pondering"}"#).await.unwrap();
        look(shared, upstreams, &mut heard).await.unwrap();
        let line = line(&stage, halt);
        assert_eq!((line.done, line.unreadable.join(" ")), (false, "node-1".to_owned()), "{line:?}");
        assert!(shared.store.cancel_answers_from(0).await.unwrap()[0].record.contains("pondering"));
    })
    .await;
}

#[tokio::test]
async fn a_session_that_comes_does_not_wait_for_the_database() {
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let mut heard = None;
        look(shared, upstreams, &mut heard).await.unwrap();
        let cancels = shared.halts.cancels();
        cancels.note_arrived(SessionId::from_bytes([1; 16]));
        tokio::select! {
            biased;
            _ = look(shared, upstreams, &mut heard) => {}
            () = std::future::ready(()) => {}
        }
        assert!(cancels.take_arrived().is_empty(), "it was looked at before the database answered");
    })
    .await;
}
