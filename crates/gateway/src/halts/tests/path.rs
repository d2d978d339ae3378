//! The path of a request through the halts.

use countersign_pki::ClientAuth;

use super::*;
use crate::config::Settings;
use crate::connection::Connection;
use crate::testing::on_stage_with;

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
        let label = gate.confirm(&order).err().map(|refusal| refusal.reject.label());
        assert_eq!(label, Some("halted"), "it stays so, though nothing changed since it was asked");
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
        let gate = crate::halts::HaltGate::default();
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
