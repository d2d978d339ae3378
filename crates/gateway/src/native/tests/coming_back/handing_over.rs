use countersign_halt::{Action, HaltId, HaltScope};
use tokio::sync::mpsc;

use super::*;
use crate::halts::cancels::follow::look;
use crate::halts::cancels::say;
use crate::handover::taking::Predecessor;
use crate::handover::{Handed, HandedSession};

/// The node drains, and this is what its successor gets.
fn succeed(stage: &Stage) -> mpsc::Receiver<(countersign_core::SessionId, Handed)> {
    let (outbox, sessions) = mpsc::channel(8);
    stage.worker.shared.drain.start_handing_over(outbox);
    sessions
}

fn here((_, handed): (countersign_core::SessionId, Handed)) -> HandedSession {
    match handed {
        Handed::Here(session) => *session,
        other @ (Handed::InMemory { .. } | Handed::Unknown) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_comes_to_rest_and_the_next_process_goes_on_with_it() {
    // HS-132
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        let mut sessions = succeed(&stage);
        assert!(peer.next().await["drain"]["by_ms"].as_u64().unwrap() > 0);
        peer.message(r#"{"op":"order.place","id":2}"#).await;
        until(|| stage.upstream.texts().len() == 2).await;
        let session = stage.worker.shared.sessions.entry(resumption.sid).unwrap();
        assert!(session.ask_to_leave().await);
        let arrived = sessions.recv().await.unwrap();
        assert_eq!(arrived.0, resumption.sid);
        let wire = serde_json::to_string(&arrived.1).unwrap();
        assert_eq!(serde_json::from_str::<Handed>(&wire).unwrap(), arrived.1, "as it travels");
        let packed = here(arrived.clone());
        assert_eq!((packed.rx, packed.tx, packed.at_rest, packed.away_ms), (3, 3, true, None));
        assert!(packed.frames.iter().any(|(s, numbered, text)| *s == 2 && *numbered && text.contains("\"re\":2")), "{:?}", packed.frames);
        assert_eq!(peer.next().await["d"]["re"], 2, "whoever still listens hears it, too");
        assert_eq!(peer.next().await["bye"]["code"], "session.taken_over");
        until(|| stage.worker.shared.sessions.is_empty()).await;

        // The same as the next process: it is in the registry, and as this one leaves, too, it goes on at once, as it is.
        let (to, from) = mpsc::channel(1);
        let (predecessor, _wishes) = Predecessor::of_tests();
        to.send(arrived.0).await.unwrap();
        predecessor.brings(arrived.0, arrived.1);
        drop(to);
        take_in(Rc::clone(&stage.worker), predecessor, from).await;
        let again = here(sessions.recv().await.unwrap());
        assert_eq!((again.rx, again.tx, &again.frames), (3, 3, &packed.frames), "no number is left out");
        assert!(again.away_ms.is_some());
        assert_eq!(stage.upstream.texts().iter().filter(|text| text.contains("order.place")).count(), 1);
        assert!(cancelled(&stage).is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_away_goes_at_once_and_who_does_not_move_at_the_deadline() {
    // HS-132
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        let (mut other, _) = begun(&stage, &offer).await;
        gone(&stage, peer).await;
        let mut sessions = succeed(&stage);
        let first = sessions.recv().await.unwrap();
        assert_eq!(first.0, resumption.sid);
        assert!(here(first).away_ms.is_some());
        assert!(other.next().await["drain"]["by_ms"].as_u64().unwrap() > 0);
        tokio::time::pause();
        assert_eq!(here(sessions.recv().await.unwrap()).away_ms, None, "told to come back there");
        assert!(cancelled(&stage).is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_promised() {
    on_stage(|stage| async move {
        let (mut peer, resumption) = begun(&stage, &lasting("none", 0)).await;
        peer.message(r#"{"op":"order.place","id":"mute"}"#).await;
        assert_eq!(peer.next().await["d"]["ev"], "noted");
        let mut sessions = succeed(&stage);
        let session = stage.worker.shared.sessions.entry(resumption.sid).unwrap();
        assert!(session.ask_to_leave().await);
        tokio::time::pause();
        assert!(!here(sessions.recv().await.unwrap()).at_rest, "one number is left out, and the client looks at its orders");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_nobody_takes_ends_as_agreed() {
    // HS-96
    on_stage(|stage| async move {
        let (mut peer, mut resumption) = begun(&stage, &lasting("session", 30_000)).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        drop(succeed(&stage));
        until(|| stage.worker.shared.sessions.is_empty()).await;
        assert_eq!(cancelled(&stage).len(), 1, "the successor died: nobody waits for the client");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_waited_for_holds_up_no_other_one() {
    // HS-132
    on_stage(|stage| async move {
        let offer = lasting("session", 30_000);
        let (mut peer, mut resumption) = begun(&stage, &offer).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        let mut sessions = succeed(&stage);
        let (sid, handed) = sessions.recv().await.unwrap();
        until(|| stage.worker.shared.sessions.is_empty()).await;

        // As the next process. Of another session its client has the turn, and waits for what comes behind it.
        let other = countersign_core::SessionId::from_bytes([9; 16]);
        let turn = stage.worker.shared.sessions.turn(other).await;
        let (to, from) = mpsc::channel(1);
        let (predecessor, _wishes) = Predecessor::of_tests();
        predecessor.brings(other, Handed::InMemory { at_rest: true });
        predecessor.brings(sid, handed);
        let taking = take_in(Rc::clone(&stage.worker), Arc::clone(&predecessor), from);
        let bringing = async {
            to.send(other).await.unwrap();
            to.send(sid).await.unwrap();
            // It comes here, and as this one leaves, too, it goes on at once.
            let again = tokio::time::timeout(Duration::from_secs(5), sessions.recv()).await.expect("it is not held up");
            assert!(here(again.unwrap()).away_ms.is_some());
            assert!(predecessor.claim(other).is_some(), "that one's client still has its turn");
            drop((turn, to));
        };
        tokio::join!(taking, bringing);
    })
    .await;
}

/// A session that is away, as another process hands it over.
async fn from_another_process() -> (countersign_core::SessionId, Handed) {
    let arrived = std::cell::OnceCell::new();
    on_stage(|stage| async {
        let stage = stage;
        let (mut peer, mut resumption) = begun(&stage, &lasting("session", 30_000)).await;
        asked(&mut peer, &mut resumption.numbers).await;
        gone(&stage, peer).await;
        arrived.set(succeed(&stage).recv().await.unwrap()).unwrap();
    })
    .await;
    arrived.into_inner().unwrap()
}

/// Takes it in.
async fn taken_in(stage: &Stage, (sid, handed): (countersign_core::SessionId, Handed)) {
    let (to, from) = mpsc::channel(1);
    let (predecessor, _wishes) = Predecessor::of_tests();
    to.send(sid).await.unwrap();
    predecessor.brings(sid, handed);
    drop(to);
    take_in(Rc::clone(&stage.worker), predecessor, from).await;
}

/// Why sessions ended, as the audit log says.
async fn reasons(stage: &Stage, left: usize) -> Vec<String> {
    until(|| stage.worker.shared.sessions.len() == left).await;
    stage.recorded("session_end").iter().map(|record| record["detail"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_session_that_was_revoked_when_it_is_taken_over_ends_by_who_revoked_it() {
    for (by, reason) in [("operator bob", "ended by an operator"), ("its client", "revoked"), ("a refresh token was used twice", "revoked")]
    {
        let arrived = from_another_process().await;
        on_stage(|stage| async move {
            let shared = &stage.worker.shared;
            let target = countersign_oauth::RevocationTarget::Session(arrived.0);
            shared.oauth.revoke(&shared.store, target, &countersign_store::Change::new(clock::wall(), by)).await.unwrap();
            taken_in(&stage, arrived).await;
            assert_eq!(reasons(&stage, 0).await, [reason], "{by}");
            assert_eq!(cancelled(&stage).len(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_that_is_one_too_many_when_it_is_taken_over_was_ended_by_nobody() {
    // HS-91
    let arrived = from_another_process().await;
    on_stage(|stage| async move {
        let most = crate::native::limits::AWAY_PER_KEY_MAX;
        let mut peers = Vec::new();
        for _ in 0..most {
            peers.push(begun(&stage, &lasting("none", 0)).await.0);
        }
        drop(peers);
        until(|| stage.worker.shared.sessions.away() == most).await;
        taken_in(&stage, arrived).await;
        assert_eq!(reasons(&stage, most).await, ["too many waiting"]);
    })
    .await;
}

#[test]
fn what_ended_a_session_for_good_reads_back_from_its_record() {
    // HS-84 HS-91
    for by in KilledBy::ALL {
        assert_eq!(KilledBy::of_record(by.reason()), Some(by));
    }
    assert_eq!(KilledBy::of_record(countersign_core::Reject::SessionReuse.label()), Some(KilledBy::Reuse));
    for reason in ["bye", "connection closed", "drain", "handed over", "served by another node", ""] {
        assert_eq!(KilledBy::of_record(reason), None, "{reason}");
    }
}

#[tokio::test]
async fn orders_of_a_session_that_was_between_two_processes_are_cancelled_where_it_comes_to() {
    let arrived = from_another_process().await;
    on_stage(|stage| async move {
        let (shared, upstreams) = (&stage.worker.shared, &stage.upstreams);
        let scope = format!("session:{}", arrived.0);
        let report = crate::halts::tests::halt(&stage, &scope, Action::CancelOnly).await;
        let (halt, scope) = (HaltId::parse(&report.id).unwrap(), HaltScope::parse(&scope).unwrap());
        let line = || shared.halts.cancels().of(halt).unwrap_or_default();
        say(shared, upstreams, halt, scope, "operator alice".to_owned());
        until(|| line().done).await;
        assert_eq!(line().asked, 0, "nobody has it");
        taken_in(&stage, arrived).await;
        let mut heard = None;
        for _ in 0..2 {
            look(shared, upstreams, &mut heard).await.unwrap();
            until(|| line().done).await;
            assert_eq!(cancelled(&stage), [json!({"op": "order.cancel_all", "id": "countersign.halt", "scope": "session"})], "once");
        }
        assert_eq!((line().asked, line().confirmed, line().orders), (1, 1, 3));
    })
    .await;
}
