#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]
use std::rc::Rc;

use countersign_core::{AccountId, ApiKeyId, Monotonic, Reject, Risk, permit_public};
use countersign_halt::{
    Action, Halt, HaltClass, HaltError, HaltId, HaltScope, Lift, LiftId, NoticeKey, OperatorSignature, RaisedBy, Reason, Subject,
};
use countersign_pki::ClientAuth;
use futures_util::SinkExt as _;
use tokio_websockets::Message;

use super::drills;
use super::gate::{Asked, Cleared};
use super::keeper::{HaltKeeper, KeeperError, NewHalt};
use super::report::{HaltReport, LiftReport};
use crate::clock;
use crate::config::Settings;
use crate::connection::Connection;
use crate::routes::{Route, RouteTarget};
use crate::testing::{Stage, TRADER, halt_operator_pair, on_stage, on_stage_with, signed_frame};
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
async fn each_action_stops_its_risks_and_a_lift_lets_them_pass_again() {
    on_stage(|stage| async move {
        for action in Action::ALL {
            let report = halt(&stage, "venue", action).await;
            assert!(report.barrier_us.is_some() && report.epoch.is_some() && !report.was_in_force, "{report:?}");
            assert_eq!((report.confirmed_us, report.nodes.len(), &*report.nodes[0].state), (report.barrier_us, 1, "acked"), "it is alone");
            for risk in [Risk::Read, Risk::Cancel, Risk::Reduce, Risk::Increase] {
                let label = clear(&stage, risk).err().map(|refusal| refusal.reject.label());
                assert_eq!(label, action.stops(risk).then_some("halted"), "{action} {risk}");
            }
            let done = lift(&stage, &report.id, None, &["bob", "carol"]).await.unwrap();
            assert!(done.applied > report.epoch);
            assert!(clear(&stage, Risk::Increase).is_ok(), "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_was_cleared_before_the_halt_is_stopped_at_the_last_moment() {
    on_stage(|stage| async move {
        let gate = stage.worker.shared.halts.gate();
        let (order, cancel) = (clear(&stage, Risk::Increase).unwrap(), clear(&stage, Risk::Cancel).unwrap());
        let report = halt(&stage, "venue", Action::CancelOnly).await;
        assert_eq!(report.barrier_us, None, "both are still under way");
        let label = gate.confirm(&order).err().map(|refusal| refusal.reject.label());
        assert_eq!(label, Some("halted"));
        assert!(gate.confirm(&cancel).is_ok());
        drop(order);
        assert!(stage.worker.shared.halts.status().confirmed, "what goes on was asked again under the halt");
        cancel.sent();
        assert_eq!(stage.worker.lane.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_request_under_way_holds_the_barrier_until_it_is_sent() {
    on_stage(|stage| async move {
        let keeper = &stage.worker.shared.halts;
        let order = clear(&stage, Risk::Increase).unwrap();
        assert!(keeper.gate().confirm(&order).is_ok());
        let raising = halt(&stage, "venue", Action::Freeze);
        let sending = async {
            // Between the last question and the wire; the halt comes here.
            while keeper.status().halts.is_empty() {
                tokio::task::yield_now().await;
            }
            assert!(!keeper.status().confirmed);
            order.sent();
        };
        let (report, ()) = tokio::join!(raising, sending);
        assert!(report.barrier_us.is_some());
        assert!(keeper.status().confirmed);
    })
    .await;
}

#[tokio::test]
async fn without_a_lease_cancels_pass_and_orders_do_not() {
    on_stage(|stage| async move {
        let gate = stage.worker.shared.halts.gate();
        let (order, cancel) = (clear(&stage, Risk::Increase).unwrap(), clear(&stage, Risk::Cancel).unwrap());
        gate.set_lease(Monotonic::from_micros(0), 1);
        assert_eq!(gate.confirm(&order).err().map(|refusal| refusal.reject.label()), Some("halt_unknown"));
        assert!(gate.confirm(&cancel).is_ok());
        gate.set_lease(clock::mono().saturating_add(std::time::Duration::from_secs(60)), 2);
        assert!(gate.confirm(&order).is_ok());
    })
    .await;
}

/// Listen keys, answers of our own and market data over FIX went on on a connection whose certificate had been revoked.
#[tokio::test]
async fn nothing_goes_on_without_the_certificate_that_everybody_needs() {
    for (asked, refused) in [(ClientAuth::Required, Some(Reject::CertificateUnacceptable)), (ClientAuth::Optional, None)] {
        let asks = |settings: &mut Settings| settings.listen.client_auth = asked;
        on_stage_with(asks, |stage| async move {
            let route = route(&stage, Risk::Read);
            let gate = stage.worker.shared.halts.gate();
            let outcome = |connection: &Connection| {
                let permit = permit_public(&route.requirement).unwrap();
                gate.clear(&stage.worker, connection, permit, Asked::of(&route, None, None)).err().map(|refusal| refusal.reject)
            };
            assert_eq!(outcome(&stage.connection_showing(1)), refused, "it ended long ago");
            assert_eq!(outcome(&stage.connection_showing(u64::MAX)), None);
        })
        .await;
    }
}

#[tokio::test]
async fn a_gate_that_knows_nothing_lets_no_order_pass() {
    on_stage(|stage| async move {
        let gate = super::HaltGate::default();
        let ask = |risk| {
            let route = route(&stage, risk);
            let permit = permit_public(&route.requirement).unwrap();
            gate.clear(&stage.worker, &stage.connection(), permit, Asked::of(&route, None, None))
                .err()
                .map(|refusal| refusal.reject.label())
        };
        assert_eq!([ask(Risk::Read), ask(Risk::Cancel)], [None, None]);
        assert_eq!([ask(Risk::Reduce), ask(Risk::Increase)], [Some("halt_unknown"); 2]);
    })
    .await;
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

#[test]
fn the_words_of_a_client_are_checked() {
    use super::own::Wish;
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
            super::watch::look_for_file(keeper, folder.path()).await;
            assert!(clear(&stage, Risk::Increase).is_ok(), "no file, no halt");
            std::fs::write(folder.path().join("HALT"), words).unwrap();
            super::watch::look_for_file(keeper, folder.path()).await;
            assert!(clear(&stage, Risk::Increase).is_err(), "{:?}", String::from_utf8_lossy(words));
        })
        .await;
    }
}
