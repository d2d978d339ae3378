//! What a contract means for the machines of a session, and the error frames that go with it.

use std::time::Duration;

use countersign_core::{CorrelationId, Refusal, Reject};
use countersign_handshake::Contract;
use countersign_handshake::contract::{Choice, Quantity};
use countersign_handshake::frame::{self as handshake_frame, ErrorContext};
use countersign_session::{CancelPolicy, CancelScope, Keeping, OrderClass, SessionMachine, Side};

use crate::clock;

/// The machine of a contract.
pub(super) fn machine(contract: &Contract) -> SessionMachine {
    let machine = SessionMachine::new(Side::Server, contract.heartbeat(), contract.life(), clock::now());
    match keeping(contract) {
        Some(keeping) => machine.recoverable(keeping),
        None => machine,
    }
}

/// What is kept for replay, where the flow to the client is recoverable.
pub(super) fn keeping(contract: &Contract) -> Option<Keeping> {
    let messages = usize::try_from(contract.quantity(Quantity::KeepMsgs)).unwrap_or(usize::MAX);
    let time = Duration::from_secs(contract.quantity(Quantity::KeepS));
    (contract.choice(Choice::Rx) == "recoverable").then_some(Keeping { messages, time })
}

/// Cancel on disconnect as the contract has it.
pub(in crate::native) fn cancel_policy(contract: &Contract) -> CancelPolicy {
    CancelPolicy {
        // A word that we did not grant cannot be in a contract of ours.
        scope: CancelScope::parse(contract.choice(Choice::Cod)).unwrap_or(CancelScope::Nothing),
        class: OrderClass::parse(contract.choice(Choice::CodClass)).unwrap_or(OrderClass::All),
        grace: Duration::from_millis(contract.quantity(Quantity::CodGraceMs)),
        on_logout: contract.choice(Choice::CodOnLogout) == "true",
    }
}

/// Whether a session ends with a refusal. One message that could not be remembered or recorded is refused, and the next may pass: whoever
/// loses its session by that cannot cancel over it.
pub(super) fn ends_session(refusal: &Refusal, s: Option<u64>) -> bool {
    let passes_by = s.is_some() && matches!(refusal.reject, Reject::AuditUnavailable | Reject::StoreUnavailable);
    refusal.reject.alert().is_fatal() && !passes_by
}

/// An error frame of an open session: `s` and `re` tell which message it is about.
pub(super) fn error_frame(refusal: &Refusal, correlation: CorrelationId, s: Option<u64>, id: Option<&str>) -> String {
    let mut frame = handshake_frame::error(refusal, correlation, ErrorContext::default());
    if refusal.reject.alert().is_fatal() && !ends_session(refusal, s) {
        frame = frame.replacen(r#""fatal":true"#, r#""fatal":false"#, 1);
    }
    if let Some(end) = frame.strip_suffix("}}").map(str::len) {
        frame.truncate(end);
        if let Some(s) = s {
            frame.push_str(&format!(",\"s\":{s}"));
        }
        if let Some(id) = id {
            frame.push_str(",\"re\":");
            frame.push_str(id);
        }
        frame.push_str("}}");
    }
    frame
}
