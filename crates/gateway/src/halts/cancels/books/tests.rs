use countersign_core::Reject;

use countersign_halt::HaltScope;
use countersign_store::CancelAnswer;

use super::*;
use crate::clock;

fn new(run: &str) -> NewCancel {
    let halt = HaltId::from_bytes([7; 6]);
    NewCancel { halt, scope: HaltScope::Venue, by: "operator alice".to_owned(), run: run.to_owned(), at: clock::wall() }
}

fn at(secs: u64) -> Monotonic {
    Monotonic::from_micros(secs * 1_000_000)
}

fn answer(cancels: &Cancels, node: &str, run: &str, part: CancelPart) -> (CancelAnswer, CancelPart) {
    let call = cancels.book.lock().calls[&new("").halt].what.name();
    (CancelAnswer { call, node: node.to_owned(), run: run.to_owned(), record: String::new() }, part)
}

#[test]
fn counts_add_up_and_faults_are_bounded() {
    let (cancels, halt) = (Cancels::new("a"), new("").halt);
    assert_eq!(cancels.of(halt), None);
    let ticket = cancels.say(new(cancels.run()));
    assert_eq!(cancels.of(halt).map(|line| line.waiting), Some(vec!["a".to_owned()]));
    cancels.note_asking(ticket, 20, [], false);
    cancels.note(ticket, ("desk", None), &Ok(3));
    cancels.note(ticket, ("other", None), &Ok(0));
    for _ in 0..18 {
        cancels.note(ticket, ("gone", None), &Err(Reject::UpstreamTimeout.into()));
    }
    let line = cancels.of(halt).unwrap_or_default();
    assert!(!line.done && line.waiting.is_empty() && line.late.is_empty());
    cancels.end(ticket);
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.asked, line.confirmed, line.orders, line.unconfirmed), (20, 2, 3, 18));
    assert_eq!((line.faults.len(), line.faults[0].whom.as_str(), line.done), (FAULTS_MAX, "gone", true));
}

#[test]
fn a_halt_is_done_when_every_node_has_said_so() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("a", true);
    let ticket = cancels.say(new(cancels.run()));
    cancels.expect(&["a".to_owned(), "b".to_owned()], None);
    cancels.expect(&["c".to_owned()], Some(at(1)));
    cancels.note_untold(ticket, "the server is away");
    cancels.note_asking(ticket, 0, [], true);
    cancels.end(ticket);
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.done, line.silent.join(" "), line.late.join(" ")), (false, "b c".to_owned(), "a".to_owned()));
    assert_eq!((line.untold.as_deref(), cancels.unwritten().len()), (Some("the server is away"), 0));
    cancels.note_told(ticket, Some(1), at(2));
    assert!(cancels.untold().is_empty() && cancels.unsettled_from(at(3)) == Some(1));
    let (_, call, part) = cancels.unwritten().remove(0);
    assert_eq!(call, answer(&cancels, "a", "", part.clone()).0.call);
    cancels.note_written(ticket, &part);
    assert!(cancels.unwritten().is_empty());
    let done = CancelPart { stage: CancelStage::Done, asked: 2, confirmed: 1, orders: 5, unconfirmed: 1, ..CancelPart::default() };
    let own = CancelPart { asked: 99, ..done.clone() };
    cancels.note_answers(
        1,
        vec![
            answer(&cancels, "b", "x", done.clone()),
            answer(&cancels, "c", "y", CancelPart::default()),
            answer(&cancels, "a", cancels.run(), own),
        ],
        at(3),
    );
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.done, line.silent.len(), line.waiting.join(" "), line.asked), (false, 0, "c".to_owned(), 2));
    cancels.note_answers(1, vec![answer(&cancels, "c", "y", done)], at(4));
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.done, line.asked, line.confirmed, line.orders, line.unconfirmed), (true, 4, 2, 10, 2));
    cancels.expect(&[], Some(at(7)));
    assert_eq!(cancels.unsettled_from(at(7)), None);
}

#[test]
fn who_joins_after_all_have_answered_has_not_to() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("a", true);
    let ticket = cancels.say(new(cancels.run()));
    cancels.note_asking(ticket, 0, [], false);
    cancels.end(ticket);
    cancels.note_told(ticket, Some(1), at(1));
    cancels.expect(&["a".to_owned(), "b".to_owned()], Some(at(1)));
    let done = CancelPart { stage: CancelStage::Done, ..CancelPart::default() };
    cancels.note_answers(1, vec![answer(&cancels, "b", "x", done)], at(1));
    assert!(cancels.of(halt).is_some_and(|line| line.done));
    assert_eq!(cancels.unsettled_from(at(2)), Some(1), "somebody may turn up");
    cancels.expect(&["c".to_owned()], Some(at(7)));
    assert_eq!(silent(&cancels), "c", "whoever was there at the end of that time");
    cancels.expect(&["d".to_owned()], None);
    assert_eq!(silent(&cancels), "c", "and nobody who came hours later");
}

#[test]
fn whoever_hears_of_a_call_late_expects_nobody_who_came_meanwhile() {
    let cancels = Cancels::new("?");
    cancels.set_node("b", true);
    let call = CancelCall { number: 1, what: new("x"), node: "a".to_owned(), is_lifted: false };
    cancels.hear(&call, EXPECT_FOR, at(3_600));
    cancels.expect(&["b".to_owned(), "d".to_owned()], None);
    assert_eq!(silent(&cancels), "a");
    cancels.hear(&call, Duration::ZERO, at(3_600));
    cancels.expect(&["b".to_owned(), "c".to_owned()], None);
    assert_eq!(silent(&cancels), "a c");
}

#[test]
fn what_is_noted_for_a_former_call_of_a_halt_does_not_count() {
    let (cancels, halt) = (Cancels::new("a"), new("").halt);
    let (former, latter) = (cancels.say(new(cancels.run())), cancels.say(new(cancels.run())));
    cancels.note_asking(latter, 1, [], false);
    cancels.note(former, ("desk", None), &Ok(3));
    cancels.end(former);
    assert_eq!(cancels.of(halt).map(|line| (line.confirmed, line.done)), Some((0, false)));
    assert_eq!(cancels.untold().len(), 2, "the others are told of both");
}

fn silent(cancels: &Cancels) -> String {
    cancels.of(new("").halt).unwrap_or_default().silent.join(" ")
}

#[test]
fn time_in_which_nobody_could_read_of_a_call_is_no_time_to_turn_up_in() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("a", true);
    let ticket = cancels.say(new(cancels.run()));
    cancels.note_asking(ticket, 0, [], false);
    cancels.end(ticket);
    cancels.note_look(Some("the server is away".to_owned()));
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.done, line.untold.as_deref(), line.unread), (false, Some("the server is away"), None));
    // An hour later the database is back.
    cancels.note_look(None);
    cancels.note_told(ticket, Some(1), at(3_600));
    cancels.expect(&["a".to_owned(), "b".to_owned()], Some(at(3_600)));
    assert_eq!((silent(&cancels), cancels.unsettled_from(at(3_600))), ("b".to_owned(), Some(1)));
    cancels.note_look(Some("away again".to_owned()));
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.untold, line.unread.as_deref()), (None, Some("away again")));
    cancels.expect(&["c".to_owned()], Some(at(3_700)));
    cancels.expect(&["late".to_owned()], Some(at(3_701)));
    assert_eq!(silent(&cancels), "b c", "who turned up while nobody looked, and nobody who came afterwards");
    let done = CancelPart { stage: CancelStage::Done, ..CancelPart::default() };
    // Whoever comes back after hours is heard, though not at each look.
    assert_eq!(cancels.unsettled_from(at(9_000)), Some(1));
    cancels.note_answers(1, vec![answer(&cancels, "b", "x", done.clone())], at(9_000));
    assert_eq!((cancels.unsettled_from(at(9_001)), cancels.unsettled_from(at(9_060))), (None, Some(1)));
    cancels.note_answers(1, vec![answer(&cancels, "c", "y", done)], at(9_060));
    cancels.note_look(None);
    assert!(cancels.of(halt).is_some_and(|line| line.done && line.unread.is_none()));
}

#[test]
fn who_has_to_answer_is_known_to_whoever_reads_the_answers() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("b", true);
    let call = CancelCall { number: 1, what: new("x"), node: "a".to_owned(), is_lifted: false };
    cancels.remember(&call, Duration::ZERO, at(10));
    let line = cancels.of(halt).unwrap_or_default();
    assert!(!line.done && line.silent == ["a"], "nobody has said anything: {line:?}");
    let expects = ["a", "b", "c"].map(str::to_owned).into();
    let part = CancelPart { stage: CancelStage::Done, expects, ..CancelPart::default() };
    cancels.note_answers(1, vec![answer(&cancels, "a", "x", part)], at(10));
    assert_eq!(silent(&cancels), "b c");
    // The process that should have answered for this node is gone.
    let [ticket] = cancels.take_unanswered()[..] else { panic!("one") };
    cancels.note_unasked(ticket, "it was started again meanwhile");
    cancels.end(ticket);
    assert!(cancels.take_unanswered().is_empty());
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.silent.join(" "), line.unconfirmed, cancels.unwritten().len()), ("c".to_owned(), 1, 1));
}

#[test]
fn a_session_that_comes_does_not_hide_that_the_process_before_never_answered() {
    let (cancels, halt) = (Cancels::new("a"), new("").halt);
    cancels.set_node("a", true);
    let session = SessionId::from_bytes([1; 16]);
    let call = CancelCall { number: 1, what: new("x"), node: "a".to_owned(), is_lifted: false };
    cancels.remember(&call, Duration::ZERO, at(10));
    let ticket = cancels.recent(at(10))[0].0;
    assert_eq!(cancels.take_on(ticket, session), TakeOn::Later, "that process may still be there");
    assert_eq!(cancels.take_unanswered(), [ticket]);
    cancels.note_unasked(ticket, "it was started again meanwhile");
    cancels.end(ticket);
    assert_eq!(cancels.take_on(ticket, session), TakeOn::Now);
    assert_eq!(cancels.of(halt).map(|line| line.unconfirmed), Some(1));
}

#[test]
fn a_session_that_could_not_be_asked_for_is_when_it_comes_again() {
    let cancels = Cancels::new("a");
    let session = SessionId::from_bytes([1; 16]);
    let ticket = cancels.say(new(cancels.run()));
    cancels.note_asking(ticket, 1, [session], false);
    cancels.note(ticket, ("desk", Some(session)), &Err(Reject::UpstreamTimeout.into()));
    assert_eq!([session; 2].map(|session| cancels.take_on(ticket, session)), [TakeOn::Now, TakeOn::Asked]);
}

#[test]
fn an_answer_that_cannot_be_read_is_told_by_its_node() {
    let (cancels, halt) = (Cancels::new("a"), new("").halt);
    cancels.set_node("a", true);
    let ticket = cancels.say(new(cancels.run()));
    cancels.note_told(ticket, Some(1), at(1));
    cancels.expect(&["a".to_owned(), "b".to_owned()], Some(at(1)));
    cancels.note_asking(ticket, 0, [], false);
    cancels.end(ticket);
    cancels.note_answers(1, vec![answer(&cancels, "b", "x", CancelPart { unreadable: true, ..CancelPart::default() })], at(1));
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.done, line.unreadable.join(" "), line.waiting.len(), line.silent.len()), (false, "b".to_owned(), 0, 0));
}

#[test]
fn a_call_that_is_said_in_the_same_moment_has_another_name() {
    let cancels = Cancels::new("a");
    let first = new(cancels.run());
    cancels.say(first.clone());
    cancels.say(first);
    let untold = cancels.untold();
    assert!(untold[0].1.at < untold[1].1.at);
}

#[test]
fn a_session_that_comes_is_asked_for_once_under_each_call() {
    let (cancels, halt) = (Cancels::new("a"), new("").halt);
    let [first, second, third] = [1, 2, 3].map(|byte| SessionId::from_bytes([byte; 16]));
    let ticket = cancels.say(new(cancels.run()));
    assert_eq!(cancels.take_on(ticket, second), TakeOn::Later, "whom it covers was not looked at yet");
    cancels.note_asking(ticket, 1, [first], false);
    assert_eq!([first, second, second].map(|sid| cancels.take_on(ticket, sid)), [TakeOn::Asked, TakeOn::Now, TakeOn::Asked]);
    cancels.note(ticket, ("first", Some(first)), &Ok(1));
    cancels.end(ticket);
    assert!(cancels.is_asking(), "the second is still asked for");
    cancels.note(ticket, ("second", Some(second)), &Ok(2));
    cancels.end(ticket);
    let line = cancels.of(halt).unwrap_or_default();
    assert_eq!((line.asked, line.confirmed, line.orders, line.done), (2, 2, 3, true));
    cancels.note_told(ticket, Some(1), at(1));
    let part = CancelPart { sessions: [third.to_string()].into(), ..CancelPart::default() };
    cancels.note_answers(1, vec![answer(&cancels, "a", "x", part)], at(1));
    assert_eq!(cancels.take_on(ticket, third), TakeOn::Asked, "by the process that had it");
    let named = cancels.unwritten().remove(0).2.sessions;
    assert_eq!(named, [first.to_string(), second.to_string()].into());
}

/// A call of another halt, which has the number now.
fn other() -> CallName {
    NewCancel { halt: HaltId::from_bytes([8; 6]), ..new("z") }.name()
}

#[test]
fn a_call_whose_number_is_another_ones_now_is_told_again() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("a", true);
    let ticket = cancels.say(new(cancels.run()));
    let name = cancels.untold()[0].1.name();
    cancels.note_told(ticket, Some(7), at(1));
    cancels.expect(&["a".to_owned(), "b".to_owned()], Some(at(1)));
    cancels.note_asking(ticket, 0, [], false);
    cancels.end(ticket);
    assert!(cancels.note_calls(&[(name.clone(), 7)].into(), at(1)).is_empty());
    let part = cancels.unwritten().remove(0).2;
    cancels.note_written(ticket, &part);
    assert!(cancels.untold().is_empty() && cancels.unwritten().is_empty());
    assert!(cancels.note_calls(&[(other(), 7)].into(), at(1)).is_empty());
    assert_eq!((cancels.untold().len(), cancels.untold()[0].1.name()), (1, name));
    assert!(cancels.unwritten().is_empty() && cancels.of(halt).is_some_and(|line| !line.done), "there is nothing to write it to");
    let of_other = CancelAnswer { call: other(), node: "b".to_owned(), run: "y".to_owned(), record: String::new() };
    cancels.note_answers(7, vec![(of_other, CancelPart { stage: CancelStage::Done, ..CancelPart::default() })], at(2));
    assert_eq!(silent(&cancels), "b", "what is said of the other call is not said of this one");
    assert!(cancels.note_calls(&[(other(), 7)].into(), at(1)).is_empty());
    assert_eq!(cancels.untold().len(), 1, "once");
    cancels.note_told(ticket, Some(8), at(3));
    assert_eq!(cancels.unwritten().len(), 1, "its answer was lost with it");
}

#[test]
fn a_call_of_another_that_was_lost_is_answered_again_when_it_is_there_again() {
    let cancels = Cancels::new("?");
    cancels.set_node("b", true);
    let call = CancelCall { number: 7, what: new("x"), node: "a".to_owned(), is_lifted: false };
    let ticket = cancels.hear(&call, Duration::ZERO, at(1));
    cancels.end(ticket);
    let part = cancels.unwritten().remove(0).2;
    cancels.note_written(ticket, &part);
    assert!(cancels.note_calls(&[(other(), 7)].into(), at(1)).is_empty());
    assert!(cancels.unwritten().is_empty() && cancels.untold().is_empty() && cancels.unsettled_from(at(1)).is_none());
    assert!(cancels.note_calls(&[(other(), 7), (call.what.name(), 8)].into(), at(1)).is_empty());
    assert_eq!((cancels.unwritten().len(), cancels.unsettled_from(at(1))), (1, Some(8)));
    cancels.note_written(ticket, &part);
    // It was lost and told again between two looks.
    cancels.note_answers(8, Vec::new(), at(2));
    assert_eq!(cancels.unwritten().len(), 1);
}

#[test]
fn a_call_that_was_lost_and_that_nobody_tells_again_is_told_as_lost() {
    let (cancels, halt) = (Cancels::new("?"), new("").halt);
    cancels.set_node("b", true);
    let call = CancelCall { number: 7, what: new("x"), node: "a".to_owned(), is_lifted: false };
    let ticket = cancels.hear(&call, Duration::ZERO, at(1));
    cancels.end(ticket);
    let is_lost = || cancels.of(halt).is_some_and(|line| line.lost && !line.done);
    let (without, again) = ([(other(), 7)].into(), [(call.what.name(), 8)].into());
    assert_eq!((cancels.note_calls(&without, at(2)), cancels.note_calls(&without, at(6)), is_lost()), (vec![], vec![], false));
    assert_eq!((cancels.note_calls(&without, at(7)), is_lost()), (vec![halt], true), "who said it had time to tell it again");
    assert_eq!((cancels.note_calls(&without, at(8)), is_lost()), (vec![], true), "once");
    assert_eq!((cancels.note_calls(&again, at(9)), is_lost()), (vec![], false), "it stood still for long, and goes on");
    let done = CancelPart { stage: CancelStage::Done, ..CancelPart::default() };
    cancels.note_answers(1, vec![answer(&cancels, "a", "x", done)], at(9));
    assert_eq!((cancels.note_calls(&without, at(20)), cancels.note_calls(&without, at(30))), (vec![], vec![]), "all have answered");
    assert!(cancels.of(halt).is_some_and(|line| line.done && !line.lost));
}

#[test]
fn a_call_that_the_store_has_forgotten_is_not_told_again() {
    let cancels = Cancels::new("a");
    let ticket = cancels.say(new(cancels.run()));
    cancels.note_told(ticket, Some(7), at(1));
    assert!(cancels.note_calls(&[(other(), 7 + KEPT_MAX as u64)].into(), at(1)).is_empty());
    assert!(cancels.untold().is_empty() && cancels.unwritten().is_empty());
}
