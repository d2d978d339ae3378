//! A rehearsal is counted, and stops nobody.

use super::*;

#[tokio::test]
async fn a_rehearsal_counts_and_stops_nothing() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let before = keeper.status().epoch;
        let by = RaisedBy::Operator("alice".into());
        let drill = drills::drill(&stage.worker.shared, HaltScope::Venue, Action::CancelOnly, by);
        let trading = async {
            while keeper.gate().holding().shadow.is_empty() {
                tokio::task::yield_now().await;
            }
            let order = clear(&stage, Risk::Increase).unwrap();
            keeper.gate().confirm(&order).unwrap();
        };
        let (report, ()) = tokio::join!(drill, trading);
        let report = report.unwrap();
        assert_eq!((report.would_refuse, report.epoch), (1, 1));
        assert!(report.barrier_us.is_some() && report.confirmed_us == report.barrier_us, "this node is alone");
        let [line] = report.nodes.as_slice() else { panic!("{:?}", report.nodes) };
        assert_eq!((line.state.as_str(), line.part.as_ref().map(|part| part.cancels)), ("acked", Some(1)));
        assert_eq!(keeper.status().epoch, before, "rehearsals have an epoch of their own");
        assert!(keeper.gate().holding().shadow.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_that_cannot_be_read_deafens_nobody() {
    on_stage(|stage| async move {
        let (shared, mut heard) = (&stage.worker.shared, None);
        let other = shared.store.open_halts().await.unwrap();
        let rehearsed = shared.halts.rehearsal(HaltScope::Venue, Action::Freeze, RaisedBy::Operator("alice".into())).unwrap();
        // Longer than a record may be.
        let unreadable = Halt { text: "x".repeat(1 << 20).into(), ..rehearsed.clone() };
        drills::look(shared, &mut heard).await.unwrap();
        for halt in [&unreadable, &rehearsed] {
            other.record_drill(halt, ("n2", "run-2")).await.unwrap();
        }
        drills::look(shared, &mut heard).await.unwrap();
        assert_eq!(heard, Some(2));
        let mut who = Vec::new();
        for epoch in [1, 2] {
            let answers = shared.store.drill_answers(epoch).await.unwrap();
            who.push(answers.iter().any(|answer| answer.run == shared.halts.run()));
        }
        assert_eq!(who, [false, true], "who began it is told that this node said nothing of the first");
    })
    .await;
}
