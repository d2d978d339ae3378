use super::*;

const fn at(millis: u64) -> Monotonic {
    Monotonic::from_micros(millis * 1_000)
}

const fn policy(scope: CancelScope, grace_ms: u64, on_logout: bool) -> CancelPolicy {
    CancelPolicy { scope, class: OrderClass::All, grace: Duration::from_millis(grace_ms), on_logout }
}

fn absence(scope: CancelScope, grace_ms: u64, window_ms: u64) -> Absence {
    Absence::new(policy(scope, grace_ms, false), Duration::from_millis(window_ms))
}

const CANCEL: Option<Due> = Some(Due::Cancel(CancelScope::Session, OrderClass::All));

#[test]
fn a_client_that_returns_within_the_grace_keeps_its_orders() {
    // HS-96 HS-97
    let mut session = absence(CancelScope::Session, 2_000, 60_000);
    assert_eq!(session.left(Departure::Lost, at(0)), None);
    assert_eq!((session.poll_timeout(), session.handle_timeout(at(1_999))), (Some(at(2_000)), None));
    session.returned();
    assert_eq!((session.poll_timeout(), session.handle_timeout(at(9_000))), (None, None));
    assert_eq!(session.left(Departure::Lost, at(10_000)), None);
    assert_eq!(session.handle_timeout(at(12_000)), CANCEL, "armed again, and the grace is counted anew");
}

#[test]
fn orders_are_cancelled_once_and_the_session_goes_on_waiting() {
    // HS-91 HS-96
    let mut session = absence(CancelScope::Session, 2_000, 60_000);
    assert_eq!(session.left(Departure::Lost, at(0)), None);
    assert_eq!((session.handle_timeout(at(2_000)), session.handle_timeout(at(2_000))), (CANCEL, None));
    assert_eq!((session.is_waiting(), session.poll_timeout()), (true, Some(at(60_000))));
    assert_eq!((session.handle_timeout(at(60_000)), session.is_waiting()), (Some(Due::GiveUp), false));
    assert_eq!(session.left(Departure::Ended, at(60_000)), None, "not twice");
}

#[test]
fn without_grace_orders_go_at_once() {
    // HS-96
    let mut session = absence(CancelScope::Session, 0, 60_000);
    assert_eq!((session.left(Departure::Lost, at(5)), session.is_waiting()), (CANCEL, true));
    let mut session = absence(CancelScope::Session, 0, 0);
    assert_eq!((session.left(Departure::Lost, at(5)), session.is_waiting()), (CANCEL, false));
}

#[test]
fn orders_outlive_a_session_that_nobody_can_resume_by_their_grace() {
    // HS-91
    let mut session = absence(CancelScope::Session, 2_000, 0);
    assert_eq!((session.left(Departure::Lost, at(0)), session.is_waiting()), (None, true));
    assert_eq!(session.poll_timeout(), Some(at(2_000)));
    assert_eq!((session.handle_timeout(at(2_000)), session.handle_timeout(at(2_000))), (CANCEL, Some(Due::GiveUp)));
}

#[test]
fn a_clean_end_cancels_only_where_the_contract_says_so() {
    // HS-95
    for (on_logout, expected) in [(false, None), (true, CANCEL)] {
        let mut session = Absence::new(policy(CancelScope::Session, 2_000, on_logout), Duration::from_secs(60));
        assert_eq!((session.left(Departure::Logout, at(0)), session.is_waiting()), (expected, false));
    }
}

#[test]
fn whoever_cannot_come_back_has_no_grace() {
    // HS-96
    for how in [Departure::Ended, Departure::Shutdown] {
        let mut session = absence(CancelScope::Session, 2_000, 60_000);
        assert_eq!((session.left(how, at(0)), session.is_waiting()), (CANCEL, false), "{how:?}");
        let mut session = absence(CancelScope::Session, 2_000, 60_000);
        assert_eq!(session.left(Departure::Lost, at(0)), None);
        assert_eq!(session.left(how, at(1)), CANCEL, "{how:?} while away");
        assert_eq!(session.left(how, at(2)), None);
    }
}

#[test]
fn a_policy_of_nothing_cancels_nothing() {
    // HS-95
    for how in [Departure::Logout, Departure::Lost, Departure::Ended, Departure::Shutdown] {
        let mut session = Absence::new(policy(CancelScope::Nothing, 0, true), Duration::from_secs(1));
        assert_eq!((session.left(how, at(0)), session.is_waiting()), (None, how == Departure::Lost));
        assert_eq!(session.handle_timeout(at(1_000)), (how == Departure::Lost).then_some(Due::GiveUp));
    }
}

#[test]
fn another_node_goes_on_with_the_wait() {
    // HS-96
    let policy = policy(CancelScope::Session, 2_000, false);
    let mut session = Absence::restored(policy, Duration::from_secs(60), at(1_000), false);
    assert_eq!((session.away_for(at(1_500)), session.poll_timeout()), (Some(Duration::from_millis(500)), Some(at(3_000))));
    assert_eq!((session.handle_timeout(at(2_999)), session.handle_timeout(at(3_000))), (None, CANCEL));
    assert!(session.has_cancelled());
    let mut session = Absence::restored(policy, Duration::from_secs(60), at(1_000), true);
    assert_eq!((session.handle_timeout(at(9_000)), session.handle_timeout(at(61_000))), (None, Some(Due::GiveUp)));
    session.returned();
    assert_eq!(session.left(Departure::Lost, at(70_000)), None);
    assert_eq!(session.handle_timeout(at(72_000)), CANCEL, "armed again");
}

#[test]
fn the_class_of_the_policy_is_what_is_cancelled() {
    // HS-130
    for class in OrderClass::ALL {
        for grace_ms in [0, 2_000] {
            let policy = CancelPolicy { class, ..policy(CancelScope::Account, grace_ms, false) };
            let mut session = Absence::new(policy, Duration::from_secs(60));
            let at_once = session.left(Departure::Lost, at(0));
            assert_eq!(at_once.or_else(|| session.handle_timeout(at(2_000))), Some(Due::Cancel(CancelScope::Account, class)));
        }
    }
}

#[test]
fn words_of_the_contract_are_read() {
    for scope in [CancelScope::Account, CancelScope::Nothing, CancelScope::Session] {
        assert_eq!(CancelScope::parse(scope.name()), Some(scope));
    }
    assert_eq!(CancelScope::parse("all"), None);
    for class in OrderClass::ALL {
        assert_eq!(OrderClass::parse(class.name()), Some(class));
    }
    assert_eq!(OrderClass::parse("none"), None);
}
