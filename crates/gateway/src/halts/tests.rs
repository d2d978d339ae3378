#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
mod clients;
mod path;
mod rehearsals;

use std::rc::Rc;

use countersign_core::{AccountId, ApiKeyId, Monotonic, Reject, Risk, permit_public};
use countersign_halt::{
    Action, Halt, HaltClass, HaltError, HaltId, HaltScope, Lift, LiftId, NoticeKey, OperatorSignature, RaisedBy, Reason, Subject,
};
use futures_util::SinkExt as _;
use tokio_websockets::Message;

use super::drills;
use super::gate::{Asked, Cleared};
use super::keeper::{HaltKeeper, KeeperError, NewHalt};
use super::report::{HaltReport, LiftReport};
use crate::clock;
use crate::routes::{Route, RouteTarget};
use crate::testing::{Stage, TRADER, halt_operator_pair, on_stage, signed_frame};
use crate::websocket::tests::{connect_client, next_text};

fn new(scope: &str, action: Action) -> NewHalt {
    NewHalt {
        scope: HaltScope::parse(scope).unwrap(),
        action,
        reason: Reason::Runaway,
        text: "words for operators".to_owned(),
        by: RaisedBy::Operator("alice".into()),
        review_by: None,
    }
}

pub(crate) async fn halt(stage: &Stage, scope: &str, action: Action) -> HaltReport {
    stage.worker.shared.halts.raise(new(scope, action)).await.unwrap()
}

/// A public route stands for the path of a request; its risk is what is asked about.
fn route(stage: &Stage, risk: Risk) -> Rc<Route> {
    let routes = stage.worker.shared.routes.load_full();
    let public = routes.all().iter().find(|route| &*route.name == "binance GET /api/v3/time").unwrap();
    let RouteTarget::Http { methods, path } = &public.target else { panic!("HTTP") };
    let spec = crate::routes::RouteSpec {
        name: public.name.to_string(),
        target: RouteTarget::Http { methods: methods.clone(), path: path.clone() },
        access: public.requirement.access.clone(),
        upstream: 0,
        family: public.family,
        kind: public.kind,
        weight: crate::routes::RouteWeight::Fixed(1),
        orders: 0,
        yields: false,
    };
    Rc::new(spec.into_route_of_risk(risk))
}

pub(crate) fn clear(stage: &Stage, risk: Risk) -> Result<Cleared, countersign_core::Refusal> {
    let route = route(stage, risk);
    let permit = permit_public(&route.requirement).unwrap();
    stage.worker.shared.halts.gate().clear(&stage.worker, &stage.connection(), permit, Asked::of(&route, None, None))
}

pub(crate) async fn lift(stage: &Stage, id: &str, to: Option<Action>, by: &[&str]) -> Result<LiftReport, KeeperError> {
    let keeper = &stage.worker.shared.halts;
    let proposed = keeper.propose(vec![HaltId::parse(id).unwrap()], to, "all is well", "alice").await?;
    let lift = Lift::from_payload(&proposed.payload).unwrap();
    for name in by {
        let signature = halt_operator_pair(name).sign(&lift.signed_bytes()).as_ref().to_vec();
        keeper.sign(lift.id(), &OperatorSignature { operator: (*name).into(), signature }).await?;
    }
    keeper.apply(lift.id(), "uid-0").await
}

#[tokio::test]
async fn the_same_halt_again_changes_nothing_and_a_stronger_one_does() {
    on_stage(|stage| async move {
        let first = halt(&stage, "venue", Action::DenyNew).await;
        let again = halt(&stage, "venue", Action::CancelOnly).await;
        assert_eq!((again.was_in_force, &again.id, again.epoch), (true, &first.id, first.epoch));
        assert!(again.confirmed_us.is_some(), "it waits for what is in force as for what is new");
        let holds = again.in_force.unwrap();
        assert_eq!((&*holds.action, &*holds.text), ("deny-new", "words for operators"), "and tells what that is");
        assert!(!halt(&stage, "venue", Action::Freeze).await.was_in_force);
    })
    .await;
}

#[tokio::test]
async fn a_lift_needs_its_quorum_its_epoch_and_real_signatures() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let report = halt(&stage, "venue", Action::Freeze).await;
        let said = |error: KeeperError| error.to_string();
        assert_eq!(said(lift(&stage, &report.id, None, &["alice"]).await.unwrap_err()), "1 of 2 operators signed");
        assert!(said(lift(&stage, &report.id, None, &["alice", "mallory"]).await.unwrap_err()).contains("mallory is not an operator"));
        let proposed = keeper.propose(vec![HaltId::parse(&report.id).unwrap()], None, "well", "alice").await.unwrap();
        let signed = Lift::from_payload(&proposed.payload).unwrap();
        for name in ["alice", "bob"] {
            let signature = halt_operator_pair(name).sign(&signed.signed_bytes()).as_ref().to_vec();
            keeper.sign(signed.id(), &OperatorSignature { operator: name.into(), signature }).await.unwrap();
        }
        halt(&stage, "account:desk", Action::Freeze).await;
        assert!(said(keeper.apply(signed.id(), "uid-0").await.unwrap_err()).contains("the halts changed"));
        assert!(clear(&stage, Risk::Increase).is_err());
        // In stages: first down to cancel-only, then wholly; the old proposal is never of use again.
        lift(&stage, &report.id, Some(Action::CancelOnly), &["alice", "bob"]).await.unwrap();
        assert!(clear(&stage, Risk::Cancel).is_ok() && clear(&stage, Risk::Increase).is_err());
        lift(&stage, &report.id, None, &["carol", "bob"]).await.unwrap();
        assert!(clear(&stage, Risk::Increase).is_ok());
        assert!(keeper.apply(signed.id(), "uid-0").await.is_err());
        assert!(matches!(keeper.lift(LiftId::parse("P-000000000000").unwrap()).await, Err(KeeperError::NoProposal)));
    })
    .await;
}

#[tokio::test]
async fn on_the_websocket_api_orders_are_refused_in_the_venues_words_and_cancels_pass() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/ws-api/v3").await;
        halt(&stage, "account:desk", Action::CancelOnly).await;
        client.send(Message::text(signed_frame(1, "order.place", TRADER, &[]))).await.unwrap();
        let refused = next_text(&mut client).await;
        assert!(refused.contains("-2010") && refused.contains("Market is closed."), "{refused}");
        // Another text: two frames of one millisecond would be one signature.
        client.send(Message::text(signed_frame(2, "order.cancel", TRADER, &[("orderId", "1")]))).await.unwrap();
        let canceled = next_text(&mut client).await;
        assert!(canceled.contains("\"status\":200"), "{canceled}");
        assert!(stage.refused("halted"));
        assert_eq!(stage.upstream.texts().len(), 1, "the order never reached the venue");
        let audited = stage.audited("halted");
        assert!(audited["detail"].as_str().unwrap().contains("cancel-only, runaway"), "{audited}");
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_cuts_whoever_it_covers() {
    on_stage(|stage| async move {
        let mut client = connect_client(&stage, "/ws-api/v3").await;
        client.send(Message::text(signed_frame(1, "account.status", TRADER, &[]))).await.unwrap();
        assert!(next_text(&mut client).await.contains("\"status\":200"));
        halt(&stage, "account:somebody-else", Action::Disconnect).await;
        client.send(Message::text(signed_frame(2, "account.status", TRADER, &[]))).await.unwrap();
        assert!(next_text(&mut client).await.contains("\"status\":200"), "not who is meant");
        halt(&stage, "account:desk", Action::Disconnect).await;
        assert_eq!(next_text(&mut client).await, "close 1008");
    })
    .await;
}

/// Two nodes over one store, and something that carries notices between them.
#[tokio::test]
async fn another_node_stops_by_the_notice_and_lifts_only_by_the_store() {
    on_stage(|stage| async move {
        let first = &stage.worker.shared.halts;
        let store = stage.worker.shared.store.open_halts().await.unwrap();
        let audit = stage.worker.shared.audit.clone();
        let second = HaltKeeper::open("n2", store, first.operators().clone(), audit).await;
        let key = NoticeKey::new(&[4; 32]);
        let stops = |keeper: &HaltKeeper| keeper.gate().holding().view.decide(&Subject::default(), Risk::Increase).is_some();
        let mut changes = first.changes();
        let report = halt(&stage, "venue", Action::CancelOnly).await;
        assert!(!stops(&second));
        let sealed = key.seal(&changes.recv().await.unwrap());
        second.hear(&key.open(&sealed).unwrap());
        assert!(stops(&second), "before it read the store");
        second.read().await;
        assert_eq!((second.status().epoch, second.status().unknown), (first.status().epoch, None));
        lift(&stage, &report.id, None, &["alice", "bob"]).await.unwrap();
        while let Ok(record) = changes.try_recv() {
            second.hear(&record);
        }
        assert!(stops(&second), "a notice of a lift lifts nothing");
        second.read().await;
        assert!(!stops(&second));
        halt(&stage, "account:desk", Action::Freeze).await;
        second.read().await;
        assert_eq!(second.status().halts, first.status().halts, "a lost notice costs a quarter of the lease");
    })
    .await;
}
