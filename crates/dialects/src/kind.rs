//! The kinds of refusal that venues tell apart: fewer than we do.

use countersign_core::{AlertCode, Refusal, Reject};

/// What a client is to make of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The proof is not accepted. Before proof of possession everything that depends on the credential is this, and looks alike.
    Credential,
    /// Known, but not allowed.
    Forbidden,
    /// The message is not what it should be.
    Invalid,
    /// There is no proof where one is needed.
    Missing,
    /// Too much.
    Rate,
    /// Used before.
    Replay,
    /// No such endpoint or operation.
    Route,
    /// Too early or too late by the signed time.
    Time,
    /// Larger than its limit.
    TooLarge,
    /// Ours or the venue's: never the client's fault.
    Unavailable,
}

/// The kind of a refusal.
pub(crate) const fn kind(refusal: &Refusal) -> Kind {
    match refusal.reject.alert() {
        AlertCode::AuthFailed | AlertCode::SessionExpired | AlertCode::SessionUnknown => Kind::Credential,
        AlertCode::AuthLocked | AlertCode::NeedUnmet | AlertCode::ScopeDenied => Kind::Forbidden,
        AlertCode::AuthRequired => Kind::Missing,
        AlertCode::ReplayDetected => Kind::Replay,
        AlertCode::TimeAhead | AlertCode::TimeStale => Kind::Time,
        AlertCode::RateLimited => Kind::Rate,
        AlertCode::RouteUnknown => Kind::Route,
        AlertCode::ProtoSize => Kind::TooLarge,
        AlertCode::AuthzBodyMissing
        | AlertCode::Busy
        | AlertCode::Drain
        | AlertCode::HaltActive
        | AlertCode::Internal
        | AlertCode::UpstreamUnavailable => Kind::Unavailable,
        AlertCode::BindRequired
        | AlertCode::NonceStale
        | AlertCode::ProtoMalformed
        | AlertCode::ProtoOrder
        | AlertCode::ProtoVersion
        | AlertCode::SeqConflict
        | AlertCode::SeqRange
        | AlertCode::SessionReuse
        | AlertCode::SessionTakenOver
        | AlertCode::Unsupported => Kind::Invalid,
    }
}

/// The words for single refusals, where a venue has them: told only after proof of possession, or by configuration.
pub(crate) fn exact<W: Copy>(refusal: &Refusal, table: &[(Reject, W)]) -> Option<W> {
    table.iter().find(|(reject, _)| *reject == refusal.reject).map(|(_, words)| *words)
}
